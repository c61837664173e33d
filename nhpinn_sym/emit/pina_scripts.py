"""Scripts for PINA: problem classes in cells.py, homogenized.py and fine.py, which import pina,
torch and numpy, and what they share from `runtime.pinn_scripts`; effective.json passes between
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.domain import BoundaryPart, Box, Cell, Domain, require_box
from ..problem.escaping import literal
from .layout import WIDTH, block
from .script_cells import CellFunctions, cells_text
from .script_conditions import PartResidual
from .script_forms import Columns, Script, ScriptLibrary, labels_text
from .script_rows import linear_equation_text
from .script_text import (
    POINTS,
    STEPS,
    WIDTHS,
    WriteText,
    condition_functions,
    display,
    equation_summary,
    exact_number,
    grid_text,
    main_part,
    periods_text,
    script_text,
    start_name,
)
from .source import Source

NAME = "PINA"
LIBRARY = ScriptLibrary(
    coordinates=Columns(
        'points.extract(["{name}"]).tensor', "(points.extract([k]).tensor for k in {labels})"
    ),
    outputs=Columns('{of}.extract(["{name}"])', "({of}.extract([k]) for k in {labels})"),
    derivatives=Columns(
        'grad({of}, points, d="{name}")', "(grad({of}, points, d=k) for k in {labels})"
    ),
    whole=False,
    functions="cell_functions(outputs, {m})",
    along='derivative({of}, points, "{name}")',
    twice='derivative({of}, points, "{name}", "{other}")',
    gradients_of="grad(outputs, points, d=[{labels}]).tensor",
    divergence_of="divergence(row, points, {labels})",
    values="outputs.tensor",
)
_HEAD = (
    "import numpy as np",
    "import torch",
    "from pina import Condition, LabelTensor, Trainer",
    "from pina.domain import CartesianDomain, Union",
    "from pina.equation import Equation",
    "from pina.model import FeedForward",
    "from pina.operator import grad",
)
_SETTING = ("torch.set_default_dtype(torch.float64)",)


def cells(lowered: LoweredCells, parameters: Mapping[str, float]) -> Source:
    """cells.py: one net for all cell functions, and the means that are the effective
    coefficients.
    """
    return Source(
        "pina", (("cells.py", cells_text(LIBRARY, NAME, cell_text, lowered, parameters)),)
    )


def cell_text(
    script: Script,
    cell: Cell,
    summary: str,
    head: Sequence[str],
    functions: CellFunctions,
    write: WriteText,
) -> str:
    """A script that trains a periodic net to make residuals vanish, and writes means."""
    parts = [
        *functions.residuals,
        _cell_problem(script, cell),
        functions.effective,
        _cell_main(script, cell, write, functions.differentiated),
    ]
    return script_text(summary, _imports("SpatialProblem"), [*_SETTING, *head], parts)


def equation(lowered: LoweredEquation, name: str) -> Source:
    """{name}.py: a boundary value problem, all of its conditions soft."""
    text = linear_equation_text(LIBRARY, equation_text, lowered, name)
    return Source("pina", ((f"{name}.py", text),))


def equation_text(
    script: Script,
    lowered: LoweredEquation,
    name: str,
    head: Sequence[str],
    inside: Sequence[Sequence[str]],
    found: list[PartResidual],
) -> str:
    """A script that trains a net to make residuals vanish: functions `inside`, and on walls."""
    kinds = "SpatialProblem" if lowered.time is None else "SpatialProblem, TimeDependentProblem"
    parts = [*inside, *condition_functions(script, lowered, found, "points, outputs")]
    parts.append(_boundary_value_problem(script, lowered, found, kinds))
    parts += [_equation_main(script, lowered, name)]
    summary = equation_summary(lowered, name, NAME)
    return script_text(summary, _imports(kinds), [*_SETTING, *head], parts)


def _imports(kinds: str) -> list[str]:
    solvers = [f"from pina.problem import {kinds}", "from pina.solver import PINN"]
    return [*_HEAD, *solvers]


def _domain(script: Script, ends: Mapping[int, str]) -> str:
    """A box, or a side of it: the text of an interval or of a number, by the axis."""
    held = ", ".join(f'"{script.coordinates[axis]}": {text}' for axis, text in ends.items())
    return f"CartesianDomain({{{held}}})"


def _intervals(box: Box) -> dict[int, str]:
    return {k: f"[{exact_number(a)}, {exact_number(b)}]" for k, (a, b) in enumerate(box.intervals)}


def _class(
    head: str,
    summary: str,
    fields: Sequence[str],
    domains: Mapping[str, str],
    used: Mapping[str, str],
) -> list[str]:
    """A problem class: its domains, and the residual that vanishes on each of them."""
    rows = [f'"{name}": {text}' for name, text in domains.items()]
    body = [*fields, *display("domains = {", rows, "}"), *_conditions(used)]
    return [f"class {head}:", f'    """{summary}"""', *block(body, 4)]


def _conditions(used: Mapping[str, str]) -> list[str]:
    """The statements that give each domain its residual."""
    if len(used) == 1:
        [(name, residual)] = used.items()
        condition = f'Condition(domain="{name}", equation=Equation({residual}))'
        return [f'conditions = {{"{name}": {condition}}}']
    items = ", ".join(f'"{name}": {residual}' for name, residual in used.items())
    each = "k: Condition(domain=k, equation=Equation(f))"
    return [f"equations = {{{items}}}", f"conditions = {{{each} for k, f in equations.items()}}"]


def _outputs(script: Script) -> str:
    """The names of the outputs, as products of those of functions and of components."""
    names = list(script.unknowns)
    stems = list(dict.fromkeys(name.rpartition("_")[0] for name in names))
    count = len(names) // len(stems)
    places = range(1, count + 1)
    if len(stems) > 1 and count > 1 and names == [f"{n}_{j}" for n in stems for j in places]:
        held = f"N in {labels_text(stems)} for j in range(1, {count + 1})"
        return f'output_variables = [f"{{N}}_{{j}}" for {held}]'
    return f"output_variables = [{', '.join(map(literal, names))}]"


def _cell_problem(script: Script, box: Box) -> list[str]:
    fields = [_outputs(script), f"spatial_domain = {_domain(script, _intervals(box))}"]
    return _class(
        "CellProblem(SpatialProblem)",
        "The cell problems; the net is periodic by itself.",
        fields,
        {"inside": "spatial_domain"},
        {"inside": "residuals"},
    )


def _boundary_value_problem(
    script: Script, lowered: LoweredEquation, found: Sequence[PartResidual], kinds: str
) -> list[str]:
    box = require_box(lowered.domain, "a script of PINA")
    space = _intervals(box)
    time = {}
    fields = [_outputs(script), f"spatial_domain = {_domain(script, space)}"]
    if lowered.final_time is not None:
        time = {len(space): f"[0, {exact_number(lowered.final_time)}]"}
        fields.append(f"temporal_domain = {_domain(script, time)}")
    domains = {"inside": _domain(script, space | time) if time else "spatial_domain"}
    for wall in found:
        domains[wall.name] = _wall(script, box, wall.parts, space | time)
    if time:
        domains["start"] = _domain(script, space | {len(space): "0"})
    used = {name: name for name in domains} | {"inside": "residuals"}
    if time:
        used["start"] = start_name(script, lowered, found)
    head = f"BoundaryValueProblem({kinds})"
    return _class(head, "The equation, and what holds around it.", fields, domains, used)


def _wall(script: Script, box: Box, parts: Sequence[BoundaryPart], ends: Mapping[int, str]) -> str:
    """Parts of the boundary, as one domain."""
    if set(parts) == set(box.parts) and len(ends) == box.dim:
        return "spatial_domain.partial()"
    sides = [_domain(script, {**ends, p.axis: exact_number(p.place)}) for p in parts]
    return sides[0] if len(sides) == 1 else f"Union([{', '.join(sides)}])"


def _training(script: Script, box: Domain, periodic: Sequence[int]) -> list[str]:
    inputs = len(script.coordinates) + len(periodic)
    sizes = f"layers={list(WIDTHS)}"
    net = f"FeedForward({inputs}, {len(script.unknowns)}, {sizes}, func=torch.nn.Tanh)"
    periods = periods_text(script, box, periodic, labels=True)
    return [
        f"net = {net}",
        *([f"net = torch.nn.Sequential(PeriodicInputs({periods}), net)"] if periodic else []),
        "solver = PINN(problem, net)",
        'options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}',
        f"Trainer(solver, max_epochs=training_steps({STEPS}), **options).train()",
    ]


def _points(script: Script, grid: str) -> list[str]:
    order = f"[{', '.join(map(literal, script.coordinates))}]"
    whole = f"points = LabelTensor(torch.as_tensor({grid}), {order})"
    if len(whole) <= WIDTH - 4:
        return [whole]
    return [f"grid = {grid}", f"points = LabelTensor(torch.as_tensor(grid), {order})"]


def _cell_main(script: Script, box: Cell, write: WriteText, differentiated: bool) -> list[str]:
    means = [
        "outputs = solver(points.requires_grad_())",
        "centred = LabelTensor(outputs - outputs.mean(dim=0), problem.output_variables)",
        write("effective(points, centred)"),
    ]
    if differentiated:
        means = [write("effective(points, solver(points.requires_grad_()))")]
    lines = [
        "problem = CellProblem()",
        f"problem.discretise_domain({POINTS})",
        *_training(script, box, range(box.dim)),
        *_points(script, grid_text(box, periodic=True)),
        *means,
    ]
    return main_part(lines)


def _equation_main(script: Script, lowered: LoweredEquation, name: str) -> list[str]:
    lines = [
        "problem = BoundaryValueProblem()",
        "for name in problem.domains:",
        f'    problem.discretise_domain({POINTS} if name == "inside" else {POINTS // 4},'
        " domains=name)",
        *_training(script, lowered.domain, lowered.periodic),
        f"grid = {grid_text(lowered.domain, lowered.final_time)}",
        *_points(script, "grid"),
        f'np.savez("{name}.npz", points=grid, u=solver(points).detach().numpy())',
    ]
    return main_part(lines)
