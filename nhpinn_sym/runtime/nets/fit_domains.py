"""Where the problems of emitted files are fitted: what is asked of a domain, and boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ..arrays import Array, Integers
from .fits import FormArguments, box_points
from .function_families import JetsOfFamily, stack_functions
from .inputs import Axes, moved_to_side

GRID = {1: 257, 2: 65, 3: 17}
"""Points of each axis on which a solution is written, by the number of columns."""


class FitDomain(Protocol):
    """A domain as fits ask for it; columns of points are the coordinates, then the time."""

    def draw(self, count: int, axes: Axes, seed: int = 0) -> Tensor:
        """About `count` points (n, columns) inside."""

    def on(self, part: str, points: Tensor) -> Tensor:
        """Points of the box around the domain, moved to a part of the boundary."""

    def known(self, forms: Any, given: Callable[[Tensor], FormArguments]) -> Sequence[JetsOfFamily]:
        """The functions beside the net of an emitted residual, by component."""

    def shown(self) -> tuple[Tensor, Mapping[str, Array | Integers], tuple[int, ...]]:
        """The points where a solution is written, at the end of the time, what tells them in a
        file, and the shape that values have there."""


@dataclass(frozen=True)
class BoxDomain:
    """A box: its axes, and the outward normals of its sides."""

    axes: Axes
    normals: Mapping[str, Sequence[float]]

    def draw(self, count: int, axes: Axes, seed: int = 0) -> Tensor:
        return box_points(count, axes, seed)

    def on(self, part: str, points: Tensor) -> Tensor:
        return moved_to_side(points, self.normals[part], self.axes)

    def known(self, forms: Any, given: Callable[[Tensor], FormArguments]) -> Sequence[JetsOfFamily]:
        """None."""
        return [stack_functions(())] * int(getattr(forms, "COMPONENTS", 1))

    def shown(self) -> tuple[Tensor, Mapping[str, Array | Integers], tuple[int, ...]]:
        """On a grid."""
        lines = [_line(axis, GRID[len(self.axes)]) for axis in self.axes]
        grid = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1)
        table = {f"lines_{axis}": line.numpy() for axis, line in enumerate(lines)}
        return grid.flatten(0, -2), table, tuple(grid.shape[:-1])


def _line(axis: tuple[str, float, float], count: int) -> Tensor:
    """Points of an axis on which a solution is written: of a time the last one."""
    kind, a, b = axis
    if kind == "graded":
        return torch.tensor([b], dtype=torch.float64)
    return torch.linspace(a, b, count, dtype=torch.float64)
