"""Hand-built cell problems beyond scalar diffusion, for the torch files and the PINN backend:
systems, levels, kernels, time-periodic cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from nhpinn_sym.lower.forms import (
    CellForm,
    Constant,
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    SourceTerm,
    WeakTerm,
)
from nhpinn_sym.lower.term_forms import strong_terms, weak_terms
from nhpinn_sym.problem.domain import Cell

from .pinn_samples import Y, built, unit, y1, y2

ZERO, ONE = sp.S.Zero, sp.S.One


def isotropic(lam: sp.Expr, mu: sp.Expr) -> Callable[[int, int, int, int], sp.Expr]:
    """C_ikjl of plane strain."""

    def entry(i: int, k: int, j: int, l: int) -> sp.Expr:  # noqa: E741
        return lam * int(i == k and j == l) + mu * (int(i == j and k == l) + int(i == l and k == j))

    return entry


def elasticity(c: Callable[[int, int, int, int], sp.Expr], dim: int = 2) -> LoweredCells:
    """-d_k( c_ikjl (d_l N_j + delta_jp delta_lq) ) = 0 for p <= q, with A_ikpq = <c_ikpq + c_ikjl
    d_l N_j>.
    """
    e, zero, n = [unit(dim, k) for k in range(dim)], (0,) * dim, range(dim)
    strains = [(p, q) for p in n for q in n if p <= q]
    leading = [
        (i, e[k], -c(i, k, j, m), j, e[m])
        for i in n
        for k in n
        for j in n
        for m in n
        if c(i, k, j, m) != 0
    ]
    functions, effective = [], []
    for p, q in strains:
        weak = [WeakTerm(e[k], -c(i, k, p, q), zero, i) for i in n for k in n if c(i, k, p, q) != 0]
        source = [SourceTerm(sp.diff(c(i, k, p, q), Y[k]), i) for i in n for k in n]
        functions.append(
            CellForm(
                f"N_{p + 1}{q + 1}",
                "corrector",
                1,
                (((p, e[q]), 1),),
                tuple(weak),
                tuple(source),
                True,
            )
        )
    for row, (i, k) in enumerate(strains):
        for column, (p, q) in enumerate(strains):
            terms = [
                FunctionalTerm(c(i, k, j, m), (Factor(column, j, e[m]),))
                for j in n
                for m in n
                if c(i, k, j, m) != 0
            ]
            effective.append(Functional("A", (i, k, p, q), c(i, k, p, q), tuple(terms), (-1, row)))
    return built(
        "Elasticity",
        Cell.unit(dim),
        dim,
        weak_terms(leading),
        strong_terms(leading, Y[:dim]),
        functions,
        effective,
    )


def second_level_1d(a: sp.Expr, **more: object) -> LoweredCells:
    """-(a (N_1' + 1))' = 0, -(a (N_2' + N_1))' = a (N_1' + 1) less its mean: N_2' = -N_1. "h" is <a
    (N_2' + N_1)> = 0.
    """
    d, zero = (1,), (0,)
    leading = [(0, d, -a, 0, d)]
    value, slope = Factor(0, 0, zero), Factor(0, 0, d)
    first = CellForm(
        "N_1",
        "corrector",
        1,
        (((None, d), 1),),
        (WeakTerm(d, -a, zero),),
        (SourceTerm(sp.diff(a, y1)),),
        True,
    )
    weak = (
        WeakTerm(d, -a, zero, factor=value),
        WeakTerm(zero, a, zero),
        WeakTerm(zero, a, zero, factor=slope),
    )
    source = (SourceTerm(sp.diff(a, y1), 0, value), SourceTerm(2 * a, 0, slope), SourceTerm(a))
    second = CellForm("N_11", "corrector", 2, (((None, (2,)), 1),), weak, source, False)
    law = Functional("A", (0, 0), a, (FunctionalTerm(a, (slope,)),), (-1, 0))
    higher = Functional(
        "h", (1, 0, 0), ZERO, (FunctionalTerm(a, (Factor(1, 0, d),)), FunctionalTerm(a, (value,)))
    )
    return built(
        "Diffusion",
        Cell.unit(1),
        1,
        weak_terms(leading),
        strong_terms(leading, (y1,)),
        (first, second),
        (law,),
        higher=(higher,),
        **more,
    )


def drifting_1d(
    diffusion: sp.Expr, b: sp.Expr, centred: bool = False, **more: object
) -> LoweredCells:
    """-D N'' + b N' = v - b with the invariant density psi; A = <psi (D + 2 D N' - (b - v) N)> with
    v = <psi b>, a constant unless `centred`.
    """
    d, zero = (1,), (0,)
    v = ZERO if centred else sp.Symbol("vbar", real=True)
    leading = [(0, d, -diffusion, 0, d), (0, zero, b + sp.diff(diffusion, y1), 0, d)]
    psi, value, slope = Factor(0, 0, zero), Factor(1, 0, zero), Factor(1, 0, d)
    adjoint = CellForm("psi_1", "adjoint", 0, (), (), (), False)
    corrector = CellForm(
        "N_1",
        "corrector",
        1,
        (((None, d), 1),),
        (WeakTerm(zero, v - b, zero),),
        (SourceTerm(v - b),),
        True,
    )
    terms = (
        FunctionalTerm(diffusion, (psi,)),
        FunctionalTerm(2 * diffusion, (psi, slope)),
        FunctionalTerm(v - b, (psi, value)),
    )
    law = Functional("A", (0, 0), ZERO, terms)
    drift = Functional("drift", (0,), ZERO, (FunctionalTerm(b, (psi,)),))
    weight = Functional("weight", (), ZERO, (FunctionalTerm(ONE, (psi,)),))
    constants = () if centred else (Constant(v, drift, weight),)
    return built(
        "Drift",
        Cell.unit(1),
        1,
        weak_terms(leading),
        strong_terms(leading, (y1,)),
        (adjoint, corrector),
        (law,),
        constants=constants,
        symmetric=False,
        **more,
    )


def ground_state_cells(
    potential: sp.Expr, cell: Cell, b: Sequence[sp.Expr] = (), **more: object
) -> LoweredCells:
    """-Laplace phi + b . grad phi + potential phi = lambda phi with its adjoint, and -Laplace N +
    ... - lambda N = 2 d_1 phi, P taken off.
    """
    n = cell.dim
    e, zero, value = [unit(n, k) for k in range(n)], (0,) * n, sp.Symbol("lambda0", real=True)
    leading = [(0, e[k], -ONE, 0, e[k]) for k in range(n)] + [
        (0, zero, bk, 0, e[k]) for k, bk in enumerate(b)
    ]
    leading += [(0, zero, potential, 0, zero), (0, zero, -value, 0, zero)]
    slope, two = Factor(0, 0, e[0]), sp.Integer(2)
    weak, source = (WeakTerm(zero, two, zero, factor=slope),), (SourceTerm(two, 0, slope),)
    forms = [
        CellForm("phi_0", "ground state", 0, (), (), (), False),
        CellForm("psi_0", "adjoint", 0, (), (), (), False),
        CellForm("N_1", "corrector", 1, (((None, e[0]), 1),), weak, source, False),
    ]
    psi = Factor(1, 0, zero)
    law = Functional(
        "A",
        (0, 0),
        ZERO,
        (
            FunctionalTerm(ONE, (Factor(0, 0, zero), psi)),
            FunctionalTerm(two, (psi, Factor(2, 0, e[0]))),
        ),
    )
    return built(
        "Reaction",
        cell,
        1,
        weak_terms(leading),
        strong_terms(leading, Y[:n]),
        forms,
        (law,),
        mass=(WeakTerm(zero, ONE, zero),),
        eigenvalue=value,
        symmetric=not b,
        **more,
    )


def time_periodic(source: sp.Expr, diffusion: sp.Expr = ONE) -> LoweredCells:
    """N_tau - (D N')' = source on the cell (y, tau); A = <N source>."""
    leading = [(0, (0, 0), ONE, 0, (0, 1)), (0, (1, 0), -diffusion, 0, (1, 0))]
    form = CellForm(
        "N_0",
        "corrector",
        1,
        (((None, (0, 0)), 1),),
        (WeakTerm((0, 0), source, (0, 0)),),
        (SourceTerm(source),),
        True,
    )
    law = Functional("A", (0, 0), ZERO, (FunctionalTerm(source, (Factor(0, 0, (0, 0)),)),))
    return built(
        "Time-periodic",
        Cell.unit(2),
        1,
        weak_terms(leading),
        strong_terms(leading, (y1, y2)),
        (form,),
        (law,),
        symmetric=False,
    )


def plate_1d(a: sp.Expr) -> LoweredCells:
    """(a (N'' + 1))'' = 0: A = <a (1 + N'')> is the harmonic mean of a."""
    dd, zero = (2,), (0,)
    leading = [(0, dd, a, 0, dd)]
    form = CellForm(
        "N_11",
        "corrector",
        2,
        (((None, dd), 1),),
        (WeakTerm(dd, -a, zero),),
        (SourceTerm(-sp.diff(a, y1, 2)),),
        True,
    )
    law = Functional("A", (0, 0, 0, 0), a, (FunctionalTerm(a, (Factor(0, 0, dd),)),), (-1, 0))
    return built(
        "Plate", Cell.unit(1), 1, weak_terms(leading), strong_terms(leading, (y1,)), (form,), (law,)
    )


def coupled_1d(a: sp.Matrix) -> LoweredCells:
    """-(a (N' + e_q))' = 0 for a matrix a(y) of fields, one function per field: A = <a^-1>^-1;
    indefinite where a is (piezoelectricity).
    """
    d, zero, fields = (1,), (0,), range(a.shape[0])
    leading = [(i, d, -a[i, j], j, d) for i in fields for j in fields if a[i, j] != 0]
    forms = [
        CellForm(
            f"N_{q + 1}",
            "corrector",
            1,
            (((q, d), 1),),
            tuple(WeakTerm(d, -a[i, q], zero, i) for i in fields),
            tuple(SourceTerm(sp.diff(a[i, q], y1), i) for i in fields),
            True,
        )
        for q in fields
    ]
    law = [
        Functional(
            "A",
            (i, 0, q, 0),
            a[i, q],
            tuple(FunctionalTerm(a[i, j], (Factor(q, j, d),)) for j in fields),
            (-1, i),
        )
        for i in fields
        for q in fields
    ]
    return built(
        "Coupled",
        Cell.unit(1),
        a.shape[0],
        weak_terms(leading),
        strong_terms(leading, (y1,)),
        forms,
        law,
        definite=False,
    )


def drifting_system(b: sp.Matrix) -> LoweredCells:
    """-u'' + b(y) u' for a matrix b, with one adjoint per component; "drift" (p, q) is <psi^p . b
    e_q>.
    """
    d, zero, fields = (1,), (0,), range(b.shape[0])
    leading = [(i, d, -ONE, i, d) for i in fields] + [
        (i, zero, b[i, j], j, d) for i in fields for j in fields if b[i, j] != 0
    ]
    forms = [CellForm(f"psi_{p + 1}", "adjoint", p, (), (), (), False) for p in fields]
    law = [
        Functional(
            "drift",
            (p, q),
            ZERO,
            tuple(FunctionalTerm(b[i, q], (Factor(p, i, zero),)) for i in fields),
        )
        for p in fields
        for q in fields
    ]
    return built(
        "Drift",
        Cell.unit(1),
        len(fields),
        weak_terms(leading),
        strong_terms(leading, (y1,)),
        forms,
        law,
        symmetric=False,
    )
