"""Symmetric cell problems as minimum problems: the energy of the gradients, and the complementary
energy of the fluxes.

With the strain of N, the vector of all D_k N_j, and a macroscopic strain E,
    E . A* E      = min over periodic N of          <(E + strain N) . C (E + strain N)>,
    S . A*^-1 S   = min over periodic potentials of <(S + flux psi) . C^-1 (S + flux psi)>,
flux psi being all divergence-free periodic fluxes of zero mean (Jikov, Kozlov, Oleinik,
Homogenization of Differential Operators, 1.6).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..problem.domain import Face
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
    d, m = cells.cell.dim, cells.components
    entries = {
        (_row(t.equation, t.left), _row(t.field, t.right)): t.coefficient for t in cells.bilinear
    }
    stiffness = sp.ImmutableDenseMatrix(
        m * d, m * d, lambda p, q: entries.get((p, q), sp.Integer(0))
    )
    strain: Map = tuple(((i, _unit(k, d), 1),) for i in range(m) for k in range(d))
    constrained = m == d > 1 and all(
        stiffness.row(i * d + k) == stiffness.row(k * d + i) for i in range(d) for k in range(i)
    )
    flux = _airy() if constrained and d == 2 else _curls(cells, constrained)
    potentials = len({component for row in flux for component, _, _ in row})
    return CellEnergy(
        stiffness,
        strain,
        flux,
        potentials,
        constrained,
        tuple(_place(cells, stiffness, f) for f in cells.functions),
    )


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
    if cells.slow or cells.externals:
        raise UnsupportedError(
            "energies of a cell that depends on x, or on numbers from a finer level",
            term=(*cells.slow, *(e.symbol for e in cells.externals))[0],
            remedy=_REMEDY,
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
            load = {
                _row(w.equation, w.left): w.coefficient
                for w in form.weak
                if w.factor is None and sum(w.left) == 1
            }
            rest = [
                sp.expand(sign * load.get(p, sp.Integer(0)) + stiffness[p, row])
                for p in range(stiffness.rows)
            ]
            inert = all(
                not c.has(cells.coordinates[p % d]) for p, c in enumerate(rest)
            )  # the mean of c D_k v is zero then
            if len(load) == len(form.weak) and inert:
                return row, sign
    raise UnsupportedError(
        "the energy form covers the correctors N_k of the macroscopic gradient",
        term=form.name,
        remedy=_REMEDY,
    )


def _curls(cells: LoweredCells, constrained: bool) -> Map:
    """The curl of a stream function, or of a vector potential, for each component; in one dimension
    fluxes are constant.
    """
    d, m = cells.cell.dim, cells.components
    if constrained:
        raise UnsupportedError(
            "divergence-free stresses in three dimensions, which the lower bound needs",
            term=cells.title,
            remedy=_REMEDY,
        )
    if d == 1:
        return ((),) * m
    if d == 2:
        return tuple(row for i in range(m) for row in (((i, (0, 1), 1),), ((i, (1, 0), -1),)))
    axes = [(k, (k + 1) % 3, (k + 2) % 3) for k in range(3)]
    return tuple(
        ((3 * i + q, _unit(p, 3), 1), (3 * i + p, _unit(q, 3), -1))
        for i in range(m)
        for _, p, q in axes
    )


def _airy() -> Map:
    """Airy's stress function: D_22, -D_12, -D_12, D_11."""
    return ((0, (0, 2), 1),), ((0, (1, 1), -1),), ((0, (1, 1), -1),), ((0, (2, 0), 1),)


def _unit(axis: int, dim: int) -> MultiIndex:
    return tuple(int(k == axis) for k in range(dim))


def _row(component: int, index: MultiIndex) -> int:
    return component * len(index) + index.index(1)


@dataclass(frozen=True)
class EquationEnergy:
    """1/2 B(u, u) - l(u) of a boundary value problem: `slots` are the derivatives (component,
    multi-index) of u that it holds.

    quadratic: the symmetric C of 1/2 slots . C slots inside, linear: the factors of the slots in l;
    natural: the same two on each face with a natural condition, there by component of u.
    """

    slots: tuple[tuple[int, MultiIndex], ...]
    quadratic: sp.ImmutableDenseMatrix
    linear: tuple[sp.Expr, ...]
    natural: tuple[tuple[Face, tuple[sp.Expr, ...], tuple[sp.Expr, ...]], ...]


def equation_energy(equation: LoweredEquation) -> EquationEnergy:
    """The energy of `equation`. UnsupportedError where it has none: unsteady, not symmetric, or
    with a jump that no quadrature here heeds.
    """
    if equation.time is not None:
        raise UnsupportedError(
            "a time-dependent equation has no energy to minimize",
            term=equation.title,
            remedy=_REMEDY,
        )
    if not equation.self_adjoint:
        term = next(
            (t for t in equation.bilinear if t.left != t.right or t.equation != t.field),
            equation.bilinear[0],
        )
        raise UnsupportedError(
            "the solution of an equation that is not symmetric is no minimum of an energy",
            term=_term(term),
            remedy=_REMEDY,
        )
    if equation.jumps:
        raise UnsupportedError(
            "a boundary value problem by its energy where a coefficient jumps",
            term=equation.title,
            remedy="use a FEM backend",
        )
    held = [(t.field, t.right) for t in equation.bilinear] + [
        (t.equation, t.left) for t in equation.linear
    ]
    slots = tuple(sorted(dict.fromkeys(held), key=lambda s: (s[0], [-n for n in s[1]])))
    entries = {
        (slots.index((t.equation, t.left)), slots.index((t.field, t.right))): t.coefficient
        for t in equation.bilinear
    }
    quadratic = sp.ImmutableDenseMatrix(
        len(slots), len(slots), lambda p, q: entries.get((p, q), sp.Integer(0))
    )
    loads = {slots.index((t.equation, t.left)): t.coefficient for t in equation.linear}
    return EquationEnergy(
        slots,
        quadratic,
        tuple(loads.get(p, sp.Integer(0)) for p in range(len(slots))),
        _natural(equation),
    )


def _natural(
    equation: LoweredEquation,
) -> tuple[tuple[Face, tuple[sp.Expr, ...], tuple[sp.Expr, ...]], ...]:
    faces: dict[Face, tuple[list[sp.Expr], list[sp.Expr]]] = {}
    for condition in equation.natural:
        for face in condition.faces:
            alpha, value = faces.setdefault(
                face, ([sp.Integer(0)] * equation.components, [sp.Integer(0)] * equation.components)
            )
            alpha[condition.equation], value[condition.equation] = condition.alpha, condition.value
    return tuple((face, tuple(alpha), tuple(value)) for face, (alpha, value) in faces.items())
