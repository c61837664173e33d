"""The one protocol of every backend: what a solve of cells, or of an equation, hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import ArrayLike

from ..lower.forms import External, LoweredCells, LoweredEquation, MultiIndex
from .chebyshev import Array as Array
from .fields import CellField
from .progress import Progress, silent

EffectiveKey = tuple[str, tuple[int, ...]]
"""("A", (0, 1)): an entry of an effective coefficient."""

Coefficients = Callable[[External, Array], Array]
"""Values of an external coefficient at points (n, d): shape (n,). Points are x in an equation; in
cell problems the fast coordinates, and then the slow ones.
"""


class Solution(Protocol):
    """A solved equation. Points have shape (n, d), values (n,), for systems (n, m); `t` defaults to
    the final time.

    `info` says which method, sizes, seconds, and under "estimate" the solution's own relative L2
    error estimate.
    """

    @property
    def backend(self) -> str: ...

    @property
    def method(self) -> str: ...

    @property
    def info(self) -> Mapping[str, Any]: ...

    def __call__(self, points: ArrayLike, t: float | None = None) -> Array: ...

    def derivative(self, points: ArrayLike, index: MultiIndex, t: float | None = None) -> Array: ...


def described(solution: Solution) -> str:
    """One line for a terminal, where the arrays would fill pages."""
    return (
        f"solution by {solution.backend} ({solution.method}), estimated relative error"
        f" {solution.info['estimate']:.1e}"
    )


@dataclass(frozen=True)
class CellBatch:
    """The cell problems solved at m slow points (m = 1 where the coefficients do not depend on x).

    `fields[k][i]` is component i of function k of `LoweredCells.functions`.
    `effective` holds an array (m,) per entry (constants and the eigenvalue too); `info` holds at
    least "method", "seconds", "size", "fredholm" (the largest multiplier of the zero-mean
    constraint), "multipliers" (each by name) and "estimate" (of the largest error in an entry).
    `bounds` holds (lower, upper) of effective coefficients that the solver encloses, by name.
    """

    fields: tuple[tuple[CellField, ...], ...]
    effective: Mapping[EffectiveKey, Array]
    info: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)


class CellSolver(Protocol):
    """What `solve/<backend>/cells.py` has as `CellSolver`: built once for a model, asked for slow
    points as often as needed.

    slow_points: (m, len(cells.slow)); columns in the order of `cells.slow`.
    fields: the values of `cells.externals`; given where there are any.
    """

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, float],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        fields: Coefficients | None = None,
        **options: Any,
    ) -> None: ...

    def solve(self, slow_points: Array) -> CellBatch: ...


class EquationSolver(Protocol):
    """What `solve/<backend>/equation.py` has as `solve_equation`. `parameters` holds floats by
    symbol name (eps: "epsilon").
    """

    def __call__(
        self,
        equation: LoweredEquation,
        coefficients: Coefficients,
        parameters: Mapping[str, float],
        progress: Progress = silent,
        **options: Any,
    ) -> Solution: ...
