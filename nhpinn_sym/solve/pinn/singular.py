"""Known functions that a smooth net cannot represent: corners of a box, and the start of a parabolic problem.

- Corner of two Dirichlet faces in 2D: with z = xi + mu eta, A11 + 2 A12 mu + A22 mu^2 = 0, every Im f(z) solves div(A grad u) = 0.
  z^lambda vanishes on both faces for lambda = k pi / arg(mu); where that is an integer, a polynomial right-hand side asks for
  z^lambda log z (Grisvard 1985, chapter 5).
- Start of rho u_t = D u_ss + ... with data that do not fit at a face s = 0: v_m = (4 D t)^(m/2) i^m erfc(s / sqrt(4 D t)), which
  solve the heat equation (Carslaw and Jaeger 1959, appendix II): d_s v_m = -v_(m-1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ...lower.forms import MultiIndex
from .network import Jet

Function = Callable[[Tensor, Sequence[MultiIndex]], Jet]
"""Points (n, columns) and multi-indices to the derivatives, (n,) each."""

_TINY = 1e-300
_ORDERS = 3


def corner_functions(signs: tuple[int, int], origin: tuple[float, float], tensor: Tensor, first: int = 1) -> list[Function]:
    """The singular functions at the corner `origin` of a box that extends in the directions `signs`, for a constant (2, 2) tensor.

    first=0 adds the angle, for Dirichlet data that jump at the corner.
    """
    a11, a12, a22 = float(tensor[0, 0]), signs[0] * signs[1] * float(tensor[0, 1] + tensor[1, 0]) / 2, float(tensor[1, 1])
    mu = complex(-a12, math.sqrt(a11 * a22 - a12**2)) / a22
    angle = math.atan2(mu.imag, mu.real)
    slopes = (complex(signs[0]), signs[1] * mu)
    return [_corner(slopes, origin, k * math.pi / angle) for k in range(first, _ORDERS + 1)]


def _corner(slopes: tuple[complex, complex], origin: tuple[float, float], power: float) -> Function:
    """Im z^power, or Im z^power log z for an integer power, z = slopes . (x - origin)."""
    whole = abs(power - round(power)) < 1e-6
    power = float(round(power)) if whole else power

    def function(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        z = sum(slope * (points[:, i] - origin[i]) for i, slope in enumerate(slopes))
        logarithm = torch.log(z + _TINY)
        jet = {}
        for index in indices:
            factor, extra = 1.0, 0.0  # D^n z^p log z = z^(p - n) (factor log z + extra)
            for k in range(sum(index)):
                factor, extra = factor * (power - k), extra * (power - k) + factor
            rest = torch.exp((power - sum(index)) * logarithm) * (factor * logarithm + extra if whole else factor)
            jet[index] = (slopes[0] ** index[0] * slopes[1] ** index[1] * rest).imag
        return jet

    return function


def start_function(axis: int, end: float, sign: int, diffusion: float, order: int, power: int) -> Function:
    """s^power v_order for the face at `end` of a space axis, s = sign (x - end); the time is the last column."""

    def function(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        s, t = sign * (points[:, axis] - end), points[:, -1]
        jet = {}
        for index in indices:
            a, b = index[axis], index[-1]
            terms = [math.comb(a, k) * math.perm(power, k) * s ** max(power - k, 0) * (-1) ** (a - k) * diffusion**b
                     * _repeated_integral(s, t, diffusion, order - (a - k) - 2 * b) for k in range(min(a, power) + 1)]
            jet[index] = sign**a * torch.stack(terms).sum(0) if sum(index) == a + b else torch.zeros_like(s)
        return jet

    return function


def _repeated_integral(s: Tensor, t: Tensor, diffusion: float, order: int) -> Tensor:
    """(4 D t)^(m/2) i^m erfc(s / sqrt(4 D t)), by 2 m i^m = i^(m-2) - 2 z i^(m-1); zero at t = 0."""
    length = torch.sqrt(4 * diffusion * t + _TINY)
    z = s / length
    low, high = 2 / math.sqrt(math.pi) * torch.exp(-z * z), torch.erfc(z)  # m = -1, 0
    for m in range(1, order + 1):
        low, high = high, (low - 2 * z * high) / (2 * m)
    for m in range(0, order, -1):
        low, high = 2 * m * high + 2 * z * low, low
    return high * length**order


def vanishing(function: Function, faces: Sequence[tuple[int, int]], bounds: Sequence[tuple[float, float]]) -> Function:
    """`function` minus the transfinite interpolation of its values on `faces`, so that it vanishes there."""
    for axis in sorted({axis for axis, _ in faces}):
        function = _cleared(function, axis, [end for end in (0, 1) if (axis, end) in faces], bounds[axis])
    return function


def _cleared(function: Function, axis: int, ends: Sequence[int], interval: tuple[float, float]) -> Function:
    """`function` minus the linear interpolation along `axis` of its values at the ends."""
    length = interval[1] - interval[0]

    def cleared(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        jet = dict(function(points, indices))
        along = {index: (*index[:axis], 0, *index[axis + 1:]) for index in indices}
        relative = (points[:, axis] - interval[0]) / length
        for end in ends:
            face = points.clone()
            face[:, axis] = interval[end]
            values = function(face, sorted(set(along.values())))
            one = torch.ones_like(relative)
            weight = ({0: relative if end else 1 - relative, 1: (1 if end else -1) / length * one} if len(ends) == 2 else {0: one})
            for index in indices:
                if index[axis] in weight:
                    jet[index] = jet[index] - weight[index[axis]] * values[along[index]]
        return jet

    return cleared


def stacked(functions: Sequence[Function]) -> Function:
    """All functions at once, (n, functions) per derivative."""

    def together(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        jets = [function(points, indices) for function in functions]
        empty = points.new_zeros(len(points), 0)
        return {index: torch.stack([jet[index] for jet in jets], 1) if jets else empty for index in indices}

    return together
