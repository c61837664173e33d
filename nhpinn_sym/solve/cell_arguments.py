"""`solve_cells` for each kind of model: the file that solves a kind registers itself with
`solve_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import sympy as sp

from ..derive.model import HomogenizedModel
from ..problem.errors import ProblemError, shortened
from ..problem.user_input import instance, positive_number
from .cell_solution import CellSolution
from .progress import Progress


@dataclass(frozen=True)
class CellArguments:
    """What `solve_cells` is called with besides the model."""

    backend: str
    tolerance: float | None = None
    parameters: Mapping[sp.Symbol, float] | None = None
    progress: Progress | None = None
    hierarchy: bool | None = None
    coefficients: Mapping[str, Callable[..., Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def tolerance_or(self, default: float) -> float:
        """The tolerance that is given, or that one. ProblemError for what is none."""
        if self.tolerance is None:
            return default
        return float(positive_number(self.tolerance, ProblemError, "tolerance", "write 1e-4"))

    def refuse(self, title: str, *names: str) -> None:
        """ProblemError where arguments are given that have no effect on a kind of model."""
        for name in names:
            given = getattr(self, name)
            if given:
                raise ProblemError(
                    f"{name}= has no effect on this model",
                    term=f"{title}: {name}={shortened(given)}",
                    remedy=f"leave {name}= out",
                )


@singledispatch
def solve_model(model: object, arguments: CellArguments) -> CellSolution:
    """The solved cell problems of a model. ProblemError for what is none."""
    instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    raise NotImplementedError(type(model).__name__)  # a kind of model that no file has registered
