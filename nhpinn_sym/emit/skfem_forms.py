"""Emission for scikit-fem: modules of forms, whose coefficients are computed before.

- `cells` (skfem_cells): cell_forms.py, the cell problems of a model and its effective coefficients;
- `equation`: {name}_forms.py, a boundary value problem.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from ..lower.forms import Essential, LoweredEquation, Natural, WeakTerm
from ..lower.interfaces import equation_with_middles
from ..problem.escaping import literal
from .boundary_parts import describe_parts, normals_text
from .fem_scope import (
    equation_breaks,
    equation_spans,
    external_keys,
    middles_constant,
    order_constant,
    require_order,
    varies_in_time,
    weak_externals,
)
from .layout import statement
from .numpy_printer import BroadcastPrinter
from .skfem_cells import cells
from .skfem_text import (
    Blocks,
    CoefficientSet,
    assemble,
    bilinear_blocks,
    bounds,
    comment_text,
    data_note,
    derivative,
    display,
    form,
    items,
    linear_blocks,
    numbered,
)
from .source import Source

__all__ = ["cells", "equation"]


def equation(lowered: LoweredEquation, name: str) -> Source:
    """`{name}_forms.py`. UnsupportedError where a coefficient or a datum has no counterpart in
    numpy.
    """
    for term in (*lowered.bilinear, *lowered.linear):
        require_order(term, (term.left, term.right), lowered.order // 2)
    lowered = equation_with_middles(lowered)
    writer = _Writer(lowered)
    groups = writer.groups()
    conditions = [writer.natural(k, n) for k, n in enumerate(lowered.natural)]
    parts = [part for group in groups.values() for part in group.parts]
    if lowered.natural:
        parts.append(form("BilinearForm", "robin", "u, v, w", 'w["alpha"] * u * v'))
        parts.append(form("LinearForm", "flux", "v, w", 'w["value"] * v'))
    parts += [text for texts, _ in conditions for text in texts]
    for k, condition in enumerate(lowered.essential):
        parts += writer.essential(k, condition)
    starts = [numbered("initial", i, lowered.components) for i in range(len(lowered.initial))]
    parts += [writer.initial(name, i) for i, name in enumerate(starts)]
    tables = [f"{name.upper()} = {display(g.blocks.names)}" for name, g in groups.items()]
    tables += [_rows("NATURAL", [row for _, row in conditions]), _essential_table(lowered)]
    if starts:
        tables.append(f"INITIAL = ({items(starts)})")
    text = assemble(
        _docstring(lowered, groups),
        writer.printer,
        "BilinearForm, LinearForm",
        _constants(lowered, writer.printer),
        parts,
        tables,
    )
    return Source("skfem", ((f"{name}_forms.py", text),))


@dataclass(frozen=True)
class _Group:
    """The forms of one table, with the function of their coefficients."""

    name: str
    coefficients: CoefficientSet
    blocks: Blocks

    @property
    def parts(self) -> list[str]:
        function = self.coefficients.function(f"{self.name}_coefficients", f"`{self.name}`")
        return [function, *self.blocks.forms]


class _Writer:
    """The functions and forms of one file."""

    def __init__(self, lowered: LoweredEquation) -> None:
        self.lowered = lowered
        self.components = lowered.components
        self.printer = BroadcastPrinter()

    def _coefficients(self) -> CoefficientSet:
        return CoefficientSet(self.printer, self.lowered.coordinates)

    def groups(self) -> dict[str, _Group]:
        """The forms of the operator, of the load, and of the time derivative."""
        groups = [self._bilinear("operator", self.lowered.bilinear)]
        load = self._coefficients()
        blocks = linear_blocks("load", self.lowered.linear, self.components, load)
        groups.append(_Group("load", load, blocks))
        if self.lowered.mass:
            groups.append(self._bilinear("mass", self.lowered.mass))
        return {group.name: group for group in groups}

    def _bilinear(self, name: str, terms: Sequence[WeakTerm]) -> _Group:
        coefficients = self._coefficients()
        return _Group(
            name, coefficients, bilinear_blocks(name, terms, self.components, coefficients)
        )

    def natural(self, k: int, condition: Natural) -> tuple[list[str], str]:
        """The texts of a natural condition, and its row (parts, bilinear forms, linear forms,
        coefficients).
        """
        i = condition.equation
        slopes = {f"slope_{m}": t for m, t in enumerate(condition.terms)}
        entries = {"alpha": condition.alpha, "value": condition.value}
        entries |= {name: t.coefficient for name, t in slopes.items()}
        flux, u = (numbered(name, i, self.components) for name in ("flux", "u"))
        added = "".join(
            f" + {name} D^{t.right} {numbered('u', t.field, self.components)}"
            for name, t in slopes.items()
        )
        where = describe_parts(self.lowered, condition.parts)
        doc = f"n . {flux} + alpha {u}{added} = value on {where}."
        texts = [self._coefficients().table(f"natural_{k}", doc, entries)]
        forms: dict[tuple[int, int], str] = {}
        for field in sorted({i, *(t.field for t in condition.terms)}):
            factors = {
                name: derivative("u", t.right) for name, t in slopes.items() if t.field == field
            }
            if not factors:
                forms[i, field] = "robin"
                continue
            products = [f'w["{name}"] * {factor} * v' for name, factor in factors.items()]
            if field == i:
                products.insert(0, 'w["alpha"] * u * v')
            name = f"wall_{k}" if self.components == 1 else f"wall_{k}_{i}_{field}"
            texts.append(form("BilinearForm", name, "u, v, w", " + ".join(products)))
            forms[i, field] = name
        return texts, f"({literal(condition.parts)}, {display(forms)}, {{{i}: flux}}, natural_{k})"

    def essential(self, k: int, condition: Essential) -> list[str]:
        u = numbered("u", condition.field, self.components)
        doc = f"{u} on {describe_parts(self.lowered, condition.parts)}."
        functions = [self._data(f"essential_{k}", doc, condition.value)]
        if self.lowered.time is not None:
            rate = sp.diff(condition.value, self.lowered.time)
            doc = f"The time derivative of essential_{k}."
            functions.append(self._data(f"essential_rate_{k}", doc, rate))
        return functions

    def initial(self, name: str, component: int) -> str:
        doc = f"{numbered('u', component, self.components)} at t = 0."
        return self._data(name, doc, self.lowered.initial[component])

    def _data(self, name: str, doc: str, value: sp.Expr) -> str:
        """The function of a datum: its values, or for elements with continuous derivatives all
        derivatives that are their unknowns, D^(0, 1) by the name "01".
        """
        if self.lowered.order == 2:
            return self._coefficients().single(name, doc, value)
        x = self.lowered.coordinates
        derivatives = {}
        for orders in itertools.product((0, 1), repeat=len(x)):
            axes = [v for v, n in zip(x, orders, strict=True) if n]
            derivatives["".join(map(str, orders))] = sp.diff(value, *axes) if axes else value
        return self._coefficients().table(
            name, f"{doc} By the order of the derivative.", derivatives
        )


def _rows(name: str, rows: Sequence[str]) -> str:
    """A tuple with one row a line."""
    if not rows:
        return f"{name} = ()"
    return "\n".join([f"{name} = (", *(f"    {row}," for row in rows), ")"])


def _essential_table(lowered: LoweredEquation) -> str:
    """(parts, component, values, their time derivatives or None)."""
    rows = []
    for k, condition in enumerate(lowered.essential):
        rate = "None" if lowered.time is None else f"essential_rate_{k}"
        rows.append(f"({literal(condition.parts)}, {condition.field}, essential_{k}, {rate})")
    return f"ESSENTIAL = ({items(rows)})"


def _clamped(lowered: LoweredEquation) -> list[str]:
    """Which rows of ESSENTIAL fix the slopes across their parts too."""
    if lowered.order == 2:
        return []
    return [f"CLAMPED = ({items(str(e.clamped) for e in lowered.essential)})"]


def _constants(lowered: LoweredEquation, printer: BroadcastPrinter) -> list[str]:
    varies = False
    if lowered.time is not None:
        loads = [*(t.coefficient for t in lowered.linear), *(n.value for n in lowered.natural)]
        varies = any(lowered.time in load.free_symbols for load in loads)
    breaks, fast = equation_breaks(lowered)
    return [
        f"DOMAIN = {bounds(lowered.domain.intervals, printer)}",
        *statement(f"PARTS = {literal(normals_text(lowered))}"),
        *statement(f"BREAKS = {breaks!r}"),
        *statement(f"FAST_BREAKS = {fast!r}"),
        f"COMPONENTS = {lowered.components}",
        *middles_constant(lowered),
        *order_constant(lowered),
        *_clamped(lowered),
        *statement(f"EXTERNALS = {literal(external_keys(lowered))}"),
        f"PERIODIC = {lowered.periodic}",
        *statement(f"SPANS = {equation_spans(lowered)!r}"),
        f"LOAD_VARIES = {varies}",
        *(["OPERATOR_VARIES = True"] if varies_in_time(lowered) else []),
        *([f"FOLLOWING = {lowered.following}"] if lowered.following else []),
    ]


def _docstring(lowered: LoweredEquation, groups: dict[str, _Group]) -> list[str]:
    count = lowered.components
    conditions = [
        f"{numbered('u', e.field, count)} = {comment_text(e.value)} on"
        f" {describe_parts(lowered, e.parts)}."
        for e in lowered.essential
    ]
    conditions += [_natural_line(n, lowered) for n in lowered.natural]
    if lowered.periodic:
        conditions.append(f"Periodic along the axes {lowered.periodic}.")
    conditions += [
        f"{numbered('u', i, count)} = {comment_text(u)} at t = 0."
        for i, u in lowered.starts.items()
    ]
    definitions = [
        f"{name}: {line}" for name, g in groups.items() for line in g.coefficients.definitions()
    ]
    externals = (e.symbol for e in weak_externals(lowered))
    return [
        f"{lowered.title} as scikit-fem forms.",
        "",
        f"Find u on {lowered.domain} with",
        f"    {_weak_equation(lowered)}, for every v that vanishes where u is given.",
        *conditions,
        "",
        *definitions,
        *data_note("x", [*lowered.parameters, *lowered.middles, *externals]),
    ]


def _weak_equation(lowered: LoweredEquation) -> str:
    robin = ""
    flux = ""
    if lowered.components == 1:
        if lowered.natural:
            robin = " + robin(u, v)"
            flux = " + flux(v)"
        steady = f"operator(u, v){robin} = load(v){flux}"
        rate = "mass(u_t, v)"
    else:
        if lowered.natural:
            robin = " + sum_i robin(u_i, v_i)"
            flux = " + sum_i flux(v_i)"
        steady = f"sum_ij operator_i_j(u_j, v_i){robin} = sum_i load_i(v_i){flux}"
        rate = "sum_ij mass_i_j(d_t u_j, v_i)"
    if lowered.final_time is None:
        return steady
    return f"{rate} + {steady} for 0 < t < {comment_text(lowered.final_time)}"


def _natural_line(n: Natural, lowered: LoweredEquation) -> str:
    components = lowered.components
    flux, u = (numbered(name, n.equation, components) for name in ("flux", "u"))
    added = f" + ({comment_text(n.alpha)}) {u}" if n.alpha != 0 else ""
    for t in n.terms:
        unknown = numbered("u", t.field, components)
        order = f"D^{t.right} " if any(t.right) else ""
        added += f" + ({comment_text(t.coefficient)}) {order}{unknown}"
    return f"n . {flux}{added} = {comment_text(n.value)} on {describe_parts(lowered, n.parts)}."
