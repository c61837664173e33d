"""Bounds of a* from below, for one unknown: fluxes without divergence.

For every flux q without divergence and with the mean Q, Q . (a*)^-1 Q <= <a^-1 q . q>. Here q is of
the lowest order of Raviart and Thomas: its component k is linear along axis k and constant across
it, given by its values on the faces of the boxes. Its divergence vanishes everywhere.
The least energy is found by conjugate gradients in the space without divergence, preconditioned by
the same problem with mean coefficients, which an FFT solves. In two dimensions q is the rotated
gradient of a Q1 function: the bound is that of the dual problem, with a^-1 turned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import fft

from ..arrays import AnyArray, Array
from .elements import BoxElements
from .operator import MOST_ITERATIONS


def lower_bound(
    elements: BoxElements, tensor: Mapping[tuple[int, int], AnyArray], rtol: float
) -> tuple[Array, int]:
    """(a matrix (d, d) that is not above a* as a quadratic form, iterations), for a symmetric
    positive tensor with one value a box.
    """
    fluxes = _Fluxes(elements, _inverse(tensor, elements))
    dim = elements.dim
    found = []
    iterations = 0
    for axis in range(dim):
        mean = np.zeros((dim, *elements.shape))
        mean[axis] = 1.0
        values, count = fluxes.least(mean, rtol)
        found.append(values)
        iterations = max(iterations, count)
    images = [fluxes.apply(q) for q in found]
    energies = [[float(np.vdot(p, image)) for image in images] for p in found]
    compliance = np.array(energies) / elements.count
    return np.linalg.inv((compliance + compliance.T) / 2), iterations


class _Fluxes:
    """The energy of fluxes with the compliance `inverse`, arrays (d, n_1, ..., n_d) of values on
    the lower face of each box across each axis.
    """

    def __init__(self, elements: BoxElements, inverse: Mapping[tuple[int, int], AnyArray]) -> None:
        self.elements = elements
        self.inverse = inverse
        dim = elements.dim
        self.mean = {k: float(np.mean(inverse[k, k])) for k in range(dim)}
        z = [np.exp(2j * np.pi * np.fft.fftfreq(n)) for n in elements.shape]
        z[-1] = z[-1][: elements.shape[-1] // 2 + 1]
        turns = np.meshgrid(*z, indexing="ij", sparse=True)
        # mean^2 + slope^2 / 12 of exp(i theta) and 1 on two faces is (2 + cos theta) / 3
        masses = [self.mean[k] * (2 + turns[k].real) / 3 for k in range(dim)]
        self.inverse_mass = [1 / m for m in masses]
        self.divergence = [(t - 1) / h for t, h in zip(turns, elements.sizes, strict=True)]
        total: Any = sum(
            abs(d) ** 2 * m for d, m in zip(self.divergence, self.inverse_mass, strict=True)
        )
        self.zero: Any = (0,) * dim
        total[self.zero] = 1.0
        self.pressure = 1 / total

    def apply(self, q: AnyArray) -> AnyArray:
        """The derivative of half the energy."""
        dim = self.elements.dim
        means = [(q[k] + np.roll(q[k], -1, k)) / 2 for k in range(dim)]
        slopes = [np.roll(q[k], -1, k) - q[k] for k in range(dim)]
        out = np.empty_like(q)
        for k in range(dim):
            flux = sum(c * means[j] for (i, j), c in self.inverse.items() if i == k) / 2
            slope = self.inverse[k, k] * slopes[k] / 12
            out[k] = flux - slope + np.roll(flux + slope, 1, k)
        return out

    def least(self, mean: AnyArray, rtol: float) -> tuple[AnyArray, int]:
        """(the flux of least energy with a mean, and without divergence, iterations).

        Conjugate gradients in the inner product of the mean compliance, so that every vector is in
        the space: residuals have parts outside of it that rounding would not let cancel.
        """
        q = mean.copy()
        z = self.precondition(-self.apply(q))
        p = z
        size = self._product(z)
        whole = size
        iterations = 0
        while size > rtol**2 * whole and iterations < MOST_ITERATIONS:
            image = self.apply(p)
            step = size / float(np.vdot(p, image))
            q += step * p
            z = z - step * self.precondition(image)
            after = self._product(z)
            p = z + (after / size) * p
            size = after
            iterations += 1
        return q, iterations

    def _product(self, z: AnyArray) -> float:
        """The energy of a flux with the mean compliance, times two."""
        total = 0.0
        for k in range(self.elements.dim):
            around = 4 * z[k] + np.roll(z[k], 1, k) + np.roll(z[k], -1, k)
            total += self.mean[k] / 6 * float(np.vdot(z[k], around))
        return total

    def precondition(self, r: AnyArray) -> AnyArray:
        """The least energy for a load, with the mean compliance, among fluxes without divergence
        and without mean.
        """
        axes = tuple(range(1, r.ndim))
        modes = fft.rfftn(r, axes=axes)
        dim = self.elements.dim
        free = [self.inverse_mass[k] * modes[k] for k in range(dim)]
        gap: Any = sum(self.divergence[k] * free[k] for k in range(dim))
        pressure = self.pressure * gap
        for k in range(dim):
            modes[k] = free[k] - self.inverse_mass[k] * self.divergence[k].conj() * pressure
            modes[k][self.zero] = 0.0
        shape = self.elements.shape
        return np.asarray(fft.irfftn(modes, s=shape, axes=axes, overwrite_x=True))


def _inverse(
    tensor: Mapping[tuple[int, int], AnyArray], elements: BoxElements
) -> dict[tuple[int, int], AnyArray]:
    """The inverse of the tensor in each box; only the diagonal where there is nothing else."""
    dim = elements.dim
    if all(k == other for k, other in tensor):
        return {place: 1 / c for place, c in tensor.items()}
    matrices = np.zeros((*elements.shape, dim, dim))
    for (k, other), c in tensor.items():
        matrices[..., k, other] = c
    inverse = np.linalg.inv(matrices)
    return {(k, j): inverse[..., k, j].copy() for k in range(dim) for j in range(dim)}
