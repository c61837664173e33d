"""Boundary and initial conditions, and the faces of the box they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from .domain import Box, Face
from .errors import BoundaryConditionError

FACE_NAMES: dict[str, Face] = {"left": (0, 0), "right": (0, 1), "bottom": (1, 0), "top": (1, 1), "front": (2, 0), "back": (2, 1)}

On = object
"""Where a condition holds: None (every face), a name ("left", "right", "bottom", "top", "front", "back"), a face
(axis, end) with end 0 or 1, an equation such as sp.Eq(s.x[0], 0), or a list of these."""


@dataclass(frozen=True)
class Condition:
    """Base of the boundary conditions."""


@dataclass(frozen=True)
class Dirichlet(Condition):
    """u = value on the faces `on`; value is SymPy in s.x and s.t."""

    value: object = 0
    on: On = None


@dataclass(frozen=True)
class Neumann(Condition):
    """n . q = value: the flux out of the domain, where the equation holds -div q, as written under s.div.

    q = a grad u for -s.div(a*s.grad(u)), and a grad u - b u where s.div(b*u) is added to that.
    """

    value: object = 0
    on: On = None


@dataclass(frozen=True)
class Robin(Condition):
    """n . q + alpha u = value, q as for Neumann."""

    alpha: object
    value: object = 0
    on: On = None


@dataclass(frozen=True)
class Periodic(Condition):
    """u and its flux agree on opposite faces; `on` names one face of each pair (None: every axis)."""

    on: On = None


@dataclass(frozen=True)
class Initial:
    """The value of u (order=0) or of u_t (order=1) at t = 0, SymPy in s.x."""

    value: object = 0
    order: int = 0


def faces_of(condition: Condition, box: Box, x: Sequence[sp.Symbol]) -> tuple[Face, ...]:
    """The faces of `box` on which `condition` holds."""
    on = getattr(condition, "on", None)
    if on is None:
        return box.faces
    several = isinstance(on, (list, set)) or (isinstance(on, tuple) and not _is_face(on))
    faces = tuple(_face(item, condition, box, x) for item in (on if several else [on]))
    if not faces:
        raise BoundaryConditionError("a condition that stands on no face", term=condition, remedy="leave on= out for every face")
    if isinstance(condition, Periodic):
        faces = tuple((axis, end) for axis in dict.fromkeys(axis for axis, _ in faces) for end in (0, 1))
    return faces


def assign_faces(conditions: Sequence[Condition], box: Box, x: Sequence[sp.Symbol]) -> dict[Face, Condition]:
    """The condition of each face; BoundaryConditionError where a face has none, or two."""
    table: dict[Face, Condition] = {}
    for condition in conditions:
        if not isinstance(condition, Condition):
            raise BoundaryConditionError("this is not a boundary condition", term=repr(condition),
                                         remedy="use Dirichlet, Neumann, Robin or Periodic, as in [Dirichlet(0)]")
        for face in faces_of(condition, box, x):
            if face in table:
                raise BoundaryConditionError(f"two conditions on the face {describe_face(face, box, x)}",
                                             term=f"{table[face]} and {condition}", remedy="give each face one condition: name the faces by on=")
            table[face] = condition
    missing = [describe_face(face, box, x) for face in box.faces if face not in table]
    if missing:
        raise BoundaryConditionError("no boundary condition on " + ", ".join(missing), term=f"boundary={list(conditions)}",
                                     remedy="add one there, for example Neumann(0, on=...)")
    return table


def describe_face(face: Face, box: Box, x: Sequence[sp.Symbol]) -> str:
    axis, end = face
    return f"{x[axis]} = {box.intervals[axis][end]}"


def _is_face(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(type(v) is int for v in item)


def _is_same(equation: sp.Equality, coordinate: sp.Symbol, end: sp.Expr) -> bool:
    """Whether the equation reads coordinate = end, either way round."""
    return any(a == coordinate and bool(sp.Eq(b, end)) for a, b in (equation.args, equation.args[::-1]) if b.is_number)


def _face(item: object, condition: Condition, box: Box, x: Sequence[sp.Symbol]) -> Face:
    face: Face | None = None
    if isinstance(item, str):
        face = FACE_NAMES.get(item)
    elif _is_face(item):
        face = item  # type: ignore[assignment]
    elif isinstance(item, sp.Equality):
        face = next((f for f in box.faces if _is_same(item, x[f[0]], box.intervals[f[0]][f[1]])), None)
    if face is None or face not in box.faces:
        raise BoundaryConditionError(f"this is not a face of the box {box}", term=f"on={item!r} in {condition}",
                                     remedy='write on="left", on=(axis, 0 or 1), on=sp.Eq(s.x[0], 0), or a list of these')
    return face
