"""Lagrange spaces on meshes of plane regions, in scikit-fem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import skfem
from skfem.mapping import MappingIsoparametric

from ..arrays import Array, Integers
from ..fitted.domain_mesh import RegionMesh, quadrature_degree
from ..fitted.functions import SimplexFunction, function_of
from .fitted_space import ELEMENTS, skfem_simplices
from .space import FunctionSpace, space_on

# Of Newton's method, which is quadratic, and the last step of it: rounding in small triangles, or
# as many times what that of coordinates makes of it.
_STEPS = 8
_FOUND = 1e-6
_ROUNDING = 16 * np.finfo(float).eps


class CurvedMapping(MappingIsoparametric):
    """That of curved triangles; next to a corner they may be so small that Newton's method ends by
    rounding of the coordinates, which scikit-fem takes for a failure."""

    def invF(self, x: Array, tind: Any = None, **options: Any) -> Array:
        place = np.full(x.shape, 1 / (len(x) + 1))
        for _ in range(_STEPS):
            inverse = self.invDF(place, tind)
            step = np.einsum("ijkl,jkl->ikl", inverse, x - self.F(place, tind))
            place = np.clip(place + step, 0.0, 1.0)
        noise = _ROUNDING * np.einsum("ijkl,jkl->ikl", np.abs(inverse), np.abs(x))
        if not (np.abs(step) < _FOUND + noise).all():
            raise RuntimeError("an edge of a triangle is not found in it")
        return place


@dataclass(frozen=True)
class RegionSpace(FunctionSpace):
    """P_degree functions on curved triangles or tetrahedra."""

    mesh: RegionMesh
    degree: int

    @property
    def dim(self) -> int:
        return self.mesh.dim

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.mesh.bounds

    @property
    def _order(self) -> int:
        return quadrature_degree(self.degree, self.dim)

    @cached_property
    def _mapping(self) -> CurvedMapping:
        mesh = skfem_simplices(self.mesh)
        return CurvedMapping(mesh, mesh.elem(), mesh.bndelem)

    @cached_property
    def basis(self) -> Any:
        element, mapping = ELEMENTS[self.dim, self.degree](), self._mapping
        return skfem.Basis(mapping.mesh, element, mapping=mapping, intorder=self._order)

    @property
    def nodes(self) -> Array:
        return np.asarray(self.basis.doflocs)

    @cached_property
    def _facets(self) -> dict[str, Integers]:
        """The edges of scikit-fem by the name of their part."""
        mesh = self.basis.mesh
        corners = np.unique(self.mesh.mesh.cells[:, : self.dim + 1])
        known = {tuple(ends): k for k, ends in enumerate(np.sort(mesh.facets, axis=0).T.tolist())}
        found = {}
        for name in self.mesh.mesh.names:
            ends = np.searchsorted(corners, self.mesh.mesh.facets_on(name)[:, : self.dim])
            found[name] = np.array([known[tuple(e)] for e in np.sort(ends, axis=1).tolist()], int)
        return found

    def _on(self, names: Sequence[str]) -> Integers:
        return np.concatenate([self._facets[name] for name in names])

    def unknowns_on(self, names: Sequence[str], clamped: bool = False) -> Integers:
        return np.asarray(self.basis.get_dofs(self._on(names)).flatten())

    def boundary_basis(self, names: Sequence[str]) -> Any:
        facets, mapping = self._on(names), self._mapping
        given = {"facets": facets, "mapping": mapping, "intorder": self._order}
        return skfem.FacetBasis(mapping.mesh, self.basis.elem, **given)

    def middles(self, places: Array) -> Array:
        """A point inside of each triangle, at the points (2, m, n) of the quadrature."""
        return np.broadcast_to(self.mesh.middles.T[..., None], places.shape)

    def matrix(self, form: Any, basis: Any, fields: dict[str, Any]) -> Any:
        return form.assemble(basis, **fields).tocsr()

    def measured(self, form: Any, basis: Any, fields: dict[str, Any]) -> tuple[Array, float]:
        local = form.elemental(basis, **fields)
        return np.asarray(local.todefault()), float(np.abs(local.data).sum())

    def grid(self, values: Array) -> SimplexFunction:
        own = self.basis.element_dofs.T
        return function_of(self.mesh, self.degree, self.basis.doflocs.T[own], values[..., own])


@space_on.register
def _(mesh: RegionMesh, degree: int, periodic: tuple[int, ...], forms: Any) -> FunctionSpace:
    return RegionSpace(mesh, mesh.degree or degree)
