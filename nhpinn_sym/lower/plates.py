"""PlateModel -> LoweredCells: a displacement for each strain of the plane, and for each curvature.

The effective entries "ABD" are those of (A, B/h; B^T/h, D/h^2), h the thickness: of one size, so
that errors are relative to the largest of all.
"""

from __future__ import annotations

import itertools

import sympy as sp

from ..derive.plates import PlateModel
from ..operator.zero_test import jumps
from .forms import CellForm, Factor, Functional, FunctionalTerm, LoweredCells, MultiIndex, WeakTerm
from .term_forms import is_symmetric

Strain = tuple[tuple[sp.Expr, ...], ...]


def lower_plate(model: PlateModel) -> LoweredCells:
    """The cell problems as weak forms, with the natural condition at the faces."""
    y = tuple(v.symbol for v in model.problem.scales.y)
    bilinear = tuple(
        WeakTerm(_along(k, model.dim), c, _along(n, model.dim), i, j)
        for (i, k, j, n), c in _moduli(model).items()
    )
    loads = _loads(model, y[-1] / model.thickness)
    forms = tuple(_form(model, p, load) for p, load in enumerate(loads))
    held = [t.coefficient for t in (*bilinear, *(w for f in forms for w in f.weak))]
    return LoweredCells(
        title=model.title,
        cell=model.problem.cell,
        coordinates=y,
        slow=(),
        parameters=tuple(v for v in model.problem.parameters if any(c.has(v) for c in held)),
        externals=(),
        components=model.dim,
        bilinear=bilinear,
        strong=(),
        mass=(),
        eigenvalue=None,
        functions=forms,
        constants=(),
        effective=tuple(
            _entry(model, (p, q), loads) for p, q in itertools.product(range(len(loads)), repeat=2)
        ),
        higher=(),
        symmetric=is_symmetric(bilinear),
        definite=True,
        complex=False,
        jumps=any(map(jumps, held)),
        free=model.problem.cell.free,
    )


def _along(k: int, dim: int) -> MultiIndex:
    return tuple(int(axis == k) for axis in range(dim))


def _moduli(model: PlateModel) -> dict[tuple[int, ...], sp.Expr]:
    """C_ikjl, without zeros."""
    every = itertools.product(range(model.dim), repeat=4)
    found = {at: model.stiffness(*at) for at in every}
    return {at: c for at, c in found.items() if c != 0}


def _loads(model: PlateModel, height: sp.Expr) -> list[Strain]:
    """The strains E^p of the plane, with 2 E_12 = 1, and -y E^p; `height` is y."""
    found = []
    for factor in (sp.Integer(1), -height):
        for pair in model.loads:
            strain = sp.zeros(model.dim)
            strain[pair] += factor / 2
            strain[pair[::-1]] += factor / 2
            found.append(tuple(map(tuple, strain.tolist())))
    return found


def _form(model: PlateModel, number: int, load: Strain) -> CellForm:
    """int C e(w) : e(v) = -int C load : e(v)."""
    zero = (0,) * model.dim
    weak = [
        WeakTerm(_along(k, model.dim), -c * load[j][n], zero, i)
        for (i, k, j, n), c in _moduli(model).items()
        if load[j][n] != 0
    ]
    count = len(model.loads)
    a, b = model.loads[number % count]
    name = f"{'w' if number < count else 'v'}_{a + 1}{b + 1}"
    source = ((None, (0,) * (model.dim + 1)), 1)
    return CellForm(name, "corrector", 1, (source,), tuple(weak), (), True)


def _entry(model: PlateModel, place: tuple[int, int], loads: list[Strain]) -> Functional:
    """The integral over the cell, per area, of C (load p + e(w_p)) : load q."""
    p, q = place
    constant = sp.Integer(0)
    terms = []
    for (i, k, j, n), c in _moduli(model).items():
        weight = model.thickness * c * loads[q][i][k]
        if weight != 0:
            constant += weight * loads[p][j][n]
            terms.append(FunctionalTerm(weight, (Factor(p, j, _along(n, model.dim)),)))
    return Functional("ABD", place, constant, tuple(terms))
