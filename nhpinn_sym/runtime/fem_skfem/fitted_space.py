"""Lagrange spaces on meshes that fit the interfaces of a cell, periodic, in scikit-fem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem

from ..arrays import Array, Integers
from ..fitted.elements import EDGES
from ..fitted.functions import FittedMesh, SimplexFunction, SimplexMesh, function_of
from ..fitted.periodic import periodic_numbers
from .space import FunctionSpace, space_on

ELEMENTS = {
    (2, 1): skfem.ElementTriP1,
    (2, 2): skfem.ElementTriP2,
    (2, 3): skfem.ElementTriP3,
    (3, 1): skfem.ElementTetP1,
    (3, 2): skfem.ElementTetP2,
}
"""By dimension and degree."""
_STRAIGHT = {2: skfem.MeshTri, 3: skfem.MeshTet}
_CURVED = {2: skfem.MeshTri2, 3: skfem.MeshTet2}


def skfem_simplices(mesh: SimplexMesh) -> skfem.Mesh:
    """The mesh of scikit-fem, whose elements have their corners in increasing order: edges of
    elements of degree 3 have two unknowns, and MeshTri2 leaves them to the order of the triangle.
    """
    points, cells = mesh.mesh.points, mesh.mesh.cells
    corners, numbers = np.unique(cells[:, : mesh.dim + 1], return_inverse=True)
    numbers = numbers.reshape(len(cells), -1)
    ends = np.ascontiguousarray(points[corners].T)
    straight = _STRAIGHT[mesh.dim](ends, np.ascontiguousarray(np.sort(numbers, axis=1).T))
    edges = straight.facets if mesh.dim == 2 else straight.edges
    # Of scikit-fem they have 32 bits, which products of numbers of corners exceed.
    first, last = np.sort(edges, axis=0).astype(np.int64)
    known = np.sort(numbers[:, EDGES[mesh.dim]].reshape(-1, 2), axis=1) @ [len(corners), 1]
    order = np.argsort(known)
    found = order[np.searchsorted(known, first * len(corners) + last, sorter=order)]
    middles = cells[:, mesh.dim + 1 :].ravel()[found]
    places = np.ascontiguousarray(np.concatenate([points[corners], points[middles]]).T)
    return _CURVED[mesh.dim](places, straight.t, sort_t=True)


def _keast() -> tuple[Array, Array]:
    """Points (3, 15) and weights on the reference tetrahedron, of degree 5: those of DOLFINx, where
    scikit-fem has others (Keast, Comput. Methods Appl. Mech. Eng. 55 (1986) 339)."""
    near = 0.25 - np.sqrt(7 / 208)
    orbits = [
        ((0.25,) * 4, 6544 / 36015),
        ((0.0, 1 / 3, 1 / 3, 1 / 3), 81 / 2240),
        ((8 / 11, 1 / 11, 1 / 11, 1 / 11), 161051 / 2304960),
        ((near, near, 0.5 - near, 0.5 - near), 338 / 5145),
    ]
    points, weights = [], []
    for shares, weight in orbits:
        images = sorted(set(permutations(shares)))
        points += images
        weights += [weight / 6] * len(images)
    return np.ascontiguousarray(np.array(points)[:, 1:].T), np.array(weights)


def _gatermann() -> tuple[Array, Array]:
    """Points (2, 12) and weights on the reference triangle, of degree 7: the rule of scikit-fem has
    a negative weight, with which convex energies need not stay convex (K. Gatermann, Computing 40
    (1988) 229).
    """
    orbits = [
        (0.06238226509439084, 0.06751786707392436, 0.02651702815743450),
        (0.05522545665692000, 0.3215024938520156, 0.04388140871444811),
        (0.03432430294509488, 0.6609491961867980, 0.02877504278497528),
        (0.5158423343536001, 0.2777161669764050, 0.06749318700980879),
    ]
    shares = [(a, b, 1 - a - b) for a, b, _ in orbits]
    points = [(s[k], s[(k + 1) % 3]) for s in shares for k in range(3)]
    weights = np.repeat([weight for _, _, weight in orbits], 3)
    return np.ascontiguousarray(np.array(points).T), weights


@dataclass(frozen=True)
class FittedSpace(FunctionSpace):
    """P_degree functions on curved triangles or tetrahedra; unknowns are the nodes of the torus."""

    mesh: FittedMesh
    degree: int

    @property
    def dim(self) -> int:
        return self.mesh.dim

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.mesh.bounds

    @cached_property
    def basis(self) -> Any:
        """The quadrature is exact for products of gradients on straight elements, and one order
        better."""
        element = ELEMENTS[self.dim, self.degree]()
        order = 2 * self.degree + 1
        rules = {(3, 5): _keast, (2, 7): _gatermann}
        rule = rules[self.dim, order]() if (self.dim, order) in rules else None
        return skfem.Basis(skfem_simplices(self.mesh), element, intorder=order, quadrature=rule)

    @cached_property
    def _numbers(self) -> Integers:
        """The unknown of each dof of scikit-fem."""
        return periodic_numbers(self.basis.doflocs.T, self.mesh.repeats)

    @property
    def unknowns_of(self) -> Integers:
        """The unknowns (k, m) of each element."""
        return np.asarray(self._numbers[self.basis.element_dofs])

    @cached_property
    def prolongation(self) -> sps.csr_matrix:
        """The 0/1 matrix P (dofs of scikit-fem x unknowns) with which a periodic system is
        P^T A P, P^T b."""
        count = len(self._numbers)
        entries = (np.ones(count), (np.arange(count), self._numbers))
        return sps.csr_matrix(entries, shape=(count, int(self._numbers.max()) + 1))

    @cached_property
    def nodes(self) -> Array:
        found = np.zeros((self.dim, self.prolongation.shape[1]))
        found[:, self._numbers] = self.basis.doflocs
        return found

    def unknowns_on(self, names: Sequence[str], clamped: bool = False) -> Integers:
        raise KeyError("a periodic cell has no boundary")

    def boundary_basis(self, names: Sequence[str]) -> Any:
        raise KeyError("a periodic cell has no boundary")

    def places(self, basis: Any) -> Array:
        points = np.asarray(basis.global_coordinates())
        return np.moveaxis(self.mesh.wrapped(np.moveaxis(points, 0, -1)), -1, 0)

    def middles(self, places: Array) -> Array:
        return np.broadcast_to(self.mesh.middles.T[..., None], places.shape)

    def matrix(self, form: Any, basis: Any, fields: dict[str, Any]) -> sps.csr_matrix:
        return (self.prolongation.T @ form.assemble(basis, **fields) @ self.prolongation).tocsr()

    def measured(self, form: Any, basis: Any, fields: dict[str, Any]) -> tuple[Array, float]:
        local = form.elemental(basis, **fields)
        vector = np.asarray(self.prolongation.T @ local.todefault())
        return vector, float(np.abs(local.data).sum())

    def grid(self, values: Array) -> SimplexFunction:
        dofs = values[..., self._numbers]
        own = self.basis.element_dofs.T
        return function_of(self.mesh, self.degree, self.basis.doflocs.T[own], dofs[..., own])


@space_on.register
def _(mesh: FittedMesh, degree: int, periodic: tuple[int, ...], forms: Any) -> FunctionSpace:
    return FittedSpace(mesh, mesh.degree or degree)
