"""cells.py of scripts for other PINN libraries: the functions `flux`, `residuals` and `effective`,
which a library lays out with its own net and training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from ..lower.forms import Factor, Functional, LoweredCells
from ..operator.table import unit
from ..problem.domain import Cell
from ..problem.escaping import literal
from .fem_scope import known_entries
from .layout import statement
from .script_fluxes import FUNCTION, CellFluxes, FluxMeans
from .script_forms import Script, ScriptLibrary, applied, cell_script, require_cells
from .script_rows import balance, by_equation
from .script_text import (
    STEPS,
    WriteText,
    display,
    function,
    parameter_lines,
    residual_function,
    script_text,
)
from .torch_printer import Slot
from .torch_text import tabulated

Means = Mapping[tuple[str, tuple[int, ...]], sp.Expr]
"""What effective coefficients, by name and index, are the means of."""


@dataclass(frozen=True)
class CellFunctions:
    """The lines of functions of a script: those that say what is solved, and `effective`.

    differentiated: which holds cell functions by their derivatives alone, not by their values.
    """

    residuals: Sequence[Sequence[str]]
    effective: Sequence[str]
    differentiated: bool = False


CellText = Callable[[Script, Cell, str, Sequence[str], CellFunctions, WriteText], str]
"""Writes the script of script, cell, summary, head, functions, and what writes means."""


def known_script(lowered: LoweredCells, parameters: Mapping[str, float]) -> str:
    """cells.py where every effective coefficient has a closed form: nothing is trained."""
    summary = f"""{lowered.title}: the effective coefficients, which need no cell problem.

    python cells.py  # writes effective.json
"""
    lines = [*given_lines(lowered, parameters), write_effective(lowered, parameters, "{}")]
    return script_text(summary, [], lines, [])


def cells_text(
    library: ScriptLibrary,
    name: str,
    cell_text: CellText,
    lowered: LoweredCells,
    parameters: Mapping[str, float],
) -> str:
    """The script of all cell functions, which `cell_text` lays out for a library of that name."""
    require_cells(lowered)
    if not lowered.functions:
        return known_script(lowered, parameters)
    script = cell_script(library, lowered)
    fluxes = CellFluxes.of(library, lowered)
    functions = (
        _separate_functions(
            script, _cell_residuals(script, lowered), _means(script, lowered, lowered.effective)
        )
        if fluxes is None
        else _flux_functions(script, fluxes)
    )
    return cell_text(
        script,
        lowered.cell,
        cell_summary(lowered, name),
        [*given_lines(lowered, parameters), *parameter_lines(script, lowered.parameters)],
        functions,
        partial(write_effective, lowered, parameters),
    )


def _separate_functions(script: Script, inside: Sequence[sp.Expr], means: Means) -> CellFunctions:
    """A residual for each cell function, and an integrand for each effective coefficient."""
    summary = f"Zero for {', '.join(script.unknowns)}: periodic, with zero mean."
    return CellFunctions(
        [residual_function(script, "residuals(points, outputs)", summary, inside)],
        effective_function(script, means),
    )


def _flux_functions(script: Script, fluxes: CellFluxes) -> CellFunctions:
    """Loops over cell functions and their sources."""
    looped = {key for own in fluxes.means for key in own.keys}
    rest = [f for f in fluxes.lowered.effective if (f.name, f.index) not in looped]
    return CellFunctions(
        [_flux(fluxes), _fluxes(fluxes), _residuals(fluxes)],
        _effective(script, fluxes, _means(script, fluxes.lowered, rest)),
        differentiated=fluxes.differentiated and not any(f.terms for f in rest),
    )


def _flux(fluxes: CellFluxes) -> list[str]:
    """The fluxes of one cell function; at its gradient and that of its source where it is so."""
    script, held = fluxes.script, fluxes.fluxes
    picks = script.numbers[-len(fluxes.picks) :]
    summary = f"What derivatives and means are taken of, for one {FUNCTION}; g picks its source."
    head, before = f"flux(points, {FUNCTION}, g)", []
    if fluxes.gradients is not None:
        slots = _gradient_slots(fluxes)
        pairs = zip(fluxes.picks, fluxes.gradients)
        swap = {**slots, **{p: sp.S.Zero for p, place in pairs if place is not None}}
        held = [e.xreplace(swap) for e in held]
        used = set[sp.Basic]().union(*(e.free_symbols for e in held))
        names = ", ".join(slot.name if slot in used else "_" for slot in slots.values())
        before = [f"{names if len(slots) > 1 else f'[{names}]'} = p.split(1, dim=1)"]
        picks = [name for name, place in zip(picks, fluxes.gradients) if place is None]
        more = "; g picks what else drives it" if picks else ""
        summary = f"What derivatives and means are taken of, at a gradient p{more}."
        head = "flux(points, p, g)" if picks else "flux(points, p)"
    before += [f"[{', '.join(picks)}] = g"] if picks else []
    lines, texts = script.body(held)
    axes = len(script.coordinates)
    result = display("return [", texts, "]")
    if fluxes.whole:
        last = axes * fluxes.lowered.components
        rows = [texts[k : k + axes] for k in range(0, last, axes)]
        result = by_equation([*rows, *([text] for text in texts[last:])])
    return function(head, summary, [*before, *lines, *result])


def _gradient_slots(fluxes: CellFluxes) -> dict[Slot, Slot]:
    """The names of the entries of a gradient, by the derivative of a cell function."""
    axes = len(fluxes.script.coordinates)
    several = fluxes.lowered.components > 1
    return {
        fluxes.script.value(i, unit(k, axes)): Slot(
            fluxes.script.free(f"p_{i + 1}{k + 1}" if several else f"p_{k + 1}")
        )
        for i in range(fluxes.lowered.components)
        for k in range(axes)
    }


def _fluxes(fluxes: CellFluxes) -> list[str]:
    """The fluxes of all cell functions."""
    library, m = fluxes.script.library, fluxes.lowered.components
    count = len(fluxes.picks)
    if fluxes.gradients is None:
        pairs = f"zip({library.functions.format(m=m)}, torch.eye({count}))"
        lines = [f"return [flux(points, {FUNCTION}, g) for {FUNCTION}, g in {pairs}]"]
        return function("fluxes(points, outputs)", "Those of every cell function.", lines)
    size = m * len(fluxes.script.coordinates)
    others = iter(range(size, size + count))
    places = [next(others) if place is None else place for place in fluxes.gradients]
    total = size + fluxes.gradients.count(None)
    chosen = "" if places == list(range(total)) else f"[{places}]"
    arguments = "q + g" if total == size else f"q + g[:{size}], g[{size}:]"
    pairs = f"zip(p.split({size}, dim=1), sources)"
    gradients = library.gradients(fluxes.script.coordinates, m * count, size // m)
    lines = [f"p = {gradients}", f"sources = torch.eye({total}){chosen}"]
    lines += [f"return [flux(points, {arguments}) for q, g in {pairs}]"]
    return function("fluxes(points, outputs)", "Those of every cell function.", lines)


def _residuals(fluxes: CellFluxes) -> list[str]:
    axes = len(fluxes.script.coordinates)
    names = ", ".join(form.name for form in fluxes.lowered.functions)
    zero = f"Zero for {names}: periodic, with zero mean."
    if fluxes.whole:
        own = fluxes.script.library.divergence(fluxes.script.coordinates)
        m = fluxes.lowered.components
        each = "q" if len(fluxes.fluxes) == m * axes else f"q[:{m}]"
        lines = [f"rows = [-{own} for q in fluxes(points, outputs) for row in {each}]"]
    else:
        held = list(fluxes.table.values())
        rows = [balance(fluxes.script, row, held, "") for row in fluxes.rows]
        lines = [
            "rows = []",
            "for q in fluxes(points, outputs):",
            *(f"    rows.append({row})" for row in rows),
        ]
    result = "return torch.cat(rows, dim=1)"
    return function("residuals(points, outputs)", zero, [*lines, result])


def _effective(script: Script, fluxes: CellFluxes, rest: Means) -> list[str]:
    """Loops over the means of fluxes, and the integrands of the other coefficients."""
    if not fluxes.means:
        return effective_function(script, rest)
    lines, texts = script.body(list(rest.values()))
    rows = [f"{literal(key)}: {text}" for key, text in zip(rest, texts)]
    if fluxes.regular is None:
        table = _table(fluxes)
        found = "flux_means(fluxes(points, outputs), MEANS)"
        result = display("return {", rows, f"}} | {found}") if rows else [f"return {found}"]
    else:
        table, loop = _by_place(fluxes, fluxes.regular)
        result = [*display("found = {", rows, "}"), *loop, "return found"]
    summary = "What the effective coefficients are the means of."
    effective = function("effective(points, outputs)", summary, [*lines, *result])
    return [*table, "", "", *effective]


def _by_place(fluxes: CellFluxes, means: FluxMeans) -> tuple[list[str], list[str]]:
    """The table of last places, and the loop, where the first ones are equation and direction."""
    ends = [[end for _, _, end in own] for own in means.ends]
    name = means.name
    axes = len(fluxes.script.coordinates)
    if fluxes.whole:
        places = f"i in range({fluxes.lowered.components}) for k in range({axes})"
        item = f"({literal(name)}, (i, k, *end)): q[i][k]"
    else:
        places = f"k in range({axes})"
        item = f"({literal(name)}, (k, *end)): q[k]"
    return (
        [
            f"# last places of the indices of {name}, by cell function",
            *statement(f"ENDS = {literal(ends)}"),
        ],
        [
            "for q, ends in zip(fluxes(points, outputs), ENDS):",
            f"    found |= {{{item} for end in ends for {places}}}",
        ],
    )


def _table(fluxes: CellFluxes) -> list[str]:
    """First and last places of the means of fluxes."""
    table = [
        (
            {start: fluxes.place(flux) for start, flux in own.fluxes.items()},
            [list(ends) for ends in own.ends],
        )
        for own in fluxes.means
    ]
    return [
        "# (first places of an index: place of a flux, [(sign, name, last places)] by function)",
        *statement(f"MEANS = {literal(table)}"),
    ]


def _means(script: Script, lowered: LoweredCells, functionals: Sequence[Functional]) -> Means:
    """What effective coefficients are the means of."""
    return {(f.name, f.index): _integrand(script, lowered, f) for f in functionals}


def _cell_residuals(script: Script, lowered: LoweredCells) -> list[sp.Expr]:
    """Zero for the cell functions: by function, then by equation."""
    tables, m = tabulated(lowered.strong), lowered.components
    found = []
    for k, form in enumerate(lowered.functions):
        for i in range(m):
            left = applied(script, tables, i, k * m)
            right = [
                t.coefficient * _factor(script, lowered, t.factor)
                for t in form.source
                if t.equation == i
            ]
            found.append(left - sp.Add(*right))
    return found


def _factor(script: Script, lowered: LoweredCells, factor: Factor | None) -> sp.Expr:
    if factor is None:
        return sp.Integer(1)
    column = factor.function * lowered.components + factor.component
    return script.value(column, factor.derivative)


def _integrand(script: Script, lowered: LoweredCells, functional: Functional) -> sp.Expr:
    """What an effective coefficient is the mean of."""
    terms = [
        t.coefficient * sp.Mul(*[_factor(script, lowered, f) for f in t.factors])
        for t in functional.terms
    ]
    return sp.Add(functional.constant, *terms)


def given_lines(lowered: LoweredCells, parameters: Mapping[str, float]) -> list[str]:
    """The values of parameters, and what effective.json holds beside the means, where there are
    such.
    """
    known = known_entries(lowered)
    lines = statement(f"PARAMETERS = {literal(dict(parameters))}") if parameters else []
    return lines + (statement(f"KNOWN = {literal(known)}") if known else [])


def write_effective(lowered: LoweredCells, parameters: Mapping[str, float], integrands: str) -> str:
    """The statement that writes what homogenized.py reads, and mains of emitted folders."""
    held = [integrands, *(["PARAMETERS"] if parameters else [])]
    return (
        f"write_means({', '.join([*held, *(['known=KNOWN'] if known_entries(lowered) else [])])})"
    )


def effective_function(script: Script, means: Means) -> list[str]:
    """The function that returns the effective coefficients."""
    lines, texts = script.body(list(means.values()))
    rows = [f"    {literal(key)}: {text}," for key, text in zip(means, texts)]
    summary = "What the effective coefficients are the means of."
    return function("effective(points, outputs)", summary, [*lines, "return {", *rows, "}"])


def cell_summary(lowered: LoweredCells, library: str) -> str:
    """The docstring of cells.py."""
    return f"""{lowered.title}: the cell problems, for {library}.

    python cells.py {STEPS}  # steps of training; prints what it writes to effective.json
"""
