"""Known functions that a smooth net cannot represent: corners and edges of a box, and the start of a parabolic problem.

- Corner of two Dirichlet faces: with z = xi + mu eta, A11 + 2 A12 mu + A22 mu^2 = 0, every Im f(z) solves div(A grad u) = 0.
  z^p vanishes on both faces for p = k pi / arg(mu); where that is an integer, a polynomial right-hand side asks for z^p log z
  (Grisvard 1985, chapter 5).
- Start of rho u_t = D u_ss + ... with data that do not fit at a face s = 0: v_m = (4 D t)^(m/2) i^m erfc(s / sqrt(4 D t)), which
  solve the heat equation (Carslaw and Jaeger 1959, appendix II): d_s v_m = -v_(m-1).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from ...lower.forms import MultiIndex
from ...problem.domain import Face
from .network import Jet

Functions = Callable[[Tensor, Sequence[MultiIndex]], Jet]
"""Points (n, columns) and multi-indices to the derivatives of a family of functions, (n, functions) each."""

_TINY = 1e-300
_CORNER_ORDERS = 3


def corner_functions(slopes: Sequence[complex], origin: Sequence[float], first: int = 1) -> Functions:
    """Im z^p for the first orders, z = sum_i slopes[i] (x_i - origin[i]); see `corner_slopes`.

    first=0 adds the angle of z, for Dirichlet data that jump at the corner.
    """
    mu = next(slope if slope.imag > 0 else -slope for slope in slopes if slope.imag)
    powers = [k * math.pi / cmath.phase(mu) for k in range(first, _CORNER_ORDERS + 1)]

    def functions(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        z = torch.stack([slope * (points[:, i] - origin[i]) for i, slope in enumerate(slopes)]).sum(0)
        logarithm = torch.log(z + _TINY)
        jet = {}
        for index in indices:
            chain = math.prod(slope**order for slope, order in zip(slopes, index))
            jet[index] = torch.stack([(chain * _power(logarithm, p, sum(index))).imag for p in powers], 1)
        return jet

    return functions


def corner_slopes(tensor: Tensor, faces: Sequence[Face]) -> list[complex]:
    """The slopes of z for the diffusion tensor (d, d) at the corner, or edge, of two faces: 1 and mu into the box, 0 along an edge."""
    (i, end_i), (j, end_j) = faces
    sign_i, sign_j = 1 - 2 * end_i, 1 - 2 * end_j
    a, b, c = float(tensor[i, i]), sign_i * sign_j * float(tensor[i, j] + tensor[j, i]) / 2, float(tensor[j, j])
    slopes = [0j] * len(tensor)
    slopes[i], slopes[j] = complex(sign_i), sign_j * complex(-b, math.sqrt(a * c - b * b)) / c
    return slopes


def _power(logarithm: Tensor, power: float, order: int) -> Tensor:
    """The derivative of z^power, or of z^power log z for an integer power, from log z."""
    whole = abs(power - round(power)) < 1e-6
    power = round(power) if whole else power
    factor, rest = 1.0, 0.0  # D^k z^p log z = z^(p - k) (factor log z + rest)
    for k in range(order):
        factor, rest = factor * (power - k), rest * (power - k) + factor
    return torch.exp((power - order) * logarithm) * (factor * logarithm + rest if whole else factor)


def start_functions(axis: int, at: float, sign: int, diffusion: float, members: Sequence[tuple[int, int]]) -> Functions:
    """s^power v_order for every (order, power) of `members`, at the face x_axis = `at`, s = sign (x_axis - at); the time is the last column."""

    def functions(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        s, t = sign * (points[:, axis] - at), points[:, -1]
        jet = {}
        for index in indices:
            a, b = index[axis], index[-1]
            columns = [_start(s, t, diffusion, order, power, a, b) for order, power in members]
            jet[index] = sign**a * torch.stack(columns, 1) * (sum(index) == a + b)
        return jet

    return functions


def _start(s: Tensor, t: Tensor, diffusion: float, order: int, power: int, a: int, b: int) -> Tensor:
    """D_s^a D_t^b (s^power v_order), by Leibniz' rule and D_t v_m = D v_(m-2)."""
    terms = [math.comb(a, k) * math.perm(power, k) * s ** (power - k) * (-1) ** (a - k) * diffusion**b
             * _repeated_integral(s, t, diffusion, order - (a - k) - 2 * b) for k in range(min(a, power) + 1)]
    return torch.stack(terms).sum(0)


def _repeated_integral(s: Tensor, t: Tensor, diffusion: float, order: int) -> Tensor:
    """v_order = (4 D t)^(m/2) i^m erfc(s / sqrt(4 D t)), by 2 m i^m = i^(m-2) - 2 z i^(m-1) upwards and downwards."""
    length = torch.sqrt(4 * diffusion * t + _TINY)
    z = s / length
    low, high = 2 / math.sqrt(math.pi) * torch.exp(-z * z), torch.erfc(z)  # m = -1, 0
    for m in range(1, order + 1):
        low, high = high, (low - 2 * z * high) / (2 * m)
    for m in range(0, order, -1):
        low, high = 2 * m * high + 2 * z * low, low
    return high * length**order


def modulated(functions: Functions, axis: int, interval: tuple[float, float], polynomials: Sequence[Polynomial]) -> Functions:
    """Every function times every polynomial of the coordinate of `axis`, scaled to (-1, 1)."""
    a, b = interval

    def products(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        lowered = {index: [(*index[:axis], k, *index[axis + 1:]) for k in range(index[axis] + 1)] for index in indices}
        jet = functions(points, sorted({low for lows in lowered.values() for low in lows}))
        s = (2 * points[:, axis] - a - b) / (b - a)
        out = {}
        for index, lows in lowered.items():
            n = index[axis]
            columns = []
            for p in polynomials:
                factors = [math.comb(n, k) * (2 / (b - a)) ** (n - k) * _horner(p.deriv(n - k), s) for k in range(n + 1)]
                columns.append(torch.stack([factor[:, None] * jet[low] for factor, low in zip(factors, lows)]).sum(0))
            out[index] = torch.cat(columns, 1)
        return out

    return products


def _horner(polynomial: Polynomial, s: Tensor) -> Tensor:
    value = torch.zeros_like(s)
    for coefficient in polynomial.coef[::-1]:
        value = value * s + float(coefficient)
    return value


def vanishing(functions: Functions, faces: Sequence[Face], bounds: Sequence[tuple[float, float]]) -> Functions:
    """`functions` minus the transfinite interpolation of their values on `faces`, so that they vanish there."""
    for axis in sorted({axis for axis, _ in faces}):
        functions = _cleared(functions, axis, [end for end in (0, 1) if (axis, end) in faces], bounds[axis])
    return functions


def _cleared(functions: Functions, axis: int, ends: Sequence[int], interval: tuple[float, float]) -> Functions:
    """`functions` minus the linear interpolation along `axis` of their values at the ends."""
    slope = 1 / (interval[1] - interval[0])

    def cleared(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        jet = dict(functions(points, indices))
        along = {index: (*index[:axis], 0, *index[axis + 1:]) for index in indices}
        for end in ends:
            face = points.clone()
            face[:, axis] = interval[end]
            values = functions(face, sorted(set(along.values())))
            distance = slope * (points[:, axis, None] - interval[1 - end]).abs()
            blend = [distance, torch.full_like(distance, slope if end else -slope)]  # and its derivative
            weights = blend if len(ends) == 2 else [torch.ones_like(distance)]
            for index in indices:
                if index[axis] < len(weights):
                    jet[index] = jet[index] - weights[index[axis]] * values[along[index]]
        return jet

    return cleared


def stacked(families: Sequence[Functions]) -> Functions:
    """All families as one."""

    def together(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        jets, empty = [family(points, indices) for family in families], points.new_zeros(len(points), 0)
        return {index: torch.cat([empty, *(jet[index] for jet in jets)], 1) for index in indices}

    return together
