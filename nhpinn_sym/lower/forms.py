"""What a backend is given: weak and strong forms as tables over plain symbols.

Conventions. A multi-index counts derivatives per coordinate. Equations i and fields (components of
the unknown) j are numbered from 0.
The strong form of equation i reads
    sum_terms coefficient * D^right u_field = sum_sources coefficient * factor,
the weak form  sum_bilinear int coefficient * D^right u_field * D^left v_equation = sum_linear int
coefficient * factor * D^left v_equation (signs are inside the coefficients; the natural boundary
terms stand in `LoweredEquation.natural`).
Coefficients are SymPy expressions in the coordinates, the slow coordinates, the time, the
parameters, the constants and the externals listed beside them: nothing else. They may be complex.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from ..derive.products import MacroscopicSource
from ..operator.table import FastAxis
from ..operator.table import MultiIndex as MultiIndex
from ..problem.domain import Cell, Domain
from ..problem.images import Image

Role = Literal["ground state", "adjoint", "corrector", "auxiliary"]


@dataclass(frozen=True)
class External:
    """A number, or a field, that no formula gives: D^derivative of entry `index` of the coefficient
    `name`.

    In an equation a field of x, an effective coefficient; in cell problems one of the fast and slow
    coordinates, an effective coefficient of a finer level or a function that was given: where that
    is an `image`, its numbers and edges are known.
    """

    symbol: sp.Symbol
    name: str
    index: tuple[int, ...]
    derivative: MultiIndex
    image: Image | None = None


@dataclass(frozen=True)
class Factor:
    """D^derivative of component `component` of the cell function at position `function` of
    `LoweredCells.functions`.
    """

    function: int
    component: int
    derivative: MultiIndex


@dataclass(frozen=True)
class WeakTerm:
    """int coefficient * factor * D^right(u_field) * D^left(v_equation); in a linear form `right` is
    all zero and `field` 0.
    """

    left: MultiIndex
    coefficient: sp.Expr
    right: MultiIndex
    equation: int = 0
    field: int = 0
    factor: Factor | None = None


def form_order(terms: Iterable[WeakTerm]) -> int:
    """The order of an equation with that weak form: 4 where it pairs second derivatives, else 2."""
    if any(sum(t.left) > 1 and sum(t.right) > 1 for t in terms):
        return 4
    return 2


@dataclass(frozen=True)
class StrongTerm:
    """coefficient * D^right(u_field) in an equation."""

    coefficient: sp.Expr
    right: MultiIndex
    equation: int = 0
    field: int = 0


@dataclass(frozen=True)
class SourceTerm:
    """coefficient * factor on the right-hand side of an equation."""

    coefficient: sp.Expr
    equation: int = 0
    factor: Factor | None = None


@dataclass(frozen=True)
class CellForm:
    """One function on the cell, periodic, with `components` components each of zero mean (kernels
    apart).

    role "ground state" : A_0 phi = eigenvalue * mass phi, positive, <phi> = 1; no right-hand side.
                          Scalar problems.
    role "adjoint"      : A_0^T psi = eigenvalue * mass psi, for equation `level` = p: <psi_i> =
                          delta_ip, or <psi phi> = 1.
    role "corrector"    : A_0 N = P g, <N> = 0, multiplies D^alpha U_q for each (key, sign) of
                          `sources`, sign * N.
    role "auxiliary"    : the same with no sources: slow derivatives of correctors, and what only
                          the mean fields U_1, U_2, ... need.

    g is the right-hand side (`weak`, `source`); P g = g - sum_p <psi^p . g> phi_p, where phi_p is
    the p-th unit vector unless there is a ground state, and psi^p likewise unless there are
    adjoints. `solvable`: the mean must be zero by itself (the Fredholm multiplier, which is
    reported); otherwise it is an effective coefficient, and is subtracted.
    """

    name: str
    role: Role
    level: float
    sources: tuple[tuple[MacroscopicSource, int], ...]
    weak: tuple[WeakTerm, ...]
    source: tuple[SourceTerm, ...]
    solvable: bool

    @property
    def key(self) -> MacroscopicSource:
        """The first of its macroscopic sources."""
        return self.sources[0][0]


@dataclass(frozen=True)
class FunctionalTerm:
    """<coefficient * product of factors>, the mean over the cell; one or two factors."""

    coefficient: sp.Expr
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Functional:
    """Effective coefficient `name`[`index`] = <constant> + sum of the means of `terms`.

    dual = (sign, i) says that function i times sign solves the dual problem B(v, z) = l(v), l being
    the linear part in N_j (j the one function in `terms`); then l(N_j) may be replaced by l(N_j) +
    rhs_j(z) - B(N_j, z),
    the energy formula, whose error is the product of two errors.
    """

    name: str
    index: tuple[int, ...]
    constant: sp.Expr
    terms: tuple[FunctionalTerm, ...]
    dual: tuple[int, int] | None = None


@dataclass(frozen=True)
class Constant:
    """A number that later coefficients hold as `symbol`: numerator / denominator, known once the
    kernels are (the mean drift).
    """

    symbol: sp.Symbol
    numerator: Functional
    denominator: Functional


@dataclass(frozen=True)
class InterfaceTerm:
    """int K [u] [v] over the interface of a shape, across which functions may jump.

    inside    : 1 in the shape and 0 outside
    stiffness : K, one row for each equation; it may hold the normal
    """

    inside: sp.Expr
    stiffness: tuple[tuple[sp.Expr, ...], ...]


@dataclass(frozen=True)
class LoweredCells:
    """All cell problems of a model: one operator A_0, the functions in the order in which they can
    be solved, the effective law.

    `functions` hold in their factors only functions before them. `mass` and `eigenvalue` belong to
    the ground state (else empty, None). `constants` are known after the last kernel and before the
    first corrector. `higher` is the law beyond the homogenized equation: functionals named "h" with
    index (n, i, *left, j, *right): D^left( . D^right U_j ) in equation i of h_n, multi-indices over
    (x, t). `known` are the entries of the law with a closed form: constants, without terms.
    `symmetric`: A_0 is symmetric (its weak form is). `definite`: it is elliptic with a positive
    symbol (not so: piezoelectricity). `finer`: the cell problems of the finer level whose effective
    coefficients are among the externals. `middles`: the coordinates of the middle of the element
    that holds a point, in conditions, see `interfaces`; empty where these hold the coordinates.
    On the cell of a lattice coordinates are shares of its `vectors`, and `physical` is the bilinear
    form with derivatives by y; both are empty elsewhere.
    `free`: axes along which functions are not periodic, and the natural condition holds.
    `contacts` belong to the bilinear form; `normal` are the components of their normal in y.
    """

    title: str
    cell: Cell
    coordinates: tuple[sp.Symbol, ...]
    slow: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    externals: tuple[External, ...]
    components: int
    bilinear: tuple[WeakTerm, ...]
    strong: tuple[StrongTerm, ...]
    mass: tuple[WeakTerm, ...]
    eigenvalue: sp.Symbol | None
    functions: tuple[CellForm, ...]
    constants: tuple[Constant, ...]
    effective: tuple[Functional, ...]
    higher: tuple[Functional, ...]
    symmetric: bool
    definite: bool
    complex: bool
    jumps: bool
    known: tuple[Functional, ...] = ()
    finer: LoweredCells | None = None
    middles: tuple[sp.Symbol, ...] = ()
    vectors: tuple[tuple[sp.Expr, ...], ...] = ()
    physical: tuple[WeakTerm, ...] = ()
    free: tuple[int, ...] = ()
    contacts: tuple[InterfaceTerm, ...] = ()
    normal: tuple[sp.Symbol, ...] = ()

    @property
    def order(self) -> int:
        """Of the derivatives of A_0: 4 for plates and beams, else 2."""
        return form_order(self.bilinear)

    @property
    def correctors(self) -> tuple[CellForm, ...]:
        """The functions that stand in the expansion of u."""
        return tuple(f for f in self.functions if f.role == "corrector")

    @property
    def void(self) -> bool:
        """Whether nothing acts on the unknowns, as in a hole."""
        return all(t.coefficient == 0 for t in self.bilinear)


@dataclass(frozen=True)
class Natural:
    """n . flux_equation + alpha u_equation + sum of `terms` = g on `parts`; the weak form has there
    + int alpha u v + int (terms) v - int g v (u, v of that number).

    parts: names of parts of the boundary. terms: other unknowns, and derivatives along the wall:
    what is left of a flow along it.
    """

    parts: tuple[str, ...]
    alpha: sp.Expr
    value: sp.Expr
    equation: int = 0
    terms: tuple[StrongTerm, ...] = ()

    @property
    def factors(self) -> tuple[sp.Expr, ...]:
        """What multiplies the unknowns and their derivatives: alpha, and those of `terms`."""
        return (self.alpha, *(t.coefficient for t in self.terms))


@dataclass(frozen=True)
class Essential:
    """u_field = value on `parts`, names of parts of the boundary; `clamped`: and the derivative
    across them is that of the value.
    """

    parts: tuple[str, ...]
    value: sp.Expr
    field: int = 0
    clamped: bool = False


@dataclass(frozen=True)
class LoweredEquation:
    """One boundary (and initial) value problem on a box for `components` scalar unknowns:
    homogenized, or fine with eps a parameter.

    mass u_t + strong u = sources, with u = initial at t = 0; `mass` and `initial` are empty for a
    stationary equation, and `mass` has derivatives of u alone. `sources[i]` and `flux[i]` belong to
    equation i; `flux[i][k]` are the terms of component k of its conormal flux a grad u (for natural
    conditions in strong form). Every component has one condition on each part that is not periodic.
    `two_scale` are the coefficients and sources of a fine problem before x/eps was put in for the
    symbols of its axes `fast`. `averaged` are the coefficients that the effective ones of a
    homogenized equation inherit their jumps and narrow features in x from, over the axes
    `averaged_axes`.
    `repeats` is the time after which the operator of a fine problem is the same again, where it
    depends on the fast time alone.
    `middles` are the coordinates of the middle of an element, where meshes fit jumps.
    `moments` are conditions that the weak form of an equation of fourth order holds by itself: the
    sum of `terms` vanishes on the parts, where u is given and its slope is not.
    """

    title: str
    domain: Domain
    coordinates: tuple[sp.Symbol, ...]
    time: sp.Symbol | None
    parameters: tuple[sp.Symbol, ...]
    externals: tuple[External, ...]
    components: int
    mass: tuple[WeakTerm, ...]
    bilinear: tuple[WeakTerm, ...]
    linear: tuple[WeakTerm, ...]
    strong: tuple[StrongTerm, ...]
    sources: tuple[sp.Expr, ...]
    flux: tuple[tuple[tuple[StrongTerm, ...], ...], ...]
    essential: tuple[Essential, ...]
    natural: tuple[Natural, ...]
    periodic: tuple[int, ...]
    initial: tuple[sp.Expr, ...]
    final_time: sp.Expr | None
    symmetric: bool
    jumps: bool
    complex: bool = False
    fast: tuple[FastAxis, ...] = ()
    two_scale: tuple[sp.Expr, ...] = ()
    averaged: tuple[sp.Expr, ...] = ()
    averaged_axes: tuple[FastAxis, ...] = ()
    moments: tuple[Natural, ...] = ()
    repeats: sp.Expr | None = None
    middles: tuple[sp.Symbol, ...] = ()

    @property
    def order(self) -> int:
        """Of the derivatives in space: 4 for plates and beams, else 2."""
        return form_order(self.bilinear)

    @property
    def following(self) -> tuple[int, ...]:
        """The unknowns without initial data: equations without a time derivative determine them
        from the others at all times.
        """
        timely = {t.equation for t in self.mass}
        return tuple(j for j in range(self.components) if timely and j not in timely)

    @property
    def starts(self) -> dict[int, sp.Expr]:
        """The initial data of the other unknowns."""
        return {j: u for j, u in enumerate(self.initial) if j not in self.following}

    @property
    def self_adjoint(self) -> bool:
        """Whether the whole form is symmetric, natural conditions included."""
        return self.symmetric and not any(n.terms for n in self.natural)
