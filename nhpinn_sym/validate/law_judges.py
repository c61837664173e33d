"""What judges the law of any backend and has no part in how it was solved: symmetry, the enclosure
of the energy by the primal and the dual problem, and in one dimension the inverse of the flux.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..derive.nonlinear.model import NonlinearModel
from ..problem.errors import NhpinnError
from ..resolution import Resolution
from ..runtime.arrays import Array
from ..runtime.fourier.energies import energy_bounds
from ..runtime.fourier.law_levels import law_at
from ..runtime.fourier.states import MacroState
from ..runtime.nonlinear_arrays import SLOPE, VALUE, dense, named, off_zero
from ..runtime.tensor_grids import gauss_line

# Change of the gradient, relative to it, between whose energies the flux is enclosed.
_STEP = 2e-3
# Width of the bounds on the energy, relative to it, that is aimed at.
_WIDTH = 1e-8
_HALVINGS = 100
_DOUBLINGS = 200
_GAUSS = 12
_NOTHING = 1e-300
# Share of the largest flux, or energy, below which one vanishes.
_BALANCED = 1e-6


@dataclass(frozen=True)
class LawJudges:
    """Of one model at n states; `forms` is its emitted text.

    energy  : (lower, upper), each (n,); None where there is no potential
    along   : (lower, upper) of the flux along the gradient, each (n,)
    """

    model: NonlinearModel
    forms: Any
    macro: MacroState
    found: Resolution
    energy: tuple[Array, Array] | None
    along: tuple[Array, Array] | None

    @classmethod
    def of(
        cls, model: NonlinearModel, forms: Any, macro: MacroState, found: Resolution, least: int
    ) -> LawJudges:
        """found, least : what the data ask of a grid, and the points per axis that are enough."""
        if model.hamiltonian or not model.potential:
            return cls(model, forms, macro, found, None, None)
        try:
            energy, before, beyond = (
                _enclosed(forms, macro.with_slopes(share * macro.slopes), least)
                for share in (1.0, 1 - _STEP, 1 + _STEP)
            )
        except NhpinnError:  # no such grid: nothing is enclosed
            return cls(model, forms, macro, found, None, None)
        step = _STEP * np.sqrt(np.sum(macro.slopes**2, axis=(0, 1)))
        along = ((energy[0] - before[1]) / step, (beyond[1] - energy[0]) / step)
        return cls(model, forms, macro, found, energy, along)

    def check(self, law: Mapping[str, Array]) -> dict[str, float]:
        """{check: relative distance of a law from what it must be}; its arrays have the states in
        front.
        """
        if self.model.hamiltonian:
            return {}
        n = self.macro.count
        flux = law["flux"].reshape(n, -1)
        size = flux.shape[1]
        tangent = law["A"].reshape(n, size, size)
        found: dict[str, float] = {}
        if self.model.potential:
            off = np.abs(tangent - np.swapaxes(tangent, 1, 2)).max()
            found["symmetry"] = float(off / np.abs(tangent).max())
        if self.energy is not None and "energy" in law:
            off = _outside(law["energy"], self.energy)
            found["energy bounds"] = _worst(off, np.abs(law["energy"]))
        if self.along is not None:
            slopes = np.moveaxis(self.macro.slopes, -1, 0).reshape(n, size)
            along = np.sum(flux * slopes, axis=1) / np.linalg.norm(slopes, axis=1)
            off = _outside(along, self.along)
            found["bounds of the flux"] = _worst(off, np.linalg.norm(flux, axis=1))
        if self._invertible:
            found["inverse of the flux"] = self._inverse(flux[:, 0], tangent[:, 0, 0])
        return found

    @property
    def _invertible(self) -> bool:
        """Whether the state problem is -d_y A(y, u, xi + N') = 0 for one unknown on a line."""
        state = self.model.state
        still = all(b == 0 for row in state.transport for b in row)
        return state.dim == 1 and state.components == 1 and still and not any(state.cell_source)

    def _inverse(self, flux: Array, tangent: Array) -> float:
        """The flux is the same everywhere in a cell of one dimension: the mean of the slopes at
        which it is that must be the gradient. The largest miss, as an error of the flux.
        """
        points, weights = self._points()
        misses = np.zeros(len(flux))
        for k, wanted in enumerate(flux):
            slopes = self._slopes_at(self.macro.part(slice(k, k + 1)), points, wanted)
            missing = float(weights @ slopes) - float(self.macro.slopes[0, 0, k])
            misses[k] = abs(missing * tangent[k])
        return _worst(misses, np.abs(flux))

    def _points(self) -> tuple[Array, Array]:
        """Gauss points (n,) of the cell between the lines of the data, and weights of sum 1."""
        (axis,) = self.found.axes
        lines = np.unique([*axis.interval, *axis.lines, *axis.breaks])
        points, sizes = gauss_line(lines, _GAUSS)
        return points, sizes / sizes.sum()

    def _slopes_at(self, macro: MacroState, points: Array, wanted: float) -> Array:
        """The slopes at which the flux is the wanted one, point by point, by bisection."""
        others = {k: np.ravel(v)[0] if np.ndim(v) else v for k, v in macro.others.items()}
        data = {self.forms.COORDINATES[0]: points, **others, **named(VALUE, macro.values[:, 0], 1)}

        def above(p: Array) -> Any:
            held = {**data, **named(SLOPE, off_zero(p[None, None]), 2)}
            return dense(self.forms.values(held), "flux", (1, 1), p.shape)[0, 0] > wanted

        reach = 1.0
        for _ in range(_DOUBLINGS):
            ends = np.full(points.shape, reach)
            if above(ends).all() and not above(-ends).any():
                break
            reach *= 2
        low, high = -ends, ends
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = above(middle)
            high = np.where(beyond, middle, high)
            low = np.where(beyond, low, middle)
        return (low + high) / 2


def _enclosed(forms: Any, macro: MacroState, least: int) -> tuple[Array, Array]:
    level = law_at(forms, macro, _WIDTH, None, least)
    return energy_bounds(level.solver, macro, level.states)


def _worst(off: Array, sizes: Array) -> float:
    """The largest relative distance; where gravity balances a gradient, relative to the other
    states.
    """
    largest = sizes.max()
    scale = np.where(sizes > _BALANCED * largest, sizes, max(largest, _NOTHING))
    return float(np.max(off / scale))


def _outside(values: Array, interval: tuple[Array, Array]) -> Array:
    """How far values lie outside of an interval."""
    lower, upper = interval
    return np.maximum(np.maximum(lower - values, values - upper), 0.0)
