"""The one loop of the PINN backend: fits of growing size -> estimate -> tolerance -> info.

A formulation is a class derived from `Formulation`. It says how one fit is made (rows and a last
layer, an energy and its minimum), which numbers the tolerance is for, and what a fit by itself says
of their error; where all weights can be trained too, how. `solve` does the rest, for cells and for
boundary value problems alike:

1. `sizes`  : features, doubled from a few hundred up to options.features;
2. `best_scales` : the scales of the random weights are sought as far as it pays;
3. `estimate` of the error from the changes between sizes (`resolution.levels`), never below what
              the residual at unseen points says;
4. the first size that meets the tolerance ends it; `Outcome.info` tells what was done and why.

Warnings are not made here: `solve_cells` and `solve_homogenized` compare info["estimate"] with
what was asked for, for every backend.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from ...problem.errors import SolveError, UnsupportedError
from ...resolution.levels import FEWEST, error_of_fast_levels
from ..progress import Progress, Task, silent
from ..solution import Array
from .minimize import Result
from .network import Axes
from .options import Options
from .random_features import Scales

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
"""Of the weights of a random layer, to try one after another: factors of about the root of 2."""
_SMALLEST = 100
"""Features of the first fit, at most: fewer say nothing of the next."""
_CHEAP = 200
"""Features up to which all scales are tried: such a fit takes milliseconds."""
_TUNED = 1600
"""Features beyond which no scale is sought: such a fit takes seconds."""
_POOR = 0.1
"""A relative residual above which a fit has not begun to converge."""
_LITTLE = 8
"""A residual that falls by less from size to size asks for another scale: features of small scale
have become linearly dependent."""
PATIENCE = 2
"""Scales that may be worse, one after another, before the search for a better one ends."""

Solved = TypeVar("Solved")


@dataclass(frozen=True)
class Fit(Generic[Solved]):
    """What came of one size and one pair of scales. held_out: by which fits of one size are
    compared, the relative residual at points that were not used (an energy in the energy form).
    """

    solved: Solved
    held_out: float
    size: int
    scales: Scales


@dataclass(frozen=True)
class Outcome(Generic[Solved]):
    """What a formulation ended with. residual: the relative one at points that were not used, None
    where there is none; size: numbers that were determined; info: what else is known, such as the
    features and their scale.
    """

    solved: Solved
    estimate: float
    residual: float | None
    result: Result
    size: int
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The size and the scales that were enough before: where the next solve begins."""

    size: int
    scales: Scales


class Formulation(ABC, Generic[Solved]):
    """One way to turn a problem into fits of nets."""

    title: str
    """For progress and messages."""
    options: Options
    tolerance: float
    """For the relative error of `values`."""
    method: str = ""
    """info["method"]; "" for the name of the solver."""
    per_feature: float = 1.0
    """Unknowns of one feature, all components and nets counted."""
    advice: str = ""
    """What else may help where the tolerance is not reached."""
    encloses: bool = False
    """Whether every fit proves its own error: then the best of them is taken, else the last one."""

    @property
    @abstractmethod
    def axes(self) -> Axes:
        """The axes of the net, which its random weights are drawn for."""

    @abstractmethod
    def fit(self, size: int, scales: Scales) -> Fit[Solved]:
        """The best last layer (of each net) with so many random features."""

    @abstractmethod
    def values(self, solved: Solved) -> Array:
        """The numbers that the tolerance is for: (numbers, groups), with a size for each group."""

    def doubt(self, fit: Fit[Solved]) -> float:
        """What a fit by itself says of the relative error of its `values`: the square of the
        residual, as the errors that count are of second order.
        """
        return fit.held_out**2

    def estimate(self, fit: Fit[Solved], changes: Sequence[float]) -> float:
        """The relative error of the last of some fits, from the relative changes between them.

        Overridden where a fit proves its own error.
        """
        error = error_of_fast_levels(changes)
        return error if math.isinf(error) else max(error, self.doubt(fit))

    def change(self, values: Array, before: Array) -> float:
        """The relative change from fit to fit: of each group by its largest number."""
        return largest_change(values, before)

    def patience(self, fit: Fit[Solved], before: float) -> int:
        """How many worse scales to try in a row at the size of a fit, 0 for none, where the fit of
        the size before had the residual `before`.

        Thoroughly while that is cheap or the residual large, later only where a larger size brings
        little.
        """
        if fit.size > _TUNED:
            return 0
        if before > _POOR or fit.size <= _CHEAP:
            return PATIENCE
        return int(fit.held_out > before / _LITTLE)

    def keeps_scales(self, fit: Fit[Solved]) -> bool:
        """Whether the next size begins with the scales of this fit."""
        return fit.held_out <= _POOR

    def residual(self, fit: Fit[Solved]) -> float | None:
        """The relative residual of a fit."""
        return fit.held_out

    def result(self, reached: bool, held_out: Sequence[float]) -> Result:
        """Why the fits ended, from what was held out at each size."""
        return fit_result(reached, held_out)

    def train(self, task: Task) -> Outcome[Solved]:
        """All weights of nets, by options.solver."""
        raise UnsupportedError(
            "this formulation makes its nets by least squares, it trains none",
            term=self.title,
            remedy="leave solver=, width= and depth= out",
        )

    def without_nets(self) -> Outcome[Solved] | None:
        """The outcome of a problem that asks for no net."""
        return None

    def check(self, solved: Solved, residual: float | None) -> None:
        """SolveError where what was found, with its relative residual, is no solution."""

    def more_info(self, solved: Solved) -> dict[str, Any]:
        """What else `info` holds."""
        return {}


def solve(
    formulation: Formulation[Solved],
    progress: Progress = silent,
    before: Choice | None = None,
) -> Outcome[Solved]:
    """The nets of a formulation, fitted or trained, with the complete `info`.

    before: the choice of an earlier solve of the same problem. SolveError where no finite solution
    comes.
    """
    start = time.perf_counter()
    options = formulation.options
    shown = progress if options.ranks.first else silent
    with shown(f"{formulation.title} (pinn, {formulation.method or options.chosen})") as task:
        found = formulation.without_nets()
        if found is None and options.trains:
            found = formulation.train(task)
        if found is None:
            found = _fitted(formulation, task, before)
    if not all(map(math.isfinite, (found.estimate, found.residual or 0.0))):
        raise SolveError(
            f"{formulation.title}: no finite solution in this net",
            term=f"estimated error {found.estimate}, residual {found.residual}",
            remedy="give more features, or another scale",
        )
    formulation.check(found.solved, found.residual)
    info = {
        "method": formulation.method or options.chosen,
        "size": found.size,
        **found.info,
        **({} if found.residual is None else {"residual": found.residual}),
        "estimate": found.estimate,
        **options.solver_info(found.result),
        **formulation.more_info(found.solved),
    }
    info["advice"] += formulation.advice
    info["seconds"] = time.perf_counter() - start
    return Outcome(found.solved, found.estimate, found.residual, found.result, found.size, info)


def _fitted(formulation: Formulation[Solved], task: Task, before: Choice | None) -> Outcome[Solved]:
    """Fits of growing size until the estimate is below the tolerance."""
    largest = max(1, round(formulation.options.features / formulation.per_feature))
    scale = formulation.options.scale or SCALES[0]
    scales = (scale, scale) if before is None else before.scales
    searches = formulation.options.scale is None and before is None
    changes: list[float] = []
    held_out = [math.inf]
    last: Array | None = None
    best: Fit[Solved] | None = None
    estimate = math.inf
    for size in sizes(largest) if before is None else sizes_from(before.size, largest):
        fit = best_scales(
            formulation.fit,
            formulation.axes,
            size,
            scales,
            lambda first: formulation.patience(first, held_out[-1]) if searches else 0,
        )
        values = formulation.values(fit.solved)
        if last is not None:
            changes.append(formulation.change(values, last))
        last = values
        error = formulation.estimate(fit, changes)
        held_out.append(fit.held_out)
        scales = fit.scales if formulation.keeps_scales(fit) else scales
        if best is None or error < estimate or not formulation.encloses:
            best = fit
            estimate = error
        task.update(
            min(1.0, fit.size / largest),
            f"{fit.size} features, residual {fit.held_out:.1e}, estimated error {error:.1e}",
        )
        if estimate <= formulation.tolerance:
            break
    assert best is not None
    return Outcome(
        best.solved,
        estimate,
        formulation.residual(best),
        formulation.result(estimate <= formulation.tolerance, held_out),
        round(best.size * formulation.per_feature),
        {"features": best.size, "scale": best.scales[0]},
    )


def best_scales(
    fit: Callable[[int, Scales], Fit[Solved]],
    axes: Axes,
    size: int,
    scales: Scales,
    patience: Callable[[Fit[Solved]], int],
) -> Fit[Solved]:
    """The best fit of one size: the scales are raised, in space, then in time, until what is held
    out has become worse `patience` times in a row, as asked of the first fit; 0: nothing is sought.
    """
    best = fit(size, scales)
    worst = patience(best)
    graded = any(kind == "graded" for kind, _, _ in axes)
    for group in range(2 if graded else 1) if worst else ():
        worse = 0
        for scale in SCALES[SCALES.index(best.scales[group]) + 1 :]:
            tried = (scale, best.scales[1]) if group == 0 else (best.scales[0], scale)
            candidate = fit(size, tried)
            if candidate.held_out < best.held_out:
                best = candidate
                worse = 0
            else:
                worse += 1
            if worse == worst:
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
    falls = residuals[-1] < residuals[-2] / 2
    return Result.MAX_FEATURES if falls or residuals[-1] > _POOR else Result.RANK_DEFICIENT


def largest_change(values: Array, before: Array) -> float:
    """The largest change of a number over the largest number of its group; (numbers, groups)."""
    sizes = np.abs(values).max(axis=0, initial=0.0)
    changes = np.abs(values - before).max(axis=0, initial=0.0)
    return float(np.max(changes / np.where(sizes > 0, sizes, 1.0), initial=0.0))


def norm_change(values: Array, before: Array) -> float:
    """The norm of the change over that of the values."""
    size = float(np.linalg.norm(values))
    return float(np.linalg.norm(values - before)) / (size or 1.0)
