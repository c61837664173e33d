"""What the operator of an equation may not see of its unknowns: constants, rotations, and
combinations of these.

Unknowns are numbered node by node. Arrays may hold the rows of one rank alone: `gather` collects an
object of each rank, in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from .arrays import Array

Gather = Callable[[Any], list[Any]]

# Square of the size, relative to the largest one, below which a combination of candidates vanishes.
_DEPENDENT = 1e-20

NEARLY = 1e-8
"""Functions whose images are less than that share of the largest entry of a matrix are split off
before it is factorized.
"""
# Singular value, relative to the largest, of a combination of kernels that has no image.
_NO_PART = 1e-12
# Sums that are so much smaller than their terms are 0: quadrature of the terms is no better.
_CANCELLING = 1e-7

# Defect of the data of a singular problem, relative to them, that is put down to quadrature.
_BALANCED = 1e-6
# Size of rounding in A w, relative to the largest entry of A times that of w.
_CANCELLED = 1e-13


def motions(points: Array, bounds: Sequence[tuple[float, float]], components: int) -> Array:
    """Constants of each component, and rotations where there are as many as coordinates: points (n,
    d) -> (n components, k), of size one.
    """
    n, d = points.shape
    low, high = np.array(bounds).T
    # In (-1, 1) along the longest axis: rotations then have the size of constants.
    x = (2 * points - low - high) / (high - low).max()
    found = [np.tile(unit, n) for unit in np.eye(components)]
    planes = combinations(range(d), 2) if components == d else ()
    for i, k in planes:
        turn = np.zeros((n, d))
        turn[:, i] = -x[:, k]
        turn[:, k] = x[:, i]
        found.append(turn.ravel())
    return np.stack(found, axis=1)


def independent(candidates: Array, gather: Gather) -> Array:
    """The candidates (n, k); where they depend on each other on so few unknowns, orthogonal
    combinations that do not.
    """
    gram = np.sum(gather(candidates.T @ candidates), axis=0)
    values, vectors = np.linalg.eigh(gram)
    kept = values > _DEPENDENT * values.max(initial=0.0)
    if kept.all():
        return candidates
    return candidates @ vectors[:, kept]


def null_combinations(
    images: Array, largest: float, gather: Gather, share: float = _CANCELLED
) -> Array:
    """Combinations (k, p) of candidates (n, k), given by their images under a matrix, that it maps
    to nearly nothing.

    That is to less than a share of its largest entry, `largest`.
    """
    if not images.shape[1]:
        return np.zeros((0, 0))
    # The R factors of all ranks have the right singular vectors of all rows, and are small.
    triangle = np.concatenate(gather(np.linalg.qr(images, mode="r")))
    choices = np.linalg.svd(triangle)[2].T
    # the sign is free: the largest entry of each is made positive, on every rank
    leading = choices[np.abs(choices).argmax(axis=0), np.arange(len(choices))]
    choices = choices * np.sign(leading)
    sizes = np.max(gather(np.abs(images @ choices).max(axis=0, initial=0.0)), axis=0)
    return np.asarray(choices[:, sizes <= share * largest])


def deflated(
    solve: Callable[[Any, Sequence[float]], tuple[Any, list[float]]], b: Any, images: Sequence[Any]
) -> tuple[Any, list[float], list[float]]:
    """(w, c, rest) with A (w + sum_p c_p k_p) = b - sum_p rest_p column_p, for functions k_p that A
    nearly maps to 0.

    solve: the bordered system of A with as many borders, (b, 0) -> (w, multipliers); images: the A
    k_p, which are 0 for kernels: those have no part in the solution, and `rest` is what b has to
    lose.
    """
    zero = [0.0] * len(images)
    w, multipliers = solve(b, zero)
    answers = [solve(image, zero) for image in images]
    table = np.array([found for _, found in answers]).T
    # Kernels give rows of zeros, which least squares leave out: what no combination takes is the
    # rest.
    c = np.linalg.lstsq(table, np.array(multipliers), rcond=_NO_PART)[0]
    for coefficient, (part, _) in zip(c, answers):
        w = w - float(coefficient) * part
    rest = np.array(multipliers) - table @ c
    return w, [float(v) for v in c], [float(v) for v in rest]


def without_cancelled(image: Array, parts: Sequence[Array], gather: Gather) -> Array:
    """The sum `image` of `parts`, exactly 0 where they cancel: a kernel is known only so well."""
    left = max(gather(float(np.abs(image).max(initial=0.0))))
    largest = max(np.abs(part).max(initial=0.0) for part in parts)
    whole = max(gather(float(largest)))
    if left > _CANCELLING * whole:
        return image
    return 0.0 * image


def as_many(left: Array, right: Array) -> tuple[Array, Array]:
    """Kernels (n, p) of a transposed matrix and of the matrix, as far as they were found: that with
    fewer columns is replaced by the other.
    """
    if left.shape[1] < right.shape[1]:
        return right, right
    if right.shape[1] < left.shape[1]:
        return left, left
    return left, right


def pivots(kernel: Array, first: int, gather: Gather) -> list[int]:
    """As many unknowns as there are columns (n, p), at which no combination of them vanishes; this
    rank's numbers begin with `first`.
    """
    found = []
    rest = kernel.copy()
    for _ in range(kernel.shape[1]):
        candidate: tuple[float, int, Any] = (-1.0, 0, None)  # of a rank without unknowns
        if len(rest):
            sizes = (rest**2).sum(axis=1)
            own = int(sizes.argmax())
            candidate = (float(sizes[own]), -first - own, rest[own])
        # of equal ones the lowest number, so that all ranks choose the same
        size, place, row = max(gather(candidate), key=lambda item: item[:2])
        found.append(-place)
        rest = rest - np.outer(rest @ row, row / size)
    return found


def require_balance(defect: float) -> None:
    """SystemExit where the data of a problem that leaves its mean open have no solution."""
    if defect > _BALANCED:
        raise SystemExit(
            f"sources and boundary fluxes do not balance: relative defect {defect:.1e}"
        )
