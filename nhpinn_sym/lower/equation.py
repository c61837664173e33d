"""The boundary value problems: the homogenized equation of a model, and the fine problem at a given eps."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.diagnose import check_coefficients
from ..derive.model import HomogenizedModel
from ..operator.sampling import folded
from ..operator.table import Operator, subtract, unit
from ..operator.zero import jumps
from ..problem.conditions import Condition, Dirichlet, Neumann, Periodic, Robin
from ..problem.domain import Face
from ..problem.errors import InitialConditionError, ProblemError, UnsupportedError
from ..problem.problem import MultiscaleProblem
from ..problem.reading import instance
from .expand import derivative, is_symmetric, strong_terms, weak_terms
from .forms import Essential, External, LoweredEquation, MultiIndex, Natural, StrongTerm, WeakTerm

Entries = Sequence[tuple[MultiIndex, sp.Expr, MultiIndex]]
"""(left, coefficient, right) of D^left( c D^right u ), multi-indices over (x, t); sources have right = 0."""


def lower_homogenized(model: HomogenizedModel) -> LoweredEquation:
    """The homogenized equation on the domain; effective coefficients without a closed form are externals."""
    model = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    zero = (0,) * (model.problem.scales.dim + 1)
    if model.eigenvalue is not None or model.homogenized_order != 2:
        raise UnsupportedError("a homogenized equation of this kind in a box", term=model.equation,
                               remedy="its coefficients are in solve_cells(model).effective; second-order equations without factorization are solved")
    values = [(e, e.symbol if e.value is None else e.value) for e in model.law]
    terms = [part for e, v in values if e.field is not None for part in _in_flux_form(e.left, e.sign * v, e.right, model.problem)]
    sources = [(e.left, e.sign * v, zero) for e, v in values if e.field is None]
    names = {_symbol_name(e.symbol): (e.name, e.index) for e, v in values if e.value is None}
    return _lower(model.problem, "Homogenized equation", terms, sources, (), names)


def _in_flux_form(left: MultiIndex, c: sp.Expr, right: MultiIndex, problem: MultiscaleProblem) -> Entries:
    """c d_ij u as d_i(c d_j u) - (d_i c) d_j u; other terms as they are."""
    d = problem.scales.dim
    if any(left) or sum(right[:d]) < 2:
        return [(left, c, right)]
    axis = next(k for k, n in enumerate(right) if n)
    e = unit(axis, d + 1)
    return [(e, c, subtract(right, e)), (left, -sp.diff(c, problem.scales.x[axis]), subtract(right, e))]


def lower_fine(operator: Operator) -> LoweredEquation:
    """The multiscale equation itself, y = x/eps put in and eps a parameter. Errors: those of `check_coefficients`."""
    check_coefficients(operator)
    problem = operator.problem
    eps = problem.scales.eps
    swap = {axis.symbol: operator.coordinates[axis.slow] / eps**axis.power for axis in operator.axes}
    lowered = {t: eps**t.power * folded(c, operator).xreplace(swap) for t, c in operator.table.items()}
    terms = [(t.left, c, t.right) for t, c in lowered.items() if t.field is not None]
    sources = [(t.left, c, t.right) for t, c in lowered.items() if t.field is None]
    return _lower(problem, "Multiscale equation", terms, sources, (eps,), {})


def _check_scope(problem: MultiscaleProblem, terms: Entries) -> None:
    """What the solvers of boundary value problems cover: one real unknown, second order in space, rho u_t in time."""
    if len(problem.unknowns) > 1:
        raise UnsupportedError("a boundary value problem for several unknowns", term=problem.unknown, remedy="one scalar unknown is solved for")
    d = problem.scales.dim
    for left, c, right in terms:
        if right[d] > 1 or (right[d] and (any(left) or any(right[:d]))):
            raise UnsupportedError("a second, or a mixed, time derivative", term=c, remedy="rho u_t is solved for")
        if sum(left[:d]) > 1 or sum(right[:d]) > 1:
            raise UnsupportedError("a space derivative of order above two", term=c, remedy="second-order equations are solved for")
        if c.has(sp.I):
            raise UnsupportedError("a complex coefficient", term=c, remedy="real boundary value problems are solved for")


def _lower(problem: MultiscaleProblem, title: str, terms: Entries, sources: Entries, extra: tuple[sp.Symbol, ...],
           names: dict[str, tuple[str, tuple[int, ...]]]) -> LoweredEquation:
    if problem.domain is None:
        raise ProblemError("the problem has no domain", term=problem, remedy="give domain=Box(...) and boundary=[...]")
    _check_scope(problem, [*terms, *sources])
    d = problem.scales.dim
    x, zero = problem.scales.x, (0,) * d
    mass = [c for _, c, right in terms if right[d]]
    space = [(0, left[:d], c, 0, right[:d]) for left, c, right in terms if not right[d]]
    loads = [(0, left[:d], -c, 0, zero) for left, c, _ in sources]
    broken = any(jumps(c) for _, left, c, _, _ in (*space, *loads) if any(left))  # only what is differentiated can lose a jump
    flux = tuple(tuple(StrongTerm(-c, right) for _, left, c, _, right in space if left[axis]) for axis in range(d))
    strong = () if broken else strong_terms(space, x)
    source = sp.Integer(0) if broken else sp.Add(*[derivative(c, left, x) for _, left, c, _, _ in loads])
    swap, externals = _externals([*mass, *(c for _, _, c, _, _ in (*space, *loads)), *(t.coefficient for t in strong), source], names, x)

    def put(c: sp.Expr) -> sp.Expr:
        return c.xreplace(swap)

    bilinear = tuple(WeakTerm(t.left, put(t.coefficient), t.right) for t in weak_terms(space))
    return LoweredEquation(
        title=title, domain=problem.domain, coordinates=x, time=problem.scales.t if mass else None, parameters=(*extra, *problem.parameters),
        externals=externals, mass=put(sp.Add(*mass)) if mass else None, bilinear=bilinear,
        linear=tuple(WeakTerm(t.left, put(t.coefficient), t.right) for t in weak_terms(loads)),
        strong=tuple(StrongTerm(put(t.coefficient), t.right) for t in strong), source=put(source),
        flux=tuple(tuple(StrongTerm(put(t.coefficient), t.right) for t in row) for row in flux),
        essential=_essential(problem), natural=_natural(problem), periodic=_periodic_axes(problem), initial=_initial(problem, bool(mass)),
        final_time=problem.final_time if mass else None, symmetric=is_symmetric(bilinear), jumps=broken)


def symbols_of(lowered: LoweredEquation, source: bool) -> set[sp.Symbol]:
    """The symbols in the operator of an equation, or (source=True) in its right-hand side."""
    if source:
        held = [lowered.source, *(t.coefficient for t in lowered.linear)]
    else:
        held = [t.coefficient for row in (lowered.bilinear, lowered.strong, *lowered.flux) for t in row]
    return {symbol for c in held for symbol in c.free_symbols}


def _symbol_name(symbol: sp.Expr) -> str:
    return symbol.func.__name__ if isinstance(symbol, AppliedUndef) else str(symbol)


def _externals(exprs: Sequence[sp.Expr], names: dict[str, tuple[str, tuple[int, ...]]],
               x: tuple[sp.Symbol, ...]) -> tuple[dict[sp.Expr, sp.Symbol], tuple[External, ...]]:
    """Replacements of effective symbols, functions of x and their derivatives by plain symbols, and what each stands for."""
    swap: dict[sp.Expr, sp.Symbol] = {}
    found: list[External] = []
    nodes = set().union(*(e.atoms(sp.Derivative, AppliedUndef, sp.Symbol) for e in exprs))
    for node in sorted(nodes, key=lambda n: (isinstance(n, sp.Derivative), str(n))):
        base = node.expr if isinstance(node, sp.Derivative) else node
        if _symbol_name(base) not in names:
            continue
        counts = dict(node.variable_count) if isinstance(node, sp.Derivative) else {}
        index = tuple(int(counts.get(v, 0)) for v in x)
        label = _symbol_name(base) + ("_x" + "".join(str(k + 1) * n for k, n in enumerate(index)) if any(index) else "")
        swap[node] = sp.Symbol(label, real=True)
        found.append(External(swap[node], *names[_symbol_name(base)], index))
    return swap, tuple(found)


def _faces(problem: MultiscaleProblem, kinds: tuple[type[Condition], ...]) -> list[tuple[Condition, tuple[Face, ...]]]:
    """The conditions of some kinds, each with its faces."""
    return [(c, tuple(f for f, other in problem.faces.items() if other is c)) for c in problem.boundary if isinstance(c, kinds)]


def _essential(problem: MultiscaleProblem) -> tuple[Essential, ...]:
    return tuple(Essential(faces, sp.sympify(c.value)) for c, faces in _faces(problem, (Dirichlet,)) if isinstance(c, Dirichlet))


def _natural(problem: MultiscaleProblem) -> tuple[Natural, ...]:
    return tuple(Natural(faces, sp.sympify(c.alpha) if isinstance(c, Robin) else sp.Integer(0), sp.sympify(c.value))
                 for c, faces in _faces(problem, (Neumann, Robin)) if isinstance(c, (Neumann, Robin)))


def _periodic_axes(problem: MultiscaleProblem) -> tuple[int, ...]:
    return tuple(dict.fromkeys(axis for _, faces in _faces(problem, (Periodic,)) for axis, _ in faces))


def _initial(problem: MultiscaleProblem, timely: bool) -> sp.Expr | None:
    if not timely:
        return None
    if problem.final_time is None:
        raise InitialConditionError("the problem has no final time", term=problem, remedy="give final_time=...")
    if len(problem.initial) != 1:
        raise UnsupportedError("this initial data", term=problem.initial, remedy="one Initial(value) for an equation of first order in time")
    return sp.sympify(problem.initial[0].value)

