"""u = beta(x/eps, v) for a solution v, where a problem was solved for v = phi(y, u)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from ...derive.nonlinear.change_of_unknown import ChangeOfUnknown
from ...lower.forms import MultiIndex
from ...problem.errors import UnsupportedError
from ...problem.numeric import lambdified
from ..exports import SolutionExtent
from ..interpolation import Array
from ..solution import Solution


@dataclass(frozen=True, eq=False, repr=False)
class OriginalUnknown(Solution):
    """u and its first derivatives, from v and those of v.

    numbers : of the parameters in beta
    """

    v: Solution
    change: ChangeOfUnknown
    eps: float
    numbers: Mapping[str, float]

    @property
    def extent(self) -> SolutionExtent:
        return self.v.extent

    def __repr__(self) -> str:
        return f"u = {self.change.inverse} of {self.v!r}"

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        if any(sum(index) > 1 for index in indices):
            raise UnsupportedError(
                "a second derivative of u = beta(x/eps, v)",
                term=indices,
                remedy="values and first derivatives are available",
            )
        zero = (0,) * self.dim
        fields = self.v.evaluate(points, [zero, *indices], t)
        found = []
        for index, slope in zip(indices, fields[1:], strict=True):
            value, by_v, *by_y = self._derivatives(*(points / self.eps).T, fields[0])
            if any(index):
                value = by_v * slope + by_y[index.index(1)] / self.eps
            found.append(np.broadcast_to(value, len(points)))
        return np.stack(found)

    @cached_property
    def _derivatives(self) -> Callable[..., list[Array]]:
        """(y1, ..., v) -> beta, its derivatives by v and by each y."""
        change = self.change
        v = change.symbols[1]
        numbers = {s: self.numbers[s.name] for s in change.problem.parameters}
        beta = change.inverse.xreplace({s: sp.Float(value) for s, value in numbers.items()})
        entries = [beta, *(sp.diff(beta, s) for s in (v, *change.fast))]
        call: Callable[..., list[Array]] = lambdified(
            (*change.fast, v), entries, ["scipy", "numpy"]
        )
        return call


def in_original(
    v: Solution, change: ChangeOfUnknown | None, eps: float, numbers: Mapping[str, float]
) -> Solution:
    """The solution of the problem as it was given."""
    if change is None:
        return v
    return OriginalUnknown(v.backend, v.method, v.info, v, change, eps, numbers)
