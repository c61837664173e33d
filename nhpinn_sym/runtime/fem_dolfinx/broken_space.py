"""Functions in DOLFINx that may jump across interfaces of a cell, periodic: those on cells without
any continuity, whose nodes at one place and on one side are one unknown; the same on any number of
ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sps
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, Integers
from ..broken_grid import BrokenGrid
from ..contact import contact_entries, element_middles, element_sides, jump_facets
from ..fitted.elements import nodes, places_of
from ..fitted.functions import FittedMesh, SimplexFunction
from ..fitted.periodic import TorusNodes
from ..lattice import Lattice
from ..mesh import Mesh, MeshFunction
from ..rigid_modes import independent, motions
from .compat import coordinates, function_space, piecewise_constants
from .fitted_space import FittedSpace, copies, glued
from .space import BoxSpace


class BrokenSpace(BoxSpace):
    """The same as the continuous functions `whole` on a mesh, which may jump where `forms` have
    contacts; `data`: values of the parameters."""

    def __init__(self, whole: BoxSpace, mesh: Mesh, forms: Any, data: Mapping[str, Any]) -> None:
        self.comm: MPI.Comm = whole.comm
        self.cell_mesh = mesh
        self.degree = whole.degree
        self.components = whole.components
        self.mesh = whole.mesh
        self.x = whole.x
        self.dx = whole.dx
        self.quadrature_degree = whole.quadrature_degree
        self.space = function_space(self.mesh, self.degree, self.components, broken=True)
        self._whole = whole
        self._forms = forms
        self._element_sides = element_sides(forms, element_middles(mesh), data)
        self._points = coordinates(self.space)
        self.held = np.zeros(self.owned * self.components, dtype=bool)
        parts = self.comm.allgather((self._points, self._dof_sides(data)))
        first = sum(len(points) for points, _ in parts[: self.comm.rank])
        self._places, self._all_sides = (np.concatenate(part) for part in zip(*parts, strict=True))
        self._torus = TorusNodes(self._places, self._vectors, self._all_sides)
        self._columns, masters = glued(self._torus.numbers)
        mine = slice(first, first + self.owned)
        self.P, self.masters = copies(self.comm, self._columns, masters, mine, self.components)

    @property
    def owned(self) -> int:
        return len(self._points)

    @property
    def volume(self) -> float:
        return self._whole.volume

    @property
    def _vectors(self) -> Array:
        if isinstance(self.cell_mesh, FittedMesh):
            return self.cell_mesh.mesh.vectors
        return np.diag([high - low for low, high in self.cell_mesh.bounds])

    def _dof_sides(self, data: Mapping[str, Any]) -> Integers:
        """Of the nodes that this rank owns."""
        if isinstance(self._whole, FittedSpace):
            of_cells = self._element_sides[self._whole.cell_numbers]
        else:
            middles = piecewise_constants(self.mesh).tabulate_dof_coordinates()
            of_cells = element_sides(self._forms, middles[:, : self.cell_mesh.dim], data)
        topology = self.mesh.topology
        found = np.zeros(self.owned, dtype=np.int64)
        for cell in range(topology.index_map(topology.dim).size_local):
            found[self.space.dofmap.cell_dofs(cell)] = of_cells[cell]
        return found

    def middles(self, names: Any) -> Any:
        return self._whole.middles(names)

    def wrapped(self, points: Array) -> Array:
        return self._whole.wrapped(points)

    def contact(self, data: Mapping[str, Any]) -> PETSc.Mat:
        """int K [u] [v] over all interfaces: every rank computes all of it, and keeps its rows."""
        facets = jump_facets(self.cell_mesh, self._element_sides, self.degree)
        count = facets.nodes.shape[1]
        flat = facets.nodes.reshape(-1, self.cell_mesh.dim)
        numbers = [
            self._columns[self._torus.first(flat, np.repeat(own, count))].reshape(-1, count)
            for own in facets.sides.T
        ]
        rows, columns, values = contact_entries(self._forms, facets, data, np.stack(numbers, 1))
        size = self.P.getSize()[1]
        whole = sps.csr_matrix((values, (rows, columns)), shape=(size, size))
        start, end = self.P.getOwnershipRangeColumn()
        mine = whole[start:end]
        places = (mine.indptr.astype(PETSc.IntType), mine.indices.astype(PETSc.IntType))
        sizes = ((end - start, None), (end - start, None))
        return PETSc.Mat().createAIJ(sizes, csr=(*places, mine.data), comm=self.comm)

    def motions(self) -> Array:
        whole = motions(self._points, self.cell_mesh.bounds, self.components)
        return independent(whole[self.masters], self.comm.allgather)

    def grid(self, values: Array) -> MeshFunction:
        gathered = np.concatenate(self.comm.allgather(values), axis=-1)
        mesh = self.cell_mesh
        if isinstance(mesh, Lattice):
            return BrokenGrid.from_dofs(
                self._places, self._all_sides, gathered, mesh, self.degree, self._element_sides
            )
        assert isinstance(mesh, FittedMesh)
        places = places_of(mesh.corners_and_middles, nodes(self.degree, mesh.dim))
        sides = np.repeat(self._element_sides, places.shape[1])
        number = self._torus.first(places.reshape(-1, mesh.dim), sides)
        held = gathered[..., number].reshape(*values.shape[:-1], *places.shape[:2])
        return SimplexFunction(mesh, self.degree, held)
