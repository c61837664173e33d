"""The effective Hamiltonian of H(y, u_x) in one dimension, without diffusion, H convex and
coercive in p: Hbar(xi) is the level >= max_y min_p H at which the root p_-(y) or p_+(y) of
H(y, p) = level has the mean xi, and that least level for all slopes between the means of its two
roots (P.-L. Lions, G. Papanicolaou, S. R. S. Varadhan, Homogenization of Hamilton-Jacobi equations,
1987).

Means are Gauss rules on panels that are halved until they stay: roots are kinks where H is largest
of the least ones, and like square roots where it jumps there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Array
from .tensor_grids import unit_gauss

_NODES, _WEIGHTS = unit_gauss(8)
_HALVINGS = 45
_MOST_PANELS = 4000
_FEWEST = 32
_MOST_SAMPLES = 4096
"""Where kinks ask for more, panels are halved towards them."""
_SHARE = 1 / 64
"""Of the tolerance, that one panel may cost."""
_STEPS = 300
_MOST_STEPS = 100
_BISECTIONS = 54
_DOUBLINGS = 60
_ZOOMS = 22
_REMEMBERED = 8
_ROUNDING = 1e-15
_STILL = 1e-60
"""Slope in the place of 0, at which powers have no derivative."""

Hamiltonian = Callable[[Array, Array], tuple[Array, Array, Array]]
"""(points, slopes) of one shape -> H, dH/dp and dH/du."""


@dataclass(frozen=True)
class Levels:
    """Hbar at n slopes, its derivatives by the slope and by u, and absolute errors of Hbar and
    relative ones of the derivative by the slope; (n,) each.
    """

    values: Array
    slopes: Array
    by_value: Array
    errors: Array
    slope_errors: Array


class InvertedHamiltonian:
    """Hbar of one Hamiltonian; RuntimeError where it is not coercive.

    lines : both ends of the cell and where data jump or kink; samples : points per cell that its
    data need. least : max_y min_p H, the value of Hbar for slopes from low to high.
    """

    def __init__(
        self, function: Hamiltonian, lines: Sequence[float], samples: int, tolerance: float
    ) -> None:
        self._function = function
        self.tolerance = tolerance
        self.lines = np.asarray(lines, dtype=float)
        self.width = float(self.lines[-1] - self.lines[0])
        self._known: dict[bytes, tuple[Array, Array]] = {}
        samples = min(max(samples, _FEWEST), _MOST_SAMPLES)
        self.panels = self._pieces(samples // 4)
        self.least, self.top, lowest = self._largest(8 * samples)
        self.size = max(abs(self.least), self.least - lowest)
        """Of H at its least values."""
        levels = np.full(2, self.least)
        sides = np.array([-1.0, 1.0])
        self._refine(lambda y: self._roots(y, levels, sides))
        self.low, self.high = self._means(levels, sides)[0].tolist()

    @property
    def nodes(self) -> int:
        """Quadrature points of the cell."""
        return len(self.panels) * len(_NODES)

    def __call__(self, slopes: Array) -> Levels:
        """Hbar at slopes (n,)."""
        values = np.full(len(slopes), self.least)
        flat = (slopes >= self.low) & (slopes <= self.high)
        found = Levels(values, *(np.zeros(len(slopes)) for _ in range(4)))
        found.by_value[flat] = self._at(self.top[0], self.top[1])[2]
        if np.all(flat):
            return self._with_doubt(found)
        xi = slopes[~flat]
        sides = np.where(xi > self.high, 1.0, -1.0)
        levels = self._inverted(xi, sides)
        errors = self._refine(lambda y: self._integrands(y, levels, sides)[:2].reshape(-1, len(y)))
        levels = self._inverted(xi, sides)
        _, growth, carried = self._means(levels, sides)
        found.values[~flat] = levels
        found.slopes[~flat] = 1 / growth
        found.by_value[~flat] = carried / growth
        off, off_growth = errors.reshape(2, -1)
        found.errors[~flat] = (np.abs(off) + 20 * _ROUNDING * np.abs(xi)) / np.abs(growth)
        found.slope_errors[~flat] = np.abs(off_growth / growth)
        return self._with_doubt(found)

    def at_levels(self, levels: Array, sides: Array) -> tuple[Array, Array]:
        """Slopes (n,) of the root on a side, +1 or -1, at levels above the least, and dHbar/dxi
        there.
        """
        self._refine(lambda y: self._integrands(y, levels, sides)[:2].reshape(-1, len(y)))
        means, growth, _ = self._means(levels, sides)
        return means, 1 / growth

    def _with_doubt(self, found: Levels) -> Levels:
        """The least level is not below that at any quadrature point."""
        missed = max(0.0, float(self._lowest(self._points()[0])[1].max()) - self.least)
        found.errors[:] += missed + _ROUNDING * self.size
        return found

    def _pieces(self, count: int) -> Array:
        """Panels (k, 2), `count` of them or more, no line within."""
        parts = []
        for a, b in zip(self.lines[:-1], self.lines[1:], strict=True):
            edges = np.linspace(a, b, 1 + max(2, round(count * (b - a) / self.width)))
            parts.append(np.stack([edges[:-1], edges[1:]], axis=1))
        return np.concatenate(parts)

    def _at(self, y: Array, p: Array) -> tuple[Array, Array, Array]:
        y, p = np.broadcast_arrays(y, p)
        with np.errstate(all="ignore"):
            return self._function(y, np.where(p == 0, _STILL, p))

    def _lowest(self, y: Array) -> tuple[Array, Array]:
        """The slope at which H is least, and H there, at points (q,); remembered."""
        key = y.tobytes()
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._minimized(y)
        return self._known[key]

    def _minimized(self, y: Array) -> tuple[Array, Array]:
        reach = 1.0
        for _ in range(_DOUBLINGS):
            rising = self._at(y, np.full(len(y), reach))[1]
            falling = self._at(y, np.full(len(y), -reach))[1]
            if np.all(rising > 0) and np.all(falling < 0):
                break
            reach *= 2
        else:
            raise RuntimeError("the Hamiltonian does not grow with the slope on both sides")
        low, high = np.full(len(y), -reach), np.full(len(y), reach)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            rises = self._at(y, middle)[1] > 0
            low, high = np.where(rises, low, middle), np.where(rises, middle, high)
        return high, self._at(y, high)[0]

    def _largest(self, samples: int) -> tuple[float, tuple[Array, Array], float]:
        """The largest of the least values of H, (point, slope) where it is taken, and the smallest:
        every local maximum on samples is looked at closer.
        """
        inset = 1e-13 * self.width
        best = -np.inf
        smallest = np.inf
        for a, b in zip(self.lines[:-1], self.lines[1:], strict=True):
            n = max(9, round(samples * (b - a) / self.width))
            y = np.linspace(a + inset, b - inset, n)
            values = self._lowest(y)[1]
            smallest = min(smallest, float(values.min()))
            padded = np.pad(values, 1, constant_values=-np.inf)
            tops = np.flatnonzero((values >= padded[:-2]) & (values >= padded[2:]))
            # all of a constant piece are maxima
            tops = tops[np.argsort(-values[tops], kind="stable")][:16]
            centres, reach = y[tops], np.full(len(tops), y[1] - y[0])
            for _ in range(_ZOOMS):
                near = centres[:, None] + reach[:, None] * np.linspace(-1, 1, 11)
                near = np.clip(near, y[0], y[-1])
                found = self._lowest(near.ravel())[1].reshape(near.shape)
                chosen = np.argmax(found, axis=1)
                centres = near[np.arange(len(tops)), chosen]
                reach = reach / 5
                if np.all(np.ptp(found, axis=1) <= _ROUNDING * np.abs(found).max()):
                    break
            slopes, values = self._lowest(centres)
            k = int(np.argmax(values))
            if values[k] > best:
                best = float(values[k])
                top = (centres[k : k + 1], slopes[k : k + 1])
        return best, top, smallest

    def _roots(self, y: Array, levels: Array, sides: Array) -> Array:
        """Where H(y, p) = level, on one side of its least value: (n, q). Newton's method from where
        H is above the level: H is convex, so that it comes down to the root and never beyond it.
        """
        lowest = self._lowest(y)[0]
        side = sides[:, None]
        level = levels[:, None]
        reach = np.ones((len(levels), len(y)))
        for _ in range(_DOUBLINGS):
            short = self._at(y, lowest + side * reach)[0] < level
            if not np.any(short):
                break
            reach = np.where(short, 2 * reach, reach)
        for _ in range(_STEPS):
            value, slope, _ = self._at(y, lowest + side * reach)
            above = (value > level) & (side * slope > 0)
            step = np.where(above, (value - level) / np.where(above, side * slope, 1), 0)
            step = np.minimum(step, reach)
            reach = reach - step
            if np.all(step <= _ROUNDING * (np.abs(lowest) + reach)):
                break
        return np.asarray(lowest + side * reach)

    def _integrands(self, y: Array, levels: Array, sides: Array) -> Array:
        """p, dp/dlevel = 1/H_p and H_u/H_p at the roots: (3, n, q)."""
        p = self._roots(y, levels, sides)
        _, slope, by_value = self._at(y, p)
        with np.errstate(all="ignore"):
            return np.stack([p, 1 / slope, by_value / slope])

    def _points(self) -> tuple[Array, Array]:
        return _rule(self.panels)

    def _means(self, levels: Array, sides: Array) -> Array:
        """Of the integrands over the cell: (3, n)."""
        y, weights = self._points()
        return np.asarray(self._integrands(y, levels, sides) @ weights / self.width)

    def _inverted(self, xi: Array, sides: Array) -> Array:
        """Levels at which roots have the means xi, by Newton's method between the least level and
        the largest value of H(y, xi), halving where it leaves them.
        """
        y, _ = self._points()
        low = np.full(len(xi), self.least)
        high = np.maximum(self._at(y, xi[:, None])[0].max(axis=1), low)
        levels = high
        for _ in range(_MOST_STEPS):
            means, growth, _ = self._means(levels, sides)
            ahead = sides * (means - xi)
            low = np.where(ahead < 0, levels, low)
            high = np.where(ahead < 0, high, levels)
            with np.errstate(all="ignore"):
                proposed = levels - (means - xi) / growth
            inside = (proposed >= low) & (proposed <= high)
            proposed = np.where(inside, proposed, (low + high) / 2)
            sizes = np.maximum(np.abs(levels), self.size)
            done = np.abs(proposed - levels) <= 4 * _ROUNDING * sizes
            levels = proposed
            if np.all(done):
                break
        return levels

    def _refine(self, integrand: Callable[[Array], Array]) -> Array:
        """Halves panels until the means of (k, q) integrands are known to the tolerance relative to
        their size; the errors (k,) that are left.
        """
        kept = []
        errors: Array | float = 0.0
        panels = self.panels
        sizes = _sums(integrand, panels, absolute=True).sum(axis=1)
        for _ in range(_HALVINGS):
            middle = panels.mean(axis=1)
            halves = np.stack([panels[:, 0], middle, middle, panels[:, 1]], axis=1).reshape(-1, 2)
            parts = _sums(integrand, halves)
            finer = parts.reshape(len(parts), -1, 2).sum(axis=2)
            change = np.abs(finer - _sums(integrand, panels))
            coarse = np.any(~(change <= _SHARE * self.tolerance * sizes[:, None]), axis=0)
            kept.append(panels[~coarse])
            errors = errors + change[:, ~coarse].sum(axis=1)
            panels = halves.reshape(-1, 2, 2)[coarse].reshape(-1, 2)
            if not len(panels) or sum(map(len, kept)) + len(panels) > _MOST_PANELS:
                break
        errors = errors + change[:, coarse].sum(axis=1)
        self.panels = np.concatenate([*kept, panels])
        return np.asarray(errors) / self.width


def _rule(panels: Array) -> tuple[Array, Array]:
    """Gauss points and weights of panels (k, 2), flat."""
    lengths = (panels[:, 1] - panels[:, 0])[:, None]
    points = panels[:, :1] + lengths * _NODES
    return points.ravel(), (lengths * _WEIGHTS).ravel()


def _sums(integrand: Callable[[Array], Array], panels: Array, absolute: bool = False) -> Array:
    """Integrals of (k, q) integrands over each panel: (k, panels)."""
    points, weights = _rule(panels)
    values = integrand(points)
    if absolute:
        values = np.abs(values)
    return np.asarray((values * weights).reshape(len(values), len(panels), -1).sum(axis=2))
