"""Q1 elements on a periodic grid of equal boxes, in modes.

In a box with centre c a Q1 function is sum_b m_b prod_k (y_k - c_k)^b_k, b over {0, 1}^d. The modes
are sums and differences of the values at the corners, taken axis by axis; derivatives shift them;
and the integral of a product over the box is sum_b m_b m'_b prod_k (h_k^2 / 12)^b_k, as monomials
of different b are orthogonal. So the form of every term with one coefficient a box is exact, and
takes neither element matrices nor a quadrature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..arrays import AnyArray, MultiIndex
from .device import empty, library

Mode = tuple[int, ...]
Pair = tuple[Mode, Mode, float]
"""(mode of the test function, mode of the function, weight)."""
SLAB = 16384
"""Numbers that stay in a cache together with some dozens of such."""


class BoxElements:
    """n_1 x ... x n_d equal boxes on a periodic cell; functions are their values (..., n_1, ...,
    n_d) at the lower corners of the boxes.

    Modes are kept without their factors 1/2 (a mean) and 1/h (a slope) along each axis: `scale`
    has them.
    reduced : integrals take one point, the centre of each box (Willot 2015, C. R. Mecanique
              343:232: the rotated scheme)
    device  : where torch solves; None: NumPy does
    """

    def __init__(
        self,
        bounds: Sequence[tuple[float, float]],
        shape: Sequence[int],
        reduced: bool = False,
        device: str | None = None,
    ) -> None:
        self.bounds = tuple(bounds)
        self.reduced = reduced
        self.device = device
        self.shape = tuple(shape)
        self.dim = len(self.shape)
        self.count = prod(self.shape)
        pairs = zip(self.bounds, self.shape, strict=True)
        self.sizes = tuple((b - a) / n for (a, b), n in pairs)

    @property
    def centres(self) -> list[AnyArray]:
        """The centres of the boxes, one array for each axis, which broadcast to the grid."""
        ends = zip(self.bounds, self.shape, strict=True)
        lines = [a + (b - a) * (np.arange(n) + 0.5) / n for (a, b), n in ends]
        return list(np.meshgrid(*lines, indexing="ij", sparse=True))

    def scale(self, mode: Mode) -> float:
        """m_b over the sums and differences that `modes` gives."""
        return prod(1 / h if b else 0.5 for b, h in zip(mode, self.sizes, strict=True))

    def pairs(self, left: MultiIndex, right: MultiIndex) -> Iterator[Pair]:
        """Modes and weights of int D^right u D^left v over a box, per volume, with the scales of
        both modes; derivatives of first order along each axis at most.
        """
        pairs = zip(left, right, strict=True)
        choices = [(0,) if p or q or self.reduced else (0, 1) for p, q in pairs]
        for powers in product(*choices):
            moment = prod(h**2 / 12 for power, h in zip(powers, self.sizes, strict=True) if power)
            test = _sum(left, powers)
            mode = _sum(right, powers)
            yield test, mode, moment * self.scale(test) * self.scale(mode)

    def modes(self, values: AnyArray, wanted: Collection[Mode]) -> dict[Mode, AnyArray]:
        """The unscaled modes in each box of the functions with these values."""
        return open_modes(closed(values, range(-self.dim, 0)), wanted, self.dim)

    def collected(self, parts: Mapping[Mode, AnyArray]) -> AnyArray:
        """The transpose of `modes`: the sum over boxes and modes of the modes of each nodal test
        function times `parts`, at every node.
        """
        return folded(open_collected(parts, self.dim), range(-self.dim, 0))

    def slabs(self) -> Iterator[slice]:
        """Rows of the first axis that stay in a cache together with some dozens of such; all of
        them on a device.
        """
        count = self.shape[0]
        rows = max(1, SLAB * count // self.count) if self.device is None else count
        for first in range(0, count, rows):
            yield slice(first, min(first + rows, count))

    def symbols(self, real: bool) -> dict[Mode, AnyArray]:
        """What each unscaled mode multiplies exp(i theta . node) by, on the modes of an FFT; half
        of them along the last axis for `real` functions.
        """
        turns = [np.exp(2j * np.pi * np.fft.fftfreq(n)) for n in self.shape]
        if real:
            turns[-1] = turns[-1][: self.shape[-1] // 2 + 1]
        grids = np.meshgrid(*turns, indexing="ij", sparse=True)
        found = {}
        for mode in product((0, 1), repeat=self.dim):
            factors = [z - 1 if b else z + 1 for b, z in zip(mode, grids, strict=True)]
            found[mode] = prod(factors[1:], start=factors[0])
        return found


def _sum(index: MultiIndex, powers: Mode) -> Mode:
    return tuple(a + b for a, b in zip(index, powers, strict=True))


def closed(values: AnyArray, axes: Iterable[int]) -> AnyArray:
    """Values with those of the first nodes at the other ends of some axes, counted from the last
    one.
    """
    for axis in axes:
        values = library(values).concatenate([values, values[cut(axis, slice(1))]], axis)
    return values


def folded(values: AnyArray, axes: Iterable[int]) -> AnyArray:
    """The transpose of `closed`; it changes `values`."""
    for axis in axes:
        values[cut(axis, slice(1))] += values[cut(axis, slice(-1, None))]
        values = values[cut(axis, slice(-1))]
    return values


def open_modes(values: AnyArray, wanted: Collection[Mode], dim: int) -> dict[Mode, AnyArray]:
    """The unscaled modes of the boxes between the nodes of the last `dim` axes."""
    found: dict[Mode, AnyArray] = {(): values}
    for axis in range(dim):
        prefixes = dict.fromkeys(mode[: axis + 1] for mode in wanted)
        found = {p: between(found[p[:-1]], axis - dim, p[-1]) for p in prefixes}
    return found


def open_collected(parts: Mapping[Mode, AnyArray], dim: int) -> AnyArray:
    """The transpose of `open_modes`."""
    found = dict(parts)
    for axis in reversed(range(dim)):
        below: dict[Mode, AnyArray] = {}
        for mode, values in found.items():
            part = spread(values, axis - dim, mode[-1])
            if mode[:-1] in below:
                below[mode[:-1]] += part
            else:
                below[mode[:-1]] = part
        found = below
    return found[()]


def between(values: AnyArray, axis: int, difference: int) -> AnyArray:
    """v[i + 1] - v[i], or their sum, along an axis."""
    after = values[cut(axis, slice(1, None))]
    before = values[cut(axis, slice(-1))]
    if difference:
        return after - before
    return after + before


def spread(values: AnyArray, axis: int, difference: int) -> AnyArray:
    """The transpose: v[i - 1] - v[i], or their sum, with 0 beyond both ends."""
    shape = list(values.shape)
    shape[axis] += 1
    out = empty(values, shape)
    combine = library(values).subtract if difference else library(values).add
    before, after = values[cut(axis, slice(-1))], values[cut(axis, slice(1, None))]
    combine(before, after, out=out[cut(axis, slice(1, -1))])
    first, last = cut(axis, slice(1)), cut(axis, slice(-1, None))
    out[first] = -values[first] if difference else values[first]
    out[last] = values[last]
    return out


def cut(axis: int, part: slice) -> Any:
    """A slice of an axis that is counted from the last one."""
    return (..., part, *[slice(None)] * (-axis - 1))
