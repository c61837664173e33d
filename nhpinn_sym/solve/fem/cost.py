"""What a finite element solve costs, estimated before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...runtime.mesh import Mesh
from ..resources import readable_bytes, require_affordable

# Nonzero entries of a row along one axis, by degree: the mean over all nodes.
_ROW = {1: 3, 2: 4, 3: 5}
# Doubles that an entry of a sparse matrix takes, with its index.
_ENTRY = 2
# Of a matrix that exist at a time: with its periodic form, and its factors or coarser levels.
_COPIES = 3
# Per unknown, by dimension: measured on one core.
_SECONDS = {1: 5e-6, 2: 5e-5, 3: 3e-4}


def described(mesh: Mesh, degree: int, components: int, by_elements: bool = False) -> str:
    """A mesh with what a solve on it takes, for those who wait for it."""
    size = 8.0 * _doubles(mesh.cells, degree, components, by_elements, mesh.dim)
    unknowns = components * mesh.count(degree)
    return f"{mesh} cells, {unknowns} unknowns, about {readable_bytes(size)}"


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
    require_affordable(
        f"a mesh of {'x'.join(map(str, cells))} cells, {nodes * components} unknowns",
        _doubles(cells, degree, components, by_elements, dim),
        seconds=nodes * components**2 * _SECONDS[dim],
        remedy="take fewer cells: n=, mesh=, per_period=, max_dofs=",
    )


def _doubles(
    cells: Sequence[int], degree: int, components: int, by_elements: bool, dim: int
) -> float:
    """How many of them a solve holds at a time."""
    entries = math.prod(n * degree + 1 for n in cells) * _ROW[degree] ** dim * components**2
    if by_elements:
        entries += math.prod(cells) * (degree + 1) ** (2 * dim)
    return float(_COPIES * _ENTRY * entries)
