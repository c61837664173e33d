"""The boundary value problems: the homogenized equation of a model, and the fine problem at a given
eps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy as sp

from ..derive.coefficient_checks import check_coefficients
from ..derive.model import HomogenizedModel
from ..operator.sampling import folded
from ..operator.table import Operator, subtract, unit
from ..operator.zero_test import jumps_along
from ..problem.conditions import Dirichlet, Periodic
from ..problem.contacts import refuse_contacts
from ..problem.domain import refuse_lattice
from ..problem.errors import (
    UnsupportedError,
)
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance
from .boundary_value import (
    OperatorTerms,
    lower_boundary_value_problem,
    natural_conditions,
    symbol_name,
)
from .forms import (
    LoweredEquation,
    Natural,
    StrongTerm,
)
from .term_forms import OperatorTerm
from .walls import lower_walls


def lower_homogenized(
    model: HomogenizedModel, *, still: bool = False, system: MultiscaleProblem | None = None
) -> LoweredEquation:
    """The homogenized equation on the domain; effective coefficients without a closed form are
    externals.

    So are the numbers of natural conditions that depend on the phase of a wall (`lower_walls`):
    they are known where eps is.
    still: the velocity of a moving frame is known to be zero. system: for a wave, the problem of u
    and u_t that holds its conditions (`solve.waves`). Errors: UnsupportedError for a source
    in x in a frame that may move, for data that a factorization does not take;
    BoundaryConditionError for conditions that do not go with the order of the equation.
    """
    model = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    if not still:
        _check_moving_source(model)
    if model.eigenvalue is not None:
        _check_factorized(model)
    zero = (0,) * (model.problem.scales.dim + 1)
    terms: list[OperatorTerm] = []
    sources: list[OperatorTerm] = []
    names = {}
    for e in model.law:
        value = e.symbol if e.value is None else e.value
        if e.field is None:
            sources.append((e.equation, e.left, e.sign * value, 0, zero))
        else:
            term = (e.equation, e.left, e.sign * value, e.field, e.right)
            # Weak forms want one derivative on each side, and natural conditions a flux.
            terms += _in_flux_form(term, model.problem)
        if e.value is None:
            names[symbol_name(e.symbol)] = (e.name, e.index)
    natural, walls = lower_walls(model)
    problem = model.problem
    if system is not None:
        problem = system
        terms, sources, natural = _with_velocities(model.problem, terms, sources, natural)
    lowered = lower_boundary_value_problem(
        problem, "Homogenized equation", terms, sources, (), names, natural
    )
    of_walls = tuple(value.external for wall in walls for value in wall.values)
    # A* of a symmetric operator is symmetric, whatever its symbols are.
    without_drift = all(e.name in ("A", "c", "rho", "f", "g") for e in model.law)
    operator = model.operator
    slow = set(operator.coordinates)
    averaged = dict.fromkeys(c for c in operator.table.values() if c.free_symbols & slow)
    axes = (*operator.axes, *operator.frozen)
    fast = [axis.symbol for axis in axes]
    broken = any(jumps_along(c, slow, fast) for term, c in operator.table.items() if any(term.left))
    return replace(
        lowered,
        externals=(*lowered.externals, *of_walls),
        symmetric=lowered.symmetric or (system is None and model.symmetric and without_drift),
        complex=_is_complex(lowered, operator.table.values()),
        averaged=tuple(averaged) if lowered.externals else (),
        jumps=lowered.jumps or broken,
        averaged_axes=axes,
    )


def _is_complex(equation: LoweredEquation, coefficients: Iterable[sp.Expr]) -> bool:
    """Whether coefficients or data are."""
    of_walls = (c for n in equation.natural for c in (*n.factors, n.value))
    data = (*(e.value for e in equation.essential), *of_walls, *equation.initial)
    return any(sp.sympify(c).has(sp.I) for c in (*coefficients, *data))


def _check_factorized(model: HomogenizedModel) -> None:
    """v of u = e^(-lambda0 t/eps^2) phi(x/eps) v takes zero data; others oscillate or grow."""
    problem = model.problem
    for e in model.law:
        if e.field is None and (e.value is None or e.value != 0):
            raise UnsupportedError(
                "a source together with a reaction of order eps^-2, whose limit holds"
                " e^(lambda0 t/eps^2)",
                term=e.symbol if e.value is None else e.value,
                remedy="write the equation without a source",
            )
    for condition in problem.conditions.values():
        zero = isinstance(condition, Dirichlet) and all(
            problem.data(condition, "value", j) == 0 for j in range(len(problem.unknowns))
        )
        if not zero and not isinstance(condition, Periodic):
            raise UnsupportedError(
                "this condition beside a reaction of order eps^-2: the ground state oscillates at"
                " the wall",
                term=condition,
                remedy="Dirichlet(0) and Periodic() are covered",
            )


def _check_moving_source(model: HomogenizedModel) -> None:
    """A source f(x) is f(X + c t/eps) in a moving frame: it oscillates in time, and needs eps."""
    moving = [f.velocity for f in model.frame if f.velocity != 0]
    for e in model.law if moving else ():
        value = e.symbol if e.value is None else e.value
        if e.field is None and value.has(*model.problem.scales.x):
            raise UnsupportedError(
                "a source in x together with a mean drift of order 1/eps, c ="
                f" {', '.join(map(str, moving))}: in the moving frame it is f(X + c t/eps)",
                term=value,
                remedy=(
                    "write a source in t alone, or none; model.equation has it as it stands there"
                ),
            )


def _in_flux_form(entry: OperatorTerm, problem: MultiscaleProblem) -> OperatorTerms:
    """c d_ij u as d_i(c d_j u) - (d_i c) d_j u; other terms as they are."""
    equation, left, c, field, right = entry
    d = problem.scales.dim
    if any(left) or sum(right[:d]) != 2:
        return [entry]
    axis = next(k for k, n in enumerate(right) if n)
    e = unit(axis, d + 1)
    return [
        (equation, e, c, field, subtract(right, e)),
        (equation, left, -sp.diff(c, problem.scales.x[axis]), field, subtract(right, e)),
    ]


def lower_fine(operator: Operator, system: MultiscaleProblem | None = None) -> LoweredEquation:
    """The multiscale equation itself, y = x/eps put in and eps, where it is held, a parameter.
    system: as for `lower_homogenized`. Errors: those of `check_coefficients`.
    """
    refuse_lattice(operator.problem.cell, "the fine problem")
    return lower_at_eps(operator, system)


def lower_at_eps(operator: Operator, system: MultiscaleProblem | None = None) -> LoweredEquation:
    """The same for operators whose cell may be that of a lattice: no mesh follows its periods."""
    refuse_contacts(operator.problem.contacts, "the fine problem")
    if operator.problem.holes:
        raise UnsupportedError(
            "the fine problem around many holes without a number for eps",
            term=next(iter(operator.problem.holes)),
            remedy="solve_fine(problem, eps) has one; the homogenized equation needs none",
        )
    check_coefficients(operator)
    problem = operator.problem
    eps = problem.scales.eps
    swap = {
        axis.symbol: operator.coordinates[axis.slow] / eps**axis.power for axis in operator.axes
    }
    terms: list[OperatorTerm] = []
    sources: list[OperatorTerm] = []
    for t, coefficient in operator.table.items():
        c = eps**t.power * folded(coefficient, operator).xreplace(swap)
        if t.field is None:
            sources.append((t.equation, t.left, c, 0, t.right))
        else:
            terms.append((t.equation, t.left, c, t.field, t.right))
    coefficients = [c for _, _, c, _, _ in (*terms, *sources)]
    scale = (eps,) if any(c.has(eps) for c in coefficients) else ()
    natural = natural_conditions(problem)
    if system is not None:
        terms, sources, natural = _with_velocities(problem, terms, sources, natural)
        problem = system
    equation = lower_boundary_value_problem(
        problem, "Multiscale equation", terms, sources, scale, {}, natural
    )
    return replace(
        equation,
        complex=_is_complex(equation, coefficients),
        fast=operator.axes,
        two_scale=tuple(operator.table.values()),
        repeats=_period_in_time(operator, natural),
    )


def _period_in_time(operator: Operator, natural: Sequence[Natural]) -> sp.Expr | None:
    """The period of tau as one of t; None where the operator depends on t by itself too."""
    problem = operator.problem
    tau = next((axis for axis in operator.axes if axis.slow == problem.scales.dim), None)
    if tau is None:
        return None
    held = [c for _, c in operator.terms()]
    held += [n.alpha for n in natural]
    held += [term.coefficient for n in natural for term in n.terms]
    if any(sp.sympify(c).has(operator.coordinates[tau.slow]) for c in held):
        return None
    low, high = tau.interval
    return (high - low) * problem.scales.eps**tau.power


def _with_velocities(
    problem: MultiscaleProblem,
    terms: OperatorTerms,
    sources: OperatorTerms,
    natural: Sequence[Natural],
) -> tuple[list[OperatorTerm], list[OperatorTerm], tuple[Natural, ...]]:
    """An equation of second order in time as a system of u and w = u_t: u_t - w = 0 first, then the
    equation itself with w in the place of u_t. Fluxes stand in the equations of w, where a Robin
    condition holds u.
    """
    m = len(problem.unknowns)
    d = problem.scales.dim
    zero = (0,) * (d + 1)
    rate = unit(d, d + 1)
    found: list[OperatorTerm] = []
    for i in range(m):
        # u_t - w = 0.
        found.append((i, zero, sp.Integer(1), i, rate))
        found.append((i, zero, sp.Integer(-1), m + i, zero))
    for equation, left, c, field, right in terms:
        if right[d]:
            found.append((m + equation, left, c, m + field, subtract(right, rate)))
        else:
            found.append((m + equation, left, c, field, right))
    loads = [(m + equation, *rest) for equation, *rest in sources]
    walls = []
    for n in natural:
        held = [replace(t, equation=m + t.equation) for t in n.terms]
        if n.alpha != 0:
            held.append(StrongTerm(n.alpha, zero[:d], m + n.equation, n.equation))
        walls.append(Natural(n.parts, sp.Integer(0), n.value, m + n.equation, tuple(held)))
    return found, loads, tuple(walls)


def symbols_of(lowered: LoweredEquation, source: bool) -> set[sp.Symbol]:
    """The symbols in the operator of an equation, or (source=True) in its right-hand side."""
    if source:
        held = [*lowered.sources, *(t.coefficient for t in lowered.linear)]
    else:
        held = [t.coefficient for t in lowered.bilinear]
        held += [t.coefficient for t in lowered.strong]
        held += [c for n in lowered.natural for c in n.factors]
    return {symbol for c in held for symbol in c.free_symbols}
