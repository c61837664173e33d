"""What a net of cell functions misses of their energy, by its residual in the dual norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ....runtime.nets.least_squares import safe_divisor
from ....runtime.tensor_grids import tensor_points
from ...solution import Array
from ..adaptive import largest_change
from ..collocation import dual_norms
from ..fields import points_beside
from ..network import Network, TrialSpace
from .averages import CellFunctions
from .averaging_grids import AveragingGrid
from .smooth_rows import CellRows

SolvedStage = tuple[int, CellFunctions, Network, Tensor]
"""The number of a stage, the functions before it, its net and the coefficients beside it."""
# Times the error that the dual norm shows, which knows no contrast: twice is enough at 400.
_CONTRAST = 4.0
# Slow points at which the residual is seen.
_SEEN = 3


def missed_energy(
    rows: CellRows, stages: Sequence[SolvedStage], found: CellFunctions, slow: Tensor
) -> float:
    """What is missed of the effective entries, relative to the largest, at the worst of some slow
    points.

    The square of the dual residual is the share of the energy of the cell functions that is missed;
    what is found of that energy is by how much they change the entries.
    """
    dual = max((_dual_residual(rows, stage, slow[:_SEEN]) for stage in stages), default=0.0)
    share = _CONTRAST * dual**2
    if share >= 1:
        return 1.0
    return min(1.0, share / (1 - share) * _energy(rows, found, slow))


def _energy(rows: CellRows, found: CellFunctions, slow: Tensor) -> float:
    """By how much the cell functions change the effective entries, relative to the largest; 1 where
    there are none without them.
    """
    if any(kind != "corrector" for kind, _ in rows.stages):
        return 1.0
    none = rows.empty.with_networks([net.scale_outputs(_zeros(net)) for net in found.networks])
    values, without = (_entries(rows, family, slow) for family in (found, none))
    return largest_change(values, without)


def _zeros(net: Network) -> Tensor:
    return torch.zeros(net.outputs, dtype=torch.float64, device=net.trial.device)


def _entries(rows: CellRows, family: CellFunctions, slow: Tensor) -> Array:
    values: Array = rows.means(family, slow).estimated_entries().cpu().numpy()
    return values


def _dual_residual(rows: CellRows, stage: SolvedStage, slow: Tensor) -> float:
    """The residual of a stage in the dual norm of the energy, in which it bounds the error: in
    space, where it is of high frequency, that at points is ten times as large; where data are
    sharp, that at points is small beside their slopes. Frequencies beyond those of the grid count
    as lower ones, which weigh more.
    """
    number, family, network, coefficients = stage
    trial: TrialSpace = rows.trial
    bounds = rows.cells.cell.bounds
    lines = AveragingGrid.in_panels(bounds, trial.panels).lines()
    lengths = [b - a for a, b in bounds]
    y = torch.as_tensor(tensor_points([line for line, _ in lines]), device=slow.device)
    worst = 0.0
    for points in points_beside(y, slow):
        here = rows.at(points, number, family, rows.seed)
        residual = here.residual(network.jet(here.points, trial.indices), coefficients)
        values, data = (
            dual_norms(v[: len(points)], lines, lengths, rows.cells.order)
            for v in (residual, here.target)
        )
        worst = max(worst, float((values / safe_divisor(data)).max()))
    return worst
