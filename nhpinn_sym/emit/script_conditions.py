"""Boundary and initial conditions in scripts for other PINN libraries, as residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from ..lower.forms import Essential, LoweredEquation, Natural
from ..operator.table import unit
from ..problem.domain import BoundaryPart
from .script_forms import Script, applied
from .torch_coefficients import extended
from .torch_equation import boundary_tables, boundary_value


@dataclass(frozen=True)
class PartResidual:
    """What vanishes on some parts of the boundary, as the function `name` of a script."""

    name: str
    parts: tuple[BoundaryPart, ...]
    place: str
    residuals: tuple[sp.Expr, ...]


def walls(script: Script, lowered: LoweredEquation) -> list[PartResidual]:
    """The conditions on every part that is not periodic; parts with the same ones together."""
    rows = {}
    for name, conditions in conditions_by_part(lowered).items():
        second = {c.equation: c for c in lowered.moments if name in c.parts}
        rows[name] = (
            *_conditions(script, lowered, name, conditions),
            *_slopes(script, lowered, name),
            *_conditions(script, lowered, name, second),
        )
    return part_residuals(lowered, rows)


def _conditions(
    script: Script,
    lowered: LoweredEquation,
    name: str,
    conditions: Mapping[int, Natural | Essential],
) -> list[sp.Expr]:
    """What vanishes on a part, by component."""
    tables = boundary_tables(lowered, name, conditions)
    return [
        applied(script, tables, i, 0) - boundary_value(lowered, name, condition)
        for i, condition in sorted(conditions.items())
    ]


def _slopes(script: Script, lowered: LoweredEquation, name: str) -> list[sp.Expr]:
    """What vanishes on a part where unknowns are clamped: the slope across it less its datum."""
    x = lowered.coordinates
    normal = lowered.domain.part(name).normal_at(x)
    index = [extended(lowered, unit(k, len(x))) for k in range(len(x))]
    return [
        sp.Add(
            *[
                n * (script.value(e.field, index[k]) - sp.diff(e.value, x[k]))
                for k, n in enumerate(normal)
            ]
        )
        for e in lowered.essential
        if e.clamped and name in e.parts
    ]


def part_residuals(
    lowered: LoweredEquation, rows: Mapping[str, tuple[sp.Expr, ...]]
) -> list[PartResidual]:
    """Residuals by part of the boundary; parts with the same ones together."""
    found: dict[tuple[sp.Expr, ...], list[BoundaryPart]] = {}
    for name, residuals in rows.items():
        found.setdefault(residuals, []).append(lowered.domain.part(name))
    walls = []
    for k, (residuals, parts) in enumerate(found.items()):
        place = " or ".join(part.describe(lowered.coordinates) for part in parts)
        walls.append(PartResidual(f"wall_{k}", tuple(parts), place, residuals))
    return walls


def conditions_by_part(
    lowered: LoweredEquation,
) -> dict[str, dict[int, Natural | Essential]]:
    """The condition of every component, by part of the boundary."""
    found: dict[str, dict[int, Natural | Essential]] = {}
    for essential in lowered.essential:
        for name in essential.parts:
            found.setdefault(name, {})[essential.field] = essential
    for natural in lowered.natural:
        for name in natural.parts:
            found.setdefault(name, {})[natural.equation] = natural
    return found


def initial_residuals(script: Script, lowered: LoweredEquation) -> list[sp.Expr]:
    """Zero at the initial time."""
    zero = extended(lowered, (0,) * len(lowered.coordinates))
    return [script.value(j, zero) - value for j, value in lowered.starts.items()]
