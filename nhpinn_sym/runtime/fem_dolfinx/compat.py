"""The calls of DOLFINx that differ between 0.5.2 and 0.11, in one place; everything else calls what
is the same in all.

Import DOLFINx through this module only: 0.5.2 leaves dlopen at RTLD_GLOBAL, which binds a torch
that is imported later to the wrong BLAS, so setdlopenflags does nothing while it is imported.
mpi4py comes before PETSc and DOLFINx, because those of the wheel on PyPI use the MPI library that
mpi4py has loaded. FFCx, which DOLFINx imports, sends the warnings of every module to a logger
without a handler, where nobody sees them: that is undone.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, Integers
from ..lattice import Lattice
from ..signals import ignore_broken_pipes
from .form_cache import guarded

# What modules that use DOLFINx take from here rather than from it.
__all__ = ["ALONE", "WORLD", "PETSc", "dmesh", "fem"]

_wants_log = warnings.showwarning.__module__ == "logging" and "ffcx" not in sys.modules
_setdlopenflags = sys.setdlopenflags
sys.setdlopenflags = lambda flags: None
try:
    import basix
    import dolfinx.fem.petsc
    import ffcx.codegeneration.jit
    from dolfinx import fem
    from dolfinx import mesh as dmesh
finally:
    sys.setdlopenflags = _setdlopenflags
if not _wants_log:
    logging.captureWarnings(False)
ignore_broken_pipes()

if np.issubdtype(PETSc.ScalarType, np.complexfloating):
    raise ImportError(
        "this petsc4py was built for complex numbers; the real build is needed "
        "(PyPI: dolfinx-solver-real, Debian: python3-dolfinx-real)"
    )

# The processes that share the work unless something else is said: those that PETSc was started on,
# all ranks of MPI or, in a worker, the worker alone.
WORLD: MPI.Comm = PETSc.COMM_WORLD.tompi4py()
ALONE: MPI.Comm = PETSc.COMM_SELF.tompi4py()

ffcx.codegeneration.jit.get_cached_module = guarded(ffcx.codegeneration.jit.get_cached_module)

_CELL_TYPES = {2: dmesh.CellType.quadrilateral, 3: dmesh.CellType.hexahedron}


@contextmanager
def _quiet_compiler() -> Iterator[None]:
    """The form compiler of 0.5.2 logs every command that it runs, and uses deprecated names of
    numpy.
    """
    level = logging.root.manager.disable
    logging.disable(max(level, logging.INFO))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logging.disable(level)


def box_mesh(comm: MPI.Comm, lattice: Lattice) -> dmesh.Mesh:
    """Intervals, rectangles or bricks: the cells of a lattice."""
    if all(lattice.equal):
        return _equal_boxes(comm, lattice.bounds, lattice.cells)
    mesh = _equal_boxes(comm, [(0.0, float(n)) for n in lattice.cells], lattice.cells)
    vertices = mesh.geometry.x
    for axis, lines in enumerate(lattice.lines):
        vertices[:, axis] = lines[np.rint(vertices[:, axis]).astype(np.intp)]
    return mesh


def _equal_boxes(
    comm: MPI.Comm, bounds: Sequence[tuple[float, float]], cells: Sequence[int]
) -> dmesh.Mesh:
    if len(cells) == 1:
        return dmesh.create_interval(comm, cells[0], list(bounds[0]))
    corners = [np.array(corner, dtype=float) for corner in zip(*bounds)]
    create = dmesh.create_rectangle if len(cells) == 2 else dmesh.create_box
    return create(comm, corners, list(cells), cell_type=_CELL_TYPES[len(cells)])


_SIMPLICES = {2: "triangle", 3: "tetrahedron"}
# Nodes of order 2 by their place in gmsh's order: DOLFINx has the edges from the last to the first
# one, ordered by their corners.
_SIMPLEX_NODES = {2: [0, 1, 2, 4, 5, 3], 3: [0, 1, 2, 3, 8, 9, 5, 7, 6, 4]}


def simplex_mesh(comm: MPI.Comm, points: Array, cells: Integers) -> tuple[dmesh.Mesh, Integers]:
    """Curved triangles (m, 6) or tetrahedra (m, 10), nodes in gmsh's order, given on every rank;
    and the number of each cell of this rank, ghosts included.
    """
    first = comm.rank == 0
    dim = points.shape[1]
    name = _SIMPLICES[dim]
    order = np.array(cells[:, _SIMPLEX_NODES[dim]] if first else cells[:0], dtype=np.int64)
    places = np.array(points if first else points[:0], dtype=float)
    with _quiet_compiler():
        if hasattr(fem, "functionspace"):
            wrappers = importlib.import_module("basix.ufl")
            element = wrappers.element("Lagrange", name, 2, shape=(dim,))
            mesh = dmesh.create_mesh(comm, cells=order, x=places, e=element)
        else:
            cell = ufl.Cell(name, geometric_dimension=dim)
            mesh = dmesh.create_mesh(
                comm, order, places, ufl.Mesh(ufl.VectorElement("Lagrange", cell, 2))
            )
    return mesh, np.array(mesh.topology.original_cell_index)


def function_space(
    mesh: dmesh.Mesh, degree: int, components: int = 1, broken: bool = False
) -> fem.FunctionSpace:
    """Continuous Lagrange functions, of degree 3 with equally spaced nodes; those with several
    components are vectors. `broken`: they may jump between cells.
    """
    element = ("Lagrange", degree)
    with _quiet_compiler():
        if degree > 2 or broken:
            return _equispaced(mesh, degree, components, broken)
        if hasattr(fem, "functionspace"):
            return fem.functionspace(mesh, (*element, (components,)) if components > 1 else element)
        if components > 1:
            return fem.VectorFunctionSpace(mesh, element, dim=components)
        return fem.FunctionSpace(mesh, element)


def _equispaced(mesh: dmesh.Mesh, degree: int, components: int, broken: bool) -> fem.FunctionSpace:
    variant = {"lagrange_variant": basix.LagrangeVariant.equispaced, "discontinuous": broken}
    if hasattr(fem, "functionspace"):
        wrappers = importlib.import_module("basix.ufl")
        shape = {"shape": (components,)} if components > 1 else {}
        element = wrappers.element("Lagrange", mesh.basix_cell(), degree, **variant, **shape)
        return fem.functionspace(mesh, element)
    wrappers = importlib.import_module("basix.ufl_wrapper")
    element = wrappers.create_element("Lagrange", mesh.ufl_cell().cellname(), degree, **variant)
    if components > 1:
        element = ufl.VectorElement(element, dim=components)
    return fem.FunctionSpace(mesh, element)


def piecewise_constants(mesh: dmesh.Mesh) -> fem.FunctionSpace:
    """One number for each cell."""
    with _quiet_compiler():
        create = fem.functionspace if hasattr(fem, "functionspace") else fem.FunctionSpace
        return create(mesh, ("DG", 0))


def broken_space(mesh: dmesh.Mesh, degree: int) -> fem.FunctionSpace:
    """Lagrange functions that may jump between cells, with all nodes inside of the cells."""
    inside = {"lagrange_variant": basix.LagrangeVariant.gl_warped, "discontinuous": True}
    with _quiet_compiler():
        if hasattr(fem, "functionspace"):
            wrappers = importlib.import_module("basix.ufl")
            element = wrappers.element("Lagrange", mesh.basix_cell(), degree, **inside)
            return fem.functionspace(mesh, element)
        wrappers = importlib.import_module("basix.ufl_wrapper")
        element = wrappers.create_element("Lagrange", mesh.ufl_cell().cellname(), degree, **inside)
        return fem.FunctionSpace(mesh, element)


def reference_rule(mesh: dmesh.Mesh, degree: int) -> tuple[Array, Array]:
    """Points and weights of the quadrature of that degree, on the reference cell."""
    name = mesh.ufl_cell().cellname  # a property since 2024, a method before
    cell_type = getattr(basix.CellType, name() if callable(name) else name)
    points, weights = basix.make_quadrature(cell_type, degree)
    return points, weights


def quadrature_space(
    mesh: dmesh.Mesh, degree: int, size: int | None = None
) -> tuple[fem.FunctionSpace, Array]:
    """Functions known at the points of the quadrature of that degree, with `size` components where
    it is given, and these points (nodes, d), those of ghost cells included.
    """
    topology = mesh.topology
    cells = topology.index_map(topology.dim)
    count = cells.size_local + cells.num_ghosts
    with _quiet_compiler():
        if hasattr(fem, "functionspace"):
            wrappers = importlib.import_module("basix.ufl")
            shape = {} if size is None else {"value_shape": (size,)}
            element = wrappers.quadrature_element(mesh.basix_cell(), degree=degree, **shape)
            space = fem.functionspace(mesh, element)
        else:
            given = ("Quadrature", mesh.ufl_cell(), degree)
            if size is None:
                element = ufl.FiniteElement(*given, quad_scheme="default")
            else:
                element = ufl.VectorElement(*given, dim=size, quad_scheme="default")
            space = fem.FunctionSpace(mesh, element)
    place = PointValues(mesh, ufl.SpatialCoordinate(mesh), degree, count)
    points = np.empty((count * place.per_cell, mesh.geometry.dim))
    points[quadrature_nodes(space, count)] = place()
    return space, points


def quadrature_nodes(space: fem.FunctionSpace, cells: int) -> Integers:
    """The nodes of the first so many cells, cell by cell, in the order of the rule's points."""
    dofs = [space.dofmap.cell_dofs(cell) for cell in range(cells)]
    if dofs:
        return np.concatenate(dofs)
    return np.zeros(0, dtype=np.int64)


class PointValues:
    """The present values (points, size) of an expression at the quadrature points of the first so
    many cells of this process: calling it gives them.
    """

    def __init__(
        self, mesh: dmesh.Mesh, value: ufl.core.expr.Expr, degree: int, cells: int
    ) -> None:
        reference, weights = reference_rule(mesh, degree)
        self.per_cell = len(weights)
        self._cells = np.arange(cells, dtype=np.int32)
        with _quiet_compiler():
            self._compiled = fem.Expression(value, reference)
        old = "mesh" not in inspect.signature(self._compiled.eval).parameters
        self._given: tuple[Any, ...] = (self._cells,) if old else (mesh, self._cells)

    def __call__(self) -> Array:
        if not len(self._cells):
            return np.zeros((0, 1))
        found = self._compiled.eval(*self._given)
        return np.asarray(found).reshape(len(self._cells) * self.per_cell, -1)


def compile_form(form: ufl.Form) -> fem.Form:
    """Compiled once for each text: the result is kept on disk."""
    with _quiet_compiler():
        return fem.form(form)


def vector(function: fem.Function) -> PETSc.Vec:
    """The PETSc vector that shares its memory with the dofs of `function`."""
    if hasattr(function.x, "petsc_vec"):
        return function.x.petsc_vec
    return function.vector


def compiled_expression(value: ufl.core.expr.Expr, space: fem.FunctionSpace) -> fem.Expression:
    """`value` compiled for interpolation into `space`."""
    points = space.element.interpolation_points
    with _quiet_compiler():
        return fem.Expression(value, points() if callable(points) else points)


def assemble_matrix(form: fem.Form) -> PETSc.Mat:
    """The matrix of a compiled bilinear form, without boundary conditions."""
    matrix = dolfinx.fem.petsc.assemble_matrix(form)
    matrix.assemble()
    return matrix


def assemble_vector(form: fem.Form) -> PETSc.Vec:
    """The vector of a compiled linear form, summed over the ranks."""
    return _summed(dolfinx.fem.petsc.assemble_vector(form))


def assemble_into(function: fem.Function, form: fem.Form) -> Array:
    """The same at the dofs that this rank owns; the function is overwritten: a vector of its own
    would have the ranks wait for each other.
    """
    function.x.array[:] = 0.0
    held = vector(function)
    dolfinx.fem.petsc.assemble_vector(held, form)
    return np.array(_summed(held).array)


def _summed(held: PETSc.Vec) -> PETSc.Vec:
    held.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
    return held


def assemble_scalar(comm: MPI.Comm, form: fem.Form) -> float:
    """The value of a compiled functional, summed over the ranks in their order: the same number on
    each.
    """
    return float(sum(comm.allgather(fem.assemble_scalar(form))))


def coordinates(space: fem.FunctionSpace) -> Array:
    """Coordinates (owned nodes, dimension) of the nodes that this rank owns."""
    owned = space.dofmap.index_map.size_local
    return space.tabulate_dof_coordinates()[:owned, : space.mesh.geometry.dim]


def release(*comms: MPI.Comm) -> None:
    """Free what Python has dropped of the objects of PETSc on these communicators: PETSc waits for
    a call that all ranks make, on one rank too.
    """
    if hasattr(PETSc, "garbage_cleanup"):
        for comm in comms:
            PETSc.garbage_cleanup(comm)
