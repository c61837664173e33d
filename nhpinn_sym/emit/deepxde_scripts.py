"""Scripts for DeepXDE on PyTorch: cells.py, homogenized.py and fine.py, which import deepxde, torch
and numpy, and what they share from `runtime.pinn_scripts`; effective.json passes between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.domain import BoundaryPart, Box, Cell, Domain
from ..problem.errors import UnsupportedError
from .script_cells import CellFunctions, cells_text
from .script_conditions import PartResidual
from .script_forms import Columns, Script, ScriptLibrary
from .script_rows import linear_equation_text
from .script_text import (
    LEARNING_RATE,
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

NAME = "DeepXDE"
LIBRARY = ScriptLibrary(
    coordinates=Columns("points[:, {i}:{j}]", "points.split(1, dim=1)"),
    outputs=Columns("{of}[:, {i}:{j}]", "{of}.split(1, dim=1)"),
    derivatives=Columns(
        "dde.grad.jacobian({of}, points, j={i})",
        "dde.grad.jacobian({of}, points, i=0).split(1, dim=1)",
    ),
    whole=True,
    functions="outputs.split({m}, dim=1)",
    along="dde.grad.jacobian({of}, points, j={i})",
    twice="dde.grad.hessian({of}, points, i={i}, j={j})",
    gradients_of=(
        "torch.cat([dde.grad.jacobian(outputs, points, i=i){cut} for i in range({m})], dim=1)"
    ),
    divergence_of="sum(dde.grad.jacobian(p, points, j=k) for k, p in enumerate(row))",
    values="outputs",
)
_IMPORTS = [
    "import os",
    "",
    'os.environ["DDE_BACKEND"] = "pytorch"  # before the import',
    "import deepxde as dde",
    "import numpy as np",
    "import torch",
]
_SETTING = ('dde.config.set_default_float("float64")',)


def cells(lowered: LoweredCells, parameters: Mapping[str, float]) -> Source:
    """cells.py: one net for all cell functions, and the means that are the effective
    coefficients.
    """
    return Source(
        "deepxde", (("cells.py", cells_text(LIBRARY, NAME, cell_text, lowered, parameters)),)
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
        functions.effective,
        _cell_main(script, cell, write, functions.differentiated),
    ]
    return script_text(summary, _IMPORTS, [*_SETTING, *head], parts)


def equation(lowered: LoweredEquation, name: str) -> Source:
    """{name}.py: a boundary value problem, all of its conditions soft."""
    text = linear_equation_text(LIBRARY, equation_text, lowered, name)
    return Source("deepxde", ((f"{name}.py", text),))


def equation_text(
    script: Script,
    lowered: LoweredEquation,
    name: str,
    head: Sequence[str],
    inside: Sequence[Sequence[str]],
    found: list[PartResidual],
) -> str:
    """A script that trains a net to make residuals vanish: functions `inside`, and on walls."""
    parts = [*inside, *condition_functions(script, lowered, found, "points, outputs, _")]
    parts += [_equation_main(script, lowered, name, found)]
    summary = equation_summary(lowered, name, NAME)
    return script_text(summary, _IMPORTS, [*_SETTING, *head], parts)


@singledispatch
def geometry(domain: Domain) -> str:
    """DeepXDE's text of a domain. UnsupportedError for a kind that is not registered."""
    raise UnsupportedError(
        "a script of DeepXDE on a domain of this kind", term=domain, remedy="give domain=Box(...)"
    )


@geometry.register
def _(box: Box) -> str:
    ends = [[exact_number(v) for v in side] for side in zip(*box.intervals)]
    if box.dim == 1:
        return f"dde.geometry.Interval({ends[0][0]}, {ends[1][0]})"
    name = {2: "Rectangle", 3: "Cuboid"}.get(box.dim, "Hypercube")
    low, high = (f"[{', '.join(side)}]" for side in ends)
    return f"dde.geometry.{name}({low}, {high})"


def _training(script: Script, box: Domain, periodic: Sequence[int]) -> list[str]:
    sizes = [len(script.coordinates) + len(periodic), *WIDTHS, len(script.unknowns)]
    periods = periods_text(script, box, periodic, labels=False)
    return [
        f'net = dde.nn.FNN({sizes}, "tanh", "Glorot normal")',
        *([f"net.apply_feature_transform(PeriodicInputs({periods}))"] if periodic else []),
        "model = dde.Model(data, net)",
        f'model.compile("adam", lr={LEARNING_RATE})',
        f"model.train(iterations=training_steps({STEPS}), display_every=500)",
    ]


def _cell_main(script: Script, box: Cell, write: WriteText, differentiated: bool) -> list[str]:
    means = [
        "outputs = net(points)",
        write("effective(points, outputs - outputs.mean(dim=0))"),
    ]
    if differentiated:
        means = [write("effective(points, net(points))")]
    lines = [
        f"cell = {geometry(box)}",
        f'data = dde.data.PDE(cell, residuals, [], {POINTS}, train_distribution="pseudo")',
        *_training(script, box, range(box.dim)),
        f"points = torch.as_tensor({grid_text(box, periodic=True)}).requires_grad_()",
        *means,
    ]
    return main_part(lines)


def _equation_main(
    script: Script, lowered: LoweredEquation, name: str, found: list[PartResidual]
) -> list[str]:
    timed = lowered.time is not None
    lines = [f"box = {geometry(lowered.domain)}"]
    if timed:
        span = f"dde.geometry.TimeDomain(0, {exact_number(lowered.final_time)})"
        lines.append(f"box = dde.geometry.GeometryXTime(box, {span})")
    rows = [
        f"dde.icbc.OperatorBC(box, {w.name}, lambda x, on: {_where(lowered, w.parts)})"
        for w in found
    ]
    if timed:
        axis = lowered.domain.dim
        start = start_name(script, lowered, found)
        rows.append(f"dde.icbc.OperatorBC(box, {start}, lambda x, _: np.isclose(x[{axis}], 0))")
    lines += display("conditions = [", rows, "]")
    few = POINTS // 4
    counts = f"num_domain={POINTS}, num_boundary={few}" + f", num_initial={few}" * timed
    kind = "TimePDE" if timed else "PDE"
    lines += [
        f"data = dde.data.{kind}(",
        f"    box, residuals, conditions, {counts},",
        '    train_distribution="pseudo",',
        ")",
        *_training(script, lowered.domain, lowered.periodic),
        f"grid = {grid_text(lowered.domain, lowered.final_time)}",
        f'np.savez("{name}.npz", points=grid, u=model.predict(grid))',
    ]
    return main_part(lines)


def _where(lowered: LoweredEquation, parts: tuple[BoundaryPart, ...]) -> str:
    """Whether a point x of the boundary lies on some parts of it."""
    if set(parts) == set(lowered.domain.parts):
        return "on"
    ends = [f"np.isclose(x[{part.axis}], {exact_number(part.place)})" for part in parts]
    if len(ends) > 1:
        return f"on and ({' or '.join(ends)})"
    return f"on and {ends[0]}"
