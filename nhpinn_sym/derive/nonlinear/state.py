"""The state problem: everything that stands under each derivative, by powers of eps, as functions
of jets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from ...operator.nonlinear_terms import jet_symbol
from ...operator.table import MultiIndex, Operator, unit
from ...operator.zero_test import is_zero, jumps
from ...problem.errors import JumpError, SolvabilityError, UnsupportedError

ExpressionRows = tuple[tuple[sp.Expr, ...], ...]
"""Expressions by equation (or unknown) and axis."""
UNDECLARED = (sp.Integer(-1), sp.Integer(1))
"""Values of an unknown at which data are checked where `ranges=` does not say them."""
# Functions that have a kink or a jump.
_KINKED = (sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside, sp.Piecewise, sp.floor, sp.ceiling)


@dataclass(frozen=True)
class StateProblem:
    """The parts of d_t b - div( flux + transport/eps ) + source/eps + reaction = load, by equation
    and axis.

    values[j], slopes[j][l] : the symbols of u_j and of d_l u_j in them
    flux      : A(x, y; u, grad u)                transport : B(x, y; u), at 1/eps
    cell_source : g(x, y; u), at 1/eps            reaction  : G(x, y; u, grad u)
    storage   : b(x, y; u)                        load      : f(x, y), free of the unknowns
    """

    operator: Operator
    values: tuple[sp.Symbol, ...]
    slopes: tuple[tuple[sp.Symbol, ...], ...]
    flux: ExpressionRows
    transport: ExpressionRows
    cell_source: tuple[sp.Expr, ...]
    reaction: tuple[sp.Expr, ...]
    storage: tuple[sp.Expr, ...]
    load: tuple[sp.Expr, ...]
    ergodic: bool = False
    """A Hamilton-Jacobi equation, see `hamilton_jacobi`: flux has the factor eps, reaction is the
    Hamiltonian, which is in the state problem up to its mean."""
    finite_strain: bool = False
    """An energy of I + grad u that is not convex, see `finite_strain`: the state is a local minimum
    on the branch from no strain."""

    @property
    def dim(self) -> int:
        return self.operator.problem.scales.dim

    @property
    def components(self) -> int:
        return len(self.values)

    @property
    def ranges(self) -> dict[sp.Symbol, tuple[sp.Expr, sp.Expr]]:
        """Between which numbers each of the values lies."""
        problem = self.operator.problem
        known = [problem.ranges.get(u, UNDECLARED) for u in problem.unknowns]
        return dict(zip(self.values, known, strict=True))

    @cached_property
    def all_slopes(self) -> tuple[sp.Symbol, ...]:
        return tuple(p for row in self.slopes for p in row)

    @cached_property
    def all_fluxes(self) -> tuple[sp.Expr, ...]:
        return tuple(a for row in self.flux for a in row)

    @cached_property
    def integrands(self) -> tuple[sp.Expr, ...]:
        """All of them but the load."""
        transport = (b for row in self.transport for b in row)
        return (*self.all_fluxes, *transport, *self.cell_source, *self.reaction, *self.storage)

    @cached_property
    def kinks(self) -> tuple[sp.Expr, ...]:
        """The parts of integrands that have a kink at some value or slope of the unknowns."""
        jets = {*self.values, *self.all_slopes}
        parts = (part for e in self.integrands for part in sp.ordered(e.atoms(*_KINKED)))
        return tuple(part for part in parts if part.free_symbols & jets)

    @property
    def first_order(self) -> bool:
        """A Hamilton-Jacobi equation without diffusion."""
        return self.ergodic and not any(a.has(*self.all_slopes) for a in self.all_fluxes)

    def require_diffusion(self, what: str) -> None:
        """UnsupportedError for what a Hamilton-Jacobi equation without diffusion has not."""
        if self.first_order:
            raise UnsupportedError(
                f"{what} of a Hamilton-Jacobi equation without diffusion",
                term=self.reaction[0],
                remedy="add the diffusion -s.eps*mu*s.laplacian(u), and let mu become small",
            )

    @cached_property
    def tangent(self) -> sp.ImmutableMatrix:
        """dA / d grad u: rows (equation, axis), columns (unknown, axis)."""
        return sp.ImmutableMatrix(
            [[sp.diff(a, p) for p in self.all_slopes] for a in self.all_fluxes]
        )

    @cached_property
    def frozen(self) -> bool:
        """Whether the state problem is linear at fixed values: A is affine in grad u."""
        return not self.ergodic and not any(e.has(*self.all_slopes) for e in self.tangent)

    @cached_property
    def potential(self) -> bool:
        """Whether the state problem is that of a minimum: dA / d grad u is symmetric, and nothing
        is transported at order 1/eps.
        """
        still = not self.ergodic and all(b == 0 for row in self.transport for b in row)
        return still and all(
            is_zero(self.tangent[i, j] - self.tangent[j, i])
            for i in range(self.tangent.rows)
            for j in range(i)
        )

    @cached_property
    def depends_on_values(self) -> bool:
        """Whether the law depends on u itself, and not on its gradient alone."""
        return any(e.has(*self.values) for e in self.integrands)

    @cached_property
    def cell_depends_on_values(self) -> bool:
        """Whether the state problem, and with it the flux, depends on u itself."""
        parts = [*self.all_fluxes, *(b for row in self.transport for b in row), *self.cell_source]
        if self.ergodic:
            parts += self.reaction
        return any(e.has(*self.values) for e in parts)

    @cached_property
    def places(self) -> tuple[sp.Symbol, ...]:
        """The coordinates x and t that the law depends on, its load aside."""
        held = self.operator.coordinates
        return tuple(v for v in held if any(e.has(v) for e in self.integrands))

    @property
    def stored(self) -> tuple[bool, ...]:
        """Which of the equations have a time derivative."""
        return tuple(b != 0 for b in self.storage)

    @property
    def timely(self) -> bool:
        """Whether there is a time derivative."""
        return any(self.stored)


def state_problem(op: Operator) -> StateProblem:
    """The state problem of an operator of second order with one fast scale y; typed refusals quote
    the term.
    """
    check_scales(op)
    return read_parts(op).result()


def read_parts(op: Operator) -> StateParts:
    """What stands at each place; UnsupportedError for terms that have none."""
    parts = StateParts(op)
    parts.read()
    return parts


def check_scales(op: Operator) -> None:
    """UnsupportedError for more fast scales than y."""
    scales = op.problem.scales
    if scales.levels > 1 or scales.fast_time is not None:
        raise UnsupportedError(
            "a nonlinear operator with more fast scales than y = x/eps",
            term=scales,
            remedy="write it with y alone; iterated averages of nonlinear laws are not derived",
        )


class StateParts:
    """Sums of what stands at each place, with the signs of `StateProblem`."""

    def __init__(self, op: Operator) -> None:
        self.op = op
        self.d = op.problem.scales.dim
        size = self.d + 1
        self.zero: MultiIndex = (0,) * size
        self.axes = {unit(k, size): k for k in range(self.d)}
        self.time = unit(self.d, size)
        count = range(op.components)
        self.values = tuple(jet_symbol(op.problem, j, self.zero) for j in count)
        self.slopes = tuple(
            tuple(jet_symbol(op.problem, j, unit(k, size)) for k in range(self.d)) for j in count
        )
        self.flux = _sums()
        self.transport = _sums()
        self.cell_source = _sums()
        self.reaction = _sums()
        self.storage = _sums()
        self.singular = _sums()
        """At eps^-2, without derivatives: what div_y of the transport has to cancel."""

    def read(self) -> None:
        op = self.op
        for term, c in op.table.items():
            shown = op.show(term)
            if term.field is None:
                self._add(term.equation, term.left, term.power, c, shown)
            elif term.right == self.zero:
                self._add(term.equation, term.left, term.power, c * self.values[term.field], shown)
            elif term.right in self.axes:
                slope = self.slopes[term.field][self.axes[term.right]]
                self._add(term.equation, term.left, term.power, c * slope, shown)
            elif term.right == self.time and term.left == self.zero and term.power == 0:
                self.storage[term.equation] += c * self.values[term.field]
                rate = sp.diff(c, op.coordinates[self.d])
                self.reaction[term.equation] -= rate * self.values[term.field]
            else:
                raise UnsupportedError(
                    "a term of this kind in a nonlinear operator",
                    term=shown,
                    remedy="equations of second order in space and first order in time are covered",
                )
        for place, e in op.fluxes.items():
            self._add(place.equation, place.left, place.power, e, e)

    def _add(self, i: int, left: MultiIndex, power: Any, e: sp.Expr, shown: sp.Expr) -> None:
        """One term D^left( e ) of order eps^power; what vanishes in the limit is left out."""
        slopes = [p for row in self.slopes for p in row]
        if left in self.axes and power == 0:
            self.flux[i, self.axes[left]] -= e
        elif left in self.axes and power == -1 and not e.has(*slopes):
            self.transport[i, self.axes[left]] -= e
        elif left == self.time and power == 0:
            self.storage[i] += e
        elif left == self.zero and power == 0:
            self.reaction[i] += e
        elif left == self.zero and power == -1 and not e.has(*slopes):
            self.cell_source[i] += e
        elif left == self.zero and power == -1:
            self._convection(i, e, shown)
        elif left == self.zero and power == -2 and not e.has(*slopes):
            self.singular[i] += e
        elif power <= 0:
            raise UnsupportedError(
                f"a nonlinear term of order eps^{power} in this place",
                term=shown,
                remedy=(
                    "the flux stands at eps^0, drifts and reactions at 1/eps or eps^0, storage at"
                    " eps^0: multiply the equation by a power of eps"
                ),
            )

    def _convection(self, i: int, e: sp.Expr, shown: sp.Expr) -> None:
        """b(y, u).grad u / eps as div( B )/eps - (div_y B)/eps^2, dB/du = b."""
        op = self.op
        rest = e
        for row, value in zip(self.slopes, self.values, strict=True):
            for axis, p in enumerate(row):
                b = sp.diff(e, p)
                held = {*self.values} - {value}
                if b.has(*(q for r in self.slopes for q in r), *held):
                    raise UnsupportedError(
                        "a term of order 1/eps that is not linear in the gradient, or couples it"
                        " with other unknowns",
                        term=shown,
                        remedy="write drifts as b(y).grad( phi(u) )/eps",
                    )
                if b == 0:
                    continue
                inner = sp.integrate(b, value)
                if inner.has(sp.Integral) or jumps(b):
                    raise UnsupportedError(
                        "a drift of order 1/eps whose primitive is not found",
                        term=shown,
                        remedy="write it as b(y).grad( phi(u) )/eps",
                    )
                self.transport[i, axis] -= inner
                self.cell_source[i] -= sp.diff(inner, op.coordinates[axis])
                self.singular[i] -= sp.diff(inner, op.fast[axis])
                rest -= b * p
        self.cell_source[i] += sp.expand(rest)

    def result(self) -> StateProblem:
        self._check_kernel()
        count = range(self.op.components)
        axes = range(self.d)
        load = [-self._free(self.reaction[i]) for i in count]
        state = StateProblem(
            self.op,
            self.values,
            self.slopes,
            tuple(tuple(self.flux[i, k] for k in axes) for i in count),
            tuple(tuple(self.transport[i, k] for k in axes) for i in count),
            tuple(self.cell_source[i] for i in count),
            tuple(self.reaction[i] + load[i] for i in count),
            tuple(self.storage[i] for i in count),
            tuple(load),
        )
        self._check_flux(state)
        return state

    def _free(self, e: sp.Expr) -> sp.Expr:
        """The terms that do not hold the unknowns."""
        jets = [*self.values, *(p for row in self.slopes for p in row)]
        return sp.Add(*[part for part in sp.Add.make_args(e) if not part.has(*jets)])

    def _check_kernel(self) -> None:
        """div_y B(y, s) and what stands at eps^-2 vanish for every s: then u0 does not depend on
        y, and constants are the kernel of the adjoint as well.
        """
        op = self.op
        for i in range(op.components):
            carried = []
            for axis, y in enumerate(op.fast):
                b = self.transport[i, axis]
                if b.has(y) and jumps(b) and any(_places(b, y)):
                    raise JumpError(
                        f"a flux of order 1/eps that jumps along {y}",
                        term=b,
                        remedy="a jump of its normal component is a source at eps^-2: smooth it",
                    )
                carried.append(-sp.diff(b, y))
            parts = [self.singular[i], *carried]
            if not is_zero(sp.Add(*parts), [p for p in parts if p != 0]):
                raise SolvabilityError(
                    "terms of order eps^-2 that do not vanish for constant u: u0 oscillates in y at"
                    " order one (a nonlinear kernel)",
                    term=sp.Add(*parts) * op.problem.scales.eps**-2,
                    remedy=(
                        "a drift needs div_y b = 0; where a function phi(y, u) of u has a bounded"
                        " gradient, write the problem in v = phi(y, u)"
                    ),
                )
            if not is_zero(sp.Add(*carried), [p for p in carried if p != 0]):
                raise SolvabilityError(
                    "a drift b(y).grad phi(u)/eps with div_y b != 0: the kernel of the adjoint"
                    " depends on u0, and means against it are no limit of this kind",
                    term=self._drift(i) / op.problem.scales.eps,
                    remedy=(
                        "a drift needs div_y b = 0; one that is the gradient of a potential"
                        " belongs into the flux: multiply by exp(-potential) where phi is linear"
                    ),
                )

    def _drift(self, i: int) -> sp.Expr:
        """b(y).grad phi(u) of an equation, in jets."""
        products = [
            -sp.diff(self.transport[i, k], u) * row[k]
            for u, row in zip(self.values, self.slopes, strict=True)
            for k in range(self.d)
        ]
        return sp.Add(*products)

    def _check_flux(self, state: StateProblem) -> None:
        for i, row in enumerate(state.flux):
            if not any(a.has(*state.all_slopes) for a in row):
                raise UnsupportedError(
                    "an equation without a flux of order eps^0 that holds the gradient",
                    term=sp.Add(*row) if any(row) else f"equation {i + 1}",
                    remedy=(
                        "every equation has -s.div(A(y, u, grad u)); viscous Hamilton-Jacobi"
                        " equations, with -s.eps*s.div(A(y, grad u)) + H(y, grad u), have one"
                        " unknown"
                    ),
                )


def _sums() -> defaultdict[Any, sp.Expr]:
    return defaultdict(lambda: sp.Integer(0))


def _places(e: sp.Expr, y: sp.Symbol) -> Sequence[bool]:
    """For each condition of a jump whether it holds the coordinate."""
    return [c.has(y) for p in e.atoms(sp.Piecewise) for _, c in p.args]
