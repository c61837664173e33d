"""Cubic arrays of spheres by multipoles (McPhedran, McKenzie, Proc. R. Soc. A 359 (1978) 45): what
meshes in space are held against.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import factorial

import numpy as np
from scipy.special import gammaincc, lpmv

# Periods of each lattice that hold one sphere.
LATTICES = {
    "sc": np.eye(3),
    "bcc": (np.ones((3, 3)) - 2 * np.eye(3)) / 2,
    "fcc": (np.ones((3, 3)) - np.eye(3)) / 2,
}
# Of the splitting of lattice sums into two that converge like Gaussians, and their reach.
_ETA = 2.0
_REACH = 6


def conductivity(
    radius: float, contrast: float, lattice: str = "sc", contact: float = np.inf, order: int = 21
) -> float:
    """a* of spheres of conductivity `contrast` in a matrix of 1; contact: beta of
    n.a grad u = beta [u]. Multipoles of odd degrees up to `order`."""
    odd = range(1, order + 1, 2)
    known = [(n, m) for n in odd for m in range(-n, n + 1) if m % 4 == 0]
    sums = _lattice_sums(lattice, 2 * order)
    volume = abs(float(np.linalg.det(LATTICES[lattice])))
    system = np.zeros((len(known), len(known)), dtype=complex)
    right = np.zeros(len(known), dtype=complex)
    for row, (n, m) in enumerate(known):
        # A dipole sees the mean gradient and the field of Lorentz.
        inside = contrast / (1 + contrast * n / (contact * radius))
        share = n * (inside - 1) / (n * inside + n + 1) * radius ** (2 * n + 1)
        scale = factorial(n - m) * factorial(n + m)
        for column, (p, q) in enumerate(known):
            field = (-1) ** n * sums.get((n + p, q - m), 0.0)
            if n == p == 1:
                field -= 4 * np.pi / 3 / volume
            system[row, column] = share / scale * field
        system[row, row] += 1
        right[row] = -share * (n == 1)
    found = np.linalg.solve(system, right)
    return 1 - 4 * np.pi * float(found[known.index((1, 0))].real) / volume


@lru_cache
def _lattice_sums(lattice: str, order: int) -> dict[tuple[int, int], complex]:
    """Of the irregular harmonics (n - m)! P_n^m(cos) e^(i m phi) / r^(n + 1) over all places of the
    lattice but 0, of even degrees from 4; those of degree 2 vanish by symmetry."""
    vectors = LATTICES[lattice]
    steps = np.array([k for k in product(range(-_REACH, _REACH + 1), repeat=3) if any(k)])
    places = steps @ vectors
    waves = 2 * np.pi * steps @ np.linalg.inv(vectors).T
    volume = abs(float(np.linalg.det(vectors)))
    found = {}
    for n in range(4, order + 1, 2):
        r, k = np.linalg.norm(places, axis=1), np.linalg.norm(waves, axis=1)
        near = gammaincc(n + 0.5, (_ETA * r) ** 2) / r ** (n + 1)
        odd = np.prod(np.arange(1.0, 2 * n, 2))
        far = 4 * np.pi * (-1) ** (n // 2) / odd / volume * k ** (n - 2.0)
        far *= np.exp(-((k / (2 * _ETA)) ** 2))
        for m in range(-n + n % 4, n + 1, 4):
            found[n, m] = sum(_harmonic(n, m, x) @ w for x, w in ((places, near), (waves, far)))
    return found


def _harmonic(n: int, m: int, x: np.ndarray) -> np.ndarray:
    r = np.linalg.norm(x, axis=1)
    size = abs(m)
    legendre = lpmv(size, n, x[:, 2] / r)
    if m < 0:
        legendre = (-1) ** size * factorial(n - size) / factorial(n + size) * legendre
    return factorial(n - m) * legendre * np.exp(1j * m * np.arctan2(x[:, 1], x[:, 0]))
