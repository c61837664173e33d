"""The one loop of the PINN backend: fits of growing size -> estimate -> tolerance -> info.

`solve` asks a `NetProblem` for its nets, and says in `info` what was done and why. All but the
baselines of the literature (`classical`, a training of so many epochs) are a `Formulation`: it says
how one fit is made (rows and a last layer, an energy and its minimum), which numbers the tolerance
is for, and what a fit by itself says of their error; where all weights can be trained too, how. Its
loop, for cells and for boundary value problems alike:

1. `sizes`  : features, doubled from a few hundred up to options.features;
2. `best_scales` : the scales of the random weights are sought as far as it pays;
3. `estimate` of the error from the changes between sizes (`runtime.levels`), never below what
              the residual at unseen points says;
4. the first size that meets the tolerance ends it.

Warnings are not made here: `solve_cells` and `solve_homogenized` compare info["estimate"] with
what was asked for, for every backend.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from ...problem.errors import SolveError, UnsupportedError
from ...runtime.levels import FEWEST, error_of_fast_levels
from ..progress import Progress, Task, silent
from ..solution import Array
from .collocation import FeatureScales
from .minimize import Result
from .network import Axes
from .options import Options

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
"""Of the weights of a random layer, to try one after another: factors of about the root of 2."""
# Features of the first fit, at most: fewer say nothing of the next.
_SMALLEST = 100
# Features up to which all scales are tried: such a fit takes milliseconds.
_CHEAP = 200
# Unknowns beyond which no scale is sought: such a fit takes seconds.
_TUNED = 2000
# On what residuals say of the error, which was .05 to .8 of it with that on ten regions: thin gaps,
# corners, ellipses, drifts.
_SAFETY = 3.0
# A relative residual above which a fit has not begun to converge.
_POOR = 0.1
# A residual that falls by less from size to size asks for another scale: features of small scale
# have become linearly dependent.
_LITTLE = 8
PATIENCE = 2
"""Scales that may be worse, one after another, before the search for a better one ends."""

FitResult = TypeVar("FitResult")


@dataclass(frozen=True)
class Fit(Generic[FitResult]):
    """What came of one size and one pair of scales. held_out: by which fits of one size are
    compared, the relative residual at points that were not used (an energy in the energy form).
    """

    solved: FitResult
    held_out: float
    size: int
    scales: FeatureScales


@dataclass(frozen=True)
class Outcome(Generic[FitResult]):
    """What a formulation ended with. residual: the relative one at points that were not used, None
    where there is none; size: numbers that were determined; info: what else is known, such as the
    features and their scale.
    """

    solved: FitResult
    estimate: float
    residual: float | None
    result: Result
    size: int
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The size and the scales that were enough before: where the next solve begins."""

    size: int
    scales: FeatureScales


class NetProblem(ABC, Generic[FitResult]):
    """A problem whose solution is made of nets."""

    title: str
    """For progress and messages."""
    tolerance: float
    """For the relative error that is estimated."""
    advice: str = ""
    """What else may help where the tolerance is not reached."""
    where_not_finite: str = "give more features, or another scale"
    """What helps where numbers overflow."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What info["method"] says."""

    @property
    def reports(self) -> bool:
        """Whether progress is shown: of several processes, by the first one alone."""
        return True

    @abstractmethod
    def find(self, task: Task, before: Choice | None) -> Outcome[FitResult]:
        """The nets, and how well they do."""

    @abstractmethod
    def solver_info(self, result: Result) -> dict[str, Any]:
        """What `info` says of the solver, and why it ended."""

    def without_nets(self) -> Outcome[FitResult] | None:
        """The outcome of a problem that asks for no net."""
        return None

    def check(self, solved: FitResult, residual: float | None) -> None:
        """SolveError where what was found, with its relative residual, is no solution."""

    def more_info(self, solved: FitResult) -> dict[str, Any]:
        """What else `info` holds."""
        return {}


class Formulation(NetProblem[FitResult]):
    """One way to turn a problem into fits of nets."""

    options: Options
    method: str = ""
    """info["method"]; "" for the name of the solver."""
    per_feature: float = 1.0
    """Unknowns of one feature, all components and nets counted."""
    beside: int = 0
    """Unknowns beside the features."""
    encloses: bool = False
    """Whether every fit proves its own error: then the best of them is taken, else the last one."""

    @property
    @abstractmethod
    def axes(self) -> Axes:
        """The axes of the net, which its random weights are drawn for."""

    @abstractmethod
    def fit(self, size: int, scales: FeatureScales) -> Fit[FitResult]:
        """The best last layer (of each net) with so many random features."""

    @abstractmethod
    def values(self, solved: FitResult) -> Array:
        """The numbers that the tolerance is for: (numbers, groups), with a size for each group."""

    def doubt(self, fit: Fit[FitResult]) -> float:
        """What a fit by itself says of the relative error of its `values`: the square of the
        residual, as the errors that count are of second order.
        """
        return fit.held_out**2

    def estimate(self, fit: Fit[FitResult], changes: Sequence[float]) -> float:
        """The relative error of the last of some fits, from the relative changes between them.

        Overridden where a fit proves its own error.
        """
        error = error_of_fast_levels(changes)
        if math.isinf(error):
            return error
        return max(error, self.doubt(fit))

    def change(self, values: Array, before: Array) -> float:
        """The relative change from fit to fit: of each group by its largest number."""
        return largest_change(values, before)

    def reach(self, fit: Fit[FitResult], before: Fit[FitResult], change: float) -> float:
        """The relative error that a residual of 1 stands for, from the `change` between two fits;
        0 where no fit leaves what the others leave."""
        return 0.0

    def patience(self, fit: Fit[FitResult], before: float) -> int:
        """How many worse scales to try in a row at the size of a fit, 0 for none, where the fit of
        the size before had the residual `before`.

        Thoroughly while that is cheap or the residual large, later only where a larger size brings
        little.
        """
        if fit.size * self.per_feature + self.beside > _TUNED:
            return 0
        if before > _POOR or fit.size <= _CHEAP:
            return PATIENCE
        return int(fit.held_out > before / _LITTLE)

    def keeps_scales(self, fit: Fit[FitResult]) -> bool:
        """Whether the next size begins with the scales of this fit."""
        return fit.held_out <= _POOR

    def residual(self, fit: Fit[FitResult]) -> float | None:
        """The relative residual of a fit."""
        return fit.held_out

    def result(self, reached: bool, held_out: Sequence[float]) -> Result:
        """Why the fits ended, from what was held out at each size."""
        return fit_result(reached, held_out)

    def train(self, task: Task) -> Outcome[FitResult]:
        """All weights of nets, by options.solver."""
        raise UnsupportedError(
            "this formulation makes its nets by least squares, it trains none",
            term=self.title,
            remedy="leave solver=, width= and depth= out",
        )

    @property
    def name(self) -> str:
        return self.method or self.options.chosen

    @property
    def reports(self) -> bool:
        return self.options.ranks.first

    def solver_info(self, result: Result) -> dict[str, Any]:
        return self.options.solver_info(result)

    def find(self, task: Task, before: Choice | None) -> Outcome[FitResult]:
        """A training, where one is asked for, or fits of growing size until the estimate is below
        the tolerance.
        """
        if self.options.trains:
            return self.train(task)
        largest = max(1, round(self.options.features / self.per_feature))
        fits = _Fits(self)
        scale = self.options.scale or SCALES[0]
        scales = (scale, scale) if before is None else before.scales
        searches = self.options.scale is None and before is None
        for size in sizes(largest) if before is None else sizes_from(before.size, largest):
            patience = fits.patience if searches else _none
            fit = best_scales(self.fit, self.axes, size, scales, patience)
            error = fits.add(fit, self.values(fit.solved))
            # The scales of a fit that has not begun to converge are chance.
            if self.keeps_scales(fit):
                scales = fit.scales
            task.update(
                min(1.0, fit.size / largest),
                f"{fit.size} features, residual {fit.held_out:.1e}, estimated error {error:.1e}",
            )
            if fits.estimate <= self.tolerance:
                break
        return fits.outcome()


class _Fits(Generic[FitResult]):
    """The fits of a formulation so far, from size to size; `best` of them, with its `estimate`."""

    def __init__(self, formulation: Formulation[FitResult]) -> None:
        self.formulation = formulation
        self.estimate = math.inf
        self._best: Fit[FitResult] | None = None
        self._last: Fit[FitResult] | None = None
        self._values: Array | None = None
        self._reach = 0.0
        self._changes: list[float] = []
        self._held_out = [math.inf]

    def patience(self, fit: Fit[FitResult]) -> int:
        """How many worse scales to try in a row at the size of a fit."""
        return self.formulation.patience(fit, self._held_out[-1])

    def add(self, fit: Fit[FitResult], values: Array) -> float:
        """The estimated error of the fit of the next size, from its values."""
        if self._values is not None and self._last is not None:
            change = self.formulation.change(values, self._values)
            self._changes.append(change)
            self._reach = max(self._reach, self.formulation.reach(fit, self._last, change))
        self._last = fit
        self._values = values
        self._held_out.append(fit.held_out)
        error = self.formulation.estimate(fit, self._changes)
        error = max(error, _SAFETY * self._reach * fit.held_out)
        if self._best is None or error < self.estimate or not self.formulation.encloses:
            self._best = fit
            self.estimate = error
        return error

    def outcome(self) -> Outcome[FitResult]:
        """What the best fit came to. ValueError where there is none."""
        best = self._best
        if best is None:
            raise ValueError("nothing was fitted")
        reached = self.estimate <= self.formulation.tolerance
        return Outcome(
            best.solved,
            self.estimate,
            self.formulation.residual(best),
            self.formulation.result(reached, self._held_out),
            round(best.size * self.formulation.per_feature),
            {"features": best.size, "scale": best.scales[0]},
        )


def _none(fit: Fit[Any]) -> int:
    """The patience of a solve whose scales are given."""
    return 0


def solve(
    problem: NetProblem[FitResult],
    progress: Progress = silent,
    before: Choice | None = None,
) -> Outcome[FitResult]:
    """The nets of a problem, fitted or trained, with the complete `info`.

    before: the choice of an earlier solve of the same problem. SolveError where no finite solution
    comes.
    """
    start = time.perf_counter()
    shown = progress if problem.reports else silent
    with shown(f"{problem.title} (pinn, {problem.name})") as task:
        found = problem.without_nets() or problem.find(task, before)
    if not all(map(math.isfinite, (found.estimate, found.residual or 0.0))):
        raise SolveError(
            f"{problem.title}: no finite solution in this net",
            term=f"estimated error {found.estimate}, residual {found.residual}",
            remedy=problem.where_not_finite,
        )
    problem.check(found.solved, found.residual)
    info = {"method": problem.name, "size": found.size, **found.info, "estimate": found.estimate}
    if found.residual is not None:
        info["residual"] = found.residual
    info |= problem.solver_info(found.result)
    if problem.advice:
        info["advice"] = info.get("advice", "") + problem.advice
    info["seconds"] = time.perf_counter() - start
    info |= problem.more_info(found.solved)
    return replace(found, info=info)


def best_scales(
    fit: Callable[[int, FeatureScales], Fit[FitResult]],
    axes: Axes,
    size: int,
    scales: FeatureScales,
    patience: Callable[[Fit[FitResult]], int],
) -> Fit[FitResult]:
    """The best fit of one size: the scales are raised, in space, then in time, until what is held
    out has become worse `patience` times in a row, as asked of the first fit; 0: nothing is sought.
    """
    best = fit(size, scales)
    allowed = patience(best)
    if not allowed:
        return best
    # Time has a scale of its own: what happens at the start is faster than anything in space.
    graded = any(kind == "graded" for kind, _, _ in axes)
    for group in range(2 if graded else 1):
        worse = 0
        for scale in SCALES[SCALES.index(best.scales[group]) + 1 :]:
            tried = (scale, best.scales[1]) if group == 0 else (best.scales[0], scale)
            candidate = fit(size, tried)
            worse += 1
            if candidate.held_out < best.held_out:
                best = candidate
                worse = 0
            if worse == allowed:
                break
    return best


def sizes(largest: int) -> list[int]:
    """Doubled sizes that end with the largest one; as many as an estimate needs, if they differ."""
    found = [largest]
    while found[0] > (_SMALLEST if len(found) >= FEWEST else 1):
        found.insert(0, found[0] // 2)
    return found


def sizes_from(size: int, largest: int) -> list[int]:
    """As many doubled sizes as an estimate needs, the last of which is `size`, and larger ones."""
    found = [size // 2**k for k in reversed(range(FEWEST)) if size // 2**k]
    while 2 * found[-1] <= largest:
        found.append(2 * found[-1])
    return found


def fit_result(reached: bool, residuals: Sequence[float]) -> Result:
    """Why a ladder ended, from the residuals of its sizes."""
    if reached:
        return Result.CONVERGED
    # More features still help where the residual falls, or has not begun to.
    falls = residuals[-1] < residuals[-2] / 2
    if falls or residuals[-1] > _POOR:
        return Result.MAX_FEATURES
    return Result.RANK_DEFICIENT


def largest_change(values: Array, before: Array) -> float:
    """The largest change of a number over the largest number of its group; (numbers, groups)."""
    sizes = np.abs(values).max(axis=0, initial=0.0)
    changes = np.abs(values - before).max(axis=0, initial=0.0)
    return float(np.max(changes / np.where(sizes > 0, sizes, 1.0), initial=0.0))


def norm_change(values: Array, before: Array) -> float:
    """The norm of the change over that of the values."""
    size = float(np.linalg.norm(values))
    return float(np.linalg.norm(values - before)) / (size or 1.0)
