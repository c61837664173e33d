"""Nets whose hidden layer is random and whose last layer is fitted by least squares.

`cell_fits`, `equation_fits` and `energy_fits` fit the problems of emitted files, which are given as
modules. Everything is in double precision, on the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ..arrays import MultiIndex
from .inputs import Axes
from .jets import Jet
from .least_squares import least_squares
from .networks import Layers, features, hidden

FormArguments = Mapping[str, Any]
RowsAndTargets = tuple[torch.Tensor, torch.Tensor]
"""(rows, unknowns) and (rows, right-hand sides)."""

SCALES = (0.5, 0.7, 1.4, 2.8, 5.6, 11.0, 22.0)
"""Standard deviations of the weights that are tried, the best residual being taken."""
TRIED = 2
"""The scale is sought with that part of the features."""
ROWS = 4
"""Points for each feature."""


@dataclass(frozen=True)
class LastLayerFit:
    """The coefficients (features, functions, components) of a last layer behind `layers`.

    multipliers: of the columns beyond the trial functions, (columns, right-hand sides); residual:
    relative, at points that were not used; scale: of the weights of the layer.
    """

    layers: Layers
    axes: Axes
    coefficients: torch.Tensor
    multipliers: torch.Tensor
    residual: float
    scale: float

    def jet(self, points: torch.Tensor, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of the functions, (n, functions * components)."""
        columns = self.coefficients.flatten(1)
        values = hidden(points, self.layers, indices, self.axes)
        return {a: with_constant(value, a) @ columns for a, value in values.items()}


def box_points(count: int, axes: Axes, seed: int = 0) -> torch.Tensor:
    """Sobol points (count, d) of the box of the axes."""
    engine = torch.quasirandom.SobolEngine(len(axes), scramble=True, seed=seed)
    low, high = torch.tensor([(a, b) for _, a, b in axes], dtype=torch.float64).T
    return low + (high - low) * engine.draw(count, dtype=torch.float64)


def uniform_points(count: int, axes: Axes) -> torch.Tensor:
    """A uniform grid (count^d, d) for means over periodic axes."""
    lines = [a + (b - a) * torch.arange(count, dtype=torch.float64) / count for _, a, b in axes]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"), -1).flatten(0, -2)


def fit_features(
    count: int,
    axes: Axes,
    assemble: Callable[[Layers, torch.Tensor], RowsAndTargets],
    shape: tuple[int, int],
    scale: float | None = None,
    draw: Callable[..., torch.Tensor] = box_points,
) -> LastLayerFit:
    """The least-squares fit with `count` features of the best scale, if none is given; `assemble`
    makes the rows of a layer at points, for the constant and the features of every component; draw:
    a number of points, the axes and a seed to points.
    """
    # The best scale hardly depends on the number of features; the smaller fits cost an eighth.
    few = max(20, count // TRIED)
    if scale is None:
        scale = min(SCALES, key=lambda s: _fit(few, axes, s, assemble, shape, draw).residual)
    return _fit(count, axes, scale, assemble, shape, draw)


def _fit(
    count: int,
    axes: Axes,
    scale: float,
    assemble: Callable[[Layers, torch.Tensor], RowsAndTargets],
    shape: tuple[int, int],
    draw: Callable[..., torch.Tensor],
) -> LastLayerFit:
    layers = features(count, axes, scale)
    functions, components = shape
    x = least_squares(*assemble(layers, draw(ROWS * count, axes)))
    # At points that the fit has not seen: at its own ones more features always have a smaller
    # residual.
    a, b = assemble(layers, draw(2 * count, axes, seed=1))
    residual = float((a @ x - b).norm() / b.norm().clamp(min=torch.finfo(b.dtype).tiny))
    trial = (count + 1) * components
    kept = x[:trial].reshape(count + 1, components, functions).permute(0, 2, 1).contiguous()
    return LastLayerFit(layers, axes, kept, x[trial:], residual, scale)


def trials(jet: Jet, components: int, vanish: bool = False) -> Jet:
    """The jets of all trial functions, a constant or a feature in one component: (n, trials *
    components), by feature, then by component.

    vanish: the constant has no part in a cell problem.
    """
    unit = torch.eye(components, dtype=torch.float64)
    found = {}
    for a, value in jet.items():
        every = with_constant(value, a)
        if vanish:
            every = torch.cat([0 * every[:, :1], every[:, 1:]], 1)
        found[a] = (every[:, :, None, None] * unit).flatten(1)
    return found


def with_constant(value: torch.Tensor, index: MultiIndex) -> torch.Tensor:
    """A first feature that is 1."""
    one = torch.full_like(value[:, :1], float(not any(index)))
    return torch.cat([one, value], 1)
