"""Essential data for collocation: what an ansatz lift + factor * net satisfies exactly, and what is
left for rows; by component.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, groupby

import sympy as sp

from ..lower.forms import LoweredEquation
from ..operator.zero_test import is_zero
from ..problem.domain import Box, FlatPart
from ..problem.errors import UnsupportedError

Coordinates = tuple[sp.Symbol, ...]


@dataclass(frozen=True)
class Constraints:
    """lift = the data and factor = 0 on the parts `hard` of the boundary and, where it `starts`, at
    t = 0; `soft` holds the Dirichlet data of the other parts, by name.

    A Dirichlet part is soft where its data contradict those of a neighbouring part, or the initial
    data: no smooth lift exists then. All are on a domain that is no box.
    """

    lift: sp.Expr
    factor: sp.Expr
    hard: tuple[str, ...]
    soft: Mapping[str, sp.Expr]
    starts: bool = False


def constrain(equation: LoweredEquation, component: int) -> Constraints:
    """The hard constraints of one component: distance factor, transfinite interpolation of the
    data, factor t for the initial data.
    """
    data: dict[str, sp.Expr] = {}
    clamped: set[str] = set()
    for condition in (e for e in equation.essential if e.field == component):
        for name in condition.parts:
            data[name] = condition.value
            if condition.clamped:
                clamped.add(name)
    lift = sp.Integer(0)
    factor = sp.Integer(1)
    # Distances to sides, and blends between opposite ones, are those of a box.
    soft = set(data)
    if isinstance(equation.domain, Box):
        soft = _contradicting(equation, component, data, clamped)
        sides = {equation.domain.part(name): data[name] for name in data if name not in soft}
        lift = _interpolation(equation.domain, equation.coordinates, sides, clamped)
        groups = _opposite(sides)
        factor = sp.Mul(*[_distance(equation.domain, equation.coordinates, *g) for g in groups])
        for side in (side for side in sides if side.name in clamped):
            factor *= _distances(equation.domain, equation.coordinates, side)[0]
    starts = component in equation.starts
    if starts and equation.time is not None:
        lift += equation.initial[component] - lift.subs(equation.time, 0)
        factor *= equation.time / equation.final_time
    hard = tuple(name for name in data if name not in soft)
    left = {name: data[name] for name in data if name in soft}
    return Constraints(lift, factor, hard, left, starts)


def on_part(equation: LoweredEquation, name: str, expr: sp.Expr) -> sp.Expr:
    """`expr` on a part of the boundary."""
    return equation.domain.part(name).restrict(expr, equation.coordinates)


def _contradicting(
    equation: LoweredEquation, component: int, data: Mapping[str, sp.Expr], clamped: Set[str]
) -> set[str]:
    found: set[str] = set()
    for f, g in combinations(data, 2):
        if _meet(equation, f, g) and not _agree(equation, f, g, data[f] - data[g], clamped):
            found |= {f, g}
    if component in equation.starts:
        start = equation.initial[component]
        for f in data:
            missing = start - data[f].subs(equation.time, 0)
            known = _known(equation, f, missing, clamped)
            if not all(is_zero(on_part(equation, f, value)) for value in known):
                found.add(f)
    if found and equation.order == 4:
        raise UnsupportedError(
            "data of an equation of fourth order that contradict those of a neighbouring part, or"
            " the initial data, by nets",
            term=", ".join(sorted(found)),
            remedy='give data that fit together, or use "skfem" or "dolfinx"',
        )
    return found


def _known(
    equation: LoweredEquation, name: str, value: sp.Expr, clamped: Set[str]
) -> list[sp.Expr]:
    """What a part fixes of a function: its value, and where it is clamped its slope."""
    if name not in clamped:
        return [value]
    axis = equation.domain.part(name).axis
    return [value, sp.diff(value, equation.coordinates[axis])]


def _agree(
    equation: LoweredEquation, f: str, g: str, difference: sp.Expr, clamped: Set[str]
) -> bool:
    """Whether the difference of the data of two parts vanishes where these meet, with the slopes
    that one of them fixes, and the twist that both do.
    """
    known = [
        slope
        for value in _known(equation, f, difference, clamped)
        for slope in _known(equation, g, value, clamped)
    ]
    return all(is_zero(on_part(equation, g, on_part(equation, f, value))) for value in known)


def _meet(equation: LoweredEquation, f: str, g: str) -> bool:
    """Whether two parts have points in common: opposite ones have none."""
    return equation.domain.part(f).axis != equation.domain.part(g).axis


def _opposite(sides: Iterable[FlatPart]) -> list[list[FlatPart]]:
    """The sides across the same axis, the lower end first; groups in the order of the axes."""
    ordered = sorted(sides, key=lambda side: (side.axis, side.end))
    return [list(group) for _, group in groupby(ordered, key=lambda side: side.axis)]


def _distances(box: Box, x: Coordinates, side: FlatPart) -> tuple[sp.Expr, sp.Expr]:
    """How far a point is from a side, and from the other end of its axis, as shares of the
    length.
    """
    a, b = box.intervals[side.axis]
    share = (x[side.axis] - a) / (b - a)
    if side.end:
        return 1 - share, share
    return share, 1 - share


def _distance(box: Box, x: Coordinates, *sides: FlatPart) -> sp.Expr:
    """A function that vanishes on one side, or on two opposite ones."""
    near, far = _distances(box, x, sides[0])
    if len(sides) == 2:
        return 4 * near * far
    return near


def _interpolation(
    box: Box, x: Coordinates, hard: Mapping[FlatPart, sp.Expr], clamped: Set[str]
) -> sp.Expr:
    """The Boolean sum over the axes of linear blends between opposite sides (Gordon and Hall 1973),
    of cubic ones where slopes are given.
    """
    # One expression on all sides needs no blend: it is the lift.
    if len(set(hard.values())) <= 1:
        return next(iter(hard.values()), sp.Integer(0))

    def blend(sides: list[FlatPart], lift: sp.Expr) -> sp.Expr:
        if any(side.name in clamped for side in sides):
            return _hermite_blend(box, x, {s: hard[s] - lift for s in sides}, clamped)
        missing = [side.restrict(hard[side] - lift, x) for side in sides]
        if len(sides) == 1:
            return missing[0]
        weights = [_distances(box, x, side)[1] for side in sides]
        return sp.Add(*[weight * value for weight, value in zip(weights, missing, strict=True)])

    def correct(lift: sp.Expr, sides: list[FlatPart]) -> sp.Expr:
        return lift + blend(sides, lift)

    return reduce(correct, _opposite(hard), sp.Integer(0))


def _hermite_blend(
    box: Box, x: Coordinates, missing: Mapping[FlatPart, sp.Expr], clamped: Set[str]
) -> sp.Expr:
    """The polynomial across an axis that has these values on its sides, and on clamped sides their
    slopes.
    """
    axis = next(iter(missing)).axis
    a, b = box.intervals[axis]
    share = (x[axis] - a) / (b - a)
    given = []
    for side, value in missing.items():
        given.append((side.end, 0, side.restrict(value, x)))
        if side.name in clamped:
            given.append((side.end, 1, side.restrict(sp.diff(value, x[axis]), x)))
    powers = range(len(given))
    rows = [[_monomial(n, end, order) for n in powers] for end, order, _ in given]
    dual = sp.Matrix(rows).inv()
    result = sp.Integer(0)
    for k, (_, order, value) in enumerate(given):
        shape = sp.Add(*[dual[n, k] * share**n for n in powers])
        result += (b - a) ** order * value * shape
    return result


def _monomial(power: int, place: int, order: int) -> int:
    """The derivative of that order of s^power at s = 0 or 1."""
    if order == 0:
        return int(power == 0 or place == 1)
    return power * int(power == 1 or place == 1)
