"""Functions that know the geometry of a plane region: singular ones at a corner of any angle, and
those with a pole inside of a hole. Both solve the leading equations, as those of `corners`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, MultiIndex
from .corners import Characteristics, Complex, CornerSingularity, derivative_of_power
from .function_families import Family
from .jets import Jet

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
                powers[order] = [
                    derivative_of_power(logarithm, s.power, s.logarithmic, order)
                    for s in self.terms
                ]
            chain = slopes[0] ** index[0] * slopes[1] ** index[1]
            columns = [p @ (chain * f) for p, f in zip(powers[order], factors, strict=True)]
            values = torch.stack(columns, 1)
            jet[index] = torch.cat([values.real, values.imag], 1)
        return jet

    def _logarithm(self, points: Tensor, roots: Tensor) -> Tensor:
        """Of z_k, (n, roots), continuous in the region."""
        frame = points.new_tensor(self.frame)
        x, y = ((points[:, :2] - points.new_tensor(self.corner)) @ frame.T).T
        angle = torch.atan2(y, x)
        angle = torch.where(angle < self.cut - 2 * np.pi, angle + 2 * np.pi, angle)
        z = x[:, None] + roots * y[:, None]
        principal = z.angle()
        own = roots.imag.sign() * angle[:, None]
        argument = principal + 2 * np.pi * ((own - principal) / (2 * np.pi)).round()
        return torch.complex(torch.log(z.abs() + _TINY), argument)


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
