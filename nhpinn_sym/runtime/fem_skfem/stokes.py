"""Stokes' equations in the fluid part of a cell, by the elements of Taylor and Hood on triangles
that fit the walls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from scipy.sparse.linalg import splu
from skfem.helpers import dot, grad

from ..arrays import Array, Flags, Integers
from ..fitted.functions import FittedMesh
from ..fitted.parts import require_connected
from ..stokes import Permeability, velocities
from .fitted_space import FittedSpace


def permeability(mesh: FittedMesh, fluid: Flags, degree: int) -> Permeability:
    """Velocities of that degree, pressures of one less, w = 0 in what is not `fluid` (triangles,).

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
    slopes = [(q.T @ form.assemble(basis, other) @ p).tocsr() for form in _SLOPES]
    mass = (q.T @ _mass.assemble(other) @ q).diagonal()
    stiffness = (p.T @ _stiffness.assemble(basis) @ p).tocsc()
    found = velocities(_Matrices(stiffness, slopes, mass, load), 2)
    values = np.zeros((2, 2, velocity.prolongation.shape[1]))
    values[:, :, moved] = found
    tensor = np.einsum("n,jin->ij", load, found) / velocity.volume
    unknowns = 2 * len(moved) + len(touched)
    return Permeability(tensor, velocity.grid(values), unknowns)


class _Matrices:
    """See `StokesMatrices`."""

    def __init__(
        self, stiffness: sps.csc_matrix, slopes: list[sps.csr_matrix], mass: Array, load: Array
    ) -> None:
        self.load = load
        self.mass = mass
        self._slopes = slopes
        self._transposed = [slope.T.tocsr() for slope in slopes]
        factor = splu(stiffness, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        self.solve = factor.solve

    def divergence(self, i: int, w: Array) -> Array:
        return np.asarray(self._slopes[i] @ w)

    def slope(self, i: int, q: Array) -> Array:
        return np.asarray(self._transposed[i] @ q)

    def dot(self, a: Array, b: Array) -> float:
        return float(a @ b)


_stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v)))
_mass = skfem.BilinearForm(lambda u, v, w: u * v)
_load = skfem.LinearForm(lambda v, w: v)
# -int q d_k v for each axis.
_SLOPES = (
    skfem.BilinearForm(lambda v, q, w: -q * grad(v)[0]),
    skfem.BilinearForm(lambda v, q, w: -q * grad(v)[1]),
)


def _part(space: FittedSpace, elements: Integers) -> Any:
    """The functions of a space on some triangles."""
    whole = space.basis
    order = 2 * space.degree + 1
    return skfem.Basis(whole.mesh, whole.elem, elements=elements, intorder=order)


def _free(space: FittedSpace, fluid: Flags) -> Integers:
    """The unknowns of triangles of the fluid that belong to no other ones."""
    dofs = space._numbers[space.basis.element_dofs]
    return np.setdiff1d(dofs[:, fluid], dofs[:, ~fluid])
