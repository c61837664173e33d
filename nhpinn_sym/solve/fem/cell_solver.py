"""What the cell solvers of both finite element backends have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ...emit.source import run
from ...problem.errors import ProblemError, SolveError, UnsupportedError
from ...resolution import resolve_cells
from ...runtime.mesh import Mesh
from ..external_fields import CellFields, with_weak_fields
from ..resources import memory_errors
from ..solution import Array, CellBatch, CellTask, EffectiveKey
from .cost import require_memory
from .fitted_layout import SIMPLICES, CellLayout, layout_of
from .grid_functions import element_name
from .layout import Layout
from .levels import cell_data_error
from .options import check_cell_options, degree_for
from .refine import cell_meshes, refine_cells


class ElementCellSolver(ABC):
    """Periodic cell problems by finite elements, refined until the effective entries are known to
    `tolerance`, relative to the largest entry of the same coefficient: on curved triangles or
    tetrahedra that fit the interfaces where coefficients jump across curves or smooth surfaces,
    elsewhere on lattices with lines where the data ask for them.

    degree   : of the elements: 1, 2, on triangles, and on tetrahedra of DOLFINx, 3; default 2, on
               triangles 3
    mesh     : "own", "gmsh" or "netgen" (triangles or tetrahedra) or "lattice" in the place of what
               the data ask for; a CellMesh, or the name of its file: then elements of lower degree
               on it give the estimate
    n        : cells along the longest axis of the finest mesh, which has lines at jumps too
    h        : their length, in the place of n
    max_dofs : the refinement stops there
    """

    backend: str
    target: ModuleType
    """Writes the forms."""
    by_elements: bool = False
    """Whether the backend holds all element matrices beside each other."""
    fits: bool = False
    """Whether the backend takes meshes that fit interfaces."""
    cubic_solids: bool = False
    """Whether it has tetrahedra of degree 3."""

    def __init__(
        self,
        task: CellTask,
        *,
        degree: int | None = None,
        n: int | None = None,
        max_dofs: int = 300_000,
        mesh: Any = None,
        h: float | None = None,
    ) -> None:
        check_cell_options(degree, n, max_dofs, mesh, h)
        self.driver = self.runtime()
        cells = task.cells
        parameters = task.parameters
        self.cells = cells
        self.parameters = parameters
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.fields = CellFields(with_weak_fields(cells), task.fields)
        found = resolve_cells(cells, parameters, task.slow_box)
        if not self.fits:
            if mesh not in (None, "lattice"):
                raise UnsupportedError(
                    f"the {self.backend} backend solves on lattices",
                    term="mesh=",
                    remedy='use backend="skfem"',
                )
            mesh = "lattice"
        most = max_dofs // cells.components if n is None and h is None else None
        self.layout: CellLayout = layout_of(cells, parameters, found, mesh, most)
        fitted = not isinstance(self.layout, Layout)
        triangles = fitted and len(found.axes) == 2
        if cells.contacts and found.curved and not fitted:
            raise UnsupportedError(
                "imperfect contact on other meshes than those that fit the interfaces",
                term=cells.contacts[0].inside,
                remedy='leave mesh="lattice" out; surfaces with edges need mesh="gmsh"',
            )
        if degree == 3 and not (triangles or (fitted and self.cubic_solids)):
            raise ProblemError(
                "elements of degree 3 are triangles that fit curved interfaces, and tetrahedra of"
                " DOLFINx: scikit-fem has none of these",
                term="degree=3",
                remedy='take degree=2, or backend="dolfinx" for tetrahedra',
            )
        self.degree = degree_for(cells.order, degree or (3 if triangles else 2))
        self.n = n if h is None else self.layout.cells_for(h)
        self.max_dofs = max_dofs
        self.text = self.target.cells(cells)["cell_forms.py"]
        self.forms = run("cell_forms", self.text)
        self._problems: dict[Mesh, Any] = {}
        self._last: Mesh | None = None

    @property
    def elements(self) -> str:
        """How tables call the elements."""
        if not isinstance(self.layout, Layout):
            shape = SIMPLICES[len(self.cells.coordinates)]
            return f"P{self.degree} finite elements on fitted {shape}"
        return element_name(self.degree, self.cells.cell, smooth=self.cells.order == 4)

    @abstractmethod
    def runtime(self) -> Any:
        """What solves the forms; BackendMissingError where a library is not there."""

    @abstractmethod
    def problem_on(self, mesh: Mesh) -> Any:
        """What the backend makes of a mesh; kept for the next slow points."""

    @abstractmethod
    def solve_level(self, mesh: Mesh, problem: Any, slow_points: Array) -> CellBatch:
        """All cell problems on one mesh."""

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at the slow points (m, len(cells.slow)), all on the same mesh."""
        if self.n is not None:
            self._require_memory(self.layout.divided(self.n))
        missed = cell_data_error(
            self.cells, self.parameters, self.fields, slow_points, self.layout, self.degree
        )

        def level(mesh: Mesh) -> CellBatch:
            self._last = mesh
            return self._solved_on(mesh, slow_points)

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

    def entries(self, slow_points: Array, coarse: bool = False) -> Mapping[EffectiveKey, Array]:
        """The effective entries on the first mesh, or on that of the last `solve`."""
        mesh = self._last
        if coarse or mesh is None:
            limit = self.max_dofs // self.cells.components
            mesh = cell_meshes(self.layout, self.degree, limit, self.n)[0]
        return self._solved_on(mesh, slow_points).effective

    def _solved_on(self, mesh: Mesh, slow_points: Array) -> CellBatch:
        self._require_memory(mesh.cells)
        if mesh not in self._problems:
            self._problems[mesh] = self.problem_on(mesh)
        return self.solve_level(mesh, self._problems[mesh], slow_points)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """Not asked for: info["data_error"] is that of the points of the elements."""
        raise SolveError("the elements say themselves what their quadrature misses")

    def _require_memory(self, cells: tuple[int, ...]) -> None:
        dim = len(self.cells.coordinates)
        if len(cells) == 1 and dim == 2:
            cells = (cells[0], 1)
        require_memory(
            cells, self.degree, self.cells.components, by_elements=self.by_elements, dim=dim
        )
