"""validate on a small problem: report, files, resumption, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import OutputPathError, SolveError, UnknownBackendError
from nhpinn_sym.validate import expanded_solution
from nhpinn_sym.validate.boundary_value_run import BoundaryValueRun
from nhpinn_sym.validate.quadrature import plot_points, resolving
from nhpinn_sym.validate.report import Verdict
from nhpinn_sym.validate.settings import Settings
from nhpinn_sym.validate.stored_parts import Store

EXAMPLE = Path(__file__).parents[2] / "examples" / "elliptic_1d.py"


def small_problem() -> nh.MultiscaleProblem:
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        paper={0.25: {"e1": 0.5}},
    )


def test_report_against_the_closed_form(tmp_path: Path) -> None:
    """u_eps solves a(x/eps) u' = c - x with c from u(1) = 0; u0 = x (1 - x) / (2 sqrt 3)."""
    report = nh.validate(small_problem(), eps=sp.Rational(1, 4), out=tmp_path / "run", fem="skfem")
    x = np.linspace(0, 1, 400001)
    inverse = 1 / (2 + np.sin(8 * np.pi * x))
    step = np.diff(x)

    def integral(values: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * step)])

    c = integral(x * inverse)[-1] / integral(inverse)[-1]
    fine = integral((c - x) * inverse)
    expected = np.linalg.norm(x * (1 - x) / (2 * np.sqrt(3)) - fine) / np.linalg.norm(fine)
    assert report.errors["e4"] == pytest.approx(expected, rel=1e-4)
    assert report.errors["e1"] == pytest.approx(expected, rel=1e-4)
    assert report.first_order["L2 with layers"] < report.first_order["L2"]
    assert "boundary layers theta" in str(report)
    assert report.paper == {"e1": 0.5}
    assert report.verdict is Verdict.AGREEMENT
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    assert written["errors"]["e1"] == report.errors["e1"]
    for name in (
        "report.html",
        "report.txt",
        "derivation.tex",
        "coefficient.png",
        "cell_functions.png",
        "solutions.png",
        "error.png",
        "error.svg",
        "homogenization_rate.png",
        "emitted/torch/cell_residual.py",
        "emitted/skfem/cell_forms.py",
        "emitted/numpy/cell_fourier.py",
    ):
        assert (tmp_path / "run" / name).stat().st_size > 0
    assert not list((tmp_path / "run").rglob("*.part"))
    for word in ("e1", "random-features", "skfem", "homogenization"):
        assert word in str(report)


def test_layers_that_no_solver_gets_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of data that jump at a corner of a rectangle: their own data are unbounded there."""

    def fails(*_: object) -> None:
        raise SolveError("a residual of nan", term="theta", remedy="another mesh")

    monkeypatch.setattr(expanded_solution, "layered", fails)
    report = nh.validate(small_problem(), eps=sp.Rational(1, 4), fem="skfem")
    assert set(report.first_order) == {"L2", "H1"}
    assert report.verdict is Verdict.AGREEMENT


def test_a_second_run_takes_the_parts_of_the_first(tmp_path: Path) -> None:
    first = nh.validate(small_problem(), eps=0.25, out=tmp_path, fem="skfem")
    again = nh.validate(small_problem(), eps=0.25, out=tmp_path, fem="skfem")
    other = nh.validate(small_problem(), eps=0.5, out=tmp_path, fem="skfem")
    assert not first.info["resumed"] and not other.info["resumed"]
    assert set(again.info["resumed"]) == {
        "cells_pinn",
        "cells_skfem",
        "cells_fourier",
        "u_eps",
        "u_larger_0",
        "p",
        "p_layers",
        "w",
        "v",
        "u0",
    }
    assert again.errors == pytest.approx(first.errors, rel=1e-9)


def _heed_interrupts() -> None:
    """A shell's background job ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_run_leaves_no_broken_file_and_resumes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "nhpinn_sym.cli.main",
        "validate",
        str(EXAMPLE),
        "--eps",
        "1/8",
        "-o",
        str(tmp_path / "out"),
        "--fem",
        "skfem",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )
    deadline = time.monotonic() + 300
    while (
        not list((tmp_path / "out").rglob("*.npz"))
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    # Where the interrupt passes through an exec of text (SymPy, dataclasses), Python ends itself by
    # the signal after all; a shell calls both 130.
    assert process.returncode in (130, -signal.SIGINT), said
    assert "interrupted: finished parts are kept" in said
    kept = list((tmp_path / "out").rglob("*.npz"))
    assert kept
    for path in kept:
        with np.load(path) as file:
            assert file.files
    assert (
        not list((tmp_path / "out").rglob("*.part"))
        and not (tmp_path / "out" / "results.json").exists()
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "taken from an earlier run" in done.stderr


def test_a_broken_part_is_computed_again(tmp_path: Path) -> None:
    store = Store(tmp_path, "key")
    assert store.arrays("p", lambda: {"v": np.ones(2)})["v"].tolist() == [1, 1]
    path = next((tmp_path / "parts").glob("p_*.npz"))
    path.write_bytes(path.read_bytes()[:20])
    for again in (np.zeros(2), np.ones(2)):  # by other runs: what one has found it keeps
        later = Store(tmp_path, "key")
        assert later.arrays("p", lambda v=again: {"v": v})["v"].tolist() == [0, 0]


@pytest.mark.parametrize("below", ["", "sub/folder"])
def test_output_path_that_is_a_file_or_below_one(tmp_path: Path, below: str) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    with pytest.raises(OutputPathError, match="taken"):
        nh.validate(small_problem(), eps=0.25, out=file / below if below else file, fem="skfem")
    assert file.read_text() == "mine"
    assert os.listdir(tmp_path) == ["taken"]


def test_bad_input_writes_nothing(tmp_path: Path) -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.laplacian(u) ** 2, 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.ProblemError, match="u"):
        nh.validate(problem, eps=0.25, out=tmp_path / "run", fem="skfem")
    assert not (tmp_path / "run").exists()


def test_refusals() -> None:
    with pytest.raises(UnknownBackendError, match="fenics"):
        nh.validate(small_problem(), eps=0.25, fem="fenics")
    with pytest.raises(nh.ProblemError, match="positive"):
        nh.validate(small_problem(), eps=0)
    with pytest.raises(nh.ProblemError, match="eps"):
        nh.validate(small_problem(), eps="small")


def test_quadrature_integrates_what_oscillates() -> None:
    quadrature = resolving(nh.Box((0, sp.pi), (0, 1)), (8.0, 8.0))
    x, y = quadrature.points.T
    assert quadrature.weights.sum() == pytest.approx(np.pi, rel=1e-13)
    assert quadrature.norm(np.sin(16 * x) * np.cos(16 * np.pi * y)) == pytest.approx(
        np.sqrt(np.pi) / 2, rel=1e-6
    )
    points, shape = plot_points(nh.Box(*[(0, 1)] * 3))
    assert points.shape == (np.prod(shape), 3) and np.all(points[:, 2] == 0.5)


def test_a_solution_that_is_zero_has_no_relative_error(tmp_path: Path) -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(SolveError, match="is zero") as caught:
        nh.validate(problem, eps=sp.Rational(1, 4), out=tmp_path, fem="skfem")
    assert "source" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("domain", "per_period", "asked"),
    [
        (nh.Disk((0, 0), 1), None, [0.0125]),  # a tenth of the homogenization error
        (nh.Disk((0, 0), 1), 4, []),
        (nh.Box((0, 1), (0, 1)), None, []),
    ],
)
def test_a_reference_in_a_region_is_refined_until_it_judges(
    domain: object, per_period: int | None, asked: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    flux = (2 + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(flux), 1), scales=s, unknown=u, domain=domain, boundary=[nh.Dirichlet(0)]
    )
    settings = Settings.read(problem, "skfem", None, per_period, None, None, None)
    run = BoundaryValueRun(problem, sp.Rational(1, 2), None, settings)
    tolerances: list[float] = []
    monkeypatch.setattr(run, "_fine", lambda *_, tolerance: tolerances.append(tolerance))
    monkeypatch.setattr(type(run.parts), "get", lambda _, name, solve, **__: solve())
    ones = np.ones(len(run.parts.quadrature.points))
    run._resolved({"values": 8 * ones, "estimate": np.array(0.05)}, {"values": 9 * ones})
    assert tolerances == pytest.approx(asked)
    tolerances.clear()
    run._resolved({"values": 8 * ones, "estimate": np.array(0.02)}, {"values": 9 * ones})
    assert not tolerances
