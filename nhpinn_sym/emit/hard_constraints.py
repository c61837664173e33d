"""Essential data for collocation: what an ansatz lift + factor * net satisfies exactly, and what is
left for rows; by component.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import sympy as sp

from ..lower.forms import LoweredEquation
from ..operator.zero_test import is_zero
from ..problem.domain import Face


@dataclass(frozen=True)
class Constraints:
    """lift = the data and factor = 0 on the hard faces and at t = 0; `soft` holds the Dirichlet
    data of the other faces.

    A Dirichlet face is soft where its data contradict those of a neighbouring face, or the initial
    data: no smooth lift exists then.
    """

    lift: sp.Expr
    factor: sp.Expr
    hard: tuple[Face, ...]
    soft: Mapping[Face, sp.Expr]


def constrain(equation: LoweredEquation, component: int) -> Constraints:
    """The hard constraints of one component: distance factor, transfinite interpolation of the
    data, factor t for the initial data.
    """
    data = {
        face: condition.value
        for condition in equation.essential
        if condition.field == component
        for face in condition.faces
    }
    soft = _contradicting(equation, component, data)
    hard = {face: value for face, value in data.items() if face not in soft}
    lift = _interpolation(equation, hard)
    factor = sp.Mul(*[_distance(equation, axis, hard) for axis in sorted({a for a, _ in hard})])
    if equation.time is not None:
        lift += equation.initial[component] - lift.subs(equation.time, 0)
        factor *= equation.time / equation.final_time
    return Constraints(
        lift, factor, tuple(hard), {face: data[face] for face in data if face in soft}
    )


def on_face(equation: LoweredEquation, face: Face, expr: sp.Expr) -> sp.Expr:
    """`expr` with the coordinate of the face put in."""
    axis, end = face
    return sp.sympify(expr).subs(equation.coordinates[axis], equation.domain.intervals[axis][end])


def _contradicting(
    equation: LoweredEquation, component: int, data: Mapping[Face, sp.Expr]
) -> set[Face]:
    found: set[Face] = set()
    for f, g in combinations(data, 2):
        if f[0] != g[0] and not is_zero(
            on_face(equation, g, on_face(equation, f, data[f] - data[g]))
        ):
            found |= {f, g}
    if equation.time is not None:
        start = equation.initial[component]
        found |= {
            f
            for f in data
            if not is_zero(on_face(equation, f, start - data[f].subs(equation.time, 0)))
        }
    return found


def _relative(equation: LoweredEquation, axis: int) -> sp.Expr:
    a, b = equation.domain.intervals[axis]
    return (equation.coordinates[axis] - a) / (b - a)


def _distance(equation: LoweredEquation, axis: int, hard: Mapping[Face, sp.Expr]) -> sp.Expr:
    s = _relative(equation, axis)
    ends = [s, 1 - s]
    both = all((axis, end) in hard for end in (0, 1))
    if both:
        return 4 * s * (1 - s)
    return sp.Mul(*[ends[end] for end in (0, 1) if (axis, end) in hard])


def _interpolation(equation: LoweredEquation, hard: Mapping[Face, sp.Expr]) -> sp.Expr:
    """The Boolean sum over the axes of linear blends between opposite faces (Gordon and Hall
    1973).
    """
    if len(set(hard.values())) <= 1:
        return next(iter(hard.values()), sp.Integer(0))

    def blend(axis: int, source: Mapping[Face, sp.Expr]) -> sp.Expr:
        ends = [end for end in (0, 1) if (axis, end) in source]
        s = _relative(equation, axis)
        weights = {0: 1 - s, 1: s} if len(ends) == 2 else dict.fromkeys(ends, sp.Integer(1))
        return sp.Add(
            *[weights[end] * on_face(equation, (axis, end), source[axis, end]) for end in ends]
        )

    def correct(lift: sp.Expr, axis: int) -> sp.Expr:
        return lift + blend(axis, {face: value - lift for face, value in hard.items()})

    return reduce(correct, sorted({axis for axis, _ in hard}), sp.Integer(0))
