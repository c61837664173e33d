"""{name}_ritz.py: the energy of a symmetric boundary value problem for torch, of first derivatives of the solution and none of a coefficient."""

from __future__ import annotations

import sympy as sp

from ..lower.forms import LoweredEquation, MultiIndex, Natural
from ..problem.errors import UnsupportedError
from .opaque import function_names
from .source import Source
from .torch_printer import Slot
from .torch_text import Scope, assemble, closure, header

_REMEDY = 'use form="strong"'


def equation(lowered: LoweredEquation, name: str) -> Source:
    """The integrands `energy`, and `boundary_energy` of natural conditions; columns of `points` are the coordinates.

    UnsupportedError where there is no energy: an operator that is not symmetric, or a time derivative.
    """
    if lowered.time is not None or not lowered.symmetric:
        raise UnsupportedError("an equation that is no minimum problem", term=lowered.title, remedy=_REMEDY)
    scope = Scope(lowered.coordinates, (*lowered.parameters, *(e.symbol for e in lowered.externals)), function_names(lowered))
    indices = closure([*(i for t in lowered.bilinear for i in (t.left, t.right)), *(t.left for t in lowered.linear)])
    axes = [("scaled", a, b) for a, b in lowered.domain.intervals]
    half = sp.Rational(1, 2)
    inside = [half * t.coefficient * _slot(t.right, t.field) * _slot(t.left, t.equation) for t in lowered.bilinear]
    inside += [-t.coefficient * _slot(t.left, t.equation) for t in lowered.linear]
    parts = [
        header(scope, {"INDICES": indices}, axes),
        scope.function("energy", "points, d", "The integrand over the domain; d: the jet of all components.", [sp.Add(*inside)],
                       "return full(points, {})"),
        *[_natural(scope, lowered, n, k) for k, n in enumerate(lowered.natural)],
        f"BOUNDARY = ({''.join(f'({n.faces}, boundary_energy_{k}), ' for k, n in enumerate(lowered.natural))})",
    ]
    return Source("torch", ((f"{name}_ritz.py", assemble(_docstring(lowered), parts)),))


def _natural(scope: Scope, lowered: LoweredEquation, condition: Natural, number: int) -> str:
    """A condition n . flux + alpha u = g is that of a minimum with 1/2 alpha u^2 - g u on its faces."""
    u = _slot((0,) * len(lowered.coordinates), condition.equation)
    return scope.function(f"boundary_energy_{number}", "points, d", "The integrand over the faces that stand beside it in BOUNDARY.",
                          [condition.alpha * u**2 / 2 - condition.value * u], "return full(points, {})")


def _slot(index: MultiIndex, component: int) -> sp.Expr:
    return Slot(f"d[{index}][..., {component}]")


def _docstring(lowered: LoweredEquation) -> str:
    conditions = ", ".join(f"u[{e.field}] = {e.value} on {e.faces}" for e in lowered.essential)
    return f"""{lowered.title}: its solution minimizes the integral of `energy` over {lowered.domain}

plus those in BOUNDARY over their faces (axis, end), among functions with the essential data {conditions or 'none'}.
"""
