"""Pieces of an emitted torch file: imports, functions, tables of derivatives, comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import sympy as sp

from ..lower.forms import LoweredCells, LoweredEquation, MultiIndex, StrongTerm
from ..problem.errors import UnsupportedError
from ..problem.escaping import docstring as quoted
from .layout import WIDTH, block, paragraph, prose, statement
from .torch_printer import TorchPrinter, argument_name, statements
from .unknown_functions import function_names

CoefficientTables = dict[tuple[int, int], dict[MultiIndex, sp.Expr]]
"""{(equation, component): {multi-index: factor}}."""

# Names that are unpacked on one line.
_FEW = 6
NET = "points, layers, indices=INDICES, axes=AXES"
RUNTIME = {
    "nets.derivatives": ("derivative",),
    "nets.inputs": ("Kinks",),
    "nets.jets": (
        "add",
        "averaged",
        "column",
        "columns",
        "combine",
        "full",
        "product",
        "stack",
        "system",
    ),
    "nets.networks": ("network",),
}
"""The modules of the runtime, and what emitted files call of them."""


class Scope:
    """What the functions of a file know: `variables`, the columns of `points`, and their keyword
    arguments: `given`, numbers, and `functions` without a formula, which are called.
    """

    def __init__(
        self,
        variables: Sequence[sp.Symbol],
        given: Sequence[sp.Symbol] = (),
        functions: Sequence[str] = (),
    ) -> None:
        self.variables = tuple(variables)
        self.numbers = tuple(given)
        self.given = (*self.numbers, *map(sp.Symbol, functions))
        self.names = [argument_name(s) for s in self.given]
        taken = [*self.names, *map(argument_name, self.variables)]
        if len(set(taken)) < len(taken):
            raise UnsupportedError(
                "two of these have one name in Python",
                term=[s.name for s in self.given],
                remedy="rename one of them: letters, digits and _ are kept",
            )
        self.signature = f", {', '.join(['*', *self.names])}" if self.given else ""
        self.collect = ", **given" if self.given else ""
        """In the head of a function that passes its keyword arguments on."""
        self.forward = self.collect
        """In a call that passes them on."""

    def statements(self, expressions: Sequence[sp.Expr]) -> tuple[list[str], list[str]]:
        """Assignments (unpacked variables, shared subexpressions) and the text of each expression
        over them.
        """
        shared, texts = statements(expressions, "points[..., 0]", (*self.variables, *self.given))
        used = set().union(*(sp.sympify(e).free_symbols for e in expressions))
        unpacked = [
            f"{argument_name(v)} = points[..., {i}]"
            for i, v in enumerate(self.variables)
            if v in used
        ]
        unpacked += [
            f"{n} = torch.as_tensor({n}, dtype=points.dtype, device=points.device)"
            for n, s in zip(self.names, self.numbers, strict=False)
            if s in used
        ]
        return [*unpacked, *shared], texts

    def function(
        self, name: str, arguments: str, summary: str, expressions: Sequence[sp.Expr], result: str
    ) -> str:
        """A function whose last statement is `result`, a template with one {} per expression."""
        lines, texts = self.statements(expressions)
        return function(
            f"{name}({arguments}{self.signature})",
            summary,
            [*lines, *result.format(*texts).split("\n")],
        )

    def jet(
        self,
        name: str,
        components: Sequence[sp.Expr],
        indices: Sequence[MultiIndex],
        summary: str,
        columns: bool = False,
    ) -> str:
        """A function that returns the derivatives of the `components` at `points`; `columns`: a
        single one has its axis too.
        """
        rows = "".join(
            f"    {index}: {at_points(len(components), columns)},\n" for index in indices
        )
        expressions = [derivative(expr, self.variables, i) for i in indices for expr in components]
        return self.function(name, "points", summary, expressions, f"return {{{{\n{rows}}}}}")

    def table(
        self,
        name: str,
        table: Mapping[MultiIndex, sp.Expr],
        summary: str = "The factor of each derivative.",
    ) -> str:
        """A function that returns `table` at `points`."""
        rows = "".join(f"    {index}: {{}},\n" for index in table)
        return self.function(
            name, "points", summary, list(table.values()), f"return {{{{\n{rows}}}}}"
        )

    def tables(
        self,
        name: str,
        tables: CoefficientTables,
        summary: str = "{(equation, component): the factor of each derivative}.",
    ) -> str:
        """A function that returns `tables` at `points`."""
        rows = "".join(
            f"    {block}: {{{{{', '.join(f'{index}: {{}}' for index in table)}}}}},\n"
            for block, table in tables.items()
        )
        return self.function(
            name,
            "points",
            summary,
            [c for table in tables.values() for c in table.values()],
            f"return {{{{\n{rows}}}}}",
        )


def function(head: str, summary: str, body: Iterable[str]) -> str:
    """The text of one function."""
    opening, *more = statement(f"def {head}:")
    lines = [opening, *(f"    {line}" for line in more), prose(quoted(summary), "    ")]
    return "\n".join([*lines, *block(list(body), 4)])


def layout_constants(scope: Scope, axes: Sequence[tuple[str, sp.Expr, sp.Expr]]) -> str:
    """The constants that say what the columns of points and the keyword arguments are."""
    printer = TorchPrinter("points")
    functions = ", ".join(scope.names[len(scope.numbers) :])
    note = "keyword arguments: numbers, or tensors over the points"
    note += f"; functions of tensors: {functions}" if functions else ""
    entries = [f"({kind!r}, {printer.doprint(a)}, {printer.doprint(b)})" for kind, a, b in axes]
    names = [argument_name(v) for v in scope.variables]
    return "\n".join(
        [
            *constant("COORDINATES", tuple(names), "the columns of points"),
            *constant("GIVEN", tuple(scope.names), note),
            *constant("AXES", Texts(entries), "(kind, lower end, upper end) of each column"),
        ]
    )


def index_constants(indices: Mapping[str, Sequence[MultiIndex]]) -> str:
    """The constants that list multi-indices."""
    note = "multi-indices, smaller ones first"
    return "\n".join(
        line for name, needed in indices.items() for line in constant(name, tuple(needed), note)
    )


class Texts(tuple[str, ...]):
    """Items that are Python text already."""

    def __new__(cls, items: Iterable[str]) -> Texts:
        return super().__new__(cls, items)


def constant(name: str, value: Any, note: str = "") -> list[str]:
    """`name = value  # note`, or the note above where that is too long for a line."""
    text = _tuple(value) if isinstance(value, Texts) else repr(value)
    line = f"{name} = {text}"
    if len(f"{line}  # {note}") <= WIDTH:
        return [f"{line}  # {note}" if note else line]
    return [*(paragraph(note, "# ", "") if note else []), *statement(line)]


def assemble(docstring: str, parts: Iterable[str], siblings: Mapping[str, Iterable[str]]) -> str:
    """A whole file: docstring, imports of what is used, and the parts.

    siblings: the names of other emitted files that this one may use, by file.
    """
    body = "\n\n\n".join(parts)
    opening = prose(quoted(f"{docstring.strip()}\n"))
    return f"{opening}\n\n{_imports(body, siblings)}\n\n{body}\n"


def _imports(body: str, siblings: Mapping[str, Iterable[str]]) -> str:
    """Of what the text calls; names in docstrings and comments are not meant."""
    code = re.sub(r'""".*?"""|#.*?$', "", body, flags=re.DOTALL | re.MULTILINE)
    words = set(re.findall(r"(?<![\w.'\"])[A-Za-z_]\w*", code))
    lines = []
    for name in ("math", "torch"):
        if re.search(rf"\b{name}\.", code):
            lines += [f"import {name}", ""]
    runtime = {f"nhpinn_sym.runtime.{module}": names for module, names in RUNTIME.items()}
    beside = {f".{file}": names for file, names in siblings.items()}
    for held in (runtime, beside):
        for module, names in held.items():
            used = sorted(name for name in names if name in words)
            if used:
                lines += statement(f"from {module} import {', '.join(used)}")
        lines.append("")
    return "\n".join(lines).strip()


def at_points(components: int, columns: bool = False) -> str:
    """The template of a value at every point; a column for each of several components, or of one
    where `columns` are asked for.
    """
    if components == 1 and not columns:
        return "full(points, {})"
    return f"stack(points{', {}' * components})"


def tabulated(terms: Iterable[StrongTerm]) -> CoefficientTables:
    """The factor of each derivative, by equation and component."""
    blocks: dict[tuple[int, int], list[StrongTerm]] = {}
    for t in terms:
        blocks.setdefault((t.equation, t.field), []).append(t)
    return {block: table for block in sorted(blocks) if (table := collect(blocks[block]))}


def collect(terms: Iterable[StrongTerm]) -> dict[MultiIndex, sp.Expr]:
    """The factor of each derivative, highest order first."""
    table: dict[MultiIndex, sp.Expr] = {}
    for term in terms:
        table[term.right] = table.get(term.right, sp.Integer(0)) + term.coefficient
    return {
        index: table[index]
        for index in sorted(table, key=lambda a: (-sum(a), [-n for n in a]))
        if table[index] != 0
    }


def closure(indices: Iterable[MultiIndex]) -> tuple[MultiIndex, ...]:
    """Every multi-index below one of `indices`, smaller ones first."""
    found = {b for a in indices for b in product(*(range(n + 1) for n in a))}
    return tuple(sorted(found, key=lambda a: (sum(a), [-n for n in a])))


def derivative(expr: sp.Expr, variables: Sequence[sp.Symbol], index: MultiIndex) -> sp.Expr:
    """D^index expr."""
    for variable, order in zip(variables, index, strict=False):
        expr = sp.diff(expr, variable, order)
    return expr


def formulas(blocks: CoefficientTables, unknown: str, right: Sequence[object]) -> str:
    """The equations as indented lines for a docstring."""
    equations = []
    for i, side in enumerate(right):
        rows = [
            _formula(table, f"{unknown}[{j}]" if len(right) > 1 else unknown)
            for (row, j), table in blocks.items()
            if row == i
        ]
        equations.append("\n".join([*rows, commented(f"= {side}", 4)]))
    return "\n\n".join(equations)


def _formula(terms: Mapping[MultiIndex, sp.Expr], unknown: str) -> str:
    return "\n".join(
        commented(f"+ ({c}) D^{a} {unknown}" if any(a) else f"+ ({c}) {unknown}", 4)
        for a, c in terms.items()
    )


def commented(line: str, indent: int) -> str:
    """A line of a docstring, broken where it is too long."""
    return "\n".join(paragraph(line, " " * indent, " " * 8))


def given_values(
    lowered: LoweredCells | LoweredEquation, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The keyword arguments of the emitted functions that `values` holds by the names of symbols:
    parameters, and functions without a formula.
    """
    symbols = [*lowered.parameters, *map(sp.Symbol, function_names(lowered))]
    return {argument_name(s): values[s.name] for s in symbols}


def given_names(symbols: Iterable[sp.Symbol]) -> str:
    """What follows the other arguments of a call that passes `symbols`, for a docstring."""
    names = [argument_name(s) for s in symbols]
    if len(names) <= _FEW:
        return "".join(f", {name}=..." for name in names)
    return ", **given"


def _tuple(items: Iterable[str]) -> str:
    texts = list(items)
    if len(texts) == 1:
        return f"({texts[0]},)"
    return f"({', '.join(texts)})"
