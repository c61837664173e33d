"""Functions on triangles and tetrahedra as files of an emitted folder."""

from __future__ import annotations

import numpy as np

from ..lagrange_grid import save_grid
from .functions import SimplexFunction


@save_grid.register
def _(grid: SimplexFunction, file: str, components: int) -> None:
    """Write the nodes `points` (n, d), the `cells` (m, k) by their numbers, in the order of
    `elements.nodes`, the degree, and the values (n,), or (components, n).
    """
    points, first, cells = grid.numbered
    flat = grid.values.reshape(components, -1)[:, first]
    values = flat if components > 1 else flat[0]
    np.savez(file, points=points, cells=cells, degree=grid.degree, values=values)
