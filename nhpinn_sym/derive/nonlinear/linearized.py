"""The ordinary model of the tangent: -div( T grad w ), T = dA/d(grad u) at a state, with the
transport of order 1/eps. Its first cell functions are dN/d(grad u0), its A is dSigma/d(grad u0).
"""

from __future__ import annotations

from itertools import product

import sympy as sp

from ...problem.problem import MultiscaleProblem
from .state import UNDECLARED, StateProblem


def tangent_name(i: int, k: int, j: int, m: int, components: int) -> str:
    """T_12, for systems T_1112: (equation, axis, unknown, axis)."""
    own, other = ("", "") if components == 1 else (str(i + 1), str(j + 1))
    return f"T_{own}{k + 1}{other}{m + 1}"


def tangent_entry(state: StateProblem, i: int, k: int, j: int, m: int) -> tuple[int, int, int, int]:
    """The indices of the entry that stands for this one: the same for both of a symmetric pair."""
    index = (i, k, j, m)
    return min(index, (j, m, i, k)) if state.potential else index


def value_symbols(state: StateProblem) -> tuple[sp.Symbol, ...]:
    """The parameters u0, ... of the linearized model that stand for the values of the unknowns."""
    return tuple(sp.Symbol(f"{v}0", real=True) for v in state.values)


def linearized_problem(state: StateProblem) -> MultiscaleProblem:
    """-div( T grad w + dB/du w/eps ) = 0. T is a formula with the values of u as parameters where
    the state problem is linear, and a function T(y) without a formula elsewhere.
    """
    problem = state.operator.problem
    scales = problem.scales
    y = scales.y
    back = dict(zip(state.operator.fast, y, strict=True))
    values = value_symbols(state)
    swap = dict(zip(state.values, values, strict=True))
    count = range(state.components)
    axes = range(state.dim)
    equations = []
    for i in count:
        row = []
        for k in axes:
            parts = []
            for j, m in product(count, axes):
                u = problem.unknowns[j]
                entry = sp.diff(state.flux[i][k], state.slopes[j][m]).xreplace(swap)
                if entry == 0:
                    continue
                if not state.frozen:
                    name = tangent_name(*tangent_entry(state, i, k, j, m), state.components)
                    entry = sp.Function(name)(*state.operator.fast)
                gradient = sp.Derivative(u, scales.x[m], evaluate=False)
                parts.append(entry.xreplace(back) * gradient)
            for j in count:
                b = sp.diff(state.transport[i][k], state.values[j]).xreplace(swap)
                parts.append(b.xreplace(back) * problem.unknowns[j] / scales.eps)
            row.append(sp.Add(*parts))
        equations.append((-scales.div(sp.ImmutableMatrix([row])), 0))
    held = {v: problem.ranges.get(u, UNDECLARED) for v, u in zip(values, problem.unknowns)}
    used = {v for equation, _ in equations for v in equation.free_symbols}
    parameters = {v: r for v, r in {**problem.parameters, **held}.items() if v in used}
    made = problem.replaced(
        equations,
        boundary=(),
        domain=None,
        initial=(),
        final_time=None,
        parameters=parameters,
        name=f"the tangent of {problem.name or 'a nonlinear equation'}",
    )
    made.domain = problem.domain  # the places x at which coefficients are checked
    return made
