"""What a finite element solve costs, estimated before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..resources import require_affordable

# Nonzero entries of a row along one axis, by degree: the mean over all nodes.
_ROW = {1: 3, 2: 4, 3: 5}
# Doubles that an entry of a sparse matrix takes, with its index.
_ENTRY = 2
# Of a matrix that exist at a time: with its periodic form, and its factors or coarser levels.
_COPIES = 3
# Per unknown, by dimension: measured on one core.
_SECONDS = {1: 5e-6, 2: 5e-5, 3: 3e-4}


def require_memory(
    cells: Sequence[int],
    degree: int,
    components: int,
    by_elements: bool = False,
    dim: int | None = None,
) -> None:
    """SolveError where a mesh needs more memory than is free, or would take more than a week.

    cells: along each axis; of a mesh that is no lattice all together, with its dimension.
    by_elements: the entries of all element matrices stand beside each other before they are summed.
    """
    dim = dim or len(cells)
    nodes = math.prod(n * degree + 1 for n in cells)
    entries = nodes * _ROW[degree] ** dim * components**2
    if by_elements:
        entries += math.prod(cells) * (degree + 1) ** (2 * dim)
    require_affordable(
        f"a mesh of {'x'.join(map(str, cells))} cells, {nodes * components} unknowns",
        float(_COPIES * _ENTRY * entries),
        seconds=nodes * components**2 * _SECONDS[dim],
        remedy="take fewer cells: n=, mesh=, per_period=, max_dofs=",
    )
