"""Studies: rates against theory, files, resumption, work side by side, and what is refused."""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.cli.main import main
from nhpinn_sym.validate import study as study_module
from nhpinn_sym.validate.study_orders import eps_orders
from nhpinn_sym.validate.study_points import StudyPoint
from nhpinn_sym.validate.study_result import Study

EXAMPLES = Path(__file__).parents[2] / "examples"
H = (sp.Rational(1, 8), sp.Rational(1, 16), sp.Rational(1, 32))


def diffusion(dim: int = 1, *boundary: Any, reaction: bool = False) -> nh.MultiscaleProblem:
    """-div((2 + sin/2) grad u) = f on a unit box; with `reaction` -u'' + cos(2 pi y)/eps u = f."""
    s = nh.Scales(dim)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) / 2
    left = -s.div(a * s.grad(u))
    if reaction:
        left = -s.laplacian(u) + sp.cos(2 * sp.pi * s.y[0]) / s.eps * u
    source = sp.prod(sp.sin(2 * sp.pi * x) for x in s.x)
    return nh.MultiscaleProblem(
        sp.Eq(left, source),
        scales=s,
        unknown=u,
        domain=nh.Box(*[(0, 1)] * dim),
        boundary=list(boundary) or [nh.Dirichlet(0)],
    )


def exact_e4(eps: float) -> float:
    """||u0 - u_eps|| / ||u_eps|| for `diffusion()`: a u' = c + cos(2 pi x)/(2 pi)."""
    x = np.linspace(0, 1, 200001)
    flux = np.cos(2 * np.pi * x) / (2 * np.pi)
    inverse = 1 / (2 + np.sin(2 * np.pi * x / eps) / 2)

    def integral(values: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(values[1:] + values[:-1]) / 2 * (x[1] - x[0])])

    c = -integral(flux * inverse)[-1] / integral(inverse)[-1]
    fine = integral((c + flux) * inverse)
    mean = np.sin(2 * np.pi * x) / (4 * np.pi**2 * np.sqrt(3.75))
    return float(np.linalg.norm(mean - fine) / np.linalg.norm(fine))


def test_rates_in_eps_are_those_of_theory(tmp_path: Path) -> None:
    eps = (0.25, 0.125)
    found = nh.study(
        diffusion(),
        eps=eps,
        out=tmp_path,
        fem="skfem",
        pinn={"features": 40},
    )
    assert found.errors["e4"] == pytest.approx([exact_e4(value) for value in eps], rel=1e-3)
    for name, order in {"e1": 1, "e4": 1, "first order, H1": 1}.items():
        assert found.expected[name] == order
        assert found.rates[name] == pytest.approx(order, abs=0.1)
    assert found.labels == ("1/4", "1/8") and found.notes == ("AGREEMENT", "AGREEMENT")
    assert found.agrees


def test_rates_in_h_files_and_resumption(tmp_path: Path) -> None:
    found = nh.study(diffusion(), h=H, out=tmp_path, fem="skfem")
    expected = {"A*": 4, "N, L2": 3, "N, H1": 2, "u0, L2": 3, "u0, H1": 2}
    assert dict(found.expected) == expected
    assert found.rates == {name: pytest.approx(rate, abs=0.2) for name, rate in expected.items()}
    record = json.loads((tmp_path / "study.json").read_text())
    assert record["rates"]["A*"] == pytest.approx(found.rates["A*"])
    rows = list(csv.DictReader((tmp_path / "study.csv").open()))
    assert [float(row["A*"]) for row in rows] == list(found.errors["A*"])
    for name in ("study.png", "study.svg", "study.txt"):
        assert (tmp_path / name).stat().st_size > 0
    assert not list(tmp_path.rglob("*.part"))
    again = nh.study(diffusion(), h=H[::-1], out=tmp_path, fem="skfem")
    assert len(again.info["resumed"]) == 3 and again.errors == found.errors


def test_points_on_processes_and_threads() -> None:
    here = nh.study(diffusion(), h=H[:2], fem="skfem")
    spawn = multiprocessing.get_context("spawn")
    for pool in (ProcessPoolExecutor(1, mp_context=spawn), ThreadPoolExecutor(1)):
        with pool:
            found = nh.study(diffusion(), h=H[:2], fem="skfem", executor=pool)
        for name, errors in here.errors.items():
            assert found.errors[name] == pytest.approx(errors, rel=1e-6)


def test_what_is_done_stays_where_a_point_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def work(problem: object, settings: object, eps: sp.Expr, shared: object) -> StudyPoint:
        asked.append(float(eps))
        if len(asked) == 2:
            raise nh.SolveError("out of luck")
        return StudyPoint({"e1": float(eps)}, {}, 0.0)

    monkeypatch.setattr(study_module, "eps_point", work)
    monkeypatch.setattr(study_module, "eps_reference", lambda problem, settings: None)
    eps = [1 / 4, 1 / 8, 1 / 16]
    with pytest.raises(nh.SolveError, match="luck"):
        nh.study(diffusion(), eps=eps, out=tmp_path)
    found = nh.study(diffusion(), eps=eps, out=tmp_path)
    assert asked == [1 / 4, 1 / 8, 1 / 8, 1 / 16]
    assert found.rates["e1"] == pytest.approx(1)
    with ThreadPoolExecutor(1) as pool:
        asked.clear()
        with pytest.raises(nh.SolveError, match="luck"):
            nh.study(diffusion(), eps=[1 / 3, *eps, 1 / 5], out=tmp_path, executor=pool)
        nh.study(diffusion(), eps=[1 / 3, *eps, 1 / 5], out=tmp_path, executor=pool)
    assert asked == [1 / 3, 1 / 5, 1 / 5]


def test_nets_fall_below_the_floor_of_the_reference() -> None:
    found = nh.study(diffusion(), features=[10, 40], fem="skfem")
    assert found.errors["N, L2"][0] > 1e3 * found.errors["N, L2"][1]
    assert math.isnan(found.rates["u0, H1"]) and found.agrees and not found.expected


def test_orders_by_theory() -> None:
    layer = eps_orders(diffusion(2))
    assert (layer["first order, L2"], layer["first order, H1"]) == ((1, 1.5), (0.5, 1))
    for free in (diffusion(2, nh.Periodic()), diffusion(reaction=True)):
        orders = eps_orders(free)
        found = [orders[name].least for name in ("e4", "first order, L2", "first order, H1")]
        assert found == [1, 2, 1]
    held = eps_orders(diffusion(1, nh.Dirichlet(1), reaction=True))
    assert held["first order, L2"] == (1, 1)
    assert held["first order, L2 with layers"] == (2, 2)
    assert layer["second order, L2 with layers"] == (2, 3)


def test_a_reaction_that_is_not_odd_has_a_mean_of_the_next_order() -> None:
    """cos + cos of twice the frequency: the third order of their perturbation does not vanish."""
    s = nh.Scales(1)
    u = s.unknown("u")
    r = sp.cos(2 * sp.pi * s.y[0])
    for more, order in ((0, 2), (sp.cos(4 * sp.pi * s.y[0]), 1)):
        problem = nh.MultiscaleProblem(
            sp.Eq(-s.laplacian(u) + (r + more) * u / s.eps, 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(1)],
        )
        assert eps_orders(problem)["first order, L2 with layers"].least == order


@pytest.mark.parametrize("jumps", [False, True])
def test_with_layers_the_second_order_is_reached(jumps: bool) -> None:
    """-(a(x/eps) u')' = cos x in 1D with u = x at both ends, the ends within a period."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    if jumps:
        a = sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (3, True))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.cos(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(s.x[0])],
    )
    few = {"equation": {"features": 60}}
    found = nh.study(problem, eps=[0.231, 0.121], fem="skfem", per_period=256, pinn=few)
    expected = {"first order, L2 with layers": 2, "first order, H1 with layers": 1}
    expected |= {"second order, L2 with layers": 3, "second order, H1 with layers": 2}
    for name, order in expected.items():
        assert found.expected[name] == found.at_most[name] == order
        assert found.rates[name] == pytest.approx(order, abs=0.35), name


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "one of eps="),
        ({"eps": [0.5, 0.25], "h": [0.5, 0.25]}, "one of eps="),
        ({"eps": [0.5]}, "2 values"),
        ({"eps": 0.5}, "not a list"),
        ({"eps": [0.5, 0.5]}, "twice"),
        ({"eps": [0.5, -1]}, "positive"),
        ({"h": [0.5, 0.3]}, "number of mesh cells"),
        ({"h": [0.5, 0.25], "tolerance": 1e-3}, "no effect"),
        ({"features": [10, 0.5]}, "integer"),
        ({"h": [0.5, 0.25], "executor": "processes"}, "no executor"),
    ],
)
def test_what_is_no_study(given: dict[str, Any], words: str) -> None:
    with pytest.raises(nh.ProblemError, match=words):
        nh.study(diffusion(), fem="skfem", **given)


def test_a_problem_without_eps() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    plain = nh.MultiscaleProblem(
        sp.Eq(-s.div(s.grad(u)), sp.exp(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.ProblemError, match="no eps"):
        nh.study(plain, eps=[0.5, 0.25])
    found = nh.study(plain, h=H, fem="skfem")
    assert found.rates["u, L2"] == pytest.approx(found.expected["u, L2"], abs=0.1)


def test_a_rate_below_the_expected_one() -> None:
    errors = {"e4": (1.0, 0.6), "e1": (1.0, 1e-9)}
    floors = {"e4": (0.0, 0.0), "e1": (0.0, 1e-9)}
    notes = ("", "")
    found = Study(
        "t", "eps", ("1/4", "1/8"), (0.25, 0.125), errors, floors, {"e4": 1}, notes, (0, 0), {}
    )
    assert found.rates["e4"] == pytest.approx(math.log2(1 / 0.6)) and not found.agrees
    late = replace(
        found,
        labels=("1/4", "1/8", "1/16"),
        values=(0.25, 0.125, 0.0625),
        errors={"e4": (1.0, 0.8, 0.42)},
        floors={"e4": (0.0,) * 3},
    )
    assert late.rates["e4"] < 0.7 and late.agrees and found.below == ("e4",)
    assert late.last_rates["e4"] == pytest.approx(math.log2(0.8 / 0.42)) and "0.93" in str(late)
    assert math.isnan(found.rates["e1"]) and "0.74" in str(found)
    assert "<td>e4</td>" in found._repr_html_() and "0.74" in found._repr_html_()
    points, line = found.plot().figure.axes[0].lines[:2]
    assert points.get_ydata().tolist() == [1.0, 0.6] and line.get_ydata()[1] < line.get_ydata()[0]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["study", str(EXAMPLES / "elliptic_1d.py"), "--fem", "skfem", "-o", str(tmp_path)]
    assert main([*command, "--h", "1/8,1/16", "--json", "-q"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["labels"] == ["1/8", "1/16"] and captured.err == ""
    assert main([*command, "--h", "1/8,1/16"]) == 0
    captured = capsys.readouterr()
    assert "expected" in captured.out and "h_1_8, h_1_16" in captured.err
    cut = re.findall(r"\d…", captured.out)
    assert not cut and "1/16" in captured.out
    assert main([*command, "--h", "1/4,eight"]) == 1
    assert "takes a number" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--h", "1/4", "--eps", "1/4"])
