"""Functions that know the geometry of a plane region: singular ones at a corner of any angle, and
those with a pole inside of a hole. Both solve the leading equations, as those of `corners`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, MultiIndex
from .corners import Characteristics, Complex, CornerSingularity, derivative_of_power
from .function_families import Family
from .jets import Jet

_HIGHEST = 2
# Powers beside each of those of a corner, by one more: w is not z.
_MORE = 4
# Added where the logarithm of zero would not be finite.
_TINY = 1e-300


def turned(principal: Array, frame: Array) -> Array:
    """Factors (3, m, m) of D_xx, D_xy, D_yy as those by coordinates along the rows of `frame`."""
    (a, b), (c, d) = frame
    xx, xy, yy = principal
    return np.stack(
        [
            a * a * xx + a * b * xy + b * b * yy,
            2 * a * c * xx + (a * d + b * c) * xy + 2 * b * d * yy,
            c * c * xx + c * d * xy + d * d * yy,
        ]
    )


def turns_of(roots: Complex, angle: float) -> Complex:
    """log z_k in the direction of an angle from the first axis, from 0 continuously."""
    z = np.cos(angle) + roots * np.sin(angle)
    return np.log(np.abs(z)) + 1j * _continued(np.angle(z), np.sign(roots.imag) * angle)


def _continued(principal: Array, angle: Array) -> Array:
    """The argument of z_k that is less than half a turn from the angle of the point itself: both
    agree on the axes."""
    return np.asarray(principal + 2 * np.pi * np.rint((angle - principal) / (2 * np.pi)))


@dataclass(frozen=True)
class WedgeFunctions:
    """A component of singular functions at a corner, sum_k factors[s, k] z_k^power: the real, then
    the imaginary parts.

    frame: rows along and across the first edge; cut: the angle from there, outside of the region,
    at which the functions jump
    """

    roots: Complex
    factors: Complex
    terms: Sequence[CornerSingularity]
    corner: Array
    frame: Array
    cut: float

    def __call__(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        roots = torch.as_tensor(self.roots, device=points.device)
        logarithm = self._logarithm(points, roots)
        factors = torch.as_tensor(self.factors, device=points.device)
        slopes = [self.frame[0, k] + roots * self.frame[1, k] for k in (0, 1)]
        powers: dict[int, list[Tensor]] = {}
        jet = {}
        for index in indices:
            order = index[0] + index[1]
            if order < sum(index):
                jet[index] = points.new_zeros(len(points), 2 * len(self.terms))
                continue
            if order not in powers:
                powers[order] = self._derivatives(points, logarithm, order)
            chain = slopes[0] ** index[0] * slopes[1] ** index[1]
            columns = [p @ (chain * f) for p, f in zip(powers[order], factors, strict=True)]
            values = torch.stack(columns, 1)
            jet[index] = torch.cat([values.real, values.imag], 1)
        return jet

    def _derivatives(self, points: Tensor, logarithm: Tensor, order: int) -> list[Tensor]:
        """Of each term by z_k, (n, roots)."""
        return [derivative_of_power(logarithm, s.power, s.logarithmic, order) for s in self.terms]

    def _along(self, points: Tensor) -> Tensor:
        """The coordinates (2, n) along the frame, from the corner."""
        apart = points[:, :2] - points.new_tensor(self.corner)
        return (apart @ points.new_tensor(self.frame).T).T

    def _logarithm(self, points: Tensor, roots: Tensor) -> Tensor:
        """Of z_k, (n, roots), continuous in the region."""
        x, y = self._along(points)
        angle = torch.atan2(y, x)
        angle = torch.where(angle < self.cut - 2 * np.pi, angle + 2 * np.pi, angle)
        z = x[:, None] + roots * y[:, None]
        principal = z.angle()
        own = roots.imag.sign() * angle[:, None]
        argument = principal + 2 * np.pi * ((own - principal) / (2 * np.pi)).round()
        return torch.complex(torch.log(z.abs() + _TINY), argument)


@dataclass(frozen=True)
class HoleCornerFunctions(WedgeFunctions):
    """The same at a corner of a hole, which no cut leaves without crossing the region: of
    w_k = -c z_k/(z_k - c) in the place of z_k, which is z_k next to the corner, and whose logarithm
    jumps between the corner and c alone.

    end: c, (2,) along the frame
    """

    end: Array

    def _ends(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """c (roots,), and z_k - c (n, roots)."""
        roots = torch.as_tensor(self.roots, device=points.device)
        x, y = self._along(points)
        end = float(self.end[0]) + roots * float(self.end[1])
        return end, x[:, None] + roots * y[:, None] - end

    def _logarithm(self, points: Tensor, roots: Tensor) -> Tensor:
        end, beyond = self._ends(points)
        # Next to the corner, on the edge from which angles are counted, w_k is positive.
        turn = torch.log(-end) + torch.log(-1 / end)
        ratio = (beyond + end) / beyond
        return torch.log(ratio + _TINY) + torch.log(-end) - turn.imag * 1j

    def _derivatives(self, points: Tensor, logarithm: Tensor, order: int) -> list[Tensor]:
        if order > _HIGHEST:
            raise ValueError(f"derivatives of order {order}: at most {_HIGHEST} are there")
        end, beyond = self._ends(points)
        slope, bend = end**2 / beyond**2, -2 * end**2 / beyond**3
        found = []
        for s in self.terms:
            outer = [
                derivative_of_power(logarithm, s.power, s.logarithmic, k) for k in range(order + 1)
            ]
            chain = [outer[0], *(outer[k] * slope**k for k in range(1, order + 1))]
            found.append(chain[order] + (outer[1] * bend if order == _HIGHEST else 0))
        return found


@dataclass(frozen=True)
class PoleFunctions:
    """A component of functions with a pole at a place, sum_k factors[s, k] (z_k/radius)^-n, of
    real parts; n = 0 is the logarithm."""

    roots: Complex
    factors: Complex
    powers: Sequence[int]
    place: Array
    radius: float

    def __call__(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        roots = torch.as_tensor(self.roots, device=points.device)
        factors = torch.as_tensor(self.factors, device=points.device)
        x, y = ((points[:, :2] - points.new_tensor(self.place)) / self.radius).T
        logarithm = torch.log(x[:, None] + roots * y[:, None] + _TINY)
        jet = {}
        for index in indices:
            order = index[0] + index[1]
            if order < sum(index):
                jet[index] = points.new_zeros(len(points), len(self.powers))
                continue
            chain = roots ** index[1] / self.radius**order
            columns = [
                (derivative_of_power(logarithm, -n, n == 0, order) @ (chain * f)).real
                for n, f in zip(self.powers, factors, strict=True)
            ]
            jet[index] = torch.stack(columns, 1)
        return jet


def pole_functions(of: Characteristics, place: Array, radius: float, most: int) -> Family:
    """Those of all powers up to `most` that have one value at each point around the place."""
    roots, vectors = of
    # Columns that belong to unit values of u and D_y u: the functions are real.
    data = np.linalg.inv(np.concatenate([vectors, roots * vectors]))
    jumps = (vectors * (1j * np.sign(roots.imag)) @ data).real
    _, sizes, right = np.linalg.svd(jumps)
    single = data @ right[len(sizes) :].T
    columns, powers = [single], [0] * single.shape[1]
    for n in range(1, most + 1):
        columns.append(data)
        powers += [n] * data.shape[1]
    weights = np.concatenate(columns, axis=1).T
    return tuple(PoleFunctions(roots, weights * v, powers, place, radius) for v in vectors)


def wedge_functions(
    of: Characteristics,
    terms: Sequence[CornerSingularity],
    corner: Array,
    frame: Array,
    cut: float,
) -> Family:
    """The real and the imaginary part of every singularity, by component."""
    parts = []
    for vector in of.vectors:
        factors = np.stack([s.weights * vector for s in terms])
        parts.append(WedgeFunctions(of.roots, factors, terms, corner, frame, cut))
    return tuple(parts)


def hole_corner_functions(
    of: Characteristics,
    terms: Sequence[CornerSingularity],
    corner: Array,
    frame: Array,
    end: Array,
) -> Family:
    """The same for a corner of a hole, with a place (2,) inside of it."""
    powers: dict[tuple[complex, bool, bytes], CornerSingularity] = {}
    for term, more in itertools.product(terms, range(_MORE + 1)):
        moved = replace(term, power=term.power + more)
        key = (complex(np.round(moved.power, 9)), term.logarithmic, term.weights.tobytes())
        powers.setdefault(key, moved)
    every = [*powers.values()]
    along = frame @ (end - corner)
    parts = []
    for vector in of.vectors:
        factors = np.stack([s.weights * vector for s in every])
        parts.append(HoleCornerFunctions(of.roots, factors, every, corner, frame, 0.0, along))
    return tuple(parts)
