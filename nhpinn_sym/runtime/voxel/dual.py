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

from ..arrays import AnyArray, Array
from .device import library, modes_of, placed, values_of
from .elements import BoxElements, between, closed, cut
from .operator import conjugate_gradients, products


def lower_bound(
    elements: BoxElements, tensor: Mapping[tuple[int, int], AnyArray], rtol: float
) -> tuple[Array, int]:
    """(a matrix (d, d) that is not above a* as a quadratic form, iterations), for a symmetric
    positive tensor with one value a box.
    """
    fluxes = _Fluxes(elements, _inverse(tensor, elements))
    dim = elements.dim
    means = placed(np.zeros((dim, dim, *elements.shape)), elements.device)
    for axis in range(dim):
        means[axis, axis] = 1.0
    loads = -fluxes.each(means, means * 0.0)
    rounding = _ROUNDING * np.abs(np.diag(products(means, loads)))
    corrections, iterations = conjugate_gradients(
        fluxes.each, fluxes.precondition, loads, rtol, rounding
    )
    found = means + corrections
    compliance = products(found, fluxes.each(found, means)) / elements.count
    return np.linalg.inv((compliance + compliance.T) / 2), iterations


# Of the square of a residual, relative to the energy without a correction: residuals have parts of
# that size that no flux without divergence feels, and which cancel but for rounding.
_ROUNDING = 1e-14


class _Fluxes:
    """The energy of fluxes with the compliance `inverse`, arrays (d, n_1, ..., n_d) of values on
    the lower face of each box across each axis.
    """

    def __init__(self, elements: BoxElements, inverse: Mapping[tuple[int, int], AnyArray]) -> None:
        self.elements = elements
        self.inverse = {place: placed(c, elements.device) for place, c in inverse.items()}
        dim = elements.dim
        self.mean = {k: float(np.mean(inverse[k, k])) for k in range(dim)}
        z = [np.exp(2j * np.pi * np.fft.fftfreq(n)) for n in elements.shape]
        z[-1] = z[-1][: elements.shape[-1] // 2 + 1]
        turns = np.meshgrid(*z, indexing="ij", sparse=True)
        # mean^2 + slope^2 / 12 of exp(i theta) and 1 on two faces is (2 + cos theta) / 3
        masses = [self.mean[k] * (2 + turns[k].real) / 3 for k in range(dim)]
        softness = [1 / m for m in masses]
        divergence = [(t - 1) / h for t, h in zip(turns, elements.sizes, strict=True)]
        total: Any = sum(abs(d) ** 2 * m for d, m in zip(divergence, softness, strict=True))
        self.zero: Any = (0,) * dim
        total[self.zero] = 1.0
        self.pressure = placed(1 / total, elements.device)
        self.inverse_mass = [placed(m, elements.device) for m in softness]
        self.divergence = [placed(d, elements.device) for d in divergence]

    def each(self, fluxes: AnyArray, out: AnyArray) -> AnyArray:
        """The derivative of half the energy of each of some fluxes (s, d, n_1, ..., n_d)."""
        out[:] = 0.0
        for q, image in zip(fluxes, out, strict=True):
            for rows in self.elements.slabs():
                self._add_slab(q, rows, image)
        return out

    def _add_slab(self, q: AnyArray, rows: slice, image: AnyArray) -> None:
        """The part of some rows of boxes; across the first axis their faces are on both sides."""
        dim = self.elements.dim
        end = rows.stop % self.elements.shape[0]
        first = library(q).concatenate([q[0, rows], q[0, end : end + 1]])
        values = [first, *(closed(q[k, rows], (k - dim,)) for k in range(1, dim))]
        sums = [between(v, k - dim, 0) for k, v in enumerate(values)]
        for k in range(dim):
            own = [c[rows] * sums[j] for (i, j), c in self.inverse.items() if i == k]
            flux = own[0]
            for part in own[1:]:
                flux += part
            flux *= 1 / 4
            slope = self.inverse[k, k][rows] * between(values[k], k - dim, 1)
            slope *= 1 / 12
            image[k, rows] += flux - slope
            flux += slope
            if k:
                beyond = image[k, rows]
                beyond[cut(k - dim, slice(1, None))] += flux[cut(k - dim, slice(-1))]
                beyond[cut(k - dim, slice(1))] += flux[cut(k - dim, slice(-1, None))]
            else:
                image[0, rows.start + 1 : rows.stop] += flux[:-1]
                image[0, end] += flux[-1]

    def precondition(self, loads: AnyArray, out: AnyArray) -> AnyArray:
        """The least energy for each load, with the mean compliance, among fluxes without divergence
        and without mean.
        """
        shape = self.elements.shape
        axes = tuple(range(self.elements.dim))
        for r, flux in zip(loads, out, strict=True):
            modes = [modes_of(component, axes, real=True) for component in r]
            for rows in self.elements.slabs():
                self._project([m[rows] for m in modes], rows)
            for k, own in enumerate(modes):
                own[self.zero] = 0.0
                flux[k] = values_of(own, shape, axes, real=True)
        return out

    def _project(self, modes: list[AnyArray], rows: slice) -> None:
        """In the place of the modes of some rows those of the flux."""
        dim = self.elements.dim
        mass = [_rows(m, rows) for m in self.inverse_mass]
        divergence = [_rows(d, rows) for d in self.divergence]
        for k in range(dim):
            modes[k] *= mass[k]
        gap: Any = sum(divergence[k] * modes[k] for k in range(dim))
        gap *= self.pressure[rows]
        for k in range(dim):
            modes[k] -= mass[k] * divergence[k].conj() * gap


def _rows(values: AnyArray, rows: slice) -> AnyArray:
    """Rows of an array that may be the same in all of them."""
    return values[rows] if len(values) > 1 else values


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
