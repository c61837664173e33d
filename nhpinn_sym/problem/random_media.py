"""Random composites: disks, balls or parallel fibres that do not overlap, in a periodic cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..runtime.arrays import AnyArray, Array
from .domain import Cell, refuse_lattice
from .errors import ProblemError, shortened
from .joined_shapes import Shape
from .pictures import Drawing
from .region_picture import draw_medium
from .scales import Scales
from .shapes import Ball, Cylinder, Disk
from .user_input import instance, positive_integer, positive_number

# Places that are tried for one inclusion: random places are found up to shares of about 0.5 in the
# plane and 0.33 in space (jamming: 0.547 and 0.384).
_TRIES = 20_000
_VOLUMES = {2: math.pi, 3: 4 * math.pi / 3}


@dataclass(frozen=True, eq=False)
class RandomMedium:
    """Equal inclusions at random places of a periodic cell, see `rve`.

    centres  : (count, d), or the two coordinates (count, 2) across the fibres along `axis`
    radius   : of each
    fraction : the share of the cell that they fill, exactly

    >>> medium = nh.rve(nh.Scales(2), fraction=0.3, count=20, seed=1)
    >>> medium
    20 inclusions of radius 0.0691, share 0.3
    >>> medium.labels(64).shape
    (64, 64)
    """

    centres: Array
    radius: float
    cell: Cell
    axis: int | None
    fraction: float

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The inclusions, for `nh.phases(s, dict.fromkeys(medium.shapes, 10))`."""
        places = [tuple(map(_exact, centre)) for centre in self.centres.tolist()]
        radius = _exact(self.radius)
        if self.axis is not None:
            return tuple(Cylinder(place, radius, self.axis) for place in places)
        kind = Disk if self.cell.dim == 2 else Ball
        return tuple(kind(place, radius) for place in places)

    def labels(self, n: int) -> AnyArray:
        """1 in the pixels whose centres lie in an inclusion, 0 elsewhere, for `nh.image`: n pixels
        along the longest axis of the cell, and about square ones.
        """
        positive_integer(n, "n", least=2)
        lengths = self._lengths
        longest = max(b - a for a, b in self.cell.bounds)
        shape = [max(1, round(n * (b - a) / longest)) for a, b in self.cell.bounds]
        across = self._across
        lines = []
        for k in across:
            a, b = self.cell.bounds[k]
            lines.append(a + (b - a) * (np.arange(shape[k]) + 0.5) / shape[k])
        found = np.zeros([shape[k] for k in across], dtype=np.uint8)
        for centre in self.centres:
            near = [_near(line, *pair) for line, *pair in zip(lines, centre, lengths, strict=True)]
            places = [np.flatnonzero(gap < self.radius) for gap in near]
            squares = [gap[place] ** 2 for gap, place in zip(near, places, strict=True)]
            total = sum(np.meshgrid(*squares, indexing="ij", sparse=True))
            found[np.ix_(*places)] |= np.asarray(total < self.radius**2, dtype=np.uint8)
        if self.axis is not None:
            found = np.repeat(np.expand_dims(found, self.axis), shape[self.axis], self.axis)
        return found

    def plot(self) -> Drawing:
        """The inclusions in the cell; of balls the cut through its middle."""
        return draw_medium(self)

    @property
    def _across(self) -> list[int]:
        """The axes along which the inclusions are round."""
        return [k for k in range(self.cell.dim) if k != self.axis]

    @property
    def _lengths(self) -> Array:
        bounds = self.cell.bounds
        return np.array([bounds[k][1] - bounds[k][0] for k in self._across])

    def __repr__(self) -> str:
        return (
            f"{len(self.centres)} inclusions of radius {self.radius:.4g}, share {self.fraction:.4g}"
        )


def rve(
    scales: Scales,
    fraction: float,
    count: int,
    *,
    seed: int = 0,
    gap: float = 0.0,
    axis: int | None = None,
    cell: Cell | None = None,
) -> RandomMedium:
    """`count` equal inclusions at random, which do not overlap, and fill a share of the cell: disks
    in two dimensions, balls in three, or fibres along `axis`.

    seed : of the random places; the same one gives the same medium
    gap  : least distance of two inclusions, in radii
    cell : the periodicity cell (default: the unit cell)
    Each inclusion is put at the first random place that is free. ProblemError where none is found:
    a share above about 0.5 in the plane, or 0.33 in space, is too dense for that.

    Statistics are those of many seeds:

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u")
    >>> models = []
    >>> for seed in range(3):
    ...     labels = nh.rve(s, 0.3, 5, seed=seed).labels(32)
    ...     a = nh.image(s, labels, {0: 1, 1: 10})
    ...     equation = sp.Eq(-s.div(a * s.grad(u)), 1)
    ...     models.append(nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u)))
    >>> cells = nh.solve_many(models, "voxel", tolerance=0.1)
    >>> conductivity = [c.effective["A"].trace() / 2 for c in cells]
    >>> 1.3 < np.mean(conductivity) < 2.5 and np.std(conductivity, ddof=1) < 0.2
    True
    """
    scales = instance(scales, Scales, "scales", "write nh.rve(s, 0.3, 20) with s = Scales(2)")
    cell = Cell.unit(scales.dim) if cell is None else cell
    cell = instance(cell, Cell, "cell", "write cell=Cell((0, 1), ...)")
    share = float(positive_number(fraction, ProblemError, "fraction", "write 0.3"))
    positive_integer(count, "count", most=100_000)
    positive_integer(seed, "seed", least=0)
    across = _axes(scales.dim, axis, cell)
    lengths = np.array([cell.bounds[k][1] - cell.bounds[k][0] for k in across])
    volume = float(np.prod(lengths))
    if not share < 1:
        raise ProblemError(
            "the inclusions would fill more than the cell",
            term=f"fraction={shortened(fraction)}",
            remedy="give the share of the cell, such as 0.3",
        )
    radius = (share * volume / (count * _VOLUMES[len(across)])) ** (1 / len(across))
    distance = radius * (2 + _gap(gap))
    if distance > lengths.min():
        raise ProblemError(
            "an inclusion would touch its own image",
            term=f"radius {radius:.3g} in a cell of {' x '.join(f'{v:g}' for v in lengths)}",
            remedy="take more inclusions, or a smaller share",
        )
    places = _places(count, lengths, distance, np.random.default_rng(seed), share)
    low = np.array([cell.bounds[k][0] for k in across])
    return RandomMedium(low + places, radius, cell, axis, share)


def _axes(dim: int, axis: int | None, cell: Cell) -> list[int]:
    """The axes along which the inclusions are round."""
    if cell.dim != dim:
        raise ProblemError(
            f"the cell has dimension {cell.dim}, the scales have {dim}",
            term=cell,
            remedy="give one interval per dimension",
        )
    if axis is not None and (dim != 3 or type(axis) is not int or not 0 <= axis < 3):
        raise ProblemError(
            "fibres run along an axis 0, 1 or 2 of three dimensions",
            term=f"axis={shortened(axis)}",
            remedy="leave it out for disks and balls",
        )
    refuse_lattice(cell, "random inclusions")
    across = [k for k in range(dim) if k != axis]
    if len(across) not in _VOLUMES:
        raise ProblemError(
            "random inclusions in one dimension",
            term=f"{dim} dimension",
            remedy="write layers: nh.phases(s, {nh.Layer(0, (0.2, 0.6)): 10})",
        )
    return across


def _gap(gap: object) -> float:
    if gap == 0:
        return 0.0
    return float(positive_number(gap, ProblemError, "gap", "write gap=0.1, in radii"))


def _places(
    count: int, lengths: Array, distance: float, random: np.random.Generator, share: float
) -> Array:
    """(count, d) places in a box, no two closer than a distance modulo its lengths."""
    found = np.zeros((count, len(lengths)))
    for k in range(count):
        for _ in range(_TRIES):
            place = lengths * random.random(len(lengths))
            apart = np.abs(found[:k] - place)
            apart = np.minimum(apart, lengths - apart)
            if not ((apart**2).sum(axis=1) < distance**2).any():
                found[k] = place
                break
        else:
            raise ProblemError(
                f"no free place was found for inclusion {k + 1} of {count}",
                term=f"fraction={share:g}",
                remedy="take a smaller share or gap, or another seed",
            )
    return found


def _near(line: Array, centre: float, length: float) -> Array:
    """The distances of points from a place, modulo a length."""
    gap = np.abs(line - centre)
    gap = gap - length * np.floor(gap / length)
    return np.minimum(gap, length - gap)


def _exact(value: float) -> sp.Expr:
    return sp.Rational(value)
