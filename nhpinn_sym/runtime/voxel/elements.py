"""Q1 elements on a periodic grid of equal boxes, in modes.

In a box with centre c a Q1 function is sum_b m_b prod_k (y_k - c_k)^b_k, b over {0, 1}^d. The modes
are sums and differences of the values at the corners, taken axis by axis; derivatives shift them;
and the integral of a product over the box is sum_b m_b m'_b prod_k (h_k^2 / 12)^b_k, as monomials
of different b are orthogonal. So the form of every term with one coefficient a box is exact, and
takes neither element matrices nor a quadrature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..arrays import AnyArray, MultiIndex

Mode = tuple[int, ...]
Pair = tuple[Mode, Mode, float]
"""(mode of the test function, mode of the function, weight)."""


class BoxElements:
    """n_1 x ... x n_d equal boxes on a periodic cell; functions are their values (..., n_1, ...,
    n_d) at the lower corners of the boxes.

    Modes are kept without their factors 1/2 (a mean) and 1/h (a slope) along each axis: `scale`
    has them.
    """

    def __init__(self, bounds: Sequence[tuple[float, float]], shape: Sequence[int]) -> None:
        self.bounds = tuple(bounds)
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
        choices = [(0,) if p or q else (0, 1) for p, q in zip(left, right, strict=True)]
        for powers in product(*choices):
            moment = prod(h**2 / 12 for power, h in zip(powers, self.sizes, strict=True) if power)
            test = _sum(left, powers)
            mode = _sum(right, powers)
            yield test, mode, moment * self.scale(test) * self.scale(mode)

    def modes(self, values: AnyArray, wanted: Collection[Mode]) -> dict[Mode, AnyArray]:
        """The unscaled modes in each box of the functions with these values."""
        found: dict[Mode, AnyArray] = {(): values}
        for axis in range(self.dim):
            prefixes = dict.fromkeys(mode[: axis + 1] for mode in wanted)
            found = {p: _forward(found[p[:-1]], axis - self.dim, p[-1]) for p in prefixes}
        return found

    def collected(self, parts: Mapping[Mode, AnyArray]) -> AnyArray:
        """The transpose of `modes`: the sum over boxes and modes of the modes of each nodal test
        function times `parts`, at every node.
        """
        found = dict(parts)
        for axis in reversed(range(self.dim)):
            below: dict[Mode, AnyArray] = {}
            for mode, values in found.items():
                part = _backward(values, axis - self.dim, mode[-1])
                if mode[:-1] in below:
                    below[mode[:-1]] += part
                else:
                    below[mode[:-1]] = part
            found = below
        return found[()]

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


def _forward(values: AnyArray, axis: int, difference: int) -> AnyArray:
    """v[i + 1] - v[i], or their sum, along an axis, periodic."""
    combine: Any = np.subtract if difference else np.add
    out = np.empty_like(values)
    last = _cut(axis, slice(-1, None))
    combine(values[_cut(axis, slice(1, None))], values[_cut(axis, slice(-1))], _inner(out, axis))
    combine(values[_cut(axis, slice(1))], values[last], out[last])
    return out


def _inner(out: AnyArray, axis: int) -> AnyArray:
    return out[_cut(axis, slice(-1))]


def _backward(values: AnyArray, axis: int, difference: int) -> AnyArray:
    """The transpose: v[i - 1] - v[i], or their sum."""
    combine: Any = np.subtract if difference else np.add
    out = np.empty_like(values)
    first = _cut(axis, slice(1))
    rest = _cut(axis, slice(1, None))
    combine(values[_cut(axis, slice(-1))], values[rest], out[rest])
    combine(values[_cut(axis, slice(-1, None))], values[first], out[first])
    return out


def _cut(axis: int, part: slice) -> Any:
    """A slice of an axis that is counted from the last one."""
    return (..., part, *[slice(None)] * (-axis - 1))
