"""Equations of scripts for other PINN libraries as balances: what derivatives are taken of is the
function `flux`, and `residuals` takes them by autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from ..lower.forms import LoweredEquation, MultiIndex
from ..operator.table import unit
from .script_conditions import walls
from .script_forms import Script, ScriptLibrary, equation_script, external_tensors, require_equation
from .script_text import display, function, number_lines
from .torch_coefficients import extended

_ENTRIES = "What the residuals take derivatives of."


@dataclass(frozen=True)
class Row:
    """An equation: rest + sum of sign * D^index flux = 0."""

    rest: sp.Expr
    fluxes: tuple[tuple[int, sp.Expr, MultiIndex], ...]


def equation_rows(script: Script, lowered: LoweredEquation) -> list[Row]:
    """The equations of a linear problem."""
    rest = [-source for source in lowered.sources]
    for t in lowered.mass:
        rest[t.equation] += t.coefficient * script.value(t.field, extended(lowered, t.right, 1))
    fluxes: list[dict[MultiIndex, sp.Expr]] = [{} for _ in rest]
    for t in lowered.bilinear:
        term = t.coefficient * script.value(t.field, extended(lowered, t.right))
        if any(t.left):
            own = fluxes[t.equation]
            own[t.left] = own.get(t.left, sp.S.Zero) + term
        else:
            rest[t.equation] += term
    return [Row(e, _signed(lowered, own)) for e, own in zip(rest, fluxes, strict=True)]


def _signed(
    lowered: LoweredEquation, fluxes: dict[MultiIndex, sp.Expr]
) -> tuple[tuple[int, sp.Expr, MultiIndex], ...]:
    """Fluxes, by what test functions pair them with, in the order of the axes."""
    order = sorted(fluxes, key=lambda left: [-n for n in left])
    return tuple(((-1) ** sum(left), fluxes[left], extended(lowered, left)) for left in order)


def linear_functions(
    script: Script, lowered: LoweredEquation, rows: Sequence[Row]
) -> list[list[str]]:
    """`flux` and `residuals` of a linear problem."""
    axes = len(lowered.coordinates)
    tensors = external_tensors(lowered)
    if not tensors:
        return row_functions(script, rows, axes, "Zero for the solution.")
    sizes = lowered.components, axes
    gradient = script.library.gradients(script.coordinates, *sizes)
    products = [
        ("-" if tensor.sign < 0 else "+", script.tensors[name], tensor.by_gradients)
        for name, tensor in tensors.items()
    ]
    lines = [f"p = {gradient}.unflatten(1, {sizes})", *_contracted(script.library, products)]
    summary = _signed_sum([(s, f"{a} : grad u" if p else f"{a} u") for s, a, p in products])
    return [
        function("flux(points, outputs)", f"{summary}, by equation.", lines),
        _divergences(script, rows, axes, "Zero for the solution."),
    ]


def _contracted(library: ScriptLibrary, products: Sequence[tuple[str, str, bool]]) -> list[str]:
    """The statements that return the sum of the arrays times gradients p, or values."""
    terms = [
        (sign, f'torch.einsum("ikjl,njl->ikn", {held}, p)')
        if by_gradients
        else (sign, f'torch.einsum("ikj,nj->ikn", {held}, {library.values})')
        for sign, held, by_gradients in products
    ]
    if len(terms) == 1:
        return [f"return {_signed_sum(terms)}[..., None]"]
    return [f"q = {_signed_sum(terms)}", "return q[..., None]"]


def _signed_sum(terms: Sequence[tuple[str, str]]) -> str:
    """The text of a sum of terms, each with its sign."""
    text = " ".join(f"{sign} {term}" for sign, term in terms).removeprefix("+ ")
    return text.replace("- ", "-", text.startswith("- "))


def linear_equation_text(
    library: ScriptLibrary,
    write: Callable[..., str],
    lowered: LoweredEquation,
    name: str,
) -> str:
    """What the `equation_text` of a library writes of a linear problem."""
    require_equation(lowered)
    script = equation_script(library, lowered)
    rows = equation_rows(script, lowered)
    entries = flux_entries(script, rows, len(lowered.coordinates))
    found = [
        replace(wall, residuals=tuple(_by_flux(script, entries, rows, e) for e in wall.residuals))
        for wall in walls(script, lowered)
    ]
    numbers = number_lines(script, lowered)
    return write(script, lowered, name, numbers, linear_functions(script, lowered, rows), found)


def row_functions(script: Script, rows: Sequence[Row], axes: int, zero: str) -> list[list[str]]:
    """`flux` and `residuals` of a script over `axes` coordinates of space, which vanish as `zero`
    says; fluxes stand by equation where each of several is the divergence of one.
    """
    held = _held(script, rows)
    lines, texts = script.body(held)
    if is_divergence(script, rows, axes):
        rows_of_texts = [texts[k : k + axes] for k in range(0, len(texts), axes)]
        flux = [*lines, *by_equation(rows_of_texts)]
        residuals = _divergences(script, rows, axes, zero)
    else:
        flux = [*lines, *display("return [", texts, "]")]
        residuals = _balances(script, rows, held, zero)
    if not held:
        return [residuals]
    return [function("flux(points, outputs)", _ENTRIES, flux), residuals]


def _held(script: Script, rows: Sequence[Row]) -> list[sp.Expr]:
    return [flux for row in rows for _, flux, _ in row.fluxes if script.varies(flux)]


def flux_entries(script: Script, rows: Sequence[Row], axes: int) -> list[list[sp.Expr]]:
    """The fluxes of every equation, as other functions of the script call them."""
    held = _held(script, rows)
    nested = is_divergence(script, rows, axes)
    return [
        [
            script.flux(f"[{i}][{k}]" if nested else f"[{held.index(e)}]") if e in held else e
            for k, (_, e, _) in enumerate(row.fluxes)
        ]
        for i, row in enumerate(rows)
    ]


def _by_flux(
    script: Script, entries: Sequence[Sequence[sp.Expr]], rows: Sequence[Row], e: sp.Expr
) -> sp.Expr:
    """The expression, or the flux that it is."""
    for slots, row in zip(entries, rows):
        for slot, (_, flux, _) in zip(slots, row.fluxes):
            for sign in (1, -1):
                if script.varies(flux) and sp.expand(e - sign * flux) == 0:
                    return sign * slot
    return e


def is_divergence(script: Script, rows: Sequence[Row], axes: int) -> bool:
    """Whether there are equations rest - div flux = 0 in several coordinates, and no flux is
    constant.
    """
    whole = [(-1, unit(k, len(script.coordinates))) for k in range(axes)]
    return min(len(rows), axes) > 1 and all(
        [(sign, index) for sign, _, index in row.fluxes] == whole
        and all(script.varies(flux) for _, flux, _ in row.fluxes)
        for row in rows
    )


def by_equation(rows: Iterable[Sequence[str]]) -> list[str]:
    """The statement that returns fluxes, a list for each equation."""
    return display("return [", [f"[{', '.join(row)}]" for row in rows], "]")


def balance(script: Script, row: Row, held: Sequence[sp.Expr], rest: str) -> str:
    """The sum of an equation; q[k] is the k-th of the fluxes `held`."""
    signed = [
        ("-" if sign < 0 else "+", script.derived(f"q[{held.index(e)}]", index))
        for sign, e, index in row.fluxes
        if e in held
    ]
    return _signed_sum([*([("+", rest)] if row.rest != 0 or not signed else []), *signed])


def _balances(script: Script, rows: Sequence[Row], held: Sequence[sp.Expr], zero: str) -> list[str]:
    before, rests = script.body([row.rest for row in rows])
    calls = ["q = flux(points, outputs)"] if held else []
    written = [balance(script, row, held, rest) for row, rest in zip(rows, rests)]
    if len(rows) == 1:
        result = [f"return {written[0]}"]
    else:
        result = [*display("rows = [", written, "]"), "return torch.cat(rows, dim=1)"]
    return function("residuals(points, outputs)", zero, [*before, *calls, *result])


def _divergences(script: Script, rows: Sequence[Row], axes: int, zero: str) -> list[str]:
    own = script.library.divergence(script.coordinates[:axes])
    before, rests = script.body([row.rest for row in rows])
    lines = [*before, f"div = [{own} for row in flux(points, outputs)]"]
    if any(row.rest != 0 for row in rows):
        written = [
            f"{rest} - div[{i}]" if row.rest != 0 else f"-div[{i}]"
            for i, (row, rest) in enumerate(zip(rows, rests))
        ]
        lines += [*display("rows = [", written, "]"), "return torch.cat(rows, dim=1)"]
    else:
        lines.append("return -torch.cat(div, dim=1)")
    return function("residuals(points, outputs)", zero, lines)
