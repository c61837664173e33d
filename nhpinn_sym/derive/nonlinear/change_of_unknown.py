"""Fluxes of a function of u that oscillates, -div( a(y) grad phi(y,u) ): bounded are v = phi(y,u)
and its gradient, and u0 = beta(y, v0) oscillates at order one. The problem is written in v.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import sympy as sp

from ...operator.table import Operator
from ...operator.zero_test import is_zero
from ...problem.conditions import Condition, Dirichlet, Initial, Neumann, Periodic
from ...problem.errors import UnsupportedError
from ...problem.numeric import lambdified
from ...problem.problem import MultiscaleProblem
from .hamilton_jacobi import is_hamilton_jacobi
from .state import UNDECLARED, StateParts, read_parts

# Points of the cell and of the range of u at which an inverse is tried.
_POINTS = 7
_SAME = 1e-9
_REMEDY = "write the problem in v = phi(y, u) yourself"


@dataclass(frozen=True)
class ChangeOfUnknown:
    """v = value(y, u), u = inverse(y, v).

    problem  : what was given, in v        unknown : v
    original : u                           fast    : the symbols y in value and inverse
    symbols  : those of u in `value` and of v in `inverse`
    """

    problem: MultiscaleProblem
    original: sp.Expr
    unknown: sp.Expr
    value: sp.Expr
    inverse: sp.Expr
    symbols: tuple[sp.Symbol, sp.Symbol]
    fast: tuple[sp.Symbol, ...]


def change_of_unknown(op: Operator) -> ChangeOfUnknown | None:
    """None where u does not enter the flux by such a function; UnsupportedError where it does, and
    other data of the problem do not go with v.
    """
    scales = op.problem.scales
    several = op.components > 1 or scales.levels > 1 or scales.fast_time is not None
    if several or is_hamilton_jacobi(op):
        return None
    parts = read_parts(op)
    if not any(parts.transport[0, k] != 0 for k in range(parts.d)) or parts.singular[0] != 0:
        return None
    value = _value(parts)
    if value is None:
        return None
    u = parts.values[0]
    v = _fresh(op, u)
    low, high = (float(end) for end in op.problem.ranges.get(op.problem.unknowns[0], UNDECLARED))
    inverse = _inverse(value, u, v, op.fast, (low, high))
    return _Rewriting(parts, value, inverse, v).result()


def _value(parts: StateParts) -> sp.Expr | None:
    """phi, with flux + transport/eps = a (grad_x + grad_y/eps) phi but for terms without grad u.

    With A_p = a d_u phi and d_u B = a grad_y d_u phi the gradient of log d_u phi is known, and d_u
    phi is made of the factors of A_p that hold u and of some of the others.
    """
    u = parts.values[0]
    slopes = parts.slopes[0]
    rows = range(parts.d)
    tangent = sp.Matrix([[sp.diff(parts.flux[0, k], p) for p in slopes] for k in rows])
    transport = sp.Matrix([parts.transport[0, k] for k in rows])
    if tangent.has(*slopes) or is_zero(tangent.det()):
        return None
    wanted = tangent.LUsolve(sp.diff(transport, u))
    for slope in _candidates(next(e for e in tangent if e != 0), u):
        found = [sp.diff(slope, y) / slope for y in parts.op.fast]
        if not all(is_zero(a - b, [b]) for a, b in zip(found, wanted, strict=True)):
            continue
        a = tangent.applyfunc(lambda e, slope=slope: sp.cancel(e / slope))
        value = sp.integrate(slope, u)
        if a.has(u) or value.has(sp.Integral):
            return None
        rest = transport - a * sp.Matrix([sp.diff(value, y) for y in parts.op.fast])
        return value if all(is_zero(e, list(transport)) for e in rest) else None
    return None


def _candidates(e: sp.Expr, u: sp.Symbol) -> Iterator[sp.Expr]:
    """What the derivative of phi by u may be: the factors that hold u, and some of the others."""
    factors = sp.Mul.make_args(sp.factor(e))
    held = sp.Mul(*[f for f in factors if f.has(u) or f.is_number])
    others = [f for f in factors if not f.has(u) and f.free_symbols]
    for count in range(len(others) + 1):
        for chosen in combinations(others, count):
            yield held * sp.Mul(*chosen)


def _fresh(op: Operator, u: sp.Symbol) -> sp.Symbol:
    taken = {str(u), *(str(p) for p in op.problem.parameters)}
    return sp.Symbol(next(name for name in ("v", "w", "phi_u") if name not in taken), real=True)


def _inverse(
    value: sp.Expr,
    u: sp.Symbol,
    v: sp.Symbol,
    fast: Sequence[sp.Symbol],
    interval: tuple[float, float],
) -> sp.Expr:
    """beta(y, v), the branch on the range of u; UnsupportedError where there is no formula."""
    # Factors without u are one symbol for the solver.
    plain = sp.Dummy("c", positive=True)
    factor, inner = value.as_independent(u, as_Add=False)
    try:
        found = sp.solve(plain * inner - v, u)
    except NotImplementedError:
        found = []
    low, high = interval
    rng = np.random.default_rng(5)
    points = [*rng.random((len(fast), _POINTS)), low + (high - low) * rng.random(_POINTS)]
    direct = lambdified((*fast, u), value, ["scipy", "numpy"])
    with np.errstate(all="ignore"):
        there = np.broadcast_to(direct(*points), _POINTS)
        for solution in found:
            branch = sp.sympify(solution).xreplace({plain: factor})
            back = lambdified((*fast, v), branch, ["scipy", "numpy"])(*points[:-1], there)
            if np.allclose(np.broadcast_to(back, _POINTS), points[-1], rtol=_SAME, atol=_SAME):
                return branch
    raise UnsupportedError(
        "a flux with the gradient of a function of u that oscillates, which has no inverse in a"
        f" formula for u in ({low:g}, {high:g})",
        term=value,
        remedy=f"{_REMEDY}, or declare the values of u: ranges={{u: (lower, upper)}}",
    )


class _Rewriting:
    """The problem in v."""

    def __init__(self, parts: StateParts, value: sp.Expr, inverse: sp.Expr, v: sp.Symbol) -> None:
        self.parts = parts
        self.problem = parts.op.problem
        self.value = value
        self.inverse = inverse
        self.v = v
        self.u = parts.values[0]
        self.unknown = sp.Function(v.name)(*self.problem.scales.arguments)

    def result(self) -> ChangeOfUnknown:
        problem = self.problem
        original = problem.unknowns[0]
        made = problem.replaced(
            self._equation(),
            unknown=self.unknown,
            boundary=[self._condition(c) for c in problem.boundary],
            initial=[self._initial(i) for i in problem.initial],
            ranges={self.unknown: self._range()},
        )
        fast = self.parts.op.fast
        symbols = (self.u, self.v)
        return ChangeOfUnknown(
            made, original, self.unknown, self.value, self.inverse, symbols, fast
        )

    def _written(self, e: sp.Expr) -> sp.Expr:
        """An expression in u and y as one in the unknown v and the variables of a user."""
        scales = self.problem.scales
        back = dict(zip(self.parts.op.fast, scales.y, strict=True))
        return e.subs(self.u, self.inverse).xreplace({self.v: self.unknown, **back})

    def _equation(self) -> tuple[sp.Expr, sp.Expr]:
        parts = self.parts
        scales = self.problem.scales
        slopes = parts.slopes[0]
        lower = parts.reaction[0] + parts.cell_source[0] / scales.eps
        if lower.has(*slopes):
            raise UnsupportedError(
                "a term of lower order with grad u, which is not bounded: grad phi(y, u) is",
                term=lower,
                remedy="write the term with s.grad(phi), and " + _REMEDY,
            )
        row = []
        gradients = [sp.Derivative(self.unknown, x, evaluate=False) for x in scales.x]
        by_u = sp.diff(self.value, self.u)
        for k in range(parts.d):
            flux = parts.flux[0, k]
            rest = flux.xreplace(dict.fromkeys(slopes, sp.Integer(0)))
            entries = [sp.cancel(sp.diff(flux, p) / by_u) for p in slopes]
            carried = [self._written(a) * g for a, g in zip(entries, gradients, strict=True)]
            row.append(self._written(rest) + sp.Add(*carried))
        left = -scales.div(sp.ImmutableMatrix([row])) + self._written(lower)
        if parts.storage[0] != 0:
            left += scales.dt(self._written(parts.storage[0]))
        return (left, sp.Integer(0))

    def _still(self, e: object, what: object) -> sp.Expr:
        """phi of a value on the boundary or at the start, which must not oscillate."""
        found = sp.simplify(self.value.subs(self.u, self.problem.scales.plain(sp.sympify(e))))
        if found.has(*self.parts.op.fast):
            raise UnsupportedError(
                "a value of u for which phi(y, u), whose gradient stands in the flux, oscillates",
                term=what,
                remedy=f"{_REMEDY}, with the values of v",
            )
        return found

    def _condition(self, condition: Condition) -> Condition:
        if isinstance(condition, (Neumann, Periodic)):
            return condition
        if isinstance(condition, Dirichlet):
            own = None if condition.unknown is None else self.unknown
            return replace(condition, value=self._still(condition.value, condition), unknown=own)
        raise UnsupportedError(
            "a condition that holds u beside a flux with grad phi(y, u)",
            term=condition,
            remedy="Dirichlet, Neumann and Periodic conditions are covered",
        )

    def _initial(self, initial: Initial) -> Initial:
        own = None if initial.unknown is None else self.unknown
        return replace(initial, value=self._still(initial.value, initial), unknown=own)

    def _range(self) -> tuple[sp.Expr, sp.Expr]:
        """The values of v on the cell for the range of u."""
        low, high = self.problem.ranges.get(self.problem.unknowns[0], UNDECLARED)
        intervals = self.problem.cell.bounds
        axes = [np.linspace(a, b, 65) for a, b in intervals]
        grid = np.meshgrid(*axes, indexing="ij")
        call = lambdified((*self.parts.op.fast, self.u), self.value, ["scipy", "numpy"])
        found = [np.asarray(call(*grid, float(end))) for end in (low, high)]
        return (sp.Float(min(f.min() for f in found)), sp.Float(max(f.max() for f in found)))
