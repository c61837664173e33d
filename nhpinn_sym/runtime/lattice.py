"""Lattices: box meshes that are tensor products of lines, equally spaced or graded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array

# How far outside, as a fraction of the box's length, a point counts as one on the face.
_OUTSIDE = 1e-9
# Deviation from equal spacing, as a fraction of the box's length, that is rounding.
_EQUAL = 1e-13
# Of planes: two that agree in these are one.
_DECIMALS = 14
# How far a dof may be from its node, as a fraction of the smaller one of the two cells there.
_SNAP = 1e-3


@dataclass(frozen=True, eq=False)
class Lattice:
    """The box mesh whose cells are the boxes between the `lines` of each axis, both ends included.

    Equal lines make equal lattices, so that a lattice may be a key. ValueError for lines that are
    fewer than two, not finite or not increasing.
    """

    lines: tuple[Array, ...]

    def __post_init__(self) -> None:
        for axis, lines in enumerate(self.lines):
            gaps = np.diff(lines)
            if np.ndim(lines) != 1 or not len(gaps) or not (np.isfinite(gaps) & (gaps > 0)).all():
                raise ValueError(f"the lines along axis {axis} do not increase")

    @classmethod
    def uniform(cls, bounds: Sequence[tuple[float, float]], cells: Sequence[int]) -> Lattice:
        """The box `bounds` cut into `cells` equal parts along each axis."""
        pairs = zip(bounds, cells, strict=True)
        return cls(tuple(np.linspace(a, b, n + 1) for (a, b), n in pairs))

    @classmethod
    def fitted(
        cls,
        bounds: Sequence[tuple[float, float]],
        cells: Sequence[int],
        breaks: Sequence[Sequence[float]] = (),
        least: int = 1,
    ) -> Lattice:
        """About as many cells along each axis, with lines at its `breaks`.

        The pieces between breaks are cut into equal parts, in proportion to their lengths but into
        `least` at least. Without breaks, and where they fall on those lines, the cells are equal.
        """
        held = breaks or [()] * len(bounds)
        axes = zip(bounds, cells, held, strict=True)
        return cls(tuple(_pieces(*parts, least) for parts in axes))

    @property
    def dim(self) -> int:
        return len(self.lines)

    @property
    def cells(self) -> tuple[int, ...]:
        """The number of cells along each axis."""
        return tuple(len(lines) - 1 for lines in self.lines)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return tuple((float(lines[0]), float(lines[-1])) for lines in self.lines)

    def side(self, normal: Sequence[float]) -> tuple[int, int]:
        """(axis, 0 or 1 for its lower or upper end) of the side with this outward normal.

        ValueError for a normal that is along no axis.
        """
        if len(normal) != self.dim:
            raise ValueError(f"a box of {self.dim} dimensions has no side with normal {normal}")
        return side_of(normal)

    @cached_property
    def equal(self) -> tuple[bool, ...]:
        """Along which axes all cells have one length: there a point is found by a division."""
        return tuple(_equally_spaced(lines) for lines in self.lines)

    @cached_property
    def _key(self) -> tuple[bytes, ...]:
        return tuple(lines.tobytes() for lines in self.lines)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lattice) and self._key == other._key

    def __str__(self) -> str:
        return "x".join(map(str, self.cells))

    def nodes(self, axis: int, degree: int) -> Array:
        """The coordinates (cells degree + 1,) of the nodes of elements of that degree along an
        axis.
        """
        if self.equal[axis]:
            return np.linspace(*self.bounds[axis], self.cells[axis] * degree + 1)
        lines = self.lines[axis]
        inner = lines[:-1, None] + np.diff(lines)[:, None] * (np.arange(degree) / degree)
        return np.append(inner.ravel(), lines[-1])

    def count(self, degree: int) -> int:
        """The number of nodes."""
        return math.prod(n * degree + 1 for n in self.cells)

    def halved(self) -> Lattice:
        """The lattice with each cell cut in two along each axis."""
        return Lattice(tuple(self.nodes(axis, 2) for axis in range(self.dim)))

    def locate(
        self, axis: int, x: Array, periodic: bool = False
    ) -> tuple[NDArray[np.intp], Array, Array]:
        """(number, place in (0, 1), length) of the cells that hold the coordinates x along an axis.

        Points on a line belong to the upper cell. ValueError for points outside unless `periodic`.
        """
        lines = self.lines[axis]
        low, high = self.bounds[axis]
        position = (x - low) / (high - low)
        if periodic:
            position = position - np.floor(position)
        elif not np.all((position >= -_OUTSIDE) & (position <= 1 + _OUTSIDE)):
            raise ValueError(
                f"a coordinate along axis {axis} is outside ({low}, {high}) or not a number"
            )
        n = self.cells[axis]
        if self.equal[axis]:
            cell = np.clip(np.floor(position * n), 0, n - 1).astype(np.intp)
            return cell, position * n - cell, np.asarray((high - low) / n)
        inside = low + position * (high - low) if periodic else x
        cell = np.clip(np.searchsorted(lines, inside, side="right") - 1, 0, n - 1)
        lengths = np.diff(lines)[cell]
        return cell, (inside - lines[cell]) / lengths, lengths

    def numbers(self, axis: int, x: Array, degree: int) -> NDArray[np.int64]:
        """The numbers of the nodes at the coordinates x along an axis; ValueError where there is
        none.
        """
        nodes = self.nodes(axis, degree)
        gaps = np.diff(nodes)
        # The nearest node: dofs come with the rounding of a library, and graded cells have no
        # formula.
        found = np.searchsorted(nodes[:-1] + gaps / 2, x).astype(np.int64)
        after = np.append(gaps, np.inf)
        before = np.append(np.inf, gaps)
        smaller = np.minimum(after, before)[found]
        if (np.abs(x - nodes[found]) > _SNAP * smaller).any():
            raise ValueError(f"a dof is not at a node of the lattice along axis {axis}")
        return found


def side_of(normal: Sequence[float]) -> tuple[int, int]:
    """(axis, 0 or 1 for its lower or upper end) of the side of a box with this outward normal;
    ValueError for a normal that is along no axis.
    """
    along = [k for k, n in enumerate(normal) if n != 0]
    if len(along) != 1:
        raise ValueError(f"a box has no side with normal {normal}")
    return along[0], int(normal[along[0]] > 0)


def all_breaks(forms: Any, eps: float) -> list[list[float]]:
    """The planes across each axis where the data of an emitted equation jump or kink: its BREAKS,
    and those of every period of the fast variables.

    FAST_BREAKS: (axis, power, period, points), for planes x = eps^power (point + k length of the
    period).
    """
    found = [list(points) for points in forms.BREAKS]
    for axis, power, (low, high), points in forms.FAST_BREAKS:
        scale = eps**power
        period = high - low
        start, end = forms.DOMAIN[axis]
        first = math.floor((start / scale - low) / period)
        last = math.ceil((end / scale - low) / period)
        shifts = period * np.arange(first, last)
        found[axis] += (scale * (np.asarray(points) + shifts[:, None])).ravel().tolist()
    # planes that two periods share differ by rounding
    return [np.unique(np.round(points, _DECIMALS)).tolist() for points in found]


def _pieces(bounds: tuple[float, float], count: int, breaks: Sequence[float], least: int) -> Array:
    """The lines of one axis, about `count` cells with lines at the breaks."""
    low, high = bounds
    length = high - low
    slack = _OUTSIDE * length
    inside = sorted(float(b) for b in breaks if low + slack < b < high - slack)
    even = np.linspace(low, high, count + 1)
    distances = np.abs(even[:, None] - inside).min(axis=0)
    ends = np.array([low, *inside, high])
    shares = np.rint(np.diff(ends) / length * count).astype(int)
    # Breaks that lie on equal lines keep them: cells of one length are assembled once.
    if distances.max(initial=0.0) <= _EQUAL * length and (not inside or shares.min() >= least):
        return even
    pieces = [
        np.linspace(a, b, max(least, n), endpoint=False) for a, b, n in zip(ends, ends[1:], shares)
    ]
    return np.append(np.concatenate(pieces), high)


def _equally_spaced(lines: Array) -> bool:
    """Whether the lines differ from equal ones by rounding, of them or of the box's length."""
    even = np.linspace(lines[0], lines[-1], len(lines))
    rounding = 4 * np.finfo(float).eps * np.abs(lines).max()
    slack = _EQUAL * (lines[-1] - lines[0]) + rounding
    far_less_than_a_cell = 1e-3 * (even[1] - even[0])
    return bool(np.abs(lines - even).max() <= min(slack, far_less_than_a_cell))
