"""The text of scripts for other PINN libraries: what those of DeepXDE and PINA have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import sympy as sp

from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.domain import Cell, Domain
from ..problem.escaping import docstring, literal
from .fem_scope import known_entries
from .layout import WIDTH, block, prose, statement
from .script_forms import (
    PartResidual,
    Script,
    ScriptLibrary,
    cell_residuals,
    cell_script,
    equation_residuals,
    equation_script,
    initial_residuals,
    integrand,
    require_cells,
    require_equation,
    walls,
)
from .torch_printer import TorchPrinter

STEPS = 2000
"""Steps of Adam where a script is called without a number of them."""
LEARNING_RATE = 2e-3
WIDTHS = (48, 48, 48)
"""Neurons of the hidden layers."""
POINTS = 1600
"""Collocation points inside; a quarter of them on the walls, and at the initial time."""
GRID = {1: 400, 2: 64, 3: 20, 4: 10}
"""Points along each axis at which means and solutions are taken, by the number of axes."""
_EPSILON = "1/4"
Means = Mapping[tuple[str, tuple[int, ...]], sp.Expr]
"""What effective coefficients, by name and index, are the means of."""
CellText = Callable[
    [Script, Cell, str, Sequence[str], Sequence[sp.Expr], Means, Sequence[str]], str
]
"""Writes the script of script, cell, summary, head, residuals, means, and the lines that write."""


def function(head: str, summary: str, lines: Iterable[str]) -> list[str]:
    """The lines of one function."""
    opening, *more = statement(f"def {head}:")
    body = [prose(docstring(summary), "    "), *block(list(lines), 4)]
    return [opening, *(f"    {line}" for line in more), *body]


def residual_function(
    script: Script, head: str, summary: str, residuals: Sequence[sp.Expr]
) -> list[str]:
    """A function that returns residuals, a column for each."""
    lines, texts = script.body(residuals)
    columns = texts if len(texts) == 1 else [f"torch.cat([{', '.join(texts)}], dim=1)"]
    return function(head, summary, [*lines, f"return {columns[0]}"])


def condition_functions(
    script: Script, lowered: LoweredEquation, found: Sequence[PartResidual], arguments: str
) -> list[list[str]]:
    """The residuals of the boundary and initial conditions, functions of `arguments`."""
    parts = [
        residual_function(
            script, f"{wall.name}({arguments})", f"Zero where {wall.place}.", wall.residuals
        )
        for wall in found
    ]
    if lowered.time is not None:
        summary = f"Zero where {lowered.time} = 0."
        start = initial_residuals(script, lowered)
        parts.append(residual_function(script, f"start({arguments})", summary, start))
    return parts


def effective_means(script: Script, lowered: LoweredCells) -> Means:
    """What the effective coefficients are the means of."""
    return {(f.name, f.index): integrand(script, lowered, f) for f in lowered.effective}


def effective_function(script: Script, means: Means) -> list[str]:
    """The function that returns the effective coefficients."""
    lines, texts = script.body(list(means.values()))
    rows = [
        f"    {literal(key)}: torch.as_tensor({text}).mean().item(),"
        for key, text in zip(means, texts)
    ]
    summary = "The effective coefficients: means over a uniform grid of the cell."
    return function("effective(points, outputs)", summary, [*lines, "return {", *rows, "}"])


def feature_function(script: Script, box: Domain, periodic: Sequence[int]) -> list[str]:
    """The function that makes a net periodic by its inputs."""
    names = ", ".join(script.coordinates[axis] for axis in periodic)
    lines = feature_lines(script, box, periodic, "points")
    return function("features(points)", f"Inputs of a net, periodic in {names}.", lines)


def feature_lines(
    script: Script, box: Domain, periodic: Sequence[int], points: str, call: str = "{}"
) -> list[str]:
    """The statements that return them, or what is called with them."""
    factors = [2 * sp.pi / (high - low) for low, high in box.intervals]  # phases are free
    if len(periodic) == len(script.coordinates) and len(set(factors)) == 1:
        inputs = "torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)"
        angles = f"angles = {exact_number(factors[0])} * {points}"
        return [angles, f"return {call.format(inputs)}"]
    columns = []
    for axis in range(len(script.coordinates)):
        column = f"{points}[:, {axis}:{axis + 1}]"
        if axis in periodic:
            angle = f"{exact_number(factors[axis])} * {column}"
            columns += [f"torch.cos({angle})", f"torch.sin({angle})"]
        else:
            columns.append(column)
    return ["return " + call.format(f"torch.cat([{', '.join(columns)}], dim=1)")]


def exact_number(value: object) -> str:
    """An exact number as Python text."""
    return TorchPrinter("points").doprint(sp.sympify(value))


def parameter_lines(script: Script, symbols: Sequence[sp.Symbol]) -> list[str]:
    """The statements that take parameters from PARAMETERS."""
    return [f"{n} = PARAMETERS[{literal(s.name)}]" for s, n in zip(symbols, script.numbers)]


def number_lines(script: Script, lowered: LoweredEquation) -> list[str]:
    """The statements that give parameters and effective coefficients the numbers that cells.py
    wrote; the period is put down.
    """
    lines, read = list[str](), [*lowered.parameters, *(e.symbol for e in lowered.externals)]
    names = dict(zip(read, script.numbers, strict=True))
    if any(s.name != "epsilon" for s in read):
        lines += [
            'with open("effective.json", encoding="utf-8") as file:  # which cells.py writes',
            "    RECORD = json.load(file)",
        ]
    for parameter in lowered.parameters:
        own = f'RECORD["parameters"][{literal(parameter.name)}]'
        lines.append(f"{names[parameter]} = {_EPSILON if parameter.name == 'epsilon' else own}")
    if lowered.externals:
        lines += [
            "EFFECTIVE = {",
            '    (e["name"], *e["index"]): e.get("real", e.get("value"))',
            '    for e in RECORD["effective"] + RECORD["known"]',
            "}",
        ]
    for external in lowered.externals:
        key = ", ".join([literal(external.name), *map(str, external.index)])
        comma = "" if external.index else ","
        lines.append(f"{names[external.symbol]} = EFFECTIVE[{key}{comma}]")
    return lines


def cell_summary(script: Script, lowered: LoweredCells, library: str) -> str:
    """The docstring of cells.py."""
    names = ", ".join(script.unknowns)
    periods = f"({', '.join(script.coordinates)}) on {lowered.cell}"
    return f"""{lowered.title}: the cell problems, for {library}.

{names}: periodic in {periods}, with zero mean, and with the residuals below.

    python cells.py {STEPS}  # steps of training; prints what it writes to effective.json
"""


def linear_equation_text(
    library: ScriptLibrary,
    write: Callable[..., str],
    lowered: LoweredEquation,
    name: str,
) -> str:
    """What the `equation_text` of a library writes of a linear problem."""
    require_equation(lowered)
    script = equation_script(library, lowered)
    return write(
        script,
        lowered,
        name,
        number_lines(script, lowered),
        equation_residuals(script, lowered),
        walls(script, lowered),
    )


def equation_summary(lowered: LoweredEquation, name: str, library: str) -> str:
    """The docstring of the script of a boundary value problem."""
    span = "" if lowered.final_time is None else f", 0 < {lowered.time} < {lowered.final_time}"
    effective = " with the coefficients of effective.json" if lowered.externals else ""
    return f"""{lowered.title}, for {library}.

In {lowered.domain}{span},{effective or " with every period resolved"}.

    python {name}.py {STEPS}  # steps of training; writes {name}.npz, the solution on a grid
"""


def script_text(summary: str, head: Sequence[str], parts: Iterable[Sequence[str]]) -> str:
    """A whole script: its docstring, the standard modules that it uses, `head`, and parts with two
    lines between them.
    """
    text = "\n\n\n".join("\n".join(part) for part in (head, *parts) if part)
    standard = ("json", "math", "os", "sys")
    used = [f"import {name}" for name in standard if re.search(rf"\b{name}\.", text)]
    return "\n".join([prose(docstring(summary)), "", *used, "", text, ""])


def given_lines(lowered: LoweredCells, parameters: Mapping[str, float]) -> list[str]:
    """The values of parameters, and what effective.json holds beside the means, where there are
    such.
    """
    known = [
        {"name": n, "index": list(i), "value": v} for (n, i), v in known_entries(lowered).items()
    ]
    lines = statement(f"PARAMETERS = {literal(dict(parameters))}") if parameters else []
    return lines + (statement(f"KNOWN = {literal(known)}") if known else [])


def write_effective(lowered: LoweredCells, parameters: Mapping[str, float]) -> list[str]:
    """The statements that write what homogenized.py reads, and mains of emitted folders."""
    return write_means(
        "PARAMETERS" if parameters else "{}", "KNOWN" if known_entries(lowered) else "[]"
    )


def write_means(values: str, known: str = "[]") -> list[str]:
    """The statements that write effective.json, from the names of what stands beside the means."""
    held = f'{{"slow": {{}}, "parameters": {values}, "effective": entries, "known": {known}}}'
    return [
        'entries = [{"name": n, "index": i, "real": value} for (n, i), value in means.items()]',
        'with open("effective.json", "w", encoding="utf-8") as file:',
        f"    json.dump({held}, file)",
        f'print(*entries{", *KNOWN" if known == "KNOWN" else ""}, sep="\\n")',
    ]


def display(opening: str, rows: Sequence[str], closing: str) -> list[str]:
    """A list or a dict, in one line where it fits."""
    whole = f"{opening}{', '.join(rows)}{closing}"
    if len(whole) <= WIDTH - 4:
        return [whole]
    return [opening, *(f"    {row}," for row in rows), closing]


def grid_lines(box: Domain, final_time: sp.Expr | None = None, periodic: bool = False) -> list[str]:
    """The statements that make a uniform grid, without the upper ends where it is periodic."""
    ends = [*box.intervals, *([] if final_time is None else [(sp.Integer(0), final_time)])]
    count = GRID.get(len(ends), 6)
    more = ", endpoint=False" if periodic else ""
    axes = [f"np.linspace({exact_number(a)}, {exact_number(b)}, {count}{more})" for a, b in ends]
    return [
        f"axes = [{', '.join(axes)}]",
        f'grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, {len(ends)})',
    ]


def main_part(lines: Iterable[str]) -> list[str]:
    """What a script does when it is called; where it is imported, nothing is trained."""
    steps = f"steps = int(sys.argv[1]) if sys.argv[1:] else {STEPS}"
    return ['if __name__ == "__main__":', *block([steps, *lines], 4)]


def known_script(lowered: LoweredCells, parameters: Mapping[str, float]) -> str:
    """cells.py where every effective coefficient has a closed form: nothing is trained."""
    summary = f"""{lowered.title}: the effective coefficients, which need no cell problem.

    python cells.py  # writes effective.json
"""
    lines = ["means = {}", *write_effective(lowered, parameters)]
    return script_text(summary, [*given_lines(lowered, parameters), *lines], [])


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
    return cell_text(
        script,
        lowered.cell,
        cell_summary(script, lowered, name),
        [*given_lines(lowered, parameters), *parameter_lines(script, lowered.parameters)],
        cell_residuals(script, lowered),
        effective_means(script, lowered),
        write_effective(lowered, parameters),
    )
