"""Pieces of an emitted file of UFL forms: weak terms, functions that share their coefficients,
docstrings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

from ..lower.forms import MultiIndex
from ..problem.escaping import docstring
from .integrands import Derivative, Integrand, WeightedFactors
from .layout import block, paragraph, prose, statement
from .ufl_printer import HELPERS, UflPrinter

Sum = Sequence[tuple[sp.Expr, str]]
"""Coefficients times what stands as text, such as "u.dx(0)*v.dx(1)"; the text may be empty."""


class Body:
    """The body of one emitted function: coefficients that occur more than once get a name,
    coordinates are unpacked.

    names: the text of each symbol; unpacked: for some of them the text that the name is assigned
    from.
    """

    def __init__(
        self, names: Mapping[sp.Symbol, str], unpacked: Mapping[sp.Symbol, str], sums: Iterable[Sum]
    ) -> None:
        self.printer = UflPrinter(names)
        # coefficients that differ by a number alone are one
        counts = Counter(_split(c)[1] for total in sums for c, _ in total)
        repeated = [rest for rest, count in counts.items() if count > 1]
        shared = [rest for rest in repeated if not rest.is_Atom]
        self.names = {rest: f"c{k}" for k, rest in enumerate(shared, start=1)}
        used = set().union(*(rest.free_symbols for rest in counts))
        self.lines = [f"{names[v]} = {source}" for v, source in unpacked.items() if v in used]
        for rest, name in self.names.items():
            self.lines.append(f"{name} = {self.printer.doprint(rest)}")

    def sum(self, total: Sum) -> str:
        """The text of a sum of products; empty for a sum without terms."""
        text = ""
        for c, factors in total:
            if c == 0:
                continue
            product = self._product(c, factors)
            if not text:
                text = product
            elif product.startswith("-"):
                text += f" - {product[1:]}"
            else:
                text += f" + {product}"
        return text

    def form(self, total: Sum, measure: str) -> str:
        """(sum)*measure; 0 stands for a form without terms."""
        text = self.sum(total)
        if text:
            return f"({text})*{measure}"
        return "0"

    def _product(self, coefficient: sp.Expr, factors: str) -> str:
        number, rest = _split(coefficient)
        sign = "-" if number < 0 else ""
        values = [c for c in (abs(number), rest) if c != 1]
        if len(values) == 1 and not sign and not factors:
            return self.names.get(values[0]) or self.printer.doprint(values[0])
        texts = [self._factor(c) for c in values]
        if factors:
            texts.append(factors)
        return sign + ("*".join(texts) or "1")

    def _factor(self, c: sp.Expr) -> str:
        return self.names.get(c) or str(
            self.printer.parenthesize(c, PRECEDENCE["Mul"], strict=True)
        )


def _split(coefficient: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(number, rest): equal coefficients up to a factor have the same rest."""
    number, rest = sp.sympify(coefficient).as_coeff_Mul()
    if rest.could_extract_minus_sign() and not rest.is_Number:
        return (-number, -rest)
    return (number, rest)


def dx(name: str, index: MultiIndex) -> str:
    """The derivative of a UFL function, u.dx(0, 1)."""
    axes = [str(axis) for axis, order in enumerate(index) for _ in range(order)]
    if axes:
        return f"{name}.dx({', '.join(axes)})"
    return name


def part(name: str, component: int, components: int) -> str:
    """A component of a function; a function with one component is a scalar."""
    if components == 1:
        return name
    return f"{name}[{component}]"


def products(integrand: Integrand, components: int) -> Sum:
    """The integrand with its derivatives as text, such as "u.dx(0)*v.dx(1)"; N[k] are the known
    cell functions.
    """

    def text(d: Derivative) -> str:
        name = d.function if isinstance(d.function, str) else f"N[{d.function}]"
        return dx(part(name, d.component, components), d.orders)

    return [(c, "*".join(map(text, factors))) for c, factors in integrand]


def function(head: str, summary: str, lines: Sequence[str]) -> str:
    """The text of one function; `summary` is its docstring, with quotes."""
    return "\n".join([*statement(f"def {head}:"), prose(summary, "    "), *block(lines, 4)])


def helpers(printers: Iterable[UflPrinter]) -> list[str]:
    """What the printed text needs beside ufl, in the order of definition."""
    used = set().union(*(printer.used for printer in printers))
    return [text for name, text in reversed(HELPERS.items()) if name in used]


def assemble(
    text: str,
    constants: Mapping[str, str],
    bodies: Sequence[Body],
    functions: Sequence[str],
    imports: Sequence[str] = (),
) -> str:
    """A whole file: docstring, imports, constants, helpers, functions."""
    opening = prose(docstring(f"{text.strip()}\n"))
    assigned = [f"{name} = {value}".split("\n") for name, value in constants.items()]
    lines = [part for rows in assigned for part in block(rows)]
    header = "\n".join([opening, "", "import ufl", *imports, "", *lines])
    return "\n\n\n".join([header, *helpers(body.printer for body in bodies), *functions]) + "\n"


def listed(lines: Iterable[str]) -> str:
    """Lines of a docstring, indented and broken where they are too long."""
    return "\n".join(part for line in lines for part in paragraph(line, "    ", " " * 8))


def numbered(name: str, component: int, components: int) -> str:
    """A component of a function in a docstring, u_0."""
    if components == 1:
        return name
    return f"{name}_{component}"


def derivative(name: str, index: MultiIndex) -> str:
    """A derivative in a docstring, D^(1, 0) u."""
    if any(index):
        return f"D^{tuple(index)} {name}"
    return name


def product_in_docstring(product: WeightedFactors, components: int) -> str:
    """A product in a docstring."""

    def named(d: Derivative) -> str:
        if isinstance(d.function, str):
            return derivative(numbered(d.function, d.component, components), d.orders)
        return derivative(part(f"N[{d.function}]", d.component, components), d.orders)

    return " ".join([f"({product.coefficient})", *map(named, product.factors)])


def integral(integrand: Integrand, components: int) -> list[str]:
    """Lines of a docstring: = int ..., + int ..."""
    texts = [f"int {product_in_docstring(product, components)}" for product in integrand]
    return [f"{'+' if k else '='} {text}" for k, text in enumerate(texts)] or ["= 0"]
