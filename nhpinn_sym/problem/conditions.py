"""Boundary and initial conditions, and the parts of the boundary that they stand on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from .domain import BoundaryPart, Domain, names_of
from .errors import BoundaryConditionError, shortened
from .scales import unknown_functions

On = object
"""Where a condition holds: None (the whole boundary), the name of a part of it, such as "left",
"right", "bottom", "top", "front" and "back" of a box, a sequence of names, or "rest", the parts
that no other condition names. A part that lies across an axis may be written (axis, 0 or 1 for the
lower or upper end) or sp.Eq(s.x[0], 0) too."""
REST = "rest"


@dataclass(frozen=True)
class Condition:
    """Base of the boundary conditions."""

    entries: ClassVar[tuple[str, ...]] = ("value",)
    """The attributes that hold data."""


@dataclass(frozen=True)
class Dirichlet(Condition):
    """u = value on the parts `on` of the boundary; value is SymPy in s.x and s.t, for vectors a
    column of components (0 is the zero vector).

    `on`: the name of a part ("left", "right", "bottom", "top", "front", "back" of a box), or a
    sequence of names; "rest": all parts that no other condition names; None is the whole boundary.
    `unknown`: one of several unknowns, or a list of
    them (None: all).

    >>> s = nh.Scales(2)
    >>> nh.Dirichlet(s.x[1], on="left")
    Dirichlet(value=x2, on='left', unknown=None)
    """

    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Clamped(Condition):
    """u = value and n . grad u = n . grad value on the parts `on`, for equations of fourth order: a
    clamped edge, u = du/dn = 0, where there is no value. Names and vectors as for Dirichlet, which
    alone leaves the slope free: a simply supported edge, without bending moment.

    >>> nh.Clamped(on="left")
    Clamped(value=0, on='left', unknown=None)
    """

    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Neumann(Condition):
    """n . q = value on the parts `on`, which are named as for Dirichlet.

    That is the flux out of the domain, where the equation holds -div q, as written under s.div.

    q = a grad u for -s.div(a*s.grad(u)), and a grad u - b u where s.div(b*u) is added to that; the
    traction for elasticity.

    The limit is n . q0 = value with the flux q0 of the homogenized equation, but where there are
    terms of order 1/eps, or a kernel psi that is not constant (a drift, an operator without
    divergence form): it holds the phase of the wall then, `model.derivation` prints it, and
    `solve_homogenized` asks for eps.

    >>> nh.Neumann(1, on=["right", "top"])
    Neumann(value=1, on=['right', 'top'], unknown=None)
    """

    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Robin(Condition):
    """n . q + alpha u = value on the parts `on`; q, its limit and the names as for Neumann.

    >>> nh.Robin(3, 2, on="bottom")
    Robin(alpha=3, value=2, on='bottom', unknown=None)
    """

    entries: ClassVar[tuple[str, ...]] = ("value", "alpha")
    alpha: object
    value: object = 0
    on: On = None
    unknown: Any = None


@dataclass(frozen=True)
class Periodic(Condition):
    """u and its flux agree on opposite parts; `on` names one part of each pair (None: all of
    them).

    >>> nh.Periodic()
    Periodic(on=None)
    """

    entries: ClassVar[tuple[str, ...]] = ()
    on: On = None


@dataclass(frozen=True)
class Initial:
    """The value of u (order=0) or of u_t (order=1) at t = 0, SymPy in s.x; vectors and `unknown` as
    for Dirichlet.

    >>> s = nh.Scales(1, time=True)
    >>> nh.Initial(sp.sin(sp.pi * s.x[0])), nh.Initial(0, order=1)
    (Initial(value=sin(pi*x1), order=0, unknown=None), Initial(value=0, order=1, unknown=None))
    """

    value: object = 0
    order: int = 0
    unknown: Any = None


def parts_of(
    condition: Condition, domain: Domain, x: Sequence[sp.Symbol]
) -> tuple[BoundaryPart, ...]:
    """The parts of the boundary on which `condition` holds."""
    on = getattr(condition, "on", None)
    if on is None:
        return domain.parts
    several = isinstance(on, (list, set)) or (isinstance(on, tuple) and not _is_end(on))
    items = on if several else [on]
    found = [part for item in items for part in _parts(item, condition, domain, x)]
    if not found:
        raise BoundaryConditionError(
            "a condition that stands on no part of the boundary",
            term=condition,
            remedy="leave on= out for the whole boundary",
        )
    if isinstance(condition, Periodic):
        axes = {part.axis for part in found}
        return _across(domain, axes)
    return tuple(found)


def _across(domain: Domain, axes: Collection[int]) -> tuple[BoundaryPart, ...]:
    """The parts across some axes."""
    return tuple(part for part in domain.parts if part.axial and part.axis in axes)


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


def assign_parts(
    conditions: Sequence[Condition],
    domain: Domain,
    x: Sequence[sp.Symbol],
    unknowns: Sequence[sp.Expr],
) -> dict[tuple[str, int], Condition]:
    """The condition of each scalar unknown on each part of the boundary, by (name, unknown);
    BoundaryConditionError where there is none, or two.
    """
    table: dict[tuple[str, int], Condition] = {}
    for condition in conditions:
        if not isinstance(condition, Condition):
            raise BoundaryConditionError(
                "this is not a boundary condition",
                term=shortened(condition),
                remedy="use Dirichlet, Clamped, Neumann, Robin or Periodic, as in [Dirichlet(0)]",
            )
        fields = fields_of(condition, unknowns)
        if _is_rest(condition):
            continue
        for part in parts_of(condition, domain, x):
            for j in fields:
                _assign(table, part, j, condition, x)
    _assign_rest(table, [c for c in conditions if _is_rest(c)], domain, x, unknowns)
    missing = [
        part
        for part in domain.parts
        if any((part.name, j) not in table for j in range(len(unknowns)))
    ]
    if missing:
        raise BoundaryConditionError(
            "no boundary condition on " + ", ".join(_title(part, x) for part in missing),
            term=f"boundary={shortened(list(conditions))}",
            remedy=f'add one there, for example Neumann(0, on="{missing[0].name}")',
        )
    return table


def _assign_rest(
    table: dict[tuple[str, int], Condition],
    conditions: Sequence[Condition],
    domain: Domain,
    x: Sequence[sp.Symbol],
    unknowns: Sequence[sp.Expr],
) -> None:
    """Conditions on="rest" go where none is named, for each unknown by itself."""
    # Taken before any of them is put down, so that two of them meet and are told.
    named = set(table)
    for condition in conditions:
        places = [(part, j) for part in domain.parts for j in fields_of(condition, unknowns)]
        left = [(part, j) for part, j in places if (part.name, j) not in named]
        if not left:
            raise BoundaryConditionError(
                "other conditions name all parts of the boundary: nothing is left for this one",
                term=condition,
                remedy='leave it out, or name fewer parts in the others: on="..."',
            )
        if isinstance(condition, Periodic):
            axes = {part.axis for part, _ in left}
            left = [(part, j) for part, j in places if part in _across(domain, axes)]
        for part, j in left:
            _assign(table, part, j, condition, x)


def _is_rest(condition: Condition) -> bool:
    on = getattr(condition, "on", None)
    return isinstance(on, str) and on == REST


def _assign(
    table: dict[tuple[str, int], Condition],
    part: BoundaryPart,
    j: int,
    condition: Condition,
    x: Sequence[sp.Symbol],
) -> None:
    other = table.get((part.name, j))
    if other is not None:
        raise BoundaryConditionError(
            f"two conditions on {_title(part, x)}",
            term=f"{shortened(other)} and {shortened(condition)}",
            remedy=(
                "give each part of the boundary one condition for each unknown: name the parts by"
                " on="
            ),
        )
    table[part.name, j] = condition


def _title(part: BoundaryPart, x: Sequence[sp.Symbol]) -> str:
    return f'"{part.name}" ({part.describe(x)})'


def _is_end(item: object) -> bool:
    """Whether it is (axis, 0 or 1 for an end of it)."""
    return isinstance(item, tuple) and len(item) == 2 and all(type(v) is int for v in item)


def _is_same(equation: sp.Equality, coordinate: sp.Symbol, end: sp.Expr) -> bool:
    """Whether the equation reads coordinate = end, either way round."""
    return any(
        a == coordinate and bool(sp.Eq(b, end))
        for a, b in (equation.args, equation.args[::-1])
        if b.is_number
    )


def _parts(
    item: object, condition: Condition, domain: Domain, x: Sequence[sp.Symbol]
) -> list[BoundaryPart]:
    """The part that is meant by a name or an equation, or the parts that share a name."""
    if isinstance(item, str):
        shared = [part for part in domain.parts if part.group == item]
        if shared:
            return shared
    for part in domain.parts:
        named = isinstance(item, str) and item == part.name
        if named or (part.axial and _is_end(item) and item == (part.axis, part.end)):
            return [part]
        equation = isinstance(item, sp.Equality) and part.axial
        if equation and _is_same(item, x[part.axis], part.place):
            return [part]
    raise BoundaryConditionError(
        f"this is not a part of the boundary of {domain}",
        term=f"on={shortened(item)} in {shortened(condition)}",
        remedy=f"write the name of a part, or a list of names: {names_of(domain.parts)}; or"
        f' "{REST}"',
    )
