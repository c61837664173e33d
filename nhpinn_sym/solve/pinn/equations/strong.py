"""Boundary value problems by nets in strong form, stationary or in space-time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from torch import Tensor

from ....lower.forms import LoweredEquation
from ....problem.domain import Box
from ....problem.errors import SolveError, UnsupportedError
from ....runtime.nets.function_families import stack_functions
from ....runtime.nets.least_squares import safe_divisor
from ...progress import Progress, Task, silent
from ...solution import Array, Coefficients, Solution
from .. import adaptive
from ..adaptive import Fit, Formulation, Outcome, norm_change
from ..collocation import HELD_OUT, FeatureScales, Rows, held_out_residual, last_layer, random_layer
from ..minimize import history_info
from ..network import Axes
from ..options import Options, collocation_options
from ..training import train
from .boundary_value import BoundaryValueProblem
from .known_functions import known_functions
from .solution import GOAL, NetAndKnown, probe, require_balanced_data, solution
from .subdomains import solve_across_jumps

# Relative residual at which a problem that leaves its mean open has no solution.
_UNSOLVABLE = 0.1


def solve_equation(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    *,
    tolerance: float | None = None,
    **options: Any,
) -> Solution:
    """Solve `equation` by collocation of its emitted residual; options: `pinn.options.Options`.

    tolerance: for the estimated relative L2 error. Sizes are doubled until it is reached (1e-5
    where none is given); info["tolerance"] is what counts as good enough, 1e-2 where none is given.
    Data that jump across planes get a net in each box between them (`subdomains`). Errors:
    SolveError where no finite solution comes.
    """
    if equation.jumps:
        require_second_order(equation)
        return solve_across_jumps(
            equation, coefficients, parameters, progress, tolerance=tolerance, **options
        )
    chosen = collocation_options(options)
    problem = BoundaryValueProblem(equation, coefficients, parameters, chosen.device)
    chosen.ranks.require_agreement(
        problem.trial.signature, sorted(parameters.items()), tolerance, chosen.shared
    )
    require_balanced_data(problem)
    known = known_functions(problem)
    families = [family for group in known.values() for family in group]
    if problem.null_space.turns:
        families.append(problem.null_space.family())
    problem.known = tuple(
        stack_functions([family[j] for family in families]) for j in range(problem.components)
    )
    found = adaptive.solve(StrongEquation(problem, chosen, tolerance or GOAL), progress)
    groups = ", ".join(f"{len(group)} {name}" for name, group in known.items())
    text = f"{len(found.solved[1])} for {groups}" if known else "none"
    return solution(problem, problem.unscale(*found.solved), found.info, tolerance, text)


def require_second_order(equation: LoweredEquation) -> None:
    """UnsupportedError for fourth order, where nets take its data otherwise or not at all."""
    if equation.order == 4:
        raise UnsupportedError(
            "an equation of fourth order by nets of this kind",
            term=equation.title,
            remedy='smooth coefficients by method="residual"; "skfem" and "dolfinx" take jumps too',
        )


class StrongEquation(Formulation[NetAndKnown]):
    """The residual at collocation points."""

    def __init__(self, problem: BoundaryValueProblem, options: Options, tolerance: float) -> None:
        self.problem = problem
        self.options = options
        self.tolerance = tolerance
        self.title = problem.equation.title
        self.per_feature = problem.components
        self.beside = problem.known_count
        more = math.ceil(self.beside / problem.components)
        self._rows = cache(lambda size: problem.rows(2 * (size + more), options.seed))

    @property
    def axes(self) -> Axes:
        return self.problem.trial.axes

    @cached_property
    def _held(self) -> Rows:
        """Rows at points that no fit uses."""
        return self.problem.rows(HELD_OUT, self.options.seed + 1)

    def fit(self, size: int, scales: FeatureScales) -> Fit[NetAndKnown]:
        """The net as it came from its rows."""
        layers = random_layer(self.problem.trial, size, scales, self.options.seed)
        solved = last_layer(self.problem.trial, self._rows(size), layers, self.options.ranks)
        return Fit(solved, held_out_residual(*solved, self._held), size, scales)

    def values(self, solved: NetAndKnown) -> Array:
        return probe(self.problem, *self.problem.unscale(*solved))

    def change(self, values: Array, before: Array) -> float:
        return norm_change(values, before)

    def reach(self, fit: Fit[NetAndKnown], before: Fit[NetAndKnown], change: float) -> float:
        """Fits on a region have its corner functions in common: what these leave, as in a thin gap
        between two holes, is no change from one to the next, but a residual that stays. The error
        is to the residual as the change of the solution is to that of the residual.
        """
        if isinstance(self.problem.equation.domain, Box):
            return 0.0
        last, earlier = (self._residual(f.solved) for f in (fit, before))
        residual = (last - earlier).square().mean().sqrt() / safe_divisor(self._held.size.max())
        return change / float(safe_divisor(residual))

    def _residual(self, solved: NetAndKnown) -> Tensor:
        """At points that no fit uses."""
        network, coefficients = solved
        jet = network.jet(self._held.points, network.trial.indices)
        return self._held.residual(jet, coefficients)

    def train(self, task: Task) -> Outcome[NetAndKnown]:
        """All weights of one net."""
        options = self.options
        problem = self.problem
        found = train(
            problem.trial,
            problem.rows,
            problem.components,
            options,
            self.tolerance,
            self.title,
            task.update,
        )
        last = (found.network, found.coefficients)
        change = norm_change(self.values(last), self.values(found.earlier))
        width, depth = options.net
        return Outcome(
            last,
            max(change, found.doubt),
            found.held_out,
            found.result,
            found.network.size,
            {
                "width": width,
                "depth": depth,
                "iterations": found.iterations,
                "flavour": found.flavour,
                "history": history_info(found.history),
            },
        )

    def check(self, solved: NetAndKnown, residual: float | None) -> None:
        if self.problem.null_space.count and (residual or 0.0) > _UNSOLVABLE:
            raise SolveError(
                "a problem that leaves its mean open has no solution for these data",
                term=f"relative residual {residual:.1e}",
                remedy="the source and the boundary fluxes have to balance",
            )
