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
from torch import Tensor

from ....lower.forms import MultiIndex
from ....operator.arrays import Array, ComplexArray, Integers
from ..network import Jet
from .functions import Family, Functions

_STEP = 0.05
"""Of the grid on which zeros of the determinant are sought, in powers."""
_LARGEST = 6.6
"""Powers above it are smooth enough for a net."""
_STRIP = 3.0
"""Imaginary parts of powers, at most."""
_NEWTON = 40
"""Steps of Newton's method, which converges linearly at double zeros."""
_SAME = 1e-3
"""Distance of two powers that are one."""
_NULL = 1e-4
"""Singular value, relative to the largest, that vanishes at a power found by Newton's method."""
_SPLIT = 1e-7
"""Relative perturbation that makes double characteristics simple: isotropic media have them."""
_TINY = 1e-300
"""Added where the logarithm of zero would not be finite."""


class Edge(NamedTuple):
    """The leading conditions on one edge: along D_x u + across D_y u for rows of order 1, along u
    for those of order 0; (m, m) each.
    """

    orders: Integers
    along: Array
    across: Array


class Characteristics(NamedTuple):
    """The 2m roots p and their vectors as columns, (m, 2m)."""

    roots: ComplexArray
    vectors: ComplexArray


@dataclass(frozen=True)
class Singularity:
    """sum_k weights[k] a_k z_k^power, times log z_k where `logarithmic`."""

    power: complex
    weights: ComplexArray
    logarithmic: bool


def characteristics(principal: Array) -> Characteristics | None:
    """Of the factors (3, m, m) of D_xx, D_xy, D_yy; None where they are not elliptic."""
    m = principal.shape[1]
    noise = np.random.default_rng(0).standard_normal((m, m))
    first = principal[0] + (_SPLIT * np.abs(principal).max() * (noise + noise.T) if m > 1 else 0.0)
    if abs(np.linalg.det(principal[2])) < 1e-12 * np.abs(principal).max() ** m:
        return None
    inverse = np.linalg.inv(principal[2])
    companion = np.block(
        [[np.zeros((m, m)), np.eye(m)], [-inverse @ first, -inverse @ principal[1]]]
    )
    roots, vectors = np.linalg.eig(companion)
    return (
        None
        if np.abs(roots.imag).min() < 1e-6
        else Characteristics(roots.astype(complex), vectors[:m].astype(complex))
    )


def singularities(
    of: Characteristics, edges: tuple[Edge, Edge], jumping: Sequence[bool]
) -> list[Singularity]:
    """Those on the quadrant x, y > 0 with edges y = 0 and x = 0, 0 < Re power < 6.6, polynomials
    left out: where the power is whole,
    a smooth right-hand side asks for the logarithm. Data of `jumping` components may jump at the
    corner: log z does, power 0."""
    roots, vectors = of
    data = np.linalg.inv(
        np.concatenate([vectors, roots * vectors])
    )  # columns q that belong to unit values: well conditioned, unlike the vectors
    rows = [edge.along @ vectors + edge.across @ (roots * vectors) for edge in edges]

    def conditions(powers: ComplexArray) -> ComplexArray:
        turned = np.exp((powers[..., None, None] - edges[1].orders[:, None]) * np.log(roots))
        return np.asarray(
            np.concatenate([np.broadcast_to(rows[0], turned.shape), turned * rows[1]], -2) @ data
        )

    found = []
    for power in _zeros(lambda powers: np.linalg.det(conditions(powers))):
        whole = abs(power - round(power.real)) < _SAME
        exact = complex(round(power.real)) if whole else power
        found += [
            Singularity(exact, data @ column, whole)
            for column in _null(conditions(np.array(exact))).T
        ]
    if any(jumping):
        columns = data @ _null(conditions(np.array(0j)))
        jumps = (vectors * np.log(roots) @ columns)[~np.array(jumping)]
        found += [Singularity(0j, column, True) for column in (columns @ _null(jumps)).T]
    return found


def _null(matrix: ComplexArray) -> ComplexArray:
    """The null space, an orthonormal basis as columns."""
    if not len(matrix):
        return np.eye(matrix.shape[1], dtype=complex)
    _, sizes, right = np.linalg.svd(matrix)
    sizes = np.pad(sizes, (0, len(right) - len(sizes)))
    return np.asarray(right[sizes <= _NULL * max(sizes[0], _TINY)].conj().T)


def _zeros(determinant: Callable[[ComplexArray], ComplexArray]) -> list[complex]:
    """Zeros in the strip: where the modulus of an analytic function has a local minimum; sharpened
    by Newton's method.
    """
    real = np.arange(_STEP, _LARGEST + 2 * _STEP, _STEP)
    imaginary = np.arange(-_STEP, _STRIP, _STEP)
    grid = real[:, None] + 1j * imaginary
    size = np.abs(determinant(grid))
    inner = size[1:-1, 1:-1]
    around = [
        size[1 + a : len(size) - 1 + a, 1 + b : size.shape[1] - 1 + b]
        for a in (-1, 0, 1)
        for b in (-1, 0, 1)
        if (a, b) != (0, 0)
    ]
    found: list[complex] = []
    for start in grid[1:-1, 1:-1][np.all([inner <= other for other in around], axis=0)]:
        power = complex(start)
        for _ in range(_NEWTON):
            below, at, above = determinant(np.array([power - 1e-5, power, power + 1e-5]))
            slope = (above - below) / 2e-5
            power -= complex(at / slope) if slope != 0 and abs(at) < abs(slope) else 0.0
        power = complex(power.real, 0.0) if abs(power.imag) < _SAME else power
        if (
            0 < power.real < _LARGEST
            and power.imag >= 0
            and all(abs(power - other) > _SAME for other in found)
        ):
            found.append(power)
    return found


def singular_functions(
    of: Characteristics,
    terms: Sequence[Singularity],
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

    def part(j: int) -> Functions:
        def functions(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
            powers = torch.tensor([not s.logarithmic for s in terms] * 2, device=points.device)
            roots, factors = (
                torch.as_tensor(v, device=points.device)
                for v in (of.roots, np.stack([s.weights * of.vectors[j] for s in terms]))
            )
            x, y = (
                sign * (points[:, [axis]] - at)
                for axis, at, sign in zip(axes, corner, signs, strict=True)
            )
            logarithm = torch.log(x + roots * y + _TINY)
            jet = {}
            for index in indices:
                orders = [index[axis] for axis in axes]
                if sum(orders) < sum(index):
                    jet[index] = points.new_zeros(len(points), 2 * len(terms))
                    continue
                chain = signs[0] ** orders[0] * (signs[1] * roots) ** orders[1]
                values = torch.stack(
                    [
                        _power(logarithm, s, sum(orders)) @ (chain * factor)
                        for s, factor in zip(terms, factors)
                    ],
                    1,
                )
                jet[index] = torch.cat([values.real, values.imag], 1)
                for k in (k for k in clamped[j] if not orders[k]):
                    jet[index] = torch.where(
                        (points[:, [axes[k]]] == corner[k]) & powers, 0.0, jet[index]
                    )
            return jet

        return functions

    return tuple(part(j) for j in range(len(of.vectors)))


def _power(logarithm: Tensor, s: Singularity, order: int) -> Tensor:
    """The derivative of z^power, or of z^power log z, from log z."""
    factor = 1 + 0j
    rest = 0j  # D^k z^p log z = z^(p - k) (factor log z + rest)
    for k in range(order):
        factor, rest = factor * (s.power - k), rest * (s.power - k) + factor
    return torch.exp((s.power - order) * logarithm) * (
        factor * logarithm + rest if s.logarithmic else factor
    )


def combine_functions(functions: Functions, mixing: Tensor) -> Functions:
    """Combinations of a family: the columns of mixing (functions, combinations)."""
    return lambda points, indices: {
        a: value @ mixing for a, value in functions(points, indices).items()
    }
