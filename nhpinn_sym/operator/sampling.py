"""Numbers from coefficient expressions: values on grids of the cell at sampled slow points and parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef

from ..problem.errors import UnsupportedError
from .table import Operator
from .zero import jumps

Array = NDArray[np.float64]
Point = dict[sp.Symbol, float]

_MEAN_SIZES = {1: (1024, 1501), 2: (128, 187), 3: (24, 35), 4: (12, 17)}
_RANGE_SIZES = {1: 240, 2: 48, 3: 16, 4: 9, 5: 6, 6: 4, 7: 3}
_PERIOD_SIZES = {1: 33, 2: 33, 3: 33, 4: 9, 5: 5, 6: 4, 7: 3}
"""Points per axis, by the number of axes of the cell."""
_INNER = 1e-9
"""Distance of the samples from the ends of the slow intervals, where data may be singular."""


def is_opaque(expr: sp.Expr) -> bool:
    """Whether the expression holds functions without numbers, such as sp.Function("a")(*s.y): neither a formula nor an implementation."""
    return any(not hasattr(f, "_imp_") for f in expr.atoms(AppliedUndef))


def slow_samples(op: Operator, exprs: Sequence[sp.Expr]) -> list[Point]:
    """Points of the domain, the time interval and the parameter ranges: along the diagonal, and the corners; one, where `exprs` depend on none."""
    problem = op.problem
    boxes = problem.domain.bounds if problem.domain else ((0.0, 1.0),) * problem.scales.dim
    end = float(problem.final_time) if problem.final_time is not None else 1.0
    ranges = dict(zip(problem.scales.physical, (*boxes, (0.0, end)), strict=True))
    ranges |= {axis.symbol: (float(axis.interval[0]), float(axis.interval[1])) for axis in op.frozen}
    ranges |= {symbol: (float(a), float(b)) for symbol, (a, b) in problem.parameters.items()}
    used = [v for v in ranges if any(e.has(v) for e in exprs)]
    diagonal = [[w + 0.013 * k for k in range(len(used))] for w in (0.27, 0.5, 0.71, 0.93 - 0.013 * len(used))]
    corners = itertools.product((_INNER, 1 - _INNER), repeat=len(used)) if used else []
    places = [*diagonal, *itertools.islice(corners, 64)][: None if used else 1]
    start = {v: a for v, (a, _) in ranges.items()}
    return [start | {v: ranges[v][0] + (ranges[v][1] - ranges[v][0]) * w for v, w in zip(used, place, strict=True)} for place in places]


def sampler(exprs: Sequence[sp.Expr], op: Operator) -> Callable[[Sequence[Array], Point], list[Array]]:
    """The function (y, slow point) -> values of each expression at the points y (one flat array per axis); nan and infinity are returned, not raised.

    UnsupportedError where an expression has no numbers.
    """
    names = [*op.slow, *op.problem.parameters]
    try:
        call = sp.lambdify([*op.fast, *names], list(exprs), ["scipy", "numpy"], cse=True)
        with np.errstate(all="ignore"):
            call(*(np.full(1, 0.3),) * len(op.fast), *(np.float64(0.3),) * len(names))
    except (ArithmeticError, TypeError, NameError, NotImplementedError, AttributeError, SyntaxError) as cause:
        raise UnsupportedError("a coefficient that cannot be evaluated", term=", ".join(map(str, exprs)),
                               remedy="write it with elementary functions of s.x, s.y, s.t and the parameters") from cause

    def values(y: Sequence[Array], slow: Point) -> list[Array]:
        with np.errstate(all="ignore"):
            found = call(*y, *(np.float64(slow[v]) for v in names))
        return [np.broadcast_to(_numbers(v), y[0].shape) for v in found]

    return values


def _numbers(value: object) -> Array:
    """An array of floats, or of complex numbers where there is an imaginary part."""
    array = np.asarray(value)
    return np.asarray(array, dtype=complex if np.iscomplexobj(array) and np.any(array.imag) else float) if array.dtype != object else (
        np.asarray(array, dtype=complex))


def grid(op: Operator, n: int, offset: float) -> list[Array]:
    """(k + offset)/n of the cell along each axis, as flat arrays: n points per axis."""
    axes = [a + (b - a) * (np.arange(n) + offset) / n for a, b in op.cell.bounds]
    return [g.ravel() for g in np.meshgrid(*axes, indexing="ij")]


def period_grid(op: Operator) -> list[Array]:
    """Points off the symmetry planes and the diagonals of the cell, where periods are compared."""
    n = _PERIOD_SIZES[len(op.axes)]
    return [v + 0.0137 * k * float(length) / n for k, (v, length) in enumerate(zip(grid(op, n, 0.47), op.cell.lengths, strict=True))]


def range_grid(op: Operator, coarser: int = 1) -> list[Array]:
    """Nodes and midpoints of a grid: where zeros and singularities of a coefficient are looked for."""
    n = max(_RANGE_SIZES[len(op.axes)] // coarser, 3)
    return [np.concatenate(pair) for pair in zip(grid(op, n, 0.0), grid(op, n, 0.5), strict=True)]


def spacing(op: Operator) -> Array:
    """The distance of the points of `range_grid` along each axis."""
    return np.array([b - a for a, b in op.cell.bounds]) / _RANGE_SIZES[len(op.axes)]


def mean(expr: sp.Expr, op: Operator, slow: Point) -> tuple[complex, float, float]:
    """(mean over the cell, its uncertainty, largest value) by the midpoint rule on two grids without a common period.

    Spectrally accurate for smooth periodic functions; where there is a jump the uncertainty is that of the finer grid.
    """
    held = replace(op, axes=tuple(axis for axis in op.axes if expr.has(axis.symbol)) or op.axes[:1])
    sizes = _MEAN_SIZES.get(len(held.axes), (5, 7))
    values = [sampler([expr], held)(grid(held, n, 0.5), slow)[0] for n in sizes]
    coarse, fine = (v.mean().item() for v in values)
    largest = float(np.abs(values[1]).max())
    return fine, abs(fine - coarse) + (4 * largest / sizes[1] if jumps(expr) else 0.0), largest


def folded(expr: sp.Expr, op: Operator) -> sp.Expr:
    """Every Piecewise continued from the cell with its period: y -> y - L floor((y - a)/L) inside."""
    cell = op.cell
    fold = {y: y - length * sp.floor((y - a) / length) for y, (a, _), length in zip(op.fast, cell.intervals, cell.lengths, strict=True)}
    return expr.replace(lambda e: isinstance(e, sp.Piecewise), lambda e: e.xreplace(fold))
