"""Arrays of disks by multipoles: what finite elements on fitted meshes are checked against.

Rayleigh, Phil. Mag. 34 (1892) 481; Perrins, McKenzie, McPhedran, Proc. R. Soc. A 369 (1979) 207.
Lattice sums of low order by Eisenstein series.
"""

from __future__ import annotations

from math import comb, factorial, pi

import numpy as np
import sympy as sp

_TERMS = 30
_REACH = 100


def conductivity(
    radius: float, contrast: float, lattice: str = "square", contact: float = np.inf
) -> float:
    """a* of disks of a conductivity in a matrix of conductivity 1, at distances 1; `contact`: n . a
    grad u = contact [u] at their edges, which changes the conductivity that the multipole of order
    p sees (Hasselman, Johnson 1987; Torquato, Rintoul 1995)."""
    area = {"square": 1.0, "hexagonal": np.sqrt(3) / 2}[lattice]
    orders = np.arange(1, 2 * _TERMS, 2)
    sums = {k: lattice_sum(k, lattice, area) for k in range(2, 2 * orders[-1] + 1, 2)}
    matrix = np.zeros((_TERMS, _TERMS))
    for i, p in enumerate(orders.tolist()):
        for j, q in enumerate(orders.tolist()):
            # scaled by the radius, as high powers of it leave the range of numbers
            matrix[i, j] = comb(p + q - 1, p) * sums[p + q] * radius ** (p + q)
        seen = contrast / (1 + contrast * p / (contact * radius))
        matrix[i, i] += (1 + seen) / (1 - seen)
    right = np.zeros(_TERMS)
    right[0] = radius
    first = float(np.linalg.solve(matrix, right)[0]) * radius
    return 1 - 2 * pi * first / area


def lattice_sum(order: int, lattice: str, area: float) -> float:
    """The sum of z^-order over the lattice without 0; of order 2 that of a field which has the
    given mean."""
    if order == 2:
        return pi / area
    tau = {"square": 1j, "hexagonal": np.exp(1j * pi / 3)}[lattice]
    if order >= 8:
        m, n = np.meshgrid(np.arange(-_REACH, _REACH + 1), np.arange(-_REACH, _REACH + 1))
        points = (m + n * tau).ravel()
        return float((points[points != 0] ** -float(order)).sum().real)
    q = np.exp(2j * pi * tau)
    factor = 2 * (2j * pi) ** order / factorial(order - 1)
    total = sum(n ** (order - 1) * q**n / (1 - q**n) for n in range(1, 30))
    return complex(2 * float(sp.zeta(order)) + factor * total).real
