"""Stokes' equations in the fluid part of a cell, by the elements of Taylor and Hood on triangles,
or tetrahedra, that fit the walls, on any number of ranks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, Flags
from ..fitted.functions import FittedMesh
from ..fitted.parts import require_connected
from ..stokes import Permeability, velocities
from .compat import assemble_matrix, assemble_vector, compile_form, fem, piecewise_constants
from .fitted_space import FittedSpace
from .linear_solvers import Linear


def permeability(
    mesh: FittedMesh, fluid: Flags, degree: int, comm: MPI.Comm = MPI.COMM_WORLD
) -> Permeability:
    """Velocities of that degree, pressures of one less, w = 0 in what is not `fluid` (elements,).

    UnconnectedParts where the fluid has several parts.
    """
    require_connected(mesh.mesh, fluid)
    problem = _Matrices(mesh, fluid, degree, comm)
    found = velocities(problem, mesh.dim)
    tensor = np.array(
        [[problem.dot(problem.load, w) for w in loads] for loads in np.swapaxes(found, 0, 1)]
    )
    own = [[problem.velocity.values(problem.extended(w)) for w in loads] for loads in found]
    grid = problem.velocity.grid(np.array(own))
    return Permeability(tensor / problem.velocity.volume, grid, problem.unknowns, problem.method)


class _Matrices:
    """See `StokesMatrices`; unknowns that are held at 0 stay in the vectors."""

    def __init__(self, mesh: FittedMesh, fluid: Flags, degree: int, comm: MPI.Comm) -> None:
        self.velocity = FittedSpace(comm, mesh, degree)
        self.pressure = FittedSpace(comm, mesh, degree - 1, like=self.velocity)
        u, v = (function(self.velocity.space) for function in (ufl.TrialFunction, ufl.TestFunction))
        p, q = (function(self.pressure.space) for function in (ufl.TrialFunction, ufl.TestFunction))
        inside = fem.Function(piecewise_constants(self.velocity.mesh))
        inside.x.array[:] = fluid[self.velocity.cell_numbers].astype(float)
        dx = self.velocity.dx
        solid = self._diagonal(self.velocity, (1 - inside) * u * v * dx)
        self._free = (solid == 0).astype(float)
        matrix = self._reduced(self.velocity, inside * ufl.inner(ufl.grad(u), ufl.grad(v)) * dx)
        low, _ = matrix.getOwnershipRange()
        held = low + np.flatnonzero(self._free == 0)
        matrix.zeroRowsColumns(held.astype(PETSc.IntType), diag=1.0)
        self._stiffness = matrix
        self._linear = Linear(matrix, "direct" if mesh.dim == 2 else "cycle")
        self.method = "sparse LU" if mesh.dim == 2 else "algebraic multigrid"
        self._slopes = [self._between(-inside * q * u.dx(i) * dx) for i in range(mesh.dim)]
        masses = self._diagonal(self.pressure, inside * p * q * dx)
        self.mass = np.where(masses > 0, masses, 1.0)
        whole = assemble_vector(compile_form(inside * v * dx))
        self.load = self._free * self.velocity.restricted(whole).array
        count = mesh.dim * self._free.sum() + (masses > 0).sum()
        self.unknowns = int(sum(comm.allgather(float(count))))

    def _reduced(self, space: FittedSpace, form: Any) -> PETSc.Mat:
        return space.reduced(assemble_matrix(compile_form(form)))

    def _diagonal(self, space: FittedSpace, form: Any) -> Array:
        return np.array(self._reduced(space, form).getDiagonal().array)

    def _between(self, form: Any) -> PETSc.Mat:
        whole = assemble_matrix(compile_form(form))
        return self.pressure.P.transposeMatMult(whole.matMult(self.velocity.P))

    def stiffness(self, w: Array) -> Array:
        return np.array((self._stiffness * self._vector(self.velocity, w)).array)

    def near_inverse(self, b: Array) -> Array:
        return self._free * self._linear(self._vector(self.velocity, b)).array

    def divergence(self, i: int, w: Array) -> Array:
        return np.array((self._slopes[i] * self._vector(self.velocity, w)).array)

    def slope(self, i: int, q: Array) -> Array:
        result = self._slopes[i].createVecRight()
        self._slopes[i].multTranspose(self._vector(self.pressure, q), result)
        return self._free * np.array(result.array)

    def dot(self, a: Array, b: Array) -> float:
        return float(sum(self.velocity.comm.allgather(float(a @ b))))

    def extended(self, w: Array) -> fem.Function:
        """The function with these values at the unknowns."""
        return self.velocity.function(self._vector(self.velocity, w))

    def _vector(self, space: FittedSpace, values: Array) -> PETSc.Vec:
        result = space.P.createVecRight()
        result.array[:] = values
        return result
