"""Closed forms: laminates of tensors and of systems, disks in a rectangular array by multipoles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import zeta

from .spaces import Array

Means = Callable[[Callable[[Array], Array]], Array]
"""The mean over the layers of a function from places t (n,) to arrays (n, ...)."""


def laminate(mean: Means, entries: Callable[[Array], Array], normal: Array) -> Array:
    """The effective A[i, k, j, l] of layers across the unit vector `normal`.

    entries(t): (n, m, d, m, d), A[i, k, j, l] multiplies d_k(. d_l u_j) in equation i. The flux
    across the layers is constant.
    """

    def across(t: Array) -> Array:
        return np.linalg.inv(np.einsum("nikjl,k,l->nij", entries(t), normal, normal))

    def lower(t: Array) -> Array:
        return np.einsum("nab,nbkjl,k->najl", across(t), entries(t), normal)

    def left(t: Array) -> Array:
        return np.einsum("nikbl,l,nba->nika", entries(t), normal, across(t))

    def rest(t: Array) -> Array:
        right = np.einsum("nikbl,l->nikb", entries(t), normal)
        return entries(t) - np.einsum("nika,najl->nikjl", right, lower(t))

    core = np.linalg.inv(mean(across))
    return mean(rest) + np.einsum("ika,ab,bjl->ikjl", mean(left), core, mean(lower))


def scalar_laminate(mean: Means, entries: Callable[[Array], Array], normal: Array) -> Array:
    """`laminate` of one equation: entries(t) is (n, d, d)."""
    return laminate(mean, lambda t: entries(t)[:, None, :, None, :], normal)[0, :, 0, :]


def disk_array(radius: float, contrast: float, height: float = 1.0, terms: int = 60) -> Array:
    """The diagonal of A of a disk of conductivity `contrast` in a matrix of 1, periods 1 and
    `height`: Rayleigh's multipoles.

    Outside the disk u = Re(E z + sum_n b_n zeta^(n-1)(z) (-1)^(n-1)/(n-1)!) with Weierstrass's zeta
    of the lattice, n odd.
    """
    sums, first, second = _lattice(height, 4 * terms)
    beta = (contrast - 1) / (contrast + 1)
    odd = 2 * np.arange(terms) + 1
    along = _dipole(radius, beta, sums, odd)
    # A field along the second axis is a field along the first of the array turned by 90 degrees.
    turned, first_turned, second_turned = _lattice(1 / height, 4 * terms)
    across = _dipole(radius / height, beta, turned, odd)
    return np.array(
        [
            _conductivity(along, first, second, height),
            _conductivity(across, first_turned, second_turned, 1 / height),
        ]
    )


def _conductivity(dipole: float, first: float, second: float, height: float) -> float:
    """Mean flux over mean gradient along the first axis: increments of the potential over the
    periods.
    """
    gradient = 1.0 + dipole * first
    flux = (height + dipole * second) / height
    return flux / gradient


def _lattice(height: float, most: int) -> tuple[Array, float, float]:
    """Eisenstein's sums G_2k of the lattice (1, i height), and zeta's increments eta_1 and Im
    eta_2.
    """
    nome = math.exp(-2 * math.pi * height)
    divisors = sum(n * nome**n / (1 - nome**n) for n in range(1, 200))
    sums = np.zeros(most + 1)
    for order in range(4, most + 1, 2):
        sums[order] = _eisenstein(order, height)
    eta = math.pi**2 / 3 - 8 * math.pi**2 * divisors
    return sums, eta, eta * height - 2 * math.pi


def _eisenstein(order: int, height: float) -> float:
    """The sum of (m + i n height)^-order, rows summed by Lipschitz's formula while they matter, or
    directly.
    """
    if order > 24:
        near = [complex(m, n * height) for m in range(-9, 10) for n in range(-9, 10) if m or n]
        return sum(z**-order for z in near).real
    row = 2 * float(zeta(order))
    factor = 2 * (2 * math.pi) ** order * (-1) ** (order // 2) / math.factorial(order - 1)
    nome = math.exp(-2 * math.pi * height)
    total = 0.0
    for n in range(1, 200):
        total += n ** (order - 1) * nome**n / (1 - nome**n)
    return row + factor * total


def _dipole(radius: float, beta: float, sums: Array, odd: Array) -> float:
    """b_1: b_n = -beta R^2n A_n, and A_n from the field and from the images of all multipoles.

    zeta's part (n-1)-times differentiated: -sum_k G_2k z^(2k-1), so the images of b_n give A_m =
    -b_n C(m+n-1, n-1) G_(m+n).
    Unknowns scaled by R^n.
    """
    size = len(odd)
    matrix = np.eye(size)
    load = np.zeros(size)
    load[0] = -beta * radius
    for i, m in enumerate(odd):
        for j, n in enumerate(odd):
            if m + n >= 4:
                weight = (
                    math.comb(int(m + n - 1), int(n - 1)) * sums[m + n] * radius ** float(m + n)
                )
                matrix[i, j] -= beta * weight
    return float(np.linalg.solve(matrix, load)[0] * radius)
