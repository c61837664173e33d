"""A solution as a picture: a curve, or fields on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..problem.pictures import BACKENDS, Drawing, Sheet, curves, field, real_parts
from ..runtime.tensor_grids import tensor_points
from .exports import equally_spaced

if TYPE_CHECKING:
    from .solution import Solution

_POINTS = {1: 801, 2: 161}
_PER_ROW = 3


def draw_solution(solution: Solution, t: float | None = None) -> Drawing:
    """The components of a solution over its domain, at the time t (default: the final one); in
    three dimensions in the middle plane."""
    ends = [(float(line[0]), float(line[-1])) for line in solution.extent.lines]
    lines = equally_spaced(ends[:2], _POINTS[min(len(ends), 2)])
    points = tensor_points((*lines, *(np.array([(a + b) / 2]) for a, b in ends[2:])))
    values = solution.sampled(points, t).reshape(len(points), -1)
    backend = BACKENDS.get(solution.backend, solution.backend)
    shown: dict[str, np.ndarray] = {}
    for j in range(values.shape[1]):
        label = "$u$" if values.shape[1] == 1 else f"$u_{{{j + 1}}}$"
        shown |= real_parts(label, values[:, j])
    time = solution.final_time if t is None else t
    at = "" if time is None else f", $t = {time:g}$"
    caption = f"The solution by {backend}{at.replace('$', '')}."
    if len(lines) == 1:
        sheet = Sheet(1, 1, (7, 4.2))
        title = f"{next(iter(shown))} ({backend}){at}"
        curves(sheet.at(0, 0), lines[0], shown, title, "$x$")
        return sheet.drawing("solution", caption)
    columns = min(len(shown), _PER_ROW)
    sheet = Sheet(-(-len(shown) // columns), columns, (4.6, 3.9))
    for k, (label, part) in enumerate(shown.items()):
        axes = sheet.at(k // columns, k % columns)
        grid = part.reshape(len(lines[0]), -1)
        names = ("$x_1$", "$x_2$")
        image = field(axes, lines, grid, f"{label} ({backend}){at}", names)
        sheet.bar(image, axes)
    return sheet.drawing("solution", caption)
