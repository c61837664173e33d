"""Nonlinear equations in time by nets: steps of order 4 in time, in each of which the last layer of
random features meets the weak equation in space.

The number of steps doubles with that of the features, so that the change from size to size, and
the residual with the rate of the last levels, are those of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ....lower.forms import MultiIndex
from ....resolution import resolve_time
from ....runtime.nonlinear_equation import solve_nonlinear_problem
from ....runtime.time_stepping import FIRST_STEPS, time_lines
from ...exports import SolutionExtent
from ...newton_failures import newton_errors, warn_of_rest
from ...progress import Progress
from ...solution import Array
from ...time_levels import time_weights
from .. import adaptive
from ..adaptive import Fit, sizes
from ..network import Network
from ..options import Options
from .conditions import require_continuous
from .nonlinear import NonlinearEquation, Solved
from .solution import GOAL, NetAndKnown, NetworkSolution, probe, solution
from .weak_problem import WeakEquation, WeakProblem

# Steps of the first size, by the dimension: in the plane a fit is the more costly part.
_STEPS = {1: FIRST_STEPS, 2: FIRST_STEPS // 2, 3: FIRST_STEPS // 2}
# Features up to which scales are sought at later sizes.
_SOUGHT = 400
# Levels whose rate the residual at the final time takes.
_LEVELS = 5


@dataclass(frozen=True)
class Evolved(Solved):
    """All levels at their times; `found` is the last of them."""

    levels: Sequence[NetAndKnown]
    times: Array


@dataclass(frozen=True, eq=False, repr=False)
class EvolvedSolution(NetworkSolution):
    """A net at each of some times, cubic between them; derivatives in space are exact for it."""

    equation: WeakEquation
    levels: Sequence[NetAndKnown]
    times: Array

    @property
    def extent(self) -> SolutionExtent:
        return replace(super().extent, times=self.times)

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        time = float(self.times[-1]) if t is None else t
        first, weights = time_weights(self.times, time)
        own = _combined(self.levels[first : first + len(weights)], weights)
        there = NetworkSolution(
            self.backend, self.method, self.info, self.equation.values_at(time), *own
        )
        return there._values(points, indices, None)


def _combined(levels: Sequence[NetAndKnown], weights: Array) -> NetAndKnown:
    """Sums of nets with the same hidden layers."""
    network = levels[0][0]
    shares = torch.as_tensor(weights)
    weight, bias = (
        torch.tensordot(shares, torch.stack([net.layers[-1][k] for net, _ in levels]), 1)
        for k in (0, 1)
    )
    known = torch.tensordot(shares, torch.stack([c for _, c in levels]), 1)
    return Network(network.trial, [*network.layers[:-1], (weight, bias)]), known


def solve_evolution(
    equation: WeakEquation,
    options: Options,
    tolerance: float | None,
    steps: int | None,
    stored: Sequence[bool],
    grown: Callable[[], bool],
    rounds: int,
    progress: Progress,
    empty: bool,
) -> NetworkSolution:
    """As `solve_weakly`, for its equation in time; `steps` of the last size, where they are
    given.
    """
    require_continuous(equation.reference, equation.numbers)
    formulation = NonlinearEvolution(
        equation, options, tolerance or GOAL, grown, rounds, steps, stored, empty
    )
    found = adaptive.solve(formulation, progress)
    solved = found.solved
    assert isinstance(solved, Evolved)
    warn_of_rest(formulation.title, solved.rest)
    info = {**found.info, "newton": solved.rest, "steps": len(solved.times) - 1}
    last = solution(equation.values, solved.found, info, tolerance)
    return EvolvedSolution(
        last.backend,
        last.method,
        last.info,
        last.problem,
        *solved.found,
        equation,
        solved.levels,
        solved.times,
    )


class NonlinearEvolution(NonlinearEquation):
    """The weak equation in the span of random features, at each of some times."""

    method = "weak form by Newton, SDIRK"

    def __init__(
        self,
        equation: WeakEquation,
        options: Options,
        tolerance: float,
        grown: Callable[[], bool],
        rounds: int,
        steps: int | None,
        stored: Sequence[bool],
        empty: bool,
    ) -> None:
        super().__init__(equation, options, tolerance, grown, rounds)
        self._stored = stored
        self._empty = empty
        self._spans = resolve_time(equation.reference, equation.numbers).axes[0].spans
        ladder = sizes(max(1, round(options.features / self.per_feature)))
        self._fewest = _STEPS[equation.d]
        self._per_size = self._fewest / ladder[0] if steps is None else steps / ladder[-1]

    def patience(self, fit: Fit[Solved], before: float) -> int:
        """Beyond the line one more scale is costly: they are sought at the first size, and later
        where a larger one brings little.
        """
        if self.equation.d == 1 or math.isinf(before):
            return super().patience(fit, before)
        return int(fit.size <= _SOUGHT and fit.held_out > before / 2)

    def times(self, size: int) -> Array:
        """The ends of the steps."""
        return time_lines(self._spans, max(self._fewest, math.ceil(self._per_size * size)))

    def _solved(self, problem: WeakProblem) -> Evolved:
        equation = self.equation
        times = self.times(len(problem.layers[-1][1]))
        for _ in range(self._rounds):
            with newton_errors(self.title):
                result = solve_nonlinear_problem(
                    problem,
                    equation.law,
                    equation.symmetric,
                    None,
                    times,
                    True,
                    _quiet,
                    self._stored,
                    empty=self._empty,
                )
            if not self._grown():
                break
        levels = result.grid
        return Evolved(levels[-1], result.rest, levels, times)

    def _left_at(self, unseen: WeakProblem, solved: Solved) -> float:
        assert isinstance(solved, Evolved)
        return unseen.defect(solved.levels[-_LEVELS:], solved.times[-_LEVELS:].tolist())

    def values(self, solved: Solved) -> Array:
        final = float(self.times(1)[-1])
        return probe(self.equation.values_at(final), *solved.found)


def _quiet(share: float) -> None:
    """Progress is told from fit to fit."""
