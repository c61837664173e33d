"""Boundary layers that are solutions in time: what an expansion is on the walls at every time, and
the equation of the layer with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from numpy.polynomial import chebyshev

from ..lower.forms import LoweredEquation, MultiIndex
from ..problem.errors import warn_tolerance
from ..runtime.arrays import InTime, PointFunction
from .domains import points_on
from .layer_equation import free_name, layer_equation, not_covered
from .solution import Array, Solution

# Polynomials of the time, at first and at most; what is left of the expansion beyond them, beside
# the largest, and where that is in doubt; points of each wall at which they are looked at.
_FEWEST_MODES, _MOST_MODES = 12, 96
_TRACE = 1e-6
_POOR = 1e-3
_PLACES = 8
# Share of the time at which a rate is taken that is not bounded at the start.
_START = 1e-12


@dataclass(frozen=True)
class WallData:
    """An expansion at points, as Chebyshev polynomials of (t/end)^(1/root): heat starts with the
    root of the time, waves do not.
    """

    expansion: Solution
    slopes: Solution
    end: float
    root: int
    count: int
    held: dict[tuple[MultiIndex, int], Array] = field(default_factory=dict)

    def coefficients(self, points: Array, index: MultiIndex) -> Array:
        """(count, n, ...) of a derivative, kept: walls are asked at every step."""
        key = (index, hash(points.tobytes()))
        source = self.slopes if any(index) else self.expansion
        if key not in self.held:
            zeros = chebyshev.chebpts1(self.count)
            values = [
                source.derivative(points, index, self.end * ((1 + z) / 2) ** self.root)
                for z in zeros
            ]
            flat = np.array(values).reshape(self.count, -1)
            found = chebyshev.chebfit(zeros, flat, self.count - 1)
            self.held[key] = found.reshape(self.count, *values[0].shape)
        return self.held[key]

    def at(self, component: int, index: MultiIndex, rate: int, t: float) -> PointFunction:
        """D^index of a component, or a rate of it, at one time."""

        def value(points: Array) -> Array:
            if t == 0 and not rate and not any(index):
                found = self.expansion.derivative(points, index, t)
            else:
                series = self.coefficients(points, index)
                share = max(t / self.end, _START) ** (1 / self.root)
                stretch = share ** (1 - self.root) / self.root if rate else 1.0
                slopes = chebyshev.chebder(series, rate, scl=2 / self.end)
                found = stretch * chebyshev.chebval(2 * share - 1, slopes)
            return np.asarray(found if found.ndim == 1 else found[:, component])

        return value


def wall_data(
    expansion: Solution, slopes: Solution, lowered: LoweredEquation, root: int
) -> WallData:
    """So many polynomials that the expansion on the walls is known to _TRACE by them."""
    if lowered.complex:
        raise not_covered("of a complex problem that evolves in time", lowered.title)
    times = expansion.extent.times
    if times is None or len(times) < 2:
        raise not_covered("in time of mean fields that keep their final time alone", expansion)
    low, high = np.array(lowered.domain.bounds).T
    places = low + (high - low) * np.random.default_rng(0).random((_PLACES, len(low)))
    held = {part for c in lowered.essential for part in c.parts}
    held |= {part for c in lowered.natural for part in c.parts}
    walls = np.concatenate([points_on(lowered.domain, part, places) for part in sorted(held)])
    end = float(times[-1])
    count = _FEWEST_MODES
    zero = (0,) * len(low)
    while True:
        modes = WallData(expansion, slopes, end, root, count)
        found = np.abs(modes.coefficients(walls, zero)).reshape(count, -1).max(axis=1)
        left = float(found[-3:].max() / max(found.max(), 1e-300))
        if left <= _TRACE or count >= _MOST_MODES:
            break
        count *= 2
    if left > _POOR:
        warn_tolerance(
            f"boundary layers: the expansion on the walls is known to {left:.1e} by {count}"
            " polynomials of the time"
        )
    return modes


def in_time(
    lowered: LoweredEquation, modes: WallData, unknowns: int
) -> tuple[LoweredEquation, dict[str, Any]]:
    """The equation of the layer from the start on, where it takes back what the expansion misses of
    the initial data; and its data. Behind the `unknowns` stand their velocities.
    """
    name = free_name(lowered)
    now = sp.Symbol(f"{name}_now")
    passed = lowered.time - now
    data: dict[str, Any] = {now.name: InTime(lambda t: t)}

    def rate(field: int, index: MultiIndex, further: int = 0) -> sp.Expr:
        component, order = field % unknowns, field // unknowns + further
        symbol = sp.Symbol("_".join(map(str, (name, component, order, *index))))
        data[symbol.name] = InTime(partial(modes.at, component, index, order))
        return symbol

    def trace(field: int, index: MultiIndex) -> sp.Expr:
        """The value, with the slope that the emitted text finds."""
        return rate(field, index) + rate(field, index, 1) * passed

    def known(field: int, index: MultiIndex) -> sp.Expr:
        """The value, of which the text knows that it varies."""
        return rate(field, index) * (1 + passed)

    layer = layer_equation(lowered, trace, known)
    zero = (0,) * len(lowered.coordinates)
    start = [u - rate(k, zero) for k, u in enumerate(lowered.initial)]
    symbols = map(sp.Symbol, data)
    return replace(layer, initial=tuple(start), parameters=(*layer.parameters, *symbols)), data
