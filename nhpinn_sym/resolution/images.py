"""What images among the coefficients of cell problems ask of a mesh, and their exact means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp

from ..lower.forms import LoweredCells
from ..operator.numbers.panels import evaluator
from ..problem.images import Image, pixel_values
from ..runtime.arrays import Array
from .resolve import AxisResolution, Resolution

Lookup = Callable[[Array], Array]
"""Points (n, d) -> the values (n, images) of all images there."""


def external_images(cells: LoweredCells) -> dict[sp.Symbol, Image]:
    """The images that external fields are."""
    return {e.symbol: e.image for e in cells.externals if e.image is not None}


def with_images(found: Resolution, images: Sequence[Image]) -> Resolution:
    """The resolution of the other data, with lines at the edges of the pixels of some images."""
    if not images:
        return found
    axes = []
    for k, axis in enumerate(found.axes):
        edges = sorted({edge for image in images for edge in image.edges(k)})
        axes.append(_with_edges(axis, edges))
    return replace(found, axes=tuple(axes), jumps=True)


def _with_edges(axis: AxisResolution, edges: Sequence[float]) -> AxisResolution:
    if not edges:
        return axis
    breaks = _apart([*axis.breaks, *edges], axis.length)
    lines = _apart([*axis.lines, *edges], axis.length)
    return replace(axis, breaks=breaks, lines=lines, harmonics=None)


def _apart(points: Sequence[float], length: float) -> tuple[float, ...]:
    """The points in order, those that differ by rounding once."""
    found = np.unique(np.asarray(points, dtype=float))
    apart = np.concatenate([[True], np.diff(found) > _SAME * length])
    return tuple(found[apart].tolist())


# Share of an axis within which two lines are one.
_SAME = 1e-12


def pixel_means(
    values: Callable[[Array], Array], columns: int, images: Sequence[Image]
) -> tuple[Array, Array]:
    """(means (m,) of a function (n, columns + images) -> (n, m) that does not depend on its first
    `columns`, bounds on their errors): a sum over what images are together.
    """
    rows, shares = pixel_values(images)
    found = values(np.concatenate([np.zeros((len(rows), columns)), rows], axis=1))
    means = shares @ found
    return means, _ROUNDING * (shares @ np.abs(found))


# Of a sum of up to some ten thousand numbers, relative to the sum of their sizes.
_ROUNDING = 1e-14


def lookup(images: Sequence[Image]) -> Lookup:
    """All images at points of the cell."""

    def values(points: Array) -> Array:
        return np.stack([image(*points.T) for image in images], axis=-1)

    return values


def phases_of(
    exprs: Mapping[tuple[int, int, int, int], sp.Expr],
    images: Mapping[sp.Symbol, Image],
    dim: int,
) -> tuple[float, float] | None:
    """alpha < beta where the tensor of one unknown is alpha 1 or beta 1 in every pixel."""
    rows, _ = pixel_values(list(images.values()))
    tables = np.zeros((len(rows), dim, dim))
    for (_, k, _, other), expr in exprs.items():
        tables[:, k, other] = evaluator(expr, tuple(images))(rows)
    values = tables[:, 0, 0]
    if np.abs(tables - values[:, None, None] * np.eye(dim)).max() > 0:
        return None
    found = np.unique(values)
    if len(found) != 2 or not found[0] > 0 or dim == 1:
        return None
    return float(found[0]), float(found[1])
