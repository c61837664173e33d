"""Uniform grids of boxes, their faces, and pairs of points that a periodic function does not tell
apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Bounds = Sequence[tuple[float, float]]


def uniform(bounds: Bounds, nodes: int) -> Tensor:
    """All points of a grid of `nodes` per axis, both ends among them; (n, d)."""
    return _product([torch.linspace(a, b, nodes, dtype=torch.float64) for a, b in bounds])


def periodic(bounds: Bounds, nodes: int) -> Tensor:
    """The same grid without the upper ends, which a periodic function takes at the lower ones: its
    trapezoid rule is the mean.
    """
    return _product([torch.linspace(a, b, nodes, dtype=torch.float64)[:-1] for a, b in bounds])


def face(bounds: Bounds, nodes: int, axis: int, value: float) -> Tensor:
    """The points of the grid in one plane; the value of `axis` there may lie outside."""
    lines = [torch.linspace(a, b, nodes, dtype=torch.float64) for a, b in bounds]
    lines[axis] = torch.tensor([value], dtype=torch.float64)
    return _product(lines)


def opposite(bounds: Bounds, nodes: int, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The points of the lower faces of some axes, and their images on the upper ones."""
    lower = [face(bounds, nodes, axis, bounds[axis][0]) for axis in axes]
    upper = [face(bounds, nodes, axis, bounds[axis][1]) for axis in axes]
    return torch.cat(lower), torch.cat(upper)


def oversampled(bounds: Bounds, nodes: int, layers: int) -> tuple[Tensor, Tensor]:
    """Points in `layers` outside each face, a mesh width apart, and their periodic images inside."""
    outside, inside = [], []
    for axis, (a, b) in enumerate(bounds):
        for i in range(1, layers + 1):
            step = i * (b - a) / (nodes - 1)
            for out, image in ((a - step, b - step), (b + step, a + step)):
                outside.append(face(bounds, nodes, axis, out))
                inside.append(face(bounds, nodes, axis, image))
    return torch.cat(outside), torch.cat(inside)


def _product(lines: Sequence[Tensor]) -> Tensor:
    return torch.cartesian_prod(*lines).reshape(-1, len(lines))
