"""The derivation, step by step, from the results of the recursion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from ..operator.sampling import is_opaque
from ..operator.table import Operator, Table, differentiate
from .derivation import Derivation, Step
from .model import CellProblem, EffectiveEntry
from .notation import Mean, OfOrder, equation, source, term


def trace(op: Operator, powers: Mapping[int, Table], lowest: int, cells: Sequence[CellProblem], law: Sequence[EffectiveEntry],
          final: sp.Equality) -> Derivation:
    """The numbered steps that `print(model)` shows."""
    problem = op.problem
    eps, u = problem.scales.eps, problem.unknowns[0]
    steps = (
        Step("Multiscale equation", f"with y = x/eps, periodic in y on the cell {problem.cell}.", tuple(_problem(op))),
        Step("Chain rule and orders of eps", "d_xi becomes d_xi + eps^-1 d_yi; the operator is the sum of eps^k A_k.", tuple(_orders(op, powers))),
        Step("Ansatz", "u = u0 + eps u1 + eps^2 u2 + ..., each term periodic in y, <u1> = <u2> = 0 by gauge.", (_ansatz(eps, u),)),
        Step(f"Order eps^{lowest}", f"A_{lowest} u0 = 0 on the periodic cell: u0 = u0({', '.join(map(str, u.args))}) does not depend on y.", ()),
        Step(f"Order eps^{lowest + 1}: solvability",
             "The adjoint of the leading operator has the constants for its kernel: the right-hand side must have zero mean over the cell. "
             + _verdict(op, cells), tuple(_means(op, cells))),
        Step(f"Order eps^{lowest + 1}: cell problems",
             "Each is periodic on the cell with zero mean." if cells else "All right-hand sides vanish: u1 = 0.",
             tuple(c.equation for c in cells)),
        Step("First corrector", "The plus convention.", (_corrector(op, cells, u),)),
        Step(f"Order eps^{lowest + 2}: solvability gives the effective coefficients", "< > is the mean over the cell.",
             tuple(equation(e.symbol, e.formula) for e in law)),
        Step("Homogenized equation", "for the leading order u0 of the expansion.", (final,)),
    )
    return Derivation(f"Homogenization of {problem.name or 'a multiscale equation'}", steps)


def _problem(op: Operator) -> list[sp.Equality]:
    """The equation as parsed (in normal form), the sources on the right."""
    u = op.problem.unknowns[0]
    eps = op.problem.scales.eps
    lhs = sp.Add(*[eps**t.power * term(c, t.left, u, t.right, op.coordinates) for t, c in op.terms()])
    rhs = sp.Add(*[eps**t.power * source(-c, t.left, op.coordinates) for t, c in op.terms(source=True)])
    return [equation(lhs, rhs)]


def _orders(op: Operator, powers: Mapping[int, Table]) -> list[sp.Equality]:
    d = len(op.fast)
    coordinates = (*op.coordinates[:d], *op.fast, op.coordinates[d])
    v = sp.Function("v")(*coordinates)
    rows = []
    for k, table in powers.items():
        parts = [term(c, t.left, v, t.right, coordinates) for t, c in table.items() if t.field is not None]
        if parts:
            rows.append(equation(OfOrder(sp.Integer(k), v), sp.Add(*parts)))
    return rows


def _ansatz(eps: sp.Symbol, u: sp.Expr) -> sp.Equality:
    return equation(u, sp.Add(*[eps**n * sp.Function(f"u{n}")(*u.args) for n in range(3)]))


def _means(op: Operator, cells: Sequence[CellProblem]) -> list[sp.Equality]:
    zero = (0,) * len(op.fast)
    return [equation(Mean(c.rhs[zero]), sp.Integer(0)) for c in cells if zero in c.rhs]


def _verdict(op: Operator, cells: Sequence[CellProblem]) -> str:
    """How the solvability condition is met."""
    zero = (0,) * len(op.fast)
    if not any(zero in c.rhs for c in cells):
        return "It has, as a divergence."
    opaque = any(is_opaque(c.rhs[zero]) for c in cells if zero in c.rhs)
    return "That is assumed of the coefficients without a formula." if opaque else "It has."


def _corrector(op: Operator, cells: Sequence[CellProblem], u: sp.Expr) -> sp.Equality:
    u0 = sp.Function("u0")(*u.args)
    one = sp.Integer(1)
    parts = [c.function * (one if c.key[0] is None else differentiate(u0, (*c.key[1], 0), op.coordinates)) for c in cells]
    return equation(sp.Function("u1")(*u.args), sp.Add(*parts))
