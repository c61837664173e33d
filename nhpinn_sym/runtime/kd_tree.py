"""The nearest of many points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .arrays import Array

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def kd_tree(points: Array, periods: Sequence[float] | float | None = None) -> cKDTree:
    """SciPy's tree of points (n, d), repeated with these periods, 0 where they are not.

    scipy.spatial takes a fifth of a second to import, and boxes do without.
    """
    from scipy.spatial import cKDTree

    return cKDTree(points, boxsize=periods)
