"""Lagrange functions on meshes of plane regions in DOLFINx: the same on any number of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, Flags, Integers
from ..fitted.domain_mesh import RegionMesh, on_facets, quadrature_degree
from ..fitted.elements import nodes, places_of
from ..fitted.functions import SimplexFunction
from ..kd_tree import kd_tree
from .compat import coordinates, dmesh, function_space, simplex_mesh
from .fitted_space import FittedSpace
from .space import BoxSpace, ConstrainedParts, space_on

# Share of the size of the mesh by which places of one node differ by rounding.
_SAME = 1e-10


class RegionSpace(FittedSpace):
    """The same as `BoxSpace` for curved triangles or tetrahedra with named facets: nodes are found
    by their places."""

    elements: RegionMesh  # type: ignore[assignment]

    def __init__(
        self,
        comm: MPI.Comm,
        elements: RegionMesh,
        degree: int,
        fixed: Sequence[tuple[str, int]],
        components: int,
        tags: Mapping[str, int],
    ) -> None:
        self.comm = comm
        self.elements = elements
        self.degree = degree
        self.components = components
        own = elements.mesh
        self.mesh, self.cell_numbers = simplex_mesh(comm, own.points, own.cells)
        self.space = function_space(self.mesh, degree, components)
        self.x = ufl.SpatialCoordinate(self.mesh)
        self.quadrature_degree = quadrature_degree(degree, elements.dim)
        rule = {"quadrature_degree": self.quadrature_degree}
        marked = self._facet_tags(tags)
        self.dx = ufl.Measure("dx", domain=self.mesh, metadata=rule)
        self.ds = ufl.Measure("ds", domain=self.mesh, subdomain_data=marked, metadata=rule)
        self.dS = ufl.Measure("dS", domain=self.mesh, metadata=rule)
        self._points = coordinates(self.space)
        self.held = np.zeros(self.owned * components, dtype=bool)
        for name, field in fixed:
            self.held |= self.on([name], field)
        # where all components are held alike, the free dofs are blocks, one for each node
        whole = all((name, field) in fixed for name, _ in fixed for field in range(components))
        self.P, self.masters = self._free_dofs(components if whole else 1)

    @cached_property
    def volume(self) -> float:
        return float(self.elements.mesh.volumes.sum())

    @property
    def _reach(self) -> float:
        return _SAME * float(np.ptp(self.elements.mesh.points, axis=0).max())

    def nodes_on(self, parts: Sequence[str]) -> Flags:
        own = self.elements.mesh
        held = [own.points[own.facets_on(name)] for name in parts]
        places = np.concatenate([on_facets(x, self.degree).reshape(-1, own.dim) for x in held])
        return np.asarray(kd_tree(places).query(self._points)[0] < self._reach)

    def _facet_tags(self, tags: Mapping[str, int]) -> dmesh.MeshTags:
        """Facets of the boundary are found by the middles between their corners."""
        own = self.elements.mesh
        dim = own.dim
        self.mesh.topology.create_connectivity(dim - 1, dim)
        facets = np.sort(dmesh.exterior_facet_indices(self.mesh.topology))
        middles = dmesh.compute_midpoints(self.mesh, dim - 1, facets)[:, :dim]
        tree = kd_tree(own.points[own.facets[:, :dim]].mean(axis=1))
        numbers = np.array([tags[name] for name in own.names], dtype=np.int32)
        marks = numbers[own.parts[tree.query(middles)[1]]] if len(facets) else numbers[:0]
        return dmesh.meshtags(self.mesh, dim - 1, facets, marks)

    def _free_dofs(self, block: int) -> tuple[PETSc.Mat, Integers]:
        """P, whose free dofs come in blocks of that size, and the owned dofs that its columns stand
        for."""
        free = ~self.held
        count = int(free.sum())
        first = sum(self.comm.allgather(count)[: self.comm.rank])
        sizes = ((len(free), None), (count, None))
        P = PETSc.Mat().createAIJ(sizes, bsize=(self.components, block), nnz=(1, 1), comm=self.comm)
        starts = np.concatenate([[0], np.cumsum(free)]).astype(PETSc.IntType)
        columns = (first + np.arange(count)).astype(PETSc.IntType)
        P.setValuesCSR(starts, columns, np.ones(count))
        P.assemble()
        return P, np.flatnonzero(free)

    def grid(self, values: Array) -> SimplexFunction:
        points, _ = self._everywhere
        gathered = np.concatenate(self.comm.allgather(values), axis=-1)
        places = places_of(self.elements.corners_and_middles, nodes(self.degree, self.elements.dim))
        _, number = kd_tree(points).query(places.reshape(-1, places.shape[2]))
        held = gathered[..., number].reshape(*values.shape[:-1], *places.shape[:2])
        return SimplexFunction(self.elements, self.degree, held)


@space_on.register
def _(
    mesh: RegionMesh,
    comm: MPI.Comm,
    degree: int,
    periodic: Sequence[int],
    fixed: Sequence[tuple[str, int]],
    components: int,
    parts: ConstrainedParts,
    tags: Mapping[str, int],
) -> BoxSpace:
    return RegionSpace(comm, mesh, mesh.degree or degree, fixed, components, tags)
