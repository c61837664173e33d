"""Lagrange functions on meshes that fit the interfaces of a cell, periodic, in DOLFINx: the same on
any number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, Integers
from ..fitted.elements import nodes, places_of
from ..fitted.functions import FittedMesh, SimplexFunction
from ..fitted.periodic import periodic_numbers, shares_in
from ..kd_tree import kd_tree
from ..rigid_modes import independent, motions
from .compat import coordinates, fem, function_space, piecewise_constants, simplex_mesh
from .space import BoxSpace, ConstrainedParts, space_on


def glued(unknown: Integers) -> tuple[Integers, Integers]:
    """For nodes of all ranks, of which those with one number are one unknown: the column of each,
    and the first node of each unknown. Columns follow the nodes, so that those of a rank are
    together.
    """
    _, masters = np.unique(unknown, return_index=True)
    column = np.empty(len(masters), dtype=np.int64)
    column[np.argsort(masters)] = np.arange(len(masters))
    return column[unknown], np.sort(masters)


def copies(
    comm: MPI.Comm, columns: Integers, masters: Integers, mine: slice, components: int
) -> tuple[PETSc.Mat, Integers]:
    """P, and the owned dofs that its columns stand for, from `glued`; the nodes `mine` are this
    rank's."""
    own = masters[(masters >= mine.start) & (masters < mine.stop)] - mine.start
    c = components
    targets = (columns[mine][:, None] * c + np.arange(c)).ravel().astype(PETSc.IntType)
    sizes = ((len(targets), None), (len(own) * c, None))
    P = PETSc.Mat().createAIJ(sizes, bsize=(c, c), nnz=(1, 1), comm=comm)
    P.setValuesCSR(np.arange(len(targets) + 1, dtype=PETSc.IntType), targets, 1.0 + 0 * targets)
    P.assemble()
    return P, (own[:, None] * c + np.arange(c)).ravel()


class FittedSpace(BoxSpace):
    """The same as `BoxSpace` for curved triangles that tile the plane, or tetrahedra that tile
    space: nodes are matched by their places modulo the periods."""

    def __init__(
        self,
        comm: MPI.Comm,
        elements: FittedMesh,
        degree: int,
        components: int = 1,
        like: FittedSpace | None = None,
    ) -> None:
        """like: other functions on the same elements, with which forms hold these."""
        self.comm = comm
        self.elements = elements
        self.degree = degree
        self.components = components
        own = elements.mesh
        if like is None:
            self.mesh, self.cell_numbers = simplex_mesh(comm, own.points, own.cells)
        else:
            self.mesh, self.cell_numbers = like.mesh, like.cell_numbers
        self.space = function_space(self.mesh, degree, components)
        self.x = self._inside(ufl.SpatialCoordinate(self.mesh))
        self.quadrature_degree = 2 * degree + 1
        rule = {"quadrature_degree": self.quadrature_degree}
        self.dx = ufl.Measure("dx", domain=self.mesh, metadata=rule)
        self._points = coordinates(self.space)
        self.held = np.zeros(self.owned * components, dtype=bool)
        self.P, self.masters = self._periodic()

    @property
    def owned(self) -> int:
        return len(self._points)

    @property
    def volume(self) -> float:
        return abs(float(np.linalg.det(self.elements.mesh.vectors)))

    def middles(self, names: Sequence[str]) -> dict[str, fem.Function]:
        """The coordinates of a point inside of each element, by these names."""
        found = {}
        for name, values in zip(names, self.elements.middles.T, strict=True):
            function = fem.Function(piecewise_constants(self.mesh))
            function.x.array[:] = values[self.cell_numbers]
            found[name] = function
        return found

    def wrapped(self, points: Array) -> Array:
        return self.elements.wrapped(points)

    def _inside(self, x: ufl.core.expr.Expr) -> ufl.core.expr.Expr:
        """The image in the cell, which is a box, of a point that lies less than a period beside
        it."""
        parts = []
        for axis, (low, high) in enumerate(self.elements.bounds):
            below = ufl.conditional(ufl.lt(x[axis], low), x[axis] + (high - low), x[axis])
            parts.append(ufl.conditional(ufl.ge(x[axis], high), x[axis] - (high - low), below))
        return ufl.as_vector(parts)

    @cached_property
    def _everywhere(self) -> tuple[Array, int]:
        """The nodes of all ranks, and the number of those of the ranks before."""
        parts = self.comm.allgather(self._points)
        return np.concatenate(parts), sum(len(part) for part in parts[: self.comm.rank])

    def _periodic(self) -> tuple[PETSc.Mat, Integers]:
        """P, and the owned dofs that its columns stand for: of nodes that are images of each other
        the first one."""
        points, first = self._everywhere
        columns, masters = glued(periodic_numbers(points, self.elements.repeats))
        mine = slice(first, first + self.owned)
        return copies(self.comm, columns, masters, mine, self.components)

    def motions(self) -> Array:
        whole = motions(self._points, self.elements.bounds, self.components)
        return independent(whole[self.masters], self.comm.allgather)

    def grid(self, values: Array) -> SimplexFunction:
        points, _ = self._everywhere
        gathered = np.concatenate(self.comm.allgather(values), axis=-1)
        vectors = self.elements.repeats
        places = places_of(self.elements.corners_and_middles, nodes(self.degree, self.elements.dim))
        tree = kd_tree(shares_in(points, vectors), 1.0)
        _, number = tree.query(shares_in(places.reshape(-1, len(vectors)), vectors))
        held = gathered[..., number].reshape(*values.shape[:-1], *places.shape[:2])
        return SimplexFunction(self.elements, self.degree, held)


@space_on.register
def _(
    mesh: FittedMesh,
    comm: MPI.Comm,
    degree: int,
    periodic: Sequence[int],
    fixed: Sequence[tuple[str, int]],
    components: int,
    parts: ConstrainedParts,
    tags: Mapping[str, int],
) -> BoxSpace:
    return FittedSpace(comm, mesh, mesh.degree or degree, components)
