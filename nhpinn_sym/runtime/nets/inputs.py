"""What a net is given for the coordinates of a point: periodic, scaled and graded ones, poles
inside inclusions, and kinks at interfaces; all with their derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..arrays import MultiIndex
from ..lattice import side_of
from .jets import Jet, below, binomial, minus, product, total

Axes = tuple[tuple[str, float, float], ...]
"""(kind, a, b) of each column of points: "periodic", "scaled", "graded", or "constant" for one that
nothing depends on.

Behind the axes of the columns may stand poles, one entry per column each: ("pole", c, c + period),
or ("along", 0, 1) for a column that the pole does not depend on. Its inputs are periodic and behave
as z/|z|^2 near z = points - c = 0: the field outside of an inclusion around c.

Or places where data are sharp, one entry per column each: ("sharp", c, c + width), or ("along", 0,
1). Their inputs do half of their turn within the width around c: what a net makes of them varies
there as slowly as elsewhere.
"""
GRADE = 100.0
"""What a graded axis is stretched by at its start."""
# Of an axis, where they are not one.
_INPUTS = {"periodic": 2, "constant": 0, "sharp": 2}


@dataclass(frozen=True)
class Kinks:
    """Inputs max(level, 0)^power, continued periodically: their derivative number `power` jumps
    where a level vanishes.

    levels: points (..., columns) -> the jets of the level functions, (..., count); power 1 or 2.
    """

    levels: Callable[[torch.Tensor], Jet]
    count: int
    power: int

    def jet(self, points: torch.Tensor, indices: tuple[MultiIndex, ...], axes: Axes) -> Jet:
        """The jets of the kinks, (..., count)."""
        wrapped = [
            a + torch.remainder(points[..., k] - a, b - a) for k, (_, a, b) in enumerate(axes)
        ]
        jet = self.levels(torch.stack(wrapped, -1))
        inside = next(iter(jet.values())) > 0
        one = {a: torch.where(inside, jet[a], 0.0) for a in indices}
        if self.power == 2:
            return product(one, one)
        return one


def embed(
    points: torch.Tensor,
    indices: tuple[MultiIndex, ...],
    axes: Axes,
    kinks: Kinks | None = None,
) -> Jet:
    """The jet of the inputs, (..., inputs): those of the columns, of the poles, of the sharp places
    and of the kinks.

    "periodic" gives cos and sin of 2 pi (p - a)/(b - a), "scaled" maps (a, b) to (-1, 1), "graded"
    too but by a logarithm that stretches the start (a, a + (b - a)/GRADE), "constant" makes none.
    Columns beyond the length of a multi-index are not differentiated.
    """
    count = column_count(axes)
    jet = embed_columns(points, indices, axes[:count])
    for k in range(count, len(axes), count):
        block = axes[k : k + count]
        if any(kind == "sharp" for kind, _, _ in block):
            values = embed_sharp(points, indices, block, axes)
        else:
            values = embed_pole(points, indices, block)
        for value in values:
            jet = {a: torch.cat([jet[a], value[a][..., None]], -1) for a in indices}
    if kinks is not None:
        bends = kinks.jet(points, indices, axes)
        jet = {a: torch.cat([value, bends[a]], -1) for a, value in jet.items()}
    return jet


def column_count(axes: Axes) -> int:
    """How many columns points have: each pole and sharp place has as many axes behind theirs."""
    behind = [k for k, (kind, _, _) in enumerate(axes) if kind in ("pole", "along", "sharp")]
    return behind[0] if behind else len(axes)


def embed_columns(points: torch.Tensor, indices: tuple[MultiIndex, ...], axes: Axes) -> Jet:
    """The jet of the inputs that the columns of `points` make."""
    jet: Jet = {}
    for index in indices:
        columns = []
        for i, axis in enumerate(axes):
            order = index[i] if i < len(index) else 0
            values = embed_axis(points[..., i], order, *axis)
            if sum(index) != order:
                values = [torch.zeros_like(value) for value in values]
            columns += values
        jet[index] = torch.stack(columns, -1)
    return jet


def embed_axis(p: torch.Tensor, order: int, kind: str, a: float, b: float) -> list[torch.Tensor]:
    """The derivatives of one order of the inputs that one coordinate makes."""
    if kind == "constant":
        return []
    if kind == "periodic":
        omega = 2 * math.pi / (b - a)
        phase = omega * (p - a) + order * math.pi / 2
        return [omega**order * torch.cos(phase), omega**order * torch.sin(phase)]
    if kind == "graded":
        rate = GRADE / (b - a)
        size = 2 / math.log1p(GRADE)
        if order == 0:
            return [size * torch.log1p(rate * (p - a)) - 1]
        sign = (-1) ** (order - 1)
        # Derivatives of the logarithm.
        power = (rate / (1 + rate * (p - a))) ** order
        return [size * sign * math.factorial(order - 1) * power]
    if order == 0:
        return [(2 * p - a - b) / (b - a)]
    return [torch.full_like(p, 2 / (b - a) if order == 1 else 0.0)]


def embed_pole(points: torch.Tensor, indices: tuple[MultiIndex, ...], pole: Axes) -> list[Jet]:
    """The jets of r_i sin(z_i / r_i) / sum_k 2 r_k^2 (1 - cos(z_k / r_k)), r = period / 2 pi; one
    per column.
    """
    zero = torch.zeros_like(points[..., 0])
    sines: list[Jet] = [dict.fromkeys(indices, zero) for _ in pole]
    square = dict.fromkeys(indices, zero)
    for i, (kind, c, end) in enumerate(pole):
        if kind == "along":
            continue
        unit = (end - c) / (2 * math.pi)
        for index in indices:
            if sum(index) == index[i]:  # others vanish: each coordinate has its own term
                cosine, sine = embed_axis(points[..., i], index[i], "periodic", c, end)
                one = float(not any(index))
                sines[i][index] = unit * sine
                square[index] = square[index] + 2 * unit**2 * (one - cosine)
    inverse = reciprocal(square)
    return [product(sine, inverse) for sine in sines]


def embed_sharp(
    points: torch.Tensor, indices: tuple[MultiIndex, ...], places: Axes, axes: Axes
) -> list[Jet]:
    """The jets of cos t and sin t for each column with a place; 0 along others.

    tan(t/2) = (p - c)/width, and on periodic columns, in half turns of the period,
    tan(p - c)/tan(width): a Moebius map of the circle.
    """
    zero = torch.zeros_like(points[..., 0])
    found: list[Jet] = []
    for i, (place, column) in enumerate(zip(places, axes)):
        if place[0] == "along":
            found.append(dict.fromkeys(indices, zero))
            continue
        near, far, between = (dict.fromkeys(indices, zero) for _ in range(3))
        for index in indices:
            order = index[i] if i < len(index) else 0
            if sum(index) == order:
                values = _distances(points[..., i], order, place[1:], column)
                near[index], far[index], between[index] = values
        inverse = reciprocal({a: near[a] + far[a] for a in indices})
        found.append(product({a: near[a] - far[a] for a in indices}, inverse))
        found.append(product(between, inverse))
    return found


def _distances(
    p: torch.Tensor, order: int, place: tuple[float, float], column: tuple[str, float, float]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The derivatives of one order of width^2, z^2 and 2 width z for z = p - c; on periodic columns
    of tangents, all times the squared cosine of z.
    """
    c, end = place
    kind, a, b = column
    one = torch.full_like(p, float(order == 0))
    if kind == "periodic":
        width = math.tan(math.pi * (end - c) / (b - a))
        cosine, sine = embed_axis(p, order, kind, c, c + b - a)
        return width**2 * (one + cosine), one - cosine, 2 * width * sine
    width = end - c
    z = p - c
    slopes = [z, torch.ones_like(p)]
    squares = [z * z, 2 * z, torch.full_like(p, 2.0)]
    slope, square = (v[order] if order < len(v) else 0.0 * p for v in (slopes, squares))
    return width**2 * one, square, 2 * width * slope


def reciprocal(f: Jet) -> Jet:
    """The jet of 1/f, by Leibniz' rule for f (1/f) = 1."""
    out: Jet = {}
    for a, value in f.items():
        lower = [b for b in below(a) if any(b)]
        if not lower:
            out[a] = 1 / value
            continue
        parts = [binomial(a, b) * f[b] * out[minus(a, b)] for b in lower]
        out[a] = -total(parts) * out[minus(a, a)]
    return out


def input_count(axes: Axes, kinks: Kinks | None = None) -> int:
    """How many inputs a net has."""
    columns = sum(_INPUTS.get(kind, 1) for kind, _, _ in axes)
    if kinks is None:
        return columns
    return columns + kinks.count


def moved_to_side(points: torch.Tensor, normal: Sequence[float], axes: Axes) -> torch.Tensor:
    """Points of the box, moved along an axis to the side that has this outward normal."""
    axis, end = side_of(normal)
    _, *ends = axes[axis]
    there = points.clone()
    there[..., axis] = ends[end]
    return there


def spread(unit: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Points of the box from points of the unit cube, uniform in the scaled or stretched coordinate
    of each axis; in the angle of the inputs near a sharp place.
    """
    columns = []
    for i, (kind, a, b) in enumerate(axes):
        part = unit[..., i]
        if kind == "graded":
            # As many points in each octave from the start: what decays from there is seen on all
            # scales.
            part = torch.expm1(part * math.log1p(GRADE)) / GRADE
        if kind == "sharp":
            part = torch.tan(math.pi * (part - 0.5))
        columns.append(a + (b - a) * part)
    return torch.stack(columns, -1)
