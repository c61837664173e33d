"""homogenize: from the multiscale problem to its cell problems, effective law and homogenized equation.

1. parse            the equation into the term table (operator/parse)
2. expand           the chain rule, by powers of eps (operator/twoscale)
3. diagnose         what would make the naive expansion fail (derive/diagnose)
4. recursion        cell problems of order one, their solvability
5. effective law    the averaged operator of order eps^0
6. derivation       the same as text and LaTeX
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..operator.parse import parse
from ..operator.table import MultiIndex, Operator, Table
from ..operator.twoscale import expand, fast_part
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from . import diagnose
from .combination import Source
from .law import effective_law, homogenized_sides
from .model import CellProblem, HomogenizedModel
from .notation import equation, source, term
from .recursion import CellFunction, Recursion
from .trace import trace


def homogenize(problem: MultiscaleProblem, order: int = 1) -> HomogenizedModel:
    """Two-scale expansion of a linear scalar problem to first order (Bensoussan, Lions, Papanicolaou 1978, ch. 1).

    Ansatz u = u0(x) + eps (N_0 u0 + N_j d_j u0 + N_f) + ..., cell functions of zero mean (plus convention).
    Errors: `ProblemError` for what cannot be read, `SolvabilityError` where a Fredholm condition fails, `UnsupportedError`
    for valid problems outside this version.
    """
    if type(order) is not int or order != 1:
        raise UnsupportedError("correctors of this order", term=f"order={order!r}", remedy="order=1 is covered")
    op = parse(problem)
    diagnose.check_coefficients(op)
    powers = expand(op)
    diagnose.check_leading_operator(op, powers)
    recursion = Recursion(powers, len(problem.unknowns), op.coordinates, op.fast)
    diagnose.check_ellipticity(op, {t: c for t, c in powers[recursion.lowest].items() if t.field is not None})
    diagnose.check_sources(op, powers, recursion.lowest)
    diagnose.check_solvability(op, recursion, 1)
    right = recursion.right_hand_side(1)
    recursion.add_order(1, {key: right[key] for key in sorted(right, key=_reading_order)})
    cells = tuple(_cell_problem(op, recursion, powers, f) for f in recursion.functions)
    law = effective_law(op, recursion, cells)
    shown = sp.Function("u0")(*problem.unknowns[0].args)
    final = equation(*homogenized_sides(op, law, shown, {e: e.symbol if e.value is None else e.value for e in law}))
    return HomogenizedModel(problem, op, powers, cells, law, final, trace(op, powers, recursion.lowest, cells, law, final), order)


def _cell_problem(op: Operator, recursion: Recursion, powers: Mapping[int, Table], function: CellFunction) -> CellProblem:
    field, alpha = function.key
    key = (field, alpha[: len(op.fast)])
    rhs = {left: c for (_, left), c in recursion.explicit(function.flux).items()}
    leading = [(t, c) for t, c in powers[recursion.lowest].items() if t.field is not None]
    slow = [v for v in op.coordinates if any(c.has(v) for c in (*rhs.values(), *(c for _, c in leading)))]
    name = _name(field, alpha)
    unknown = sp.Function(name)(*slow, *op.fast)
    lhs = sp.Add(*[term(c, fast_part(t.left), unknown, fast_part(t.right), op.fast) for t, c in leading])
    right = sp.Add(*[source(-c, left, op.fast) for left, c in rhs.items()])
    return CellProblem(name, key, function.order, unknown, equation(lhs, right), rhs)


def _name(field: int | None, alpha: MultiIndex) -> str:
    """N_0 for u0, N_j for d_j u0, N_f for the source."""
    if field is None:
        return "N_f"
    return "N_" + ("".join(str(k + 1) * n for k, n in enumerate(alpha)) or "0")


def _reading_order(source: Source) -> tuple[bool, int, tuple[int, ...]]:
    """N_0, N_1, N_2, ..., N_f."""
    field, alpha = source
    return field is None, sum(alpha), tuple(-n for n in alpha)
