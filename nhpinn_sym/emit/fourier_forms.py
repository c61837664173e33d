"""numpy target: the cell problems for the Fourier oracle, as tables of coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from ..derive.notation import text
from ..lower.forms import CellForm, Constant, Factor, Functional, LoweredCells, WeakTerm
from ..problem.escaping import docstring
from .fem_scope import function_rows, known_entries, solved_functionals
from .layout import block, paragraph, prose
from .numpy_printer import BroadcastPrinter
from .source import Source

_HEADER = """{title}: cell problems for Fourier collocation.

{mathematics}
Plus convention u1 = sum_j N_j D^alpha_j u0; each N is periodic with zero mean; <.> is the mean over
the cell.
"""
_TABLES = (
    "A coefficient is (number, k): number * c[k]. A factor is (function, component, derivative), or"
    " None for 1.",
    "OPERATOR, MASS: (equation, left, coefficient, field, right), for D^left( coefficient D^right"
    " N_field ).",
    "SOURCES: for each function, rows (equation, left, coefficient, factor), for D^left("
    " coefficient * factor ) on the right-hand side.",
    "EFFECTIVE: (key, <constant>, [(coefficient, factors)]), the means of what they are; CONSTANTS:"
    " (symbol, numerator, denominator), two of those.",
)


class CoefficientTable:
    """The distinct coefficients of all tables, in the order in which they are met."""

    def __init__(self) -> None:
        self.found: dict[sp.Expr, int] = {}

    def reference(self, expr: sp.Expr) -> str:
        """(number, k)."""
        number, rest = sp.sympify(expr).as_coeff_Mul()
        if not number.is_finite:
            number = sp.Integer(1)
            rest = sp.sympify(expr)
        if rest.could_extract_minus_sign():
            number = -number
            rest = -rest
        return f"({float(number)!r}, {self.found.setdefault(rest, len(self.found))})"


def cells(lowered: LoweredCells) -> Source:
    """`cell_fourier.py`: coefficients, tables of the cell problems and of the effective law."""
    found = CoefficientTable()
    tables = _tables(found, lowered)
    printer = BroadcastPrinter(imaginary=lowered.complex)
    coefficients = pointwise_function(
        "coefficients",
        "The distinct coefficients c[k]; coordinates, slow coordinates and all other symbols"
        " broadcast.",
        {"_points": lowered.coordinates, "_slow": lowered.slow},
        list(found.found),
        printer,
    )
    notes = [line for note in _TABLES for line in paragraph(note, "# ", "  ")]
    rows = [row for table in tables for row in table.split("\n")]
    constants = [*_constants(lowered, len(found.found)), *notes, *rows]
    mathematics = "\n".join(_mathematics(lowered))
    opening = prose(docstring(_HEADER.format(title=lowered.title, mathematics=mathematics)))
    text = "\n\n".join([opening, "\n".join(printer.imports), "\n".join(block(constants))])
    return Source("numpy", (("cell_fourier.py", f"{text}\n\n\n{coefficients}"),))


def _tables(found: CoefficientTable, lowered: LoweredCells) -> list[str]:
    """The tables of the file, whose coefficients are put into `found`."""
    sources = []
    operator = [_operator_row(found, w) for w in lowered.bilinear]
    mass = [_operator_row(found, w) for w in lowered.mass]
    for f in lowered.functions:
        sources.append(_tuple(_source_row(found, w) for w in f.weak))
    constants = [_constant(found, c) for c in lowered.constants]
    law = [_functional(found, f) for f in solved_functionals(lowered).values()]
    return [
        _table("OPERATOR", operator),
        _table("MASS", mass),
        _table("SOURCES", sources),
        _table("CONSTANTS", constants),
        _table("EFFECTIVE", law),
    ]


def _constants(lowered: LoweredCells, coefficients: int) -> list[str]:
    externals = tuple((str(e.symbol), e.name, e.index, e.derivative) for e in lowered.externals)
    eigenvalue = None if lowered.eigenvalue is None else str(lowered.eigenvalue)
    return [
        f"CELL = {lowered.cell.bounds!r}",
        f"SLOW = {tuple(map(str, lowered.slow))!r}",
        f"PARAMETERS = {tuple(map(str, lowered.parameters))!r}",
        f"EXTERNALS = {externals!r}",
        "# name, role, level, source of zero mean",
        f"FUNCTIONS = {tuple(function_rows(lowered))!r}",
        f"EIGENVALUE = {eigenvalue!r}",
        f"COMPONENTS, COEFFICIENTS = {lowered.components}, {coefficients}",
        f"SYMMETRIC, DEFINITE = {lowered.symmetric}, {lowered.definite}",
        f"COMPLEX, JUMPS = {lowered.complex}, {lowered.jumps}",
        f"KNOWN = {known_entries(lowered)!r}",
    ]


def _tuple(rows: Iterable[str]) -> str:
    return "(" + "".join(f"{row}, " for row in rows).rstrip() + ")"


def _table(name: str, rows: Iterable[str]) -> str:
    return "\n".join([f"{name} = (", *(f"    {row}," for row in rows), ")"])


def _sign(w: WeakTerm) -> int:
    """What the weak form takes from D^left when it is put on the test function."""
    return (-1) ** sum(w.left)


def _operator_row(table: CoefficientTable, w: WeakTerm) -> str:
    return (
        f"({w.equation}, {w.left}, {table.reference(_sign(w) * w.coefficient)}, {w.field},"
        f" {w.right})"
    )


def _source_row(table: CoefficientTable, w: WeakTerm) -> str:
    return (
        f"({w.equation}, {w.left}, {table.reference(_sign(w) * w.coefficient)},"
        f" {_factor(w.factor)})"
    )


def _factor(factor: Factor | None) -> str:
    if factor is None:
        return "None"
    return f"({factor.function}, {factor.component}, {factor.derivative})"


def _functional(table: CoefficientTable, f: Functional) -> str:
    terms = (
        f"({table.reference(t.coefficient)}, {_tuple(map(_factor, t.factors))})" for t in f.terms
    )
    return f"({(f.name, f.index)}, {table.reference(f.constant)}, {_tuple(terms)})"


def _constant(table: CoefficientTable, c: Constant) -> str:
    return (
        f"({str(c.symbol)!r}, {_functional(table, c.numerator)},"
        f" {_functional(table, c.denominator)})"
    )


def pointwise_function(
    name: str,
    summary: str,
    axes: Mapping[str, Sequence[sp.Symbol]],
    exprs: Sequence[sp.Expr],
    printer: BroadcastPrinter,
) -> str:
    """A function of coordinates, held by the arguments `axes`, and of _data, all other symbols by
    name: everything unpacked, common subexpressions first, a list of the expressions returned.
    """
    used = {s for expr in exprs for s in expr.free_symbols}
    shared, reduced = printer.reduced(exprs, real=False)
    code = printer.expression
    lines = []
    for argument, symbols in axes.items():
        places = {v: f"{argument}[{k}]" for k, v in enumerate(symbols) if v in used}
        lines += [f"{code(v)} = {place}" for v, place in places.items()]
        used -= set(places)
    lines += [f"{code(v)} = _data[{str(v)!r}]" for v in sorted(used, key=str)]
    lines += [*shared, "return [", *(f"    {expr}," for expr in reduced), "]"]
    head = f"def {name}({', '.join(axes)}, _data):"
    return "\n".join([head, prose(docstring(summary), "    "), *block(lines, 4), ""])


def _mathematics(lowered: LoweredCells) -> list[str]:
    """The cell problems and the effective law in text."""
    lines = [f"Cell {lowered.cell}, coordinates {', '.join(map(str, lowered.coordinates))}."]
    for i in range(lowered.components):
        rows = (w for w in lowered.bilinear if w.equation == i)
        operator = " + ".join(
            f"D^{w.left}[({text(_sign(w) * w.coefficient)}) D^{w.right}"
            f" {_component(lowered, 'N', w.field)}]"
            for w in rows
        )
        lines.append(f"{_component(lowered, 'A_0 N', i)} = {operator}")
    for f in lowered.functions:
        lines += _problem(lowered, f)
    lines += [
        f"{c.symbol} = ({_mean(lowered, c.numerator)}) / ({_mean(lowered, c.denominator)})"
        for c in lowered.constants
    ]
    lines += [
        f"{f.name}{list(f.index)} = {_mean(lowered, f)}"
        for f in (*lowered.effective, *lowered.higher)
    ]
    return lines


def _problem(lowered: LoweredCells, f: CellForm) -> list[str]:
    if lowered.eigenvalue is None:
        right = ""
    else:
        right = f" ({lowered.eigenvalue} times the mass is in A_0)"
    if f.role == "ground state":
        return [f"A_0 {f.name} = 0, {f.name} > 0, <{f.name}> = 1{right}"]
    if f.role == "adjoint":
        return [f"A_0^T {f.name} = 0, of equation {f.level}{right}"]
    lines = []
    for i in range(lowered.components):
        rows = (w for w in f.weak if w.equation == i)
        parts = (
            f"D^{w.left}[({text(_sign(w) * w.coefficient)}){_times(lowered, (w.factor,))}]"
            for w in rows
        )
        lines.append(
            f"{_component(lowered, f'A_0 {f.name}', i)} ="
            f" {' + '.join(parts) or '0'}{'' if f.solvable else ' - mean'}"
        )
    return lines


def _component(lowered: LoweredCells, name: str, i: int) -> str:
    if lowered.components == 1:
        return name
    return f"({name})_{i}"


def _times(lowered: LoweredCells, factors: Iterable[Factor | None]) -> str:
    known = (f for f in factors if f is not None)
    return "".join(
        f" D^{f.derivative} {_component(lowered, lowered.functions[f.function].name, f.component)}"
        for f in known
    )


def _mean(lowered: LoweredCells, f: Functional) -> str:
    terms = (f"({text(t.coefficient)}){_times(lowered, t.factors)}" for t in f.terms)
    return f"<{' + '.join([text(f.constant), *terms])}>"
