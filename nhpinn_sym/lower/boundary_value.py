"""The forms of a boundary value problem, from the terms of its operator and what the problem says
of its boundary: weak, strong and flux form, conditions, initial data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.boundedness import check_data
from ..operator.table import add, base_and_index, unit
from ..operator.zero_test import jumps
from ..problem.conditions import Clamped, Condition, Dirichlet, Neumann, Robin
from ..problem.domain import require_box
from ..problem.errors import (
    BoundaryConditionError,
    InitialConditionError,
    ProblemError,
    UnsupportedError,
)
from ..problem.problem import MultiscaleProblem
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
from .walls import parts_with

OperatorTerms = Sequence[OperatorTerm]
"""Multi-indices over (x, t); sources have field 0 and right = 0."""


def lower_boundary_value_problem(
    problem: MultiscaleProblem,
    title: str,
    terms: OperatorTerms,
    sources: OperatorTerms,
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
    m = len(problem.unknowns)
    x = problem.scales.x
    parts = _parts_of(terms, sources, problem.scales.dim)
    strong = () if parts.broken else strong_terms(parts.space, x)
    strong_loads = [sp.Integer(0)] * m
    if not parts.broken:
        strong_loads = _strong_loads(parts.loads, m, x)
    held = [*parts.coefficients(), *(t.coefficient for t in strong), *strong_loads]
    swap, externals = _externals(held, names, x)
    bilinear = _put(weak_terms(parts.space), swap)
    mass = _put(weak_terms(parts.time), swap)
    _check_conditions(problem, form_order(bilinear))
    essential = _essential(problem)
    equation = LoweredEquation(
        title=title,
        domain=problem.domain,
        coordinates=x,
        time=problem.scales.t if mass else None,
        parameters=(*extra, *problem.parameters),
        externals=externals,
        components=m,
        mass=mass,
        bilinear=bilinear,
        linear=_put(weak_terms(parts.loads), swap),
        strong=_put(strong, swap),
        sources=tuple(c.xreplace(swap) for c in strong_loads),
        flux=_flux(parts.space, m, problem.scales.dim, swap),
        essential=essential,
        natural=natural,
        periodic=problem.periodic_axes,
        initial=_initial(problem) if mass else (),
        final_time=problem.final_time if mass else None,
        symmetric=is_symmetric(bilinear) and is_symmetric(mass),
        jumps=parts.broken,
        moments=_moments(problem, essential, bilinear),
    )
    for j in equation.following:
        _require_held(equation, problem.unknowns[j], j)
    return equation


class _EquationParts(NamedTuple):
    """The terms with a time derivative, without one, and the right-hand sides, by derivatives in
    space alone.
    """

    time: list[OperatorTerm]
    space: list[OperatorTerm]
    loads: list[OperatorTerm]

    @property
    def broken(self) -> bool:
        """Whether a jump is differentiated: nothing else can lose one."""
        return any(jumps(c) for _, left, c, _, _ in (*self.space, *self.loads) if any(left))

    def coefficients(self) -> list[sp.Expr]:
        return [c for _, _, c, _, _ in (*self.time, *self.space, *self.loads)]


def _parts_of(terms: OperatorTerms, sources: OperatorTerms, d: int) -> _EquationParts:
    zero = (0,) * d
    time: list[OperatorTerm] = []
    space: list[OperatorTerm] = []
    for equation, left, c, field, right in terms:
        if right[d]:
            time.append((equation, zero, c, field, right[:d]))
        else:
            space.append((equation, left[:d], c, field, right[:d]))
    # Sources stand on the left of the operator's table: in the forms they are on the right.
    loads = [(equation, left[:d], -c, 0, zero) for equation, left, c, _, _ in sources]
    return _EquationParts(time, space, loads)


def _check_scope(problem: MultiscaleProblem, terms: OperatorTerms) -> None:
    """What the solvers of boundary value problems cover: up to fourth order in space, in time rho
    u_t and b . grad u_t; equations without them hold at all times.
    """
    d = problem.scales.dim
    for _, left, c, _, right in terms:
        if right[d] > 1 or (right[d] and (any(left) or sum(right[:d]) > 1)):
            raise UnsupportedError(
                "a second time derivative here, or one that stands under a divergence",
                term=c,
                remedy="rho u_t and b . grad u_t are solved for, and the stationary problem",
            )
        if sum(left[:d]) > 2 or sum(right[:d]) > 2:
            raise UnsupportedError(
                "an equation of fourth order that is not in the form D^2 : (A D^2 u)",
                term=c,
                remedy="write s.div(s.div(A*s.hessian(u))) with coefficients that fit",
            )
    timely = [(equation, field, c) for equation, _, c, field, right in terms if right[d]]
    own = {equation for equation, field, _ in timely if equation == field}
    for _, field, c in (term for term in timely if term[0] not in own):
        raise UnsupportedError(
            "an equation with time derivatives, but not that of its own unknown",
            term=sp.Mul(c, sp.Derivative(problem.unknowns[field], problem.scales.t)),
            remedy="give the equations in the order of the unknowns whose rho u_t they hold",
        )


def _require_held(equation: LoweredEquation, unknown: sp.Expr, j: int) -> None:
    """BoundaryConditionError for an unknown that is known up to constants, which without its time
    derivative are free at every time.
    """
    given = any(e.field == j for e in equation.essential)
    terms = [(t.field, t.right) for t in (*equation.mass, *equation.bilinear)]
    terms += [(t.field, t.right) for n in equation.natural for t in n.terms]
    valued = any(field == j and not any(right) for field, right in terms)
    robin = any(n.equation == j and n.alpha != 0 for n in equation.natural)
    if not (given or valued or robin):
        raise BoundaryConditionError(
            "an unknown without a time derivative in its equation that is known up to a function of"
            " time",
            term=unknown,
            remedy=f"hold it on a part: Dirichlet(0, on=..., unknown={unknown.func.__name__})",
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


def _strong_loads(loads: OperatorTerms, components: int, x: tuple[sp.Symbol, ...]) -> list[sp.Expr]:
    """The right-hand side of each equation, with its derivatives carried out."""
    rows: list[list[sp.Expr]] = [[] for _ in range(components)]
    for equation, left, c, _, _ in loads:
        rows[equation].append(derivative(c, left, x))
    return [sp.Add(*row) for row in rows]


def _flux(
    space: OperatorTerms, components: int, dim: int, swap: Mapping[sp.Expr, sp.Symbol]
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
        name = symbol_name(base)
        if name in names:
            marks = "".join(str(k + 1) * n for k, n in enumerate(index))
            symbol = sp.Symbol(f"{name}_x{marks}" if marks else name, real=True)
            swap[node] = symbol
            found.append(External(symbol, *names[name], index))
    return swap, tuple(found)


def symbol_name(symbol: sp.Expr) -> str:
    """The name of a symbol, or of a function of coordinates."""
    if isinstance(symbol, AppliedUndef):
        return symbol.func.__name__
    return str(symbol)


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


def natural_conditions(problem: MultiscaleProblem) -> tuple[Natural, ...]:
    """The Neumann and Robin conditions, by component and parts of the boundary."""
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
        problem.data(problem.starts[0, j], "value", j)
        if (0, j) in problem.starts
        else sp.Integer(0)
        for j in range(len(problem.unknowns))
    )
