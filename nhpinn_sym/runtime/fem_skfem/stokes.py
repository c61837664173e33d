"""Stokes' equations in the fluid part of a cell, by the elements of Taylor and Hood on triangles,
or tetrahedra, that fit the walls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from skfem.helpers import dot, grad

from ..arrays import Array, Flags, Integers
from ..fitted.functions import FittedMesh
from ..fitted.parts import require_connected
from ..stokes import Permeability, velocities
from .fitted_space import FittedSpace
from .linear_solvers import linear_solver, multigrid


def permeability(mesh: FittedMesh, fluid: Flags, degree: int) -> Permeability:
    """Velocities of that degree, pressures of one less, w = 0 in what is not `fluid` (elements,).

    UnconnectedParts where the fluid has several parts.
    """
    require_connected(mesh.mesh, fluid)
    velocity = FittedSpace(mesh, degree)
    pressure = FittedSpace(mesh, degree - 1)
    elements = np.flatnonzero(fluid)
    basis = _part(velocity, elements)
    other = basis.with_element(pressure.basis.elem)
    moved = _free(velocity, fluid)
    p = velocity.prolongation[:, moved]
    q = pressure.prolongation
    touched = np.unique(pressure._numbers[pressure.basis.element_dofs[:, elements]])
    q = q[:, touched]
    load = p.T @ _load.assemble(basis)
    forms = [_slope(axis) for axis in range(mesh.dim)]
    slopes = [(q.T @ form.assemble(basis, other) @ p).tocsr() for form in forms]
    mass = (q.T @ _mass.assemble(other) @ q).diagonal()
    stiffness = (p.T @ _stiffness.assemble(basis) @ p).tocsr()
    problem = _Matrices(stiffness, slopes, mass, load)
    found = velocities(problem, mesh.dim)
    values = np.zeros((mesh.dim, mesh.dim, velocity.prolongation.shape[1]))
    values[:, :, moved] = found
    tensor = np.einsum("n,jin->ij", load, found) / velocity.volume
    unknowns = mesh.dim * len(moved) + len(touched)
    return Permeability(tensor, velocity.grid(values), unknowns, problem.method)


class _Matrices:
    """See `StokesMatrices`."""

    def __init__(
        self, stiffness: sps.csr_matrix, slopes: list[sps.csr_matrix], mass: Array, load: Array
    ) -> None:
        self.load = load
        self.mass = mass
        self._slopes = slopes
        self._transposed = [slope.T.tocsr() for slope in slopes]
        self._stiffness = stiffness
        if len(slopes) == 2:
            self.near_inverse, self.method = linear_solver(stiffness, 2, reuse=True)
        else:
            self.near_inverse, self.method = multigrid(stiffness).matvec, "algebraic multigrid"

    def stiffness(self, w: Array) -> Array:
        return np.asarray(self._stiffness @ w)

    def divergence(self, i: int, w: Array) -> Array:
        return np.asarray(self._slopes[i] @ w)

    def slope(self, i: int, q: Array) -> Array:
        return np.asarray(self._transposed[i] @ q)

    def dot(self, a: Array, b: Array) -> float:
        return float(a @ b)


_stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v)))
_mass = skfem.BilinearForm(lambda u, v, w: u * v)
_load = skfem.LinearForm(lambda v, w: v)


def _slope(axis: int) -> Any:
    """-int q d_axis v."""
    return skfem.BilinearForm(lambda v, q, w: -q * grad(v)[axis])


def _part(space: FittedSpace, elements: Integers) -> Any:
    """The functions of a space on some elements."""
    whole = space.basis
    return skfem.Basis(whole.mesh, whole.elem, elements=elements, quadrature=whole.quadrature)


def _free(space: FittedSpace, fluid: Flags) -> Integers:
    """The unknowns of elements of the fluid that belong to no other ones."""
    dofs = space._numbers[space.basis.element_dofs]
    return np.setdiff1d(dofs[:, fluid], dofs[:, ~fluid])
