"""For each region one function whose positive part has its kinks at the interfaces of that region:
inputs of nets over the whole cell.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ..problem.domain import Cell
from ..problem.numeric import lambdified
from ..runtime.arrays import Array
from ..runtime.tensor_grids import tensor_points
from .phases import Phases, sample_points

# Points per axis of a face at which the two ends of a period are compared.
_SAMPLES = 97
# Of the size by which a level is divided: it need not be exact, and is written into texts.
_DIGITS = 3


def kinks(phases: Phases, cell: Cell) -> tuple[sp.Expr, ...]:
    """Expressions on the cell, one for each branch of a Piecewise: positive inside, smooth there,
    zero at its boundary, not positive outside; the largest value is about 1.

    Where the boundary of the cell is an interface they vanish there as well. A branch that is
    nowhere taken has none.
    """
    coordinates = phases.labels.coordinates
    points = sample_points(cell.bounds)
    found = []
    for parts in phases.regions:
        level = sp.Max(*map(_bump, parts)) if len(parts) > 1 else _bump(parts[0])
        for k, (v, (a, b)) in enumerate(zip(coordinates, cell.intervals, strict=True)):
            if not _periodic(level, coordinates, cell, k):
                level = level * (v - a) * (b - v)
        size = float(_values(level, coordinates, points).max())
        if size > 0:
            decimals = _DIGITS - int(np.floor(np.log10(size)))
            found.append(level / round(size, decimals))
    return tuple(dict.fromkeys(found))


def _bump(condition: Boolean) -> sp.Expr:
    """The level of one inequality; of several the product inside, and zero outside."""
    relations = sorted(condition.atoms(Relational), key=sp.default_sort_key)
    levels = [r.lhs - r.rhs if isinstance(r, (sp.Eq, sp.Ne)) else r.gts - r.lts for r in relations]
    if condition == relations[0]:
        return levels[0]
    return sp.Piecewise((sp.Mul(*levels), condition), (sp.Integer(0), True))


def _periodic(level: sp.Expr, coordinates: tuple[sp.Symbol, ...], cell: Cell, k: int) -> bool:
    """Whether the positive part has the same values on both faces across axis k."""
    lines = [np.linspace(a, b, _SAMPLES) for a, b in cell.bounds]

    def on_face(end: float) -> Array:
        points = tensor_points([*lines[:k], np.array([end]), *lines[k + 1 :]])
        return np.maximum(_values(level, coordinates, points), 0)

    start, end = cell.bounds[k]
    return bool(np.allclose(on_face(start), on_face(end), atol=1e-12))


def _values(level: sp.Expr, coordinates: tuple[sp.Symbol, ...], points: Array) -> Array:
    call = lambdified(coordinates, level, "numpy", cse=True)
    return np.broadcast_to(np.asarray(call(*points.T), dtype=float), len(points))
