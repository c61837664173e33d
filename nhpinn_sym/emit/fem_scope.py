"""What finite elements can do with cell problems: real, second order, up to three axes. Tables of
the forms for both libraries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sympy as sp

from ..lower.forms import CellForm, External, Functional, LoweredCells, LoweredEquation, WeakTerm
from ..operator.domain_filter import DomainFilter
from ..problem.errors import UnsupportedError
from ..problem.escaping import literal
from ..resolution import resolve
from ..resolution.problems import averaged_ranges, cell_data, equation_data

_REMEDY = "use the fourier backend"
FastBreaks = tuple[int, float, tuple[float, float], tuple[float, ...]]
"""(axis, power, period, points): planes x = eps^power (point + k period) for every k."""
LawKey = tuple[str, Any]
"""(name, index) of an effective coefficient, (symbol, 0 or 1) of a part of a constant."""
FunctionRow = tuple[str, str, float, bool]
"""(name, role, level, solvable)."""


def require_elements(lowered: LoweredCells, smooth: bool = False) -> None:
    """UnsupportedError, which quotes the term, for cell problems that continuous Lagrange elements
    over the real numbers cannot solve; `smooth`: elements with continuous derivatives are there for
    equations of fourth order.
    """
    most = 2 if smooth and lowered.order == 4 else 1
    if most == 2 and first_order_axes(lowered):
        raise UnsupportedError(
            "an equation of fourth order whose cell has an axis of time",
            term=lowered.title,
            remedy=_REMEDY,
        )
    if len(lowered.coordinates) > 3:
        raise UnsupportedError(
            "finite elements are there for up to three axes",
            term=lowered.coordinates,
            remedy=_REMEDY,
        )
    for weak in _weak_terms(lowered):
        _require_real(weak.coefficient)
        held = [weak.factor.derivative] if weak.factor else []
        require_order(weak, (weak.left, weak.right, *held), most)
    for functional in _functionals(lowered):
        for term in functional.terms:
            _require_real(term.coefficient)
            require_order(term, (f.derivative for f in term.factors), most)
    if lowered.complex:
        raise UnsupportedError(
            "finite elements are for real coefficients here", term=lowered.title, remedy=_REMEDY
        )


def require_order(term: object, orders: Iterable[tuple[int, ...]], most: int = 1) -> None:
    """UnsupportedError where `term` holds a derivative of higher order than `most`."""
    if any(sum(order) > most for order in orders):
        raise UnsupportedError(
            "second derivatives in a weak form need elements that are smoother than Lagrange's",
            term=term,
            remedy=_REMEDY,
        )


def order_constant(lowered: LoweredCells | LoweredEquation) -> list[str]:
    """The line by which a file asks for elements with continuous derivatives; none where it does
    not.
    """
    if lowered.order == 2:
        return []
    return [f"ORDER = {lowered.order}"]


def middles_constant(lowered: LoweredCells | LoweredEquation) -> list[str]:
    """The line that names the coordinates at which conditions are asked, where these are not those
    of the point."""
    if not lowered.middles:
        return []
    return [f"MIDDLES = {literal(tuple(v.name for v in lowered.middles))}"]


def varies_in_time(lowered: LoweredEquation) -> bool:
    """Whether a coefficient of the operator, or of the time derivative, depends on time."""
    held = [t.coefficient for t in (*lowered.bilinear, *lowered.mass)]
    held += [c for n in lowered.natural for c in n.factors]
    return any(lowered.time in sp.sympify(c).free_symbols for c in held)


def _require_real(coefficient: sp.Expr) -> None:
    if coefficient.has(sp.I):
        raise UnsupportedError(
            "finite elements are for real coefficients here", term=coefficient, remedy=_REMEDY
        )


def _weak_terms(lowered: LoweredCells) -> Iterator[WeakTerm]:
    yield from (*lowered.bilinear, *lowered.mass)
    for function in lowered.functions:
        yield from function.weak


def _functionals(lowered: LoweredCells) -> list[Functional]:
    return [
        *(f for c in lowered.constants for f in (c.numerator, c.denominator)),
        *lowered.effective,
        *lowered.higher,
    ]


def first_order_axes(lowered: LoweredCells) -> tuple[int, ...]:
    """Axes along which A_0 has no second derivatives: that of time."""
    axes = range(len(lowered.coordinates))
    return tuple(k for k in axes if not any(t.left[k] and t.right[k] for t in lowered.bilinear))


def solved_functionals(lowered: LoweredCells) -> dict[LawKey, Functional]:
    """All effective coefficients that take a solve, by (name, index)."""
    return {(f.name, f.index): f for f in (*lowered.effective, *lowered.higher)}


def quotients(lowered: LoweredCells) -> dict[LawKey, Functional]:
    """Numerator (symbol, 0) and denominator (symbol, 1) of each constant."""
    found: dict[LawKey, Functional] = {}
    for constant in lowered.constants:
        name = constant.symbol.name
        found[name, 0] = constant.numerator
        found[name, 1] = constant.denominator
    return found


def function_rows(lowered: LoweredCells) -> list[FunctionRow]:
    """Name, role, level and solvability of every cell function, in the order of their solves."""
    return [(f.name, f.role, f.level, f.solvable) for f in lowered.functions]


def cell_breaks(lowered: LoweredCells) -> tuple[tuple[float, ...], ...]:
    """Planes across each axis of the cell at which data jump or kink; where they depend on
    parameters, at 1.
    """
    pairs = zip(lowered.coordinates, lowered.cell.bounds, strict=True)
    return resolve(cell_data(lowered), [(v, interval, True) for v, interval in pairs]).breaks


def equation_breaks(
    lowered: LoweredEquation,
) -> tuple[tuple[tuple[float, ...], ...], tuple[FastBreaks, ...]]:
    """Planes across each axis of the domain, and those of one period of each fast variable."""
    box = zip(lowered.coordinates, lowered.domain.bounds, strict=True)
    axes = [(v, interval, k in lowered.periodic) for k, (v, interval) in enumerate(box)]
    dim = len(axes)
    fast = [axis for axis in lowered.fast if axis.slow < dim]
    periods = [(float(axis.interval[0]), float(axis.interval[1])) for axis in fast]
    axes += [(axis.symbol, period, True) for axis, period in zip(fast, periods)]
    domain = DomainFilter.of(lowered.domain, lowered.coordinates)
    found = resolve(equation_data(lowered), axes, averaged_ranges(lowered), domain).breaks
    repeated = []
    for axis, period, points in zip(fast, periods, found[dim:]):
        if points:
            repeated.append((axis.slow, float(axis.power), period, points))
    return found[:dim], tuple(repeated)


def equation_spans(lowered: LoweredEquation) -> tuple[float, ...] | None:
    """The ends of the spans of time in which equal steps see the data, from 0 to the final time;
    None without a time.
    """
    if lowered.time is None:
        return None
    span = (0.0, float(sp.sympify(lowered.final_time)))
    ranges = dict(zip(lowered.coordinates, lowered.domain.bounds, strict=True))
    found = resolve(
        equation_data(lowered),
        [(lowered.time, span, False)],
        {**ranges, **averaged_ranges(lowered)},
        DomainFilter.of(lowered.domain, lowered.coordinates),
    )
    return found.axes[0].spans


def weak_externals(lowered: LoweredEquation) -> tuple[External, ...]:
    """The effective coefficients, and derivatives of them, that the weak form of an equation, or
    its essential or initial data, hold.
    """
    terms = (*lowered.bilinear, *lowered.linear, *lowered.mass)
    held = [
        *(t.coefficient for t in terms),
        *(c for n in lowered.natural for c in (*n.factors, n.value)),
        *(e.value for e in lowered.essential),
        *lowered.initial,
    ]
    symbols = set().union(*(sp.sympify(c).free_symbols for c in held))
    return tuple(e for e in lowered.externals if e.symbol in symbols)


def external_key(external: External) -> tuple[Any, ...]:
    """How an effective coefficient is found in a table: (name, index), and the derivative where it
    is one.
    """
    held = (external.name, external.index)
    if any(external.derivative):
        return (*held, external.derivative)
    return held


def external_keys(lowered: LoweredEquation) -> dict[str, tuple[Any, ...]]:
    """The keys of the effective coefficients in the weak form, by the names of their symbols."""
    return {e.symbol.name: external_key(e) for e in weak_externals(lowered)}


def known_entries(lowered: LoweredCells) -> dict[tuple[str, tuple[int, ...]], float | str]:
    """What needs no solve: numbers, and formulas in the slow coordinates and parameters as text."""
    found: dict[tuple[str, tuple[int, ...]], float | str] = {}
    for entry in lowered.known:
        value = sp.sympify(entry.constant)
        if value.is_real and value.is_number:
            found[entry.name, entry.index] = float(value)
        else:
            found[entry.name, entry.index] = str(value)
    return found


def projection(lowered: LoweredCells) -> str:
    """A line for comments: how the cell functions differ from zero-mean solutions; empty where they
    do not.
    """
    kernels = [f.name for f in lowered.functions if f.role in ("ground state", "adjoint")]
    reduced = [f.name for f in lowered.functions if not f.solvable]
    text = ""
    if kernels:
        text += f"{', '.join(kernels)} are kernels, and have no right-hand side.\n"
    if reduced:
        text += (
            f"That of {', '.join(reduced)} loses what the operator does not reach: <psi . g> phi"
            " for its kernels psi, phi.\n"
        )
    return text


def describe(function: CellForm) -> str:
    """What a cell function is, for comments."""
    if function.role == "ground state":
        return f"{function.name}, positive, of mean 1"
    if function.role == "adjoint":
        return (
            f"{function.name}, kernel of the transposed operator that belongs to equation"
            f" {function.level}"
        )
    held = [_source(sign, *key) for key, sign in function.sources]
    if not held:
        return f"{function.name}, auxiliary"
    return f"{function.name}, multiplies {' and '.join(held)}"


def _source(sign: int, field: int | None, index: tuple[int, ...]) -> str:
    text = "the source" if field is None else f"U_{field}"
    if any(index):
        text = f"D^{index} {text}"
    if sign < 0:
        return f"-{text}"
    return text
