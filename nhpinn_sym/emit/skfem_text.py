"""Building blocks of emitted scikit-fem text: coefficient functions and forms.

scikit-fem evaluates a form once per pair of basis functions, so that coefficients are computed
before, by a function of the points, and stand in the forms as w["c0"], w["c1"], ... A sum is
grouped by coefficient: what depends on the basis functions alone is then multiplied first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from ..lower.forms import MultiIndex, WeakTerm
from ..problem.escaping import docstring
from .integrands import Derivative, Integrand, bilinear, linear
from .layout import WIDTH, block, prose, statement
from .numpy_printer import BroadcastPrinter

# What scikit-fem itself puts into `w`; names such as c0 and N0 are taken by coefficients and cell
# functions.
_RESERVED = {"x", "h", "n"}
_NUMBERED = re.compile(r"[cN]\d+(_\d+)?")
CoefficientAndText = tuple[sp.Expr, str]
"""(coefficient, text of what it multiplies; empty for nothing)."""


@dataclass
class CoefficientSet:
    """Collects the coefficients of some forms, and writes the function that evaluates them at
    points.
    """

    printer: BroadcastPrinter
    coordinates: Sequence[sp.Symbol]
    found: dict[sp.Expr, str] = field(default_factory=dict)

    def reference(self, expr: sp.Expr) -> str:
        """How a form names `expr`: numbers stand for themselves, symbols keep their names."""
        text = self.printer.expression(expr)
        if expr.is_number:
            if expr.is_Atom and "/" not in text:
                return text
            return f"({text})"
        if expr not in self.found:
            keeps = expr.is_Symbol and text not in _RESERVED and not _NUMBERED.fullmatch(text)
            self.found[expr] = text if keeps else self._next_number()
        return f'w["{self.found[expr]}"]'

    def _next_number(self) -> str:
        taken = [name for name in self.found.values() if _NUMBERED.fullmatch(name)]
        return f"c{len(taken)}"

    def function(self, name: str, what: str) -> str:
        """The text of `name(points, data)`, a dict of all coefficients found."""
        return self.table(
            name,
            f"The coefficients of {what} at points (d, ...).",
            {c: expr for expr, c in self.found.items()},
        )

    def table(self, name: str, doc: str, entries: Mapping[str, sp.Expr]) -> str:
        """The text of `name(points, data)`, a dict of `entries`."""
        body, values = self._reduced(list(entries.values()))
        items = [f'"{key}": {value}' for key, value in zip(entries, values, strict=True)]
        result = [f"return {{{', '.join(items)}}}"]
        if len(f"    {result[0]}") > WIDTH:
            result = ["return {", *(f"    {item}," for item in items), "}"]
        return _function(name, doc, [*body, *result])

    def single(self, name: str, doc: str, expr: sp.Expr) -> str:
        """The text of `name(points, data)`, the values of one expression."""
        body, (value,) = self._reduced([expr])
        return _function(name, doc, [*body, f"return {value}"])

    def _reduced(self, exprs: Sequence[sp.Expr]) -> tuple[list[str], list[str]]:
        """Lines that unpack the symbols and compute common subexpressions, and the text of each
        expression after them.
        """
        used = {s for expr in exprs for s in expr.free_symbols}
        shared, reduced = self.printer.reduced(exprs)
        places = {s: f"points[{k}]" for k, s in enumerate(self.coordinates) if s in used}
        others = sorted(used - set(self.coordinates), key=str)
        places |= {s: f'data["{s.name}"]' for s in others}
        unpacked = [f"{self.printer.expression(s)} = {place}" for s, place in places.items()]
        return [*unpacked, *shared], reduced

    def definitions(self) -> list[str]:
        """c0 = ..., for comments."""
        return [
            f"{name} = {comment_text(expr)}"
            for expr, name in self.found.items()
            if not expr.is_Symbol
        ]


def _function(name: str, doc: str, body: Sequence[str]) -> str:
    lines = [f"def {name}(points, data):", prose(docstring(doc), "    "), *block(body, 4)]
    return "\n".join(lines)


def products(integrand: Integrand, components: int) -> list[CoefficientAndText]:
    """The integrand with its derivatives as text; a form has one component of u and one of v."""
    return [
        (c, " * ".join(_written(factor, components) for factor in factors))
        for c, factors in integrand
    ]


def _written(d: Derivative, components: int) -> str:
    if isinstance(d.function, str):
        return derivative(d.function, d.orders)
    component = f"_{d.component}" if components > 1 else ""
    return derivative(f'w["N{d.function}{component}"]', d.orders)


def derivative(name: str, index: MultiIndex) -> str:
    """D^index of the field `name`, at most a second derivative."""
    axes = [axis for axis, order in enumerate(index) for _ in range(order)]
    if len(axes) > 1:
        return f"{name}.hess[{axes[0]}, {axes[1]}]"
    if axes:
        return f"{name}.grad[{axes[0]}]"
    return name


def total(terms: Iterable[CoefficientAndText], coefficients: CoefficientSet, empty: str) -> str:
    """The text of sum coefficient * product, grouped by coefficient; `empty` where there is no
    term.
    """
    groups: dict[sp.Expr, list[tuple[sp.Expr, str]]] = {}
    for coefficient, product in terms:
        number, rest = coefficient.as_coeff_Mul()
        if rest.could_extract_minus_sign():
            number = -number
            rest = -rest
        if number != 0:
            groups.setdefault(rest, []).append((number, product))
    return _sum(_group(rest, held, coefficients) for rest, held in groups.items()) or empty


def _sum(texts: Iterable[str]) -> str:
    return " + ".join(texts).replace("+ -", "- ")


def _group(rest: sp.Expr, members: list[tuple[sp.Expr, str]], coefficients: CoefficientSet) -> str:
    """number * rest * (sum of products), the number drawn out where all members share it."""
    numbers = {number for number, _ in members}
    shared = members[0][0] if len(numbers) == 1 else sp.Integer(1)
    inner = _sum(_times(number / shared, product, coefficients) for number, product in members)
    if len(members) > 1 and (rest != 1 or shared != 1):
        inner = f"({inner})"
    factors = [inner] if rest == 1 else [coefficients.reference(rest), inner]
    kept = [factor for factor in factors if factor not in ("", "1")]
    return _times(shared, " * ".join(kept), coefficients)


def _times(number: sp.Expr, product: str, coefficients: CoefficientSet) -> str:
    if number == 1:
        return product or "1"
    if number == -1:
        return f"-{product or '1'}"
    negative = number.could_extract_minus_sign()
    size = coefficients.reference(-number if negative else number)
    text = f"{size} * {product}" if product else size
    if negative:
        return f"-{text}"
    return text


def form(kind: str, name: str, arguments: str, expression: str) -> str:
    """The text of a decorated form; its docstring is the mathematics of `expression`."""
    lines = [
        f"@{kind}",
        *statement(f"def {name}({arguments}):"),
        prose(docstring(mathematics(expression)), "    "),
        *statement(f"return {expression}", 4),
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class Blocks:
    """The texts of the forms of one table, and their names by (equation, field) or equation."""

    forms: list[str]
    names: dict[Any, str]


def bilinear_blocks(
    name: str, terms: Sequence[WeakTerm], components: int, coefficients: CoefficientSet
) -> Blocks:
    """A form for each equation and field."""
    blocks = Blocks([], {})
    for i, j in sorted({(t.equation, t.field) for t in terms}):
        own = bilinear(t for t in terms if (t.equation, t.field) == (i, j))
        integrand = total(products(own, components), coefficients, "0 * u * v")
        blocks.names[i, j] = name if components == 1 else f"{name}_{i}_{j}"
        blocks.forms.append(form("BilinearForm", blocks.names[i, j], "u, v, w", integrand))
    return blocks


def linear_blocks(
    name: str, terms: Sequence[WeakTerm], components: int, coefficients: CoefficientSet
) -> Blocks:
    """A form for each equation."""
    blocks = Blocks([], {})
    for i in sorted({t.equation for t in terms}):
        own = linear(t for t in terms if t.equation == i)
        integrand = total(products(own, components), coefficients, "0 * v")
        blocks.names[i] = name if components == 1 else f"{name}_{i}"
        blocks.forms.append(form("LinearForm", blocks.names[i], "v, w", integrand))
    return blocks


def display(names: Mapping[Any, str]) -> str:
    """The text of a dict of names."""
    return "{" + ", ".join(f"{index}: {text}" for index, text in names.items()) + "}"


def mathematics(expression: str) -> str:
    """The text of an integrand with c0 for w["c0"], d1(u) for u.grad[0], d12(u) for
    u.hess[0, 1].
    """
    text = re.sub(r'w\["(\w+)"\]', r"\1", " ".join(expression.split()))
    text = re.sub(
        r"(\w+)\.hess\[(\d), (\d)\]", lambda m: f"d{int(m[2]) + 1}{int(m[3]) + 1}({m[1]})", text
    )
    return "int " + re.sub(r"(\w+)\.grad\[(\d)\]", lambda m: f"d{int(m[2]) + 1}({m[1]})", text)


def comment_text(expr: sp.Expr) -> str:
    """An expression for comments."""
    return str(sp.sstr(expr, full_prec=False))


def numbered(name: str, component: int, components: int) -> str:
    """A component of a function in a comment, and in names; u_0."""
    if components == 1:
        return name
    return f"{name}_{component}"


def data_note(points: str, names: Iterable[object]) -> list[str]:
    """Lines of a docstring: what the functions of a file are called with."""
    held = ", ".join(map(str, names)) or "nothing"
    return ["", f"Points are {points} (d, ...); `data` holds by name: {held}."]


def bounds(intervals: Sequence[tuple[sp.Expr, sp.Expr]], printer: BroadcastPrinter) -> str:
    """The text of the ends of each axis."""
    ends = (f"({printer.expression(a)}, {printer.expression(b)})" for a, b in intervals)
    return f"({items(ends)})"


def items(texts: Iterable[str]) -> str:
    """Elements of a tuple display."""
    found = list(texts)
    return ", ".join(found) + ("," if len(found) == 1 else "")


def assemble(
    lines: Sequence[str],
    printer: BroadcastPrinter,
    forms: str,
    constants: Sequence[str],
    parts: Sequence[str],
    tables: Sequence[str],
) -> str:
    """A whole file: docstring, imports of functions and of `forms`, constants, functions and forms,
    tables that list them.
    """
    opening = prose(docstring("\n".join(lines) + "\n"))
    imports = "\n".join([*printer.imports, f"from skfem import {forms}"])
    head = "\n\n".join([opening, imports, "\n".join(constants)])
    rows = [row for table in tables for row in table.split("\n")]
    return "\n\n\n".join([head, *parts, "\n".join(block(rows))]) + "\n"
