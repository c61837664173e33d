"""Wrong solvers of nonlinear evolutions: a coefficient that is 1 % off is named, by the laws at once,
and by the solutions of the homogenized equation where these move by less than a thousandth.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.validate.report import Verdict

RUN = importlib.import_module("nhpinn_sym.validate.nonlinear_run")
S = nh.Scales(1, time=True)
U, MU = S.unknown("u"), S.unknown("mu")
X, Y = S.x[0], S.y[0]
G = S.grad(U)
A = 2 + sp.cos(2 * sp.pi * Y)
WELL = 1 + sp.sin(2 * sp.pi * Y) / 2
WRONG = sp.Rational(101, 100)
PERCENT = {
    "pinn": Verdict.CELLS_DISAGREE,
    "skfem": Verdict.FEM_CELLS_DISAGREE,
    "fourier": Verdict.THIRD_CELLS_DISAGREE,
}
Operator = Callable[[Any], Any]


def allen_cahn(flux: Any = 1, reaction: Any = 1, storage: Any = 1) -> Any:
    return S.dt(storage * U) - S.div(flux * A * G / 20) + 20 * reaction * WELL * (U**3 - U)


def richards(flux: Any = 1, storage: Any = 1) -> Any:
    water = storage * WELL * sp.exp(U)
    return S.dt(water) - S.div(flux * A * sp.exp(U) * (G + sp.Matrix([1])))


def porous(flux: Any = 1) -> Any:
    return S.dt(U) - S.div(flux * A * S.grad(U**2))


def large_reaction(size: Any = 1) -> Any:
    return S.dt(U) - S.laplacian(U) + size * 40 * sp.cos(2 * sp.pi * Y) * U**2 / S.eps


def cahn_hilliard(mobility: Any = 1, interface: Any = 1, well: Any = 1) -> list[Any]:
    return [
        S.dt(U) - S.div(mobility * A * S.grad(MU)),
        well * WELL * (U**3 - U) - S.div(interface * A * G / 1000) - MU,
    ]


WRONGS: dict[str, tuple[Operator, str]] = {
    f"{equation.__name__}, {what}": (equation, what)
    for equation, whats in (
        (allen_cahn, ("reaction",)),
        (richards, ("storage",)),
        (porous, ("flux",)),
        (large_reaction, ("size",)),
        (cahn_hilliard, ("interface", "well")),
    )
    for what in whats
}


def pose(operator: Any, start: Any = X) -> nh.MultiscaleProblem:
    terms = operator if isinstance(operator, list) else [operator]
    return nh.MultiscaleProblem(
        [sp.Eq(term, 0) for term in terms],
        scales=S,
        unknown=[U, MU][: len(terms)],
        domain=nh.Box((0, 1)),
        boundary=[nh.Neumann([0] * len(terms))],
        initial=[nh.Initial(start, unknown=U)],
        final_time=0.1,
        ranges={U: (sp.Rational(1, 10), 1)},
    )


@pytest.mark.parametrize("name", WRONGS)
def test_laws_of_evolutions_with_a_wrong_coefficient_are_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By turns one of the three backends; an interface energy is small beside a mobility."""
    equation, what = WRONGS[name]
    backend, verdict = list(PERCENT.items())[list(WRONGS).index(name) % 3]
    right = RUN._solve_law
    wrong = nh.homogenize(pose(equation(**{what: WRONG})))

    def solve(model: Any, settings: Any, chosen: str) -> Any:
        return right(wrong if chosen == backend else model, settings, chosen)

    monkeypatch.setattr(RUN, "_solve_law", solve)
    report = nh.validate(pose(equation()), fem="skfem")
    assert report.verdict is verdict, report.evidence
