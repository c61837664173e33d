"""The boundary value problems: the homogenized equation of a model, and the fine problem at a given
eps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.boundedness import check_data
from ..derive.diagnose import check_coefficients
from ..derive.model import HomogenizedModel
from ..operator.sampling import folded
from ..operator.table import Operator, add, base_and_index, subtract, unit
from ..operator.zero_test import jumps, jumps_along
from ..problem.conditions import Clamped, Condition, Dirichlet, Neumann, Periodic, Robin
from ..problem.domain import require_box
from ..problem.errors import (
    BoundaryConditionError,
    InitialConditionError,
    ProblemError,
    UnsupportedError,
)
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance
from .forms import (
    Essential,
    External,
    LoweredEquation,
    Natural,
    StrongTerm,
    WeakTerm,
    form_order,
)
from .term_forms import OperatorTerm, derivative, is_symmetric, strong_terms, weak_terms
from .walls import lower_walls, parts_with

Terms = Sequence[OperatorTerm]
"""Multi-indices over (x, t); sources have field 0 and right = 0."""


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
            terms += _in_flux_form(term, model.problem)
        if e.value is None:
            names[_symbol_name(e.symbol)] = (e.name, e.index)
    natural, walls = lower_walls(model)
    problem = model.problem
    if system is not None:
        problem = system
        terms, sources, natural = _with_velocities(model.problem, terms, sources, natural)
    lowered = _lower(problem, "Homogenized equation", terms, sources, (), names, natural)
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
        complex=any(c.has(sp.I) for c in operator.table.values()),
        averaged=tuple(averaged) if lowered.externals else (),
        jumps=lowered.jumps or broken,
        averaged_axes=axes,
    )


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


def _in_flux_form(entry: OperatorTerm, problem: MultiscaleProblem) -> Terms:
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
    natural = _natural(problem)
    if system is not None:
        terms, sources, natural = _with_velocities(problem, terms, sources, natural)
        problem = system
    equation = _lower(problem, "Multiscale equation", terms, sources, scale, {}, natural)
    return replace(
        equation,
        complex=any(c.has(sp.I) for c in coefficients),
        fast=operator.axes,
        two_scale=tuple(operator.table.values()),
    )


def _with_velocities(
    problem: MultiscaleProblem, terms: Terms, sources: Terms, natural: Sequence[Natural]
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


def _check_scope(problem: MultiscaleProblem, terms: Terms) -> None:
    """What the solvers of boundary value problems cover: up to fourth order in space, rho u_t in
    time of every unknown or of none.
    """
    d = problem.scales.dim
    for _, left, c, _, right in terms:
        if right[d] > 1 or (right[d] and (any(left) or any(right[:d]))):
            raise UnsupportedError(
                "a second, or a mixed, time derivative", term=c, remedy="rho u_t is solved for"
            )
        if sum(left[:d]) > 2 or sum(right[:d]) > 2:
            raise UnsupportedError(
                "an equation of fourth order that is not in the form D^2 : (A D^2 u)",
                term=c,
                remedy="write s.div(s.div(A*s.hessian(u))) with coefficients that fit",
            )
    timely = {equation for equation, _, _, _, right in terms if right[d]}
    if timely and len(timely) < len(problem.unknowns):
        raise UnsupportedError(
            "a system of which some equations have no time derivative",
            term=problem.unknown,
            remedy="either every equation has rho u_t, or none has",
        )


def _lower(
    problem: MultiscaleProblem,
    title: str,
    terms: Terms,
    sources: Terms,
    extra: tuple[sp.Symbol, ...],
    names: dict[str, tuple[str, tuple[int, ...]]],
    natural: tuple[Natural, ...],
) -> LoweredEquation:
    """The forms of a boundary value problem.

    extra : parameters beside those of the problem.
    names : (name, index) of each effective coefficient that stands in terms by its symbol.
    """
    if problem.domain is None:
        raise ProblemError(
            "the problem has no domain",
            term=problem,
            remedy="give domain=Box(...) and boundary=[...]",
        )
    _check_scope(problem, [*terms, *sources])
    check_data(problem)
    d = problem.scales.dim
    m = len(problem.unknowns)
    x = problem.scales.x
    zero = (0,) * d
    timely = [(i, zero, c, j, zero) for i, _, c, j, right in terms if right[d]]
    space = [(i, left[:d], c, j, right[:d]) for i, left, c, j, right in terms if not right[d]]
    loads = [(i, left[:d], -c, 0, zero) for i, left, c, _, _ in sources]
    # Only what is differentiated can lose a jump.
    broken = any(jumps(c) for _, left, c, _, _ in (*space, *loads) if any(left))
    strong = () if broken else strong_terms(space, x)
    strong_loads = [sp.Integer(0)] * m if broken else _strong_loads(loads, m, x)
    held = [c for _, _, c, _, _ in (*timely, *space, *loads)]
    held += [*(t.coefficient for t in strong), *strong_loads]
    swap, externals = _externals(held, names, x)
    bilinear = _put(weak_terms(space), swap)
    mass = _put(weak_terms(timely), swap)
    _check_conditions(problem, form_order(bilinear))
    essential = _essential(problem)
    return LoweredEquation(
        title=title,
        domain=problem.domain,
        coordinates=x,
        time=problem.scales.t if mass else None,
        parameters=(*extra, *problem.parameters),
        externals=externals,
        components=m,
        mass=mass,
        bilinear=bilinear,
        linear=_put(weak_terms(loads), swap),
        strong=_put(strong, swap),
        sources=tuple(c.xreplace(swap) for c in strong_loads),
        flux=_flux(space, m, d, swap),
        essential=essential,
        natural=natural,
        periodic=problem.periodic_axes,
        initial=_initial(problem) if mass else (),
        final_time=problem.final_time if mass else None,
        symmetric=is_symmetric(bilinear),
        jumps=broken,
        moments=_moments(problem, essential, bilinear),
    )


def _check_conditions(problem: MultiscaleProblem, order: int) -> None:
    """BoundaryConditionError for conditions that do not determine the solution of an equation of
    that order.
    """
    for condition in problem.conditions.values():
        if order == 2 and isinstance(condition, Clamped):
            raise BoundaryConditionError(
                "an equation of second order takes one condition on an edge, and a clamped edge"
                " has two",
                term=condition,
                remedy="write Dirichlet(0), or an equation of fourth order",
            )
        if order == 4 and isinstance(condition, (Neumann, Robin)):
            raise BoundaryConditionError(
                "a flux on the edge of an equation of fourth order, which takes two conditions",
                term=condition,
                remedy="write Dirichlet(0), simply supported, Clamped(), or Periodic()",
            )


def _moments(
    problem: MultiscaleProblem, essential: Sequence[Essential], bilinear: Sequence[WeakTerm]
) -> tuple[Natural, ...]:
    """The bending moments that vanish where u is held and its slope is free: on a part across axis
    k the terms of the weak form with two derivatives of v along k.
    """
    if form_order(bilinear) == 2:
        return ()
    assert problem.domain is not None
    box = require_box(problem.domain, "an equation of fourth order")
    dim = problem.scales.dim
    found = []
    for condition in (e for e in essential if not e.clamped):
        for name in condition.parts:
            along = unit(box.part(name).axis, dim)
            terms = tuple(
                StrongTerm(t.coefficient, t.right, t.equation, t.field)
                for t in bilinear
                if t.equation == condition.field and t.left == add(along, along)
            )
            if terms:
                zero = sp.Integer(0)
                found.append(Natural((name,), zero, zero, condition.field, terms))
    return tuple(found)


def _strong_loads(loads: Terms, components: int, x: tuple[sp.Symbol, ...]) -> list[sp.Expr]:
    """The right-hand side of each equation, with its derivatives carried out."""
    rows: list[list[sp.Expr]] = [[] for _ in range(components)]
    for equation, left, c, _, _ in loads:
        rows[equation].append(derivative(c, left, x))
    return [sp.Add(*row) for row in rows]


def _flux(
    space: Terms, components: int, dim: int, swap: Mapping[sp.Expr, sp.Symbol]
) -> tuple[tuple[tuple[StrongTerm, ...], ...], ...]:
    """What stands under the derivatives along each axis, by equation and axis, with the sign of
    -div( flux ).
    """
    rows: list[list[list[StrongTerm]]] = [[[] for _ in range(dim)] for _ in range(components)]
    for equation, left, c, field, right in space:
        for axis in range(dim):
            if left[axis]:
                rows[equation][axis].append(StrongTerm(-c, right, equation, field))
    return tuple(tuple(_put(along, swap) for along in row) for row in rows)


T = TypeVar("T", WeakTerm, StrongTerm)


def _put(terms: Iterable[T], swap: Mapping[sp.Expr, sp.Symbol]) -> tuple[T, ...]:
    """The terms with plain symbols for what only a solve provides."""
    return tuple(replace(t, coefficient=t.coefficient.xreplace(swap)) for t in terms)


def symbols_of(lowered: LoweredEquation, source: bool) -> set[sp.Symbol]:
    """The symbols in the operator of an equation, or (source=True) in its right-hand side."""
    if source:
        held = [*lowered.sources, *(t.coefficient for t in lowered.linear)]
    else:
        held = [t.coefficient for t in lowered.bilinear]
        held += [t.coefficient for t in lowered.strong]
        held += [c for n in lowered.natural for c in n.factors]
    return {symbol for c in held for symbol in c.free_symbols}


def _symbol_name(symbol: sp.Expr) -> str:
    if isinstance(symbol, AppliedUndef):
        return symbol.func.__name__
    return str(symbol)


def _externals(
    exprs: Sequence[sp.Expr],
    names: dict[str, tuple[str, tuple[int, ...]]],
    x: tuple[sp.Symbol, ...],
) -> tuple[dict[sp.Expr, sp.Symbol], tuple[External, ...]]:
    """Replacements of effective symbols, functions of x and their derivatives by plain symbols, and
    what each stands for.
    """
    swap: dict[sp.Expr, sp.Symbol] = {}
    found: list[External] = []
    nodes = set().union(*(e.atoms(sp.Derivative, AppliedUndef, sp.Symbol) for e in exprs))
    for node in sorted(nodes, key=lambda n: (isinstance(n, sp.Derivative), str(n))):
        base, index = base_and_index(node, x)
        name = _symbol_name(base)
        if name in names:
            marks = "".join(str(k + 1) * n for k, n in enumerate(index))
            symbol = sp.Symbol(f"{name}_x{marks}" if marks else name, real=True)
            swap[node] = symbol
            found.append(External(symbol, *names[name], index))
    return swap, tuple(found)


def _parts(
    problem: MultiscaleProblem, kinds: tuple[type[Condition], ...]
) -> Iterator[tuple[Condition, int, tuple[str, ...]]]:
    """The conditions of some kinds, each with its scalar unknowns and its parts of the boundary."""
    for condition in (c for c in problem.boundary if isinstance(c, kinds)):
        for j in range(len(problem.unknowns)):
            parts = parts_with(problem, condition, j)
            if parts:
                yield condition, j, parts


def _essential(problem: MultiscaleProblem) -> tuple[Essential, ...]:
    found = []
    for condition, j, parts in _parts(problem, (Dirichlet, Clamped)):
        value = problem.data(condition, "value", j)
        found.append(Essential(parts, value, j, isinstance(condition, Clamped)))
    return tuple(found)


def _natural(problem: MultiscaleProblem) -> tuple[Natural, ...]:
    found = []
    for condition, j, parts in _parts(problem, (Neumann, Robin)):
        value = problem.data(condition, "value", j)
        found.append(Natural(parts, problem.robin_coefficient(condition, j), value, j))
    return tuple(found)


def _initial(problem: MultiscaleProblem) -> tuple[sp.Expr, ...]:
    if problem.final_time is None:
        raise InitialConditionError(
            "the problem has no final time", term=problem, remedy="give final_time=..."
        )
    return tuple(
        problem.data(problem.starts[0, j], "value", j) for j in range(len(problem.unknowns))
    )
