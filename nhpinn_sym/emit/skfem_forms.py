"""scikit-fem target: a module of forms for the cell problems, and one for each equation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from ..lower.forms import (
    Essential,
    External,
    Functional,
    LoweredCells,
    LoweredEquation,
    Natural,
    WeakTerm,
)
from ..problem.escaping import docstring, literal
from .fem_scope import (
    cell_breaks,
    describe,
    equation_breaks,
    external_keys,
    first_order_axes,
    function_rows,
    known_entries,
    projection,
    require_elements,
    require_first_order,
    weak_externals,
)
from .layout import block, prose, statement
from .numpy_printer import BroadcastPrinter
from .skfem_text import (
    Coefficients,
    bilinear_blocks,
    display,
    earlier,
    factor,
    form,
    linear_blocks,
    plain,
    total,
)
from .source import Source


def cells(lowered: LoweredCells) -> Source:
    """`cell_forms.py`, which needs numpy and scikit-fem."""
    require_elements(lowered)
    return Source("skfem", (("cell_forms.py", _cell_forms(lowered)),))


def equation(lowered: LoweredEquation, name: str) -> Source:
    """`{name}_forms.py`."""
    for term in (*lowered.bilinear, *lowered.linear):
        require_first_order(term, (term.left, term.right))
    return Source("skfem", ((f"{name}_forms.py", _equation_forms(lowered)),))


def _cell_forms(lowered: LoweredCells) -> str:
    printer = BroadcastPrinter()
    writer = _CellWriter(lowered, Coefficients(printer, lowered.coordinates))
    quotients = {
        (c.symbol.name, k): f
        for c in lowered.constants
        for k, f in enumerate((c.numerator, c.denominator))
    }
    tables = [
        writer.bilinear("OPERATOR", "operator", lowered.bilinear),
        writer.sources(),
        *([writer.bilinear("MASS", "mass", lowered.mass)] if lowered.mass else []),
        *([writer.functionals("QUOTIENTS", quotients)] if quotients else []),
        writer.functionals(
            "EFFECTIVE", {(f.name, f.index): f for f in (*lowered.effective, *lowered.higher)}
        ),
    ]
    constants = [
        f"CELL = {_bounds(lowered.cell.intervals, printer)}",
        f"COMPONENTS = {lowered.components}",
        "FUNCTIONS = (" + "".join(f"\n    {row!r}," for row in function_rows(lowered)) + "\n)",
        f"EIGENVALUE = {lowered.eigenvalue and lowered.eigenvalue.name!r}",
        (
            "CONSTANTS ="
            f" { {c.symbol.name: (c.numerator.name, c.numerator.index) for c in lowered.constants}!r}"
        ),
        f"FIRST_ORDER = {first_order_axes(lowered)}",
        f"SYMMETRIC = {lowered.symmetric}",
        f"DEFINITE = {lowered.definite}",
        *statement(f"KNOWN = {known_entries(lowered)!r}"),
        *statement(f"BREAKS = {cell_breaks(lowered)!r}"),
    ]
    function = writer.coefficients.function("coefficients", "all forms")
    doc = _cell_docstring(lowered, writer.coefficients)
    return _module(
        doc,
        printer,
        "BilinearForm, Functional, LinearForm",
        constants,
        [function, *writer.forms],
        tables,
    )


class _CellWriter:
    """Collects the texts of the forms of cell problems; each method returns the table that lists
    them. A form for each equation and field.
    """

    def __init__(self, lowered: LoweredCells, coefficients: Coefficients) -> None:
        self.lowered, self.coefficients, self.components, self.forms = (
            lowered,
            coefficients,
            lowered.components,
            list[str](),
        )

    def bilinear(self, table: str, name: str, terms: Sequence[WeakTerm]) -> str:
        forms, names = bilinear_blocks(name, terms, self.components, self.coefficients)
        self.forms += forms
        return f"{table} = {names}"

    def sources(self) -> str:
        rows = []
        for k, function in enumerate(self.lowered.functions):
            forms, names = linear_blocks(
                f"rhs_{k}", function.weak, self.components, self.coefficients
            )
            self.forms += forms
            rows.append(names)
        return f"RIGHT_HAND_SIDES = ({_items(rows)})"

    def functionals(self, table: str, entries: Mapping[tuple[str, Any], Functional]) -> str:
        rows = []
        for (name, index), functional in entries.items():
            numbers = index if isinstance(index, tuple) else (index,)
            text = _identifier(table.lower(), name, *numbers)
            terms = [
                (functional.constant, ""),
                *(
                    (t.coefficient, " * ".join(earlier(t.factors, self.components)))
                    for t in functional.terms
                ),
            ]
            self.forms.append(form("Functional", text, "w", total(terms, self.coefficients, "0")))
            rows.append(f"\n    ({name!r}, {index}): {text},")
        return f"{table} = {{{''.join(rows)}" + ("\n}" if rows else "}")


def _identifier(*parts: object) -> str:
    return re.sub(r"\W", "_", "_".join(map(str, parts)))


def _cell_docstring(lowered: LoweredCells, coefficients: Coefficients) -> list[str]:
    system = lowered.components > 1
    given = [
        s for s in (lowered.eigenvalue, *(c.symbol for c in lowered.constants)) if s is not None
    ]
    return [
        f"{lowered.title}: the cell problems as scikit-fem forms.",
        "",
        f"Find N_k, periodic on the cell Y = {lowered.cell}, of zero mean, with",
        "    "
        + (
            "sum_ij operator_i_j(N_kj, v_i) = sum_i rhs_k_i(v_i)"
            if system
            else "operator(N_k, v) = rhs_k(v)"
        )
        + " for every periodic v.",
        *projection(lowered).splitlines(),
        (
            "The effective coefficients are the means of the functionals over Y. Plus convention:"
            " u1 = sum_k N_k D^k u0."
        ),
        *(f"N{k}: {describe(f)}" for k, f in enumerate(lowered.functions)),
        "",
        *coefficients.definitions(),
        *_needs("y", lowered.slow, [*lowered.parameters, *given], lowered.externals),
    ]


def _equation_forms(lowered: LoweredEquation) -> str:
    printer, count = BroadcastPrinter(), lowered.components
    groups = {
        name: _group(lowered, printer)
        for name in ("operator", "load", *(["mass"] if lowered.mass else []))
    }
    blocks = {
        "operator": bilinear_blocks("operator", lowered.bilinear, count, groups["operator"]),
        "load": linear_blocks("load", lowered.linear, count, groups["load"]),
    }
    if lowered.mass:
        blocks["mass"] = bilinear_blocks("mass", lowered.mass, count, groups["mass"])
    parts = [
        part
        for name, (forms, _) in blocks.items()
        for part in (groups[name].function(f"{name}_coefficients", f"`{name}`"), *forms)
    ]
    if lowered.natural:
        parts += [
            form("BilinearForm", "robin", "u, v, w", 'w["alpha"] * u * v'),
            form("LinearForm", "flux", "v, w", 'w["value"] * v'),
        ]
    natural = [
        _natural(k, n, lowered, _group(lowered, printer)) for k, n in enumerate(lowered.natural)
    ]
    parts += [text for texts, _ in natural for text in texts]
    parts += [
        text
        for k, condition in enumerate(lowered.essential)
        for text in _essential(k, condition, lowered, _group(lowered, printer))
    ]
    starts = [_part("initial", i, count) for i in range(len(lowered.initial))]
    parts += [
        _group(lowered, printer).single(
            name, f"{_part('u', i, count)} at t = 0.", lowered.initial[i]
        )
        for i, name in enumerate(starts)
    ]
    rate = "None" if lowered.time is None else "essential_rate_{k}"
    tables = [
        *(f"{name.upper()} = {names}" for name, (_, names) in blocks.items()),
        "NATURAL = ("
        + "".join(f"\n    {row}," for _, row in natural)
        + ("\n)" if natural else ")"),
        (
            "ESSENTIAL ="
            f" ({_items(f'({e.faces}, {e.field}, essential_{k}, {rate.format(k=k)})' for k, e in enumerate(lowered.essential))})"
        ),
        *([f"INITIAL = ({_items(starts)})"] if starts else []),
    ]
    return _module(
        _equation_docstring(lowered, groups),
        printer,
        "BilinearForm, LinearForm",
        _constants(lowered, printer),
        parts,
        tables,
    )


def _group(lowered: LoweredEquation, printer: BroadcastPrinter) -> Coefficients:
    return Coefficients(printer, lowered.coordinates)


def _part(name: str, number: int, components: int) -> str:
    return name if components == 1 else f"{name}_{number}"


def _natural(
    k: int, condition: Natural, lowered: LoweredEquation, group: Coefficients
) -> tuple[list[str], str]:
    """The texts of a natural condition, and its row (faces, bilinear forms, linear forms,
    coefficients).
    """
    entries = {"alpha": condition.alpha, "value": condition.value}
    entries |= {f"slope_{m}": t.coefficient for m, t in enumerate(condition.terms)}
    flux, u = (_part(name, condition.equation, lowered.components) for name in ("flux", "u"))
    added = "".join(
        f" + slope_{m} D^{t.right} {_part('u', t.field, lowered.components)}"
        for m, t in enumerate(condition.terms)
    )
    doc = f"n . {flux} + alpha {u}{added} = value on the faces {condition.faces}."
    texts, forms, i = (
        [group.table(f"natural_{k}", doc, entries)],
        dict[tuple[int, int], str](),
        condition.equation,
    )
    for field in sorted({i, *(t.field for t in condition.terms)}):
        products = [
            f'w["slope_{m}"] * {factor("u", t.right)} * v'
            for m, t in enumerate(condition.terms)
            if t.field == field
        ]
        name = "robin"
        if products:
            name = f"wall_{k}" if lowered.components == 1 else f"wall_{k}_{i}_{field}"
            alpha = ['w["alpha"] * u * v'] if field == i else []
            texts.append(form("BilinearForm", name, "u, v, w", " + ".join([*alpha, *products])))
        forms[i, field] = name
    return texts, f"({condition.faces}, {display(forms)}, {{{i}: flux}}, natural_{k})"


def _essential(
    k: int, condition: Essential, lowered: LoweredEquation, group: Coefficients
) -> list[str]:
    u = _part("u", condition.field, lowered.components)
    value = group.single(f"essential_{k}", f"{u} on the faces {condition.faces}.", condition.value)
    if lowered.time is None:
        return [value]
    return [
        value,
        group.single(
            f"essential_rate_{k}",
            f"The time derivative of essential_{k}.",
            sp.diff(condition.value, lowered.time),
        ),
    ]


def _constants(lowered: LoweredEquation, printer: BroadcastPrinter) -> list[str]:
    final = "None" if lowered.final_time is None else printer.expression(lowered.final_time)
    loads = [t.coefficient for t in lowered.linear] + [
        condition.value for condition in lowered.natural
    ]
    varies = lowered.time is not None and any(lowered.time in c.free_symbols for c in loads)
    breaks, fast = equation_breaks(lowered)
    return [
        f"DOMAIN = {_bounds(lowered.domain.intervals, printer)}",
        *statement(f"BREAKS = {breaks!r}"),
        *statement(f"FAST_BREAKS = {fast!r}"),
        f"COMPONENTS = {lowered.components}",
        *statement(f"EXTERNALS = {literal(external_keys(lowered))}"),
        f"PERIODIC = {lowered.periodic}",
        f"FINAL_TIME = {final}",
        f"LOAD_VARIES = {varies}",
    ]


def _equation_docstring(lowered: LoweredEquation, groups: dict[str, Coefficients]) -> list[str]:
    periodic = [f"Periodic along the axes {lowered.periodic}."] if lowered.periodic else []
    return [
        f"{lowered.title} as scikit-fem forms.",
        "",
        f"Find u on {lowered.domain} with",
        f"    {_weak_equation(lowered)}, for every v that vanishes where u is given.",
        *(
            f"{_part('u', e.field, lowered.components)} = {plain(e.value)} on the faces {e.faces};"
            " a face is (axis, 0 or 1 for the lower or upper end)."
            for e in lowered.essential
        ),
        *(_natural_line(n, lowered.components) for n in lowered.natural),
        *periodic,
        *(
            f"{_part('u', i, lowered.components)} = {plain(u)} at t = 0."
            for i, u in enumerate(lowered.initial)
        ),
        "",
        *(f"{name}: {line}" for name, group in groups.items() for line in group.definitions()),
        *_needs("x", (), lowered.parameters, weak_externals(lowered)),
    ]


def _weak_equation(lowered: LoweredEquation) -> str:
    if lowered.components == 1:
        steady = (
            "operator(u, v) + robin(u, v) = load(v) + flux(v)"
            if lowered.natural
            else "operator(u, v) = load(v)"
        )
        rate = "mass(u_t, v)"
    else:
        robin, flux = (
            (" + sum_i robin(u_i, v_i)", " + sum_i flux(v_i)") if lowered.natural else ("", "")
        )
        steady = f"sum_ij operator_i_j(u_j, v_i){robin} = sum_i load_i(v_i){flux}"
        rate = "sum_ij mass_i_j(d_t u_j, v_i)"
    return (
        steady
        if lowered.final_time is None
        else f"{rate} + {steady} for 0 < t < {plain(lowered.final_time)}"
    )


def _natural_line(n: Natural, components: int) -> str:
    flux, u = (_part(name, n.equation, components) for name in ("flux", "u"))
    terms = [(n.alpha, u)] if n.alpha != 0 else []
    terms += [
        (
            t.coefficient,
            (
                f"D^{t.right} {_part('u', t.field, components)}"
                if any(t.right)
                else _part("u", t.field, components)
            ),
        )
        for t in n.terms
    ]
    added = "".join(f" + ({plain(c)}) {part}" for c, part in terms)
    return f"n . {flux}{added} = {plain(n.value)} on the faces {n.faces}."


def _needs(
    points: str,
    slow: Sequence[sp.Symbol],
    parameters: Sequence[sp.Symbol],
    externals: Sequence[External],
) -> list[str]:
    names = [str(s) for s in (*slow, *parameters, *(e.symbol for e in externals))]
    return [
        "",
        f"Points are {points} (d, ...); `data` holds by name: "
        + (", ".join(names) or "nothing")
        + ".",
    ]


def _bounds(intervals: Sequence[tuple[sp.Expr, sp.Expr]], printer: BroadcastPrinter) -> str:
    return (
        "("
        + _items(f"({printer.expression(a)}, {printer.expression(b)})" for a, b in intervals)
        + ")"
    )


def _items(texts: Iterable[str]) -> str:
    """Elements of a tuple display."""
    items = list(texts)
    return ", ".join(items) + ("," if len(items) == 1 else "")


def _module(
    lines: Sequence[str],
    printer: BroadcastPrinter,
    forms: str,
    constants: Sequence[str],
    parts: Sequence[str],
    tables: Sequence[str],
) -> str:
    doc = prose(docstring("\n".join(lines) + "\n"))
    imports = "\n".join([*printer.imports, f"from skfem import {forms}"])
    return (
        "\n\n".join([doc, imports, "\n".join(constants)])
        + "\n\n\n"
        + "\n\n\n".join([*parts, "\n".join(line for t in tables for line in block(t.split("\n")))])
        + "\n"
    )
