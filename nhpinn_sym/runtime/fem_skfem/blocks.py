"""How blocks follow the value on their surface: modes of -div(b grad) + s rho by Lanczos' method.

m^T (K + s M)^-1 m, m the integrals of rho times the functions that vanish on the surface, is the
amount Z(s) that a block is behind. Lanczos' method for K^-1 M, started at the function that is 1
inside, gives the rational function of k poles that agrees with it at s = 0 to order 2 k - 2: its
poles are those eigenvalues that matter, the lowest of them to all digits (Golub, Meurant, Matrices,
Moments and Quadrature, 2010).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import skfem
from scipy.sparse.linalg import splu

from ..arrays import Array, Flags
from ..fitted.functions import FittedMesh
from .fitted_space import FittedSpace

Values = Callable[[Array], Array]
"""Points (d, ...) -> (..., ) or (d, d, ...)."""
# Share of the first one below which a new direction is rounding.
_LOST = 1e-12
# Share of all weights below which a mode has none.
_WEIGHTLESS = 1e-8


@dataclass(frozen=True)
class Modes:
    """weights (k,), rates (k,) increasing, and the mean of the storage over the cell."""

    weights: Array
    rates: Array
    mean_storage: float


def block_modes(
    mesh: FittedMesh, inside: Flags, diffusion: Values, storage: Values, degree: int, count: int
) -> Modes:
    """The modes of the triangles `inside`, held at their surface; means are over the cell."""
    space = FittedSpace(mesh, degree)
    whole = space.basis
    elements = np.flatnonzero(inside)
    basis = skfem.Basis(whole.mesh, whole.elem, elements=elements, intorder=2 * degree + 1)
    dofs = space.unknowns_of
    free = np.setdiff1d(dofs[:, inside], dofs[:, ~inside])
    p = space.prolongation[:, free]
    places = space.places(basis)
    middles = np.broadcast_to(mesh.middles[elements].T[..., None], places.shape)
    held = {"b": diffusion(places), "rho": storage(middles)}
    stiffness = (p.T @ _stiffness.assemble(basis, **held) @ p).tocsc()
    mass = (p.T @ _mass.assemble(basis, **held) @ p).tocsc()
    load = p.T @ _load.assemble(basis, **held) / space.volume
    weights, rates = _ritz(stiffness / space.volume, mass / space.volume, load, count)
    everywhere = storage(space.middles(space.places(whole)))
    mean = float(_integral.assemble(whole, rho=everywhere)) / space.volume
    return Modes(weights, rates, mean)


def _ritz(stiffness: object, mass: object, load: Array, count: int) -> tuple[Array, Array]:
    """Weights and rates of the Ritz values of K^-1 M from M^-1 load, all directions kept
    orthogonal in M."""
    solve = splu(stiffness).solve
    start = splu(mass).solve(load)
    size = float(np.sqrt(start @ load))
    directions = [start / size]
    images = [mass @ directions[0]]
    projected = np.zeros((count, count))
    for k in range(count):
        new = solve(images[k])
        for _ in range(2):
            along = np.array([float(image @ new) for image in images])
            new = new - np.tensordot(along, np.array(directions), 1)
            projected[: k + 1, k] += along
        image = mass @ new
        length = float(np.sqrt(max(new @ image, 0.0)))
        if k + 1 == count or length <= _LOST * projected[0, 0]:
            break
        directions.append(new / length)
        images.append(image / length)
    kept = len(directions)
    square = projected[:kept, :kept]
    values, vectors = np.linalg.eigh(np.triu(square) + np.triu(square, 1).T)
    weights = (size * vectors[0]) ** 2
    # Functions of other symmetries than the block's come in by rounding, with no weight.
    chosen = np.flatnonzero((weights > _WEIGHTLESS * size**2) & (values > 0))
    chosen = chosen[np.argsort(-values[chosen])]
    return weights[chosen], 1 / values[chosen]


_stiffness = skfem.BilinearForm(
    lambda u, v, w: np.einsum("i...,ij...,j...->...", v.grad, w["b"], u.grad)
)
_mass = skfem.BilinearForm(lambda u, v, w: w["rho"] * u * v)
_load = skfem.LinearForm(lambda v, w: w["rho"] * v)
_integral = skfem.Functional(lambda w: w["rho"])
