"""Which backend solves cell problems best: from what their data ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..lower.forms import LoweredCells
from ..lower.interfaces import CellInterfaces
from ..problem.errors import SolveError
from ..problem.images import images_in
from ..resolution import Resolution, resolve_cells
from ..resolution.problems import cell_data
from ..runtime.fourier.refinement import LAST
from .backends import available, choose_fem
from .interpolation import Bounds

AUTO = "auto"
GOOD = 1e-5
"""Relative error below which the next backend is not tried: on curved interfaces it does not do
better.
"""
# Fourier points a wave of the highest harmonic of the data.
_POINTS_PER_WAVE = 4
# Fourier points a panel on which the data are a polynomial.
_POINTS_PER_PANEL = 3
# Dimension up to which a net for each phase is tried where interfaces are curved.
_CURVED_BY_NETS = 2


@dataclass(frozen=True)
class BackendChoice:
    """Backends in the order in which they are tried, and why."""

    backends: tuple[str, ...]
    reason: str


def choose_cells_backend(
    cells: LoweredCells, parameters: Mapping[str, Any], box: Bounds
) -> BackendChoice:
    """Fourier where the coefficients are smooth and a grid resolves them; finite elements where
    they jump across planes, on lattices with lines there, or are too sharp for a grid; where
    interfaces are curved one net for each phase, then finite elements; voxels for images.

    box: the ranges of `cells.slow`.
    """
    held = any(e.image is not None for e in cells.externals)
    if held or any(images_in(c) for c in cell_data(cells)):
        return BackendChoice(("voxel", choose_fem(AUTO)), "coefficients are images")
    if cells.cell.dim > max(LAST):
        return BackendChoice(("fourier",), "more than three axes")
    found = resolve_cells(cells, parameters, box)
    if cells.externals and not (found.planar and any(found.breaks)):
        return BackendChoice(("fourier",), "coefficients known only as functions")
    fem = choose_fem(AUTO, smooth=cells.order == 4)
    if not found.planar and found.jumps:
        reason = "coefficients jump across curved interfaces"
        by_nets = cells.cell.dim <= _CURVED_BY_NETS and available("pinn")
        nets = ("pinn",) if by_nets else ()
        if CellInterfaces.of(cells, parameters) is not None:
            return BackendChoice((fem, *nets), f"{reason}, which meshes fit")
        return BackendChoice((*nets, fem), reason)
    if found.jumps or any(found.breaks):
        return BackendChoice((fem, "fourier"), "coefficients jump or kink across planes")
    needed = points_needed(found)
    if found.unresolved is None and needed <= LAST[cells.cell.dim]:
        return BackendChoice(
            ("fourier", fem), f"smooth coefficients that {needed} points per axis resolve"
        )
    reason = found.unresolved or f"smooth coefficients that need {needed} points per axis"
    return BackendChoice((fem, "fourier"), reason)


def points_needed(resolution: Resolution) -> int:
    """Points per axis from which on a uniform grid resolves the data."""
    counts = []
    for axis in resolution.axes:
        if axis.harmonics is None:
            counts.append(_POINTS_PER_PANEL * axis.length / axis.feature)
        else:
            counts.append(_POINTS_PER_WAVE * axis.harmonics)
    return 1 + int(max(counts))


def no_backend(choice: BackendChoice, failures: Mapping[str, Exception]) -> SolveError:
    """The error where every backend of a choice has failed."""
    texts = "; ".join(f"{name}: {str(cause).splitlines()[0]}" for name, cause in failures.items())
    return SolveError(
        f"no backend solves these cell problems ({choice.reason})",
        term=texts,
        remedy="give backend= to see the whole message of one",
    )
