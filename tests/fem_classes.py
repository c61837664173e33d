"""Cell problems beyond the scalar first-order ones, written by hand, with closed forms."""

from __future__ import annotations

from typing import Any

import sympy as sp

from nhpinn_sym.lower.forms import CellForm, Constant, Factor, LoweredCells, SourceTerm, WeakTerm
from nhpinn_sym.problem.domain import Cell
from tests.fem_samples import corrector, functional, gradient, lowered_cells, unit, y1, y2

FLOW = sp.Symbol("drift_1", real=True)
LEVEL = sp.Symbol("lambda_0", real=True)
ZERO = (0,)
ONE = (1,)


def second_order(a: sp.Expr) -> LoweredCells:
    """1D, -(a u')': N1 = int (h/a - 1), h the harmonic mean; -(a N2')' = (a N1)' + a N1' + a - h,
    so that a N2' = -a N1 + const, N2' = -N1.

    h = <a + a N1'> is what the right-hand side of N2 has to lose; the entries "h" are <N1 N1>,
    -<N2' N1> and <N2>.
    """
    n1, n2 = Factor(0, 0, ZERO), Factor(1, 0, ZERO)
    first = corrector("N_1", [WeakTerm(ONE, -a, ZERO)], ONE)
    source = [
        WeakTerm(ONE, -a, ZERO, factor=n1),
        WeakTerm(ZERO, a, ZERO, factor=Factor(0, 0, ONE)),
        WeakTerm(ZERO, a, ZERO),
    ]
    second = corrector("N_2", source, (2,), level=2, solvable=False)
    higher = [
        functional("h", (2, 0), 0, (1, n1, n1)),
        functional("h", (2, 1), 0, (-1, Factor(1, 0, ONE), n1)),
        functional("h", (2, 2), 0, (1, n2)),
    ]
    return lowered_cells(
        "second order",
        Cell.unit(1),
        gradient(sp.Matrix([[a]])),
        [first, second],
        [functional("A", (0, 0), a, (a, Factor(0, 0, ONE)))],
        higher=tuple(higher),
    )


def drifting(
    b: sp.Expr, diffusivity: sp.Expr, cell: Cell, speed: sp.Expr = sp.S.Zero
) -> LoweredCells:
    """1D, -D u'' + (b + speed) u': psi, the drift c = <psi (b + speed)>, N of -D N'' + (b + speed)
    N' = -(b + speed - c).

    A = <D psi - psi (b + speed - c) N + 2 D psi N'> is the coefficient of the second derivative in
    h_2.
    """
    flow = b + speed
    psi, n, slope = Factor(0, 0, ZERO), Factor(1, 0, ZERO), Factor(1, 0, ONE)
    bilinear = [*gradient(sp.Matrix([[diffusivity]])), WeakTerm(ZERO, flow, ONE)]
    functions = [
        CellForm("psi", "adjoint", 0, (), (), (), True),
        corrector("N_1", [WeakTerm(ZERO, FLOW - flow, ZERO)], ONE),
    ]
    drift = Constant(
        FLOW, functional("drift", (0,), 0, (flow, psi)), functional("mass", (), 0, (1, psi))
    )
    effective = functional(
        "A", (0, 0), 0, (diffusivity, psi), (FLOW - flow, psi, n), (2 * diffusivity, psi, slope)
    )
    return lowered_cells(
        "drift", cell, bilinear, functions, [effective], constants=(drift,), symmetric=False
    )


def mathieu(q: sp.Expr) -> LoweredCells:
    """-phi'' + 2 q cos(2 y) phi = lambda phi on (0, pi), psi = phi / <phi^2>; N of A N = 2 phi',
    and A = <psi phi> + 2 <psi N'>.
    """
    functions = [
        CellForm("phi", "ground state", 0, (), (), (), True),
        CellForm("psi", "adjoint", 0, (), (), (), True),
    ]
    mass = (WeakTerm(ZERO, sp.S.One, ZERO),)
    bilinear = [*gradient(sp.eye(1)), WeakTerm(ZERO, 2 * q * sp.cos(2 * y1) - LEVEL, ZERO)]
    phi, psi, slope, n = (
        Factor(0, 0, ZERO),
        Factor(1, 0, ZERO),
        Factor(0, 0, ONE),
        Factor(2, 0, ONE),
    )
    functions += [
        corrector(
            "N_1",
            [
                WeakTerm(ONE, sp.S.NegativeOne, ZERO, factor=phi),
                WeakTerm(ZERO, sp.S.One, ZERO, factor=slope),
            ],
            ONE,
        )
    ]
    effective = [
        functional("A", (0, 0), 0, (1, psi, phi), (2, psi, n)),
        functional("one", (), 0, (1, psi, phi)),
    ]
    return lowered_cells(
        "Mathieu", Cell((0, sp.pi)), bilinear, functions, effective, mass=mass, eigenvalue=LEVEL
    )


def potential(
    v: sp.Expr, cell: Cell, flow: tuple[sp.Expr, ...] = (), **others: Any
) -> LoweredCells:
    """-Laplace phi + flow . grad phi + v phi = lambda phi, and psi; `mean` = <psi>."""
    d, zero = cell.dim, (0,) * cell.dim
    functions = [
        CellForm("phi", "ground state", 0, (), (), (), True),
        CellForm("psi", "adjoint", 0, (), (), (), True),
    ]
    bilinear = [
        *gradient(sp.eye(d)),
        WeakTerm(zero, v - LEVEL, zero),
        *(WeakTerm(zero, b, unit(d, k)) for k, b in enumerate(flow)),
    ]
    return lowered_cells(
        "potential",
        cell,
        bilinear,
        functions,
        [functional("mean", (), 0, (1, Factor(1, 0, zero)))],
        mass=(WeakTerm(zero, sp.S.One, zero),),
        eigenvalue=LEVEL,
        symmetric=not flow,
        **others,
    )


def coupled_drift(b: sp.Matrix) -> LoweredCells:
    """1D, -u_i'' + b_ij u_j': psi^1, psi^2; N of the right-hand sides -(b_ip - <psi^i . b_p>), and
    the drifts <psi^p . b_q>.
    """
    n = b.shape[0]
    bilinear = [
        *(WeakTerm(ONE, sp.S.One, ONE, i, i) for i in range(n)),
        *(WeakTerm(ZERO, b[i, j], ONE, i, j) for i in range(n) for j in range(n)),
    ]
    functions = [CellForm(f"psi_{p}", "adjoint", p, (), (), (), True) for p in range(n)]
    functions += [
        corrector(
            f"N_{p}", [WeakTerm(ZERO, -b[i, p], ZERO, i) for i in range(n)], ONE, p, solvable=False
        )
        for p in range(n)
    ]
    effective = [
        functional("drift", (p, q), 0, *((b[i, q], Factor(p, i, ZERO)) for i in range(n)))
        for p in range(n)
        for q in range(n)
    ]
    return lowered_cells(
        "coupled drift", Cell.unit(1), bilinear, functions, effective, components=n, symmetric=False
    )


def in_time(a: sp.Expr, weight: sp.Expr = sp.S.One) -> LoweredCells:
    """Coordinates (y, tau): weight u_tau - (a u_y)_y = a_y and, as an auxiliary function, = cos(2
    pi tau).
    """
    zero, y = (0, 0), unit(2, 0)
    bilinear = [WeakTerm(y, a, y), WeakTerm(zero, weight, unit(2, 1))]
    functions = [
        corrector("N_1", [WeakTerm(y, -a, zero)], y),
        CellForm(
            "M",
            "auxiliary",
            1,
            (),
            (WeakTerm(zero, sp.cos(2 * sp.pi * y2), zero),),
            (SourceTerm(sp.S.Zero),),
            True,
        ),
    ]
    effective = [
        functional("A", (0, 0), a, (a, Factor(0, 0, y))),
        functional("m", (), 0, (1, Factor(1, 0, zero), Factor(1, 0, zero))),
    ]
    return lowered_cells("in time", Cell.unit(2), bilinear, functions, effective, symmetric=False)


def piezo(stiffness: sp.Expr, coupling: sp.Expr, permittivity: sp.Expr) -> LoweredCells:
    """1D: stress s u' + e v', displacement e u' - k v'; M = [[s, e], [e, -k]], and M* = <M^-1>^-1.
    Indefinite.
    """
    m = sp.Matrix([[stiffness, coupling], [coupling, -permittivity]])
    bilinear = [WeakTerm(ONE, m[i, j], ONE, i, j) for i in range(2) for j in range(2)]
    functions = [
        corrector(f"N_{p + 1}", [WeakTerm(ONE, -m[i, p], ZERO, i) for i in range(2)], ONE, p)
        for p in range(2)
    ]
    effective = [
        functional("M", (i, p), m[i, p], *((m[i, j], Factor(p, j, ONE)) for j in range(2)))
        for i in range(2)
        for p in range(2)
    ]
    return lowered_cells(
        "piezo", Cell.unit(1), bilinear, functions, effective, components=2, definite=False
    )
