"""Meshes of solids whose boundary lies on quadrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..arrays import Array, Flags, Integers
from .domain_mesh import DomainMesh, RegionMesh, boundary_of, on_facets
from .quadrics import Quadric

# Newton steps of points to surfaces, which they are close to.
_STEPS = 6
# Share of a slope below which surfaces that meet are the same there.
_SAME = 1e-6
# Of elements on a face, at whose nodes it is compared with the boundary.
_DEGREE = 3


def named_mesh(points: Array, cells: Integers, surfaces: Mapping[str, Quadric]) -> DomainMesh:
    """Each face of the boundary belongs to the surface that is nearest."""
    facets = boundary_of(cells)
    apart = [np.abs(s.distances(points)) for s in surfaces.values()]
    numbers = np.argmin([far[facets].max(axis=1) for far in apart], axis=0)
    present, parts = np.unique(numbers, return_inverse=True)
    names = tuple(np.array([*surfaces])[present].tolist())
    phases = np.zeros(len(cells), dtype=np.int64)
    return on_surfaces(DomainMesh(points, cells, phases, facets, parts, names), surfaces)


def on_surfaces(mesh: DomainMesh, surfaces: Mapping[str, Quadric]) -> DomainMesh:
    """The nodes of the boundary are moved to the surfaces that they belong to."""
    used = np.unique(mesh.facets)
    belongs = np.zeros((len(mesh.points), len(mesh.names)), dtype=bool)
    for number in range(len(mesh.names)):
        belongs[np.unique(mesh.facets[mesh.parts == number]), number] = True
    points = mesh.points.copy()
    points[used] = moved_to([surfaces[n] for n in mesh.names], points[used], belongs[used])
    return replace(mesh, points=points)


def moved_to(surfaces: list[Quadric], points: Array, belongs: Flags | None = None) -> Array:
    """Points (n, 3) moved to the surfaces that they belong (n, surfaces) to, and are close to; to
    all of them by default."""
    if belongs is None:
        belongs = np.ones((len(points), len(surfaces)), dtype=bool)
    for _ in range(_STEPS):
        points = points - _step(points, belongs, surfaces)
    return points


def _step(points: Array, belongs: Flags, surfaces: list[Quadric]) -> Array:
    """The shortest step (n, 3) onto all surfaces that points belong to, to first order."""
    apart = np.stack([s.distances(points) for s in surfaces], axis=1)
    slopes = np.stack([s.slopes(points) for s in surfaces], axis=1)
    slopes /= np.maximum(np.linalg.norm(slopes, axis=2, keepdims=True), np.finfo(float).tiny)
    held = np.linalg.pinv(slopes * belongs[..., None], rcond=_SAME)
    return np.asarray(np.einsum("nik,nk->ni", held, apart * belongs))


def with_gap(mesh: DomainMesh, surfaces: Mapping[str, Quadric]) -> RegionMesh:
    """How far its faces are from the boundary is found at points of each."""
    gaps = []
    for name in mesh.names:
        places = on_facets(mesh.points[mesh.facets_on(name)], _DEGREE).reshape(-1, 3)
        gaps.append(np.abs(surfaces[name].distances(places)).max())
    return RegionMesh(mesh, float(max(gaps)))
