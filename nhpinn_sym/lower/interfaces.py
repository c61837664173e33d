"""Interfaces at which coefficients of problems jump, for meshes that fit them.

On such a mesh every element lies on one side of each interface, but points of a curved element may
lie beyond it: conditions are asked in the middle of the element, values at the points themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from ..operator.numbers.breaks import smooth_levels
from ..problem.numeric import lambdified
from ..problem.perforated_domain import PerforatedDomain
from ..problem.regions import Region
from ..runtime.arrays import Array, Integers
from .coefficient_maps import map_coefficients
from .forms import LoweredCells, LoweredEquation, WeakTerm

_STEPS = (sp.floor, sp.ceiling)


def with_middles(cells: LoweredCells) -> LoweredCells:
    """The cell problems with conditions that hold `middles`, the coordinates of the middle of the
    element, in the place of the coordinates; as they are where no mesh fits the interfaces: in
    other than two dimensions, for other orders than the second, for interfaces that move with a
    slow variable or lie along the axes alone, in space for those that are neither along nor across
    a free axis, and where the places of jumps are not known.
    """
    found = map_coefficients(cells, _written)
    conditions = _conditions(found)
    names = set(cells.coordinates) | set(cells.parameters)
    dim = len(cells.coordinates)
    solid = dim in (2, 3) and cells.cell.dim == dim and cells.order == 2
    known = all(c.free_symbols <= names for c in conditions)
    oblique = any(len(_along(c, cells)) > 1 for c in conditions)
    own = cells.coordinates
    flat = dim == 2 or not any(_leans(c, own, axis) for c in conditions for axis in cells.free)
    plain = cells.finer is None and not _has_time(cells)
    if not (solid and flat and known and oblique and plain):
        return cells
    middles = middle_symbols(cells.coordinates)
    return replace(
        map_coefficients(found, lambda c: in_middles(c, cells.coordinates)), middles=middles
    )


def equation_with_middles(equation: LoweredEquation) -> LoweredEquation:
    """The same for what is integrated over a plane region; as it is on other domains, where nothing
    jumps in the coordinates, and where jumps move in time."""
    conditions = {c for datum in integrated(equation) for c in jumps_by(datum)}
    known = {*equation.coordinates, *equation.parameters}
    here = any(c.has(*equation.coordinates) for c in conditions)
    fitted = isinstance(equation.domain, (Region, PerforatedDomain)) and equation.order == 2
    if not (fitted and here and all(c.free_symbols <= known for c in conditions)):
        return equation

    def moved(terms: tuple[WeakTerm, ...]) -> tuple[WeakTerm, ...]:
        own = equation.coordinates
        return tuple(replace(t, coefficient=in_middles(t.coefficient, own)) for t in terms)

    return replace(
        equation,
        mass=moved(equation.mass),
        bilinear=moved(equation.bilinear),
        linear=moved(equation.linear),
        middles=middle_symbols(equation.coordinates),
    )


def integrated(equation: LoweredEquation) -> list[sp.Expr]:
    """The coefficients and sources of a boundary value problem, with jumps by Piecewise and floor
    alone."""
    terms = (*equation.mass, *equation.bilinear, *equation.linear)
    return [_written(c) for c in dict.fromkeys(t.coefficient for t in terms)]


def branches(data: Iterable[sp.Expr], coordinates: Sequence[sp.Symbol]) -> list[sp.Expr]:
    """The steps of data, and the numbers of the branches of their Piecewise, that depend on the
    coordinates alone."""
    found: dict[sp.Expr, None] = {}
    for node in (node for datum in data for node in _outer(_written(datum))):
        if any(not c.free_symbols <= set(coordinates) for c in _asked(node)):
            continue
        numbered = node
        if isinstance(node, sp.Piecewise):
            numbered = sp.Piecewise(*((sp.Integer(k), c) for k, (_, c) in enumerate(node.args)))
        found[numbered] = None
    return list(found)


def middle_symbols(coordinates: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    """For the coordinates of the middle of the element that holds a point."""
    return tuple(sp.Symbol(f"{v.name}_middle", real=True) for v in coordinates)


def in_middles(expr: sp.Expr, coordinates: Sequence[sp.Symbol]) -> sp.Expr:
    """The expression with conditions that hold `middle_symbols`."""
    swap = dict(zip(coordinates, middle_symbols(coordinates), strict=True))
    found: sp.Expr = _moved(_written(expr), swap)
    return found


def _has_time(cells: LoweredCells) -> bool:
    """Whether an axis of the cell has no second derivatives."""
    return not all(
        any(t.left[k] and t.right[k] for t in cells.bilinear) for k in range(len(cells.coordinates))
    )


def _written(c: sp.Expr) -> sp.Expr:
    """Jumps by Piecewise and floor alone."""
    if c.has(sp.Heaviside, sp.sign):
        c = c.rewrite((sp.Heaviside, sp.sign), sp.Piecewise)
    if c.has(sp.Mod, sp.frac):
        c = c.replace(sp.Mod, lambda p, q: p - q * sp.floor(p / q))
        c = c.replace(sp.frac, lambda p: p - sp.floor(p))
    return c


def _moved(c: sp.Basic, swap: Mapping[sp.Basic, sp.Basic]) -> Any:
    """`c` with what it jumps by asked elsewhere."""
    if isinstance(c, sp.Piecewise):
        branches = [(_moved(value, swap), condition.xreplace(swap)) for value, condition in c.args]
        return sp.Piecewise(*branches)
    if isinstance(c, _STEPS):
        return c.xreplace(swap)
    if c.has(sp.Piecewise, *_STEPS):
        return c.func(*(_moved(part, swap) for part in c.args))
    return c


def _along(condition: sp.Basic, cells: LoweredCells) -> set[sp.Basic]:
    """The coordinates that one relation of a condition, or the argument of a step, holds at
    most."""
    parts = condition.atoms(Relational) or {condition}
    held = [part.free_symbols & set(cells.coordinates) for part in parts]
    return max(held, key=len)


def _leans(condition: sp.Basic, coordinates: Sequence[sp.Symbol], axis: int) -> bool:
    """Whether a relation holds the coordinate of an axis beside others."""
    relations = condition.atoms(Relational) or {condition}
    held = [relation.free_symbols & set(coordinates) for relation in relations]
    return any(coordinates[axis] in own and len(own) > 1 for own in held)


def _conditions(cells: LoweredCells) -> list[sp.Basic]:
    """What the coefficients jump by: conditions, and arguments of steps."""
    return list(dict.fromkeys(c for node in _nodes(cells) for c in _asked(node)))


def _asked(node: sp.Basic) -> list[sp.Basic]:
    """The conditions of a Piecewise, the argument of a step."""
    if isinstance(node, sp.Piecewise):
        return [c for _, c in node.args if c != sp.true]
    return [node.args[0]]


def jumps_by(datum: sp.Expr) -> list[sp.Basic]:
    """The conditions and the arguments of steps that a datum jumps by."""
    return [c for node in _outer(datum) for c in _asked(node)]


def _outer(c: sp.Basic) -> Iterator[sp.Basic]:
    """The Piecewise and steps that stand in no condition: those select nothing by themselves, and
    steps in them need not have the period of the cell."""
    if isinstance(c, (sp.Piecewise, *_STEPS)):
        yield c
    if isinstance(c, _STEPS):
        return
    parts = [value for value, _ in c.args] if isinstance(c, sp.Piecewise) else c.args
    for part in parts:
        yield from _outer(part)


def _nodes(cells: LoweredCells, inner: bool = True) -> list[sp.Basic]:
    """Every Piecewise and step of the coefficients; without the `inner` ones those that are
    `_outer`."""
    found: set[sp.Basic] = set()

    def note(c: sp.Expr) -> sp.Expr:
        found.update(c.atoms(sp.Piecewise, *_STEPS) if inner else _outer(c))
        return c

    map_coefficients(cells, note)
    return sorted(found, key=sp.default_sort_key)


def _zeros(condition: sp.Basic) -> Iterator[sp.Expr]:
    """Smooth functions that vanish where a condition, or the step of an expression, changes."""
    for relation in sp.ordered(condition.atoms(Relational)):
        yield from smooth_levels(relation.lhs - relation.rhs)
    if isinstance(condition, sp.Expr):
        yield sp.sin(sp.pi * condition)


@dataclass(frozen=True)
class CellInterfaces:
    """The interfaces of cell problems for some values of the parameters.

    jumps  : every Piecewise, and every step, of the coefficients, but for those in conditions
    levels : smooth functions whose zeros hold all interfaces
    """

    coordinates: tuple[sp.Symbol, ...]
    bounds: tuple[tuple[float, float], ...]
    jumps: tuple[sp.Basic, ...]
    levels: tuple[sp.Expr, ...]

    @classmethod
    def around(
        cls,
        data: Sequence[sp.Expr],
        coordinates: tuple[sp.Symbol, ...],
        bounds: tuple[tuple[float, float], ...],
    ) -> CellInterfaces:
        """Of data that hold the coordinates alone."""
        nodes = dict.fromkeys(node for datum in data for node in _outer(datum))
        levels: dict[sp.Expr, None] = {}
        for condition in dict.fromkeys(c for node in nodes for c in _asked(node)):
            levels |= dict.fromkeys(_zeros(condition))
        return cls(coordinates, bounds, tuple(nodes), tuple(levels))

    @classmethod
    def of(cls, cells: LoweredCells, parameters: Mapping[str, Any]) -> CellInterfaces | None:
        """None where no mesh is to fit them: see `with_middles`; or a parameter of theirs has no
        number."""
        if not with_middles(cells).middles:
            return None
        cells = map_coefficients(cells, _written)
        numbers = {
            v: sp.Float(parameters[v.name], 17)
            for v in cells.parameters
            if isinstance(parameters.get(v.name), (int, float))
        }
        jumps = [node.xreplace(numbers) for node in _nodes(cells, inner=False)]
        levels: dict[sp.Expr, None] = {}
        for condition in _conditions(cells):
            levels |= dict.fromkeys(_zeros(condition.xreplace(numbers)))
        own = tuple(v for v in levels if v.has(*cells.coordinates))
        if any(not v.free_symbols <= set(cells.coordinates) for v in own):
            return None
        return cls(cells.coordinates, cells.cell.bounds, tuple(jumps), own)

    def leans(self, axis: int) -> bool:
        """Whether an interface is neither along nor across an axis."""
        nodes = {node for jump in self.jumps for node in jump.atoms(sp.Piecewise, *_STEPS)}
        return any(_leans(c, self.coordinates, axis) for node in nodes for c in _asked(node))

    def label(self, points: Array) -> Integers:
        """A number for each region in which no coefficient jumps, at points (n, 2) of any cell."""
        low, high = np.array(self.bounds).T
        inside = low + np.mod(points - low, high - low)
        codes = np.zeros(len(points), dtype=np.int64)
        with np.errstate(all="ignore"):
            for call, radix in self._selectors:
                own = np.broadcast_to(np.asarray(call(*inside.T)), (len(points),))
                codes = codes * radix + own.astype(np.int64)
        return codes

    def values(self, points: Array) -> Array:
        """Of the levels, at points (n, 2): (n, k)."""
        with np.errstate(all="ignore"):
            found = self._levels(*points.T)
        columns = [np.broadcast_to(np.asarray(v, dtype=float), (len(points),)) for v in found]
        return np.stack(columns, axis=1)

    @cached_property
    def _selectors(self) -> Sequence[tuple[Callable[..., Any], int]]:
        found = []
        for node in self.jumps:
            number: sp.Basic = node
            radix = 1_000_003
            if isinstance(node, sp.Piecewise):
                number = sp.Piecewise(
                    *((sp.Integer(k), c) for k, (_, c) in enumerate(node.args)), evaluate=False
                )
                radix = len(node.args)
            found.append((lambdified(self.coordinates, number, ["numpy"], cse=True), radix))
        return found

    @cached_property
    def _levels(self) -> Callable[..., Any]:
        call: Callable[..., Any] = lambdified(
            self.coordinates, list(self.levels), ["numpy"], cse=True
        )
        return call
