"""Scripts for DeepXDE on PyTorch: cells.py, homogenized.py and fine.py, which import deepxde, torch
and numpy alone; effective.json passes between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

import sympy as sp

from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.domain import BoundaryPart, Box, Cell, Domain
from ..problem.errors import UnsupportedError
from .script_forms import (
    PartResidual,
    Script,
    ScriptLibrary,
)
from .script_text import (
    LEARNING_RATE,
    POINTS,
    WIDTHS,
    Means,
    cells_text,
    condition_functions,
    display,
    effective_function,
    equation_summary,
    exact_number,
    feature_function,
    grid_lines,
    linear_equation_text,
    main_part,
    residual_function,
    script_text,
)
from .source import Source

NAME = "DeepXDE"
LIBRARY = ScriptLibrary(
    coordinate="points[:, {i}:{j}]",
    output="outputs[:, {i}:{j}]",
    derivative="dde.grad.jacobian({of}, points, j={axis})",
    axis="{i}",
)
_IMPORTS = (
    'os.environ["DDE_BACKEND"] = "pytorch"  # before the import',
    "import deepxde as dde",
    "import numpy as np",
    "import torch",
    "",
    'dde.config.set_default_float("float64")',
)


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
    inside: Sequence[sp.Expr],
    means: Means,
    writes: Sequence[str],
) -> str:
    """A script that trains a periodic net to make residuals vanish, and writes means."""
    parts = [
        feature_function(script, cell, range(cell.dim)),
        residual_function(
            script, "residuals(points, outputs)", "Zero for the cell functions.", inside
        ),
        effective_function(script, means),
        _cell_main(script, cell, writes),
    ]
    return script_text(summary, [*_IMPORTS, *head], parts)


def equation(lowered: LoweredEquation, name: str) -> Source:
    """{name}.py: a boundary value problem, all of its conditions soft."""
    text = linear_equation_text(LIBRARY, equation_text, lowered, name)
    return Source("deepxde", ((f"{name}.py", text),))


def equation_text(
    script: Script,
    lowered: LoweredEquation,
    name: str,
    head: Sequence[str],
    inside: Sequence[sp.Expr],
    found: list[PartResidual],
) -> str:
    """A script that trains a net to make residuals inside and on the boundary vanish."""
    parts = [
        feature_function(script, lowered.domain, lowered.periodic) if lowered.periodic else [],
        residual_function(script, "residuals(points, outputs)", "Zero for the solution.", inside),
    ]
    parts += condition_functions(script, lowered, found, "points, outputs, _")
    parts += [_equation_main(script, lowered, name, found)]
    return script_text(equation_summary(lowered, name, NAME), [*_IMPORTS, *head], parts)


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


def _training(inputs: int, outputs: int, features: bool) -> list[str]:
    sizes = [inputs, *WIDTHS, outputs]
    return [
        f'net = dde.nn.FNN({sizes}, "tanh", "Glorot normal")',
        *(["net.apply_feature_transform(features)"] if features else []),
        "model = dde.Model(data, net)",
        f'model.compile("adam", lr={LEARNING_RATE})',
        "model.train(iterations=steps, display_every=500)",
    ]


def _cell_main(script: Script, box: Cell, writes: Sequence[str]) -> list[str]:
    lines = [
        f"cell = {geometry(box)}",
        f'data = dde.data.PDE(cell, residuals, [], {POINTS}, train_distribution="pseudo")',
        *_training(2 * box.dim, len(script.unknowns), True),
        *grid_lines(box, periodic=True),
        "points = torch.as_tensor(grid).requires_grad_()",
        "outputs = net(points)",
        "means = effective(points, outputs - outputs.mean(dim=0))",
        *writes,
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
        rows.append(f"dde.icbc.OperatorBC(box, start, lambda x, _: np.isclose(x[{axis}], 0))")
    lines += display("conditions = [", rows, "]")
    few = POINTS // 4
    counts = f"num_domain={POINTS}, num_boundary={few}" + f", num_initial={few}" * timed
    kind = "TimePDE" if timed else "PDE"
    inputs = len(script.coordinates) + len(lowered.periodic)
    lines += [
        f"data = dde.data.{kind}(",
        f"    box, residuals, conditions, {counts},",
        '    train_distribution="pseudo",',
        ")",
        *_training(inputs, len(script.unknowns), bool(lowered.periodic)),
        *grid_lines(lowered.domain, lowered.final_time),
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
