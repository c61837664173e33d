"""Are coefficients, sources and data bounded where they are used? Asked of the closed cell, box and
time interval.

What grows like 1/distance or faster is refused, and so is any coefficient of the unknown that is
not bounded; weaker singularities of sources and data, which have an integral, are told by a
ToleranceWarning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import sympy as sp

from ..operator.domain_filter import DomainFilter
from ..operator.sampling import domain_of
from ..operator.singular import Intervals, PointSingularity, hole, singularity
from ..operator.table import Operator
from ..problem.boundary_parts import Chart
from ..problem.conditions import Condition, Initial
from ..problem.errors import (
    BoundaryConditionError,
    CoefficientError,
    InitialConditionError,
    ProblemError,
    ToleranceWarning,
    shortened,
)
from ..problem.problem import MultiscaleProblem

_CUT = "bound it, for example by sp.Min(value, 100), or write it as sp.Piecewise with its limit"


def check_bounded(op: Operator) -> None:
    """CoefficientError for a coefficient that is not bounded, or a source without an integral."""
    box = _ranges(op.problem) | dict(zip(op.fast, op.cell.bounds, strict=True))
    box |= {axis.symbol: (float(axis.interval[0]), float(axis.interval[1])) for axis in op.frozen}
    domain = domain_of(op.problem)
    for term, c in op.table.items():
        source = term.field is None
        found = singularity(c, box, domain)
        if found is not None and (found.strong or not source):
            raise CoefficientError(
                f"a {'source' if source else 'coefficient'} is not bounded at {found}",
                term=op.show(term),
                remedy=_CUT,
            )
        if found is not None:
            _warn("the source", found, op.show(term))
        elif source:
            _require_numbers(
                c, box, domain, op.show(term), CoefficientError, "the source", ends=False
            )


def check_data(problem: MultiscaleProblem) -> None:
    """BoundaryConditionError and InitialConditionError for data that are not finite where they are
    given.
    """
    box, domain = _ranges(problem), domain_of(problem)
    for condition, chart, value in _boundary_values(problem):
        own = None if chart.ranges.keys() - set(problem.scales.x) else domain
        _check_value(condition, value, {**box, **chart.ranges}, own, BoundaryConditionError)
    for start, value in _initial_values(problem):
        _check_value(start, value, box, domain, InitialConditionError)


def _ranges(problem: MultiscaleProblem) -> dict[sp.Symbol, tuple[float, float]]:
    """The ranges of x, t and the parameters, as far as the problem says them."""
    box = {v: (float(a), float(b)) for v, (a, b) in problem.parameters.items()}
    if problem.domain is not None:
        box |= dict(zip(problem.scales.x, problem.domain.bounds, strict=True))
    if problem.final_time is not None:
        box[problem.scales.t] = (0.0, float(problem.final_time))
    return box


def _boundary_values(problem: MultiscaleProblem) -> Iterator[tuple[Condition, Chart, sp.Expr]]:
    """The data of each condition on each piece of the boundary that it stands on, by the
    coordinates of a chart."""
    for (name, j), condition in problem.conditions.items():
        assert problem.domain is not None
        part = problem.domain.part(name)
        for entry in condition.entries:
            value = problem.data(condition, entry, j)
            for chart in part.charts(problem.scales.x):
                yield condition, chart, sp.sympify(value).subs(chart.places)


def _initial_values(problem: MultiscaleProblem) -> Iterator[tuple[Initial, sp.Expr]]:
    for (_, j), condition in problem.starts.items():
        yield condition, problem.data(condition, "value", j)


def _check_value(
    condition: Condition | Initial,
    value: sp.Expr,
    box: Intervals,
    domain: DomainFilter | None,
    error: type[ProblemError],
) -> None:
    found = None if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) else singularity(value, box, domain)
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or (found is not None and found.strong):
        where = found or "this part of the boundary"
        raise error(f"the value is not bounded at {where}", term=shortened(condition), remedy=_CUT)
    if found is not None:
        _warn("the value", found, condition)
    else:
        _require_numbers(value, box, domain, condition, error, "the value", ends=True)


def _require_numbers(
    value: sp.Expr,
    box: Intervals,
    domain: DomainFilter | None,
    term: object,
    error: type[ProblemError],
    what: str,
    *,
    ends: bool,
) -> None:
    place = hole(value, box, domain, ends=ends)
    if place is not None:
        where = PointSingularity(place, 0.0)
        raise error(
            f"{what} is not a finite real number at {where}",
            term=term,
            remedy=(
                "write it so that it has a value everywhere: sp.Piecewise with (value, True) last,"
                " or its limit"
            ),
        )


def _warn(what: str, found: PointSingularity, term: object) -> None:
    text = (
        f"{what} is not bounded at {found}: errors close to it are larger than estimates say"
        f" ({shortened(term, str)})"
    )
    warnings.warn(ToleranceWarning(text), stacklevel=4)
