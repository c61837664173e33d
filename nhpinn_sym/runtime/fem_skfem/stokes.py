"""Stokes' equations in the fluid part of a cell, by the elements of Taylor and Hood on triangles
that fit the walls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from skfem.helpers import dot, grad

from ..arrays import Array, Flags, Integers
from ..fitted.functions import FittedMesh, TriangleFunction
from .fitted_space import FittedSpace

# Of the equation of continuity, relative to the gradient, and iterations for it.
_RESIDUAL = 1e-11
_MOST_ITERATIONS = 1000


class UnconnectedFluid(ValueError):
    """Pockets of fluid: their pressures are not determined."""


@dataclass(frozen=True)
class Permeability:
    """`tensor` (d, d) with K_ij = <w^j_i>, the `velocities` w^j, a batch (loads, components), and
    the number of `unknowns`.
    """

    tensor: Array
    velocities: TriangleFunction
    unknowns: int


def permeability(mesh: FittedMesh, fluid: Flags, degree: int) -> Permeability:
    """Velocities of that degree, pressures of one less, w = 0 in what is not `fluid` (triangles,).

    UnconnectedFluid where the fluid has several parts.
    """
    velocity = FittedSpace(mesh, degree)
    pressure = FittedSpace(mesh, degree - 1)
    _require_connected(pressure, fluid)
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
    found = _velocities((p.T @ _stiffness.assemble(basis) @ p).tocsc(), slopes, mass, load)
    values = np.zeros((2, 2, velocity.prolongation.shape[1]))
    values[:, :, moved] = found
    tensor = np.einsum("n,jin->ij", load, found) / velocity.volume
    unknowns = 2 * len(moved) + len(touched)
    return Permeability(tensor, velocity.grid(values), unknowns)


def _velocities(
    stiffness: sps.csc_matrix, slopes: list[sps.csr_matrix], mass: Array, load: Array
) -> Array:
    """w^j_i at the unknowns, (2, 2, n): A w_i + B_i^T q = delta_ij load, sum_i B_i w_i = 0.

    Conjugate gradients for the pressure, B A^-1 B^T q = B A^-1 load, which the mass preconditions:
    the number of iterations does not grow with the mesh. The mean of q is free.
    """
    factor = splu(stiffness, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    alone = factor.solve(load)
    energy = float(load @ alone)  # |grad w|^2, which |div w|^2 is measured by
    found = np.zeros((2, 2, len(load)))
    for j in range(2):
        right = slopes[j] @ alone
        w = np.zeros((2, len(load)))
        w[j] = alone
        z = right / mass
        direction = z
        size = float(right @ z)
        iterations = 0
        while size > _RESIDUAL**2 * energy:
            if iterations == _MOST_ITERATIONS:
                raise RuntimeError("the pressure was not found")
            images = [factor.solve(b.T @ direction) for b in slopes]
            image = sum(b @ v for b, v in zip(slopes, images))
            step = size / float(direction @ image)
            w -= step * np.array(images)
            right = right - step * image
            z = right / mass
            after = float(right @ z)
            direction = z + after / size * direction
            size = after
            iterations += 1
        found[j] = w
    return found


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


def _require_connected(space: FittedSpace, fluid: Flags) -> None:
    """UnconnectedFluid where triangles of the fluid hang together at nodes in several parts."""
    dofs = space._numbers[space.basis.element_dofs[:, fluid]]
    count = dofs.shape[1]
    ends = np.tile(np.arange(count), len(dofs))
    table = sps.csr_matrix((np.ones(dofs.size), (ends, dofs.ravel())))
    parts, labels = connected_components(table @ table.T, directed=False)
    if parts > 1:
        sizes = np.bincount(labels)
        raise UnconnectedFluid(
            f"the fluid has {parts} parts, the smallest of {sizes.min()} triangles"
        )
