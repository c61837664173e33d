"""The law of a nonlinear cell by networks: hidden layers grow until it stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ...derive.nonlinear.state import StateProblem
from ...problem.errors import UnsupportedError
from ...runtime.feature_states import FeatureSolver, chosen_scale
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.law_levels import LawLevel, law_entries
from ...runtime.fourier.states import LawValues, MacroState, States
from ...runtime.levels import FEWEST, error_of_fast_levels, relative_change
from ...runtime.reduced_basis import basis_of
from ...runtime.reduced_law import ReducedLaw
from ..interpolation import Array

SIZES = {
    1: (8, 14, 22, 32, 44),
    2: (40, 80, 140, 220, 330, 460),
    3: (120, 240, 400),
}
"""Features of the hidden layers, by the dimension of the cell."""
_POINTS = {1: 4.0, 2: 2.4, 3: 1.8}
"""Quadrature points per axis, over the d-th root of the features."""
_MOST_POINTS = {1: 2001, 2: 63, 3: 27}
"""Above it a layer costs more than a Fourier grid of as many points."""
_TRAINING = 6
"""States of the first training, beside one for each direction of the macroscopic state."""
_ADDED = 4
"""States by which a training grows where the law is not known to the tolerance."""
_GROWTHS = 3
_MOST_MODES = 80
_TRAINED = 3.0
"""Errors over changes: what trained states leave is of about the same size in all layers, and
random, so that some of it is in two of them.
"""


@dataclass
class NetLevel:
    """One hidden layer, the states that it is trained at, and the law reduced to them."""

    solver: FeatureSolver
    training: MacroState
    states: States
    law: ReducedLaw

    def __call__(self, macro: MacroState) -> tuple[LawValues, Array]:
        """The law at any states, and the coefficients of these, from the nearest trained one."""
        return self.law(macro, self._nearest(macro))

    def states_at(self, macro: MacroState, c: Array) -> States:
        """The states with these coefficients."""
        return self.solver.states_of(self.law, macro, c)

    @cached_property
    def _trained(self) -> tuple[Array, Array, Array, Array]:
        """Values and slopes (r, n) of the trained states that the law has, and how far these are
        apart (r, 1); their coefficients (n, k), and the derivatives (n, k, r) of these.
        """
        _, c = self.law(self.training)
        found = np.flatnonzero(np.all(np.isfinite(c), axis=1))
        own = self.training.part(found)
        rows = _rows(own)
        spread = np.ptp(rows, axis=1, keepdims=True)
        return rows, np.where(spread > 0, spread, 1.0), c[found], self.law.columns(own, c[found])

    def _nearest(self, macro: MacroState) -> Array | None:
        """Coefficients (n, k) of the trained states that are nearest, along their tangents."""
        rows, spread, c, columns = self._trained
        if not len(c):
            return None
        moved = _rows(macro)[:, :, None] - rows[:, None]
        nearest = np.argmin(np.sum((moved / spread[..., None]) ** 2, axis=0), axis=1)
        steps = np.take_along_axis(moved, nearest[None, :, None], axis=2)[..., 0]
        return np.asarray(c[nearest] + np.einsum("nkr,rn->nk", columns[nearest], steps))


@dataclass
class NetLaw:
    """The law of an emitted text (`forms`) by networks, trained at states like `tried`.

    A state that is asked for has an estimate from the law by smaller layers, with other random
    features, other quadrature points and other trained states; where it is above the tolerance the
    layers are trained at that state as well, then larger ones.
    """

    forms: Any
    tried: MacroState
    tolerance: float
    least: int = 1
    _levels: list[NetLevel] = field(default_factory=list)
    _scale: float = 0.0

    def __call__(self, macro: MacroState) -> LawLevel:
        """The law at n states; see `LawLevel`, with the points per axis as sizes."""
        while len(self._levels) < FEWEST and self._grow():
            pass
        found = self._judged(macro)
        while not found.estimate.max() <= self.tolerance:
            found = self._trained_there(macro, found)
            if found.estimate.max() <= self.tolerance or not self._grow():
                break
            found = self._judged(macro)
        return found

    @property
    def features(self) -> int:
        """Of the largest layer."""
        return self._levels[-1].solver.count if self._levels else 0

    def solved(self, macro: MacroState) -> tuple[FeatureSolver, LawValues, States]:
        """The law at some states in the whole span of the largest layer, states with columns."""
        level = self._largest()
        return (level.solver, *level.solver.solve_states(macro))

    def _largest(self) -> NetLevel:
        while len(self._levels) < FEWEST and self._grow():
            pass
        return self._levels[-1]

    def _judged(self, macro: MacroState) -> LawLevel:
        histories: list[list[dict[Any, Any]]] = [[] for _ in range(macro.count)]
        for level in self._levels[-FEWEST:]:
            values, c = level(macro)
            for k, history in enumerate(histories):
                history.append(law_entries(values, k))
        states = self._levels[-1].states_at(macro, c)
        estimates = []
        for history in histories:
            changes = [relative_change(before, after) for before, after in pairwise(history)]
            known = [float(np.nan_to_num(c, nan=np.inf)) for c in changes]
            estimates.append(_TRAINED * error_of_fast_levels(known))
        sizes = tuple(level.solver.grid.n for level in self._levels)
        return LawLevel(values, states, self._levels[-1].solver, np.array(estimates), sizes)

    def _trained_there(self, macro: MacroState, found: LawLevel) -> LawLevel:
        """The same after the last levels were trained at the states that are known worst."""
        for _ in range(_GROWTHS):
            worst = np.argsort(-found.estimate)[:_ADDED]
            worst = worst[found.estimate[worst] > self.tolerance]
            own = macro.part(worst)
            for k in range(len(self._levels))[-FEWEST:]:
                self._levels[k] = self._extended(self._levels[k], own)
            before = found.estimate.max()
            found = self._judged(macro)
            # Training helps by orders of magnitude, or it is the layer that is too small.
            if found.estimate.max() <= self.tolerance or found.estimate.max() > before / 10:
                break
        return found

    def _extended(self, level: NetLevel, macro: MacroState) -> NetLevel:
        _, states = level.solver.solve_states(macro)
        solved = np.flatnonzero(states.solved)
        kept = level.states.joined(states.part(solved))
        training = level.training.joined(macro.part(solved))
        return NetLevel(level.solver, training, kept, self._reduced(level.solver, training, kept))

    def require_points(self, title: str) -> None:
        """UnsupportedError where the data need more quadrature points than layers are given."""
        n = self._points(FEWEST - 1)
        if n > _MOST_POINTS[int(self.forms.DIM)]:
            raise UnsupportedError(
                f"networks for a state problem that needs {n} points per axis",
                term=title,
                remedy='write solve_law(model, "fourier"), or "skfem" where data jump',
            )

    def _points(self, k: int) -> int:
        """Quadrature points per axis of layer k."""
        d = int(self.forms.DIM)
        return max(int(_POINTS[d] * SIZES[d][k] ** (1 / d)), self.least) + 2 * k

    def _grow(self) -> bool:
        """One more layer, trained; False where there is none."""
        d = int(self.forms.DIM)
        k = len(self._levels)
        if k == len(SIZES[d]):
            return False
        count = SIZES[d][k]
        n = self._points(k)
        if n > _MOST_POINTS[d]:
            return False
        if not self._levels:
            self._scale = chosen_scale(self.forms, n | 1, count, self.tried)
        solver = FeatureSolver(self.forms, Grid(self.forms.CELL, n | 1), count, self._scale, k)
        training = self._training(k)
        guess = None
        if self._levels:
            before = self._levels[-1]
            states = before.states_at(training, before(training)[1])
            guess = solver.grid.refined(states.modes, before.solver.grid)
        _, states = solver.solve_states(training, guess)
        solved = np.flatnonzero(states.solved)
        kept = states.part(solved)
        own = training.part(solved)
        self._levels.append(NetLevel(solver, own, kept, self._reduced(solver, own, kept)))
        return True

    def _reduced(self, solver: FeatureSolver, training: MacroState, states: States) -> ReducedLaw:
        basis = basis_of(solver, states, np.ptp(_rows(training), axis=1))
        return ReducedLaw(self.forms, basis.first(_MOST_MODES))

    def _training(self, level: int) -> MacroState:
        """States of the box that those that were tried span, others for each level."""
        tried = self.tried
        directions = tried.slopes.shape[0] * tried.slopes.shape[1]
        count = _TRAINING + 2 * directions
        rng = np.random.default_rng(100 + level)
        values = _in_box(tried.values, count, rng)
        radius = np.sqrt(np.sum(tried.slopes**2, axis=(0, 1))).max()
        slopes = rng.uniform(-radius, radius, size=(*tried.slopes.shape[:2], count))
        if _symmetric(tried.slopes):
            slopes = (slopes + np.swapaxes(slopes, 0, 1)) / 2
        others = {
            name: _in_box(np.asarray(v)[None], count, rng)[0] if np.ndim(v) else v
            for name, v in tried.others.items()
        }
        return MacroState(values, slopes, others)


def require_smooth(forms: Any, state: StateProblem) -> None:
    """UnsupportedError for data that jump: features are smooth, and no grid sees them."""
    if forms.JUMPS:
        raise UnsupportedError(
            "networks for a state problem whose data jump",
            term=max(state.all_fluxes, key=lambda a: a.count_ops()),
            remedy='write solve_law(model, "skfem"), or "fourier" to a low accuracy',
        )


def _rows(macro: MacroState) -> Array:
    """Values and slopes (m + m d, n)."""
    return np.concatenate([macro.values, macro.slopes.reshape(-1, macro.count)])


def _in_box(numbers: Array, count: int, rng: np.random.Generator) -> Array:
    """Numbers (k, count) in the box of some (k, n)."""
    low = numbers.min(axis=1, keepdims=True)
    high = numbers.max(axis=1, keepdims=True)
    return np.asarray(low + (high - low) * rng.uniform(size=(len(numbers), count)))


def _symmetric(slopes: Array) -> bool:
    """Whether the slopes (m, d, n) are strains."""
    m, d = slopes.shape[:2]
    return m == d > 1 and bool(np.all(slopes == np.swapaxes(slopes, 0, 1)))
