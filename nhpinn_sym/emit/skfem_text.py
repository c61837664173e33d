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

from ..lower.forms import Factor, MultiIndex, WeakTerm
from ..problem.escaping import docstring
from .layout import WIDTH, block, prose, statement
from .numpy_printer import BroadcastPrinter

_RESERVED = {"x", "h", "n"}
"""What scikit-fem itself puts into `w`; names such as c0 and N0 are taken by coefficients and cell
functions.
"""
_NUMBERED = re.compile(r"[cN]\d+(_\d+)?")
Product = tuple[sp.Expr, str]
"""(coefficient, text of what it multiplies; empty for nothing)."""


@dataclass
class Coefficients:
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
            return text if expr.is_Atom and "/" not in text else f"({text})"
        if expr not in self.found:
            keeps = expr.is_Symbol and text not in _RESERVED and not _NUMBERED.fullmatch(text)
            self.found[expr] = (
                text
                if keeps
                else f"c{sum(map(bool, map(_NUMBERED.fullmatch, self.found.values())))}"
            )
        return f'w["{self.found[expr]}"]'

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
        line = "    return {" + ", ".join(items) + "}"
        if len(line) > WIDTH:
            return _function(name, doc, [*body, "return {", *(f"    {i}," for i in items), "}"])
        return _function(name, doc, [*body, line.strip()])

    def single(self, name: str, doc: str, expr: sp.Expr) -> str:
        """The text of `name(points, data)`, the values of one expression."""
        body, (value,) = self._reduced([expr])
        return _function(name, doc, [*body, f"return {value}"])

    def _reduced(self, exprs: Sequence[sp.Expr]) -> tuple[list[str], list[str]]:
        """Lines that unpack the symbols and compute common subexpressions, and the text of each
        expression after them.
        """
        used = {s for expr in exprs for s in expr.free_symbols}
        fresh = (
            s for s in sp.numbered_symbols("s", real=True) if s.name not in {u.name for u in used}
        )
        shared, reduced = sp.cse(list(exprs), symbols=fresh, optimizations=[])
        lines = [
            f"{self.printer.expression(s)} = points[{k}]"
            for k, s in enumerate(self.coordinates)
            if s in used
        ]
        lines += [
            f'{self.printer.expression(s)} = data["{s.name}"]'
            for s in sorted(used - set(self.coordinates), key=str)
        ]
        lines += [f"{s} = {self.printer.expression(expr)}" for s, expr in shared]
        return lines, [self.printer.expression(expr) for expr in reduced]

    def definitions(self) -> list[str]:
        """c0 = ..., for comments."""
        return [
            f"{name} = {plain(expr)}" for expr, name in self.found.items() if not expr.is_Symbol
        ]


def _function(name: str, doc: str, body: Sequence[str]) -> str:
    lines = [f"def {name}(points, data):", prose(docstring(doc), "    "), *block(body, 4)]
    return "\n".join(lines)


def products(terms: Iterable[WeakTerm], trial: bool, components: int = 1) -> list[Product]:
    """The terms of a bilinear form (in u and v), or with trial = False of a linear one (in v)."""
    return [
        (
            t.coefficient,
            " * ".join(
                [
                    *earlier([t.factor] if t.factor else [], components),
                    *([factor("u", t.right)] if trial else []),
                    factor("v", t.left),
                ]
            ),
        )
        for t in terms
    ]


def earlier(factors: Iterable[Factor], components: int) -> list[str]:
    """Derivatives of cell functions that are known."""
    return [
        factor(f'w["N{f.function}{f"_{f.component}" if components > 1 else ""}"]', f.derivative)
        for f in factors
    ]


def factor(name: str, index: MultiIndex) -> str:
    """D^index of the field `name`, at most a first derivative."""
    return f"{name}.grad[{index.index(1)}]" if any(index) else name


def total(terms: Iterable[Product], coefficients: Coefficients, empty: str) -> str:
    """The text of sum coefficient * product, grouped by coefficient; `empty` where there is no
    term.
    """
    groups: dict[sp.Expr, list[tuple[sp.Expr, str]]] = {}
    for coefficient, product in terms:
        number, rest = coefficient.as_coeff_Mul()
        if rest.could_extract_minus_sign():
            number, rest = -number, -rest
        if number != 0:
            groups.setdefault(rest, []).append((number, product))
    parts = [_group(rest, members, coefficients) for rest, members in groups.items()]
    return " + ".join(parts).replace("+ -", "- ") or empty


def _group(rest: sp.Expr, members: list[tuple[sp.Expr, str]], coefficients: Coefficients) -> str:
    """number * rest * (sum of products), the number drawn out where all members share it."""
    number = members[0][0] if len({n for n, _ in members}) == 1 else sp.Integer(1)
    inner = [_times(n / number, p, coefficients) for n, p in members]
    body = " + ".join(inner).replace("+ -", "- ")
    if len(members) > 1 and (rest != 1 or number != 1):
        body = f"({body})"
    parts = ["" if rest == 1 else coefficients.reference(rest), body]
    return _times(number, " * ".join(part for part in parts if part not in ("", "1")), coefficients)


def _times(number: sp.Expr, product: str, coefficients: Coefficients) -> str:
    if number in (1, -1):
        return ("-" if number == -1 else "") + (product or "1")
    sign, size = ("-", -number) if number.could_extract_minus_sign() else ("", number)
    return sign + " * ".join(part for part in (coefficients.reference(size), product) if part)


def form(kind: str, name: str, arguments: str, expression: str) -> str:
    """The text of a decorated form; its docstring is the mathematics of `expression`."""
    lines = [
        f"@{kind}",
        *statement(f"def {name}({arguments}):"),
        prose(docstring(mathematics(expression)), "    "),
        *statement(f"return {expression}", 4),
    ]
    return "\n".join(lines)


def bilinear_blocks(
    name: str, terms: Iterable[WeakTerm], components: int, coefficients: Coefficients
) -> tuple[list[str], str]:
    """A form for each equation and field, and the dict display that lists them by (equation,
    field).
    """
    terms = list(terms)
    names, forms = {}, []
    for i, j in sorted({(t.equation, t.field) for t in terms}):
        own = [t for t in terms if (t.equation, t.field) == (i, j)]
        names[i, j] = name if components == 1 else f"{name}_{i}_{j}"
        forms.append(
            form(
                "BilinearForm",
                names[i, j],
                "u, v, w",
                total(products(own, trial=True), coefficients, "0 * u * v"),
            )
        )
    return forms, display(names)


def linear_blocks(
    name: str, terms: Iterable[WeakTerm], components: int, coefficients: Coefficients
) -> tuple[list[str], str]:
    """A form for each equation, and the dict display that lists them."""
    terms = list(terms)
    names, forms = {}, []
    for i in sorted({t.equation for t in terms}):
        own = products([t for t in terms if t.equation == i], trial=False, components=components)
        names[i] = name if components == 1 else f"{name}_{i}"
        forms.append(form("LinearForm", names[i], "v, w", total(own, coefficients, "0 * v")))
    return forms, display(names)


def display(names: Mapping[Any, str]) -> str:
    """The text of a dict of names."""
    return "{" + ", ".join(f"{index}: {text}" for index, text in names.items()) + "}"


def mathematics(expression: str) -> str:
    """The text of an integrand with c0 for w["c0"] and d1(u) for u.grad[0]."""
    text = re.sub(r'w\["(\w+)"\]', r"\1", " ".join(expression.split()))
    return "int " + re.sub(r"(\w+)\.grad\[(\d)\]", lambda m: f"d{int(m[2]) + 1}({m[1]})", text)


def plain(expr: sp.Expr) -> str:
    """An expression for comments."""
    return str(sp.sstr(expr, full_prec=False))
