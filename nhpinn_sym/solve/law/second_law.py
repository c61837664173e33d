"""The second corrector at points of a macroscopic problem: reduced to a few modes, as the law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from ...emit import nonlinear_text
from ...emit.source import load
from ...lower.nonlinear import lower_state
from ...problem.errors import warn_tolerance
from ...runtime.arrays import Integers
from ...runtime.fourier.states import MacroState
from ...runtime.levels import SAFETY
from ...runtime.reduced_basis import ReducedBasis, for_unknowns, principal
from ...runtime.reduced_law import ReducedLaw
from ...runtime.second_corrector import (
    CellSpace,
    ReducedSpace,
    Response,
    SecondOrder,
    second_order,
)
from ..interpolation import Array
from .law_solution import LawSolution
from .macro_law import ROUNDS, MacroLaw

# States at which modes are compared with solved ones, in each round; those of them that are solved
# in other functions as well; and of each time, from which they are taken.
_TESTED = 6
_JUDGED = 2
_REMEMBERED = 64
# Size of a mode, relative to the first, below which it is left out.
_LEAST = 1e-6
# What the second corrector is reduced to, relative to its largest value, and what the functions of
# the cell may leave of it: it has a factor eps more than the law.
_GOAL = 1e-4
_LEFT = 1e-3
# Of the size of what it is the mean of, to which the error of a mean is relative at least.
_BESIDE = 1e-3
# Numbers of one array over the cell and all states that are solved at once.
_NUMBERS = 2**21


@dataclass(frozen=True)
class SecondStates:
    """At n points: coefficients of N (n, k) in its basis, of D_k N and N2 (n, l) in theirs, and
    what the law has at order eps.
    """

    macro: MacroState
    first: Array
    slow: tuple[Array, ...]
    second: Array
    arrays: dict[str, Array]


@dataclass(frozen=True)
class _Asked:
    """States, and second derivatives (m, d, d, n) of u0 there, in the frame of the cell."""

    macro: MacroState
    curvatures: Array

    def part(self, chosen: Integers) -> _Asked:
        return _Asked(self.macro.part(chosen), self.curvatures[..., chosen])

    def joined(self, other: _Asked) -> _Asked:
        curvatures = np.concatenate([self.curvatures, other.curvatures], axis=-1)
        return _Asked(self.macro.joined(other.macro), curvatures)

    def spread(self, count: int, first: int = 0) -> _Asked:
        """So many of them at most, evenly."""
        last = self.macro.count - 1
        return self.part(np.unique(np.linspace(min(first, last), last, count).astype(np.int64)))


class SecondLaw:
    """Correctors up to the second of a law.

    macro : the law itself, reduced
    error : of the second corrector, and of what the law has at order eps, at the states that they
            were tested at, relative to the largest of these
    """

    def __init__(
        self, law: LawSolution, gathered: Callable[[Array], list[Array]] = lambda own: [own]
    ) -> None:
        self.law = law
        self.macro = MacroLaw(law, gathered)
        fitted = law.elements is not None and law.elements.fitted
        lowered = lower_state(law.model.state, law.model.title, fitted, order=2)
        self.forms = load(nonlinear_text.state(lowered), "state_numpy")
        self._responses: ReducedLaw | None = None
        self.error = np.inf
        self._snapshots: ReducedBasis | None = None
        self._seen: dict[float, _Asked] = {}
        self._round = 0

    @property
    def first_basis(self) -> ReducedBasis:
        """The modes of N."""
        assert self.macro.basis is not None
        return self.macro.basis

    @property
    def basis(self) -> ReducedBasis:
        """Those of D_k N and N2."""
        assert self._responses is not None
        return self._responses.basis

    def __call__(
        self, points: Array, t: float, values: Array, slopes: Array, curvatures: Array
    ) -> SecondStates:
        """At points (d, n) with values (m, n), slopes (m, d, n), curvatures (m, d, d, n) of u0."""
        macro, c = self.macro.solved(points, t, values, slopes)
        own = _Asked(macro, self.law.frame.curvatures(curvatures))
        whole = _Asked(self.macro.of_all(macro), self.macro.joined(own.curvatures))
        self._seen[t] = whole.spread(_REMEMBERED)
        if self._responses is None or self._outgrown:
            self._begin(whole)
        return self._reduced(macro, c, own.curvatures)

    def solved(
        self, points: Array, t: float, values: Array, slopes: Array, curvatures: Array
    ) -> SecondStates:
        """The same with as many modes as these points need."""
        found = self(points, t, values, slopes, curvatures)
        for _ in range(ROUNDS):
            if not self.grown():
                break
            found = self(points, t, values, slopes, curvatures)
        return found

    def grown(self) -> bool:
        """Whether the modes were not enough for states asked for since, or the functions of the
        cell are too coarse, and there are others now; ToleranceWarning where they are too coarse
        and there are none.
        """
        if not self._seen:
            return False
        seen = reduce(_Asked.joined, self._seen.values())
        self._seen = {}
        tested = seen.spread(_TESTED, self._round)
        self._round += 1
        exact, space = self._solved(tested)
        change = _difference(self._found(tested), exact, space)
        if change > max(_GOAL, self.law.tolerance) and self._round < ROUNDS:
            self._keep(exact, space)
            return True
        self.error = max(change, self._left(tested.spread(_JUDGED)))
        wanted = max(_LEFT, self.law.tolerance)
        if not self.error <= wanted:
            if self.macro.refined():
                return True
            warn_tolerance(
                f"the second corrector is known to {self.error:.1e} at points of the homogenized"
                f" equation, wanted was {wanted:.1e}"
            )
        return False

    @property
    def _outgrown(self) -> bool:
        """Whether the law has other points of the cell now: networks have become larger ones."""
        return self.basis.points.shape != self.first_basis.points.shape

    def _begin(self, asked: _Asked) -> None:
        """Modes of the states that the law is made of, each entry of the curvature by itself."""
        self._snapshots = None
        sizes = np.abs(asked.curvatures).max(axis=-1, initial=0.0)
        held = self.macro.training
        assert held is not None
        space = self.macro.source.space(self.forms, held)
        for own in _directions(np.maximum(sizes, 1e-3 * sizes.max(initial=0.0))):
            whole = np.broadcast_to(own[..., None], (*own.shape, held.count))
            self._keep(second_order(space, whole), space)

    def _solved(self, asked: _Asked) -> tuple[SecondOrder, CellSpace]:
        """Without reduction."""
        space = self.macro.source.space(self.forms, asked.macro)
        return second_order(space, asked.curvatures), space

    def _left(self, asked: _Asked) -> float:
        """What the functions of the cell leave, by others."""
        source = self.macro.source
        own = source.space(self.forms, asked.macro)
        other = source.beside(self.forms, asked.macro)
        found, exact = (second_order(s, asked.curvatures) for s in (own, other))
        there = found.second._replace(values=other.sampled(own, found.second))
        return SAFETY * _difference(replace(found, second=there), exact, other)

    def _keep(self, found: SecondOrder, space: CellSpace) -> None:
        first = self.first_basis
        own = [self._snapshots] if self._snapshots is not None else []
        for f in (*found.slow, found.second):
            values, slopes = space.gathered(f.values), space.gathered(f.slopes)
            held = replace(
                first,
                values=_one_by_one(values)[:, None],
                slopes=_one_by_one(np.moveaxis(slopes, 1, 2))[:, None],
                modes=_one_by_one(np.moveaxis(f.coefficients, 1, 0))[:, None],
            )
            own.append(held)
        self._snapshots = reduce(ReducedBasis.joined, own)
        span = principal(self._snapshots, mixed=False, least=_LEAST)
        self._responses = ReducedLaw(self.forms, for_unknowns(span, space.m))

    def _found(self, asked: _Asked) -> SecondOrder:
        assert self.macro.reduced is not None
        return self._space(asked.macro, self.macro.reduced(asked.macro)[1], asked.curvatures)

    def _space(self, macro: MacroState, c: Array, curvatures: Array) -> SecondOrder:
        assert self._responses is not None
        space = ReducedSpace(self._responses, self.first_basis, macro, c)
        return second_order(space, curvatures)

    def _reduced(self, macro: MacroState, c: Array, curvatures: Array) -> SecondStates:
        m, d = macro.slopes.shape[:2]
        count = max(1, _NUMBERS // (self.basis.points.shape[1] * (m * d) ** 2))
        parts = []
        for start in range(0, macro.count, count):
            chosen = slice(start, start + count)
            parts.append(self._space(macro.part(chosen), c[chosen], curvatures[..., chosen]))
        along = [_coefficients([p.slow[k] for p in parts]) for k in range(d)]
        frame = self.law.frame
        arrays = {
            name: frame.array(name, np.concatenate([p.arrays[name] for p in parts], axis=-1))
            for name in parts[0].arrays
        }
        second = _coefficients([p.second for p in parts])
        return SecondStates(macro, c, frame.gradient(along), second, arrays)


def _one_by_one(array: Array) -> Array:
    """(m, n, ...) as (m n, ...)."""
    return array.reshape(-1, *array.shape[2:])


def _difference(found: SecondOrder, exact: SecondOrder, space: CellSpace) -> float:
    """Of correctors and means from others, those of a space."""
    wanted = space.gathered(exact.second.values)
    size = float(np.abs(wanted).max(initial=0.0))
    own = float(np.abs(found.second.values - wanted).max(initial=0.0))
    return max(own / size if own else 0.0, _change(_means(found), _means(exact)))


def _means(found: SecondOrder) -> dict[str, tuple[Array, float]]:
    """What the law has at order eps, and what its errors are relative to at least."""
    return {name: (a, _BESIDE * found.sizes[name]) for name, a in found.arrays.items()}


def _change(
    found: Mapping[str, tuple[Array, float]], exact: Mapping[str, tuple[Array, float]]
) -> float:
    """The largest difference, relative to the largest entry."""
    worst = 0.0
    for name, (wanted, least) in exact.items():
        size = max(float(np.abs(wanted).max(initial=0.0)), least)
        own = float(np.abs(found[name][0] - wanted).max(initial=0.0))
        worst = max(worst, own / size if own else 0.0)
    return worst


def _coefficients(parts: list[Response]) -> Array:
    return np.concatenate([p.coefficients for p in parts])


def _directions(sizes: Array) -> Array:
    """None, and each entry of second derivatives (m, d, d) in its typical size: (r, m, d, d)."""
    m, d, _ = sizes.shape
    found = [np.zeros((m, d, d))]
    for j, k, other in np.ndindex(m, d, d):
        if k <= other:
            own = np.zeros((m, d, d))
            own[j, k, other] = own[j, other, k] = sizes[j, k, other]
            found.append(own)
    return np.array(found)
