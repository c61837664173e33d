"""cell_forms.py: the cell problems of a model and its effective coefficients, for scikit-fem."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..lower.forms import Functional, LoweredCells, WeakTerm
from ..lower.interfaces import with_middles
from .contact_text import contact_constants, contact_functions
from .fem_scope import (
    LawKey,
    cell_breaks,
    describe,
    first_order_axes,
    function_rows,
    known_entries,
    middles_constant,
    order_constant,
    projection,
    quotients,
    require_elements,
    solved_functionals,
)
from .integrands import mean
from .layout import statement
from .numpy_printer import BroadcastPrinter
from .skfem_text import (
    CoefficientSet,
    assemble,
    bilinear_blocks,
    bounds,
    data_note,
    display,
    form,
    items,
    linear_blocks,
    products,
    total,
)
from .source import Source


def cells(lowered: LoweredCells) -> Source:
    """`cell_forms.py`, which needs numpy and scikit-fem. UnsupportedError as `require_elements`."""
    require_elements(lowered, smooth=True)
    unmoved = lowered
    lowered = with_middles(lowered)
    printer = BroadcastPrinter()
    writer = _Writer(lowered, CoefficientSet(printer, lowered.coordinates))
    tables = [writer.bilinear("OPERATOR", "operator", lowered.bilinear), writer.sources()]
    if lowered.mass:
        tables.append(writer.bilinear("MASS", "mass", lowered.mass))
    if lowered.constants:
        tables.append(writer.functionals("QUOTIENTS", quotients(lowered)))
    tables.append(writer.functionals("EFFECTIVE", solved_functionals(lowered)))
    text = assemble(
        _docstring(lowered, writer.coefficients),
        printer,
        "BilinearForm, Functional, LinearForm",
        _constants(lowered, printer),
        [
            writer.coefficients.function("coefficients", "all forms"),
            *contact_functions(unmoved, printer),
            *writer.forms,
        ],
        tables,
    )
    return Source("skfem", (("cell_forms.py", text),))


def _constants(lowered: LoweredCells, printer: BroadcastPrinter) -> list[str]:
    functions = "".join(f"\n    {row!r}," for row in function_rows(lowered))
    held = {c.symbol.name: (c.numerator.name, c.numerator.index) for c in lowered.constants}
    return [
        f"CELL = {bounds(lowered.cell.intervals, printer)}",
        *order_constant(lowered),
        *middles_constant(lowered),
        f"COMPONENTS = {lowered.components}",
        f"FUNCTIONS = ({functions}\n)",
        f"EIGENVALUE = {lowered.eigenvalue and lowered.eigenvalue.name!r}",
        f"CONSTANTS = {held!r}",
        f"FIRST_ORDER = {first_order_axes(lowered)}",
        f"SYMMETRIC = {lowered.symmetric}",
        f"DEFINITE = {lowered.definite}",
        *statement(f"KNOWN = {known_entries(lowered)!r}"),
        *statement(f"BREAKS = {cell_breaks(lowered)!r}"),
        *([f"FREE = {lowered.free}"] if lowered.free else []),
        *(f"{name} = {value}" for name, value in contact_constants(lowered).items()),
    ]


class _Writer:
    """Collects the texts of the forms; each method returns the table that lists them."""

    def __init__(self, lowered: LoweredCells, coefficients: CoefficientSet) -> None:
        self.lowered = lowered
        self.coefficients = coefficients
        self.components = lowered.components
        self.forms: list[str] = []

    def bilinear(self, table: str, name: str, terms: Sequence[WeakTerm]) -> str:
        blocks = bilinear_blocks(name, terms, self.components, self.coefficients)
        self.forms += blocks.forms
        return f"{table} = {display(blocks.names)}"

    def sources(self) -> str:
        rows = []
        for k, f in enumerate(self.lowered.functions):
            blocks = linear_blocks(f"rhs_{k}", f.weak, self.components, self.coefficients)
            self.forms += blocks.forms
            rows.append(display(blocks.names))
        return f"RIGHT_HAND_SIDES = ({items(rows)})"

    def functionals(self, table: str, entries: Mapping[LawKey, Functional]) -> str:
        rows = []
        for (name, index), functional in entries.items():
            numbers = index if isinstance(index, tuple) else (index,)
            text = _identifier(table.lower(), name, *numbers)
            terms = products(mean(functional), self.components)
            self.forms.append(form("Functional", text, "w", total(terms, self.coefficients, "0")))
            rows.append(f"    ({name!r}, {index}): {text},")
        if not rows:
            return f"{table} = {{}}"
        return "\n".join([f"{table} = {{", *rows, "}"])


def _identifier(*parts: object) -> str:
    return re.sub(r"\W", "_", "_".join(map(str, parts)))


def _docstring(lowered: LoweredCells, coefficients: CoefficientSet) -> list[str]:
    equation = "operator(N_k, v) = rhs_k(v)"
    if lowered.components > 1:
        equation = "sum_ij operator_i_j(N_kj, v_i) = sum_i rhs_k_i(v_i)"
    given = list(lowered.parameters)
    if lowered.eigenvalue is not None:
        given.append(lowered.eigenvalue)
    given += [c.symbol for c in lowered.constants]
    given += [e.symbol for e in lowered.externals]
    return [
        f"{lowered.title}: the cell problems as scikit-fem forms.",
        "",
        f"Find N_k, periodic on the cell Y = {lowered.cell}, of zero mean, with",
        f"    {equation} for every periodic v.",
        *projection(lowered).splitlines(),
        "The effective coefficients are the means of the functionals over Y. Plus convention: u1 ="
        " sum_k N_k D^k u0.",
        *(f"N{k}: {describe(f)}" for k, f in enumerate(lowered.functions)),
        "",
        *coefficients.definitions(),
        *data_note("y", [*lowered.slow, *given, *lowered.middles]),
    ]
