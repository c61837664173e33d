"""Numbers from coefficient expressions: values on grids of the cell at sampled slow points and
parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..problem.domain import LatticeCell
from ..problem.errors import NhpinnError, UnsupportedError
from ..problem.numeric import is_implemented, lambdified
from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import Array
from .domain_filter import DomainFilter
from .numbers.integrate import integrate
from .table import Operator
from .zero_test import jumps

SlowPoint = dict[sp.Symbol, float]
Sampler = Callable[[Sequence[Array], SlowPoint], list[Array]]
"""Points of the cell, one flat array per axis, and a slow point -> the values of expressions."""

# Points per axis of two midpoint rules, without a common factor, so that what one aliases the other
# does not; by the number of axes of the cell, and for more axes.
_MEAN_SIZES = {1: (1024, 1501), 2: (128, 187), 3: (24, 35), 4: (12, 17)}
_FEW_POINTS = (5, 7)
# Points per axis, by the number of axes of the cell.
_RANGE_SIZES = {1: 240, 2: 48, 3: 16, 4: 9, 5: 6, 6: 4, 7: 3}
# A formula without the period differs at almost every point, a small phase at some.
_PERIOD_POINTS = 400
# Share of a period by which points are moved off an interface.
_BESIDE = 1e-9
# Relative difference up to which two values count as one: formulas with periods like 2*pi/3 round
# to about 1e-12, and a small jump is larger.
_SAME = 1e-9
# Of the midpoint rule, which sums thousands of values.
_ROUNDING = 1e-14
INNER = 1e-9
"""Distance of the samples from the ends of the slow intervals, where data may be singular."""
# Of the box of slow variables: all of them up to six variables.
_MOST_CORNERS = 64


def is_opaque(expr: sp.Expr) -> bool:
    """Whether the expression holds functions without numbers, such as sp.Function("a")(*s.y):
    neither a formula nor an implementation.
    """
    return any(not is_implemented(f) for f in expr.atoms(AppliedUndef))


def domain_of(problem: MultiscaleProblem) -> DomainFilter | None:
    """What of the box around its domain counts; None where the domain is that box."""
    return DomainFilter.of(problem.domain, problem.scales.x)


def slow_ranges(op: Operator) -> dict[sp.Symbol, tuple[float, float]]:
    """The domain, the time interval, the periods of frozen coordinates and the parameter ranges;
    the unit interval where there is none."""
    problem = op.problem
    bounds = ((0.0, 1.0),) * problem.scales.dim
    if problem.domain is not None:
        bounds = problem.domain.bounds
    end = 1.0 if problem.final_time is None else float(problem.final_time)
    ranges = dict(zip(problem.scales.physical, (*bounds, (0.0, end)), strict=True))
    for axis in op.frozen:
        ranges[axis.symbol] = (float(axis.interval[0]), float(axis.interval[1]))
    for symbol, (a, b) in problem.parameters.items():
        ranges[symbol] = (float(a), float(b))
    return ranges


def slow_samples(op: Operator, exprs: Sequence[sp.Expr]) -> list[SlowPoint]:
    """Points of the domain, the time interval and the parameter ranges: along the diagonal, and the
    corners; one, where `exprs` depend on none.
    """
    ranges = slow_ranges(op)
    used = [v for v in ranges if any(e.has(v) for e in exprs)]
    domain = domain_of(op.problem) if set(used) & set(op.problem.scales.x) else None
    samples = []
    for shares in _shares_of_ranges(len(used)):
        point = {v: low for v, (low, _) in ranges.items()}
        for v, share in zip(used, shares, strict=True):
            low, high = ranges[v]
            point[v] = low + (high - low) * share
        samples.append(point if domain is None else point | domain.moved(point))
    return samples


def _shares_of_ranges(count: int) -> list[tuple[float, ...]]:
    """Points of the unit cube: some near its diagonal, and the first corners; one of no
    coordinates for count 0.

    Each coordinate is a little off the others, as data may be special where two are equal.
    """
    if not count:
        return [()]
    offset = 0.013
    starts = (0.27, 0.5, 0.71, 0.93 - offset * count)
    diagonal = [tuple(start + offset * k for k in range(count)) for start in starts]
    corners = itertools.product((INNER, 1 - INNER), repeat=count)
    return [*diagonal, *itertools.islice(corners, _MOST_CORNERS)]


def sampler(exprs: Sequence[sp.Expr], op: Operator) -> Sampler:
    """The function (y, slow point) -> values of each expression at the points y (one flat array per
    axis); nan and infinity are returned, not raised.

    UnsupportedError where an expression has no numbers.
    """
    names = [*op.slow, *op.problem.parameters]
    try:
        call = lambdified((*op.fast, *names), tuple(exprs), ["scipy", "numpy"], cse=True)
        with np.errstate(all="ignore"):
            call(*(np.full(1, 0.3),) * len(op.fast), *(np.float64(0.3),) * len(names))
    except NhpinnError:
        raise
    except Exception as cause:
        # Of any kind: lambdify prints, and runs, functions that nobody foresaw.
        raise UnsupportedError(
            "a coefficient that cannot be evaluated",
            term=", ".join(map(str, exprs)),
            remedy="write it with elementary functions of s.x, s.y, s.t and the parameters",
        ) from cause

    def values(y: Sequence[Array], slow: SlowPoint) -> list[Array]:
        with np.errstate(all="ignore"):
            found = call(*y, *(np.float64(slow[v]) for v in names))
        return [np.broadcast_to(_numbers(v), y[0].shape) for v in found]

    return values


def _numbers(value: object) -> Array:
    """An array of floats, or of complex numbers where there is an imaginary part."""
    array = np.asarray(value)
    if array.dtype == object:
        return np.asarray(array, dtype=complex)
    if np.iscomplexobj(array) and np.any(array.imag):
        return array
    return np.asarray(array.real, dtype=float)


def cell_grid(op: Operator, n: int, offset: float) -> list[Array]:
    """(k + offset)/n of the cell along each axis, as flat arrays: n points per axis."""
    shares = [(np.arange(n) + offset) / n] * len(op.axes)
    return op.cell.place([g.ravel() for g in np.meshgrid(*shares, indexing="ij")])


def generic_points(op: Operator, count: int, seed: int) -> list[Array]:
    """Random points of the cell, one flat array per axis: on no line of any mesh, at no
    interface.
    """
    shares = np.random.default_rng(seed).random((len(op.axes), count))
    return op.cell.place(list(shares))


def range_grid(op: Operator, coarser: int = 1) -> list[Array]:
    """Nodes and midpoints of a grid: where zeros and singularities of a coefficient are looked
    for.
    """
    n = max(_RANGE_SIZES[len(op.axes)] // coarser, 3)
    return [
        np.concatenate(pair)
        for pair in zip(cell_grid(op, n, 0.0), cell_grid(op, n, 0.5), strict=True)
    ]


def sampled_mean(expr: sp.Expr, op: Operator, slow: SlowPoint) -> tuple[complex, float, float]:
    """(mean over the cell, its uncertainty, largest value).

    By adaptive quadrature, which splits at breaks and sees what is narrow. Where the midpoint rule
    on two grids without a common period agrees with it, that is taken: it is exact to rounding for
    smooth periodic functions.
    """
    axes = tuple(axis for axis in op.axes if expr.has(axis.symbol)) or op.axes[:1]
    held = op if isinstance(op.cell, LatticeCell) else replace(op, axes=axes)
    sizes = _MEAN_SIZES.get(len(held.axes), _FEW_POINTS)
    coarse, fine = (sampler([expr], held)(cell_grid(held, n, 0.5), slow)[0] for n in sizes)
    by_midpoints = fine.mean().item()
    largest = float(np.abs(fine).max())
    spread = abs(by_midpoints - coarse.mean().item())
    if jumps(expr):
        # Both grids may be wrong by the same: the panels beside a jump, at either end of a phase.
        spread += 4 * largest / sizes[1]
    try:
        value, error = _quadrature(expr, held, slow)
    except UnsupportedError:
        return by_midpoints, spread, largest
    near = abs(by_midpoints - value) <= 2 * error + _ROUNDING * largest
    if not np.isfinite(error) or (spread <= error and near):
        return by_midpoints, spread, largest
    return complex(value), error, max(largest, abs(value))


def _quadrature(expr: sp.Expr, op: Operator, slow: SlowPoint) -> tuple[complex, float]:
    axes = [(a.symbol, (float(a.interval[0]), float(a.interval[1])), True) for a in op.axes]
    if isinstance(op.cell, LatticeCell):
        axes = [(v, (0.0, 1.0), True) for v in op.fast]
        expr = expr.xreplace(dict(zip(op.fast, op.cell.point(op.fast), strict=True)))
    return integrate(expr, axes, {v: x for v, x in slow.items() if expr.has(v)})


def folded(expr: sp.Expr, op: Operator) -> sp.Expr:
    """The expression continued from the cell with its period: a Piecewise always, and the whole
    where its formula does not have the period."""
    inside = in_cell(expr, op)
    if all(has_period(inside, op, k) for k in range(len(op.axes))):
        return inside
    return expr.xreplace(_fold(op))


def in_cell(expr: sp.Expr, op: Operator) -> sp.Expr:
    """Every Piecewise continued from the cell with its period: y -> y - L floor((y - a)/L)
    inside.
    """
    fold = _fold(op)
    return expr.replace(lambda e: isinstance(e, sp.Piecewise), lambda e: e.xreplace(fold))


def _fold(op: Operator) -> dict[sp.Symbol, sp.Expr]:
    return dict(zip(op.fast, op.cell.folded(op.fast), strict=True))


def search_box(op: Operator, exprs: Sequence[sp.Expr]) -> dict[sp.Symbol, tuple[float, float]]:
    """The ranges of all variables in `exprs`: the cell, and the slow ranges without their ends,
    where data may be singular."""
    ranges = dict(zip(op.fast, op.cell.bounds, strict=True))
    for v, (a, b) in slow_ranges(op).items():
        margin = INNER * (b - a)
        ranges[v] = (a + margin, b - margin)
    used = set().union(*(e.free_symbols for e in exprs))
    domain = domain_of(op.problem)
    if domain is not None:
        used = domain.needed(used)
    return {v: ends for v, ends in ranges.items() if v in used}


def has_period(expr: sp.Expr, op: Operator, axis: int) -> bool:
    """Whether the formula has the period of the cell along an axis: at random points, and for some
    slow points. True for what has no formula.
    """
    if not expr.has(op.fast[axis]) or is_opaque(expr):
        return True
    period = [float(x) for x in op.cell.period(axis)]
    points = generic_points(op, _PERIOD_POINTS, 17 + axis)
    values = sampler([expr], op)
    samples = slow_samples(op, [expr])
    some = samples[:: max(1, len(samples) // 4)]
    return not any(_differs_after(period, points, values, slow) for slow in some)


def _differs_after(
    period: Sequence[float], points: Sequence[Array], values: Sampler, slow: SlowPoint
) -> bool:
    """Whether the values at some point differ from those one period further.

    A point that lies at an interface to rounding has the values of both sides: a difference counts
    where it stays after a small move to either side.
    """
    differs = np.ones(len(points[0]), dtype=bool)
    for move in (0.0, _BESIDE, -_BESIDE):
        here = [v + move * max(map(abs, period)) for v in points]
        there = [v + step for v, step in zip(here, period, strict=True)]
        one = values(here, slow)[0]
        other = values(there, slow)[0]
        size = float(np.nanmax(np.abs(one), initial=0.0))
        differs &= ~np.isclose(other, one, rtol=_SAME, atol=_SAME * size, equal_nan=True)
    return bool(np.any(differs))


def face_gap(expr: sp.Expr, op: Operator, axis: int) -> float:
    """The largest difference of the limits of an expression at the two faces of the cell across an
    axis, relative to its largest value: at random points of the faces, for some slow points."""
    if isinstance(op.cell, LatticeCell):
        return np.inf
    a, b = op.cell.bounds[axis]
    beside = _BESIDE * float(op.cell.lengths[axis])
    points = generic_points(op, _PERIOD_POINTS, 29 + axis)
    values = sampler([expr], op)

    def on_face(end: float, slow: SlowPoint) -> Array:
        moved = list(points)
        moved[axis] = np.full_like(points[axis], end)
        return values(moved, slow)[0]

    gaps = []
    for slow in slow_samples(op, [expr])[:4]:
        gap = np.abs(on_face(b - beside, slow) - on_face(a + beside, slow)).max()
        size = float(np.abs(values(points, slow)[0]).max())
        gaps.append(float(gap) / max(size, 1e-300))
    return max(gaps)
