"""The equation of a boundary layer: the multiscale one without sources, and on the walls what an
expansion misses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sympy as sp

from ..lower.forms import External, LoweredEquation, MultiIndex, Natural
from ..lower.substitution import substituted
from ..problem.domain import require_box
from ..problem.errors import UnsupportedError

FROZEN = "frozen_time"
"""The parameter of a layer at one time."""
_NAME = "expansion"

Known = Callable[[int, MultiIndex], sp.Expr]
"""The symbol of a derivative of the expansion, by its component."""


def layer_equation(lowered: LoweredEquation, trace: Known, known: Known) -> LoweredEquation:
    """The multiscale equation without sources; on the walls what the expansion misses. `trace`: the
    expansion where it is differentiated by the time.
    """
    zero = (0,) * len(lowered.coordinates)
    essential = tuple(replace(e, value=e.value - trace(e.field, zero)) for e in lowered.essential)
    natural = tuple(
        replace(n, parts=(part,), value=n.value - _flux(lowered, n, part, known))
        for n in lowered.natural
        for part in n.parts
    )
    return replace(
        lowered,
        title=f"Boundary layer of {lowered.title[0].lower()}{lowered.title[1:]}",
        linear=(),
        sources=(sp.Integer(0),) * lowered.components,
        essential=essential,
        natural=natural,
    )


def free_name(lowered: LoweredEquation) -> str:
    """For the symbols of the expansion: none that begins like a parameter."""
    name = _NAME
    while any(symbol.name.startswith(name) for symbol in lowered.parameters):
        name += "_"
    return name


def at_one_time(lowered: LoweredEquation) -> LoweredEquation:
    """The equation of the layer, stationary; what the expansion is are fields."""
    name = free_name(lowered)
    fields: dict[tuple[int, MultiIndex], External] = {}

    def known(field: int, index: MultiIndex) -> sp.Expr:
        symbol = sp.Symbol("_".join(map(str, (name, field, *index))))
        return fields.setdefault((field, index), External(symbol, name, (field,), index)).symbol

    layer = layer_equation(lowered, known, known)
    layer = replace(layer, externals=(*layer.externals, *fields.values()))
    if lowered.time is None:
        return layer
    frozen = sp.Symbol(FROZEN)
    still = replace(layer, time=None, mass=(), initial=(), final_time=None, repeats=None)
    held: LoweredEquation = substituted(still, {lowered.time: frozen})
    return replace(held, parameters=(*held.parameters, frozen))


def _flux(
    lowered: LoweredEquation,
    condition: Natural,
    part: str,
    known: Known,
) -> sp.Expr:
    """n . flux + alpha u of the expansion on a part of the boundary."""
    normal = require_box(lowered.domain, "a boundary layer").part(part).normal
    total = condition.alpha * known(condition.equation, (0,) * len(normal))
    for terms, sign in ((lowered.bilinear, 1), (lowered.linear, -1)):
        for term in terms:
            if term.equation == condition.equation and any(term.left):
                across = sign * normal[term.left.index(1)] * term.coefficient
                total += across * (known(term.field, term.right) if sign > 0 else 1)
    return total


def not_covered(what: str, term: object) -> UnsupportedError:
    return UnsupportedError(
        f"the boundary layer {what}",
        term=term,
        remedy="leave boundary_layers= out: docs/validation.md says what it is for",
    )
