"""A linear problem beside a nonlinear one: its tangent at one reference state.

That of a boundary value problem carries what both have in common, domain, boundary and initial
data, it says what the data ask of a mesh, and its solution is where Newton's method starts. That of
a cell has its jumps.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from ..derive.homogenize import homogenize_operator
from ..derive.nonlinear.checks import linearized_table
from ..derive.nonlinear.state import StateProblem
from ..operator.table import Operator, Term, unit
from ..problem.conditions import Neumann, Periodic, Robin
from ..problem.errors import UnsupportedError
from .cells import lower_cells
from .equation import lower_at_eps, lower_fine
from .forms import LoweredCells, LoweredEquation

_SLOPE = sp.Rational(1, 2)
# Of the range of an unknown: in its middle a tangent may vanish.
_SHARE = sp.Rational(9, 16)
# Of the cell along each axis, at which the data of a homogenized equation are taken.
_PLACE = sp.Rational(37, 100)


def reference_fine(state: StateProblem) -> LoweredEquation:
    """Beside the equation at a given eps; UnsupportedError where it leaves a mean open."""
    _check_means(state)
    op = _reference(state)
    lowered = lower_fine(op)
    table = _at_reference(state, dict(linearized_table(state)))
    return replace(lowered, two_scale=(*lowered.two_scale, *table.values()))


def reference_homogenized(state: StateProblem) -> LoweredEquation:
    """Beside the homogenized equation; UnsupportedError for natural conditions beside terms of
    order 1/eps, whose limit holds the phase of the wall, and where it leaves a mean open.
    """
    _check_walls(state)
    if not state.ergodic:  # its monotone scheme asks for more than a mean
        _check_means(state)
    op = _reference(state)
    places = {
        axis.symbol: axis.interval[0] + _PLACE * (axis.interval[1] - axis.interval[0])
        for axis in op.axes
    }
    table = {t: c.xreplace(places) for t, c in op.table.items()}
    lowered = lower_at_eps(replace(op, table=table))
    return replace(lowered, title="Homogenized equation", fast=(), two_scale=())


def reference_cells(state: StateProblem) -> LoweredCells:
    """Beside the cell: linear cell problems whose coefficients jump where those of the state
    problem do, for meshes that fit the interfaces.
    """
    table: dict[Term, sp.Expr] = {}
    for term, c in _at_reference(state, dict(linearized_table(state))).items():
        even = any(term.left) == any(term.right)
        if term.field is not None and even and c != 0:
            table[term._replace(power=0)] = c
    op = replace(state.operator, table=table, fluxes={}, jets={})
    return lower_cells(homogenize_operator(op, 1))


def _check_walls(state: StateProblem) -> None:
    singular = [*state.cell_source, *(b for row in state.transport for b in row)]
    if all(e == 0 for e in singular):
        return
    for condition in state.operator.problem.conditions.values():
        if isinstance(condition, (Neumann, Robin)):
            raise UnsupportedError(
                "a natural condition beside nonlinear terms of order 1/eps: its limit holds the"
                " phase of the wall in the period",
                term=condition,
                remedy="Dirichlet and Periodic conditions are covered there",
            )


def _check_means(state: StateProblem) -> None:
    """A stationary problem that does not change with a constant has many solutions, or none."""
    if state.timely:
        return
    parts = [*state.all_fluxes, *(b for row in state.transport for b in row)]
    parts += [*state.cell_source, *state.reaction]
    problem = state.operator.problem
    for j, value in enumerate(state.values):
        own = [c for (_, field), c in problem.conditions.items() if field == j]
        held = any(not isinstance(c, (Neumann, Periodic)) for c in own)
        if not held and not any(e.has(value) for e in parts):
            raise UnsupportedError(
                "a stationary nonlinear problem that leaves the mean of an unknown open",
                term=problem.unknowns[j],
                remedy=(
                    "hold it on a part of the boundary (Dirichlet, Robin), or add a small term of"
                    " order zero, such as 1e-6*u"
                ),
            )


def _reference(state: StateProblem) -> Operator:
    """The operator with the tangent of the flux at the reference state, the sources, and u_t in
    every equation where there is storage in one.
    """
    d = state.dim
    size = d + 1
    zero = (0,) * size
    held = _at_reference(state, dict(linearized_table(state)))
    table: dict[Term, sp.Expr] = {}
    for term, c in held.items():
        flux = any(term.left) and any(term.right)
        source = term.field is None and term.power == 0
        if (flux or source) and c != 0:
            table[term] = c
    if state.timely:
        _check_still(state)
        for i in range(state.components):
            table[Term(i, zero, i, unit(d, size), 0)] = sp.Integer(1)
    elif state.first_order:  # of which only domain and conditions are asked
        table[Term(0, zero, 0, zero, 0)] = sp.Integer(1)
    return replace(state.operator, table=table, fluxes={}, jets={})


def _check_still(state: StateProblem) -> None:
    """Equations without a time derivative, beside others with one, hold at all times.
    UnsupportedError where their unknowns have one elsewhere, or they have a Robin condition.
    """
    still = [i for i, own in enumerate(state.stored) if not own]
    moving = tuple(any(b.has(v) for b in state.storage) for v in state.values)
    problem = state.operator.problem
    if moving != state.stored:
        raise UnsupportedError(
            "a system whose time derivatives are not those of the unknown of each equation",
            term=problem.unknown,
            remedy="write the equation with s.dt(u) at the place of u in the list of unknowns",
        )
    for (_, field), condition in problem.conditions.items():
        if field in still and isinstance(condition, Robin):
            raise UnsupportedError(
                "a Robin condition for an equation without a time derivative, beside others with"
                " one",
                term=condition,
                remedy="Dirichlet, Neumann and Periodic conditions are covered there",
            )


def _at_reference(state: StateProblem, table: dict[Term, sp.Expr]) -> dict[Term, sp.Expr]:
    """Coefficients near the middle of the ranges and at a gradient of order one."""
    swap: dict[sp.Basic, sp.Expr] = dict.fromkeys(state.all_slopes, _SLOPE)
    swap |= {v: low + _SHARE * (high - low) for v, (low, high) in state.ranges.items()}
    return {term: sp.sympify(c).xreplace(swap) for term, c in table.items()}
