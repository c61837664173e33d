"""Means of data over a box, by adaptive Gauss quadrature between the breaks; where these are
curves, along lines that are cut there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from ...problem.errors import SolveError
from ...runtime.arrays import Array, Integers
from ...runtime.tensor_grids import tensor_points, tensor_weights, unit_gauss
from .breaks import Breaks, Level, boxes, find_breaks, smooth_levels
from .data import DataAxis, DataSpace, Interval, in_data_symbols, number, real_imaginary
from .enclosure import enclose
from .level_sets import LevelSet
from .lines import Lines
from .panels import FOR_MEANS, evaluator, halve, resolve_panels
from .separate import harmonics
from .sweep import Sweep, gauss_on_lines

MeanWithError = tuple[complex, float]
VectorFunction = Callable[[Array], Array]
"""Points (n, d) -> (n, m)."""

# Gauss points per axis of a panel, and those that its error is taken from.
_ORDERS = {1: (10, 7), 2: (9, 6), 3: (6, 4)}
# Relative, of means of data: a digit above what a sum of many panels rounds to.
_ACCURACY = 1e-12
# Relative, of means that results are judged by, by the number of axes: below what results in so
# many dimensions are asked for. A mean comes with its error, so that a coarse one rejects nothing.
_ACCURACY_OF_FUNCTIONS = {1: 1e-12, 2: 1e-10, 3: 1e-7}
# In all rounds together, about a second; what is left then is in the error.
_MOST_POINTS = 3_000_000
# Halvings of a panel, down to 1e-9 of it: what is left then is a singularity.
_ROUNDS = 30
# Gauss points for each smooth part of a line.
_LINE_ORDERS = {2: (8, 16, 32), 3: (4, 7)}
# Relative, of means between curves: Newton finds these to about 1e-12, and errors add up.
_LINE_ACCURACY = 1e-9
# Of lines of all data crossed with each other; beyond, the whole is one box that is halved.
_MOST_BOXES = 20_000
# Boxes that are swept one by one, and steps of a floor that are level sets of their own.
_MOST_PARTS = 256
# Lines of an axis up to which the Gauss points of a whole line resolve what is between the
# interfaces.
_FEW_LINES = 9
# Of a sum, relative to the sum of sizes.
_ROUNDING = 1e-15
# Along an axis: the arguments of faster waves lose digits.
_MOST_MIDPOINTS = 60
# Share of the largest component of a function below which another one may be its rounding.
_NOISE = 1e-14


def integrate(
    expr: sp.Expr, axes: Sequence[DataAxis], values: Mapping[sp.Symbol, float] | None = None
) -> tuple[float | complex, float]:
    """(mean of `expr` over the box of `axes`, bound on its error); complex where the expression is.

    values: a number for every other symbol. The error is infinite where the datum is not
            integrated within the limits.
    """
    space = DataSpace(
        tuple(v for v, _, _ in axes),
        tuple((float(a), float(b)) for _, (a, b), _ in axes),
        len(axes),
    )
    numbers = {v: float(x) for v, x in (values or {}).items()}
    mean, error = _mean(in_data_symbols(expr, numbers, space), space)
    return (mean if mean.imag else mean.real), error


@lru_cache(maxsize=4096)
def _mean(expr: sp.Expr, space: DataSpace) -> MeanWithError:
    """Sums term by term, products factor by factor where they share no variable."""
    if not space.of(expr):
        value = complex(expr)
        return value, _ROUNDING * abs(value)
    if expr.has(sp.I):
        (real, e), (imaginary, f) = (_mean(part, space) for part in real_imaginary(expr))
        return real + 1j * imaginary.real, e + f
    if isinstance(expr, sp.Add):
        return _mean_of_sum(expr, space)
    if isinstance(expr, sp.Mul):
        groups = _groups(expr.args, space, shared=True)
        if len(groups) > 1:
            return _mean_of_product([_mean(sp.Mul(*group), space) for group in groups])
    return _direct(expr, space)


def _mean_of_sum(expr: sp.Add, space: DataSpace) -> MeanWithError:
    mean = 0j
    error = 0.0
    for group in _groups(expr.args, space, shared=False):
        whole = len(group) == len(expr.args)
        m, e = _direct(expr, space) if whole else _mean(sp.Add(*group), space)
        mean += m
        error += e
    return mean, error


def _mean_of_product(factors: Sequence[MeanWithError]) -> MeanWithError:
    """The mean of a product of independent factors; errors e, f of a, b make |b| e + |a| f + e
    f.
    """
    mean = 1.0 + 0j
    error = 0.0
    for m, e in factors:
        error = error * abs(m) + e * abs(mean) + error * e
        mean = mean * m
    return mean, error


def _groups(args: Sequence[sp.Expr], space: DataSpace, shared: bool) -> list[list[sp.Expr]]:
    """The arguments by the variables they hold: equal sets together or, `shared`, all that have
    a variable in common."""
    groups: list[tuple[set[int], list[sp.Expr]]] = []
    for arg in args:
        places = set(space.of(arg))
        held = []
        others = []
        for group in groups:
            own, members = group
            if (own & places) if shared else (own == places):
                places = places | own
                held += members
            else:
                others.append(group)
        groups = [*others, (places, [*held, arg])]
    return [group for _, group in groups]


def _direct(expr: sp.Expr, space: DataSpace) -> MeanWithError:
    """The mean over the variables that the expression holds."""
    inner = space.along(space.of(expr))
    exact = _trigonometric_mean(expr, inner)
    if exact is not None:
        return exact
    breaks = find_breaks([expr], inner)
    if inner.axes not in _ORDERS:
        return 0j, np.inf
    if breaks.curved:
        return _along_lines(expr, inner, breaks)
    return _over_panels(expr, inner, breaks)


def _trigonometric_mean(expr: sp.Expr, space: DataSpace) -> MeanWithError | None:
    """Of a trigonometric polynomial, by the midpoint rule, which is exact with more points along an
    axis than periods; None for other data, and for fast waves."""
    counts = [harmonics(expr, k, space, periodic=True) for k in range(space.axes)]
    sizes = [count + 1 for count in counts if count is not None]
    if len(sizes) < len(counts) or max(sizes) > _MOST_MIDPOINTS:
        return None
    points = tensor_points(
        [
            a + (b - a) * (np.arange(n) + 0.5) / n
            for (a, b), n in zip(space.intervals, sizes, strict=True)
        ]
    )
    values = evaluator(expr, space.symbols)(points)
    rounding = _ROUNDING * math.sqrt(max(sizes))  # of the arguments of the waves, on the average
    return complex(values.mean()), rounding * float(np.abs(values).mean())


def mean_of_function(
    values: VectorFunction, data: Sequence[sp.Expr], space: DataSpace
) -> tuple[Array, Array]:
    """(means (m,) of a function (n, d) -> (n, m) of some data, such as the inverse of a matrix of
    them; bounds (m,) on their errors): quadrature where the data ask for it, along the axes that
    they hold."""
    held = sorted({k for datum in data for k in space.of(datum)})
    if 0 < len(held) < space.axes:
        middle = np.array(space.intervals).mean(axis=1)

        def lifted(points: Array) -> Array:
            whole = np.tile(middle, (len(points), 1))
            whole[:, held] = points
            return values(whole)

        return mean_of_function(lifted, data, space.along(held))
    breaks = find_breaks(data, space)
    lines = Lines(space, breaks, (False,) * space.axes, FOR_MEANS)
    for datum in data:
        lines.add(datum)
    if space.axes not in _ORDERS:
        middle = np.array(space.intervals).mean(axis=1)[None]
        return values(middle)[0], np.full(1, np.inf)
    if breaks.curved:
        return _line_means(values, lines, space, breaks)
    cuts = [np.union1d(lines.finished(k), lines.initial(k)) for k in range(space.axes)]
    size = float(np.prod([float(len(cut)) for cut in cuts]))
    too_many = size > _MOST_BOXES
    lo, hi = boxes([np.array(i) for i in space.intervals] if too_many else cuts)
    means, errors = _panel_means(values, lo, hi, space, _ACCURACY_OF_FUNCTIONS[space.axes])
    if lines.failures or too_many:
        return means, np.full_like(errors, np.inf)
    return means, errors


def _over_panels(expr: sp.Expr, space: DataSpace, breaks: Breaks) -> MeanWithError:
    """Gauss quadrature on the panels that resolve the datum."""
    lines = Lines(space, breaks, (False,) * space.axes)
    cuts = [lines.initial(k) for k in range(space.axes)]
    panels = resolve_panels(expr, space.symbols, cuts, FOR_MEANS)
    column = _column(expr, space)
    mean, error = _panel_means(column, panels.lo, panels.hi, space, _ACCURACY)
    return complex(mean[0]), np.inf if panels.failure is not None else float(error[0])


def _column(expr: sp.Expr, space: DataSpace) -> VectorFunction:
    values = evaluator(expr, space.symbols)
    return lambda points: values(points)[:, None]


def _panel_means(
    values: VectorFunction, lo: Array, hi: Array, space: DataSpace, accuracy: float
) -> tuple[Array, Array]:
    """Means and their errors by Gauss quadrature on boxes, halved where two orders differ."""
    volume = _volume(space)
    high, low = _ORDERS[space.axes]
    total = np.zeros(1)
    absolute = np.zeros(1)
    error = np.zeros(1)
    points = 0
    for round_ in range(_ROUNDS):
        fine, size = _gauss(values, lo, hi, high)
        coarse, _ = _gauss(values, lo, hi, low)
        points += len(lo) * high**space.axes
        difference = np.abs(fine - coarse)
        sizes = absolute + size.sum(axis=0)
        # Components that vanish by symmetry are rounding of the others, and never converge.
        allowed = np.maximum(accuracy * sizes, _NOISE * sizes.max())
        poor = (difference > allowed / max(len(lo), 1)).any(axis=1)
        done = bool(np.all(difference.sum(axis=0) <= allowed))
        if points > _MOST_POINTS or round_ == _ROUNDS - 1 or done:
            poor[:] = False
        total = total + fine[~poor].sum(axis=0)
        absolute = absolute + size[~poor].sum(axis=0)
        error = error + difference[~poor].sum(axis=0)
        if not np.any(poor):
            break
        lo, hi = halve(lo[poor], hi[poor], np.argmax(hi[poor] - lo[poor], axis=1))
    error = np.where(np.isfinite(total), error + _ROUNDING * absolute, np.inf)
    return total / volume, error / volume


def _volume(space: DataSpace) -> float:
    return float(np.prod([b - a for a, b in space.intervals]))


def _gauss(values: VectorFunction, lo: Array, hi: Array, n: int) -> tuple[Array, Array]:
    """(integrals of a function, of its size) over each box, (boxes, m)."""
    t, w = unit_gauss(n)
    d = lo.shape[1]
    nodes = tensor_points([t] * d)
    weights = tensor_weights([w] * d)
    points = lo[:, None] + nodes * (hi - lo)[:, None]
    found = values(points.reshape(-1, d)).reshape(*points.shape[:2], -1)
    volumes = np.prod(hi - lo, axis=1)[:, None]
    integrals = np.einsum("bpm,p->bm", found, weights) * volumes
    sizes = np.einsum("bpm,p->bm", np.abs(found), weights) * volumes
    return integrals, sizes


@dataclass(frozen=True)
class _Sides:
    """Numbers for the sides of levels on which points lie."""

    levels: tuple[LevelSet, ...]
    bounds: tuple[Interval, ...]

    def __call__(self, points: Array) -> Integers:
        marks = np.random.default_rng(3).integers(1, 2**62, len(self.levels))
        out = np.zeros(len(points), dtype=np.int64)
        for mark, level in zip(marks, self.levels, strict=True):
            out ^= np.where(level.value(points) > 0, mark, 0)
        return out


def _along_lines(expr: sp.Expr, space: DataSpace, breaks: Breaks) -> MeanWithError:
    lines = Lines(space, breaks, (False,) * space.axes)
    lines.add(expr)
    mean, error = _line_means(_column(expr, space), lines, space, breaks)
    return complex(mean[0]), float(error[0])


def _line_means(
    values: VectorFunction, lines: Lines, space: DataSpace, breaks: Breaks
) -> tuple[Array, Array]:
    """Means and their errors by Gauss points on lines that are cut at the interfaces, by boxes
    where the data ask for them between these.
    """
    lo, hi = _parts_between_interfaces(lines, space)
    expressions = _smooth_levels(breaks, space)
    volume = _volume(space)
    total = np.zeros(1)
    error = np.full(1, np.inf)
    for count, order in enumerate(_LINE_ORDERS[space.axes]):
        found = np.zeros(1)
        size = np.zeros(1)
        for a, b in zip(lo, hi, strict=True):
            integral, absolute = _box_integral(values, space, expressions, a, b, order)
            found = found + integral
            size = size + absolute
        found = found / volume
        size = size / volume
        # One order alone says nothing of its error.
        error = np.abs(found - total) if count else np.full(found.shape, np.inf)
        total = found
        if np.all(error <= _LINE_ACCURACY * size):
            break
    if lines.failures:
        return total, np.full(total.shape, np.inf)
    return total, error


def _parts_between_interfaces(lines: Lines, space: DataSpace) -> tuple[Array, Array]:
    """Boxes that resolve the data between the interfaces, or the whole, where it needs no more than
    the Gauss points of whole lines, or more boxes than can be swept.
    """
    parted = [lines.finished(k) for k in range(space.axes)]
    lo, hi = boxes(parted)
    if len(lo) > _MOST_PARTS or lines.failures or max(map(len, parted)) <= _FEW_LINES:
        return boxes([np.array(i) for i in space.intervals])
    return lo, hi


def _box_integral(
    values: VectorFunction,
    space: DataSpace,
    expressions: Sequence[sp.Expr],
    lo: Array,
    hi: Array,
    order: int,
) -> tuple[Array, Array]:
    """(integrals, integrals of the sizes) over one box, (m,) each."""
    bounds = tuple(zip(lo.tolist(), hi.tolist(), strict=True))
    held = tuple(e for e in expressions if _vanishes(e, space.symbols, lo, hi))
    if not held:
        integral, size = _gauss(values, lo[None], hi[None], order)
        return integral[0], size[0]
    points, weights = _rule_of_lines(held, space.symbols, bounds, order)
    found = values(points)
    return weights @ found, weights @ np.abs(found)


@lru_cache(maxsize=8)
def _rule_of_lines(
    expressions: tuple[sp.Expr, ...],
    symbols: tuple[sp.Symbol, ...],
    bounds: tuple[Interval, ...],
    order: int,
) -> tuple[Array, Array]:
    """Points and weights on lines that are cut where expressions vanish. Kept: bounds and the data
    error of a mesh ask for those of one coefficient, and in space they are most of a solve."""
    levels = tuple(LevelSet(e, symbols, bounds) for e in expressions)
    axes = len(bounds)
    sweep = Sweep(levels, _Sides(levels, bounds), tuple(range(axes)), True)
    points, weights, _ = gauss_on_lines(*sweep.points(order), axes - 1, order)
    return points, weights


def _vanishes(expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> bool:
    value = enclose(expr, symbols, lo[None], hi[None])
    return bool(value.lo[0] <= 0 <= value.hi[0])


def _smooth_levels(breaks: Breaks, space: DataSpace) -> list[sp.Expr]:
    """Smooth expressions whose zeros hold all breaks."""
    found: list[sp.Expr] = []
    for v, points in zip(space.symbols, breaks.points, strict=True):
        found += [v - number(point) for point in points.tolist()]
    for level in breaks.curved:
        if level.integers:
            found += _integer_levels(level, space)
        else:
            found += smooth_levels(level.expression)
    return list(dict.fromkeys(found))


def _integer_levels(level: Level, space: DataSpace) -> list[sp.Expr]:
    low, high = np.array(space.intervals).T
    value = enclose(level.expression, space.symbols, low[None, :], high[None, :])
    lo = float(value.lo[0])
    hi = float(value.hi[0])
    if hi - lo > _MOST_PARTS:
        raise SolveError("a floor with too many steps", term=level.expression)
    return [level.expression - n for n in range(int(np.ceil(lo)), int(np.floor(hi)) + 1)]
