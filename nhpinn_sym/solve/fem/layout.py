"""What the data ask of a mesh, and the lattices that give it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Protocol

import numpy as np

from ...lower.forms import LoweredEquation
from ...problem.domain import BoundaryPart, Box, Domain
from ...problem.errors import ProblemError, SolveError, UnsupportedError
from ...problem.user_input import positive_number
from ...resolution import Resolution
from ...runtime.arrays import AnyArray, Bounds
from ...runtime.lattice import Lattice
from ...runtime.levels import FEWEST
from ...runtime.mesh import Mesh
from ..solution import Array

Planes = tuple[tuple[float, ...], ...]
"""Coordinates along each axis."""

# Cells along the longest axis of the first mesh.
_FEWEST = 8
# Between two breaks on the finest of three meshes: one is left of them on the first.
_FEWEST_BETWEEN = 4
# Halvings towards a singular corner: displacements are about as r^0.7 there, and 2^(-10 * 1.4) is
# 6e-5.
_CORNER_PANELS = 10
# A panel that is longer than so many cells by this share of one is not cut once more.
_FITS = 1e-6
# Cells whose lengths agree to so many digits are of one length: the lattice is uniform then.
_SAME_DIGITS = 9
# Lines that are closer than that share of an axis are one.
_TOUCHING = 1e-9


class Meshes(Protocol):
    """The meshes of a domain, as an equation asks for them."""

    @property
    def bounds(self) -> Bounds:
        """The smallest box around the domain."""

    @property
    def erratic(self) -> bool:
        """Whether data jump or kink where no mesh has its lines: a change from mesh to mesh may be
        small by accident.
        """

    @property
    def unresolved(self) -> str | None:
        """What is not known of the data."""

    def levels(self, degree: int, limit: int) -> Sequence[Mesh]:
        """The meshes to try, coarsest first, three at least, each with half the cells of the next,
        up to `limit` nodes.
        """

    def given(self, cells: Sequence[int]) -> Sequence[Mesh]:
        """The mesh of about so many cells along each axis, before it those of a quarter and a
        half.
        """

    def at_least(self, cells: Sequence[int], most: int) -> Sequence[Mesh]:
        """A mesh that resolves the data too, of `most` cells at most, before it coarser ones."""

    def resolves(self, mesh: Mesh) -> bool:
        """Whether the quadrature of a mesh misses nothing of the data."""


@singledispatch
def meshes_of(domain: Domain, equation: LoweredEquation, found: Resolution) -> Meshes:
    """The meshes of the domain of an equation, from what its data ask for.

    UnsupportedError for a kind of domain that is not registered.
    """
    raise UnsupportedError(
        "finite elements on a domain of this kind", term=domain, remedy="give domain=Box(...)"
    )


@dataclass(frozen=True)
class Layout:
    """The box of a mesh, its `panels` between which the data are resolved, and the planes of jumps.

    panels     : lines along each axis, both ends and the breaks included; empty without demands
    breaks     : planes across each axis at which data jump or kink: every mesh has lines there
    erratic    : data jump or kink elsewhere too, where no lines can be: a change from mesh to
                 mesh may be small by accident
    unresolved : what is not known of the data
    constant   : axes along which solutions are constant: they have two cells on every level
    """

    bounds: Bounds
    panels: Planes = ()
    breaks: Planes = ()
    erratic: bool = False
    unresolved: str | None = None
    constant: frozenset[int] = frozenset()

    geometry_order = math.inf

    @classmethod
    def of(cls, found: Resolution, constant: frozenset[int] = frozenset()) -> Layout:
        bounds = tuple(axis.interval for axis in found.axes)
        planes = found.lines, found.breaks, not found.planar
        return cls(bounds, *planes, found.unresolved, constant)

    def with_corners(self, parts: Sequence[BoundaryPart]) -> Layout:
        """More panels, ever narrower towards these parts of the boundary: solutions are singular
        where they meet others.
        """
        panels = [self._panels(axis) for axis in range(len(self.bounds))]
        for part in parts:
            axis = part.axis
            low, high = self.bounds[axis]
            # Singular functions are powers of the distance: cells that halve towards the corner see
            # all scales.
            away = (high - low) * 0.5 ** np.arange(1, _CORNER_PANELS + 1)
            place = self.bounds[axis][part.end]
            graded = place - part.sign * away
            nearest = np.abs(panels[axis][1:-1] - place).min(initial=high - low)
            panels[axis] = np.union1d(panels[axis], graded[away < nearest * (1 - _TOUCHING)])
        return replace(self, panels=tuple(tuple(p.tolist()) for p in panels))

    def _panels(self, axis: int) -> Array:
        """The lines between which the data are resolved along an axis, its ends at least."""
        if self.panels and len(self.panels[axis]):
            return np.array(self.panels[axis], dtype=float)
        return np.array(self.bounds[axis], dtype=float)

    def start(self) -> Lattice:
        """The panels cut into cells no longer than an eighth of the longest axis, two along each
        axis at least.
        """
        longest = max(b - a for a, b in self.bounds) / _FEWEST
        sizes = [(b - a) / 2 for a, b in self.bounds]
        varied = [k for k in range(len(sizes)) if k not in self.constant]
        for k in varied:
            sizes[k] = min(longest, sizes[k])
        return self.cut(sizes)

    def halved(self, lattice: Lattice) -> Lattice:
        """Each cell cut in two along each axis on which solutions vary."""
        return Lattice(
            tuple(
                lines if k in self.constant else lattice.nodes(k, 2)
                for k, lines in enumerate(lattice.lines)
            )
        )

    def cut(self, longest: Sequence[float]) -> Lattice:
        """The panels cut into equal cells that are not longer than that along each axis."""
        return Lattice(tuple(_cut(self._panels(k), size) for k, size in enumerate(longest)))

    def divided(self, n: int) -> tuple[int, ...]:
        """n cells along the longest axis, and about square cells."""
        return equal_cells(self.bounds, n)

    def cells_for(self, h: float) -> int:
        """Cells of about that length along the longest axis."""
        size = float(positive_number(h, ProblemError, "h", "write h=0.05"))
        return max(1, math.ceil(max(b - a for a, b in self.bounds) / size))

    def fitted(self, cells: Sequence[int], least: int = 1) -> Lattice:
        """About `cells` along each axis, with lines at the breaks alone, and `least` cells between
        two of them."""
        return Lattice.fitted(self.bounds, cells, self.breaks, least)

    def levels(self, degree: int, limit: int) -> list[Lattice]:
        """The meshes to try, coarsest first: the first one halved again and again, up to `limit`
        nodes, three at least.

        Where the limit leaves fewer, coarser ones come before, which miss what the data ask for.
        SolveError where even the lines at the breaks are more than that.
        """
        found = [self.start()]
        while found[0].count(degree) > limit:
            coarser = self.merged(found[0])
            if coarser == found[0]:
                raise SolveError(
                    f"lines at all jumps of the data make a mesh of {coarser} cells",
                    term=f"{coarser.count(degree)} nodes, max_dofs allows {limit}",
                    remedy="raise max_dofs=, or take fewer periods",
                )
            found = [coarser]
        finer = self.halved(found[-1])
        while finer.count(degree) <= limit:
            found.append(finer)
            finer = self.halved(finer)
        return self._with_coarser(found)

    def given(self, cells: Sequence[int]) -> list[Lattice]:
        """The mesh of about `cells` along each axis, before it those of a quarter and a half of the
        cells between any two breaks: with other shares of some pieces changes would show another
        rate than errors have.
        """
        finest = self.fitted(cells, _FEWEST_BETWEEN)
        return list(dict.fromkeys([self._share(finest, 4), self._share(finest, 2), finest]))

    def _share(self, lattice: Lattice, part: int) -> Lattice:
        breaks = self.breaks or ((),) * lattice.dim
        axes = zip(lattice.lines, breaks, strict=True)
        return Lattice(tuple(_share(lines, held, part) for lines, held in axes))

    def at_least(self, cells: Sequence[int], most: int) -> list[Lattice]:
        """The panels cut into `cells` along each axis at least, before it two coarser meshes.

        Where that would be more than `most` cells, the panels are left out.
        """
        sizes = [(b - a) / n * (1 + 1e-9) for (a, b), n in zip(self.bounds, cells, strict=True)]
        finest = self._judged(self.cut(sizes))
        if math.prod(finest.cells) > most:
            return self.given(cells)
        return self._with_coarser([finest])

    def _judged(self, lattice: Lattice) -> Lattice:
        """The lattice with enough cells between any two breaks that each of two coarser meshes has
        fewer: what happens in a thin layer would be the same on all of them.
        """
        breaks = self.breaks or ((),) * lattice.dim
        return Lattice(tuple(_judged(*parts) for parts in zip(lattice.lines, breaks, strict=True)))

    def resolves(self, mesh: Mesh) -> bool:
        """Whether there is a line of the lattice at the end of every panel, and nothing else to
        resolve.
        """
        if self.erratic or not self.panels:
            return not self.erratic
        return all(_holds(lines, held) for lines, held in zip(mesh.lines, self.panels))

    def _with_coarser(self, found: list[Lattice]) -> list[Lattice]:
        while len(found) < FEWEST:
            coarser = self.merged(found[0])
            if coarser == found[0]:
                break
            found = [coarser, *found]
        return found

    def merged(self, lattice: Lattice) -> Lattice:
        """The lattice with every other line left out, but for those at breaks; two cells along each
        axis stay.
        """
        breaks = self.breaks or ((),) * lattice.dim
        return Lattice(tuple(_merged(*parts) for parts in zip(lattice.lines, breaks, strict=True)))


@meshes_of.register
def _(domain: Box, equation: LoweredEquation, found: Resolution) -> Meshes:
    return Layout.of(found).with_corners(singular_parts(equation))


def singular_parts(equation: LoweredEquation) -> list[BoundaryPart]:
    """Parts of the boundary of a plane system that meet others in singular corners: those where a
    displacement is held in other components.

    In three dimensions lines towards them would be too many; scalar problems are smooth enough at
    right angles.
    """
    if equation.components < 2 or equation.domain.dim != 2 or equation.jumps:
        return []
    parts = [part for part in equation.domain.parts if part.axis not in equation.periodic]
    held = {
        part: frozenset(e.field for e in equation.essential if part.name in e.parts)
        for part in parts
    }
    return [
        part
        for part in parts
        if any(held[part] != held[other] for other in parts if other.axis != part.axis)
    ]


def equal_cells(bounds: Bounds, n: int) -> tuple[int, ...]:
    """n cells along the longest axis, about square cells, at least two along each axis."""
    lengths = [b - a for a, b in bounds]
    return tuple(max(2, round(n * length / max(lengths))) for length in lengths)


def _cut(ends: Array, longest: float) -> Array:
    """Lines that cut the panels between `ends` into equal cells no longer than that."""
    parts = np.maximum(1, np.ceil(np.diff(ends) / longest - _FITS).astype(int))
    return _equal_parts(ends, parts)


def _equal_parts(ends: Array, parts: AnyArray) -> Array:
    """Lines that cut each panel between `ends` into so many equal cells."""
    # Cells of one length are assembled once, and must be exactly equal for that.
    lengths = np.diff(ends) / parts
    if len(set(np.round(lengths / lengths.max(), _SAME_DIGITS))) == 1:
        return np.linspace(ends[0], ends[-1], int(parts.sum()) + 1)
    pieces = []
    for low, high, count in zip(ends, ends[1:], parts):
        pieces.append(np.linspace(low, high, count, endpoint=False))
    return np.append(np.concatenate(pieces), ends[-1])


def _share(lines: Array, breaks: Sequence[float], part: int) -> Array:
    """Lines with a share of the cells between any two breaks, rounded up; two cells stay."""
    slack = _TOUCHING * (lines[-1] - lines[0])
    ends = np.unique([0, *np.searchsorted(lines, np.asarray(breaks) - slack), len(lines) - 1])
    parts = -(-np.diff(ends) // part)
    if parts.sum() == 1:
        parts = np.minimum(np.diff(ends), 2)
    return _equal_parts(lines[ends], parts)


def _judged(lines: Array, breaks: Sequence[float]) -> Array:
    """Every cell of a piece between breaks cut into equal ones, where the piece has too few."""
    if not len(breaks):
        return lines
    slack = _TOUCHING * (lines[-1] - lines[0])
    at_breaks = _distances(lines, np.unique([lines[0], *breaks, lines[-1]])) <= slack
    pieces = np.cumsum(at_breaks[:-1]) - 1
    parts = np.ceil(_FEWEST_BETWEEN / np.bincount(pieces)).astype(int)[pieces]
    if parts.max() == 1:
        return lines
    cut = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(lines, lines[1:], parts)]
    return np.append(np.concatenate(cut), lines[-1])


def _merged(lines: Array, breaks: Sequence[float]) -> Array:
    if len(lines) <= 3:
        return lines
    slack = _TOUCHING * (lines[-1] - lines[0])
    fixed = np.unique([lines[0], *breaks, lines[-1]])
    stays = _distances(lines, fixed) <= slack
    since = 0
    for k in range(1, len(lines) - 1):
        since += 1
        if stays[k] or since == 2:
            stays[k] = True
            since = 0
    if stays.sum() > 2:
        return lines[stays]
    return lines[[0, len(lines) // 2, -1]]


def _holds(lines: Array, asked: Sequence[float]) -> bool:
    """Whether there is a line at each of the coordinates."""
    return bool((_distances(np.asarray(asked), lines) <= _TOUCHING * (lines[-1] - lines[0])).all())


def _distances(points: Array, lines: Array) -> Array:
    """From each point to the nearest line."""
    above = np.clip(np.searchsorted(lines, points), 1, len(lines) - 1)
    return np.minimum(np.abs(points - lines[above - 1]), np.abs(points - lines[above]))
