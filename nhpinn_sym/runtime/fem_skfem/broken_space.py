"""Functions in scikit-fem that may jump across interfaces of a cell, periodic: those on elements
without any continuity, whose nodes at one place and on one side are one unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem

from ..arrays import Array, Integers
from ..broken_grid import BrokenGrid
from ..contact import contact_entries, element_middles, element_sides, jump_facets
from ..fitted.functions import FittedMesh, function_of
from ..fitted.periodic import TorusNodes
from ..lattice import Lattice
from ..mesh import Mesh, MeshFunction
from .space import Data, FunctionSpace


@dataclass(frozen=True)
class BrokenSpace(FunctionSpace):
    """whole: the continuous functions on the same mesh; sides: that of each element of the mesh.

    `data`: values of the parameters, on which the interfaces and their contacts may depend.
    """

    whole: FunctionSpace
    mesh: Mesh
    degree: int
    forms: Any
    data: Data

    @property
    def dim(self) -> int:
        return self.whole.dim

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.whole.bounds

    @cached_property
    def basis(self) -> Any:
        old = self.whole.basis
        element = skfem.ElementDG(old.elem)
        return skfem.Basis(old.mesh, element, mapping=old.mapping, quadrature=old.quadrature)

    @cached_property
    def _sides(self) -> Integers:
        """Of the elements of the mesh."""
        return element_sides(self.forms, element_middles(self.mesh), self.data)

    @cached_property
    def _dof_sides(self) -> Integers:
        """Of the dofs of scikit-fem, by the middles of its own elements."""
        basis = self.basis
        found = np.zeros(basis.N, dtype=np.int64)
        if isinstance(self.mesh, FittedMesh):
            own = self._sides
        else:
            corners = basis.mesh.p[:, basis.mesh.t]
            own = element_sides(self.forms, corners.mean(axis=1).T, self.data)
        found[basis.element_dofs] = own
        return found

    @cached_property
    def _torus(self) -> TorusNodes:
        return TorusNodes(self.basis.doflocs.T, self._vectors, self._dof_sides)

    @property
    def _vectors(self) -> Array:
        if isinstance(self.mesh, FittedMesh):
            return self.mesh.mesh.vectors
        return np.diag([high - low for low, high in self.bounds])

    @cached_property
    def prolongation(self) -> sps.csr_matrix:
        """The 0/1 matrix P (dofs of scikit-fem x unknowns)."""
        numbers = self._torus.numbers
        entries = (np.ones(len(numbers)), (np.arange(len(numbers)), numbers))
        return sps.csr_matrix(entries, shape=(len(numbers), self._torus.count))

    @cached_property
    def nodes(self) -> Array:
        found = np.zeros((self.dim, self._torus.count))
        found[:, self._torus.numbers] = self.basis.doflocs
        return found

    def unknowns_on(self, names: Sequence[str], clamped: bool = False) -> Integers:
        raise KeyError("a periodic cell has no boundary")

    def boundary_basis(self, names: Sequence[str]) -> Any:
        raise KeyError("a periodic cell has no boundary")

    def places(self, basis: Any) -> Array:
        return self.whole.places(basis)

    def middles(self, places: Array) -> Array:
        return self.whole.middles(places)

    def matrix(self, form: Any, basis: Any, fields: dict[str, Any]) -> sps.csr_matrix:
        return (self.prolongation.T @ form.assemble(basis, **fields) @ self.prolongation).tocsr()

    def measured(self, form: Any, basis: Any, fields: dict[str, Any]) -> tuple[Array, float]:
        local = form.elemental(basis, **fields)
        vector = np.asarray(self.prolongation.T @ local.todefault())
        return vector, float(np.abs(local.data).sum())

    def contact(self, data: Data) -> sps.csr_matrix:
        """int K [u] [v] over all interfaces, for unknowns that are numbered node by node."""
        facets = jump_facets(self.mesh, self._sides, self.degree)
        numbers = self._torus.on_facets(facets.nodes, facets.sides)
        rows, columns, values = contact_entries(self.forms, facets, data, numbers)
        size = self._torus.count * self.forms.COMPONENTS
        return sps.csr_matrix((values, (rows, columns)), shape=(size, size))

    def grid(self, values: Array) -> MeshFunction:
        dofs = values[..., self._torus.numbers]
        places = self.basis.doflocs.T
        if isinstance(self.mesh, FittedMesh):
            own = self.basis.element_dofs.T
            return function_of(self.mesh, self.degree, places[own], dofs[..., own])
        assert isinstance(self.mesh, Lattice)
        return BrokenGrid.from_dofs(
            places, self._dof_sides, dofs, self.mesh, self.degree, self._sides
        )


def broken_space(
    space_on: Callable[..., FunctionSpace], mesh: Mesh, degree: int, forms: Any, data: Data
) -> FunctionSpace:
    """The functions that the cell problems of `forms` ask for: those that may jump where they have
    contacts."""
    free = getattr(forms, "FREE", ())
    periodic = tuple(axis for axis in range(mesh.dim) if axis not in free)
    whole = space_on(mesh, degree, periodic, forms)
    if not getattr(forms, "CONTACTS", 0):
        return whole
    return BrokenSpace(whole, mesh, getattr(mesh, "degree", None) or degree, forms, data)
