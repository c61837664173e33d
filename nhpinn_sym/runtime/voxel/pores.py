"""Stokes' equations in narrow pores of voxels, for the fluid alone, on the grids of `flow`.

Where most boxes of the fluid touch walls, forces of the walls are badly conditioned, and sparse
factors of the Laplacian A of velocities in the pores have few entries. The pressure solves
B A^-1 B^T p = B A^-1 f. In wide pores that operator is like the identity, in narrow ones like
B diag(A)^-1 B^T, the conductance of a network: the sum of their inverses is the preconditioner, as
in Cahouet, Chabard 1988 (Int. J. Numer. Methods Fluids 8:869). Ten to thirty iterations are enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, Flags
from ..fourier.krylov import cg
from .elements import BoxElements

MOST_ITERATIONS = 500
# Share of its largest entry that is added to a network of pores, singular for each part of it.
_REGULAR = 1e-9
# Of a load, relative to a box: straight channels have none.
_ROUNDING = 1e-12


class PoreFlow:
    """Velocities at the faces that are not `held`, pressures in the boxes that are not `solid`.

    held : (d, n_1, ..., n_d), drag : the same, what walls half a box beside a face add to A
    """

    def __init__(self, elements: BoxElements, solid: Flags, held: Flags, drag: Array) -> None:
        self.elements = elements
        self.free = ~held
        sizes = elements.sizes
        fluid = np.flatnonzero(~solid)
        laplacians = [_laplacian(*pair, sizes) for pair in zip(self.free, drag, strict=True)]
        pairs = zip(self.free, sizes, strict=True)
        self.divergences = [_divergence(free, k, h)[fluid] for k, (free, h) in enumerate(pairs)]
        self.inverses = [_factors(a) for a in laplacians]
        network: Any = sum(
            b.multiply(1 / a.diagonal()) @ b.T
            for a, b in zip(laplacians, self.divergences, strict=True)
        )
        network.setdiag(network.diagonal() + _REGULAR * network.diagonal().max())
        self.network = _factors(network)

    def driven(self, component: int, rtol: float) -> tuple[Array, float, int]:
        """(velocities, relative residual, iterations) of a unit force along one axis."""
        push = np.ones(self.free[component].sum())
        load = self.divergences[component] @ self.inverses[component].solve(push)
        if np.abs(load).max() < _ROUNDING * min(self.elements.sizes):
            load[:] = 0.0
        pressure, residual, iterations = cg(
            self._schur,
            lambda r: r + self.network.solve(r),
            load,
            np.zeros_like(load),
            rtol,
            MOST_ITERATIONS,
        )
        velocities = np.zeros(self.free.shape)
        for k, (b, a) in enumerate(zip(self.divergences, self.inverses, strict=True)):
            force = (k == component) - b.T @ pressure
            velocities[k][self.free[k]] = a.solve(force)
        return velocities, float(residual), int(iterations)

    def _schur(self, pressure: Array) -> Array:
        pairs = zip(self.divergences, self.inverses, strict=True)
        return np.asarray(sum(b @ a.solve(b.T @ pressure) for b, a in pairs))


def _laplacian(free: Flags, drag: Array, sizes: tuple[float, ...]) -> Any:
    """The negative one of a component at its free faces, 0 at the others."""
    from scipy import sparse  # of images alone

    number = np.full(free.shape, -1)
    number[free] = np.arange(free.sum())
    own = number[free]
    entries = [(own, own, drag[free] + 2 * sum(1 / h**2 for h in sizes))]
    for axis, h in enumerate(sizes):
        for step in (1, -1):
            beside = np.roll(number, step, axis)[free]
            inside = beside >= 0
            entries.append((own[inside], beside[inside], np.full(inside.sum(), -1 / h**2)))
    rows, columns, values = map(np.concatenate, zip(*entries, strict=True))
    return sparse.csc_matrix((values, (rows, columns)), shape=(len(own), len(own)))


def _divergence(free: Flags, axis: int, h: float) -> Any:
    """Of free faces across an axis, in all boxes."""
    from scipy import sparse

    boxes = np.arange(free.size).reshape(free.shape)
    count = int(free.sum())
    rows = np.concatenate([boxes[free], np.roll(boxes, 1, axis)[free]])
    values = np.repeat([-1 / h, 1 / h], count)
    columns = np.tile(np.arange(count), 2)
    return sparse.csr_matrix((values, (rows, columns)), shape=(free.size, count))


def _factors(matrix: Any) -> Any:
    """Of a symmetric positive matrix."""
    from scipy.sparse.linalg import splu

    return splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
