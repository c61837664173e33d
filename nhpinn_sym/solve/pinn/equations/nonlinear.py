"""Nonlinear boundary value problems by nets in weak form: the last layer of random features by
Newton's method, which is the least energy in their span where there is one.

The law enters by flux and tangent at quadrature points alone, as into finite elements: neither its
second derivatives nor those of the net are asked for, natural conditions hold by themselves, and
the error of values has the square of that of slopes.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ....lower.forms import LoweredEquation
from ....problem.errors import ProblemError, SolveError, UnsupportedError, shortened
from ....runtime.levels import SAFETY
from ....runtime.nonlinear_equation import Law, solve_nonlinear_problem
from ...newton_failures import newton_errors, warn_of_rest
from ...progress import Progress, silent
from ...solution import Array
from .. import adaptive
from ..adaptive import Fit, Formulation, norm_change
from ..collocation import FeatureScales, random_layer
from ..methods import split_method
from ..network import Axes
from ..options import Options, collocation_options, require_unused
from .solution import GOAL, NetAndKnown, NetworkSolution, probe, solution
from .weak_problem import WeakEquation, WeakProblem

# Of quadrature points a line, for a residual at points that no fit uses.
_MORE = 1.3
# Features beyond which one fit takes as long as all smaller ones, beyond the line.
_COSTLY = 800
# Features of a first solution, whose slopes at corners say which functions are singular there.
_FIRST = 60


def solve_weakly(
    reference: LoweredEquation,
    parameters: Mapping[str, float],
    law: Law,
    symmetric: bool,
    progress: Progress = silent,
    *,
    grown: Callable[[], bool] = lambda: False,
    rounds: int = 1,
    tolerance: float | None = None,
    steps: int | None = None,
    stored: Sequence[bool] = (),
    empty: bool = False,
    **options: Any,
) -> NetworkSolution:
    """The solution of the nonlinear problem beside the linear `reference`; law, symmetric, grown,
    rounds, stored and empty as for finite elements; steps in time: see `evolution`. options:
    `pinn.options.Options`.

    tolerance: for the estimated relative L2 error, see `strong.solve_equation`. SolveError where
    Newton's method does not converge; UnsupportedError for data that no smooth net has.
    """
    method, rest = split_method(options)
    if method not in ("auto", "energy"):
        raise UnsupportedError(
            f'a nonlinear problem by nets with method="{method}"',
            term=reference.title,
            remedy="leave method= out: they meet the weak equation, or minimize the energy",
        )
    chosen = collocation_options(rest)
    require_unused(chosen, ("device", "group"), "a nonlinear problem by nets")
    equation = WeakEquation(reference, parameters, law, symmetric)
    if reference.time is not None:
        evolution = importlib.import_module(f"{__package__}.evolution")
        return evolution.solve_evolution(
            equation, chosen, tolerance, steps, stored, grown, rounds, progress, empty
        )
    if steps is not None:
        raise ProblemError(
            "time steps of a problem without time",
            term=f"steps={shortened(steps)}",
            remedy="leave steps= out",
        )
    formulation = NonlinearEquation(equation, chosen, tolerance or GOAL, grown, rounds)
    count = formulation.add_corners() if equation.d == 2 else 0
    found = adaptive.solve(formulation, progress)
    warn_of_rest(formulation.title, found.solved.rest)
    info = {**found.info, "newton": found.solved.rest}
    known = f"{count} for corners" if count else "none"
    return solution(equation.values, found.solved.found, info, tolerance, known)


@dataclass(frozen=True)
class Solved:
    """A net whose last layer meets the weak equation, and the `rest` of Newton's method."""

    found: NetAndKnown
    rest: float


class NonlinearEquation(Formulation[Solved]):
    """The weak equation in the span of random features."""

    method = "weak form by Newton"

    def __init__(
        self,
        equation: WeakEquation,
        options: Options,
        tolerance: float,
        grown: Callable[[], bool],
        rounds: int,
    ) -> None:
        self.equation = equation
        self.options = options
        self.tolerance = tolerance
        self.title = equation.reference.title
        self.per_feature = equation.reference.components
        self._grown = grown
        self._rounds = rounds
        self._before: NetAndKnown | None = None
        self._left = math.inf

    @property
    def axes(self) -> Axes:
        return self.equation.trial.axes

    def add_corners(self) -> int:
        """Puts functions for corners beside the nets, from a first solution; says how many."""
        scale = self.options.scale or adaptive.SCALES[0]
        network, _ = self.fit(_FIRST, (scale, scale)).solved.found
        count = self.equation.add_corners((network, torch.zeros(0, 1, dtype=torch.float64)))
        self._before = network, torch.zeros(count, 1, dtype=torch.float64)
        return count

    def fit(self, size: int, scales: FeatureScales) -> Fit[Solved]:
        """From the best fit before, the law made better where it is asked for. Features with which
        Newton's method fails count as infinitely bad where others were fitted before.
        """
        line = self.equation.line(size, scales[0])
        layers = random_layer(self.equation.trial, size, scales, self.options.seed)
        problem = WeakProblem(self.equation, layers, line)
        try:
            solved = self._solved(problem)
        except SolveError:
            if self._before is None:
                raise
            return Fit(Solved(self._before, 0.0), math.inf, size, scales)
        other = random_layer(self.equation.trial, size, scales, self.options.seed + 1)
        unseen = WeakProblem(self.equation, other, round(_MORE * line))
        left = self._left_at(unseen, solved)
        if left < self._left:
            self._before, self._left = solved.found, left
        return Fit(solved, left, size, scales)

    def patience(self, fit: Fit[Solved], before: float) -> int:
        """Beyond the line a large fit is costly: one more scale where a larger size brings
        little.
        """
        if self.equation.d > 1 and fit.size > _COSTLY:
            return int(fit.held_out > before / 2)
        return super().patience(fit, before)

    def _left_at(self, unseen: WeakProblem, solved: Solved) -> float:
        """The residual at points and features that no fit uses."""
        return unseen.defect([solved.found])

    def _solved(self, problem: WeakProblem) -> Solved:
        before = self._before
        for _ in range(self._rounds):
            start = None if before is None else problem.nearest(before)
            with newton_errors(self.title):
                result = solve_nonlinear_problem(
                    problem, self.equation.law, self.equation.symmetric, start, None, True, _quiet
                )
            before = result.grid
            if not self._grown():
                break
        return Solved(result.grid, result.rest)

    def estimate(self, fit: Fit[Solved], changes: Sequence[float]) -> float:
        """Twice what the changes say: where the solution is not smooth they are of the size of the
        error itself.
        """
        return SAFETY * super().estimate(fit, changes)

    def doubt(self, fit: Fit[Solved]) -> float:
        """The residual in its dual norm is that of the slopes; values are not worse."""
        return fit.held_out / SAFETY

    def values(self, solved: Solved) -> Array:
        return probe(self.equation.values, *solved.found)

    def change(self, values: Array, before: Array) -> float:
        return norm_change(values, before)


def _quiet(share: float) -> None:
    """Progress is told from fit to fit."""
