"""Lagrange spaces on meshes that fit the interfaces of a cell, periodic, in scikit-fem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem

from ..arrays import Array, Integers
from ..fitted.functions import FittedMesh, PlaneMesh, TriangleFunction, function_of
from ..fitted.periodic import periodic_numbers
from .space import FunctionSpace, space_on

ELEMENTS = {1: skfem.ElementTriP1, 2: skfem.ElementTriP2, 3: skfem.ElementTriP3}


def skfem_triangles(mesh: PlaneMesh) -> skfem.MeshTri2:
    """The mesh of scikit-fem, whose triangles have their corners in increasing order: edges of
    elements of degree 3 have two unknowns, and MeshTri2 leaves them to the order of the triangle.
    """
    points, cells = mesh.mesh.points, mesh.mesh.cells
    corners, numbers = np.unique(cells[:, :3], return_inverse=True)
    numbers = numbers.reshape(-1, 3)
    order = np.argsort(numbers, axis=1)
    ends = np.ascontiguousarray(points[corners].T)
    straight = skfem.MeshTri(ends, np.ascontiguousarray(np.sort(numbers, axis=1).T))
    middles = np.zeros(straight.facets.shape[1], dtype=int)
    # Facets of a triangle with sorted corners join its corners 0 and 1, 1 and 2, 0 and 2.
    for k, (one, other) in enumerate([(0, 1), (1, 2), (0, 2)]):
        first, last = order[:, one], order[:, other]
        # Corners i and j are joined by edge i where j follows it, else by edge j.
        edge = np.where((first + 1) % 3 == last, first, last)
        middles[straight.t2f[k]] = np.take_along_axis(cells[:, 3:], edge[:, None], axis=1)[:, 0]
    places = np.ascontiguousarray(np.concatenate([points[corners], points[middles]]).T)
    return skfem.MeshTri2(places, straight.t, sort_t=True)


@dataclass(frozen=True)
class FittedSpace(FunctionSpace):
    """P_degree functions on curved triangles; unknowns are the nodes of the torus."""

    mesh: FittedMesh
    degree: int

    @property
    def dim(self) -> int:
        return 2

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.mesh.bounds

    @cached_property
    def basis(self) -> Any:
        """The quadrature is exact for products of gradients on straight triangles, and one order
        better."""
        return skfem.Basis(
            skfem_triangles(self.mesh), ELEMENTS[self.degree](), intorder=2 * self.degree + 1
        )

    @cached_property
    def _numbers(self) -> Integers:
        """The unknown of each dof of scikit-fem."""
        return periodic_numbers(self.basis.doflocs.T, self.mesh.mesh.vectors)

    @property
    def unknowns_of(self) -> Integers:
        """The unknowns (k, m) of each triangle."""
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
        found = np.zeros((2, self.prolongation.shape[1]))
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

    def grid(self, values: Array) -> TriangleFunction:
        dofs = values[..., self._numbers]
        own = self.basis.element_dofs.T
        return function_of(self.mesh, self.degree, self.basis.doflocs.T[own], dofs[..., own])


@space_on.register
def _(mesh: FittedMesh, degree: int, periodic: tuple[int, ...], forms: Any) -> FunctionSpace:
    return FittedSpace(mesh, mesh.degree or degree)
