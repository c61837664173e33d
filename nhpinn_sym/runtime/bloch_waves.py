"""Is a state stable against perturbations of every wavelength? Bloch waves of its tangent C_T:

    beta(k) = min over periodic w of <D_k w : C_T : D_k w> / <|D_k w|^2>,   D_k = grad + ik,

for k in the Brillouin zone. As k -> 0 in a direction n the constant part of D_k w tends to a (x) n:
beta is above a number s there exactly where, for C_T - s, periodic w of mean zero have positive
energy and the acoustic tensor of the effective tangent is positive definite (Geymonat, Mueller,
Triantafyllidis 1993).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import gcd

import numpy as np

from .arrays import Array

_WAVES = {2: 8, 3: 4}
"""Wavevectors of the Brillouin zone per axis, by the dimension."""
_REACH = {2: 3, 3: 1}
"""Largest entry of the integer vectors along which k tends to 0."""
_MARGIN = 1e-3
"""Share of the least stiffness in the cell above which beta counts as positive."""
_DIRECTIONS = {2: 360, 3: 1000}
"""Directions in which an acoustic tensor is looked at, by the dimension."""
_DIGITS = 15


@dataclass(frozen=True)
class Wave:
    """k in units of 2 pi / period along each axis, at k = 0 the direction from which it is
    approached, and beta there. wavevector: k in units of 1/y.
    """

    fractions: tuple[float, ...]
    direction: tuple[float, ...]
    beta: float
    wavevector: tuple[float, ...]


class Waves(ABC):
    """The waves of one state.

    tangent : (d, d, d, d, ...) at points of the cell; periods : (d,) of it
    """

    def __init__(self, tangent: Array, periods: Array) -> None:
        self.dim = len(periods)
        self.tangent = tangent
        self.periods = periods
        diagonal = np.einsum("ikik...->...", tangent) / self.dim**2
        self.margin = _MARGIN * float(np.abs(diagonal).min())

    @abstractmethod
    def beta(self, fractions: Array, direction: Array) -> float:
        """At k in units of 2 pi / period, or k -> 0 along a direction."""

    @abstractmethod
    def above(self, fractions: Array) -> bool:
        """Whether beta is above the margin; at k = 0 of periodic w of mean zero."""

    @abstractmethod
    def effective(self) -> Array:
        """The effective tangent (d, d, d, d) of C_T less the margin."""

    def unstable(self) -> bool:
        """Whether there is a wave whose beta is not above the margin."""
        if not self.above(np.zeros(self.dim)):
            return True
        if softest(self.effective())[0] <= 0:
            return True
        return not all(self.above(k) for k, _ in self._short())

    def wave(self, fractions: Array, direction: Array) -> Wave:
        beta = self.beta(fractions, direction)
        k = 2 * np.pi * fractions / self.periods
        return Wave(tuple(fractions.tolist()), tuple(direction.tolist()), beta, tuple(k.tolist()))

    def waves(self) -> list[Wave]:
        """The waves of all sampled k."""
        return [self.wave(*at) for at in [*self._long(), *self._short()]]

    def least(self) -> Wave:
        """The wave of the least beta."""
        return min(self.waves(), key=lambda wave: wave.beta)

    def _long(self) -> Iterator[tuple[Array, Array]]:
        """(0, direction), one of each and its opposite; the one that the effective tangent is
        softest in.
        """
        if self.above(np.zeros(self.dim)):
            yield np.zeros(self.dim), softest(self.effective())[1]
        for steps in product(range(-_REACH[self.dim], _REACH[self.dim] + 1), repeat=self.dim):
            if gcd(*steps) == 1 and _first(steps) > 0:
                along = np.array(steps) / self.periods
                yield np.zeros(self.dim), along / np.linalg.norm(along)

    def _short(self) -> Iterator[tuple[Array, Array]]:
        """(k in units of 2 pi / period, its direction), one of k and -k each."""
        half = _WAVES[self.dim] // 2
        for steps in product(range(1 - half, half + 1), repeat=self.dim):
            if _first(steps) > 0:
                k = np.array(steps) / (2 * half)
                yield k, k / self.periods / np.linalg.norm(k / self.periods)


def softest(tangent: Array) -> tuple[float, Array]:
    """The least eigenvalue of the acoustic tensors n_k C_ikjl n_l, and the direction n of it."""
    directions = _directions(len(tangent))
    acoustic = np.einsum("nk,ikjl,nl->nij", directions, tangent, directions, optimize=True)
    least = np.linalg.eigvalsh((acoustic + np.swapaxes(acoustic, 1, 2)) / 2)[:, 0]
    place = int(np.argmin(least))
    return float(least[place]), directions[place]


def _directions(dim: int) -> Array:
    """(n, d), of half a sphere."""
    count = _DIRECTIONS[dim]
    if dim == 2:
        angles = np.pi * np.arange(count) / count
        return np.round(np.stack([np.cos(angles), np.sin(angles)], axis=1), _DIGITS)
    height = (np.arange(count) + 0.5) / count  # a spiral of the golden angle
    angles = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    around = np.sqrt(1 - height**2)
    spiral = np.stack([around * np.cos(angles), around * np.sin(angles), height], axis=1)
    return np.concatenate([np.eye(dim), spiral])


def _first(steps: tuple[int, ...]) -> int:
    """The first entry that is not 0: of k and -k one has a positive one."""
    return next((step for step in steps if step), 0)
