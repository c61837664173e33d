"""`Assembly` on DOLFINx, on any number of ranks, and the boundary value problems that stand on it.

Arrays at quadrature points are functions of a quadrature element, which NumPy fills: the forms are
the same for every law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, Flags
from ..assembly import MeshAssembly, Solve
from ..mesh import Mesh, MeshFunction
from ..nonlinear_equation import BoundaryProblem
from .compat import (
    WORLD,
    PointValues,
    assemble_into,
    assemble_matrix,
    assemble_vector,
    compile_form,
    coordinates,
    fem,
    quadrature_nodes,
    quadrature_space,
    reference_rule,
)
from .equation import EquationProblem
from .fitted_space import FittedSpace as FittedSpace  # tells `space_on` of its meshes
from .linear_solvers import Linear, method
from .space import BoxSpace, space_on

# Sum of the absolute slopes of the basis functions of a degree on a cell of length one.
_SLOPES = {1: 2.0, 2: 6.0, 3: 16.0}
# Unknowns of one component up to which factors in the plane take less time than multigrid (and
# less than a gigabyte).
_DIRECT = 150_000
_BLOCKS = (("flux_p", "mdmd"), ("flux_u", "mdm"), ("reaction_p", "mmd"), ("reaction_u", "mm"))


class _PointArrays:
    """Arrays (size, n) at the quadrature points of this rank's cells as a function of forms."""

    def __init__(self, box: BoxSpace, size: int, cells: int) -> None:
        space, _ = quadrature_space(box.mesh, box.quadrature_degree, size)
        self.function = fem.Function(space)
        self._nodes = quadrature_nodes(space, cells)
        self._size = size

    def assign(self, arrays: Array) -> None:
        held = self.function.x.array.reshape(-1, self._size)
        held[self._nodes] = arrays.T


class RankAssembly(MeshAssembly):
    """The functions of a `BoxSpace`; `pins` of the free unknowns are held at 0. solver: "direct",
    "iterative", or "auto" (direct in 1D and 2D).
    """

    def __init__(self, box: BoxSpace, pins: int = 0, solver: str = "auto") -> None:
        self.box = box
        self.ranks = box.comm.size
        self.m = box.components
        self.d = box.mesh.topology.dim
        self._solver = solver
        self._given, self._assembled = fem.Function(box.space), fem.Function(box.space)
        self._whole, self._free = box.P.createVecLeft(), box.P.createVecRight()
        topology = box.mesh.topology
        self._cells = topology.index_map(topology.dim).size_local
        u = self._given
        jacobian = ufl.Jacobian(box.mesh)
        lengths = [sum(abs(jacobian[k, j]) for j in range(self.d)) for k in range(self.d)]
        axes = range(self.d)
        middles = box.middles([str(k) for k in axes]).values()
        entries = [*(box.x[k] for k in axes), *lengths, *middles, ufl.JacobianDeterminant(box.mesh)]
        frame = self._at_points(entries)().T
        self.points, self._lengths, self.middles = frame[:-1].reshape(3, self.d, -1).copy()
        _, reference = reference_rule(box.mesh, box.quadrature_degree)
        self.weights = np.tile(reference, self._cells) * np.abs(frame[-1])
        values = [self._value(u, j) for j in range(self.m)]
        slopes = [self._slope(u, j, k) for j, k in product(range(self.m), range(self.d))]
        self._fields = self._at_points([*values, *slopes])
        self._compiled: dict[Any, tuple[_PointArrays, fem.Form]] = {}
        self._first = self._own_first()
        self._held = np.arange(max(0, pins - self._first))

    def _at_points(self, entries: list[Any]) -> PointValues:
        box = self.box
        return PointValues(box.mesh, ufl.as_vector(entries), box.quadrature_degree, self._cells)

    def _own_first(self) -> int:
        """The number of this rank's first free unknown."""
        return int(self.box.P.getOwnershipRangeColumn()[0])

    @cached_property
    def nodes(self) -> Array:
        return coordinates(self.box.space)

    @cached_property
    def integrals(self) -> Array:
        v = ufl.TestFunction(self.box.space)
        first = v if self.m == 1 else v[0]
        form = compile_form(self.box.constant(1.0) * first * self.box.dx)
        whole = self.box.restricted(assemble_vector(form))
        # of periodic nodes the whole stands at the one that the others copy
        at_nodes = np.zeros(self.size)
        at_nodes[self.box.masters] = whole.array
        return at_nodes[:: self.m].copy()

    @property
    def size(self) -> int:
        return self.m * self.box.owned

    def sums(self, array: Any) -> Any:
        return self._of_all(array).sum(axis=0)

    def _of_all(self, array: Any) -> Array:
        """Numbers (ranks, ...) of all processes."""
        own = np.ascontiguousarray(array, dtype=float)
        every = np.empty((self.ranks, *np.shape(array)))
        self.box.comm.Allgather(own, every)
        return every

    def gathered(self, array: Array) -> Array:
        return np.concatenate(self.box.comm.allgather(array), axis=-1)

    def function(self, values: Array) -> MeshFunction:
        return self.box.grid(values)

    def hold(self, where: Flags) -> None:
        mass = self.box.reduced(self.masses(where)).getDiagonal().array
        self._held = np.flatnonzero(mass)

    def largest(self, array: Any) -> Any:
        return self._of_all(array).max(axis=0)

    def fields(self, u: Array) -> tuple[Array, Array]:
        self.box.values(self._given)[:] = u
        self._given.x.scatter_forward()
        found = self._fields().T
        slopes = found[self.m :].reshape(self.m, self.d, -1)
        return found[: self.m].copy(), slopes.copy()

    def load(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        arrays = reaction
        size = np.sum(np.abs(reaction) @ self.weights)
        if flux is not None:
            arrays = np.concatenate([reaction, flux.reshape(self.m * self.d, -1)])
            steep = np.abs(flux) / self._lengths
            size += _SLOPES[self.box.degree] * np.sum(steep @ self.weights)
        held, form = self._linear(len(arrays))
        held.assign(arrays)
        return assemble_into(self._assembled, form), self.total(size)

    def _linear(self, size: int) -> tuple[_PointArrays, fem.Form]:
        if size not in self._compiled:
            held = _PointArrays(self.box, size, self._cells)
            w = held.function
            v = ufl.TestFunction(self.box.space)
            terms = [w[i] * self._value(v, i) for i in range(self.m)]
            for n, (i, k) in enumerate(product(range(self.m), range(self.d))):
                if size > self.m:
                    terms.append(w[self.m + n] * self._slope(v, i, k))
            self._compiled[size] = (held, compile_form(sum(terms) * self.box.dx))
        return self._compiled[size]

    def _value(self, v: Any, i: int) -> Any:
        if self.m == 1:
            return v
        return v[i]

    def _slope(self, v: Any, i: int, k: int) -> Any:
        if self.m == 1:
            return ufl.grad(v)[k]
        return ufl.grad(v)[i, k]

    def matrix(self, arrays: Mapping[str, Array], flux: str | None, reaction: str) -> PETSc.Mat:
        names = {"flux": flux, "reaction": reaction}
        given: dict[str, Array] = {}
        for block, axes in _BLOCKS:
            part, letter = block.split("_")
            if names[part] is not None:
                array = arrays[f"{names[part]}_{letter}"]
                given[block] = array.reshape(int(np.prod(array.shape[: len(axes)])), -1)
        there = self.largest([np.any(array) for array in given.values()])
        rows = {block: array for (block, array), any_ in zip(given.items(), there) if any_}
        held, form = self._bilinear(tuple(rows) or ("reaction_u",))
        self.box.release()  # the matrix of the step before
        whole = list(rows.values()) or [np.zeros((self.m**2, self.weights.size))]
        held.assign(np.concatenate(whole))
        return assemble_matrix(form)

    def _bilinear(self, blocks: tuple[str, ...]) -> tuple[_PointArrays, fem.Form]:
        """The form of these blocks, compiled once."""
        if blocks not in self._compiled:
            shapes = {block: self._shape(axes) for block, axes in _BLOCKS if block in blocks}
            size = sum(int(np.prod(shape)) for shape in shapes.values())
            held = _PointArrays(self.box, size, self._cells)
            u = ufl.TrialFunction(self.box.space)
            v = ufl.TestFunction(self.box.space)
            entries = [(b, index) for b, shape in shapes.items() for index in np.ndindex(*shape)]
            terms = [
                held.function[n] * self._product(block, index, u, v)
                for n, (block, index) in enumerate(entries)
            ]
            self._compiled[blocks] = (held, compile_form(sum(terms) * self.box.dx))
        return self._compiled[blocks]

    def _shape(self, axes: str) -> tuple[int, ...]:
        return tuple(self.m if axis == "m" else self.d for axis in axes)

    def _product(self, block: str, index: tuple[int, ...], u: Any, v: Any) -> Any:
        """What one entry of a block stands before."""
        if block == "flux_p":
            i, k, j, n = index
            return self._slope(u, j, n) * self._slope(v, i, k)
        if block == "flux_u":
            i, k, j = index
            return self._value(u, j) * self._slope(v, i, k)
        if block == "reaction_p":
            i, j, n = index
            return self._slope(u, j, n) * self._value(v, i)
        i, j = index
        return self._value(u, j) * self._value(v, i)

    def solver(self, matrix: PETSc.Mat, definite: bool, many: bool = False) -> tuple[Solve, str]:
        reduced = self.box.reduced(matrix)
        if self.largest(len(self._held)):
            own = (self._first + self._held).astype(PETSc.IntType)
            reduced.zeroRowsColumns(own, diag=1.0)
        cheap = self.m > 1 or reduced.getSize()[0] <= _DIRECT
        chosen = method(self._solver, self.d, definite, many=many or cheap)
        linear = Linear(reduced, chosen)

        def solve(b: Array) -> Array:
            self._free.array[:] = b
            return linear(self._free).array.copy()

        return solve, chosen

    def restricted(self, vector: Array) -> Array:
        self._whole.array[:] = vector
        self.box.P.multTranspose(self._whole, self._free)
        free = self._free.array.copy()
        free[self._held] = 0.0
        return free

    def extended(self, free: Array) -> Array:
        self._free.array[:] = free
        self.box.P.mult(self._free, self._whole)
        return self._whole.array.copy()


def cell_assembly(mesh: Mesh, degree: int, m: int, comm: MPI.Comm = WORLD) -> RankAssembly:
    """Periodic functions, held at 0 in one node: the constants are in the kernel."""
    box = space_on(mesh, comm, degree, range(mesh.dim), (), m, {}, {})
    return RankAssembly(box, pins=m)


class RankProblem(BoundaryProblem):
    """The data of an emitted linear problem (`forms`)."""

    def __init__(
        self,
        forms: Any,
        mesh: Mesh,
        degree: int,
        parameters: Mapping[str, float],
        solver: str = "auto",
        comm: MPI.Comm = WORLD,
    ) -> None:
        self.linear = EquationProblem(
            forms, parameters, _no_coefficient, mesh, degree, solver, comm
        )
        self.assembly = RankAssembly(self.linear.box, solver=solver)
        self.spans = forms.SPANS if forms.TIME else ()
        box = self.linear.box
        u = ufl.TrialFunction(box.space)
        walls = _on_walls(forms.stiffness(u, *self.linear.arguments))
        self.robin = None if walls is None else assemble_matrix(compile_form(walls))
        load = forms.load(*self.linear.arguments)
        natural = _on_walls(load) if load else None
        self._natural = None if natural is None else compile_form(natural)

    def start(self) -> Array:
        return self.linear.stationary().copy()

    def initial(self) -> Array:
        return self.linear.box.values(self.linear.initial()).copy()

    def sampled(self, function: Callable[[Array], Array]) -> Array:
        """All unknowns of a function of points, (n, d) -> (n, m)."""
        return np.array(function(coordinates(self.linear.box.space)), dtype=float).ravel()

    def with_essential(self, u: Array, t: float) -> Array:
        held = self.linear.box.held
        result = u.copy()
        result[held] = self.linear.essential(t)[held]
        return result

    def natural_load(self, t: float) -> Array:
        if self._natural is None:
            return np.zeros(self.assembly.size)
        self.linear.t.value = t
        return assemble_vector(self._natural).array.copy()

    def robin_times(self, u: Array) -> Array:
        if self.robin is None:
            return np.zeros(self.assembly.size)
        vector = self.linear.box.P.createVecLeft()
        vector.array[:] = u
        return (self.robin * vector).array.copy()

    def grid(self, values: Array) -> MeshFunction:
        return self.linear.grid(values)


def _on_walls(form: Any) -> Any:
    """The integrals of a form over the boundary; None without any."""
    walls = [part for part in form.integrals() if part.integral_type() == "exterior_facet"]
    if walls:
        return ufl.Form(walls)
    return None


def _no_coefficient(key: Any, points: Array) -> Array:
    raise KeyError(key)
