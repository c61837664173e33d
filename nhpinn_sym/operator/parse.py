"""SymPy equation -> term table.

- walks sums, products and derivatives; everything else around an unknown is a nonlinear term,
  which `parse` refuses and `parse_nonlinear` keeps (operator/nonlinear_terms);
- never expands through an outer derivative: the divergence form stays as it was written;
- coefficients are split by integer powers of eps and written in plain symbols (y1 for y_1(x1,
  eps)).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from ..problem.errors import (
    EpsilonError,
    EquationError,
    JumpError,
    NonlinearTermError,
    UndeclaredSymbolError,
    UnsupportedError,
)
from ..problem.problem import MultiscaleProblem
from ..problem.scales import Fast
from ..problem.user_input import instance
from .constant_conditions import decided
from .nonlinear_terms import FluxReader
from .normal_form import normal_form
from .perforated import perforated
from .table import FluxPlace, MultiIndex, Operator, Term, add, all_axes, unit
from .written_scales import fold_fast
from .zero_test import jumps


def parse(problem: MultiscaleProblem) -> Operator:
    """The normal-form term table of a linear problem; a typed `ProblemError` quotes the term that
    cannot be read, or is not linear.
    """
    reader = _read(problem)
    if reader.fluxes.first is not None:
        raise reader.fluxes.first
    return perforated(normal_form(Operator(problem, reader.split(), all_axes(problem))))


def parse_nonlinear(problem: MultiscaleProblem) -> Operator:
    """`parse` for problems that may hold terms that are not linear: `Operator.linear` says it."""
    reader = _read(problem)
    table = reader.split()
    op = normal_form(Operator(problem, table, all_axes(problem)))
    if reader.fluxes.first is not None:
        fluxes = reader.fluxes.split(reader.powers)
        for term, c in table.items():
            place = FluxPlace(term.equation, term.left, term.power)
            # The normal form leaves out d_i c of a c that does not vary along x_i: it is no source,
            # but a part of the flux that was written.
            constant = term.field is None and term not in op.table and not term.left[-1]
            if constant and place in fluxes:
                fluxes[place] += c
        op = replace(op, fluxes=fluxes, jets=reader.fluxes.jets)
    return perforated(op)


def _read(problem: MultiscaleProblem) -> _Reader:
    """The terms of all equations."""
    reader = _Reader(
        instance(
            problem,
            MultiscaleProblem,
            "the problem",
            "write problem = MultiscaleProblem(equation, scales=s, unknown=u)",
        )
    )
    for i, equation in enumerate(problem.equations):
        _check_atoms(equation, problem)
        carried_out = equation.replace(
            lambda e: isinstance(e, (sp.Integral, sp.Sum, sp.Product)), lambda e: e.doit()
        )
        reader.walk(i, reader.zero, sp.Integer(1), fold_fast(carried_out, problem.scales))
    return reader


def _check_atoms(equation: sp.Expr, problem: MultiscaleProblem) -> None:
    """No fast variable of other scales, no plain symbol in the place of a coordinate, no unknown at
    another point.
    """
    scales = problem.scales
    for fast in sorted(equation.atoms(Fast) - set(scales.fast), key=str):
        raise UndeclaredSymbolError(
            "a fast variable that these scales do not have",
            term=f"{fast} = {fast.args[0]}/{fast.args[1]}",
            remedy=(
                f"use s.y = ({', '.join(map(str, scales.y))}) of the scales given to the problem"
            ),
        )
    own = {
        str(v): f"s.{name}[{k}]" for name in "xyz" for k, v in enumerate(getattr(scales, name))
    } | {"epsilon": "s.eps", "t": "s.t"}
    for symbol in sorted(
        equation.atoms(sp.Symbol) - {*scales.arguments, scales.eps, *problem.parameters}, key=str
    ):
        if str(symbol) in own:
            raise UndeclaredSymbolError(
                "a symbol with the name of a coordinate that is not the coordinate",
                term=symbol,
                remedy=f"write {own[str(symbol)]}, of the scales given to the problem",
            )
    heads = {u.func for u in problem.unknowns}
    for node in sorted(equation.atoms(AppliedUndef) - set(problem.unknowns), key=str):
        if node.func in heads:
            raise UnsupportedError(
                "the unknown at another point",
                term=node,
                remedy="differential operators in the unknown at (x, t) are covered",
            )


class _Reader:
    """Collects D^left( c D^right u ) from one walk over each equation."""

    def __init__(self, problem: MultiscaleProblem) -> None:
        self.problem = problem
        self.scales = problem.scales
        self.fields = {f: j for j, f in enumerate(problem.unknowns)}
        self.axes = {v: k for k, v in enumerate(self.scales.physical)}
        self.zero: MultiIndex = (0,) * len(self.axes)
        self.partners = {
            v: (v, *(f for f in self.scales.fast if f.args[0] == v)) for v in self.scales.physical
        }
        self.raw: dict[tuple[int, MultiIndex, int | None, MultiIndex], sp.Expr] = defaultdict(
            lambda: sp.Integer(0)
        )
        self.fluxes = FluxReader(problem)

    def walk(self, i: int, left: MultiIndex, c: sp.Expr, e: sp.Expr) -> None:
        """Add D^left( c * e ) to equation i; c holds no unknown."""
        if e in self.fields:
            self._put(i, left, c, self.fields[e], self.zero)
        elif isinstance(e, sp.Add):
            for part in e.args:
                self.walk(i, left, c, part)
        elif isinstance(e, sp.Derivative):
            self._derivative(i, left, c, e)
        elif not self._hot(e):
            self._put(i, left, c * e, None, self.zero)
        elif isinstance(e, sp.Mul):
            self._product(i, left, c, e)
        else:
            self._put_nonlinear(i, left, c * e, "a term is not linear in the unknown")

    def _hot(self, e: sp.Expr) -> bool:
        """Does e hold an unknown, or a derivative that is still to be read?"""
        return e.has(*self.fields) or any(
            set(n.variables) & set(self.axes) for n in e.atoms(sp.Derivative)
        )

    def _product(self, i: int, left: MultiIndex, c: sp.Expr, e: sp.Mul) -> None:
        hot = [a for a in e.args if self._hot(a)]
        unknown = [a for a in hot if a.has(*self.fields)]
        if len(unknown) > 1:
            self._put_nonlinear(i, left, c * e, "a product of unknowns is not linear")
            return
        if len(hot) > 1:
            keep = unknown[0] if unknown else hot[0]
            known = {a: self._evaluate(a) for a in hot if a is not keep}
            self.walk(i, left, c, e.func(*[known.get(a, a) for a in e.args]))
            return
        cold = sp.Mul(*[a for a in e.args if a is not hot[0]])
        self.walk(i, left, c * cold, hot[0])

    def _derivative(self, i: int, left: MultiIndex, c: sp.Expr, e: sp.Derivative) -> None:
        strange = [v for v in e._wrt_variables if v not in self.axes]
        if strange:
            raise EquationError(
                "a derivative by a variable that is neither x nor t",
                term=e,
                remedy=(
                    "the unknown is a function of x and t; the fast variable comes in by s.y in the"
                    " coefficients"
                ),
            )
        if any(not count.is_Integer for _, count in e.variable_count):
            raise EquationError(
                "a derivative of an order that is no number",
                term=e,
                remedy="write s.dt(u, 2) or sp.diff(u, x, 2)",
            )
        index = self.zero
        for v in e.variables:
            index = add(index, unit(self.axes[v], len(self.axes)))
        inner = e.expr
        if inner in self.fields:
            self._put(i, left, c, self.fields[inner], index)
            return
        v = e.variables[-1]
        rest = e.variables[:-1]
        below = sp.Derivative(inner, *rest, evaluate=False) if rest else inner
        if not self._depends(c, v):
            self.walk(i, add(left, unit(self.axes[v], len(self.axes))), c, below)
        elif any(left):  # c d_v(b u) = c b d_v u + c (d_v b) u
            self._inside(i, left, c, below, v)
        else:  # c d_v w = d_v(c w) - (d_v c) w
            self.walk(i, add(left, unit(self.axes[v], len(self.axes))), c, below)
            self.walk(i, left, -self._slope(c, v), below)

    def _inside(self, i: int, left: MultiIndex, c: sp.Expr, e: sp.Expr, v: sp.Symbol) -> None:
        """Add D^left( c d_v e ) by the product rule on e."""
        if isinstance(e, sp.Add):
            for part in e.args:
                self._inside(i, left, c, part, v)
        elif e in self.fields or (isinstance(e, sp.Derivative) and not self.fluxes.is_nonlinear(e)):
            deeper = sp.Derivative(e, v, evaluate=False)
            if deeper.expr in self.fields:
                self._derivative(i, left, c, deeper)
            else:
                raise NonlinearTermError(
                    "derivatives are nested too deeply here",
                    term=self._quote(left, c, deeper),
                    remedy="write the operator in divergence form, with s.div and s.grad",
                )
        elif isinstance(e, sp.Mul) and self._hot(e) and not self.fluxes.is_nonlinear(e):
            hot = next(a for a in e.args if self._hot(a))
            cold = sp.Mul(*[a for a in e.args if a is not hot])
            self.walk(i, left, c * self._slope(cold, v), hot)
            self._inside(i, left, c * cold, hot, v)
        elif not self._hot(e):
            self.walk(i, left, c * self._slope(e, v), sp.Integer(1))
        else:
            whole = c * sp.Derivative(e, v, evaluate=False)
            self._put_nonlinear(i, left, whole, "a term is not linear in the unknown")

    def _put_nonlinear(self, i: int, left: MultiIndex, e: sp.Expr, why: str) -> None:
        """Add D^left( e ), which is not linear in the unknowns."""
        refusal = NonlinearTermError(
            why,
            term=self._quote(left, sp.Integer(1), e),
            remedy=(
                "linearize the term; nonlinear problems have homogenize, solve_law,"
                " solve_homogenized and solve_fine"
            ),
        )
        self.fluxes.put(i, left, e, refusal)

    def _depends(self, c: sp.Expr, v: sp.Symbol) -> bool:
        return c.has(*self.partners.get(v, (v,)))

    def _slope(self, c: sp.Expr, v: sp.Symbol) -> sp.Expr:
        """The total derivative of a coefficient; a jump has none."""
        if not self._depends(c, v):
            return sp.Integer(0)
        if jumps(c):
            raise JumpError(
                f"the derivative by {v} of a coefficient that jumps",
                term=c,
                remedy=(
                    "keep the flux together: write s.div(a*s.grad(u)), which needs no derivative"
                    " of a"
                ),
            )
        return sp.diff(c, v)

    def _evaluate(self, e: sp.Expr) -> sp.Expr:
        if jumps(e):
            raise JumpError(
                "the derivative of a coefficient that jumps",
                term=e,
                remedy="write the flux with s.div and s.grad",
            )
        return e.doit()

    def _put(
        self, i: int, left: MultiIndex, c: sp.Expr, field: int | None, right: MultiIndex
    ) -> None:
        if c.has(sp.DiracDelta) or any(
            isinstance(n, sp.Derivative) and jumps(n.expr) for n in c.atoms(sp.Derivative)
        ):
            raise JumpError(
                "a coefficient holds the derivative of a jump",
                term=c,
                remedy="write the flux with s.div(a*s.grad(u)), not with sp.diff",
            )
        self.raw[i, left, field, right] += c

    def _quote(self, left: MultiIndex, c: sp.Expr, e: sp.Expr) -> Any:
        inner = c * e
        for v, k in self.axes.items():
            inner = sp.Derivative(inner, (v, left[k]), evaluate=False) if left[k] else inner
        return inner

    def split(self) -> dict[Term, sp.Expr]:
        """The raw sums, by powers of eps and in plain symbols, with every symbol accounted for."""
        table: dict[Term, sp.Expr] = defaultdict(lambda: sp.Integer(0))
        for (i, left, field, right), c in self.raw.items():
            for power, part in self.powers(c).items():
                table[Term(i, left, field, right, power)] += part
        return {term: c for term, c in table.items() if c != 0}

    def powers(self, c: sp.Expr) -> dict[int, sp.Expr]:
        """The parts of c by powers of eps, in plain symbols; UndeclaredSymbolError for others."""
        cell = {axis.symbol: axis.interval for axis in all_axes(self.problem)}
        allowed = {
            *self.scales.arguments,
            *(v.symbol for v in self.scales.fast),
            *self.problem.parameters,
            *self.fluxes.jets,
        }
        plain = decided(self.scales.plain(c), cell)
        parts = powers_of(plain, self.scales.eps, quote=c)
        for part in parts.values():
            strange = sorted(part.free_symbols - allowed, key=str)
            if strange:
                raise UndeclaredSymbolError(
                    f"the symbol {strange[0]} is not declared",
                    term=c,
                    remedy=(
                        f"add parameters={{{strange[0]}: (lower, upper)}} to the problem, or"
                        " give it a value"
                    ),
                )
        return parts


def powers_of(c: sp.Expr, eps: sp.Symbol, quote: object) -> dict[int, sp.Expr]:
    """c = sum_k eps^k c_k as {k: c_k}; EpsilonError unless the powers are integers and nothing else
    holds eps.
    """
    if not c.has(eps):
        return {0: c}
    parts: dict[int, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    c = _phases_apart(c, eps, quote)
    factored = c.as_independent(eps, as_Add=False)
    for piece in [c] if _is_power(factored[1], eps) else sp.Add.make_args(sp.expand(c)):
        free, power = piece.as_independent(eps, as_Add=False)
        if power != 1 and not _is_power(power, eps):
            raise EpsilonError(
                "eps may stand only as an integer power in front of a coefficient",
                term=quote,
                remedy=(
                    "use the fast variables s.y for x/eps, and write the equation with factors"
                    " eps**k"
                ),
            )
        parts[_exponent(power, eps)] += free
    return parts


def _phases_apart(c: sp.Expr, eps: sp.Symbol, quote: object) -> sp.Expr:
    """Phases of different powers of eps as a sum: one Piecewise for each power, 0 in the others."""
    swap = {}
    for node in c.atoms(sp.Piecewise):
        if any(value.has(eps) for value, _ in node.args):
            branches = [(powers_of(value, eps, quote), when) for value, when in node.args]
            exponents = sorted({k for parts, _ in branches for k in parts})
            swap[node] = sp.Add(
                *[
                    eps**k * sp.Piecewise(*((parts.get(k, 0), when) for parts, when in branches))
                    for k in exponents
                ]
            )
    return c.xreplace(swap)


def _is_power(e: sp.Expr, eps: sp.Symbol) -> bool:
    base, exponent = e.as_base_exp()
    return bool((base == eps and exponent.is_Integer) or (base == 1 / eps and exponent.is_Integer))


def _exponent(power: sp.Expr, eps: sp.Symbol) -> int:
    """k of eps^k."""
    if power == 1:
        return 0
    if power.is_polynomial(eps):
        return int(sp.degree(power, eps))
    return int(power.as_base_exp()[1])
