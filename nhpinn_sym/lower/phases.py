"""Cell problems whose coefficients jump, cut into phases: one smooth LoweredCells in each, and the
levels that vanish between them.

A piece is what one alternative of every Piecewise selects (an alternative: a branch, or one of the
conditions that an Or in it joins, such as an image of a shape), between two neighbouring planes at
which data break across an axis. A phase is a set of adjacent pieces with the same coefficients, so
that two inclusions of one material are two phases, and what layers leave between them is several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ..operator.numbers.breaks import find_breaks, smooth_levels
from ..operator.numbers.data import DataSpace
from ..problem.errors import SolveError, UnsupportedError
from ..problem.numeric import lambdified
from ..runtime.arrays import Array, ComplexArray, Integers
from ..runtime.tensor_grids import tensor_points
from .coefficient_maps import (
    all_coefficients,
    map_coefficients,
    require_fixed,
    with_active_branches,
)
from .forms import LoweredCells

# Points per axis of the grid on which phases are looked for, by the number of axes.
_GRID = {1: 4096, 2: 256, 3: 56, 4: 20}
# Of the grid in units of its spacing: next to the midpoints, so that no point lies on an interface
# that somebody drew.
# Points per axis of the grid on which phases are looked for.
_OFFSET = 0.4987
# Combinations of branches that are looked through for pieces that no point of the grid hits.
_MOST = 4096
# Relative difference of coefficients at opposite faces up to which they are one, by rounding.
_SAME = 1e-9
Alternatives = list[tuple[int, Boolean]]
"""The alternatives of one Piecewise: numbers of branches and conditions."""


@dataclass(frozen=True)
class Labels:
    """Points (n, d), of any cell, -> the number of the phase (n,): `numbers[k]` where `selector`
    has the value `codes[k]`.
    """

    coordinates: tuple[sp.Symbol, ...]
    bounds: tuple[tuple[float, float], ...]
    selector: sp.Expr
    codes: tuple[int, ...]
    numbers: tuple[int, ...]

    def __call__(self, points: Array) -> Integers:
        """SolveError where there is a phase that is too small for the grid on which they were
        looked for.
        """
        found = self.pieces(self.folded(points))
        place = np.searchsorted(self.codes, found).clip(max=len(self.codes) - 1)
        if np.any(np.asarray(self.codes)[place] != found):
            raise SolveError(
                "a phase is too small, or too thin, to be told from a point",
                term=self.selector,
                remedy='use backend="fourier" or FEM',
            )
        return np.asarray(self.numbers)[place]

    def folded(self, points: Array) -> Array:
        """The same points of the cell."""
        low, high = np.array(self.bounds).T
        return low + np.mod(points - low, high - low)

    def pieces(self, points: Array) -> Integers:
        """The values of the selector at points of the cell."""
        return np.broadcast_to(np.asarray(self._call(*points.T)), len(points)).astype(np.int64)

    @cached_property
    def _call(self) -> Callable[..., object]:
        call: Callable[..., object] = lambdified(self.coordinates, self.selector, "numpy")
        return call


@dataclass(frozen=True)
class Phases:
    """`cells[k]` are the smooth cell problems of phase k; the zeros of `levels` hold all interfaces
    that are not on the boundary of the cell.

    `regions`: the conditions of the alternatives, without the last ones (True).
    """

    cells: tuple[LoweredCells, ...]
    labels: Labels
    levels: tuple[sp.Expr, ...]
    regions: tuple[tuple[Boolean, ...], ...]


def cut_into_phases(lowered: LoweredCells, values: Mapping[str, float]) -> Phases:
    """The phases of cell problems, for these values of the parameters.

    UnsupportedError for interfaces that depend on a slow coordinate, or on a parameter without a
    value, for jumps by floor or Mod, and for a phase whose coefficients differ between opposite
    faces of the cell.
    """
    lowered = map_coefficients(lowered, lambda c: c.rewrite((sp.Heaviside, sp.sign), sp.Piecewise))
    found = set().union(*(c.atoms(sp.Piecewise) for c in all_coefficients(lowered)))
    nodes = sorted(found, key=sp.default_sort_key)
    put = {s: sp.Float(values[s.name], 17) for s in lowered.parameters if s.name in values}
    alternatives = [_alternatives(node, put) for node in nodes]
    require_fixed(lowered, [c for rows in alternatives for _, c in rows])
    planes = _planes(alternatives, lowered)
    bands = [_bands(v, p) for v, p in zip(lowered.coordinates, planes, strict=True)]
    # The bands are the last to count: phases have the order of their branches.
    radices = [*bands, *alternatives]
    selector, count = _selector(radices)
    labels = Labels(lowered.coordinates, lowered.cell.bounds, selector, (), ())
    lines = [_line(axis, labels.bounds, p) for axis, p in enumerate(planes)]
    codes = labels.pieces(tensor_points(lines)).reshape([len(line) for line in lines])
    cells = {}
    for code in np.unique(codes).tolist():
        branches = _branches(code, radices)[len(bands) :]
        cells[code] = with_active_branches(lowered, dict(zip(nodes, branches, strict=True)))
    numbers = _united(codes, cells)
    _require_periodic(labels, lines, codes, cells, numbers)
    first = {number: code for code, number in reversed(numbers.items())}
    numbers |= _unseen(min(count, _MOST), radices, numbers)
    known = tuple(sorted(numbers))
    return Phases(
        tuple(cells[first[k]] for k in sorted(first)),
        replace(labels, codes=known, numbers=tuple(numbers[code] for code in known)),
        _levels(alternatives, lowered.coordinates),
        _regions(alternatives),
    )


def _alternatives(node: sp.Piecewise, put: Mapping[sp.Symbol, sp.Expr]) -> Alternatives:
    """One for each condition; an Or is one for each of its parts, so that shapes stay apart."""
    rows = []
    for branch, (_, condition) in enumerate(node.args):
        parts = condition.args if isinstance(condition, sp.Or) else (condition,)
        rows += [(branch, part.xreplace(put)) for part in parts]
    return rows


def _planes(alternatives: Sequence[Alternatives], lowered: LoweredCells) -> tuple[Array, ...]:
    """Where conditions change across each axis: what one branch leaves between two such planes is
    not one piece, as in the gaps of layers.
    """
    space = DataSpace(lowered.coordinates, lowered.cell.bounds, len(lowered.coordinates))
    selector, _ = _selector(alternatives)
    return find_breaks([selector], space).points


def _bands(coordinate: sp.Symbol, planes: Array) -> Alternatives:
    """The bands between planes across an axis, as alternatives."""
    inner = [(n, coordinate < sp.Float(plane, 17)) for n, plane in enumerate(planes.tolist())]
    return [*inner, (len(planes), sp.true)]


def _selector(alternatives: Sequence[Alternatives]) -> tuple[sp.Expr, int]:
    """(the code of a piece at a point, number of codes): the numbers of the alternatives that hold
    there, as the digits of a number with mixed radices.
    """
    selector = sp.Integer(0)
    radix = 1
    for rows in alternatives:
        numbered = [(sp.Integer(n), condition) for n, (_, condition) in enumerate(rows)]
        selector += radix * sp.Piecewise(*numbered, evaluate=False)
        radix *= len(rows)
    return selector, radix


def _levels(
    alternatives: Iterable[Alternatives], coordinates: tuple[sp.Symbol, ...]
) -> tuple[sp.Expr, ...]:
    """Smooth functions whose zeros hold all interfaces, each once."""
    found: dict[sp.Expr, None] = {}
    for rows in alternatives:
        for _, condition in rows:
            for relation in sp.ordered(condition.atoms(Relational)):
                found |= dict.fromkeys(smooth_levels(relation.lhs - relation.rhs))
    return tuple(level for level in found if level.has(*coordinates))


def _regions(alternatives: Iterable[Alternatives]) -> tuple[tuple[Boolean, ...], ...]:
    """The conditions of each branch, but for those that are what is left."""
    regions = []
    for rows in alternatives:
        for branch in sorted({k for k, c in rows if c != sp.true}):
            regions.append(tuple(c for k, c in rows if k == branch))
    return tuple(regions)


def _unseen(
    count: int, alternatives: Sequence[Alternatives], numbers: Mapping[int, int]
) -> dict[int, int]:
    """The numbers of pieces too small for the grid, such as the cap of a disk across the boundary:
    those of the one phase with the same branches.
    """
    phases: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for code, number in numbers.items():
        phases[tuple(_branches(code, alternatives))].add(number)
    found = {}
    for code in range(count):
        same = phases.get(tuple(_branches(code, alternatives)), set())
        if code not in numbers and len(same) == 1:
            found[code] = next(iter(same))
    return found


def _branches(code: int, alternatives: Sequence[Alternatives]) -> list[int]:
    """The branch of every Piecewise from the code of a piece."""
    out = []
    for rows in alternatives:
        code, number = divmod(code, len(rows))
        out.append(rows[number][0])
    return out


def sample_points(bounds: tuple[tuple[float, float], ...]) -> Array:
    """Points of the cell near the midpoints of a uniform grid, (n, d)."""
    return tensor_points([_line(axis, bounds, np.empty(0)) for axis in range(len(bounds))])


def _line(axis: int, bounds: tuple[tuple[float, float], ...], planes: Array) -> Array:
    """Where phases are looked for along an axis: evenly, and in every band between planes."""
    a, b = bounds[axis]
    n = _GRID[len(bounds)]
    even = a + (b - a) * (np.arange(n) + _OFFSET) / n
    ends = np.array([a, *planes, b])
    return np.unique([*even, *(ends[:-1] + _OFFSET * np.diff(ends))])


def _united(codes: Integers, cells: Mapping[int, LoweredCells]) -> dict[int, int]:
    """The number of the phase of every code: adjacent pieces with the same cell problems are
    one.
    """
    root = {code: code for code in cells}

    def find(code: int) -> int:
        while root[code] != code:
            code = root[code]
        return code

    for axis in range(codes.ndim):
        touching = np.stack([codes.ravel(), np.roll(codes, 1, axis).ravel()], -1)
        for a, b in np.unique(touching[touching[:, 0] != touching[:, 1]], axis=0).tolist():
            if cells[a] == cells[b]:
                low, high = sorted((find(a), find(b)))
                root[high] = low
    order = {code: n for n, code in enumerate(sorted({find(code) for code in cells}))}
    return {code: order[find(code)] for code in sorted(cells)}


def _require_periodic(
    labels: Labels,
    lines: Sequence[Array],
    codes: Integers,
    cells: Mapping[int, LoweredCells],
    numbers: Mapping[int, int],
) -> None:
    """UnsupportedError where a phase goes on across the boundary of the cell, but a coefficient
    jumps there.
    """
    points = tensor_points(lines).reshape((*codes.shape, -1))
    for axis in range(codes.ndim):
        behind = np.take(codes, 0, axis).ravel()
        before = np.take(codes, -1, axis).ravel()
        face = np.take(points, 0, axis).reshape(-1, codes.ndim)
        for p, q in set(zip(behind.tolist(), before.tolist(), strict=True)):
            if numbers[p] == numbers[q]:
                there = face[(behind == p) & (before == q)]
                _require_equal(cells[p], cells[q], there, labels, axis)


def _require_equal(
    one: LoweredCells, other: LoweredCells, face: Array, labels: Labels, axis: int
) -> None:
    """UnsupportedError where coefficients at the lower end of an axis differ from others at the
    upper end, at points (n, d) of the face.
    """
    coordinates = labels.coordinates
    start, end = labels.bounds[axis]
    at_start = face.T.copy()
    at_start[axis] = start
    at_end = face.T.copy()
    at_end[axis] = end
    for c, d in zip(_driving(one), _driving(other), strict=True):
        here = _numbers(c, coordinates, at_start)
        beyond = _numbers(d, coordinates, at_end)
        if not np.allclose(here, beyond, rtol=_SAME, equal_nan=True):
            v = coordinates[axis]
            raise UnsupportedError(
                f"a coefficient jumps between the faces {v} = {start:g} and {v} = {end:g} of the"
                " cell",
                term=c,
                remedy=(
                    'give the phase the same values on both, or use backend="skfem",'
                    ' "dolfinx" or "fourier"'
                ),
            )


def _driving(cells: LoweredCells) -> list[sp.Expr]:
    """The coefficients of the equations, in the order of their terms."""
    return [t.coefficient for t in (*cells.bilinear, *(w for f in cells.functions for w in f.weak))]


def _numbers(c: sp.Expr, coordinates: tuple[sp.Symbol, ...], points: Array) -> ComplexArray:
    """c at points (d, n), for some values of its other symbols; what has no formula is taken to
    have the period.
    """
    if c.has(AppliedUndef):
        return np.zeros(1, dtype=complex)
    others = sorted(c.free_symbols - set(coordinates), key=str)
    generic = [0.3 + 0.17 * k for k in range(len(others))]
    call = lambdified((*coordinates, *others), c, "numpy")
    with np.errstate(all="ignore"):
        value = call(*points, *generic)
    return np.broadcast_to(np.asarray(value, dtype=complex), points.shape[1:])
