"""The law at the quadrature points of a macroscopic problem: reduced to a few modes, which grow
where it is not known to the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from ...problem.errors import SolveError
from ...runtime.arrays import Integers
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.law_levels import FIRST, solve_states
from ...runtime.fourier.refinement import GROWTH, grid_sizes
from ...runtime.fourier.states import LawValues, MacroState, States, StateSolver
from ...runtime.levels import SAFETY
from ...runtime.nonlinear_arrays import MEASURED
from ...runtime.reduced_law import ReducedBasis, ReducedLaw, basis_of
from ..interpolation import Array
from .law_solution import LawSolution

_TRAINING = 8
"""States that are solved for the first basis, and added at most whenever it has to grow."""
_TESTED = 6
_REMEMBERED = 512
"""States of each time but the last of which those that are tested are chosen."""
_MOST_MODES = 60
_MARGIN = 0.1
"""Share of the tolerance that the grid of the modes may cost."""
ROUNDS = 6


class MacroLaw:
    """`Law` of the runtime's nonlinear problems for a `LawSolution`.

    error : of the reduced law at the states that it was tested at last, relative to the largest
            flux (and reaction, storage, tangent) among them.
    gathered : arrays of all processes for one of this process: all of them take the same basis.
    """

    def __init__(
        self, law: LawSolution, gathered: Callable[[Array], list[Array]] = lambda own: [own]
    ) -> None:
        self.law = law
        self._gathered = gathered
        self.training: MacroState | None = None
        self.reduced: ReducedLaw | None = None
        self.error = np.inf
        self.n: int | None = None
        self._of_grid = 0.0
        self._guesses: dict[int, Array] = {}
        self._seen: dict[float, MacroState] = {}

    @property
    def modes(self) -> int:
        return 0 if self.reduced is None else self.reduced.basis.count

    def __call__(self, points: Array, t: float, values: Array, slopes: Array) -> dict[str, Array]:
        macro = self.macro(points, t, values, slopes)
        if t not in self._seen:
            self._seen = {at: m.part(_share(m.count)) for at, m in self._seen.items()}
        self._seen[t] = macro
        if self.reduced is None:
            self._extend(self._of_all(macro))
        assert self.reduced is not None
        guess = self._guesses.get(macro.count)
        if guess is not None and guess.shape[1] != self.modes:
            guess = None
        found, c = self.reduced(macro, guess)
        if guess is not None and not np.all(np.isfinite(found.flux)):
            found, c = self.reduced(macro)
        self._guesses = {macro.count: c}
        arrays = {name: a for name, a in found.arrays.items() if not name.startswith("load")}
        arrays["reaction"] = arrays["reaction"] - found.load
        return arrays

    def solved(
        self, points: Array, t: float, values: Array, slopes: Array
    ) -> tuple[MacroState, Array]:
        """The states, and the coefficients (n, k) of their correctors in the modes, which are made
        as many as the tolerance needs there.
        """
        self(points, t, values, slopes)
        for _ in range(ROUNDS):
            if not self.grown():
                break
            self(points, t, values, slopes)
        macro = self.macro(points, t, values, slopes)
        return macro, self._guesses[macro.count]

    def grown(self) -> bool:
        """Whether the law at the states that it was asked for last, at each time, was not known to
        the tolerance, and has been made better there.
        """
        if not self._seen or self.reduced is None:
            return False
        seen = reduce(MacroState.joined, self._seen.values())
        self._seen = {}
        tested = _spread_out(self._of_all(seen), _TESTED, self.training)
        if tested is None:  # the basis is made of all of them
            self.error = 0.0 if np.isinf(self.error) else self.error
            return False
        known = self._of_grid
        if self.law.nets is not None:
            known = float(self.law.nets(tested).estimate.max())
        _, exact, _ = self._solved(tested)
        found, _ = self.reduced(tested)
        self.error = max(_difference(found, exact), known)
        if self.error <= self.law.tolerance or self.modes >= _MOST_MODES:
            return False
        before = self.modes
        self._extend(tested)
        return self.modes > before

    def macro(self, points: Array, t: float, values: Array, slopes: Array) -> MacroState:
        """States at points, as the law is asked for."""
        others: dict[str, Any] = dict(self.law.parameters)
        for name in self.law.forms.SLOW:
            if name == "t":
                others[name] = np.full(points.shape[1], t)
            else:
                others[name] = points[int(name[1:]) - 1]
        return MacroState(values, slopes, others)

    def _of_all(self, macro: MacroState) -> MacroState:
        """The states of all processes."""

        def joined(array: Array) -> Array:
            return np.concatenate(self._gathered(array), axis=-1)

        others = {
            name: joined(np.asarray(value)) if np.ndim(value) else value
            for name, value in macro.others.items()
        }
        return MacroState(joined(macro.values), joined(macro.slopes), others)

    def _extend(self, macro: MacroState) -> None:
        """A basis of the states it had and of some of these."""
        chosen = _spread_out(macro, _TRAINING, self.training)
        assert chosen is not None
        self.training = chosen if self.training is None else self.training.joined(chosen)
        solver, _, states = self._solved(self.training)
        basis = basis_of(solver, states, _ranges(self.training))
        self.reduced = ReducedLaw(self.law.forms, self._cut(basis))
        self._guesses = {}

    def _cut(self, basis: ReducedBasis) -> ReducedBasis:
        return basis.first(min(basis.count, _MOST_MODES))

    def _solver(self, n: int) -> StateSolver:
        return StateSolver(self.law.forms, Grid(self.law.forms.CELL, n))

    def _grid_size(self, macro: MacroState) -> int:
        """The points per axis from which on the law stays; where it does on none, the finest, and
        what is known of the error there, which falls like 1/n with jumps, counts from then on.
        """
        law = self.law
        sizes = grid_sizes(law.forms, law.n, law.least, FIRST)
        before: LawValues | None = None
        for k, n in enumerate(sizes):
            values, states = solve_states(self._solver(n), macro)
            self._require(states.solved, macro)
            change = 0.0 if before is None else _difference(before, values)
            if before is not None and change <= _MARGIN * law.tolerance:
                return sizes[k - 1]
            before = values
        self._of_grid = SAFETY * change / (GROWTH - 1)
        return sizes[-1]

    def _solved(self, macro: MacroState) -> tuple[StateSolver, LawValues, States]:
        """The states without a reduction, on the grid or with the features of the law."""
        solver: StateSolver
        if self.law.nets is not None:
            features, values, states = self.law.nets.solved(macro)
            self.n = features.grid.n
            solver = features
        else:
            self.n = self._grid_size(macro) if self.n is None else self.n
            solver = self._solver(self.n)
            values, states = solve_states(solver, macro)
        self._require(states.solved, macro)
        return solver, values, states

    def _require(self, solved: Array, macro: MacroState) -> None:
        if not np.all(solved):
            lost = int(np.argmin(solved))
            raise SolveError(
                "a state of the cell was not found at a point of the macroscopic problem",
                term=f"u = {macro.values[:, lost]}, grad = {macro.slopes[:, :, lost].tolist()}",
                remedy="regularise a law that is degenerate or localizes",
            )


def _coordinates(macro: MacroState) -> Array:
    """States as points (n, k)."""
    rows = [macro.values, macro.slopes.reshape(-1, macro.count)]
    rows += [np.asarray(v)[None] for _, v in sorted(macro.others.items()) if np.ndim(v)]
    return np.concatenate(rows).T


def _spread_out(macro: MacroState, count: int, held: MacroState | None) -> MacroState | None:
    """States that are far from each other and from those that are held, each direction measured by
    its range; None where all are held.
    """
    points = _coordinates(macro)
    width = np.ptp(points, axis=0)
    scale = np.where(width > 1e-9 * np.abs(points).max(initial=0.0), width, np.inf)
    scaled = points / scale
    chosen: list[int] = []
    middle = scaled.mean(axis=0)
    if held is None:
        chosen.append(int(np.argmax(np.linalg.norm(scaled - middle, axis=1))))
        distance = np.linalg.norm(scaled - scaled[chosen[0]], axis=1)
    else:
        others = _coordinates(held) / scale
        distance = np.min(np.linalg.norm(scaled[:, None, :] - others[None], axis=2), axis=1)
    while len(chosen) < min(count, macro.count):
        k = int(np.argmax(distance))
        if not distance[k] > 1e-9:
            break
        chosen.append(k)
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[k], axis=1))
    return macro.part(np.array(chosen)) if chosen else None


def _share(count: int) -> Integers:
    """Some of so many states, spread over all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, _REMEMBERED)).astype(np.int64))


def _ranges(macro: MacroState) -> Array:
    """How far values and slopes differ among states: (m + m d,)."""
    rows = np.concatenate([macro.values, macro.slopes.reshape(-1, macro.count)])
    spread = np.ptp(rows, axis=1)
    slopes = spread[len(macro.values) :]
    spread[len(macro.values) :] = np.maximum(slopes, 0.1 * slopes.max(initial=0.0))
    return spread


def _difference(found: LawValues, exact: LawValues) -> float:
    """The largest difference of an array, relative to its largest entry over all states."""
    worst = 0.0
    whole = float(np.abs(exact.flux).max(initial=0.0))
    for name in MEASURED:
        wanted = exact.arrays[name]
        size = float(np.abs(wanted).max(initial=0.0))
        own = float(np.abs(found.arrays[name] - wanted).max(initial=0.0))
        if not np.isfinite(own):
            return np.inf
        worst = max(worst, own / max(size, 1e-6 * whole)) if own else worst
    return worst
