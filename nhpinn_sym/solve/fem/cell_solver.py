"""What the cell solvers of both finite element backends have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ...emit.source import run
from ...lower.forms import LoweredCells
from ...problem.errors import SolveError
from ...resolution import resolve_cells
from ...runtime.lattice import Lattice
from ..external_fields import CellFields, with_weak_fields
from ..progress import Progress, silent
from ..resources import memory_errors
from ..solution import Array, CellBatch, Coefficients
from .cost import require_memory
from .grid_functions import element_name
from .layout import Layout
from .levels import cell_data_error
from .options import check_options, degree_for
from .refine import refine_cells


class ElementCellSolver(ABC):
    """Periodic cell problems by Q1 or Q2 elements on lattices with lines where the data ask for
    them, refined until the effective entries are known to `tolerance`, relative to the largest
    entry of the same coefficient.

    degree   : of the elements, 1 or 2
    n        : cells along the longest axis of the finest mesh, which has lines at jumps too
    max_dofs : the refinement stops there
    """

    backend: str
    target: ModuleType
    """Writes the forms."""
    by_elements: bool = False
    """Whether the backend holds all element matrices beside each other."""

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, float],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        fields: Coefficients | None = None,
        *,
        degree: int = 2,
        n: int | None = None,
        max_dofs: int = 300_000,
    ) -> None:
        check_options(degree, n, max_dofs)
        self.driver = self.runtime()
        self.cells = cells
        self.parameters = parameters
        self.tolerance = tolerance
        self.progress = progress
        self.fields = CellFields(with_weak_fields(cells), fields)
        self.degree = degree_for(cells.order, degree)
        self.n = n
        self.max_dofs = max_dofs
        self.text = self.target.cells(cells)["cell_forms.py"]
        self.forms = run("cell_forms", self.text)
        self.layout = Layout.of(resolve_cells(cells, parameters, slow_box))
        self._problems: dict[Lattice, Any] = {}

    @property
    def elements(self) -> str:
        """How tables call the elements."""
        return element_name(self.degree, self.cells.cell, smooth=self.cells.order == 4)

    @abstractmethod
    def runtime(self) -> Any:
        """What solves the forms; BackendMissingError where a library is not there."""

    @abstractmethod
    def problem_on(self, lattice: Lattice) -> Any:
        """What the backend makes of a mesh; kept for the next slow points."""

    @abstractmethod
    def solve_level(self, lattice: Lattice, problem: Any, slow_points: Array) -> CellBatch:
        """All cell problems on one mesh."""

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at the slow points (m, len(cells.slow)), all on the same mesh."""
        if self.n is not None:
            self._require_memory(self.layout.divided(self.n))
        missed = cell_data_error(
            self.cells, self.parameters, self.fields, slow_points, self.layout, self.degree
        )

        def level(lattice: Lattice) -> CellBatch:
            self._require_memory(lattice.cells)
            if lattice not in self._problems:
                self._problems[lattice] = self.problem_on(lattice)
            return self.solve_level(lattice, self._problems[lattice], slow_points)

        label = f"cell problems ({self.backend})"
        with memory_errors(label):
            return refine_cells(
                level,
                self.layout,
                self.degree,
                self.tolerance,
                self.max_dofs,
                self.n,
                self.progress,
                label,
                self.cells.components,
                missed,
                self.cells.order,
            )

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """Not asked for: info["data_error"] is that of the points of the elements."""
        raise SolveError("the elements say themselves what their quadrature misses")

    def _require_memory(self, cells: tuple[int, ...]) -> None:
        require_memory(cells, self.degree, self.cells.components, by_elements=self.by_elements)
