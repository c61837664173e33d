"""The text of scripts for other PINN libraries: what those of DeepXDE and PINA have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import product

import sympy as sp

from ..lower.forms import LoweredEquation
from ..problem.domain import Domain
from ..problem.escaping import docstring, literal
from .layout import WIDTH, block, paragraph, prose, statement
from .script_conditions import PartResidual, initial_residuals
from .script_forms import Script, external_tensors
from .torch_printer import TorchPrinter

STEPS = 2000
"""Steps of Adam where a script is called without a number of them."""
LEARNING_RATE = 2e-3
WIDTHS = (48, 48, 48)
"""Neurons of the hidden layers."""
POINTS = 1600
"""Collocation points inside; a quarter of them on the walls, and at the initial time."""
_EPSILON = "1/4"
WriteText = Callable[[str], str]
"""The statement that writes the means of integrands, which are a text."""
_SHARED = (
    "PeriodicInputs",
    "cell_functions",
    "derivative",
    "divergence",
    "effective_array",
    "effective_numbers",
    "flux_means",
    "parameter",
    "training_steps",
    "uniform_grid",
    "write_means",
)
"""What scripts take from `runtime.pinn_scripts`."""


def function(head: str, summary: str, lines: Iterable[str]) -> list[str]:
    """The lines of one function."""
    opening, *more = statement(f"def {head}:")
    body = [prose(docstring(summary), "    "), *block(list(lines), 4)]
    return [opening, *(f"    {line}" for line in more), *body]


def residual_function(
    script: Script, head: str, summary: str, residuals: Sequence[sp.Expr]
) -> list[str]:
    """A function that returns residuals, a column for each."""
    if script.are_outputs(residuals):
        return function(head, summary, ["return outputs"])
    lines, texts = script.body(residuals)
    if len(lines) == len(texts) == 1 and lines[0].startswith(f"{texts[0]} = "):
        return function(head, summary, [f"return {lines[0].removeprefix(f'{texts[0]} = ')}"])
    if len(texts) == 1:
        return function(head, summary, [*lines, f"return {texts[0]}"])
    whole = f"return torch.cat([{', '.join(texts)}], dim=1)"
    if len(whole) <= WIDTH - 4:
        return function(head, summary, [*lines, whole])
    rows = display("rows = [", texts, "]")
    return function(head, summary, [*lines, *rows, "return torch.cat(rows, dim=1)"])


def condition_functions(
    script: Script, lowered: LoweredEquation, found: Sequence[PartResidual], arguments: str
) -> list[list[str]]:
    """The residuals of the boundary and initial conditions, functions of `arguments`."""
    held = {wall.name: (wall.place, wall.residuals) for wall in found}
    if lowered.time is not None:
        name = start_name(script, lowered, found)
        place = [*([held[name][0]] if name in held else []), f"{lowered.time} = 0"]
        held[name] = (" or ".join(place), tuple(initial_residuals(script, lowered)))
    return [
        residual_function(script, f"{name}({arguments})", f"Zero where {place}.", residuals)
        for name, (place, residuals) in held.items()
    ]


def start_name(script: Script, lowered: LoweredEquation, found: Sequence[PartResidual]) -> str:
    """The function of the initial condition: that of walls which hold the same."""
    start = tuple(initial_residuals(script, lowered))
    return next((wall.name for wall in found if wall.residuals == start), "start")


def periods_text(script: Script, box: Domain, periodic: Sequence[int], labels: bool) -> str:
    """The periods of all coordinates, by number or label; None for those that have none."""
    found = []
    for axis, name in enumerate(script.coordinates):
        period = "None"
        if axis in periodic:
            low, high = box.intervals[axis]
            period = exact_number(high - low)
        found.append(f"{literal(name) if labels else axis}: {period}")
    return f"{{{', '.join(found)}}}"


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
    single = [e for e in lowered.externals if e.name not in script.tensors]
    read = [*lowered.parameters, *(e.symbol for e in single)]
    names = dict(zip(read, script.numbers, strict=True))
    lines = []
    for symbol in lowered.parameters:
        own = f"parameter({literal(symbol.name)})"
        lines.append(f"{names[symbol]} = {_EPSILON if symbol.name == 'epsilon' else own}")
    for name, tensor in external_tensors(lowered).items():
        sizes = ", ".join(map(str, tensor.sizes))
        zeros = math.prod(tensor.sizes) - len(tensor.places)
        held = f"{literal(name)}, {sizes}" + (f", zeros={zeros}" if zeros else "")
        lines.append(f"{script.tensors[name]} = effective_array({held})")
    entries: dict[str, dict[str, tuple[int, ...]]] = {}
    for external in single:
        entries.setdefault(external.name, {})[names[external.symbol]] = external.index
    for name, indices in entries.items():
        held = ", ".join([literal(name), _indices_text(list(indices.values()))])
        lines += unpacked(list(indices), f"effective_numbers({held})")
    return lines


def _indices_text(indices: Sequence[tuple[int, ...]]) -> str:
    """Indices as arguments; all of an array by its sizes."""
    sizes = _sizes(indices)
    if len(indices) > 1 and list(indices) == list(product(*map(range, sizes))):
        return f"*np.ndindex({', '.join(map(str, sizes))})"
    return ", ".join(map(str, indices))


def _sizes(indices: Sequence[tuple[int, ...]]) -> list[int]:
    """Of the array whose last index is the last one."""
    return [last + 1 for last in indices[-1]]


def unpacked(names: Sequence[str], value: str) -> list[str]:
    """The statement that gives several names the items of a value."""
    if len(whole := f"[{', '.join(names)}] = {value}") <= WIDTH:
        return [whole]
    first, *more = statement(f"_ = {value}") if len(value) > WIDTH - 4 else [f"_ = {value}"]
    held = paragraph(f"{', '.join(names)},", "    ", "")
    return ["[", *held, f"]{first.removeprefix('_')}", *more]


def equation_summary(lowered: LoweredEquation, name: str, library: str) -> str:
    """The docstring of the script of a boundary value problem."""
    span = "" if lowered.final_time is None else f", 0 < {lowered.time} < {lowered.final_time}"
    effective = " with the coefficients of effective.json" if lowered.externals else ""
    where = f"in {lowered.domain}{span},{effective or ' with every period resolved'}"
    return f"""{lowered.title}, for {library}, {where}.

    python {name}.py {STEPS}  # steps of training; writes {name}.npz, the solution on a grid
"""


def script_text(
    summary: str, imports: Sequence[str], head: Sequence[str], parts: Iterable[Sequence[str]]
) -> str:
    """A whole script: its docstring, the modules that it uses, `head`, and parts with two lines
    between them.
    """
    text = "\n\n\n".join("\n".join(part) for part in (head, *parts) if part)
    shared = ", ".join(name for name in _SHARED if _uses(text, name))
    own = imported("nhpinn_sym.runtime.pinn_scripts", shared)
    standard = ["import math"] if _uses(text, "math") else []
    gap = [""] if standard and imports[:1] != ["import os"] else []
    imports = [found for line in imports if (found := _used(line, text)) is not None]
    other = [*imports, ""] if imports else []
    return "\n".join([prose(docstring(summary)), "", *standard, *gap, *other, *own, "", text, ""])


def imported(module: str, names: str) -> list[str]:
    """The statement that imports names."""
    whole = f"from {module} import {names}"
    if len(whole) <= WIDTH:
        return [whole]
    return [f"from {module} import (", *paragraph(f"{names},", "    ", ""), ")"]


def _used(line: str, text: str) -> str | None:
    """What a text needs of an import; None for nothing."""
    head, found, names = line.partition(" import ")
    if found:
        held = ", ".join(name for name in names.split(", ") if _uses(text, name))
        return f"{head} import {held}" if held else None
    return line if _uses(text, "np") or not line.endswith("as np") else None


def _uses(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def display(opening: str, rows: Sequence[str], closing: str) -> list[str]:
    """A list or a dict, in one line where it fits."""
    whole = f"{opening}{', '.join(rows)}{closing}"
    if len(whole) <= WIDTH - 4:
        return [whole]
    return [opening, *(f"    {row}," for row in rows), closing]


def grid_text(box: Domain, final_time: sp.Expr | None = None, periodic: bool = False) -> str:
    """A uniform grid, without the upper ends where it is periodic."""
    ends = [*box.intervals, *([] if final_time is None else [(sp.Integer(0), final_time)])]
    sides = ", ".join(f"({exact_number(a)}, {exact_number(b)})" for a, b in ends)
    return f"uniform_grid({sides}{', periodic=True' if periodic else ''})"


def main_part(lines: Iterable[str]) -> list[str]:
    """What a script does when it is called; where it is imported, nothing is trained."""
    return ['if __name__ == "__main__":', *block(list(lines), 4)]
