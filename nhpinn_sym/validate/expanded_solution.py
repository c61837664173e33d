"""What cells make of a homogenized solution: its expansions and their boundary layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..problem.errors import SolveError, UnsupportedError
from ..solve.cell_solution import CellSolution
from ..solve.ground_states import without_growth
from ..solve.hierarchy import further_fields
from ..solve.reconstruct import Reconstruction, first_order, layered, second_order
from ..solve.solution import Solution
from .settings import Settings
from .stored_parts import Store
from .study_orders import has_layers

FIRST, SECOND = "first", "second"
# The backend of smooth cells, whose correctors of second order are smooth too.
_SMOOTH = "fourier"
# The backend that solves cells of second order that jump: it compiles nothing.
_QUICK = "skfem"


@dataclass(frozen=True, eq=False)
class ExpandedSolution:
    """Each of it is computed when it is first asked for: a resumed run may need none.

    solve  : gives the homogenized solution
    growth : lambda0 of what was factored out of u
    """

    model: HomogenizedModel
    eps: float
    settings: Settings
    store: Store
    cells: CellSolution
    growth: float
    solve: Callable[[], Solution]

    @cached_property
    def solution(self) -> Solution:
        return self.solve()

    @cached_property
    def first(self) -> Solution | None:
        """The expansion of first order; None where its cell functions depend on a fast time."""
        solution = self.solution
        mean = solution.fields[0] if isinstance(solution, Reconstruction) else solution
        try:
            return first_order(mean, self.cells, self.eps, self.growth)
        except UnsupportedError:
            return None

    @cached_property
    def second(self) -> Solution | None:
        """The expansion of second order, where it has layers: for stationary problems whose cells
        are smooth enough for Fourier, or on a line, where meshes have nodes at all jumps. None
        elsewhere, and where cells depend on x: at all slow points they would take minutes.
        Errors: UnsupportedError, SolveError.
        """
        problem = self.model.problem
        smooth = self.cells.backend == _SMOOTH
        if not (smooth or problem.scales.dim == 1) or problem.time_order or self.cells.slow:
            return None
        if not has_layers(self.model):
            return None
        model = homogenize_linear(problem, order=2)
        cells = self.settings.solve_cells(model, _SMOOTH if smooth else _QUICK, self.store)
        u0, u1 = further_fields(
            model,
            cells,
            self.solution,
            1,
            "pinn",
            eps=self.eps,
            parameters=self.settings.parameters,
            progress=self.settings.progress,
            **self.settings.equation,
        )
        return second_order((u0, u1), cells, self.eps)

    def layer(self, order: str) -> Solution | None:
        """The boundary layers of the expansion of "first" or "second" order, where it has some and
        they are covered.
        """
        expansion = self.first if order == FIRST else self.second
        if not isinstance(expansion, Reconstruction):
            return None
        problem = self.model.problem
        if expansion.growth:
            problem = without_growth(self.model.operator, expansion.growth)
        try:
            found = layered(
                expansion,
                problem,
                self.eps,
                self.settings.per_period,
                self.settings.parameters,
                self.settings.progress,
            )
        except (UnsupportedError, SolveError):  # the latter: data that are unbounded at a corner
            return None
        return found.layer
