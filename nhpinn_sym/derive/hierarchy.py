"""The hierarchy of mean fields U = U_0 + eps U_1 + eps^2 U_2 + ... from the averaged operators h_n,
sum_n eps^(n-m) h_n U = 0.

    h_m U_0 = 0 (its sources included),    h_m U_k = - sum_{c=1..k} h_{m+c} U_{k-c}:
every equation has the homogenized operator; the truncated sum, whose h_{m+2} has no sign, is never
solved (Bakhvalov, Panasenko 1989; Smyshlyaev, Cherednichenko 2000).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import sympy as sp

from ..operator.table import MultiIndex, add, differentiate
from ..operator.zero_test import is_zero
from ..problem.errors import UnsupportedError
from .effective_law import weighted_averages
from .effective_terms import Averaged
from .notation import equation
from .products import Averages, MacroscopicTerm
from .recursion import Recursion
from .to_sympy import Writer, homogenized_sides

if TYPE_CHECKING:
    from .model import HomogenizedModel


def closing(
    model: HomogenizedModel,
) -> tuple[Recursion, dict[int, Mapping[MacroscopicTerm, Averages]]]:
    """(recursion, {n: terms of h_n}) for what the mean fields U_1, ..., U_order need beyond the
    homogenized equation.

    An operator that is its own transpose gives h up to 2 n + 1 from N up to n (the energy form);
    others need one more level of correctors.
    """
    recursion = model.recursion
    m = model.homogenized_order
    if recursion.steps > 1:
        raise UnsupportedError(
            "averaged operators of an expansion in broken powers of eps",
            term=model.title,
            remedy="leave hierarchy= out",
        )
    deepest = max([model.order, *(p.cell_function.level for p in model.cell_problems)])
    highest = m + model.order
    if model.symmetric and not recursion.broken:
        # The energy form gives h_n from N up to (n - 1)/2, rounded up.
        levels = max(deepest, -(-(highest - 1) // 2))
        found = recursion.extended(levels)
        return found, {
            n: found.energy(n, levels)
            for n in range(m + 1, (2 * levels + 1 if model.components == 1 else highest) + 1)
        }
    found = recursion.extended(highest - 1)
    return found, {n: found.averaged(n) for n in range(m + 1, highest + 1)}


class AveragedTerm(NamedTuple):
    """The term D^left( symbol D^right U_field ) of h_n in `equation`; field None: D^(left + right)
    symbol, a source on the left-hand side.
    """

    n: int
    key: MacroscopicTerm
    symbol: sp.Expr
    average: Averaged


def averaged_terms(model: HomogenizedModel) -> dict[int, tuple[AveragedTerm, ...]]:
    """{n: terms of h_n} for n = m + 1, ..., m + order, without those known to vanish; symbols are
    functions of x where they depend on it.

    A scalar operator that is its own transpose has h(D) = h(-D): no odd derivatives.
    """
    recursion, table = closing(model)
    op = model.cell_operator
    writer = Writer(op, recursion)
    even = model.symmetric and model.components == 1
    m = model.homogenized_order
    result = {}
    for n in range(m + 1, m + model.order + 1):
        found = []
        for key, averages in table.get(n, {}).items():
            # They vanish identically; quadrature would give their rounding.
            if even and _is_odd(key):
                continue
            average = weighted_averages(op, recursion, [(averages, Fraction(1))])
            if average.terms or not is_zero(average.constant):
                symbol = _symbol(model, writer, n, key, average)
                found.append(AveragedTerm(n, key, symbol, average))
        result[n] = tuple(found)
    return result


def _is_odd(key: MacroscopicTerm) -> bool:
    """Whether a term holds an odd number of derivatives by x of the unknown."""
    _, left, field, right = key
    return field is not None and sum((*left[:-1], *right[:-1])) % 2 == 1


def _symbol(
    model: HomogenizedModel, writer: Writer, n: int, key: MacroscopicTerm, average: Averaged
) -> sp.Expr:
    """h_2_11, of a system h_2_1_2_11, the derivatives outside before those inside; a function of
    the slow variables that it depends on.
    """
    row, left, field, right = key
    marks = ["h", str(n)]
    if model.components > 1:
        marks.append(str(row + 1))
        if field is not None:
            marks.append(str(field + 1))
    if field is None:
        marks.append("f")
    if any(left):
        marks.append(_axes(left))
    label = "_".join([*marks, _axes(right) or "0"])
    used: set[sp.Symbol] = set()
    for t in average.terms:
        for f in t.factors:
            used |= set(writer.arguments(f.function.number))
    held = [average.constant, *(t.coefficient for t in average.terms)]
    slow = [v for v in model.cell_operator.coordinates if v in used or any(c.has(v) for c in held)]
    if slow:
        return sp.Function(label)(*slow)
    return sp.Symbol(label, real=True)


def _axes(index: MultiIndex) -> str:
    """(2, 1, 1) over (x1, x2, t) as 112t."""
    return "".join(str(k + 1) * n for k, n in enumerate(index[:-1])) + "t" * index[-1]


def mean_fields(model: HomogenizedModel, level: int) -> list[sp.Expr]:
    """U_level, or its components for systems."""
    arguments = model.problem.scales.arguments
    count = model.components
    names = [f"U_{level}"] if count == 1 else [f"U_{level}_{j + 1}" for j in range(count)]
    return [sp.Function(name)(*arguments) for name in names]


def hierarchy(model: HomogenizedModel) -> tuple[sp.Equality, ...]:
    """The equations of U_0, ..., U_order with symbols for the entries of h_n (columns for
    systems).
    """
    op = model.cell_operator
    table = averaged_terms(model)
    framing = model.framing
    values = framing.values(model.law)
    equations = []
    for level in range(model.order + 1):
        lefts = []
        rights = []
        for row in range(model.components):
            left, right = homogenized_sides(op, model.law, mean_fields(model, level), row, values)
            lefts.append(left)
            rights.append(right if level == 0 else -_earlier(model, table, level, row))
        if model.components == 1:
            whole = equation(lefts[0], rights[0])
        else:
            whole = equation(sp.ImmutableMatrix(lefts), sp.ImmutableMatrix(rights))
        equations.append(framing.renamed(whole))
    return tuple(equations)


def _earlier(
    model: HomogenizedModel, table: dict[int, tuple[AveragedTerm, ...]], level: int, row: int
) -> sp.Expr:
    """sum_{c=1..level} h_{m+c} U_{level-c} in one equation, with the sources of order level."""
    coordinates = model.cell_operator.coordinates
    m = model.homogenized_order
    parts = []
    for c in range(1, level + 1):
        fields = mean_fields(model, level - c)
        for t in table[m + c]:
            equation_of_term, _, field, _ = t.key
            if equation_of_term == row and field is not None:
                parts.append(written(t, fields, coordinates))
    for t in table.get(m + level, ()):
        equation_of_term, _, field, _ = t.key
        if equation_of_term == row and field is None:
            parts.append(model.framing.source(written(t, [], coordinates)))
    return sp.Add(*parts)


def written(
    term: AveragedTerm, functions: list[sp.Expr], coordinates: tuple[sp.Symbol, ...]
) -> sp.Expr:
    """A term of h_n applied to given functions; a source is what it is."""
    _, left, field, right = term.key
    if field is None:
        return differentiate(term.symbol, add(left, right), coordinates)
    return differentiate(
        term.symbol * differentiate(functions[field], right, coordinates), left, coordinates
    )
