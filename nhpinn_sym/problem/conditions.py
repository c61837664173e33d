"""Boundary and initial conditions, and the faces of the box they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from .domain import Box, Face
from .errors import BoundaryConditionError, shortened
from .scales import unknown_functions

FACE_NAMES: dict[str, Face] = {
    "left": (0, 0),
    "right": (0, 1),
    "bottom": (1, 0),
    "top": (1, 1),
    "front": (2, 0),
    "back": (2, 1),
}

On = object
"""Where a condition holds: None (every face), a name ("left", "right", "bottom", "top", "front",
"back"), a face
(axis, end) with end 0 or 1, an equation such as sp.Eq(s.x[0], 0), or a list of these."""


@dataclass(frozen=True)
class Condition:
    """Base of the boundary conditions."""


@dataclass(frozen=True)
class Dirichlet(Condition):
    """u = value on the faces `on`; value is SymPy in s.x and s.t, for vectors a column of
    components (0 is the zero vector).

    `unknown`: one of several unknowns, or a list of them (None: all).
    """

    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Neumann(Condition):
    """n . q = value: the flux out of the domain, where the equation holds -div q, as written under
    s.div.

    q = a grad u for -s.div(a*s.grad(u)), and a grad u - b u where s.div(b*u) is added to that; the
    traction for elasticity.

    The limit is n . q0 = value with the flux q0 of the homogenized equation, but where there are
    terms of order 1/eps, or a kernel psi that is not constant (a drift, an operator without
    divergence form): it holds the phase of the wall then, `model.derivation` prints it, and
    `solve_homogenized` asks for eps.
    """

    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Robin(Condition):
    """n . q + alpha u = value, q and its limit as for Neumann."""

    alpha: object
    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Periodic(Condition):
    """u and its flux agree on opposite faces; `on` names one face of each pair (None: every
    axis).
    """

    on: On = None


@dataclass(frozen=True)
class Initial:
    """The value of u (order=0) or of u_t (order=1) at t = 0, SymPy in s.x; vectors and `unknown` as
    for Dirichlet.
    """

    value: object = 0
    order: int = 0
    unknown: Any = None


def faces_of(condition: Condition, box: Box, x: Sequence[sp.Symbol]) -> tuple[Face, ...]:
    """The faces of `box` on which `condition` holds."""
    on = getattr(condition, "on", None)
    if on is None:
        return box.faces
    several = isinstance(on, (list, set)) or (isinstance(on, tuple) and not _is_face(on))
    faces = tuple(_face(item, condition, box, x) for item in (on if several else [on]))
    if not faces:
        raise BoundaryConditionError(
            "a condition that stands on no face",
            term=condition,
            remedy="leave on= out for every face",
        )
    if isinstance(condition, Periodic):
        faces = tuple(
            (axis, end) for axis in dict.fromkeys(axis for axis, _ in faces) for end in (0, 1)
        )
    return faces


def fields_of(condition: Condition | Initial, unknowns: Sequence[sp.Expr]) -> tuple[int, ...]:
    """The positions of the scalar unknowns that a condition is about."""
    chosen = getattr(condition, "unknown", None)
    if chosen is None:
        return tuple(range(len(unknowns)))
    functions = unknown_functions(chosen)
    if not functions or any(
        not isinstance(f, AppliedUndef) or f not in unknowns for f in functions
    ):
        raise BoundaryConditionError(
            "a condition for something that is not an unknown of the problem",
            term=condition,
            remedy=f"its unknowns are {', '.join(map(str, unknowns))}",
        )
    return tuple(list(unknowns).index(f) for f in functions)


def values_of(condition: Condition | Initial, entry: str, fields: Sequence[int]) -> tuple[Any, ...]:
    """The `entry` (value, alpha) of a condition for each of its scalar unknowns."""
    value = getattr(condition, entry)
    if isinstance(value, (MatrixBase, list, tuple)):
        found = tuple(value)
        if len(found) != len(fields):
            raise BoundaryConditionError(
                f"a condition with {len(found)} components for {len(fields)} scalar unknowns",
                term=condition,
                remedy="give a column with one value for each, or name the unknown by unknown=",
            )
        return found
    if len(fields) > 1 and entry == "value" and value != 0:
        raise BoundaryConditionError(
            f"one value for {len(fields)} scalar unknowns",
            term=condition,
            remedy=(
                "give a column sp.Matrix([...]) with one value for each, or name the unknown by"
                " unknown="
            ),
        )
    return (value,) * len(fields)


def assign_faces(
    conditions: Sequence[Condition], box: Box, x: Sequence[sp.Symbol], unknowns: Sequence[sp.Expr]
) -> dict[tuple[Face, int], Condition]:
    """The condition of each scalar unknown on each face; BoundaryConditionError where there is
    none, or two.
    """
    table: dict[tuple[Face, int], Condition] = {}
    for condition in conditions:
        if not isinstance(condition, Condition):
            raise BoundaryConditionError(
                "this is not a boundary condition",
                term=shortened(condition),
                remedy="use Dirichlet, Neumann, Robin or Periodic, as in [Dirichlet(0)]",
            )
        for place in (
            (face, j)
            for face in faces_of(condition, box, x)
            for j in fields_of(condition, unknowns)
        ):
            if place in table:
                raise BoundaryConditionError(
                    f"two conditions on the face {describe_face(place[0], box, x)}",
                    term=f"{shortened(table[place])} and {shortened(condition)}",
                    remedy="give each face one condition for each unknown: name the faces by on=",
                )
            table[place] = condition
    missing = [
        face for face in box.faces if any((face, j) not in table for j in range(len(unknowns)))
    ]
    if missing:
        raise BoundaryConditionError(
            "no boundary condition on "
            + ", ".join(describe_face(face, box, x) for face in missing),
            term=f"boundary={shortened(list(conditions))}",
            remedy="add one there, for example Neumann(0, on=...)",
        )
    return table


def describe_face(face: Face, box: Box, x: Sequence[sp.Symbol]) -> str:
    axis, end = face
    return f"{x[axis]} = {box.intervals[axis][end]}"


def _is_face(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(type(v) is int for v in item)


def _is_same(equation: sp.Equality, coordinate: sp.Symbol, end: sp.Expr) -> bool:
    """Whether the equation reads coordinate = end, either way round."""
    return any(
        a == coordinate and bool(sp.Eq(b, end))
        for a, b in (equation.args, equation.args[::-1])
        if b.is_number
    )


def _face(item: object, condition: Condition, box: Box, x: Sequence[sp.Symbol]) -> Face:
    face: Face | None = None
    if isinstance(item, str):
        face = FACE_NAMES.get(item)
    elif _is_face(item):
        face = item  # type: ignore[assignment]
    elif isinstance(item, sp.Equality):
        face = next(
            (f for f in box.faces if _is_same(item, x[f[0]], box.intervals[f[0]][f[1]])), None
        )
    if face is None or face not in box.faces:
        raise BoundaryConditionError(
            f"this is not a face of the box {box}",
            term=f"on={shortened(item)} in {shortened(condition)}",
            remedy='write on="left", on=(axis, 0 or 1), on=sp.Eq(s.x[0], 0), or a list of these',
        )
    return face
