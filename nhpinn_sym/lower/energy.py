"""Symmetric cell problems as minimum problems: the energy of the gradients, and the complementary
energy of the fluxes.

With the strain of N, the vector of all D_k N_j, and a macroscopic strain E,
    E . A* E      = min over periodic N of          <(E + strain N) . C (E + strain N)>,
    S . A*^-1 S   = min over periodic potentials of <(S + flux psi) . C^-1 (S + flux psi)>,
flux psi being all divergence-free periodic fluxes of zero mean (Jikov, Kozlov, Oleinik,
Homogenization of Differential Operators, 1.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from ..operator.table import unit
from ..problem.errors import UnsupportedError
from .forms import CellForm, LoweredCells, LoweredEquation, MultiIndex, WeakTerm

Map = tuple[tuple[tuple[int, MultiIndex, int], ...], ...]
"""A linear operator with constant coefficients: for each of its rows the terms (component,
multi-index, factor).
"""

_REMEDY = 'use method="residual"'


@dataclass(frozen=True)
class CellEnergy:
    """The two minimum problems. Row (i, k) of strain and flux, number i * dim + k, belongs to
    component i and axis k.

    stiffness: C, symmetric, (rows, rows). potentials: how many components psi has. `constrained`: C
    sees symmetric tensors alone (elasticity), so that only they are macroscopic strains.
    `functions`: for every cell function N the row of its macroscopic strain and the sign, N = sign
    * N_row.
    """

    stiffness: sp.ImmutableDenseMatrix
    strain: Map
    flux: Map
    potentials: int
    constrained: bool
    functions: tuple[tuple[int, int], ...]

    @property
    def order(self) -> int:
        """Of the derivatives in `flux`."""
        return max((sum(index) for row in self.flux for _, index, _ in row), default=0)


def cell_energy(cells: LoweredCells) -> CellEnergy:
    """The energies of `cells`. UnsupportedError where there is no energy, or one that is not of
    first derivatives alone.
    """
    _require_energy(cells)
    d = cells.cell.dim
    m = cells.components
    rows = [(i, k) for i in range(m) for k in range(d)]
    stiffness = _matrix(
        {(_row(t.equation, t.left), _row(t.field, t.right)): t.coefficient for t in cells.bilinear},
        len(rows),
    )
    constrained = m == d > 1 and all(
        stiffness.row(i * d + k) == stiffness.row(k * d + i) for i, k in rows if k < i
    )
    flux = _airy() if constrained and d == 2 else _curls(cells, constrained)
    return CellEnergy(
        stiffness,
        tuple(((i, unit(k, d), 1),) for i, k in rows),
        flux,
        len({component for row in flux for component, _, _ in row}),
        constrained,
        tuple(_place(cells, stiffness, f) for f in cells.functions),
    )


def _matrix(entries: Mapping[tuple[int, int], sp.Expr], size: int) -> sp.ImmutableDenseMatrix:
    return sp.ImmutableDenseMatrix(size, size, lambda p, q: entries.get((p, q), sp.Integer(0)))


def _require_energy(cells: LoweredCells) -> None:
    coefficients = [t.coefficient for t in cells.bilinear]
    if cells.complex:
        raise UnsupportedError(
            "a complex coefficient has no energy to minimize",
            term=next((c for c in coefficients if c.has(sp.I)), cells.title),
            remedy=_REMEDY,
        )
    if not cells.symmetric:
        raise UnsupportedError(
            "a cell operator that is not symmetric has no energy",
            term=_term(next(t for t in cells.bilinear if _odd(t, cells))),
            remedy=_REMEDY,
        )
    higher = next((t for t in cells.bilinear if sum(t.left) != 1 or sum(t.right) != 1), None)
    if higher is not None or cells.eigenvalue is not None:
        raise UnsupportedError(
            "an energy of other than first derivatives",
            term=_term(higher) if higher else cells.eigenvalue,
            remedy=_REMEDY,
        )
    if not cells.definite:
        raise UnsupportedError(
            "the cell operator is not definite: its solution is no minimum",
            term=coefficients[0],
            remedy=_REMEDY,
        )
    void = next((c for c in coefficients if _vanishes(c)), None)
    if void is not None:
        raise UnsupportedError(
            "a complementary energy of coefficients that vanish in a part of the cell",
            term=void,
            remedy=_REMEDY,
        )
    if cells.slow or cells.externals:
        raise UnsupportedError(
            "energies of a cell that depends on x, or on numbers from a finer level",
            term=(*cells.slow, *(e.symbol for e in cells.externals))[0],
            remedy=_REMEDY,
        )


def _vanishes(coefficient: sp.Expr) -> bool:
    """Whether a coefficient is 0 in one of its phases."""
    return any(
        coefficient.xreplace({node: sp.Integer(0)}) == 0
        for node in coefficient.atoms(sp.Piecewise)
        if any(value == 0 for value, _ in node.args)
    )


def _odd(term: WeakTerm, cells: LoweredCells) -> bool:
    """Whether the mirror image of a term is missing."""
    mirrored = (term.field, term.right, term.equation, term.left)
    return not any(
        (t.equation, t.left, t.field, t.right) == mirrored
        and sp.expand(t.coefficient - term.coefficient) == 0
        for t in cells.bilinear
    )


def _term(t: WeakTerm) -> str:
    return f"({t.coefficient}) D^{t.right} u[{t.field}] D^{t.left} v[{t.equation}]"


def _place(cells: LoweredCells, stiffness: sp.Matrix, form: CellForm) -> tuple[int, int]:
    """The row and the sign of a corrector. UnsupportedError where it is not the answer to a
    constant macroscopic strain.
    """
    d = cells.cell.dim
    if form.role == "corrector":
        (field, alpha), sign = form.sources[0]
        if field is not None and sum(alpha) == 1 and sum(alpha[:d]) == 1:
            row = _row(field, alpha[:d])
            if _is_load_of(row, sign, cells, stiffness, form):
                return row, sign
    raise UnsupportedError(
        "the energy form covers the correctors N_k of the macroscopic gradient",
        term=form.name,
        remedy=_REMEDY,
    )


def _is_load_of(
    row: int, sign: int, cells: LoweredCells, stiffness: sp.Matrix, form: CellForm
) -> bool:
    """Whether the load is -sign times column `row` of the stiffness, but for coefficients c with
    <c D_k v> = 0, which do not depend on y_k.
    """
    load = {}
    for w in form.weak:
        if w.factor is not None or sum(w.left) != 1:
            return False
        load[_row(w.equation, w.left)] = w.coefficient
    if len(load) < len(form.weak):
        return False
    for p in range(stiffness.rows):
        rest = sp.expand(sign * load.get(p, sp.Integer(0)) + stiffness[p, row])
        if rest.has(cells.coordinates[p % cells.cell.dim]):
            return False
    return True


def _curls(cells: LoweredCells, constrained: bool) -> Map:
    """The curl of a stream function, or of a vector potential, for each component; in one dimension
    fluxes are constant.
    """
    d = cells.cell.dim
    m = cells.components
    if constrained:
        raise UnsupportedError(
            "divergence-free stresses in three dimensions, which the lower bound needs",
            term=cells.title,
            remedy=_REMEDY,
        )
    if d == 1:
        return ((),) * m
    rows: list[tuple[tuple[int, MultiIndex, int], ...]] = []
    for i in range(m):
        if d == 2:
            rows += [((i, (0, 1), 1),), ((i, (1, 0), -1),)]
        else:
            for p, q in ((1, 2), (2, 0), (0, 1)):
                rows.append(((3 * i + q, unit(p, 3), 1), (3 * i + p, unit(q, 3), -1)))
    return tuple(rows)


def _airy() -> Map:
    """Airy's stress function: D_22, -D_12, -D_12, D_11."""
    return ((0, (0, 2), 1),), ((0, (1, 1), -1),), ((0, (1, 1), -1),), ((0, (2, 0), 1),)


def _row(component: int, index: MultiIndex) -> int:
    return component * len(index) + index.index(1)


@dataclass(frozen=True)
class EquationEnergy:
    """1/2 B(u, u) - l(u) of a boundary value problem: `slots` are the derivatives (component,
    multi-index) of u that it holds.

    quadratic: the symmetric C of 1/2 slots . C slots inside, linear: the factors of the slots in l;
    natural: the same two on each part with a natural condition, by its name; there by component of
    u.
    """

    slots: tuple[tuple[int, MultiIndex], ...]
    quadratic: sp.ImmutableDenseMatrix
    linear: tuple[sp.Expr, ...]
    natural: tuple[tuple[str, tuple[sp.Expr, ...], tuple[sp.Expr, ...]], ...]


def equation_energy(equation: LoweredEquation) -> EquationEnergy:
    """The energy of `equation`. UnsupportedError where it has none: unsteady, not symmetric, or
    with a jump that no quadrature here heeds.
    """
    _require_equation_energy(equation)
    held = [(t.field, t.right) for t in equation.bilinear]
    held += [(t.equation, t.left) for t in equation.linear]
    slots = tuple(sorted(dict.fromkeys(held), key=lambda s: (s[0], [-n for n in s[1]])))
    numbers = {slot: k for k, slot in enumerate(slots)}
    entries = {}
    for t in equation.bilinear:
        entries[numbers[t.equation, t.left], numbers[t.field, t.right]] = t.coefficient
    loads = {(t.equation, t.left): t.coefficient for t in equation.linear}
    return EquationEnergy(
        slots,
        _matrix(entries, len(slots)),
        tuple(loads.get(slot, sp.Integer(0)) for slot in slots),
        _natural(equation),
    )


def _require_equation_energy(equation: LoweredEquation) -> None:
    if equation.time is not None:
        raise UnsupportedError(
            "a time-dependent equation has no energy to minimize",
            term=equation.title,
            remedy=_REMEDY,
        )
    if not equation.self_adjoint:
        terms = equation.bilinear
        mixed = [t for t in terms if t.left != t.right or t.equation != t.field]
        raise UnsupportedError(
            "the solution of an equation that is not symmetric is no minimum of an energy",
            term=_term((*mixed, *terms)[0]),
            remedy=_REMEDY,
        )
    if equation.jumps:
        raise UnsupportedError(
            "a boundary value problem by its energy where a coefficient jumps",
            term=equation.title,
            remedy="use a FEM backend",
        )


def _natural(
    equation: LoweredEquation,
) -> tuple[tuple[str, tuple[sp.Expr, ...], tuple[sp.Expr, ...]], ...]:
    nothing = [sp.Integer(0)] * equation.components
    alphas: dict[str, list[sp.Expr]] = {}
    values: dict[str, list[sp.Expr]] = {}
    for condition in equation.natural:
        for name in condition.parts:
            alphas.setdefault(name, list(nothing))[condition.equation] = condition.alpha
            values.setdefault(name, list(nothing))[condition.equation] = condition.value
    return tuple((name, tuple(alphas[name]), tuple(values[name])) for name in alphas)
