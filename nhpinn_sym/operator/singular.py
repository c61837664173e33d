"""Where data are not finite: zeros of what is divided by, stands under a logarithm or behind a
tangent, in a closed box.

A sample of points misses a pole between them. Here the zeros are sought from the symbols, and what
the whole expression does close to them is seen in high precision: sin(x)/x and x*log(x) stay
bounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..problem.errors import UnsupportedError
from ..problem.numeric import lambdified
from ..runtime.arrays import Array, ComplexArray, Flags
from .domain_filter import DomainFilter

Intervals = Mapping[sp.Symbol, tuple[float, float]]

# Points at which zeros are looked for first: of an interval, and of a box of more coordinates.
_LINE = 2001
_CLOUD = 4096
# Changes of sign, and minima, that are followed.
_CANDIDATES = 8
# Points per axis of the grids that close in on a minimum, by the number of axes.
_BISECTIONS = 60
_BLOCK_SIZES = {1: 9, 2: 9, 3: 5, 4: 5}
# For boxes of more axes: their number is the power of the dimension.
_SMALLEST_BLOCK = 3
# Points at which data have to be finite.
_SAMPLE = 500
# Share of the largest value below which a minimum counts as a zero; what the expression does close
# to it decides.
_VANISHES = 1e-6
# Distances from a zero, relative to the box.
_STEPS = (1e-3, 1e-5, 1e-7, 1e-9, 1e-11)
# Of two steps: growth by this factor from one to the next is that of 1/distance.
_RATIO = 100.0
# So that 1e-11 of the box is a distance also where the expression cancels.
_DIGITS = 40
# Exponent of the distance from which on a singularity counts as one that cannot be integrated.
_STRONG = 0.9


@dataclass(frozen=True)
class PointSingularity:
    """|expr| grows like distance^-growth towards `point`; a logarithm has a growth close to 0."""

    point: Mapping[sp.Symbol, float]
    growth: float

    @property
    def strong(self) -> bool:
        """Whether it grows at least like 1/distance."""
        return self.growth >= _STRONG

    def __str__(self) -> str:
        return ", ".join(f"{v} = {value:.6g}" for v, value in self.point.items()) or "everywhere"


def singularity(
    expr: sp.Expr, box: Intervals, domain: DomainFilter | None = None
) -> PointSingularity | None:
    """A point of the closed box, and of the domain in it, at which `expr` is not bounded; None
    where none is found, or functions have no formula.
    """
    if expr.atoms(AppliedUndef) or not expr.free_symbols <= set(box):
        return None
    symbols = _symbols(expr, domain)
    intervals = [box[v] for v in symbols]
    for divisor in dict.fromkeys(_divisors(expr)):
        for place in _zeros(divisor, symbols, intervals, domain):
            growth = _growth(expr, symbols, intervals, place)
            if growth is not None:
                return PointSingularity(dict(zip(symbols, map(float, place), strict=True)), growth)
    return None


def _symbols(expr: sp.Expr, domain: DomainFilter | None) -> list[sp.Symbol]:
    held = expr.free_symbols if domain is None else domain.needed(expr.free_symbols)
    return sorted(held, key=str)


def _divisors(expr: sp.Expr) -> Iterator[sp.Expr]:
    """What may not vanish if `expr` is to be finite."""
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Pow) and not node.exp.is_nonnegative and node.base.free_symbols:
            yield node.base
        elif isinstance(node, sp.Function) and node.free_symbols:
            yield from _divisors_of_function(node)


def _divisors_of_function(node: sp.Function) -> Iterator[sp.Expr]:
    z = node.args[-1]
    if isinstance(node, (sp.log, sp.Ei, sp.Ci, sp.bessely, sp.besselk)):
        yield z
    elif isinstance(node, (sp.tan, sp.sec)):
        yield sp.cos(z)
    elif isinstance(node, (sp.cot, sp.csc)):
        yield sp.sin(z)
    elif isinstance(node, (sp.coth, sp.csch)):
        yield z
    elif isinstance(node, (sp.atanh, sp.acoth, sp.erfinv)):
        yield 1 - z**2
    elif isinstance(node, (sp.gamma, sp.loggamma, sp.polygamma)):
        yield sp.sin(sp.pi * z)


def _zeros(
    g: sp.Expr,
    symbols: Sequence[sp.Symbol],
    intervals: Sequence[tuple[float, float]],
    domain: DomainFilter | None,
) -> list[Array]:
    """Points at which g vanishes: where its sign changes, and where its size has a minimum that is
    zero.
    """
    size, values = _sized(g, symbols, domain)
    lower, upper = np.array(intervals, dtype=float).T
    points = _inner(_cloud(lower, upper), symbols, domain)
    found = values(points)
    largest = float(np.max(np.abs(found[np.isfinite(found)]), initial=0.0))
    if not len(points) or largest == 0.0:
        return []
    places = [
        *_crossings(points, found, values),
        *_minima(points, np.abs(found), size, lower, upper),
    ]
    inner = _inner(np.array(places).reshape(-1, len(lower)), symbols, domain)
    return [p for p in inner if not size(p[None])[0] > _VANISHES * largest]


def _inner(points: Array, symbols: Sequence[sp.Symbol], domain: DomainFilter | None) -> Array:
    """Those of the domain; in their order."""
    if domain is None:
        return points
    return points[domain.kept(symbols, points)]


def _sized(
    g: sp.Expr, symbols: Sequence[sp.Symbol], domain: DomainFilter | None
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """|g| and, where it is real, g, at points (n, d); nan elsewhere, outside of the domain, and
    where it has no numbers."""
    try:
        call = lambdified(symbols, g, ["scipy", "numpy"])
    except Exception:  # of any kind: lambdify prints functions that nobody foresaw
        return (lambda p: np.full(len(p), np.nan),) * 2

    def numbers(points: Array) -> ComplexArray:
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(call(*points.T), dtype=complex)
        except Exception:  # as above
            found = np.asarray(np.nan, dtype=complex)
        everywhere = np.broadcast_to(found, (len(points),))
        if domain is None:
            return everywhere
        return np.where(domain.kept(symbols, points), everywhere, np.nan)

    def real(points: Array) -> Array:
        found = numbers(points)
        return np.where(found.imag == 0, found.real, np.nan)

    return lambda points: np.abs(numbers(points)), real


def _cloud(lower: Array, upper: Array) -> Array:
    """Points of the box: along one axis in order, along several at random with the corners; the
    same in every call.
    """
    if len(lower) == 1:
        return np.linspace(lower, upper, _LINE)
    inside = lower + (upper - lower) * np.random.default_rng(7).random((_CLOUD, len(lower)))
    corners = np.array(list(itertools.product(*zip(lower, upper, strict=True))))
    return np.concatenate([corners, inside])


def _crossings(points: Array, found: Array, values: Callable[[Array], Array]) -> list[Array]:
    """Zeros between points at which the sign differs: neighbours on a line, pairs elsewhere."""
    if points.shape[1] == 1:
        pairs = [(k, k + 1) for k in np.flatnonzero(found[:-1] * found[1:] < 0)]
    else:
        pairs = list(zip(np.flatnonzero(found > 0), np.flatnonzero(found < 0), strict=False))
    places = []
    for one, other in pairs[:_CANDIDATES]:
        a = points[one]
        b = points[other]
        sign = np.sign(found[one])
        for _ in range(_BISECTIONS):
            middle = (a + b) / 2
            if values(middle[None])[0] * sign > 0:
                a = middle
            else:
                b = middle
        places.append((a + b) / 2)
    return places


def _minima(
    points: Array, size: Array, call: Callable[[Array], Array], lower: Array, upper: Array
) -> list[Array]:
    """The places where |g| is smallest, from the lowest points by closer and closer grids."""
    size = np.where(np.isfinite(size), size, np.inf)
    d = points.shape[1]
    if d == 1:
        padded = np.concatenate([[np.inf], size, [np.inf]])
        starts = np.flatnonzero((size <= padded[:-2]) & (size <= padded[2:]))
        starts = starts[np.argsort(size[starts])][:_CANDIDATES]
        width = (upper - lower) / (_LINE - 1)
    else:
        starts = np.argsort(size)[:_CANDIDATES]
        width = 2 * (upper - lower) / _CLOUD ** (1 / d)
    steps = np.linspace(-1, 1, _BLOCK_SIZES.get(d, _SMALLEST_BLOCK))
    block = np.array(list(itertools.product(steps, repeat=d)))
    return [_lowest(points[k], width, block, call, lower, upper) for k in starts]


def _lowest(
    start: Array,
    width: Array,
    block: Array,
    call: Callable[[Array], Array],
    lower: Array,
    upper: Array,
) -> Array:
    place = start
    for _ in range(40):
        around = np.clip(place + width * block, lower, upper)
        found = call(around)
        place = around[int(np.argmin(np.where(np.isfinite(found), found, np.inf)))]
        width = width / 3
    return place


def _growth(
    expr: sp.Expr,
    symbols: Sequence[sp.Symbol],
    intervals: Sequence[tuple[float, float]],
    place: Array,
) -> float | None:
    """The exponent with which |expr| grows towards `place`, from the direction in which it grows
    most; None where it stays bounded.
    """
    call = lambdified(symbols, expr, "mpmath")
    found: list[float] = []
    with mpmath.workdps(_DIGITS):
        for direction in _directions(len(symbols)):
            sizes = _sizes_towards(call, place, direction, intervals)
            if sizes is None:
                continue
            rises = [after - before for before, after in itertools.pairwise(sizes)]
            # What is bounded rises less and less, like a series that converges.
            if min(rises) > 0 and rises[-1] > 0.9 * rises[-2]:
                found.append(float(mpmath.log(sizes[-1] / sizes[-2], _RATIO)))
    return max(found, default=None)


def _sizes_towards(
    call: Callable[..., object],
    place: Array,
    direction: Sequence[float],
    intervals: Sequence[tuple[float, float]],
) -> list[mpmath.mpf] | None:
    """|expr| step by step towards a place; None where a step leaves the box or has no number."""
    sizes = []
    for step in _STEPS:
        size = _size(call, _moved(place, direction, step, intervals))
        if size is None:
            return None
        sizes.append(size)
    return sizes


def _directions(d: int) -> Iterator[tuple[float, ...]]:
    """Along the axes, and two generic ones with their opposites."""
    for axis, sign in itertools.product(range(d), (1.0, -1.0)):
        yield tuple(sign * (k == axis) for k in range(d))
    if d > 1:
        for sign in (1.0, -1.0):
            yield tuple(sign * (0.61 + 0.17 * k) for k in range(d))
            yield tuple(sign * (-1) ** k * (0.83 - 0.11 * k) for k in range(d))


def _moved(
    place: Array, direction: Sequence[float], step: float, intervals: Sequence[tuple[float, float]]
) -> list[mpmath.mpf] | None:
    """The place moved inside the box; None where that leaves it."""
    moved = []
    for x, e, (a, b) in zip(place, direction, intervals, strict=True):
        value = mpmath.mpf(float(x)) + mpmath.mpf(e) * step * (b - a)
        if not a <= value <= b:
            return None
        moved.append(value)
    return moved


def _size(call: Callable[..., object], place: list[mpmath.mpf] | None) -> mpmath.mpf | None:
    if place is None:
        return None
    try:
        found = abs(mpmath.mpmathify(call(*place)))
    except Exception:  # of any kind: mpmath has no such function, or it has no value there
        return None
    if mpmath.isfinite(found):
        return found
    return None


def hole(
    expr: sp.Expr, box: Intervals, domain: DomainFilter | None = None, *, ends: bool = False
) -> Mapping[sp.Symbol, float] | None:
    """A sampled point of the box, and of the domain in it, at which `expr` has no finite real
    number (complex ones only where it holds I); with the ends of the box on request.
    """
    if expr.atoms(AppliedUndef) or not expr.free_symbols <= set(box):
        return None
    symbols = _symbols(expr, domain)
    lower, upper = np.array([box[v] for v in symbols], dtype=float).reshape(-1, 2).T
    shares = np.random.default_rng(5).random((_SAMPLE, len(symbols)))
    if ends:
        corners = np.array(list(itertools.product((0.0, 1.0), repeat=len(symbols))))
        shares = np.concatenate([corners, shares])
    points = _inner(lower + (upper - lower) * shares, symbols, domain)
    bad = np.flatnonzero(~_finite(_values_at(points, expr, symbols), expr))
    if not len(bad):
        return None
    return dict(zip(symbols, map(float, points[bad[0]]), strict=True))


def _values_at(points: Array, expr: sp.Expr, symbols: Sequence[sp.Symbol]) -> ComplexArray:
    try:
        with np.errstate(all="ignore"):
            call = lambdified(symbols, expr, ["scipy", "numpy"])
            found = np.asarray(call(*points.T), dtype=complex)
    except Exception as cause:
        # Of any kind: lambdify prints, and runs, functions that nobody foresaw.
        raise UnsupportedError(
            "data that cannot be evaluated",
            term=expr,
            remedy="write them with elementary functions",
        ) from cause
    return np.broadcast_to(found, (len(points),))


def _finite(values: ComplexArray, expr: sp.Expr) -> Flags:
    return np.isfinite(values) & ((np.imag(values) == 0) | expr.has(sp.I))
