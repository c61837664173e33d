"""Where the fields outside of an inclusion are continued to: points inside it, at which nets around
it have poles.

The field outside a disk is a series in 1/z about its center; outside an ellipse it is singular
between the foci, which the centers of the inscribed circles at its ends come near to. Poles are
such centers: the largest inscribed ball first, then those that touch what is far from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ...partition import Partition
from ...solution import Array
from ..network import Axes

_ORDER, _INTERFACE, _MOST = 12, 16, 3
_FAR, _TOUCHING, _SMALL, _ROUND = 1.6, 1.15, 0.15, 0.93


@dataclass(frozen=True)
class Pole:
    """center: a coordinate per axis, None where the inclusion goes on along the axis; radius: of
    the inscribed ball.
    """

    center: tuple[float | None, ...]
    radius: float


def poles(partition: Partition, number: int, window: Axes) -> list[Pole]:
    """Those of phase `number`; none where it is no inclusion in at least two directions."""
    axes = [k for k, (kind, _, _) in enumerate(window) if kind == "scaled"]
    if len(axes) < 2:
        return []
    q, found = partition.quadrature(_ORDER), partition.interfaces(_INTERFACE)
    inner = _unfolded(q.points[q.labels == number], partition, window)[:, axes]
    outer = _unfolded(
        found.points[(found.minus == number) | (found.plus == number)], partition, window
    )[:, axes]
    weights = q.weights[q.labels == number, None]
    candidates = np.concatenate([(weights * inner).sum(0, keepdims=True) / weights.sum(), inner])
    radii = cKDTree(outer).query(candidates)[0]
    chosen = [0 if radii[0] >= _ROUND * radii.max() else int(radii.argmax())]
    while len(chosen) < _MOST:
        ratio = np.min(
            [np.linalg.norm(outer - candidates[k], axis=1) / radii[k] for k in chosen], axis=0
        )
        touching = np.linalg.norm(candidates - outer[ratio.argmax()], axis=1) <= _TOUCHING * radii
        best = int(np.where(touching, radii, 0).argmax())
        if ratio.max() < _FAR or radii[best] < _SMALL * radii[chosen[0]] or not touching.any():
            break
        chosen.append(best)
    return [
        Pole(
            tuple(
                float(candidates[k][axes.index(axis)]) if axis in axes else None
                for axis in range(len(window))
            ),
            float(radii[k]),
        )
        for k in chosen
    ]


def _unfolded(points: Array, partition: Partition, window: Axes) -> Array:
    """The images of points in the window."""
    out = points.copy()
    for k, ((kind, start, _), (a, b)) in enumerate(
        zip(window, partition.labels.bounds, strict=True)
    ):
        if kind == "scaled":
            out[:, k] = start + np.mod(points[:, k] - start, b - a)
    return out
