"""solve_cells and CellSolution: effective coefficients as users get them, functions of (y; x), and
the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import (
    OutputPathError,
    ProblemError,
    UndeclaredSymbolError,
    UnsupportedError,
)
from tests.symbolic import C, S, derived, diffusion, solved

UNIT = {"domain": nh.Box((0, 1)), "boundary": [nh.Dirichlet(0)]}


@pytest.fixture(scope="module")
def local() -> nh.CellSolution:
    """a = 2 + x + sin(2 pi y)/2: a*(x) = sqrt((2 + x)^2 - 1/4); c and f closed, rho integrated."""

    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        (x,), (y,) = s.x, s.y
        return sp.Eq(
            (3 + x * C(y) ** 2) * s.dt(u) - s.div((2 + x + S(y) / 2) * s.grad(u)) + x * u, 1
        )

    return nh.solve_cells(derived(build, time=True, initial=[nh.Initial(0)], final_time=1, **UNIT))


def test_effective_coefficients_have_the_contracts_shapes() -> None:
    cells = nh.solve_cells(
        derived(
            lambda s, u: sp.Eq(s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)) + 5 * u, 7),
            2,
            time=True,
        )
    )
    effective = cells.effective
    assert {name: np.shape(effective[name]) for name in ("A", "b", "c", "rho", "f")} == {
        "A": (2, 2),
        "b": (2,),
        "c": (),
        "rho": (),
        "f": (),
    }
    assert (float(effective["c"]), float(effective["rho"]), float(effective["f"])) == (5, 1, 7)
    assert np.array_equal(effective["h"][2], -effective["A"])
    assert "2 cell functions" not in str(cells)
    assert "1 cell functions by fourier" in str(cells)


def test_what_depends_on_x_is_a_function_of_points(local: nh.CellSolution) -> None:
    x = np.linspace(0, 1, 13)[:, None]
    a = np.sqrt((2 + x[:, 0]) ** 2 - 0.25)
    assert np.allclose(local.effective["A"](x)[:, 0, 0], a, atol=1e-10)
    assert np.allclose(
        local.effective["A"].derivative(x, (1,))[:, 0, 0], (2 + x[:, 0]) / a, atol=1e-8
    )
    assert np.allclose(local.effective["rho"](x), 3 + x[:, 0] / 2, atol=1e-12)
    assert np.allclose(local.effective["c"](x), x[:, 0])
    assert float(local.effective["f"]) == 1
    assert local.info["slow_nodes"] > 1


def test_cell_functions_of_y_and_x(local: nh.CellSolution) -> None:
    """d_y N = a*(x)/a(x, y) - 1, and d_x of it."""
    (n,) = local.functions
    y, x = np.linspace(0, 1, 21), 0.3
    a, star = 2 + x + np.sin(2 * np.pi * y) / 2, np.sqrt((2 + x) ** 2 - 0.25)
    assert n.local
    assert np.allclose(n.derivative(y, (1,), x=[x]), star / a - 1, atol=1e-9)
    assert np.allclose(
        n.derivative(y, (1,), x=[x], slow=(1,)), ((2 + x) / star * a - star) / a**2, atol=1e-6
    )
    with pytest.raises(ProblemError, match=r"depends on x too"):
        n(y)


@pytest.mark.parametrize("which", ["local", "periodic", "no cell problems"])
def test_saved_and_loaded_cells_are_the_same(
    which: str, local: nh.CellSolution, tmp_path: Path
) -> None:
    cells = {
        "local": lambda: local,
        "periodic": lambda: nh.solve_cells(
            derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2)
        ),
        "no cell problems": lambda: nh.solve_cells(
            derived(diffusion(lambda s: 3, S(nh.Scales(1).x[0])))
        ),
    }[which]()
    again = nh.load(cells.save(tmp_path / "deep" / "cells.npz"))
    assert (again.backend, again.forms, again.slow, again.order) == (
        cells.backend,
        cells.forms,
        cells.slow,
        cells.order,
    )
    x = (
        np.linspace(0, 1, 5)[:, None]
        if cells.dim == 1
        else np.random.default_rng(1).uniform(0, 1, (5, 2))
    )
    for name, value in cells.effective.items():
        if name != "h":
            found, expected = (v(x) if callable(v) else v for v in (again.effective[name], value))
            assert np.allclose(found, expected, rtol=1e-14, atol=1e-14)
    for before, after in zip(cells.functions, again.functions, strict=True):
        assert np.allclose(before(x, x=x), after(x, x=x), rtol=0, atol=1e-14)
    assert again.info["method"] == cells.info["method"]


def test_what_cannot_be_saved_or_loaded(local: nh.CellSolution, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(ProblemError, match=r"cells\.save"):
        nh.load(tmp_path / "file")
    with pytest.raises(ProblemError, match=r"cells\.save"):
        nh.load(tmp_path / "nowhere.npz")
    with pytest.raises(OutputPathError):
        local.save(tmp_path / "file" / "cells.npz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_a_parameter_needs_its_number() -> None:
    q = sp.Symbol("q")
    model = derived(diffusion(lambda s: q + S(s.y[0])), parameters={q: (2, 3)})
    with pytest.raises(UndeclaredSymbolError, match=r"parameters=\{q: number\}"):
        nh.solve_cells(model)
    assert nh.solve_cells(model, parameters={q: 2}).effective["A"][0, 0] == pytest.approx(
        np.sqrt(3)
    )


def test_coefficients_of_x_need_a_domain() -> None:
    with pytest.raises(ProblemError, match="no domain"):
        nh.solve_cells(derived(diffusion(lambda s: 2 + s.x[0] + S(s.y[0]))))


def test_coefficients_without_a_formula_have_no_numbers() -> None:
    with pytest.raises(UnsupportedError, match="without a formula"):
        nh.solve_cells(derived(diffusion(lambda s: sp.Function("a")(s.y[0]))))


def test_the_effective_interval_of_x_is_the_domain(local: nh.CellSolution) -> None:
    with pytest.raises(ProblemError, match="outside the slow interval"):
        local.effective["A"]([[1.5]])


@pytest.mark.parametrize(
    ("backend", "bound"), [("fourier", 1e-9), ("pinn", 1e-9), ("skfem", 1e-6), ("dolfinx", 1e-6)]
)
def test_every_backend_reaches_its_tolerance_on_the_papers_cell(backend: str, bound: float) -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    exact = 1.9353592348122903 * np.eye(2)
    assert np.max(np.abs(nh.solve_cells(model, backend).effective["A"] - exact)) < bound
    assert (
        np.max(np.abs(nh.solve_cells(model, backend, tolerance=1e-8).effective["A"] - exact)) < 1e-8
    )


# ---- every class: kernels, systems, fast time, complex


def kernels() -> nh.CellSolution:
    return solved(
        lambda s, u: sp.Eq(
            s.dt(u)
            - s.laplacian(u)
            + (1 + S(s.y[0])) * u.diff(s.x[0]) / s.eps
            + 8 * C(s.y[0]) * u / s.eps**2,
            1,
        ),
        time=True,
    )


def system() -> nh.CellSolution:
    return solved(
        lambda s, v: (-s.div((2 + S(s.y[0])) * s.sym_grad(v)), sp.ones(2, 1)),
        2,
        components=2,
        order=2,
    )


def fast_time() -> nh.CellSolution:
    return solved(
        lambda s, u: sp.Eq(s.dt(u) - s.div((3 + S(s.y[0] - s.tau)) * s.grad(u)), 1),
        time=True,
        fast_time=2,
    )


def frozen_time() -> nh.CellSolution:
    return solved(
        lambda s, u: sp.Eq(s.dt(u) - s.div((3 + S(s.y[0]) * C(s.tau)) * s.grad(u)), 1),
        time=True,
        fast_time=1,
    )


def lossy() -> nh.CellSolution:
    return solved(diffusion(lambda s: 2 + sp.I + S(s.y[0])), order=2)


@pytest.mark.parametrize("make", [kernels, system, fast_time, frozen_time, lossy])
def test_every_class_can_be_saved_and_loaded(
    make: Callable[[], nh.CellSolution], tmp_path: Path
) -> None:
    cells = make()
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    assert again.forms == cells.forms
    y, others = (
        np.random.default_rng(2).uniform(0, 1, (4, cells.axes)),
        {"tau": 0.3} if "tau" in cells.slow else {},
    )
    for before, after in zip(
        (*cells.functions, *cells.adjoints), (*again.functions, *again.adjoints), strict=True
    ):
        assert np.allclose(before(y, **others), after(y, **others), rtol=1e-13, atol=1e-14)
        assert (before.name, before.sources, before.level) == (
            after.name,
            after.sources,
            after.level,
        )
    assert np.array_equal(again.effective["A"], cells.effective["A"])
    for n, level in cells.averaged.items():
        assert all(np.array_equal(again.averaged[n][key], value) for key, value in level.items())


def test_kernels_stand_beside_the_correctors() -> None:
    cells = kernels()
    assert cells.ground_state is not None
    y = np.arange(64) / 64
    phi, (psi,) = cells.ground_state(y), cells.adjoints
    assert phi.min() > 0
    assert (np.mean(phi), np.mean(phi * psi(y))) == (
        pytest.approx(1, abs=1e-12),
        pytest.approx(1, abs=1e-12),
    )
    assert all(abs(np.mean(f(y))) < 1e-12 for f in cells.functions)
    assert {"drift", "lambda0"} <= set(cells.effective)
    assert cells.info["multipliers"]
    assert (lossy().ground_state, lossy().adjoints) == (None, ())


def test_functions_of_systems_have_a_column_for_each_component() -> None:
    cells = system()
    y = np.random.default_rng(3).uniform(0, 1, (5, 2))
    assert all(f(y).shape == f.derivative(y, (0, 1)).shape == (5, 2) for f in cells.functions)
    assert {f.level for f in cells.functions} == {1, 2}
    with pytest.raises(ProblemError, match=r"shape \(n, 2\)"):
        cells.functions[0](y[:, 0])


def test_points_have_a_column_for_a_resonant_time_and_an_argument_for_a_frozen_one() -> None:
    resonant, frozen = fast_time(), frozen_time()
    assert (resonant.axes, frozen.axes) == (2, 1)
    assert resonant.functions[0]([[0.1, 0.2]]).shape == (1,)
    y, tau = np.arange(64) / 64, 0.2
    a = 3 + np.sin(2 * np.pi * y) * np.cos(2 * np.pi * tau)
    slope = 1 / np.mean(1 / a) / a - 1
    assert np.allclose(frozen.functions[0].derivative(y, (1,), tau=tau), slope, atol=1e-8)
    with pytest.raises(ProblemError, match="depends on tau"):
        frozen.functions[0](y)


def test_the_averaged_operators_are_there_when_they_are_wanted() -> None:
    model = derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2)
    assert set(nh.solve_cells(model).averaged) == {2}
    assert set(nh.solve_cells(model, hierarchy=True).averaged) == {2, 3}
    assert set(
        nh.solve_cells(
            derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2, order=2), hierarchy=False
        ).averaged
    ) == {2}
