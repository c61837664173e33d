"""Equations of fourth order with elements that are continuous alone: the interior penalty form
(Engel, Garikipati, Hughes, Larson, Mazzei and Taylor 2002; Brenner and Sung 2005).

On a facet with normal n a term int c D^right u D^left v, both of second order, leaves the moment
c n^left D^right u times the jump of dv/dn. The same of u and v exchanged is added, which is 0 for
the solution, and a penalty on the jumps of the slopes. On clamped parts the slope minus its datum
takes the place of the jump.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

import sympy as sp

from ..lower.forms import Essential, LoweredEquation, MultiIndex
from .boundary_parts import tags_text
from .ufl_text import derivative, dx, numbered, part

FACETS = "dS, n, h"
"""Arguments of the forms: the measure between cells, the normal, the width of cells across."""
PENALTY = 36
"""4 p^2 for elements of degree p = 3."""


class FacetProduct(NamedTuple):
    """A coefficient and the text that holds it as {c}."""

    sign: str
    coefficient: sp.Expr
    text: str


Facets = tuple[str, list[FacetProduct]]
"""A measure, and what is integrated."""


def penalties(lowered: LoweredEquation) -> list[Facets]:
    """What the facets between cells, and clamped parts, add to the bilinear form."""
    found = [("dS", _between(lowered))]
    for e in (e for e in lowered.essential if e.clamped):
        found.append((f"ds({tags_text(e.parts)})", _on_clamped(lowered, e)))
    return found


def penalized_loads(lowered: LoweredEquation) -> list[Facets]:
    """What the slopes given on clamped parts add to the load."""
    found = []
    for e in (e for e in lowered.essential if e.clamped and e.value != 0):
        products = []
        for axis, v in enumerate(lowered.coordinates):
            slope = sp.diff(e.value, v)
            if slope != 0:
                products += _of_slope(lowered, e, axis, slope)
        found.append((f"ds({tags_text(e.parts)})", products))
    return found


def penalty_notes(lowered: LoweredEquation) -> list[str]:
    """Lines of a docstring."""
    if lowered.order == 2:
        return []
    clamped = [
        f"{derivative(numbered('du/dn', e.field, lowered.components), ())} as of {e.value} on"
        f" {', '.join(e.parts)}, weakly"
        for e in lowered.essential
        if e.clamped
    ]
    return [
        "+ interior penalty on facets (dS; n the normal, h the width of cells across them)",
        *clamped,
    ]


def _between(lowered: LoweredEquation) -> list[FacetProduct]:
    """What the facets between cells add: means of both sides, jumps of slopes."""
    return _consistent(lowered, _average, _jump, range(lowered.components))


def _on_clamped(lowered: LoweredEquation, e: Essential) -> list[FacetProduct]:
    """What a clamped part adds: there is one side, and its slope is what has to vanish."""
    return _consistent(lowered, str, _slope, (e.field,))


def _consistent(
    lowered: LoweredEquation,
    averaged: Callable[[str], str],
    slope: Callable[[str], str],
    fields: Collection[int],
) -> list[FacetProduct]:
    """The moment that integration by parts leaves on facets times the slope of v, the same of u and
    v exchanged, and the penalty.

    averaged : the text of a product on a facet; slope: that of what is not continuous there;
    fields   : the components that it is about
    """
    m = lowered.components
    found = []
    for t in lowered.bilinear:
        u = part("u", t.field, m)
        v = part("v", t.equation, m)
        c = t.coefficient
        if sum(t.left) == 2 and t.equation in fields:
            moment = averaged(f"{{c}}*{_normal(t.left)}*{dx(u, t.right)}")
            found.append(FacetProduct("- ", c, f"{moment}*{slope(v)}"))
        if sum(t.left) == 2 and sum(t.right) == 2 and t.field in fields:
            moment = averaged(f"{{c}}*{_normal(t.right)}*{dx(v, t.left)}")
            found.append(FacetProduct("- ", c, f"{moment}*{slope(u)}"))
            if _across(t.left, t.right):
                weight = averaged(f"{{c}}*{_normal(t.left)}*{_normal(t.right)}/h")
                found.append(FacetProduct("", c, f"{PENALTY}*{weight}*{slope(u)}*{slope(v)}"))
    return found


def _of_slope(
    lowered: LoweredEquation, e: Essential, axis: int, slope: sp.Expr
) -> list[FacetProduct]:
    """The terms of the datum's derivative along one axis, in the place of du/dn."""
    m = lowered.components
    found = []
    for t in lowered.bilinear:
        if t.field != e.field or sum(t.left) < 2 or sum(t.right) < 2:
            continue
        v = part("v", t.equation, m)
        c = t.coefficient * slope
        moment = f"{{c}}*n[{axis}]*{_normal(t.right)}*{dx(v, t.left)}"
        found.append(FacetProduct("- ", c, moment))
        if _across(t.left, t.right):
            weight = f"{PENALTY}*{{c}}*n[{axis}]*{_normal(t.left)}*{_normal(t.right)}/h"
            found.append(FacetProduct("", c, f"{weight}*{_slope(v)}"))
    return found


def _normal(index: MultiIndex) -> str:
    """n^index."""
    return "*".join(f"n[{axis}]" for axis, order in enumerate(index) for _ in range(order))


def _across(left: MultiIndex, right: MultiIndex) -> bool:
    """Whether both are second derivatives along one and the same axis, that of a normal."""
    return left == right and max(left) == 2


def _average(text: str) -> str:
    return f"ufl.avg({text})"


def _jump(name: str) -> str:
    return f"ufl.jump(ufl.grad({name}), n)"


def _slope(name: str) -> str:
    return f"ufl.dot(ufl.grad({name}), n)"
