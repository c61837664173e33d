"""homogenize: from the multiscale problem to its cell problems, effective law and homogenized
equation. Nonlinear problems go to derive/nonlinear.

1. parse            the equation into the term table (operator/parse)
2. scales           faster scales are averaged first (derive/fast_time, derive/iterated)
3. expand           the chain rule, by powers of eps (operator/twoscale)
4. diagnose         what would make the naive expansion fail (derive/diagnose, derive/ellipticity)
5. transform        ground state, moving frame (derive/transform)
6. recursion        cell problems up to the order, their solvability
7. effective law    the averaged operator
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import sympy as sp

from ..operator.parse import parse, parse_nonlinear
from ..operator.perforated import has_surface_terms, solid_operator, without_holes
from ..operator.table import Operator, Table
from ..operator.twoscale import expand
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.problem import MultiscaleProblem
from . import diagnose
from .coefficient_checks import check_coefficients
from .contacts import acting_contacts, check_contacts
from .derived import OwnModel
from .dirichlet_holes import (
    holds_every_unknown,
    homogenize_dirichlet_holes,
)
from .double_porosity import homogenize_blocks, mixes_powers
from .effective_law import effective_law
from .effective_terms import EffectiveEntry, Transformation
from .ellipticity import check_ellipticity
from .fast_time import average_fast_time
from .model import CellProblem, HomogenizedModel
from .nonlinear.homogenize import homogenize_nonlinear
from .nonlinear.model import NonlinearModel
from .plates import homogenize_plate
from .porous import homogenize_flow, is_flow
from .products import Corrector
from .recursion import Recursion
from .reiterated import active_axes, refuse_next_level, separate_levels
from .slow_time import add_tangents, sum_of_expansions, unit_mass
from .time_averages import Powers
from .to_sympy import Writer
from .transform import ground_state, is_transpose_of_itself, moving_frame

MAX_ORDER = 64
"""Highest order of an expansion: far beyond what double precision can use."""


def homogenize(
    problem: MultiscaleProblem, order: int = 1
) -> HomogenizedModel | NonlinearModel | OwnModel:
    """Two-scale expansion of a problem, correctors up to `order` (Bensoussan, Lions,
    Papanicolaou 1978; Bakhvalov, Panasenko 1989).

    Ansatz u = sum_n eps^n sum N^n_{q,alpha}(x, y) D^alpha U_q, cell functions of zero mean (plus
    convention), U = U_0 + eps U_1 + ...; for a nonlinear problem u = U + eps N(y; U, grad U) + ...
    Errors: `ProblemError` for what cannot be read, `SolvabilityError` where a Fredholm condition
    fails, `UnsupportedError` for valid problems outside this version.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> model.cell_problems
    (N_1: -d_y1[(2 + sin(2*pi*y1))*d_y1 N_1] = d_y1[2 + sin(2*pi*y1)],)
    >>> model.effective["A"]
    Matrix([[<2 + sin(2*pi*y1) + (2 + sin(2*pi*y1))*d_y1 N_1>]])
    """
    _check_number(order)
    op = parse_nonlinear(problem)
    kind = _kind_of(op)
    if kind is not None and order > 1:
        raise UnsupportedError(
            f"correctors of order {order} of {kind.name}",
            term=f"order={order}",
            remedy="write order=1",
        )
    if kind is not None:
        return kind.homogenize(op)
    if op.linear:
        return _homogenize_parsed(op, order)
    return homogenize_nonlinear(op, order, homogenize_linear)


def homogenize_linear(problem: MultiscaleProblem, order: int = 1) -> HomogenizedModel:
    """`homogenize`; NonlinearTermError for a problem that is not linear, UnsupportedError for one
    of the kinds that have another law.
    """
    _check_number(order)
    op = parse(problem)
    kind = _kind_of(op)
    if kind is not None:
        raise UnsupportedError(
            f"{kind.name}, where an expansion by cell functions is asked for",
            term=op.problem.equations[0],
            remedy="write model = nh.homogenize(problem) and nh.solve_cells(model)",
        )
    return _homogenize_parsed(op, order)


def homogenize_own(op: Operator) -> OwnModel | None:
    """`homogenize` of a parsed problem with an expansion of its own; None of another one."""
    kind = _kind_of(op)
    return None if kind is None else kind.homogenize(op)


def _check_number(order: object) -> None:
    if type(order) is not int or not 1 <= order <= MAX_ORDER:
        raise ProblemError(
            f"the order of the expansion is an integer from 1 to {MAX_ORDER}",
            term=f"order={shortened(order)}",
            remedy="write homogenize(problem, order=2)",
        )


def _homogenize_parsed(op: Operator, order: int) -> HomogenizedModel:
    check_coefficients(solid_operator(op))
    physical = active_axes(op)
    perfect = check_contacts(physical)
    op, corrections, applied = average_fast_time(physical)
    op, inner, more = separate_levels(op, homogenize_operator)
    _check_order(physical, op, order)
    applied = (*applied, *more, *perfect)
    model = homogenize_operator(op, order, applied, inner, corrections)
    return replace(model, operator=physical)


def _check_order(physical: Operator, op: Operator, order: int) -> None:
    """Iterated averaging gives limits and first correctors alone: the next ones feel the derivative
    by the scale that was set apart.
    """
    if order > 1 and has_surface_terms(physical.problem):
        raise UnsupportedError(
            f"correctors of order {order} with fluxes at holes, which see where these are",
            term=f"order={order}",
            remedy="write order=1",
        )
    apart = [axis.symbol for axis in physical.axes if axis not in op.axes]
    if apart and order > 1:
        raise UnsupportedError(
            f"correctors of order {order} with a scale that is averaged separately",
            term=f"order={order}, {apart[0]}",
            remedy="write order=1; with fast_time=2 any order is there",
        )


def homogenize_operator(
    op: Operator,
    order: int,
    applied: Sequence[Transformation] = (),
    inner: HomogenizedModel | None = None,
    corrections: Powers | None = None,
) -> HomogenizedModel:
    """The expansion of an operator whose cell coordinates are `op.axes`; `corrections` are added to
    it, by powers of eps.
    """
    op, powers, kernels, lowest = _leading_operator(op, inner)
    leading = {t: c for t, c in powers[lowest].items() if t.field is not None}
    definite = check_ellipticity(solid_operator(op), without_holes(op.problem, leading), -lowest)
    diagnose.check_sources(op, powers, lowest)
    symmetric = is_transpose_of_itself(op) and not kernels.ground and not corrections
    eigenvalue: sp.Symbol | None = None
    mass: Table = {}
    if kernels.ground:
        eigenvalue, mass, powers, how = ground_state(op, powers, lowest)
        applied = (*applied, how)
    frame, powers, found = moving_frame(op, powers, kernels)
    whole = sum_of_expansions(powers, corrections or {})
    broken = bool(acting_contacts(op.problem))
    recursion = Recursion(
        whole, op.components, op.coordinates, op.fast, kernels.ground, kernels.adjoint, broken
    )
    _run(op, recursion, max(order * recursion.steps, recursion.last - 1), bool(corrections))
    slow = add_tangents(op, recursion)
    writer = Writer(op, recursion)
    law = effective_law(op, recursion)
    deepest = max(order * recursion.steps, _deepest_level(recursion, law, bool(corrections)))
    cells = tuple(
        _cell_problem(op, writer, f)
        for f in recursion.functions
        if f.sources and f.level <= deepest
    )
    return HomogenizedModel(
        op.problem,
        op,
        op,
        whole,
        order,
        recursion,
        symmetric,
        definite,
        cells,
        law,
        writer,
        (*applied, *slow, *found),
        frame,
        eigenvalue,
        mass,
        inner,
    )


def _leading_operator(
    op: Operator, inner: HomogenizedModel | None
) -> tuple[Operator, dict[int, Table], diagnose.Kernels, int]:
    """The operator, with the mass 1 where that keeps the kernels constant, its expansion by powers
    of eps, the kernels of the leading one, and the lowest power with the unknown.
    """
    powers = expand(op)
    kernels = diagnose.check_leading_operator(op, powers)
    if inner is not None:
        refuse_next_level(op, kernels.ground, kernels.adjoint)
    lowest = min(k for k, table in powers.items() if any(t.field is not None for t in table))
    unit = unit_mass(op, powers[lowest], kernels)
    if unit is None:
        return op, powers, kernels, lowest
    powers = expand(unit)
    return unit, powers, diagnose.check_leading_operator(unit, powers), lowest


def _deepest_level(recursion: Recursion, law: Sequence[EffectiveEntry], corrected: bool) -> int:
    """The highest level of a corrector that the law holds."""
    needed = {f.function.number for e in law for t in e.average.terms for f in t.factors}
    levels = [f.level for f in recursion.functions if f.number in needed]
    if corrected:  # every condition of solvability is one on an average that was added
        levels.append(recursion.last - 1)
    return max(levels, default=0)


def _run(op: Operator, recursion: Recursion, levels: int, corrected: bool) -> None:
    """Append the correctors of all levels; SolvabilityError where a mean is not zero below the
    homogenized order.
    """
    constant_kernels = recursion.ground is None and recursion.adjoint is None
    for n in range(1, levels + 1):
        if n < recursion.last and constant_kernels:
            means = diagnose.nonzero_means(op, recursion, n)
            cause = ": time-ordered averages of the fast time are part of it" if corrected else ""
            diagnose.refuse_means(op, recursion.lowest + recursion.power(n), means, cause)
        recursion.add_level(n)


def _cell_problem(op: Operator, writer: Writer, function: Corrector) -> CellProblem:
    d = op.problem.scales.dim
    sources = tuple(
        ((field, alpha if alpha[-1] else alpha[:d]), sign)
        for (field, alpha), sign in function.sources
    )
    level = writer.recursion.power(function.level)
    order = int(level) if level.is_Integer else float(level)
    return CellProblem(writer.names[function.number], sources, order, function, writer)


class _Kind(NamedTuple):
    """Problems with an expansion of their own: name, for messages; holds, whether one is of it."""

    name: str
    holds: Callable[[Operator], bool]
    homogenize: Callable[[Operator], OwnModel]


# In the order in which they are asked.
_KINDS = (
    _Kind(
        "double porosity",
        lambda op: mixes_powers(op.problem),
        partial(homogenize_blocks, homogenize=homogenize_operator),
    ),
    _Kind("plates", lambda op: bool(op.problem.cell.free), homogenize_plate),
    _Kind("unknowns held at holes", holds_every_unknown, homogenize_dirichlet_holes),
    _Kind("Stokes' equations", is_flow, homogenize_flow),
)


def _kind_of(op: Operator) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.holds(op)), None)
