"""For each region one function whose positive part has its kinks at the interfaces of that region."""

from __future__ import annotations

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ...lower.phases import Phases
from ...problem.domain import Cell

_SAMPLES = 97


def features(phases: Phases, cell: Cell) -> tuple[sp.Expr, ...]:
    """Expressions on the cell, one for each branch of a Piecewise: positive inside, smooth there, zero at its boundary, not positive outside.

    Where the boundary of the cell is an interface they vanish there as well.
    """
    coordinates = phases.labels.coordinates
    found = []
    for parts in phases.regions:
        feature = sp.Max(*map(_bump, parts)) if len(parts) > 1 else _bump(parts[0])
        for v, (a, b) in zip(coordinates, cell.intervals, strict=True):
            if not _periodic(feature, coordinates, cell, v):
                feature = feature * (v - a) * (b - v)
        found.append(feature)
    return tuple(dict.fromkeys(found))


def _bump(condition: Boolean) -> sp.Expr:
    """The level of one inequality; of several the product inside, and zero outside."""
    relations = sorted(condition.atoms(Relational), key=sp.default_sort_key)
    levels = [r.gts - r.lts if hasattr(r, "gts") else r.lhs - r.rhs for r in relations]
    if condition == relations[0]:
        return levels[0]
    return sp.Piecewise((sp.Mul(*levels), condition), (sp.Integer(0), True))


def _periodic(feature: sp.Expr, coordinates: tuple[sp.Symbol, ...], cell: Cell, v: sp.Symbol) -> bool:
    """Whether the positive part has the same values on both faces across axis v."""
    lines = [np.linspace(lo, hi, _SAMPLES) for w, (lo, hi) in zip(coordinates, cell.bounds, strict=True) if w != v]
    rest = [g.ravel() for g in np.meshgrid(*lines, indexing="ij")] or [np.zeros(1)]
    call, k = sp.lambdify(coordinates, feature, "numpy"), coordinates.index(v)
    one, other = (np.maximum(call(*[*rest[:k], np.full(len(rest[0]), end), *rest[k:]][:len(coordinates)]), 0) for end in cell.bounds[k])
    return bool(np.allclose(one, other, atol=1e-12))
