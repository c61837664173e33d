"""The one protocol of every backend: what a solve of cells, or of an equation, hands back."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..lower.forms import External, LoweredCells, LoweredEquation, MultiIndex
from ..problem.errors import SolveError, UnsupportedError, shortened
from ..problem.html_text import html_table
from ..problem.pictures import Drawing
from ..runtime.arrays import EffectiveKey as EffectiveKey
from .arguments import as_indices, as_points, as_time, points_and_time
from .exports import Exported
from .fields import CellField
from .interpolation import Array as Array
from .progress import Progress, silent

Coefficients = Callable[[External, Array], Array]
"""Values of an external coefficient at points (n, d): shape (n,). Points are x in an equation; in
cell problems the fast coordinates, and then the slow ones.
"""

Told = tuple[str, str, Mapping[str, Any]]
"""The backend, the method and the info of a solution."""

_WHAT = "the solution"
# Share of the interval of time by which a time may lie outside.
_TIME_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Exported):
    """A solved equation: a function of x and, where the equation has a time, of t.

    u([.5, .5]) and u(.5, .5) are the value at one point, of shape (), for systems (m,); points
    (n, d), or d arrays of coordinates of one shape, give an array of values. The time comes last,
    u(points, t) or u(.5, .5, t), and defaults to the final time.

    info : which sizes, seconds, and under "estimate" the solution's own relative L2 error estimate.

    A class of solutions says its `extent` and gives `_values`, all derivatives that are asked for
    at once; `kind` names it in files, where it has a form there. Errors: ProblemError for what are
    no points of the domain, multi-indices or times; SolveError for a time that is not known.
    """

    kind: ClassVar[str] = ""

    backend: str
    method: str
    info: Mapping[str, Any]

    @property
    def dim(self) -> int:
        """Number of coordinates of x."""
        return len(self.extent.lines)

    @property
    def final_time(self) -> float | None:
        """The end of the interval of time; None for a stationary solution."""
        times = self.extent.times
        if times is None:
            return None
        return float(times[-1])

    @property
    def lines(self) -> tuple[Array, ...]:
        """Lines of a mesh along each axis, between which it is a polynomial; empty without one."""
        return ()

    @abstractmethod
    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        """D^index at points (n, d) for each of `indices`: (indices, n), for systems (indices, n,
        m); `t` is there where the solution has a time.
        """

    def evaluate(
        self, points: ArrayLike, indices: Sequence[MultiIndex], t: float | None = None
    ) -> Array:
        """`derivative` for each of `indices`, stacked: value, dx = u.evaluate(x, [(0,), (1,)]).

        What derivatives have in common is computed once.
        """
        rows, shape = as_points(points, self.dim, _WHAT)
        values = self._values(rows, as_indices(indices, self.dim, _WHAT), self._time(t))
        return values.reshape(len(indices), *shape, *values.shape[2:])

    def derivative(self, points: ArrayLike, index: MultiIndex, t: float | None = None) -> Array:
        """D^index at points (n, d), or at one point (d,)."""
        found: Array = self.evaluate(points, [index], t)[0]
        return found

    def __call__(self, points: ArrayLike, *more: Any, t: float | None = None) -> Array:
        """The value at points, or at coordinates; see the class."""
        where, time = points_and_time((points, *more), t, self.dim, _WHAT)
        return self.derivative(where, (0,) * self.dim, time)

    def sampled(self, points: Array, t: float | None = None) -> Array:
        """The values at points (n, d) of the box around the domain; nan outside of this."""
        holds = self.extent.holds
        if holds is None:
            return self(points, t=t)
        inside = holds(points)
        own = self(points[inside], t=t)
        found = np.full((len(points), *own.shape[1:]), np.nan, dtype=own.dtype)
        found[inside] = own
        return found

    def _time(self, t: float | None) -> float | None:
        """The time that is meant by `t`."""
        final = self.final_time
        if final is None:
            if t is not None:
                raise SolveError(
                    "a stationary solution has no time",
                    term=f"t = {shortened(t)}",
                    remedy="leave t out",
                )
            return None
        if t is None:
            return final
        time = as_time(t)
        slack = _TIME_ROUNDING * max(1.0, abs(final))
        if not -slack <= time <= final + slack:
            raise SolveError(
                "this time was not computed",
                term=f"t = {time}",
                remedy=f"choose t between 0 and {final:g}",
            )
        if abs(time - final) <= slack:
            return final
        return time

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to one .npz file, atomically; `nhpinn_sym.load` reads it again.

        UnsupportedError for what has no form in a file: nets, and expansions, which are
        made again from u0 and the cells.
        """
        from .solution_file import save_solution  # which makes solutions again

        return save_solution(self, path)

    def state(self) -> dict[str, Any]:
        """What `from_state` of the same class makes it from; UnsupportedError without."""
        raise UnsupportedError(
            "this solution has no form in a file",
            term=repr(self),
            remedy=(
                'write its values by to_xarray() or to_vtu("u.vtu"), or save u0 of'
                ' backend="skfem" or "dolfinx" and the cells: reconstruct(u0, cells, eps) is made'
                " from them"
            ),
        )

    @classmethod
    def from_state(cls, told: Told, state: Mapping[str, Any]) -> Solution:
        """The solution that `state` came from; ValueError or KeyError where parts do not fit."""
        raise KeyError(cls.__name__)

    def plot(self, t: float | None = None) -> Drawing:
        """The solution over its domain, at the time t (default: the final one), in three
        dimensions in the middle plane: a notebook shows it, `.save("u0.svg")` writes it."""
        from .solution_picture import draw_solution

        return draw_solution(self, t)

    def _repr_html_(self) -> str:
        lines = ((f"x{k + 1}", line) for k, line in enumerate(self.extent.lines))
        final = self.final_time
        rows = [
            ("solution", f"{self.backend} ({self.method})"),
            ("domain", ", ".join(f"{n} in ({v[0]:g}, {v[-1]:g})" for n, v in lines)),
            *([] if final is None else [("time", f"up to t = {final:g}")]),
            ("estimated relative error", f"{float(self.info['estimate']):.1e}"),
        ]
        return html_table((), rows)

    def __repr__(self) -> str:
        """One line for a terminal, where the arrays would fill pages."""
        return (
            f"solution by {self.backend} ({self.method}), estimated relative error"
            f" {self.info['estimate']:.1e}"
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


@dataclass(frozen=True)
class CellTask:
    """Cell problems with what every backend is told of them.

    parameters : numbers by name
    slow_box   : the ranges of `cells.slow`
    tolerance  : of the effective entries, relative
    fields     : the values of `cells.externals`; given where there are any
    """

    cells: LoweredCells
    parameters: Mapping[str, Any]
    slow_box: tuple[tuple[float, float], ...]
    tolerance: float
    progress: Progress = silent
    fields: Coefficients | None = None


class CellSolver(Protocol):
    """What `solve/<backend>/cells.py` has as `CellSolver`: built once for a model, asked for slow
    points as often as needed.

    slow_points: (m, len(cells.slow)); columns in the order of `cells.slow`.
    """

    def __init__(
        self,
        task: CellTask,
        **options: Any,
    ) -> None: ...

    def solve(self, slow_points: Array) -> CellBatch: ...

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """Points (n, d) of the cell, and weights (n,) whose sum is 1, by which coefficients were
        averaged at slow point `node` of a batch that the solver gave. Asked for where the batch
        has no info["data_error"].
        """


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
