"""Cells whose symmetry makes the effective tensor isotropic: those that quarter turns take to
themselves. Then A* = l 1 for one unknown, and the trace bounds of two phases are those of Hashin
and Shtrikman for l."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..lower.forms import LoweredCells
from ..runtime.arrays import Array
from .bounds import Enclosure, applies, coefficient_means

_POINTS = 200
# Share of the largest coefficient up to which two are the same.
_SAME = 1e-9
# The planes of the quarter turns that make the group of the square, and of the cube.
_TURNS = {2: ((0, 1),), 3: ((0, 1), (1, 2))}


def is_isotropic(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float] = ()
) -> bool:
    """Whether a(R y) = R a(y) R^T for the quarter turns R about the middle of a square or cubic
    cell; of one unknown.

    A symmetric tensor that they all leave as it is is a multiple of 1.
    """
    dim = len(cells.coordinates)
    lengths = [b - a for a, b in cells.cell.bounds]
    if dim not in _TURNS or cells.components > 1 or max(lengths) != min(lengths):
        return False
    known = applies(cells) and not cells.contacts
    found = coefficient_means(cells, parameters, slow_point) if known else None
    if found is None:
        return False
    low = np.array([a for a, _ in cells.cell.bounds])
    middle = low + lengths[0] / 2
    points = low + lengths[0] * np.random.default_rng(7).random((_POINTS, dim))

    def tensors(where: Array) -> Array:
        return found.values(where)[:, : dim * dim].reshape(-1, dim, dim)

    here = tensors(points)
    for plane in _TURNS[dim]:
        turn = _quarter_turn(dim, plane)
        # Turned about the middle, points stay in the cell, for which coefficients are written.
        there = tensors(middle + (points - middle) @ turn.T)
        if np.abs(there - turn @ here @ turn.T).max() > _SAME * np.abs(here).max():
            return False
    return True


def hashin_shtrikman(enclosure: Enclosure) -> tuple[float, float] | None:
    """The bounds of the eigenvalue of an isotropic A*, for two isotropic phases; else None (Hashin,
    Shtrikman 1962, J. Appl. Phys. 33:3125)."""
    if enclosure.phases is None:
        return None
    alpha, beta = enclosure.phases
    dim = len(enclosure.lower)
    harmonic, mean = float(enclosure.lower[0, 0]), float(enclosure.upper[0, 0])
    below = 1 / (harmonic - alpha) + (dim - 1) / (mean - alpha)
    above = 1 / (beta - harmonic) + (dim - 1) / (beta - mean)
    return alpha + dim / below, beta - dim / above


def _quarter_turn(dim: int, plane: tuple[int, int]) -> Array:
    turn = np.eye(dim)
    i, j = plane
    turn[i, i] = 0.0
    turn[j, j] = 0.0
    turn[i, j] = -1.0
    turn[j, i] = 1.0
    return turn
