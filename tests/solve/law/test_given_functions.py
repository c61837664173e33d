"""Functions without a formula in nonlinear problems: the numbers are those of the formula, for laws,
homogenized and fine equations of every backend; what cannot be is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import CoefficientError, PeriodError

S = nh.Scales(1, time=True)
U, X, Y = S.unknown("u"), S.x[0], S.y[0]
G = S.grad(U)
WAVE = 2 + sp.sin(2 * sp.pi * Y)
A, K, F = (sp.Function(name) for name in "aKf")
GIVEN: dict[str, Callable[..., Any]] = {
    "a": lambda y: 2 + np.sin(2 * np.pi * y),
    "K": lambda x: 1 + x**2,
    "f": lambda x, t: 10 * np.exp(x) * np.cos(t),
}
SOURCE = 10 * sp.exp(X) * sp.cos(S.t)
WHERE: dict[str, Any] = {"grad": [0.3], "u": 0.5, "x": [0.7], "t": 0.0}
PLACES = np.array([[0.2], [0.5], [0.9]])


def richards(a: Any, k: Any, f: Any) -> nh.MultiscaleProblem:
    """With gravity; all three are functions, or all formulas."""
    flux = a * k * sp.exp(U) * (G + sp.Matrix([1]))
    return nh.MultiscaleProblem(
        sp.Eq(S.dt(WAVE * sp.exp(U)) - S.div(flux), f),
        scales=S,
        unknown=U,
        domain=nh.Box((0, 1)),
        initial=[nh.Initial(0)],
        final_time=sp.Rational(1, 20),
        ranges={U: (-1, 2)},
        boundary=[nh.Dirichlet(0)],
    )


FORMULAS = richards(WAVE, 1 + X**2, SOURCE)
FUNCTIONS = richards(A(Y), K(X), F(X, S.t))
MODEL = nh.homogenize(FUNCTIONS)


@pytest.mark.parametrize("backend", ["skfem", "pinn"])
def test_laws_are_those_of_the_formulas(backend: str) -> None:
    law = nh.solve_law(MODEL, backend, coefficients=GIVEN)
    right = nh.solve_law(nh.homogenize(FORMULAS), backend)
    assert law.flux(**WHERE) == pytest.approx(right.flux(**WHERE), rel=1e-7)
    assert law.tangent(**WHERE) == pytest.approx(right.tangent(**WHERE), rel=1e-7)


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_equations_are_those_of_the_formulas(backend: str) -> None:
    own: dict[str, Any] = {"mesh": 6, "steps": 2}
    law = nh.solve_law(MODEL, coefficients=GIVEN)
    found = nh.solve_homogenized(MODEL, law, backend, **own)(PLACES)
    fine = nh.solve_fine(FUNCTIONS, 1, backend, coefficients=GIVEN, **own)(PLACES)
    model = nh.homogenize(FORMULAS)
    right = nh.solve_homogenized(model, nh.solve_law(model), backend, **own)(PLACES)
    assert found == pytest.approx(right, rel=1e-6)
    assert fine == pytest.approx(nh.solve_fine(FORMULAS, 1, backend, **own)(PLACES), rel=1e-6)


def test_a_monotone_flux_takes_a_solution() -> None:
    """Its coefficient is that of a heated rod; the cells of its tangent are there too."""
    s = nh.Scales(1)
    u = s.unknown("u")
    g = s.grad(u)

    def rod(k: Any) -> nh.MultiscaleProblem:
        return nh.MultiscaleProblem(
            sp.Eq(-s.div(k * (2 + sp.sin(2 * sp.pi * s.y[0])) * (1 + g[0] ** 2) * g), 10),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
        )

    heat = nh.MultiscaleProblem(
        sp.Eq(-s.laplacian(u), 2),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(1)],
    )
    given = {"k": nh.solve_fine(heat, 1, "skfem", mesh=8)}  # 1 + x - x^2, of degree 2
    model = nh.homogenize(rod(sp.Function("k")(s.x[0])))
    law = nh.solve_law(model, coefficients=given)
    right = nh.homogenize(rod(1 + s.x[0] - s.x[0] ** 2))
    wanted = nh.solve_law(right)
    assert law.flux(grad=[1], x=[0.3]) == pytest.approx(wanted.flux(grad=[1], x=[0.3]), rel=1e-9)
    cells = law.state(grad=[1], x=[0.3])
    assert cells.effective["A"] == pytest.approx(law.tangent(grad=[1], x=[0.3]), rel=1e-6)
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=8)
    v0 = nh.solve_homogenized(right, wanted, "skfem", mesh=8)
    assert u0(PLACES) == pytest.approx(v0(PLACES), rel=1e-8)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"K": None}, nh.UnsupportedError, "has no numbers"),
        ({"K": lambda x: x - 1}, CoefficientError, "not positive definite"),
        ({"a": lambda y: 1 + y}, PeriodError, "the period 1"),
        ({"K": lambda x: np.nan * x}, CoefficientError, "not a finite number"),
        ({"q": np.sin}, nh.ProblemError, "has this name"),
        ({"K": lambda x: 1.0}, nh.ProblemError, "of shape"),
    ],
)
def test_functions_are_checked(
    changed: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = {name: f for name, f in {**GIVEN, **changed}.items() if f is not None}
    with pytest.raises(error, match=message):
        nh.solve_law(MODEL, coefficients=given)


def test_what_is_refused_with_functions(tmp_path: Path) -> None:
    law = nh.solve_law(MODEL, coefficients=GIVEN)
    with pytest.raises(nh.ProblemError, match="not those that the law"):
        nh.solve_homogenized(MODEL, law, "skfem", coefficients={**GIVEN, "K": np.cosh})
    with pytest.raises(nh.UnsupportedError, match="no form in a file"):
        law.save(tmp_path / "law.npz")
    for verb in (nh.validate, lambda p: nh.emit(nh.homogenize(p), "numpy")):
        with pytest.raises(nh.UnsupportedError):
            verb(FUNCTIONS)
    of_u = nh.homogenize(richards(WAVE, K(U), 1))
    with pytest.raises(nh.UnsupportedError, match="a derivative of a coefficient"):
        nh.solve_law(of_u, coefficients={"K": np.cosh})
