"""Which directions a phase of a periodic image connects."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, Flags

FaceLinks = dict[int, list[tuple[int, Array]]]
# Share of the largest singular value below which vectors of whole numbers depend on each other.
_DEPENDENT = 1e-9


def connected_directions(phase: Flags) -> Array:
    """(k, d): vectors of whole periods along which the phase goes on without an end, from pixel to
    pixel across a common face; their span is what it connects.

    Components of one cell are joined across its faces. Each gets a shift in periods; where two
    paths lead to one component with different shifts, their difference is such a vector.
    """
    from scipy import ndimage  # of images alone

    labels, _ = ndimage.label(phase)
    edges = _joined(labels)
    shifts: dict[int, Array] = {}
    found = [np.zeros(phase.ndim)]
    for start in edges:
        if start in shifts:
            continue
        shifts[start] = np.zeros(phase.ndim)
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for there, step in edges[here]:
                shift = shifts[here] + step
                if there not in shifts:
                    shifts[there] = shift
                    waiting.append(there)
                elif np.any(shift != shifts[there]):
                    found.append(shift - shifts[there])
    return np.unique(np.array(found), axis=0)


def blocked_directions(phase: Flags) -> Array:
    """(k, d): an orthonormal basis, in periods, of the directions along which the phase connects
    nothing.
    """
    vectors = connected_directions(phase)
    _, sizes, directions = np.linalg.svd(vectors)
    rank = int(np.sum(sizes > _DEPENDENT * max(sizes.max(initial=0.0), 1.0)))
    return np.asarray(directions[rank:])


def _joined(labels: np.ndarray) -> FaceLinks:
    """The components that touch across a face of the cell, with the step in periods."""
    edges: FaceLinks = {}
    for axis in range(labels.ndim):
        last = np.take(labels, -1, axis).ravel()
        first = np.take(labels, 0, axis).ravel()
        both = (last > 0) & (first > 0)
        step = np.eye(labels.ndim)[axis]
        for a, b in np.unique(np.stack([last[both], first[both]], axis=-1), axis=0).tolist():
            edges.setdefault(a, []).append((b, step))
            edges.setdefault(b, []).append((a, -step))
    return edges
