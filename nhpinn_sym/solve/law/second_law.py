"""The second corrector at points of a macroscopic problem: reduced to a few modes, as the law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...emit import nonlinear_text
from ...emit.source import load
from ...lower.nonlinear import lower_state
from ...problem.errors import UnsupportedError, warn_tolerance
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.law_levels import solve_states
from ...runtime.fourier.states import MacroState, StateSolver
from ...runtime.reduced_basis import ReducedBasis, span_of
from ...runtime.reduced_law import ReducedLaw
from ...runtime.second_corrector import (
    GridSpace,
    ReducedSpace,
    Response,
    SecondOrder,
    second_order,
)
from ..interpolation import Array
from .law_solution import LawSolution
from .macro_law import ROUNDS, MacroLaw

# States at which modes are compared with solved ones, in each round.
_TESTED = 6
# Size of a mode, relative to the first, below which it is left out.
_LEAST = 1e-6
# What the second corrector is known to, relative to its largest value: it has a factor eps more
# than the law.
_GOAL = 1e-4
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


class SecondLaw:
    """Correctors up to the second of a law on Fourier grids.

    macro : the law itself, reduced
    error : of the reduced second corrector at the states that it was tested at, relative to the
            largest of them
    """

    def __init__(
        self, law: LawSolution, gathered: Callable[[Array], list[Array]] = lambda own: [own]
    ) -> None:
        if law.elements is not None or law.nets is not None:
            raise UnsupportedError(
                f"second correctors with a law by {law.backend}",
                term=law,
                remedy='write law = solve_law(model, "fourier")',
            )
        self.law = law
        self.macro = MacroLaw(law, gathered)
        lowered = lower_state(law.model.state, law.model.title, order=2)
        self.forms = load(nonlinear_text.state(lowered), "state_numpy")
        self._responses: ReducedLaw | None = None
        self.error = np.inf
        self._snapshots: list[tuple[Array, Array]] = []

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
        if self._responses is None:
            self._learn(macro, curvatures)
        return self._reduced(macro, c, curvatures)

    def _learn(self, macro: MacroState, curvatures: Array) -> None:
        """Modes of states spread over the problem, and of those where they are not enough."""
        sizes = np.abs(curvatures).max(axis=-1, initial=0.0)
        held = self.macro.training
        assert held is not None
        self._add(held, _directions(np.maximum(sizes, 1e-3 * sizes.max(initial=0.0))))
        for round_ in range(ROUNDS):
            chosen = np.unique(np.linspace(round_, macro.count - 1, _TESTED).astype(np.int64))
            tested = macro.part(chosen)
            exact = second_order(self._grid(tested), curvatures[..., chosen])
            self.error = self._difference(tested, curvatures[..., chosen], exact)
            if self.error <= max(_GOAL, self.law.tolerance):
                return
            self._keep(exact)
        warn_tolerance(
            f"the second corrector is known to {self.error:.1e} at points of the homogenized"
            f" equation, wanted was {max(_GOAL, self.law.tolerance):.1e}"
        )

    def _grid(self, macro: MacroState) -> GridSpace:
        assert self.macro.source.n is not None
        solver = StateSolver(self.law.forms, Grid(self.law.forms.CELL, self.macro.source.n))
        states = solve_states(solver, macro)[1]
        return GridSpace(self.forms, solver, macro, states.modes)

    def _add(self, macro: MacroState, directions: Array) -> None:
        """Modes of states, at each of some curvatures (r, m, d, d)."""
        space = self._grid(macro)
        for own in directions:
            whole = np.broadcast_to(own[..., None], (*own.shape, macro.count))
            self._keep(second_order(space, whole))

    def _keep(self, found: SecondOrder) -> None:
        for f in (*found.slow, found.second):
            m, d, n, q = f.slopes.shape
            values = f.values.reshape(m * n, q)
            slopes = np.moveaxis(f.slopes, 1, 2).reshape(m * n, d, q)
            self._snapshots.append((values, slopes))
        values, slopes = (np.concatenate(parts) for parts in zip(*self._snapshots, strict=True))
        points = self.first_basis.points
        self._responses = ReducedLaw(self.forms, span_of(values, slopes, points, m, _LEAST))

    def _difference(self, macro: MacroState, curvatures: Array, exact: SecondOrder) -> float:
        assert self.macro.reduced is not None
        _, c = self.macro.reduced(macro)
        found = self._space(macro, c, curvatures)
        size = np.abs(exact.second.values).max(initial=0.0)
        return float(np.abs(found.second.values - exact.second.values).max(initial=0.0) / size)

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
        slow = tuple(_coefficients([p.slow[k] for p in parts]) for k in range(d))
        arrays = {
            name: np.concatenate([p.arrays[name] for p in parts], axis=-1)
            for name in parts[0].arrays
        }
        return SecondStates(macro, c, slow, _coefficients([p.second for p in parts]), arrays)


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
