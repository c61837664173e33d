"""What is not linear in the unknowns: products, powers and functions of them and of their first
derivatives, each kept whole under the derivative that stands in front of it.

Unknowns and derivatives become plain symbols, the jets: a flux D^left F(x, y; u, grad u) is a
function of these, which can be differentiated by them, sampled and printed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import sympy as sp
from sympy.core.function import AppliedUndef

from ..problem.errors import JumpError, NonlinearTermError, UnsupportedError
from ..problem.problem import MultiscaleProblem
from .table import FluxPlace, MultiIndex, UnknownDerivative, add, subtract, unit
from .zero_test import jumps

Split = Callable[[sp.Expr], Mapping[int, sp.Expr]]
"""An expression in plain symbols by powers of eps, every symbol accounted for."""
_DIVERGENCE = "write the operator in divergence form, with s.div and s.grad"


def jet_symbol(problem: MultiscaleProblem, j: int, index: MultiIndex) -> sp.Symbol:
    """The symbol u, u_x1, u_t, ... of a derivative of unknown j; with a mark where a parameter has
    the name.
    """
    coordinates = problem.scales.physical
    name = problem.unknowns[j].func.__name__
    marks = "".join(str(v) * n for v, n in zip(coordinates, index, strict=True))
    name = f"{name}_{marks}" if marks else name
    taken = {str(p) for p in problem.parameters}
    while name in taken:
        name += "_"
    return sp.Symbol(name, real=True)


class FluxReader:
    """Collects D^left( e ), e not linear in the unknowns, from the walk over the equations."""

    def __init__(self, problem: MultiscaleProblem) -> None:
        self.problem = problem
        self.scales = problem.scales
        self.fields = {f: j for j, f in enumerate(problem.unknowns)}
        self.coordinates = problem.scales.physical
        self.jets: dict[sp.Symbol, UnknownDerivative] = {}
        self.first: NonlinearTermError | None = None
        """Why an operator that must be linear is refused: its first term that is not."""
        self._raw: dict[tuple[int, MultiIndex], sp.Expr] = defaultdict(lambda: sp.Integer(0))

    def is_nonlinear(self, e: sp.Expr) -> bool:
        """Whether an expression holds a product, a power or a function of unknowns."""
        if e in self.fields or not e.has(*self.fields):
            return False
        if isinstance(e, sp.Add):
            return any(map(self.is_nonlinear, e.args))
        if isinstance(e, sp.Derivative):
            return self.is_nonlinear(e.expr)
        if isinstance(e, sp.Mul):
            hot = [a for a in e.args if a.has(*self.fields)]
            return len(hot) > 1 or self.is_nonlinear(hot[0])
        return True

    def put(self, i: int, left: MultiIndex, e: sp.Expr, refusal: NonlinearTermError) -> None:
        """Add D^left( e ) to equation i. `refusal` is the error of those who take linear terms
        alone, which quotes it.
        """
        self.first = self.first or refusal
        d = self.scales.dim
        inside = self._carried_out(e, refusal)
        while sum(left) > 1 and not left[d]:
            # D_i D_j F = D_i( D_j F ), for F without derivatives: grad( phi(u) ) is a flux
            axis = max(k for k, n in enumerate(left) if n)
            left = subtract(left, unit(axis, len(left)))
            inside = self._slope(inside, self.coordinates[axis])
        with_jets = self._with_jets(inside, refusal)
        self._check_orders(with_jets, left, refusal)
        self._raw[i, left] += with_jets

    def _carried_out(self, e: sp.Expr, refusal: NonlinearTermError) -> sp.Expr:
        """The expression with derivatives of the unknowns alone, all others carried out."""
        if e.has(sp.Integral, sp.Sum, sp.Product) or e.atoms(sp.Subs):
            raise refusal
        nodes = [n for n in e.atoms(sp.Derivative) if n.expr not in self.fields]
        outer = [n for n in nodes if not any(n in m.args[0].atoms(sp.Derivative) for m in nodes)]
        return e.xreplace({n: self._derivative(n) for n in outer})

    def _derivative(self, node: sp.Derivative) -> sp.Expr:
        inner = node.expr
        for variable in node.variables:
            inner = self._slope(inner, variable)
        return inner

    def _slope(self, e: sp.Expr, variable: sp.Symbol) -> sp.Expr:
        """The total derivative; that of a Piecewise in the unknowns alone is the derivative of its
        pieces, a jump in the coordinates has none.
        """
        hidden = {u: sp.Dummy() for u in self.fields}
        shown = self.scales.plain(e).subs(hidden)
        fixed = {*self.coordinates, *(v.symbol for v in self.scales.fast)}
        conditions = [c for p in shown.atoms(sp.Piecewise) for _, c in p.args]
        steps = shown.atoms(sp.Heaviside, sp.sign, sp.floor, sp.ceiling)
        places = [*conditions, *(s.args[0] for s in steps)]
        if jumps(shown) and any(place.free_symbols & fixed for place in places):
            raise JumpError(
                f"the derivative by {variable} of a coefficient that jumps",
                term=e,
                remedy="keep the flux together: write s.div(a*s.grad(u))",
            )
        return sp.diff(e.doit(), variable)

    def _with_jets(self, e: sp.Expr, refusal: NonlinearTermError) -> sp.Expr:
        zero = (0,) * len(self.coordinates)
        swap: dict[sp.Basic, sp.Expr] = {}
        for node in e.atoms(sp.Derivative):
            if node.expr not in self.fields:
                continue
            index = zero
            for v, count in node.variable_count:
                for _ in range(int(count)):
                    index = add(index, unit(self.coordinates.index(v), len(zero)))
            swap[node] = self._jet(self.fields[node.expr], index)
        found = e.xreplace(swap).xreplace({u: self._jet(j, zero) for u, j in self.fields.items()})
        heads = {u.func for u in self.fields}
        if any(node.func in heads for node in found.atoms(AppliedUndef)):
            raise refusal
        return found.replace(self._is_step, _in_pieces)

    def _is_step(self, e: sp.Basic) -> bool:
        return isinstance(e, (sp.sign, sp.Heaviside)) and e.has(*self.jets)

    def _jet(self, j: int, index: MultiIndex) -> sp.Symbol:
        symbol = jet_symbol(self.problem, j, index)
        self.jets[symbol] = (j, index)
        return symbol

    def _check_orders(self, e: sp.Expr, left: MultiIndex, refusal: NonlinearTermError) -> None:
        """First derivatives in space alone, and none under a time derivative."""
        d = self.scales.dim
        orders = [index for v, (_, index) in self.jets.items() if e.has(v)]
        if any(index[d] for index in orders):
            raise UnsupportedError(
                "a time derivative inside of a nonlinear term",
                term=refusal.term,
                remedy="write the storage under the derivative: s.dt(theta(u)), with s.dt outside",
            )
        if any(sum(index) > 1 for index in orders):
            raise NonlinearTermError(
                "a term is not linear in second derivatives, or multiplies them by the unknown"
                " outside of a divergence",
                term=refusal.term,
                remedy=(
                    f"{_DIVERGENCE}; fully nonlinear operators F(D^2 u, y) are not homogenized"
                ),
            )
        if left[d] and (sum(left) > 1 or any(sum(index) for index in orders)):
            raise UnsupportedError(
                "a nonlinear term under a second time derivative, or with a gradient under a time"
                " derivative",
                term=refusal.term,
                remedy="s.dt(theta(s.y, u)) is covered",
            )
        if sum(left) > 1:
            raise UnsupportedError(
                "a nonlinear flux with derivatives under two derivatives",
                term=refusal.term,
                remedy="write equations of fourth order as a system of second order",
            )

    def split(self, by_powers: Split) -> dict[FluxPlace, sp.Expr]:
        """The fluxes by place."""
        table: dict[FluxPlace, sp.Expr] = defaultdict(lambda: sp.Integer(0))
        for (i, left), e in self._raw.items():
            for power, part in by_powers(e).items():
                table[FluxPlace(i, left, power)] += part
        return {place: e for place, e in table.items() if e != 0}


def _in_pieces(step: sp.Expr) -> sp.Expr:
    """A sign or a Heaviside function, without a delta in its derivative."""
    return sp.Piecewise((step.func(-1), step.args[0] < 0), (1, True))
