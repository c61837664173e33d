"""What a validation was asked for, checked."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..derive.model import HomogenizedModel
from ..operator.parse import parse_nonlinear
from ..problem.errors import ProblemError
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance, parameter_numbers, positive_integer, positive_number
from ..solve.backends import choose_fem
from ..solve.cell_solution import CellSolution
from ..solve.cells import solve_cells
from ..solve.progress import Progress, shown
from .shared_parts import SharedParts
from .stored_parts import Store

_PINN = 'write pinn={"method": "lm", "seed": 1}, or pinn={"cells": {...}, "equation": {...}}'
_PARTS = ("cells", "equation")
# For cells in space, where none is given: a fifth of what two backends may differ by at most. The
# mesh, and the net, for the default of its backend takes a minute.
_IN_SPACE = 5e-4
# Series reach their default at once.
_FAST = ("fourier",)


@dataclass(frozen=True)
class Settings:
    """fem: the finite element backend; cells, equation: options of the PINN for the two solves;
    per_period: mesh cells of the fine solution; tolerance: for the cells of every backend;
    coefficients: functions for those without a formula; beside:
    where a second process computes parts too."""

    fem: str
    cells: Mapping[str, Any]
    equation: Mapping[str, Any]
    per_period: int | None
    tolerance: float | None
    parameters: Mapping[sp.Symbol, float] | None
    progress: Progress
    coefficients: Mapping[str, Callable[..., Any]] | None = None
    beside: SharedParts | None = None

    @classmethod
    def read(
        cls,
        problem: MultiscaleProblem,
        fem: str,
        pinn: Mapping[str, Any] | None,
        per_period: int | None,
        tolerance: float | None,
        parameters: Mapping[sp.Symbol, float] | None,
        progress: Progress | None,
        coefficients: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Settings:
        """ProblemError and UnknownBackendError for what cannot be meant."""
        options = _pinn_options(pinn)
        if per_period is not None:
            per_period = positive_integer(per_period, "per_period")
        if tolerance is not None:
            positive_number(tolerance, ProblemError, "tolerance", "write tolerance=1e-8")
        parameter_numbers(parameters, problem.parameters)
        return cls(
            choose_fem(fem, smooth=_is_fourth_order(problem)),
            options["cells"],
            options["equation"],
            per_period,
            tolerance,
            parameters,
            shown(progress),
            coefficients,
        )

    def key(self) -> tuple[Any, ...]:
        """What of it the numbers depend on."""
        return (
            self.fem,
            sorted(self.cells.items(), key=str),
            sorted(self.equation.items(), key=str),
            self.per_period,
            self.tolerance,
            sorted((self.parameters or {}).items(), key=str),
            # Nothing tells a function of an earlier run from another one: its parts are not taken.
            *([uuid.uuid4().hex] if self.coefficients else []),
        )

    @property
    def shared(self) -> dict[str, Any]:
        """What every solve is given."""
        return {
            "parameters": self.parameters,
            "coefficients": self.coefficients,
            "progress": self.progress,
        }

    def solve_cells(
        self, model: HomogenizedModel, backend: str, store: Store, hierarchy: bool = False
    ) -> CellSolution:
        """The cell problems by a backend, kept in the store."""
        options = self.cells if backend == "pinn" else {}
        return store.cells(
            f"cells_{backend}{'_hierarchy' if hierarchy else ''}{_named(model.order)}",
            lambda: solve_cells(
                model,
                backend,
                tolerance=self._cell_tolerance(model, backend),
                hierarchy=hierarchy or None,
                **self.shared,
                **options,
            ),
        )

    def _cell_tolerance(self, model: HomogenizedModel, backend: str) -> float | None:
        """What the cell problems are asked for; None: the backend's own."""
        in_space = model.problem.scales.dim == 3 and backend not in _FAST
        if self.tolerance is None and in_space:
            return _IN_SPACE
        return self.tolerance


def _named(order: int) -> str:
    """In the name of a part: orders beyond the first."""
    if order > 1:
        return f"_order_{order}"
    return ""


def _is_fourth_order(problem: MultiscaleProblem) -> bool:
    d = problem.scales.dim
    table = parse_nonlinear(problem).table
    return any(sum(t.left[:d]) + sum(t.right[:d]) > 2 for t in table)


def problem_key(problem: MultiscaleProblem) -> tuple[str, ...]:
    """Everything of a problem that its solutions depend on."""
    given = (
        problem.domain,
        problem.boundary,
        problem.initial,
        problem.final_time,
        problem.cell,
        problem.fast_cell,
        problem.tau_period,
        *(given for given in (problem.ranges, problem.holes, problem.contacts) if given),
    )
    return (*map(str, problem.equations), *map(str, given))


def _pinn_options(given: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """{"cells": options, "equation": options}; those that are given once are for both."""
    options = {} if given is None else given
    if not isinstance(options, Mapping):
        raise ProblemError("pinn= is a mapping of options", term=given, remedy=_PINN)
    for name in options:
        instance(name, str, "the name of an option in pinn=", _PINN)
    for part in _PARTS:
        if not isinstance(options.get(part, {}), Mapping):
            raise ProblemError(
                f'pinn={{"{part}": ...}} is a mapping of options', term=options[part], remedy=_PINN
            )
    common = {name: value for name, value in options.items() if name not in _PARTS}
    return {part: {**common, **options.get(part, {})} for part in _PARTS}
