"""Lagrange functions on a lattice in DOLFINx, with periodic axes and Dirichlet parts eliminated:
the same on any number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial, singledispatch
from types import MappingProxyType

import numpy as np
import ufl
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from ..arrays import Array
from ..lagrange_grid import LagrangeGrid
from ..lattice import Lattice
from ..mesh import Mesh, MeshFunction
from ..rigid_modes import independent, motions
from .compat import (
    box_mesh,
    broken_space,
    compiled_expression,
    coordinates,
    dmesh,
    fem,
    function_space,
    piecewise_constants,
    quadrature_space,
    release,
    vector,
)

ConstrainedParts = Mapping[str, Sequence[float]]
"""The outward normal of each part of the boundary, by its name."""
# How far from a side, as a part of the box's length, a point on it may be.
_ON_SIDE = 1e-9


class BoxSpace:
    """Functions u = P w + g: w are the free dofs, g has the Dirichlet values where `fixed` (names
    of parts of the boundary, each with a component), and else is 0.

    P (all dofs x free dofs) holds at most one entry 1 a row: it copies the free dofs to the
    opposite sides of the axes `periodic`, and its rows are empty at the fixed dofs, `held`. A
    linear system A u = b becomes P^T A P w = P^T (b - A g).
    Functions with several `components` have as many dofs at each node, one after the other. Degree
    1, 2 or 3; `dx`, `ds` and `dS` (between cells) are the measures, and ds(tags[name]) is the part
    of that name.
    """

    def __init__(
        self,
        comm: MPI.Comm,
        lattice: Lattice,
        degree: int,
        periodic: Sequence[int] = (),
        fixed: Sequence[tuple[str, int]] = (),
        components: int = 1,
        parts: ConstrainedParts = MappingProxyType({}),
        tags: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        if degree not in (1, 2, 3):
            raise ValueError(
                f"degree {degree}: elements of degree 1, 2 and 3 are there, whose dofs are on a"
                " lattice"
            )
        self.comm = comm
        self.lattice = lattice
        self.degree = degree
        self._sides = {name: lattice.side(normal) for name, normal in parts.items()}
        self.mesh = box_mesh(comm, lattice)
        self.components = components
        self.space = function_space(self.mesh, degree, components)
        self.x = ufl.SpatialCoordinate(self.mesh)
        # Exact for products of two functions and a linear coefficient: the order 2 degree of
        # effective coefficients is kept.
        self.quadrature_degree = 2 * degree + 1
        rule = {"quadrature_degree": self.quadrature_degree}
        marked = self._facet_tags(tags)
        self.dx = ufl.Measure("dx", domain=self.mesh, metadata=rule)
        self.ds = ufl.Measure("ds", domain=self.mesh, subdomain_data=marked, metadata=rule)
        self.dS = ufl.Measure("dS", domain=self.mesh, metadata=rule)
        self._ends = np.array(lattice.cells) * degree
        points = coordinates(self.space)
        places = [lattice.numbers(axis, points[:, axis], degree) for axis in range(lattice.dim)]
        self._nodes = np.stack(places, axis=1)
        self.held = np.zeros(self.owned * components, dtype=bool)
        for name, field in fixed:
            self.held |= self.on([name], field)
        # where all components are held alike, the free dofs are blocks, one for each node
        whole = all((name, field) in fixed for name, _ in fixed for field in range(components))
        # the owned dofs that the columns of P stand for
        self.P, self.masters = self._prolongation(list(periodic), components if whole else 1)

    @property
    def dofs(self) -> int:
        """The number of free dofs on all ranks."""
        return int(self.P.getSize()[1])

    @property
    def owned(self) -> int:
        """The number of nodes, fixed and repeated ones included, that this rank owns."""
        return len(self._nodes)

    @property
    def volume(self) -> float:
        """That of the mesh."""
        return math.prod(b - a for a, b in self.lattice.bounds)

    def middles(self, names: Sequence[str]) -> dict[str, ufl.core.expr.Expr]:
        """The coordinates, by these names, of the point at which conditions are asked: in the
        middle of the cell where meshes fit interfaces."""
        return {name: self.x[axis] for axis, name in enumerate(names)}

    def wrapped(self, points: Array) -> Array:
        """Points of the mesh as points of the cell."""
        return points

    def on(self, parts: Sequence[str], component: int) -> NDArray[np.bool_]:
        """Which of the owned dofs are those of a component on one of the parts of the boundary."""
        return np.kron(self.nodes_on(parts), np.arange(self.components) == component)

    def nodes_on(self, parts: Sequence[str]) -> NDArray[np.bool_]:
        """Which of the owned nodes are on one of the parts of the boundary."""
        sides = [self._sides[name] for name in parts]
        hits = [self._nodes[:, axis] == end * self._ends[axis] for axis, end in sides]
        if hits:
            return np.any(hits, axis=0)
        return np.zeros(self.owned, dtype=bool)

    def _facet_tags(self, tags: Mapping[str, int]) -> dmesh.MeshTags:
        """The facets of each part of the boundary, marked by its tag."""
        last = self.lattice.dim - 1
        self.mesh.topology.create_connectivity(last, last + 1)
        found = [np.zeros(0, dtype=np.int32)]
        marks = [np.zeros(0, dtype=np.int32)]
        for name, tag in tags.items():
            axis, end = self._sides[name]
            plane = partial(_on_plane, axis, end, self.lattice.bounds[axis])
            found.append(dmesh.locate_entities_boundary(self.mesh, last, plane))
            marks.append(np.full(len(found[-1]), tag, dtype=np.int32))
        facets = np.concatenate(found)
        order = np.argsort(facets)
        return dmesh.meshtags(self.mesh, last, facets[order], np.concatenate(marks)[order])

    def _prolongation(self, periodic: list[int], block: int) -> tuple[PETSc.Mat, NDArray[np.int64]]:
        """P, whose free dofs come in blocks of that size, and the owned dofs that its columns stand
        for.
        """
        c = self.components
        wrapped = self._nodes.copy()
        wrapped[:, periodic] %= self._ends[periodic]
        free = ~self.held
        master = free & (wrapped == self._nodes).all(axis=1).repeat(c)
        slave = free & ~master
        count = int(master.sum())
        first = sum(self.comm.allgather(count)[: self.comm.rank])
        column = np.zeros(len(master), dtype=np.int64)
        column[master] = first + np.arange(count)
        keys = self._keys(wrapped)
        lower = master & (self._nodes[:, periodic] == 0).any(axis=1).repeat(c)
        # The opposite sides of a box lie on different ranks: every rank is told of all dofs on
        # lower ones.
        known = np.concatenate(self.comm.allgather(keys[lower]))
        columns = np.concatenate(self.comm.allgather(column[lower]))
        order = np.argsort(known)
        column[slave] = columns[order[np.searchsorted(known, keys[slave], sorter=order)]]
        P = PETSc.Mat().createAIJ(
            ((len(free), None), (count, None)), bsize=(c, block), nnz=(1, 1), comm=self.comm
        )
        starts = np.concatenate([[0], np.cumsum(free)]).astype(PETSc.IntType)
        P.setValuesCSR(starts, column[free].astype(PETSc.IntType), np.ones(int(free.sum())))
        P.assemble()
        return P, np.flatnonzero(master)

    def _keys(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number of each dof of these nodes (n, d), the same on all ranks."""
        places = np.ravel_multi_index(tuple(nodes.T), tuple(self._ends + 1))
        c = self.components
        return np.asarray((places[:, None] * c + np.arange(c)).ravel())

    def release(self) -> None:
        """Free what Python has dropped. DOLFINx gives a mesh a communicator of its own, on which
        matrices are assembled.
        """
        release(self.comm, self.mesh.comm)

    def reduced(self, matrix: PETSc.Mat) -> PETSc.Mat:
        """P^T A P."""
        return matrix.PtAP(self.P)

    def restricted(self, b: PETSc.Vec) -> PETSc.Vec:
        """P^T b."""
        result = self.P.createVecRight()
        self.P.multTranspose(b, result)
        return result

    def alternating(self, axis: int) -> PETSc.Vec:
        """1 and -1 in turn along an axis, at the free dofs."""
        result = self.P.createVecRight()
        places = self._nodes[self.masters // self.components, axis]
        result.array[:] = np.where(places % 2, -1.0, 1.0)
        return result

    def motions(self) -> Array:
        """The free dofs (n, k), of this rank, of constants and rotations."""
        whole = motions(coordinates(self.space), self.lattice.bounds, self.components)
        return independent(whole[self.masters], self.comm.allgather)

    def restriction(self, function: fem.Function) -> PETSc.Vec:
        """The free dofs of a function."""
        result = self.P.createVecRight()
        result.array[:] = self.values(function)[self.masters]
        return result

    def function(self, w: PETSc.Vec, lift: fem.Function | None = None) -> fem.Function:
        """P w + g."""
        result = fem.Function(self.space)
        self.P.mult(w, vector(result))
        if lift is not None:
            vector(result).axpy(1.0, vector(lift))
        result.x.scatter_forward()
        return result

    def constant(self, value: float) -> fem.Constant:
        """A number whose change needs no compilation."""
        return fem.Constant(self.mesh, PETSc.ScalarType(value))

    def width(self) -> ufl.core.expr.Expr:
        """On facets, the length of their cells across them."""
        normal = ufl.FacetNormal(self.mesh)
        return sum(abs(normal[axis]) * self._lengths(axis) for axis in range(self.lattice.dim))

    def _lengths(self, axis: int) -> fem.Constant | fem.Function:
        """The lengths of the cells along an axis."""
        if self.lattice.equal[axis]:
            low, high = self.lattice.bounds[axis]
            return self.constant((high - low) / self.lattice.cells[axis])
        function = fem.Function(piecewise_constants(self.mesh))
        middles = function.function_space.tabulate_dof_coordinates()[:, axis]
        function.x.array[: len(middles)] = self.lattice.locate(axis, middles)[2]
        function.x.scatter_forward()
        return function

    def interpolant(
        self, value: ufl.core.expr.Expr | float, component: int | None = None
    ) -> Interpolant:
        """`value`, of all components or of one (the others being 0), made ready for interpolation
        as often as its constants change.
        """
        if component is not None and self.components > 1:
            value = ufl.as_vector([value if i == component else 0 for i in range(self.components)])
        return Interpolant(self.space, self.constant(1.0) * value)

    @cached_property
    def _cubic(self) -> tuple[fem.FunctionSpace, Array, slice]:
        """Functions of degree 3 on each cell, their nodes on all ranks, and which of these are this
        rank's.
        """
        space = broken_space(self.mesh, 3)
        parts = self.comm.allgather(coordinates(space))
        first = sum(len(part) for part in parts[: self.comm.rank])
        return space, np.concatenate(parts), slice(first, first + len(parts[self.comm.rank]))

    def sampled(self, values: Callable[[Array], Array]) -> fem.Constant | fem.Function:
        """A function of points, (n, d) -> (n,), that is called with the same points on every rank.

        A constant, or a function of degree 3 on each cell: that interpolation costs less accuracy
        than the solution has. What jumps at a line of the mesh jumps there: no node lies on a line.
        """
        # On all points, on every rank: what is called may communicate, or keep what it has
        # computed.
        space, points, own = self._cubic
        samples = values(points)
        if np.ptp(samples) == 0:
            return self.constant(samples[0])
        function = fem.Function(space)
        function.x.array[: own.stop - own.start] = samples[own]
        function.x.scatter_forward()
        return function

    def values(self, function: fem.Function) -> Array:
        """The owned dofs of `function`: a view."""
        return function.x.array[: self.owned * self.components]

    def grid(self, values: Array) -> MeshFunction:
        """Owned node values (..., owned), gathered from all ranks: evaluation needs no
        communication then.
        """
        points = np.concatenate(self.comm.allgather(coordinates(self.space)))
        gathered = np.concatenate(self.comm.allgather(values), axis=-1)
        return LagrangeGrid.from_dofs(points, gathered, self.lattice, self.degree)


@singledispatch
def space_on(
    mesh: Mesh,
    comm: MPI.Comm,
    degree: int,
    periodic: Sequence[int],
    fixed: Sequence[tuple[str, int]],
    components: int,
    parts: ConstrainedParts,
    tags: Mapping[str, int],
) -> BoxSpace:
    """The functions on a mesh that an equation asks for, see `BoxSpace`; parts, tags: PARTS and
    TAGS of emitted forms. TypeError for a kind of mesh that is not registered.
    """
    raise TypeError(f"no elements are known for {type(mesh).__name__}")


@space_on.register
def _(
    mesh: Lattice,
    comm: MPI.Comm,
    degree: int,
    periodic: Sequence[int],
    fixed: Sequence[tuple[str, int]],
    components: int,
    parts: ConstrainedParts,
    tags: Mapping[str, int],
) -> BoxSpace:
    return BoxSpace(comm, mesh, degree, periodic, fixed, components, parts, tags)


class QuadratureField:
    """A function that is known by its values at the quadrature points of `box.dx` alone."""

    def __init__(self, box: BoxSpace) -> None:
        space, points = quadrature_space(box.mesh, box.quadrature_degree)
        self._points = box.wrapped(points)
        self.function = fem.Function(space)

    def assign(self, values: Callable[[Array], Array]) -> None:
        """Take the values of a function of points, (n, d) -> (n,), on this rank's cells."""
        self.function.x.array[:] = values(self._points)


class Interpolant:
    """An expression compiled once; calling it gives its present interpolant."""

    def __init__(self, space: fem.FunctionSpace, value: ufl.core.expr.Expr) -> None:
        self._space = space
        if isinstance(value, ufl.constantvalue.Zero):
            self._compiled = None
        else:
            self._compiled = compiled_expression(value, space)

    def __call__(self) -> fem.Function:
        function = fem.Function(self._space)
        if self._compiled is not None:
            function.interpolate(self._compiled)
        return function


def _on_plane(axis: int, end: int, ends: tuple[float, float], x: Array) -> NDArray[np.bool_]:
    return np.abs(x[axis] - ends[end]) < _ON_SIDE * (ends[1] - ends[0])
