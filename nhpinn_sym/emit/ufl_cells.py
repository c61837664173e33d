"""cell_forms.py: the cell problems of a model and its effective coefficients, as UFL forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..lower.forms import Functional, LoweredCells, StrongTerm, WeakTerm
from ..lower.interfaces import with_middles
from ..problem.escaping import docstring, literal
from .contact_text import contact_constants, contact_functions
from .fem_scope import (
    LawKey,
    cell_breaks,
    describe,
    first_order_axes,
    function_rows,
    known_entries,
    projection,
    quotients,
    require_elements,
    solved_functionals,
)
from .integrands import bilinear, linear, mean
from .numpy_printer import BroadcastPrinter
from .source import Source
from .ufl_text import (
    Body,
    Sum,
    assemble,
    derivative,
    function,
    integral,
    listed,
    numbered,
    product_in_docstring,
    products,
)

# Characters of a table up to which it stands in one line.
_SHORT = 80


def cells(lowered: LoweredCells) -> Source:
    """cell_forms.py. UnsupportedError where a coefficient has no counterpart in UFL."""
    require_elements(lowered)
    printer = BroadcastPrinter()
    contacts = contact_functions(lowered, printer)
    lowered = with_middles(lowered)
    writer = _Writer(lowered)
    functions = [writer.bilinear("operator", "B(u, v).", lowered.bilinear), writer.sources()]
    if lowered.mass:
        functions.append(writer.bilinear("mass", "M(u, v).", lowered.mass))
    if lowered.constants:
        summary = "|Y| times numerator and denominator of each constant"
        functions.append(writer.means("quotients", summary, quotients(lowered)))
    summary = "|Y| times each effective coefficient"
    functions.append(writer.means("effective", summary, solved_functionals(lowered)))
    functions += contacts
    imports = printer.imports
    text = assemble(_docstring(lowered), _constants(lowered), writer.bodies, functions, imports)
    return Source("dolfinx", (("cell_forms.py", text),))


def _constants(lowered: LoweredCells) -> dict[str, str]:
    keys = tuple(solved_functionals(lowered))
    held = {c.symbol.name: (c.numerator.name, c.numerator.index) for c in lowered.constants}
    middles = {"MIDDLES": literal(tuple(v.name for v in lowered.middles))}
    return {
        "CELL": repr(lowered.cell.bounds),
        **(middles if lowered.middles else {}),
        "COMPONENTS": repr(lowered.components),
        "SLOW": literal(tuple(map(str, lowered.slow))),
        "PARAMETERS": literal(tuple(map(str, lowered.parameters))),
        "FUNCTIONS": _table(function_rows(lowered)),
        "EIGENVALUE": literal(lowered.eigenvalue and lowered.eigenvalue.name),
        "CONSTANTS": literal(held),
        "EFFECTIVE": _table(keys) if len(literal(keys)) > _SHORT else literal(keys),
        "SYMMETRIC": repr(lowered.symmetric),
        "DEFINITE": repr(lowered.definite),
        "FIRST_ORDER": repr(first_order_axes(lowered)),
        "KNOWN": repr(known_entries(lowered)),
        "BREAKS": repr(cell_breaks(lowered)),
        **({"FREE": repr(lowered.free)} if lowered.free else {}),
        **contact_constants(lowered),
    }


def _table(rows: Iterable[object]) -> str:
    """A tuple with one row a line."""
    return "(" + "".join(f"\n    {literal(row)}," for row in rows) + "\n)"


class _Writer:
    """The functions of the file."""

    def __init__(self, lowered: LoweredCells) -> None:
        self.lowered = lowered
        self.components = lowered.components
        given = [*lowered.parameters, *(c.symbol for c in lowered.constants)]
        given += [*(e.symbol for e in lowered.externals), *lowered.middles]
        if lowered.eigenvalue is not None:
            given.append(lowered.eigenvalue)
        self.names = {v: str(v) for v in lowered.coordinates}
        self.names |= {v: f"x[{literal(str(v))}]" for v in lowered.slow}
        self.names |= {v: f"p[{literal(str(v))}]" for v in given}
        self.unpacked = {v: f"y[{k}]" for k, v in enumerate(lowered.coordinates)}
        self.bodies: list[Body] = []

    def _body(self, sums: Sequence[Sum]) -> Body:
        self.bodies.append(Body(self.names, self.unpacked, sums))
        return self.bodies[-1]

    def bilinear(self, name: str, summary: str, terms: Sequence[WeakTerm]) -> str:
        total = products(bilinear(terms), self.components)
        body = self._body([total])
        lines = [*body.lines, f"return {body.form(total, 'dx')}"]
        return function(f"{name}(u, v, y, x, p, dx)", docstring(summary), lines)

    def sources(self) -> str:
        functions = self.lowered.functions
        totals = [products(linear(f.weak), self.components) for f in functions]
        body = self._body(totals)
        rows = []
        for f, total in zip(functions, totals, strict=True):
            rows += [f"    # {f.name}", f"    {body.form(total, 'dx')},"]
        summary = '"""l(v) of each cell function; N: the cell functions."""'
        lines = [*body.lines, "return [", *rows, "]"]
        return function("sources(v, N, y, x, p, dx)", summary, lines)

    def means(self, name: str, summary: str, functionals: Mapping[LawKey, Functional]) -> str:
        totals = [products(mean(f), self.components) for f in functionals.values()]
        body = self._body(totals)
        pairs = zip(functionals, totals, strict=True)
        rows = [f"    {literal(key)}: {body.form(total, 'dx')}," for key, total in pairs]
        lines = [*body.lines, "return {", *rows, "}"]
        return function(
            f"{name}(N, y, x, p, dx)", docstring(f"{summary}; N: the cell functions."), lines
        )


def _docstring(lowered: LoweredCells) -> str:
    count = lowered.components
    slow = f" for every ({', '.join(map(str, lowered.slow))})" if lowered.slow else ""
    coordinates = ", ".join(map(str, lowered.coordinates))
    operator = ["B(u, v)", *integral(bilinear(lowered.bilinear), count)]
    if lowered.mass:
        kernel = f"{lowered.eigenvalue} is the lowest number for which B has a kernel; M(u, v)"
        operator += [kernel, *integral(bilinear(lowered.mass), 1)]
    sources = []
    for k, f in enumerate(lowered.functions):
        sources += [f"N[{k}] = {describe(f)}:  l(v)", *integral(linear(f.weak), count)]
    strong = [_strong(t, count) for t in lowered.strong]
    law = [
        f"{c.symbol} = {_entry(c.numerator, count)} / {_entry(c.denominator, count)}"
        for c in lowered.constants
    ]
    law += [_entry(f, count) for f in solved_functionals(lowered).values()]
    return f"""{lowered.title}: the cell problems as UFL forms.

Every cell function N is periodic in y = ({coordinates}) on Y = {lowered.cell}, has zero mean, and
solves{slow}
    B(N, v) = l(v) for every periodic v,
{projection(lowered)}{listed(operator)}
{listed(sources)}
The operator in strong form is the sum of
{listed(strong or ["(not there: a coefficient jumps)"])}
The effective coefficients are, with <.> the mean over Y,
{listed(law)}
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms."""


def _strong(t: StrongTerm, components: int) -> str:
    equation = "" if components == 1 else f"equation {t.equation}: "
    return f"{equation}({t.coefficient}) {derivative(numbered('N', t.field, components), t.right)}"


def _entry(f: Functional, components: int) -> str:
    constant, *terms = mean(f)
    texts = [product_in_docstring(term, components) for term in terms]
    if f.constant != 0 or not terms:
        texts.insert(0, str(constant.coefficient))
    index = list(f.index) if f.index else ""
    return f"{f.name}{index} = <{' + '.join(texts)}>"
