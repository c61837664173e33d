"""Families: the cell problems for all values of parameters at once, against single solves on the
Fourier backend and closed forms.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import (
    OutputPathError,
    ProblemError,
    UndeclaredSymbolError,
    UnsupportedError,
)

P2 = 2 * sp.pi
P, Q = sp.symbols("p q")
HALF = st.floats(0, 0.5)


def diffusion(s: nh.Scales, a: sp.Expr, **more: Any) -> nh.HomogenizedModel:
    u, box = s.unknown("u"), nh.Box(*((0, 1),) * len(s.x))
    return nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=box,
            boundary=[nh.Dirichlet(0)],
            **more,
        )
    )


@pytest.fixture(scope="module")
def plane() -> nh.HomogenizedModel:
    """a = 2 + p sin(2 pi y1) cos(2 pi y2) + q cos(2 pi y1)."""
    s = nh.Scales(2)
    a = 2 + P * sp.sin(P2 * s.y[0]) * sp.cos(P2 * s.y[1]) + Q * sp.cos(P2 * s.y[0])
    return diffusion(s, a, parameters={P: (0, sp.Rational(1, 2)), Q: (0, sp.Rational(1, 2))})


@pytest.fixture(scope="module")
def family(plane: nh.HomogenizedModel) -> nh.CellFamily:
    return nh.solve_family(plane, tolerance=1e-8)


@pytest.fixture(scope="module")
def line() -> nh.CellFamily:
    """a = 2 + x + q sin(2 pi y), a* = sqrt((2 + x)^2 - q^2): one net over (y, x, q)."""
    s = nh.Scales(1)
    return nh.solve_family(
        diffusion(s, 2 + s.x[0] + Q * sp.sin(P2 * s.y[0]), parameters={Q: (0, 1)}), tolerance=1e-8
    )


def exact(x: Any, q: Any) -> Any:
    return np.sqrt((2 + x) ** 2 - q**2)


@settings(max_examples=8)
@given(p=HALF, q=HALF)
def test_effective_coefficients_at_any_parameters(
    plane: nh.HomogenizedModel, family: nh.CellFamily, p: float, q: float
) -> None:
    truth = nh.solve_cells(plane, parameters={P: p, Q: q})
    assert np.allclose(family.effective["A"](p=p, q=q), truth.effective["A"], rtol=0, atol=1e-8)


def test_cell_functions_and_their_derivatives(
    plane: nh.HomogenizedModel, family: nh.CellFamily
) -> None:
    truth, y = (
        nh.solve_cells(plane, parameters={P: 0.4, Q: 0.1}),
        np.random.default_rng(0).random((30, 2)),
    )
    for mine, other in zip(family.functions, truth.functions, strict=True):
        assert mine.key == other.key
        for index in ((0, 0), (1, 0), (0, 1), (1, 1)):
            assert np.allclose(
                mine.derivative(y, index, p=0.4, q=0.1),
                other.derivative(y, index),
                rtol=0,
                atol=1e-5,
            )


def test_derivatives_by_parameters_are_those_of_difference_quotients(family: nh.CellFamily) -> None:
    y, step = np.random.default_rng(1).random((9, 2)), 1e-4
    for mine, derivative in (
        (family.effective["A"], lambda: family.effective["A"].derivative({P: 1}, p=0.2, q=0.3)),
        (
            lambda **v: family.functions[1](y, **v),
            lambda: family.functions[1].derivative(y, None, {"p": 1}, p=0.2, q=0.3),
        ),
    ):
        quotient = (mine(p=0.2 + step, q=0.3) - mine(p=0.2 - step, q=0.3)) / (2 * step)
        assert np.allclose(derivative(), quotient, rtol=0, atol=1e-7)
        assert np.abs(quotient).max() > 1e-3


def test_arrays_of_parameters_are_broadcast(family: nh.CellFamily) -> None:
    p, y = np.linspace(0, 0.5, 4), np.random.default_rng(2).random((5, 2))
    values, tensors = family.functions[0](y, p=p[:, None], q=0.2), family.effective["A"](p=p, q=0.2)
    assert values.shape == (4, 5)
    assert tensors.shape == (4, 2, 2)
    for k in range(4):
        assert np.allclose(values[k], family.functions[0](y, p=p[k], q=0.2), rtol=0, atol=1e-14)
        assert np.allclose(tensors[k], family.effective["A"](p=p[k], q=0.2), rtol=0, atol=1e-14)


def test_one_member_is_a_cell_solution(
    plane: nh.HomogenizedModel, family: nh.CellFamily, tmp_path: Path
) -> None:
    member, y = family.at(p=0.3, q=0.2), np.random.default_rng(3).random((7, 2))
    assert np.allclose(
        member.effective["A"], family.effective["A"](p=0.3, q=0.2), rtol=0, atol=1e-15
    )
    again = nh.load(member.save(tmp_path / "member.npz"))
    for mine, other, both in zip(member.functions, again.functions, family.functions, strict=True):
        assert np.allclose(mine(y), other(y), rtol=0, atol=1e-14)
        assert np.allclose(mine(y), both(y, p=0.3, q=0.2), rtol=0, atol=1e-14)
    fem = nh.solve_homogenized(plane, member, "skfem", parameters={P: 0.3, Q: 0.2}, mesh=(8, 8))
    assert np.isfinite(nh.reconstruct(fem, member, 1 / 8)(y)).all()


def test_a_net_over_x_and_a_parameter(line: nh.CellFamily) -> None:
    x, q = np.random.default_rng(4).random((2, 40))
    assert np.allclose(
        line.effective["A"](x[:, None], q=q)[:, 0, 0], exact(x, q), rtol=0, atol=1e-8
    )
    slope = line.effective["A"].derivative({Q: 1, "x1": 1}, x[:, None], q=q)[:, 0, 0]
    assert np.allclose(slope, q * (2 + x) / exact(x, q) ** 3, rtol=0, atol=1e-5)
    member = line.at(q=0.7)
    assert np.allclose(member.effective["A"](x[:, None])[:, 0, 0], exact(x, 0.7), rtol=0, atol=1e-8)
    # N' = a*/a - 1
    y = np.random.default_rng(5).random(40)
    mine = line.functions[0].derivative(y[:, None], (1,), x=x[:, None], q=q)
    assert np.allclose(
        mine, exact(x, q) / (2 + x + q * np.sin(2 * np.pi * y)) - 1, rtol=0, atol=1e-5
    )
    whole = line.functions[0].derivative(y[:, None], (1,), x=x[:, None], q=0.7)
    assert np.allclose(
        member.functions[0].derivative(y[:, None], (1,), x[:, None]), whole, rtol=0, atol=1e-7
    )


def test_other_backends_give_families_too(
    plane: nh.HomogenizedModel, family: nh.CellFamily, tmp_path: Path
) -> None:
    other, y = (
        nh.solve_family(plane, "fourier", over=[Q], parameters={P: 0.25}, tolerance=1e-8),
        np.random.default_rng(6).random((7, 2)),
    )
    assert np.allclose(
        other.effective["A"](q=0.1), family.effective["A"](p=0.25, q=0.1), rtol=0, atol=1e-8
    )
    member = nh.load(other.at(q=0.1).save(tmp_path / "member.npz"))
    assert np.allclose(
        member.functions[0](y), family.functions[0](y, p=0.25, q=0.1), rtol=0, atol=1e-6
    )
    with pytest.raises(UnsupportedError, match="only nets can be exported"):
        other.export(tmp_path / "cells.pt2")


def test_a_saved_family_is_the_family(family: nh.CellFamily, tmp_path: Path) -> None:
    path, y = family.save(tmp_path / "family.npz"), np.random.default_rng(7).random((7, 2))
    again = nh.load_family(path)
    assert np.allclose(
        again.functions[0](y, p=0.1, q=0.2),
        family.functions[0](y, p=0.1, q=0.2),
        rtol=0,
        atol=1e-14,
    )
    assert np.allclose(
        again.effective["A"](p=0.1, q=0.2), family.effective["A"](p=0.1, q=0.2), rtol=0, atol=1e-14
    )
    assert str(again) == str(family)
    with pytest.raises(ProblemError, match="load_family"):
        nh.load(path)
    with pytest.raises(ProblemError, match=r"load\(path\)"):
        nh.load_family(family.at(p=0.1, q=0.2).save(tmp_path / "cells.npz"))


@pytest.mark.parametrize(("given", "message"), [
    ({"p": 0.6, "q": 0.1}, r"leaves its range \(0, 0.5\)"), ({"p": float("nan"), "q": 0.1}, "leaves its range"),
    ({"p": 0.1}, "depends on q"), ({"p": 0.1, "q": 0.1, "r": 1}, "no parameter of this name"),
    ({"p": "a", "q": 0.1}, "not an array of real numbers"), ({"p": np.zeros(2), "q": np.zeros(3)}, "do not broadcast"),
])  # fmt: skip
def test_parameters_are_checked(
    family: nh.CellFamily, given: dict[str, float], message: str
) -> None:
    for ask in (
        lambda: family.effective["A"](**given),
        lambda: family.functions[0]([[0.1, 0.2]], **given),
        lambda: family.at(**given),
    ):
        with pytest.raises(ProblemError, match=message):
            ask()


def test_what_a_family_is_over_is_checked(plane: nh.HomogenizedModel) -> None:
    with pytest.raises(UndeclaredSymbolError, match="declares no parameter"):
        nh.solve_family(plane, over=[sp.Symbol("r")])
    with pytest.raises(ProblemError, match="no parameters"):
        nh.solve_family(plane, over=[])
    with pytest.raises(UndeclaredSymbolError, match="q has no value"):
        nh.solve_family(plane, over=[P])
    with pytest.raises(ProblemError, match="is not a list"):
        nh.solve_family(plane, over=P)
    with pytest.raises(ProblemError, match="free and have a value"):
        nh.solve_family(plane, over=[P], parameters={P: 0.1, Q: 0.1})
    symbols, s = sp.symbols("a0:5"), nh.Scales(1)
    many = diffusion(
        s,
        9 + sum(c * sp.cos(P2 * k * s.y[0]) for k, c in enumerate(symbols, 1)),
        parameters=dict.fromkeys(symbols, (0, 1)),
    )
    with pytest.raises(UnsupportedError, match="5 slow variables"):
        nh.solve_family(many, "fourier")


def test_orders_of_derivatives_are_checked(family: nh.CellFamily) -> None:
    for orders in ({"p": -1}, {"p": 0.5}, (1, 0)):
        with pytest.raises(ProblemError, match="whole numbers"):
            family.effective["A"].derivative(orders, p=0.1, q=0.1)
    with pytest.raises(ProblemError, match="multi-index"):
        family.functions[0].derivative([[0.1, 0.2]], (-1, 0), p=0.1, q=0.1)
    with pytest.raises(ProblemError, match="one value of every parameter"):
        family.at(p=[0.1, 0.2], q=0.1)


def test_parameters_that_the_cells_do_not_need_and_scalar_coefficients() -> None:
    """a = 2 + sin(2 pi y), r = xi cos^2(2 pi y), f = index: A = sqrt 3, c = xi/2; names that
    arguments have, or that begin as coordinates do.
    """
    s, (xi, index) = nh.Scales(1), sp.symbols("xi index")
    u, ranges = s.unknown("u"), dict.fromkeys((xi, index), (0, 1))
    lhs = -s.div((2 + sp.sin(P2 * s.y[0])) * s.grad(u)) + xi * sp.cos(P2 * s.y[0]) ** 2 * u
    model = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(lhs, index),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
            parameters=ranges,
        )
    )
    whole = nh.solve_family(model, "fourier")
    assert whole.effective["A"](xi=0.2)[0, 0] == pytest.approx(np.sqrt(3), abs=1e-9)
    assert np.allclose(whole.effective["c"](xi=[0.2, 0.6]), [0.1, 0.3], rtol=0, atol=1e-12)
    assert whole.effective["c"](xi=0.2).shape == ()
    assert np.allclose(
        whole.functions[0].derivative([[0.3]], (1,), index=0.4, xi=0.1),
        np.sqrt(3) / (2 + np.sin(0.6 * np.pi)) - 1,
        rtol=0,
        atol=1e-7,
    )
    member = whole.at(xi=0.2, index=0.7)
    assert member.effective["c"] == pytest.approx(0.1)
    assert (
        nh.solve_homogenized(model, member, "skfem", parameters={xi: 0.2, index: 0.9})([[0.5]]) > 0
    )


def test_cells_of_other_parameters_are_refused(line: nh.CellFamily, tmp_path: Path) -> None:
    s = nh.Scales(1)
    model, member = (
        diffusion(s, 2 + s.x[0] + Q * sp.sin(P2 * s.y[0]), parameters={Q: (0, 1)}),
        line.at(q=0.5),
    )
    for cells in (member, nh.load(member.save(tmp_path / "member.npz"))):
        assert nh.solve_homogenized(model, cells, "skfem", parameters={Q: 0.5})([[0.5]]) > 0
        with pytest.raises(ProblemError, match="solved for another q"):
            nh.solve_homogenized(model, cells, "skfem", parameters={Q: 0.6})


def run_here(path: Path, points: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What the exported program gives, and its metadata."""
    extra = {"cells.json": ""}
    program = torch.export.load(path, extra_files=extra).module()
    return {
        name: value.numpy() for name, value in program(torch.tensor(points)).items()
    }, json.loads(extra["cells.json"])


_ALONE = """
import json, sys
import torch
extra = {"cells.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra).module()
points = torch.load(sys.argv[2])
torch.save({name: value for name, value in program(points).items()}, sys.argv[3])
assert "nhpinn_sym" not in sys.modules
print(extra["cells.json"])
"""


def run_alone(
    path: Path, points: np.ndarray, folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What the exported program gives in a process that does not know the package, and its
    metadata.
    """
    torch.save(torch.tensor(points), folder / "points.pt")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _ALONE,
            str(path),
            str(folder / "points.pt"),
            str(folder / "out.pt"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return {
        name: value.numpy() for name, value in torch.load(folder / "out.pt").items()
    }, json.loads(done.stdout)


def test_an_exported_family_equals_the_original(family: nh.CellFamily, tmp_path: Path) -> None:
    """In a process that does not know the package; the other programs are run in this one."""
    points = np.random.default_rng(8).random((33, 4)) * [1, 1, 0.5, 0.5]
    out, metadata = run_alone(family.export(tmp_path / "cells.pt2"), points, tmp_path)
    y, given = points[:, :2], {"p": points[:, 2], "q": points[:, 3]}
    assert metadata["columns"] == ["y1", "y2", "p", "q"]
    assert metadata["ranges"]["q"] == [0, 0.5]
    assert metadata["difference"] < 1e-11
    assert metadata["estimate"] == family.info["estimate"]
    assert np.allclose(out["A"], family.effective["A"](**given), rtol=0, atol=1e-13)
    for k, f in enumerate(family.functions):
        assert np.allclose(out["values"][:, k, 0], f(y, **given), rtol=0, atol=1e-12)
        for column, (index, orders) in enumerate(
            [((1, 0), {}), ((0, 1), {}), ((0, 0), {P: 1}), ((0, 0), {Q: 1})]
        ):
            assert np.allclose(
                out["derivatives"][:, k, 0, column],
                f.derivative(y, index, orders, **given),
                rtol=0,
                atol=1e-11,
            )


def test_exported_nets_over_slow_variables_and_without(
    line: nh.CellFamily, plane: nh.HomogenizedModel, tmp_path: Path
) -> None:
    points = np.random.default_rng(9).random((5, 3))
    member = line.at(q=0.5)
    out, metadata = run_here(member.export(tmp_path / "member.pt2"), points[:, :2])
    assert metadata["columns"] == ["y1", "x1"]
    assert np.allclose(
        out["derivatives"][:, 0, 0, 1],
        member.functions[0].derivative(points[:, :1], (0,), points[:, 1:2], (1,)),
        rtol=0,
        atol=1e-12,
    )
    single = nh.solve_cells(
        plane,
        "pinn",
        parameters={P: 0.2, Q: 0.1},
        method="lm",
        width=6,
        depth=2,
        iterations=5,
        tolerance=1.0,
    )
    out, _ = run_here(
        nh.load(single.save(tmp_path / "c.npz")).export(tmp_path / "single.pt2"), points[:1, :2]
    )
    assert np.allclose(
        out["values"][:, :, 0].T, [f(points[:1, :2]) for f in single.functions], rtol=0, atol=1e-13
    )
    with pytest.raises(OutputPathError, match=r"\.pt2"):
        single.export(tmp_path / "cells.onnx")
