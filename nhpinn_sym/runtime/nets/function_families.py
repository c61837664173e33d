"""Known functions that a smooth net cannot represent: the start of a parabolic problem; and what
can be done with such functions.

Start of rho u_t = D u_ss + ... with data that do not fit at the boundary s = 0: v_m = (4 D t)^(m/2)
i^m erfc(s / sqrt(4 D t)), which solve the heat equation (Carslaw and Jaeger 1959, appendix II):
d_s v_m = -v_(m-1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import groupby

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from ..arrays import MultiIndex
from ..lattice import side_of
from .jets import Jet, below, leibniz

JetsOfFamily = Callable[[Tensor, Sequence[MultiIndex]], Jet]
"""Points (n, columns) and multi-indices to the derivatives of a family of functions, (n, functions)
each.
"""

Family = tuple[JetsOfFamily, ...]
"""The components of a family of functions."""

ShapeFunction = Callable[[Tensor, int], Tensor]
"""A function of s in (-1, 1): its derivative of some order."""


# Added where a logarithm or a root of zero would not be finite.
_TINY = 1e-300
# Relative distance from a corner at which limits along a face are taken.
_ASIDE = 4 * torch.finfo(torch.float64).eps


def start_functions(
    axis: int, at: float, sign: int, diffusion: float, members: Sequence[tuple[int, int]]
) -> JetsOfFamily:
    """s^power v_order for every (order, power) of `members`, on x_axis = `at`, s = sign
    (x_axis - at); the time is the last column.
    """

    def functions(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        s = sign * (points[:, axis] - at)
        integrals = _repeated_integrals(s, points[:, -1], diffusion)
        jet = {}
        for index in indices:
            a = index[axis]
            b = index[-1]
            if sum(index) > a + b:  # they are constant along the part
                jet[index] = points.new_zeros(len(points), len(members))
                continue
            columns = [
                diffusion**b * _start(s, integrals, order - 2 * b, power, a)
                for order, power in members
            ]
            jet[index] = sign**a * torch.stack(columns, 1)
        return jet

    return functions


def _start(s: Tensor, integrals: Callable[[int], Tensor], order: int, power: int, a: int) -> Tensor:
    """D_s^a (s^power v_order), by Leibniz' rule. (D_t v_m = D v_(m-2).)"""
    terms = [
        math.comb(a, k)
        * math.perm(power, k)
        * s ** (power - k)
        * (-1) ** (a - k)
        * integrals(order - (a - k))
        for k in range(min(a, power) + 1)
    ]
    return torch.stack(terms).sum(0)


def _repeated_integrals(s: Tensor, t: Tensor, diffusion: float) -> Callable[[int], Tensor]:
    """m -> v_m = (4 D t)^(m/2) i^m erfc(s / sqrt(4 D t)), by 2 m i^m = i^(m-2) - 2 z i^(m-1)
    upwards and downwards.
    """
    length = torch.sqrt(4 * diffusion * t + _TINY)
    z = s / length

    @cache
    def scaled(m: int) -> Tensor:
        if m == 0:
            return torch.erfc(z)
        if m == -1:
            return 2 / math.sqrt(math.pi) * torch.exp(-z * z)
        if m < 0:
            return 2 * (m + 2) * scaled(m + 2) + 2 * z * scaled(m + 1)
        return (scaled(m - 2) - 2 * z * scaled(m - 1)) / (2 * m)

    return cache(lambda m: scaled(m) * length**m)


def products_of(first: JetsOfFamily, second: JetsOfFamily) -> JetsOfFamily:
    """All products of a function of the one and a function of the other family."""

    def products(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        needed = sorted({lower for index in indices for lower in below(index)})
        f = {index: value[:, :, None] for index, value in first(points, needed).items()}
        g = {index: value[:, None] for index, value in second(points, needed).items()}
        return {index: leibniz(f, g, index, index).flatten(1) for index in indices}

    return products


def wall_polynomials(degree: int, roots: Sequence[float], periodic: bool) -> list[ShapeFunction]:
    """Polynomials with these roots times those up to `degree`; for a periodic axis cosines and
    sines instead.
    """
    if periodic:
        return [
            partial(_wave, k, phase)
            for k in range(degree // 2 + 1)
            for phase in ((0.0, math.pi / 2) if k else (0.0,))
        ]
    bubble = Polynomial.fromroots(roots) if roots else Polynomial([1.0])
    return [partial(_horner, bubble * Polynomial.basis(k)) for k in range(degree + 1 - len(roots))]


def polynomials_by_component(
    degree: int, ends: Sequence[Sequence[float]], periodic: bool
) -> list[list[ShapeFunction]]:
    """`wall_polynomials` for the roots of each component, as many for each."""
    most = max(map(len, ends))
    return [wall_polynomials(degree - most + len(roots), roots, periodic) for roots in ends]


def modulate(
    functions: JetsOfFamily,
    axis: int,
    interval: tuple[float, float],
    along: Sequence[ShapeFunction],
) -> JetsOfFamily:
    """Every function times every shape in the coordinate of `axis`, scaled to (-1, 1)."""
    a, b = interval
    slope = 2 / (b - a)

    def products(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        lowered = {
            index: [(*index[:axis], k, *index[axis + 1 :]) for k in range(index[axis] + 1)]
            for index in indices
        }
        jet = functions(points, sorted({low for lows in lowered.values() for low in lows}))
        s = (2 * points[:, axis] - a - b) / (b - a)
        known: dict[tuple[int, int], Tensor] = {}

        def factor(number: int, order: int) -> Tensor:
            """The derivative of a shape by the coordinate, computed once."""
            if (number, order) not in known:
                known[number, order] = slope**order * along[number](s, order)
            return known[number, order]

        out = {}
        for index, lows in lowered.items():
            n = index[axis]
            columns = []
            for number in range(len(along)):
                terms = [
                    (math.comb(n, k) * factor(number, n - k))[:, None] * jet[low]
                    for k, low in enumerate(lows)
                ]
                columns.append(torch.stack(terms).sum(0))
            out[index] = torch.cat(columns, 1)
        return out

    return products


def _wave(k: int, phase: float, s: Tensor, order: int) -> Tensor:
    """cos(k pi s - phase)."""
    return (k * math.pi) ** order * torch.cos(k * math.pi * s - phase + order * math.pi / 2)


def _horner(polynomial: Polynomial, s: Tensor, order: int) -> Tensor:
    value = torch.zeros_like(s)
    for coefficient in polynomial.deriv(order).coef[::-1]:
        value = value * s + float(coefficient)
    return value


def vanish_on_parts(
    functions: JetsOfFamily,
    normals: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
) -> JetsOfFamily:
    """`functions` minus the transfinite interpolation of their values on the sides of a box that
    have these outward normals, so that they vanish there; bounds: of the space axes.
    """
    sides = sorted(side_of(normal) for normal in normals)
    for axis, group in groupby(sides, key=lambda side: side[0]):
        functions = _cleared(functions, axis, [end for _, end in group], bounds)
    return functions


def _cleared(
    functions: JetsOfFamily, axis: int, ends: Sequence[int], bounds: Sequence[tuple[float, float]]
) -> JetsOfFamily:
    """`functions` minus the linear interpolation along `axis` of their values at the ends.

    At a corner the derivatives of z log z have other limits along the one face than along the
    other: those along this one are taken.
    """
    lower, upper = bounds[axis]
    slope = 1 / (upper - lower)

    def cleared(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        jet = dict(functions(points, indices))
        along = {index: (*index[:axis], 0, *index[axis + 1 :]) for index in indices}
        for end in ends:
            face = _inside(points, bounds)
            face[:, axis] = bounds[axis][end]
            values = _at_distinct(functions, face, axis, sorted(set(along.values())))
            # The blend is 1 at this end, with its first derivative; higher ones vanish.
            weights = [torch.ones_like(points[:, [axis]])]
            if len(ends) == 2:
                distance = slope * (points[:, [axis]] - bounds[axis][1 - end]).abs()
                weights = [distance, torch.full_like(distance, slope if end else -slope)]
            for index in indices:
                if index[axis] < len(weights):
                    jet[index] = jet[index] - weights[index[axis]] * values[along[index]]
        return jet

    return cleared


def _inside(points: Tensor, bounds: Sequence[tuple[float, float]]) -> Tensor:
    """A copy of the points, moved from the faces into the box by rounding."""
    moved = points.clone()
    for k, (a, b) in enumerate(bounds):
        aside = _ASIDE * max(abs(a), abs(b))
        moved[:, k] = moved[:, k].clamp(a + aside, b - aside)
    return moved


def _at_distinct(
    functions: JetsOfFamily, face: Tensor, axis: int, indices: Sequence[MultiIndex]
) -> Jet:
    """`functions` at points of one face, of which most may be equal, as those of a grid are."""
    others = [column for k, column in enumerate(face.T) if k != axis]
    kind = face.new_zeros(len(face), dtype=torch.long)
    count = 1
    for column in others:
        values, places = torch.unique(column, return_inverse=True)
        kind = kind * len(values) + places
        if count > 1:
            values, kind = torch.unique(kind, return_inverse=True)
        count = len(values)
    # Not worth the sorting.
    if 2 * count > len(face):
        return functions(face, indices)
    first = torch.empty(count, dtype=torch.long, device=face.device)
    first[kind] = torch.arange(len(face), device=face.device)
    return {index: value[kind] for index, value in functions(face[first], indices).items()}


def stack_functions(families: Sequence[JetsOfFamily]) -> JetsOfFamily:
    """All families as one."""

    def together(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        jets = [family(points, indices) for family in families]
        empty = points.new_zeros(len(points), 0)
        return {index: torch.cat([empty, *(jet[index] for jet in jets)], 1) for index in indices}

    return together
