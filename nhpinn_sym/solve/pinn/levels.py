"""The one judge of a ladder of nets: what fits of growing size say about the error of the last
one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from torch import Tensor

from ..solution import Array

Values = TypeVar("Values")
LEVELS = 3
"""Fits that an estimate is made from, at least: two of them may agree by accident."""


@dataclass
class Levels(Generic[Values]):
    """The error of the last values, relative to their size, by the changes from fit to fit.

    distance(values, before): the relative change, such as `largest_change` or `norm_change`.
    """

    distance: Callable[[Values, Values], float]
    changes: list[float] = field(default_factory=list)
    last: Values | None = None

    def estimate(self, values: Values, doubt: float) -> float:
        """Takes the values of the next fit. `doubt` is what the residual alone says, below which
        the estimate never is.

        The last change, or the largest of the last two where they do not fall; infinite before
        LEVELS fits.
        """
        if self.last is not None:
            self.changes.append(self.distance(values, self.last))
        self.last = values
        if len(self.changes) < LEVELS - 1:
            return math.inf
        before, change = self.changes[-2:]
        return max(change if change <= before else max(before, change), doubt)


def largest_change(values: Array, before: Array) -> float:
    """The largest change of an entry over the largest entry."""
    size = float(np.abs(values).max(initial=0.0))
    return float(np.abs(values - before).max(initial=0.0)) / (size or 1.0)


def norm_change(values: Tensor, before: Tensor) -> float:
    """The norm of the change over that of the values."""
    size = float(values.norm())
    return float((values - before).norm()) / (size or 1.0)
