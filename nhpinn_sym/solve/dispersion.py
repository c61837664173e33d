"""Dispersion of waves rho u_tt - div(a grad u) in a periodic medium, to the order eps^2.

The averaged operators give, for U = exp(i(k.x - omega t)) with s = omega^2, A(k) = k.a*k,
    A(k) - <rho> s + eps^2 (h40(k) + h22(k) s + h04 s^2) = 0,   so that   <rho> omega^2 = A(k) +
    eps^2 B(k), B = h40 + h22 A/<rho> + h04 (A/<rho>)^2 <= 0    (Santosa, Symes 1991; sign: Conca,
    Orive, Vanninathan 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, permutations
from typing import Literal

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from ..derive.model import HomogenizedModel
from ..derive.notation import equation, latex, text
from ..problem.errors import ProblemError, UnsupportedError
from ..problem.pictures import Drawing
from ..problem.user_input import instance
from .cell_solution import CellSolution
from .provenance import warn_of_other_operator
from .result_pictures import draw_dispersion
from .solution import Array
from .tensors import symmetric_tensor

Form = Literal["leading", "bakhvalov", "boussinesq"]

# Share of the largest entry that is rounding; distance from a whole number that is it.
_ROUNDING = 1e-12
# Random directions, and the best of these, from which the lowest value of a form is sought.
_STARTS = 400
_REFINED = 5


@dataclass(frozen=True)
class Dispersion:
    """Effective waves to the order eps^2, as numbers, equations and frequencies; free waves (a
    source f brings its own terms of order eps^2).

    A (d, d), rho           : the leading order <rho> U_tt - A : D^2 U.
    B (d, d, d, d)          : Bakhvalov's form <rho> U_tt - A : D^2 U + eps^2 B : D^4 U, B <= 0:
    ill-posed, for short waves omega^2 < 0.
    E (d, d), F (d, d, d, d) : the Boussinesq form <rho> (U_tt - eps^2 E : D^2 U_tt) - A : D^2 U +
                               eps^2 F : D^4 U, well-posed: E = gamma A with the smallest gamma for
                               which F(k) = B(k) + E(k) A(k) >= 0 for every k (Dohnal, Lamacz,
                               Schweizer 2014). 1D: F = 0.

    B and F are symmetric in all their indices.

    >>> s = nh.Scales(1, time=True)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> equation = sp.Eq(s.dt(u, 2) - s.div(a * s.grad(u)), 0)
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u)
    >>> model = nh.homogenize(problem, order=2)
    >>> waves = nh.dispersion(model, nh.solve_cells(model, "fourier"))
    >>> print(waves.A.round(6), waves.B.ravel().round(6))
    [[1.732051]] [-0.006417]
    """

    A: Array
    rho: float
    B: Array
    gamma: float
    coordinates: tuple[sp.Symbol, ...]
    time: sp.Symbol
    eps: sp.Symbol

    @property
    def E(self) -> Array:
        """gamma A, of the term with two derivatives in time and two in space."""
        return self.gamma * self.A

    @cached_property
    def F(self) -> Array:
        """B + gamma A x A, symmetric, of the fourth derivatives in space; 0 in one dimension."""
        if len(self.A) == 1:
            return np.zeros_like(self.B)
        return self.B + self.gamma * _symmetrized(np.multiply.outer(self.A, self.A))

    def frequency(self, k: ArrayLike, eps: float, form: Form = "boussinesq") -> Array:
        """omega >= 0 for wave vectors k (n, d): (n,). ProblemError where Bakhvalov's form has no
        real frequency.
        """
        waves = np.asarray(k, dtype=float)
        if waves.ndim != 2 or waves.shape[1] != len(self.A):
            raise ProblemError(
                f"wave vectors have the shape (n, {len(self.A)})",
                term=waves.shape,
                remedy="write frequency([[1.0, 0.0]], eps)",
            )
        a = np.einsum("ij,ni,nj->n", self.A, waves, waves)
        if form == "leading":
            square = a / self.rho
        elif form == "bakhvalov":
            square = (a + eps**2 * _quartic(self.B, waves)) / self.rho
        elif form == "boussinesq":
            square = (a + eps**2 * _quartic(self.F, waves)) / (
                self.rho * (1 + eps**2 * self.gamma * a)
            )
        else:
            raise ProblemError(
                "no form of this name",
                term=form,
                remedy='write "leading", "bakhvalov" or "boussinesq"',
            )
        if np.any(square < 0):
            raise ProblemError(
                "Bakhvalov's form is ill-posed: waves this short grow",
                term=f"omega^2 = {square.min():.3g}",
                remedy='use form="boussinesq", or smaller eps |k|',
            )
        return np.sqrt(square)

    @cached_property
    def equations(self) -> dict[Form, sp.Equality]:
        """The three forms for U(x, t) as SymPy, numbers to six digits."""
        u = sp.Function("U")(*self.coordinates, self.time)
        utt = _rounded(self.rho) * sp.Derivative(u, (self.time, 2), evaluate=False)
        main = -_applied(self.A, u, self.coordinates)
        inertia = (
            -_rounded(self.rho)
            * self.eps**2
            * sp.Add(
                *[
                    _rounded(c) * sp.Derivative(u, *counts, (self.time, 2), evaluate=False)
                    for c, counts in _terms(self.E, self.coordinates)
                ]
            )
        )
        return {
            "leading": equation(utt + main, sp.Integer(0)),
            "bakhvalov": equation(
                utt + main + self.eps**2 * _applied(self.B, u, self.coordinates), sp.Integer(0)
            ),
            "boussinesq": equation(
                utt + inertia + main + self.eps**2 * _applied(self.F, u, self.coordinates),
                sp.Integer(0),
            ),
        }

    def plot(self) -> Drawing:
        """The phase velocity omega/|k| over eps |k| along each axis, beside its limit."""
        return draw_dispersion(self)

    def __str__(self) -> str:
        notes = {
            "leading": "",
            "bakhvalov": " (ill-posed as it stands)",
            "boussinesq": " (well-posed)",
        }
        return "\n".join(f"{form}{notes[form]}: {text(e)}" for form, e in self.equations.items())

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return "$$" + r" \\ ".join(latex(e) for e in self.equations.values()) + "$$"


def dispersion(model: HomogenizedModel, cells: CellSolution) -> Dispersion:
    """The dispersive correction of a wave equation; `cells` of a model of order 2:
    solve_cells(homogenize(problem, order=2)).

    Errors: UnsupportedError for systems, problems that are not rho u_tt - div(a grad u) with
    symmetric a(y), rho(y), and complex ones; ProblemError where the cells have no h_4.

    >>> s = nh.Scales(1, time=True)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> equation = sp.Eq(s.dt(u, 2) - s.div(a * s.grad(u)), 0)
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u)
    >>> model = nh.homogenize(problem, order=2)
    >>> waves = nh.dispersion(model, nh.solve_cells(model, "fourier"))
    >>> print(waves.frequency([[1.0], [2.0]], eps=1 / 8).round(4))
    [1.316  2.6318]
    """
    model = instance(
        model, HomogenizedModel, "the model", "write model = homogenize(problem, order=2)"
    )
    cells = instance(cells, CellSolution, "cells", "write cells = solve_cells(model)")
    _check_scope(model)
    warn_of_other_operator(cells.info, model.operator)
    levels = cells.averaged
    d = model.problem.scales.dim
    if model.order < 2 or not cells.info.get("hierarchy"):
        raise ProblemError(
            "the cells have no averaged operator h_4",
            term=cells,
            remedy="solve the cells of homogenize(problem, order=2)",
        )
    a = -symmetric_tensor(d, 1, 2, levels[2])
    rho = float(symmetric_tensor(d, 1, 0, levels[2], time=2))
    fourth = levels.get(4, {})  # nothing disperses where nothing oscillates
    b = symmetric_tensor(d, 1, 4, fourth) + _symmetrized(
        np.multiply.outer(symmetric_tensor(d, 1, 2, fourth, time=2), a / rho)
    )
    b = b + float(symmetric_tensor(d, 1, 0, fourth, time=4)) * _symmetrized(
        np.multiply.outer(a / rho, a / rho)
    )
    scales = model.problem.scales
    return Dispersion(a, rho, b, _smallest_gamma(a, b), scales.x, scales.t, scales.eps)


def _check_scope(model: HomogenizedModel) -> None:
    """rho u_tt - div(a grad u), scalar, symmetric, with y-only coefficients."""
    if model.components > 1:
        raise UnsupportedError(
            "the dispersion of a system",
            term=model.problem.unknown,
            remedy="scalar waves are covered; cells.averaged has h_4 of the system",
        )
    names = {e.name for e in model.law if e.field is not None}
    if model.problem.time_order != 2 or model.homogenized_order != 2 or names != {"A", "rho"}:
        raise UnsupportedError(
            "the dispersion of an equation that is not rho u_tt - div(a grad u)",
            term=model.equation,
            remedy="damping, reaction and drift have no such correction",
        )
    if not model.symmetric or model.recursion.local or model.frame:
        raise UnsupportedError(
            "the dispersion of a medium that is not symmetric, or varies with x",
            term=model.equation,
            remedy="give coefficients that depend on y alone, with a symmetric a",
        )
    if any(c.has(sp.I) for c in model.operator.table.values()):
        raise UnsupportedError(
            "the dispersion of a complex medium",
            term=model.equation,
            remedy="real coefficients are covered",
        )


def _symmetrized(tensor: Array) -> Array:
    """The mean over all orders of the indices."""
    orders = list(permutations(range(tensor.ndim)))
    return np.asarray(sum(tensor.transpose(order) for order in orders) / len(orders))


def _quartic(tensor: Array, k: Array) -> Array:
    """T(k, k, k, k) at k (n, d)."""
    return np.asarray(np.einsum("ijlm,ni,nj,nl,nm->n", tensor, k, k, k, k, optimize=True))


def _smallest_gamma(a: Array, b: Array) -> float:
    """max over k of -B(k) / A(k)^2: on the unit sphere of the metric A, from many starts."""
    metric = np.linalg.inv(np.linalg.cholesky(a)).T
    if len(a) == 1:
        return max(0.0, float(-_quartic(b, metric.T)[0]))

    def lowest(q: Array) -> float:
        return float(_quartic(b, (metric @ q)[None] / np.linalg.norm(q))[0])

    starts = np.random.default_rng(0).standard_normal((_STARTS, len(a)))
    best = sorted(starts, key=lowest)[:_REFINED]
    return max(0.0, *(-float(minimize(lowest, q, tol=1e-14).fun) for q in best))


def _terms(
    tensor: Array, x: tuple[sp.Symbol, ...]
) -> list[tuple[float, list[tuple[sp.Symbol, int]]]]:
    """(coefficient, derivatives) of T : D^n, equal derivatives added, without what is rounding."""
    found = []
    for axes in combinations_with_replacement(range(len(x)), tensor.ndim):
        c = float(sum(tensor[place] for place in set(permutations(axes))))
        if abs(c) > _ROUNDING * np.abs(tensor).max():
            found.append((c, [(v, axes.count(j)) for j, v in enumerate(x) if j in axes]))
    return found


def _applied(tensor: Array, u: sp.Expr, x: tuple[sp.Symbol, ...]) -> sp.Expr:
    """T : D^n u."""
    return sp.Add(
        *[
            _rounded(c) * sp.Derivative(u, *counts, evaluate=False)
            for c, counts in _terms(tensor, x)
        ]
    )


def _rounded(number: float) -> sp.Expr:
    if abs(number - round(number)) < _ROUNDING:
        return sp.Integer(round(number))
    return sp.Float(number, 6)
