"""The law at the quadrature points of a macroscopic problem: reduced to a few modes, which grow
where it is not known to the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from ...runtime.arrays import Integers
from ...runtime.fourier.states import MacroState, States
from ...runtime.hyper_reduction import on_few_points
from ...runtime.nonlinear_arrays import LAW_AXES, LazyArrays
from ...runtime.reduced_basis import ReducedBasis
from ...runtime.reduced_law import ReducedLaw
from ..interpolation import Array
from .law_solution import LawSolution
from .state_sources import law_difference, source_of, state_text

_TRAINING = 8
"""States that are solved for the first basis."""
_TESTED = 6
"""States that it is compared with, and that it takes where it has to grow."""
_REMEMBERED = 512
"""States of each time but the last of which those that are tested are chosen."""
_MOST_MODES = 60
_SHARE = 0.02
"""Of the tolerance that integrands have which points of the cell are chosen without."""
_CHANGED = 0.5
"""Share of the tolerance that the law may change by then."""
ROUNDS = 6


class MacroLaw:
    """`Law` of the runtime's nonlinear problems for a `LawSolution`.

    error : of the reduced law at the states that it was tested at last, relative to the largest
            flux (and reaction, storage, tangent) among them.
    worst : the state, among them, at which its flux is off most, in words
    basis : the modes that it is reduced to; `reduced`, the law in them, may have fewer points.
    gathered : arrays of all processes for one of this process: all of them take the same basis.
    """

    def __init__(
        self, law: LawSolution, gathered: Callable[[Array], list[Array]] = lambda own: [own]
    ) -> None:
        self.law = law
        self._gathered = gathered
        self.training: MacroState | None = None
        self.basis: ReducedBasis | None = None
        self._states: States | None = None
        self.reduced: ReducedLaw | None = None
        self.error = np.inf
        self.worst = "every state"
        self.source = source_of(law)
        self._guesses: dict[int, tuple[MacroState, Array]] = {}
        self._response = np.zeros((0, 0))
        self._seen: dict[float, MacroState] = {}

    @property
    def modes(self) -> int:
        return 0 if self.basis is None else self.basis.count

    def __call__(self, points: Array, t: float, values: Array, slopes: Array) -> LazyArrays:
        macro = self.macro(points, t, values, slopes)
        if t not in self._seen and self._seen:
            before, seen = self._seen.popitem()
            self._seen[before] = seen.part(_share(seen.count))
        self._seen[t] = macro
        if self.reduced is None:
            self._begin(self.of_all(macro))
        assert self.reduced is not None
        guess = self._guess(macro)
        found, c = self.reduced(macro, guess)
        if guess is not None and not np.all(np.isfinite(found.flux)):
            found, c = self.reduced(macro)
        self._guesses = {macro.count: (macro, c)}
        return self._along_axes(found.arrays)

    def _guess(self, macro: MacroState) -> Array | None:
        """Coefficients (n, k) of the correctors, from those of as many states before and a mean
        derivative: of correctors that are linear the very ones.
        """
        if macro.count not in self._guesses:
            return None
        before, c = self._guesses[macro.count]
        return np.asarray(c + (_rows(macro) - _rows(before)).T @ self._response)

    def _along_axes(self, arrays: Mapping[str, Array]) -> LazyArrays:
        """The arrays of an equation, whose reaction holds the load."""

        def turned(names: Iterable[str]) -> dict[str, Array]:
            return {name: self.law.frame.array(name, arrays[name]) for name in names}

        values = turned(LAW_AXES)
        values["reaction"] = values["reaction"] - values["load"]
        return LazyArrays(values, lambda: turned(set(arrays) - set(values)))

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
        return macro, self._guesses[macro.count][1]

    def grown(self) -> bool:
        """Whether the law at the states that it was asked for last, at each time, was not known to
        the tolerance, and has been made better there.
        """
        if not self._seen or self.reduced is None:
            return False
        seen = reduce(MacroState.joined, self._seen.values())
        self._seen = {}
        tested = _spread_out(self.of_all(seen), _TESTED, self.training)
        if tested is None:  # the basis is made of all of them
            self.error = 0.0 if np.isinf(self.error) else self.error
            return False
        found, c = self.reduced(tested)
        exact, states = self.source.solved(tested, self._functions(c))
        reduction = law_difference(found, exact)
        self.error = max(reduction, self.source.error)
        off = np.abs(found.flux - exact.flux).reshape(-1, tested.count).max(axis=0)
        self.worst = state_text(tested, int(np.argmax(off)))
        # More modes than the states are known to are of no use.
        if reduction <= max(self.law.tolerance, self.source.error) or self.modes >= _MOST_MODES:
            return False
        before = self.modes
        self._extend(tested, states)
        return self.modes > before

    def _functions(self, c: Array) -> Array:
        """The correctors (n, m, ...) with coefficients (n, k), as their solver holds them."""
        assert self.basis is not None
        return np.tensordot(np.where(np.isfinite(c), c, 0.0), self.basis.modes, axes=1)

    def macro(self, points: Array, t: float, values: Array, slopes: Array) -> MacroState:
        """States at points, as the law is asked for."""
        others: dict[str, Any] = dict(self.law.parameters)
        for name in self.law.forms.SLOW:
            if name == "t":
                others[name] = np.full(points.shape[1], t)
            else:
                others[name] = points[int(name[1:]) - 1]
        return self.law.frame.in_shares(MacroState(values, slopes, others))

    def refined(self) -> bool:
        """Whether there are finer functions of the cell, in which states are solved now."""
        if self.training is None or not self.source.refine():
            return False
        states = self.source.solved(self.training)[1]
        self._rebuild(states)
        return True

    def of_all(self, macro: MacroState) -> MacroState:
        """The states of all processes."""
        joined = self.joined
        others = {
            name: joined(np.asarray(value)) if np.ndim(value) else value
            for name, value in macro.others.items()
        }
        return MacroState(joined(macro.values), joined(macro.slopes), others)

    def joined(self, array: Array) -> Array:
        """An array (..., n) at the states of all processes."""
        return np.concatenate(self._gathered(array), axis=-1)

    def _begin(self, macro: MacroState) -> None:
        """A basis of some of these states."""
        chosen = _spread_out(macro, _TRAINING, None)
        assert chosen is not None
        self._extend(chosen, self.source.solved(chosen)[1])

    def _extend(self, macro: MacroState, states: States) -> None:
        """A basis of the states it had and of these, which are solved."""
        if self.training is not None and self._states is not None:
            self.training = self.training.joined(macro)
            if self._states.modes.shape[1:] == states.modes.shape[1:]:
                states = self._states.joined(states)
            else:  # networks have become larger ones
                states = self.source.solved(self.training)[1]
        else:
            self.training = macro
        self._rebuild(states)

    def _rebuild(self, states: States) -> None:
        """A basis of solved states, those of the training."""
        assert self.training is not None
        self._states = states
        spread = _ranges(self.training)
        self.basis = self.source.basis(states, spread).first(_MOST_MODES)
        self.reduced = self._on_few_points(ReducedLaw(self.law.forms, self.basis), spread)
        _, c = self.reduced(self.training)
        self._response = np.nan_to_num(self.reduced.columns(self.training, c)).mean(axis=0).T
        self._guesses = {}

    def _on_few_points(self, whole: ReducedLaw, spread: Array) -> ReducedLaw:
        """The same law on as few points of the cell as leave it what it is at the states it is
        made of.
        """
        assert self.training is not None
        wanted = max(self.law.tolerance, self.source.error)
        few = on_few_points(whole, self.training, spread, _SHARE * wanted)
        if few is whole:
            return whole
        change = law_difference(few(self.training)[0], whole(self.training)[0])
        return few if change <= _CHANGED * wanted else whole


def _rows(macro: MacroState) -> Array:
    """Values and slopes, (m + m d, n)."""
    return np.concatenate([macro.values, macro.slopes.reshape(-1, macro.count)])


def _coordinates(macro: MacroState) -> Array:
    """States as points (n, k)."""
    rows = [_rows(macro)]
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
    spread = np.ptp(_rows(macro), axis=1)
    slopes = spread[len(macro.values) :]
    spread[len(macro.values) :] = np.maximum(slopes, 0.1 * slopes.max(initial=0.0))
    return spread
