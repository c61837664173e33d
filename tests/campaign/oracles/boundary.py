"""Boundary value problems on an interval by spectral elements that end at every jump, and their
heat equations by modes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sparse
import scipy.sparse.linalg
from numpy.polynomial import legendre

from .spaces import Array, Space, line

Function = Callable[[Array], Array]


def constant(value: float) -> Function:
    return lambda x: value + 0.0 * x


NONE = constant(0.0)
ONE = constant(1.0)


@dataclass(frozen=True)
class End:
    """u = value ("dirichlet"), or n.(a u' + g) + alpha u = value ("natural")."""

    kind: str
    value: float = 0.0
    alpha: float = 0.0


@dataclass(frozen=True)
class Interval:
    """The space on panels of an interval, and its nodes."""

    ends: Array
    degree: int

    @property
    def space(self) -> Space:
        return line(self.ends, self.degree, periodic=False)

    def evaluate(self, coefficients: Array, at: Array) -> Array:
        """The function of nodal values at points of the interval."""
        nodes = np.concatenate(
            [[-1.0], np.sort(legendre.legroots(legendre.legder([0] * self.degree + [1]))), [1.0]]
        )
        inverse = np.linalg.inv(legendre.legvander(nodes, self.degree))
        panel = np.clip(np.searchsorted(self.ends, at, side="right") - 1, 0, len(self.ends) - 2)
        low, high = self.ends[panel], self.ends[panel + 1]
        basis = legendre.legvander((2 * at - low - high) / (high - low), self.degree) @ inverse
        local = coefficients[panel[:, None] * self.degree + np.arange(self.degree + 1)]
        return np.einsum("nk,nk->n", basis, local)


def _system(
    interval: Interval,
    a: Function,
    b: Function,
    c: Function,
    f: Function,
    conditions: tuple[End, End] | None,
    g: Function = NONE,
) -> tuple[Any, Array, Any, Array, Array]:
    """Matrix, load, prolongation and fixed part of -(a u' + g)' + b u' + c u = f; None is periodic.
    Mass is of rho = 1.
    """
    space = interval.space
    y = space.points[:, 0]
    value, slope = space.values, space.slopes[0]
    matrix = (
        space.form(slope, a(y), slope)
        + space.form(value, b(y), slope)
        + space.form(value, c(y), value)
    )
    load = space.load(f(y)) - slope.T @ (space.weights * g(y))
    size = len(load)
    matrix = matrix.tolil()
    fixed = np.zeros(size)
    free = np.ones(size, bool)
    if conditions is None:
        keep = sparse.identity(size, format="lil")[:, :-1]
        keep[-1, 0] = 1.0
        return matrix.tocsc(), load, keep.tocsc(), fixed, y
    for at, end in ((0, conditions[0]), (size - 1, conditions[1])):
        if end.kind == "dirichlet":
            fixed[at], free[at] = end.value, False
        else:
            matrix[at, at] += end.alpha
            load[at] += end.value
    return (
        matrix.tocsc(),
        load,
        sparse.identity(size, format="csc")[:, np.flatnonzero(free)],
        fixed,
        y,
    )


def stationary(
    ends: Array,
    conditions: tuple[End, End] | None,
    at: Array,
    a: Function,
    f: Function,
    b: Function = NONE,
    c: Function = NONE,
    degree: int = 9,
    g: Function = NONE,
) -> Array:
    """Values at the points `at` of the solution of -(a u' + g)' + b u' + c u = f."""
    interval = Interval(ends, degree)
    matrix, load, keep, fixed, _ = _system(interval, a, b, c, f, conditions, g)
    reduced = (keep.T @ matrix @ keep).tocsc()
    inner = scipy.sparse.linalg.spsolve(reduced, keep.T @ (load - matrix @ fixed))
    return interval.evaluate(keep @ inner + fixed, at)


def stationary_with_doubt(*problem: Any, **coefficients: Function) -> tuple[Array, float]:
    """`stationary`, and its relative doubt by another degree: rounding, where a thin panel is stiff
    and nothing but a Robin condition holds the solution.
    """
    coarse, fine = (stationary(*problem, **coefficients, degree=degree) for degree in (7, 9))
    return fine, float(abs(fine - coarse).max() / abs(fine).max())


def heat(
    ends: Array,
    conditions: tuple[End, End] | None,
    at: Array,
    time: float,
    a: Function,
    f: Function,
    initial: Function,
    c: Function = NONE,
    rho: Function = ONE,
    degree: int = 6,
) -> Array:
    """Values at `at` and `time` of rho u_t - (a u')' + c u = f(x), u(0) = initial, by all modes of
    a dense eigenproblem.
    """
    interval = Interval(ends, degree)
    matrix, load, keep, fixed, y = _system(interval, a, constant(0.0), c, f, conditions)
    space = interval.space
    mass = space.form(space.values, rho(y), space.values)
    small = (keep.T @ mass @ keep).toarray()
    rates, modes = scipy.linalg.eigh((keep.T @ matrix @ keep).toarray(), small)
    start = keep.T @ (space.load(rho(y) * initial(y)) - mass @ fixed)
    push = modes.T @ (keep.T @ (load - matrix @ fixed))
    still = np.where(
        abs(rates) * time < 1e-12, time, -np.expm1(-rates * time) / np.where(rates == 0, 1, rates)
    )
    inner = modes @ (np.exp(-rates * time) * (modes.T @ start) + still * push)
    return interval.evaluate(keep @ inner + fixed, at)
