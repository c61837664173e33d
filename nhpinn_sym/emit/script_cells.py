"""cells.py of scripts for other PINN libraries: the functions `flux`, `residuals` and `effective`,
which a library lays out with its own net and training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from ..lower.forms import Functional, LoweredCells
from ..problem.domain import Cell
from ..problem.escaping import literal
from .fem_scope import known_entries
from .layout import statement
from .script_fluxes import FUNCTION, CellFluxes
from .script_forms import (
    Script,
    ScriptLibrary,
    cell_residuals,
    cell_script,
    integrand,
    require_cells,
)
from .script_text import (
    STEPS,
    WriteText,
    display,
    function,
    parameter_lines,
    residual_function,
    script_text,
)

Means = Mapping[tuple[str, tuple[int, ...]], sp.Expr]
"""What effective coefficients, by name and index, are the means of."""


@dataclass(frozen=True)
class CellFunctions:
    """The lines of functions of a script: those that say what is solved, and `effective`."""

    residuals: Sequence[Sequence[str]]
    effective: Sequence[str]


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
            script, cell_residuals(script, lowered), _means(script, lowered, lowered.effective)
        )
        if fluxes is None
        else _flux_functions(script, fluxes)
    )
    return cell_text(
        script,
        lowered.cell,
        cell_summary(script, lowered, name),
        [*given_lines(lowered, parameters), *parameter_lines(script, lowered.parameters)],
        functions,
        partial(write_effective, lowered, parameters),
    )


def _separate_functions(script: Script, inside: Sequence[sp.Expr], means: Means) -> CellFunctions:
    """A residual for each cell function, and an integrand for each effective coefficient."""
    summary = "Zero for the cell functions."
    return CellFunctions(
        [residual_function(script, "residuals(points, outputs)", summary, inside)],
        effective_function(script, means),
    )


def _flux_functions(script: Script, fluxes: CellFluxes) -> CellFunctions:
    """Loops over cell functions and their sources."""
    looped = {key for own in fluxes.means for key in own.keys}
    rest = [f for f in fluxes.lowered.effective if (f.name, f.index) not in looped]
    return CellFunctions(
        [_flux(fluxes), _residuals(fluxes)],
        _effective(script, fluxes, _means(script, fluxes.lowered, rest)),
    )


def _flux(fluxes: CellFluxes) -> list[str]:
    script = fluxes.script
    lines, texts = script.body(fluxes.fluxes)
    own = [name for name in script.numbers if name not in script.numbers[: -len(fluxes.picks)]]
    picked = [f"[{', '.join(own)}] = g"]
    summary = f"What derivatives and means are taken of, for one {FUNCTION}; g picks its source."
    return function(
        f"flux(points, {FUNCTION}, g)", summary, [*picked, *lines, *display("return [", texts, "]")]
    )


def _residuals(fluxes: CellFluxes) -> list[str]:
    rows = []
    for i in range(fluxes.lowered.components):
        terms = [
            (sum(left), fluxes.script.derived(f"q[{number}]", left))
            for number, (equation, left) in enumerate(fluxes.table)
            if equation == i
        ]
        signed = "".join(f"{' - ' if order % 2 else ' + '}{term}" for order, term in terms)
        rows.append(signed.removeprefix(" + ").replace(" - ", "-", signed.startswith(" - ")))
    body = [f"q = flux(points, {FUNCTION}, g)", *(f"rows.append({row})" for row in rows)]
    lines = [
        "rows = []",
        f"for {FUNCTION}, g in {_pairs(fluxes)}:",
        *(f"    {line}" for line in body),
        "return torch.cat(rows, dim=1)",
    ]
    return function("residuals(points, outputs)", "Zero for the cell functions.", lines)


def _pairs(fluxes: CellFluxes) -> str:
    each = fluxes.script.library.functions.format(m=fluxes.lowered.components)
    return f"zip({each}, torch.eye({len(fluxes.picks)}))"


def _effective(script: Script, fluxes: CellFluxes, rest: Means) -> list[str]:
    """Loops over the means of fluxes, and the integrands of the other coefficients."""
    if not fluxes.means:
        return effective_function(script, rest)
    table = [
        ({start: fluxes.fluxes.index(flux) for start, flux in own.fluxes.items()}, list(own.ends))
        for own in fluxes.means
    ]
    lines, texts = script.body(list(rest.values()))
    rows = [f"{literal(key)}: {text}" for key, text in zip(rest, texts)]
    body = [
        *lines,
        *display("found = {", rows, "}"),
        f"for k, ({FUNCTION}, g) in enumerate({_pairs(fluxes)}):",
        f"    q = flux(points, {FUNCTION}, g)",
        "    for starts, ends in MEANS:",
        "        for start, p in starts.items():",
        "            found |= {(name, start + end): q[p] for name, end in ends[k]}",
        "return found",
    ]
    summary = "What the effective coefficients are the means of."
    return [
        "# (first places of an index: number of a flux, [(name, last places)] by cell function)",
        *statement(f"MEANS = {literal(table)}"),
        "",
        "",
        *function("effective(points, outputs)", summary, body),
    ]


def _means(script: Script, lowered: LoweredCells, functionals: Sequence[Functional]) -> Means:
    """What effective coefficients are the means of."""
    return {(f.name, f.index): integrand(script, lowered, f) for f in functionals}


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


def cell_summary(script: Script, lowered: LoweredCells, library: str) -> str:
    """The docstring of cells.py."""
    names = ", ".join(script.unknowns)
    periods = f"({', '.join(script.coordinates)}) on {lowered.cell}"
    return f"""{lowered.title}: the cell problems, for {library}.

{names}: periodic in {periods}, with zero mean, and with the residuals below.

    python cells.py {STEPS}  # steps of training; prints what it writes to effective.json
"""
