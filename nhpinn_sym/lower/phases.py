"""Cell problems whose coefficients jump, cut into phases: one smooth LoweredCells in each, and the
levels that vanish between them.

A piece is what one alternative of every Piecewise selects (an alternative: a branch, or one of the
conditions that an Or in it joins, such as an image of a shape). A phase is a set of adjacent pieces
with the same coefficients, so that two inclusions of one material are two phases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ..operator.arrays import Array, ComplexArray, Integers
from ..operator.numbers.breaks import smooth_levels
from ..operator.zero_test import jumps
from ..problem.errors import SolveError, UnsupportedError
from ..problem.numeric import lambdified
from .cells import merged, strong_source
from .forms import CellForm, Functional, LoweredCells, SourceTerm, StrongTerm, WeakTerm
from .term_forms import strong_terms

_GRID = {1: 4096, 2: 256, 3: 56, 4: 20}
"""Points per axis of the grid on which phases are looked for."""
_MOST = 4096
"""Combinations of branches that are looked through for pieces that no point of the grid hits."""
_SAME = 1e-9
_Term = TypeVar("_Term", WeakTerm, StrongTerm, SourceTerm)


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


def cut(lowered: LoweredCells, values: Mapping[str, float]) -> Phases:
    """The phases of cell problems, for these values of the parameters.

    UnsupportedError for interfaces that depend on a slow coordinate, or on a parameter without a
    value, for jumps by floor or Mod, and for a phase whose coefficients differ between opposite
    faces of the cell.
    """
    lowered = _mapped(lowered, lambda c: c.rewrite((sp.Heaviside, sp.sign), sp.Piecewise))
    nodes = sorted(
        set().union(*(c.atoms(sp.Piecewise) for c in _held(lowered))), key=sp.default_sort_key
    )
    put = {s: sp.Float(values[s.name], 17) for s in lowered.parameters if s.name in values}
    alternatives = [
        [
            (k, part.xreplace(put))
            for k, (_, c) in enumerate(node.args)
            for part in (c.args if isinstance(c, sp.Or) else (c,))
        ]
        for node in nodes
    ]
    _require_fixed(lowered, [c for rows in alternatives for _, c in rows])
    selector, radix = sp.Integer(0), 1
    for rows in alternatives:
        selector, radix = (
            selector
            + radix
            * sp.Piecewise(*[(sp.Integer(n), c) for n, (_, c) in enumerate(rows)], evaluate=False),
            radix * len(rows),
        )
    labels = Labels(lowered.coordinates, lowered.cell.bounds, selector, (), ())
    codes = labels.pieces(grid(labels.bounds)).reshape(
        (_GRID[len(labels.bounds)],) * len(labels.bounds)
    )
    cells = {
        code: _active(lowered, dict(zip(nodes, _branches(code, alternatives), strict=True)))
        for code in map(int, np.unique(codes))
    }
    numbers = _united(codes, cells)
    _require_periodic(labels, codes, cells, numbers)
    first = {number: code for code, number in reversed(numbers.items())}
    regions = tuple(
        tuple(c for k, c in rows if k == n)
        for rows in alternatives
        for n in sorted({k for k, c in rows if c != sp.true})
    )
    levels = dict.fromkeys(
        level
        for rows in alternatives
        for _, c in rows
        for r in sp.ordered(c.atoms(Relational))
        for level in smooth_levels(r.lhs - r.rhs)
        if level.has(*lowered.coordinates)
    )
    numbers |= _unseen(min(radix, _MOST), alternatives, numbers)
    known = tuple(sorted(numbers))
    return Phases(
        tuple(cells[first[k]] for k in sorted(first)),
        replace(labels, codes=known, numbers=tuple(numbers[code] for code in known)),
        tuple(levels),
        regions,
    )


def _unseen(
    count: int, alternatives: list[list[tuple[int, Boolean]]], numbers: Mapping[int, int]
) -> dict[int, int]:
    """The numbers of pieces too small for the grid, such as the cap of a disk across the boundary:
    those of the one phase with the same branches.
    """
    phases: dict[tuple[int, ...], set[int]] = {}
    for code, number in numbers.items():
        phases.setdefault(tuple(_branches(code, alternatives)), set()).add(number)
    candidates = {
        code: phases.get(tuple(_branches(code, alternatives)), set())
        for code in range(count)
        if code not in numbers
    }
    return {code: next(iter(found)) for code, found in candidates.items() if len(found) == 1}


def _branches(code: int, alternatives: list[list[tuple[int, Boolean]]]) -> list[int]:
    """The branch of every Piecewise from the code of a piece."""
    out = []
    for rows in alternatives:
        code, number = divmod(code, len(rows))
        out.append(rows[number][0])
    return out


def grid(bounds: tuple[tuple[float, float], ...]) -> Array:
    """The points of the cell at which phases are looked for, near the midpoints of a uniform grid,
    (n, d).
    """
    n = _GRID[len(bounds)]
    lines = [a + (b - a) * (np.arange(n) + 0.4987) / n for a, b in bounds]
    return np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], -1)


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
    labels: Labels, codes: Integers, cells: Mapping[int, LoweredCells], numbers: Mapping[int, int]
) -> None:
    """UnsupportedError where a phase goes on across the boundary of the cell, but a coefficient
    jumps there.
    """
    points = grid(labels.bounds).reshape((*codes.shape, -1))
    for axis, (v, ends) in enumerate(zip(labels.coordinates, labels.bounds, strict=True)):
        behind, before, face = (
            np.take(codes, 0, axis).ravel(),
            np.take(codes, -1, axis).ravel(),
            np.take(points, 0, axis).reshape(-1, codes.ndim),
        )
        for p, q in {
            pair
            for pair in zip(behind.tolist(), before.tolist(), strict=True)
            if numbers[pair[0]] == numbers[pair[1]]
        }:
            there = face[(behind == p) & (before == q)].T
            sides = [
                np.array([*there[:axis], np.full(there.shape[1], end), *there[axis + 1 :]])
                for end in ends
            ]
            for c, d in zip(_driving(cells[p]), _driving(cells[q]), strict=True):
                here, beyond = (
                    _numbers(e, labels.coordinates, y) for e, y in zip((c, d), sides, strict=True)
                )
                if not np.allclose(here, beyond, rtol=_SAME, equal_nan=True):
                    raise UnsupportedError(
                        f"a coefficient jumps between the faces {v} = {ends[0]:g} and {v} ="
                        f" {ends[1]:g} of the cell",
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
    with np.errstate(all="ignore"):
        value = lambdified((*coordinates, *others), c, "numpy")(
            *points, *(0.3 + 0.17 * k for k in range(len(others)))
        )
    return np.broadcast_to(np.asarray(value, dtype=complex), points.shape[1:])


def _active(lowered: LoweredCells, branch: Mapping[sp.Piecewise, int]) -> LoweredCells:
    """The smooth cell problems where each Piecewise is its active branch."""

    def choose(e: sp.Basic) -> sp.Basic:
        if isinstance(e, sp.Piecewise):
            return choose(e.args[branch[e]].expr)
        return e.func(*map(choose, e.args)) if e.has(sp.Piecewise) else e

    cells = _mapped(lowered, choose)
    for c in _held(cells):
        if jumps(c):
            raise UnsupportedError(
                "this jump is not given as a Piecewise",
                term=c,
                remedy="write it as sp.Piecewise on one cell, or with nh.phases",
            )
    strong = [
        (t.equation, t.left, (-1) ** sum(t.left) * t.coefficient, t.field, t.right)
        for t in cells.bilinear
    ]
    functions = tuple(
        replace(f, source=_strong_sources(f, cells.coordinates)) for f in cells.functions
    )
    return replace(
        cells, strong=strong_terms(strong, cells.coordinates), functions=functions, jumps=False
    )


def _strong_sources(form: CellForm, coordinates: tuple[sp.Symbol, ...]) -> tuple[SourceTerm, ...]:
    """The strong right-hand side from the weak one."""
    return merged(
        [
            s
            for w in form.weak
            for s in strong_source(
                w.equation, w.left, (-1) ** (sum(w.left) + 1) * w.coefficient, w.factor, coordinates
            )
        ]
    )


def _require_fixed(lowered: LoweredCells, conditions: Iterable[Boolean]) -> None:
    for c in conditions:
        moving = sorted(c.free_symbols - set(lowered.coordinates), key=str)
        if moving:
            raise UnsupportedError(
                f"an interface moves with {moving[0]}",
                term=c,
                remedy='use backend="fourier" or FEM, or give the parameter a value',
            )
        if c.has(sp.floor, sp.ceiling, sp.frac, sp.Mod, sp.Heaviside, sp.sign, sp.Piecewise):
            raise UnsupportedError(
                "a condition that jumps itself",
                term=c,
                remedy="write the condition on one cell, with smooth functions, or use nh.phases",
            )


def _held(lowered: LoweredCells) -> list[sp.Expr]:
    """Every coefficient."""
    found: list[sp.Expr] = []

    def note(coefficient: sp.Expr) -> sp.Expr:
        found.append(coefficient)
        return coefficient

    _mapped(lowered, note)
    return found


def _mapped(lowered: LoweredCells, change: Callable[[sp.Expr], sp.Expr]) -> LoweredCells:
    """The same with every coefficient changed; the strong forms, which a jump has emptied, are
    left.
    """

    def terms(group: tuple[_Term, ...]) -> tuple[_Term, ...]:
        return tuple(replace(t, coefficient=change(t.coefficient)) for t in group)

    def functional(f: Functional) -> Functional:
        return replace(
            f,
            constant=change(f.constant),
            terms=tuple(replace(t, coefficient=change(t.coefficient)) for t in f.terms),
        )

    return replace(
        lowered,
        bilinear=terms(lowered.bilinear),
        mass=terms(lowered.mass),
        functions=tuple(replace(f, weak=terms(f.weak)) for f in lowered.functions),
        constants=tuple(
            replace(c, numerator=functional(c.numerator), denominator=functional(c.denominator))
            for c in lowered.constants
        ),
        effective=tuple(map(functional, lowered.effective)),
        higher=tuple(map(functional, lowered.higher)),
    )
