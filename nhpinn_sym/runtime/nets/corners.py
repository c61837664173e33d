"""Singular functions, of systems too, at the corners of a rectangle and the edges of a box.

They are solutions r^lambda phi(theta) of the leading equations and conditions.

With z = x + p y and (M_0 + p M_1 + p^2 M_2) a = 0 every a f(z) solves the leading equations
(Stroh's formalism; Ting 1996, chapter 5).
The sum of q_k a_k z_k^lambda over all 2m characteristics satisfies the conditions on both edges
where L(lambda) q = 0 (Costabel, Dauge, Lafranche 2001, for elasticity).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import null_space
from torch import Tensor

from ..arrays import Array, MultiIndex
from .function_families import Family, JetsOfFamily
from .jets import Jet

Complex = NDArray[np.complex128]
# Of the grid on which zeros of the determinant are sought, in powers.
_STEP = 0.05
# Powers above it are smooth enough for a net.
_LARGEST = 6.6
# Imaginary parts of powers, at most.
_STRIP = 3.0
# Steps of Newton's method, which converges linearly at double zeros.
_NEWTON = 40
# Step of the central differences in it: their error is near the root of rounding.
_DIFFERENCE = 1e-5
# Distance of two powers that are one.
_SAME = 1e-3
# Singular value, relative to the largest, that vanishes at a power found by Newton's method.
_NULL = 1e-4
# Relative perturbation that makes double characteristics simple: isotropic media have them.
_SPLIT = 1e-7
# Imaginary part of a characteristic that is real: far above what _SPLIT does to double ones.
_REAL = 1e-6
# Relative determinant of a matrix that rounding makes of a singular one.
_SINGULAR = 1e-12
# Added where the logarithm of zero would not be finite.
_TINY = 1e-300


class Edge(NamedTuple):
    """The leading conditions on one edge: along D_x u + across D_y u for rows of order 1, along u
    for those of order 0; (m, m) each.
    """

    orders: NDArray[np.int64]
    along: Array
    across: Array


class Characteristics(NamedTuple):
    """The 2m roots p and their vectors as columns, (m, 2m)."""

    roots: Complex
    vectors: Complex


@dataclass(frozen=True)
class CornerSingularity:
    """sum_k weights[k] a_k z_k^power, times log z_k where `logarithmic`."""

    power: complex
    weights: Complex
    logarithmic: bool


def characteristics(principal: Array) -> Characteristics | None:
    """Of the factors (3, m, m) of D_xx, D_xy, D_yy; None where they are not elliptic."""
    m = principal.shape[1]
    size = np.abs(principal).max()
    first = principal[0]
    if m > 1:
        # Double characteristics, which isotropic media have, have too few vectors: a tiny
        # perturbation makes them simple.
        noise = np.random.default_rng(0).standard_normal((m, m))
        first = first + _SPLIT * size * (noise + noise.T)
    if abs(np.linalg.det(principal[2])) < _SINGULAR * size**m:
        return None
    inverse = np.linalg.inv(principal[2])
    companion = np.block(
        [[np.zeros((m, m)), np.eye(m)], [-inverse @ first, -inverse @ principal[1]]]
    )
    roots, vectors = np.linalg.eig(companion)
    if np.abs(roots.imag).min() < _REAL:
        return None
    return Characteristics(roots.astype(complex), vectors[:m].astype(complex))


def singularities(
    of: Characteristics,
    edges: tuple[Edge, Edge],
    jumping: Sequence[bool],
    turns: Complex | None = None,
) -> list[CornerSingularity]:
    """Those on the quadrant x, y > 0 with edges y = 0 and x = 0, 0 < Re power < 6.6, polynomials
    left out: where the power is whole, a smooth right-hand side asks for the logarithm. Data of
    `jumping` components may jump at the corner: log z does, power 0.

    turns: log z_k on the second edge, at the distance 1, where that is another one than x = 0
    """
    roots, vectors = of
    # Columns q that belong to unit values of u and D_y u: well conditioned, unlike the vectors.
    data = np.linalg.inv(np.concatenate([vectors, roots * vectors]))
    rows = [edge.along @ vectors + edge.across @ (roots * vectors) for edge in edges]
    logarithms = np.log(roots) if turns is None else turns

    def conditions(powers: Complex) -> Complex:
        turned = np.exp((powers[..., None, None] - edges[1].orders[:, None]) * logarithms)
        first = np.broadcast_to(rows[0], turned.shape)
        return np.asarray(np.concatenate([first, turned * rows[1]], -2) @ data)

    found = []
    for power in _zeros(lambda powers: np.linalg.det(conditions(powers))):
        # Polynomials belong to whole powers, and the net has those; what is left is the logarithm.
        whole = abs(power - round(power.real)) < _SAME
        exact = complex(round(power.real)) if whole else power
        null = _null(conditions(np.array(exact)))
        found += [CornerSingularity(exact, data @ column, whole) for column in null.T]
    if any(jumping):
        columns = data @ _null(conditions(np.array(0j)))
        jumps = (vectors * logarithms @ columns)[~np.array(jumping)]
        found += [CornerSingularity(0j, column, True) for column in (columns @ _null(jumps)).T]
    return found


def _null(matrix: Complex) -> Complex:
    """The null space, an orthonormal basis as columns."""
    if not len(matrix):
        return np.eye(matrix.shape[1], dtype=complex)
    return np.asarray(null_space(matrix, rcond=_NULL))


def _zeros(determinant: Callable[[Complex], Complex]) -> list[complex]:
    """Zeros in the strip: where the modulus of an analytic function has a local minimum; sharpened
    by Newton's method.
    """
    real = np.arange(_STEP, _LARGEST + 2 * _STEP, _STEP)
    imaginary = np.arange(-_STEP, _STRIP, _STEP)
    grid = real[:, None] + 1j * imaginary
    found: list[complex] = []
    for start in grid[1:-1, 1:-1][_minima(np.abs(determinant(grid)))]:
        power = _newton(determinant, complex(start))
        inside = 0 < power.real < _LARGEST and power.imag >= 0
        if inside and all(abs(power - other) > _SAME for other in found):
            found.append(power)
    return found


def _minima(size: Array) -> NDArray[np.bool_]:
    """Which inner points of a grid have no smaller one beside them."""
    rows, columns = size.shape
    inner = size[1:-1, 1:-1]
    smallest = np.ones(inner.shape, dtype=bool)
    for i in range(3):
        for j in range(3):
            smallest &= inner <= size[i : rows - 2 + i, j : columns - 2 + j]
    return smallest


def _newton(determinant: Callable[[Complex], Complex], start: complex) -> complex:
    """The zero that Newton's method goes to, by differences; real where that is what rounding
    hides.
    """
    power = start
    for _ in range(_NEWTON):
        steps = np.array([power - _DIFFERENCE, power, power + _DIFFERENCE])
        below, at, above = determinant(steps)
        slope = (above - below) / (2 * _DIFFERENCE)
        # Steps longer than one leave the neighbourhood that the grid has found.
        if slope != 0 and abs(at) < abs(slope):
            power -= complex(at / slope)
    if abs(power.imag) < _SAME:
        return complex(power.real, 0.0)
    return power


def singular_functions(
    of: Characteristics,
    terms: Sequence[CornerSingularity],
    axes: Sequence[int],
    corner: Sequence[float],
    signs: Sequence[int],
    clamped: Sequence[Sequence[int]],
) -> Family:
    """The real and the imaginary part of every singularity, by component; constant along all but
    two `axes`.

    signs: 1 where the box lies above the corner along that axis. clamped: for each component which
    of both axes have a near edge on which it vanishes; powers are put to zero there, where rounding
    would be large beside derivatives that are not bounded at the corner.
    """

    parts = []
    for vector, near in zip(of.vectors, clamped, strict=True):
        factors = np.stack([s.weights * vector for s in terms])
        parts.append(_CornerFunctions(of.roots, factors, terms, axes, corner, signs, near))
    return tuple(parts)


@dataclass(frozen=True)
class _CornerFunctions:
    """One component of `singular_functions`: sum_k factors[s, k] z_k^power for every term s."""

    roots: Complex
    factors: Complex
    terms: Sequence[CornerSingularity]
    axes: Sequence[int]
    corner: Sequence[float]
    signs: Sequence[int]
    clamped: Sequence[int]

    def __call__(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        roots = torch.as_tensor(self.roots, device=points.device)
        logarithm = self._logarithm(points, roots)
        powers: dict[int, list[Tensor]] = {}
        jet = {}
        for index in indices:
            a, b = (index[axis] for axis in self.axes)
            order = a + b
            if order < sum(index):  # along the edge
                jet[index] = points.new_zeros(len(points), 2 * len(self.terms))
                continue
            if order not in powers:
                powers[order] = [
                    derivative_of_power(logarithm, s.power, s.logarithmic, order)
                    for s in self.terms
                ]
            # z_k = x + p_k y in coordinates that increase into the box: the chain rule for both
            # axes.
            chain = self.signs[0] ** a * (self.signs[1] * roots) ** b
            values = self._combined(powers[order], chain)
            jet[index] = self._vanishing(points, values, (a, b))
        return jet

    def _logarithm(self, points: Tensor, roots: Tensor) -> Tensor:
        """Of z_k = x + p_k y, (n, roots), in coordinates that increase into the box."""
        x, y = (
            sign * (points[:, [axis]] - at)
            for axis, at, sign in zip(self.axes, self.corner, self.signs, strict=True)
        )
        return torch.log(x + roots * y + _TINY)

    def _combined(self, powers: Sequence[Tensor], chain: Tensor) -> Tensor:
        """The real and then the imaginary parts of all terms, (n, 2 terms)."""
        factors = torch.as_tensor(self.factors, device=chain.device)
        columns = [power @ (chain * factor) for power, factor in zip(powers, factors, strict=True)]
        values = torch.stack(columns, 1)
        return torch.cat([values.real, values.imag], 1)

    def _vanishing(self, points: Tensor, values: Tensor, orders: tuple[int, int]) -> Tensor:
        """The values, those of powers zero on the edges on which the component is given."""
        powers = torch.tensor([not s.logarithmic for s in self.terms] * 2, device=points.device)
        for k in self.clamped:
            if not orders[k]:
                there = points[:, [self.axes[k]]] == self.corner[k]
                values = torch.where(there & powers, 0.0, values)
        return values


def derivative_of_power(logarithm: Tensor, power: complex, logarithmic: bool, order: int) -> Tensor:
    """The derivative of z^power, or of z^power log z, from log z."""
    # D^k z^p log z = z^(p - k) (factor log z + rest)
    factor = 1 + 0j
    rest = 0j
    for k in range(order):
        rest = rest * (power - k) + factor
        factor = factor * (power - k)
    lowered = torch.exp((power - order) * logarithm)
    return lowered * (factor * logarithm + rest if logarithmic else factor)


def combine_functions(functions: JetsOfFamily, mixing: Tensor) -> JetsOfFamily:
    """Combinations of a family: the columns of mixing (functions, combinations)."""
    return lambda points, indices: {
        a: value @ mixing for a, value in functions(points, indices).items()
    }
