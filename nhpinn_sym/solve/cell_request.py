"""What is asked of a backend: the cell problems of a model, their numbers and functions, and the
solver that takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.forms import LoweredCells
from ..lower.real_imaginary import real_form
from ..problem.errors import ProblemError
from ..problem.user_input import instance, positive_number
from .backends import BACKENDS
from .cell_solution import CellSolution
from .complex_parts import RealPartsSolver
from .external_fields import real_and_imaginary
from .interpolation import Bounds
from .progress import Progress, shown
from .solution import CellSolver, CellTask, Coefficients


@dataclass(frozen=True)
class CellRequest:
    """The arguments of `solve_cells`, once they are read, and parameters that are left free.

    values : numbers of the parameters that are not free
    over   : the free ones, slow variables behind those of x
    """

    model: HomogenizedModel
    values: Mapping[str, Any]
    tolerance: float | None = None
    progress: Progress | None = None
    hierarchy: bool | None = None
    coefficients: Mapping[str, Callable[..., Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    over: tuple[sp.Symbol, ...] = ()

    @property
    def higher(self) -> bool:
        """Whether the averaged operators of the mean fields are asked for too."""
        if self.hierarchy is None:
            return self.model.order > 1
        return instance(self.hierarchy, bool, "hierarchy", "write hierarchy=True")

    def lowered(self, higher: bool) -> LoweredCells:
        """The cell problems, with the free parameters that they hold as slow variables."""
        cells = lower_cells(self.model, higher)
        free = tuple(v for v in cells.parameters if v in self.over)
        fixed = tuple(v for v in cells.parameters if v not in free)
        return replace(cells, slow=(*cells.slow, *free), parameters=fixed)

    def tolerance_on(self, backend: str) -> float:
        """The one that is asked for, or that of the backend."""
        if self.tolerance is None:
            return BACKENDS[backend].tolerance
        remedy = "write tolerance=1e-8"
        return float(positive_number(self.tolerance, ProblemError, "tolerance", remedy))


@dataclass(frozen=True)
class CellData:
    """The cell problems as one backend gets them.

    values : numbers of the parameters, and the functions that the backend differentiates itself
    fields : the values of `cells.externals`
    finer  : the solved cells of the level that these come from
    """

    cells: LoweredCells
    values: Mapping[str, Any]
    fields: Coefficients | None = None
    finer: CellSolution | None = None

    @property
    def estimate(self) -> float:
        """How well the data themselves are known."""
        if self.finer is None:
            return 0.0
        return float(self.finer.info["estimate"])

    @property
    def parameters(self) -> dict[str, float]:
        """The numbers of the parameters that the results depend on."""
        below = {} if self.finer is None else self.finer.parameters
        return {**below, **{v.name: self.values[v.name] for v in self.cells.parameters}}


def make_solver(
    solver_class: type[CellSolver], request: CellRequest, backend: str, data: CellData, box: Bounds
) -> CellSolver:
    """The solver of a backend, made by its class; where it computes with real numbers alone, one of
    the real form of complex problems and what puts its results together.

    box : the ranges of the slow variables
    """

    def make(cells: LoweredCells, fields: Coefficients | None) -> CellSolver:
        tolerance = request.tolerance_on(backend)
        progress = shown(request.progress)
        task = CellTask(cells, data.values, box, tolerance, progress, fields)
        return solver_class(task, **request.options)

    if BACKENDS[backend].complex or not data.cells.complex:
        return make(data.cells, data.fields)
    parts = None if data.fields is None else real_and_imaginary(data.fields)
    return RealPartsSolver(make(real_form(data.cells), parts), data.cells.components)
