"""The adjoint problem: its effective tensor is the transposed one, (a^T)* = (a*)^T."""

from __future__ import annotations

import sympy as sp

from ..operator.table import Operator, differentiate
from ..problem.problem import MultiscaleProblem


def adjoint_problem(op: Operator) -> MultiscaleProblem:
    """The problem whose operator in space is the transposed one; derivatives in time, the domain
    and what is given on its boundary stay, sources are left out.

    A term eps^k D^left( c D^right u_j ) of equation i becomes
    (-1)^(|left| + |right|) eps^k D^right( c D^left u_i ) of equation j, orders counted in space.
    """
    problem = op.problem
    scales = problem.scales
    fast = {v.symbol: v for v in scales.fast}
    equations = [sp.Integer(0)] * op.components
    for term, c in op.terms():
        sign = (-1) ** sum(term.left[: scales.dim] + term.right[: scales.dim])
        times = term.left[scales.dim :] + term.right[scales.dim :]
        coefficient = sign * scales.eps**term.power * c.xreplace(fast)
        inner = differentiate(
            problem.unknowns[term.equation], _in_space(term.left, times, scales.dim), op.coordinates
        )
        outer = _in_space(term.right, (), scales.dim)
        equations[int(term.field or 0)] += differentiate(coefficient * inner, outer, op.coordinates)
    name = f"{problem.name or 'problem'}, adjoint"
    return problem.replaced([(e, 0) for e in equations], name=name, paper=None)


def _in_space(index: tuple[int, ...], times: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """The multi-index with other orders in time."""
    if len(index) > dim:
        return (*index[:dim], sum(times))
    return index
