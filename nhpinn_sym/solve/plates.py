"""The stiffness of a model of a plate, by finite elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..derive.plates import PlateModel
from ..lower.forms import LoweredCells, MultiIndex
from ..lower.plates import lower_plate
from ..problem.errors import ProblemError, UnsupportedError, warn_tolerance
from ..problem.user_input import parameter_numbers
from ..resolution import resolve_cells
from ..runtime.arrays import Bounds
from ..runtime.lagrange_grid import LagrangeGrid
from .backend_choice import AUTO
from .backends import BACKENDS, cell_solver, check_options
from .cell_arguments import CellArguments, solve_model
from .cell_solution import CellSolution, FormInfo
from .effective_entries import Entry
from .fem.grid_functions import LagrangeField, SimplexField
from .fields import CellField
from .interpolation import Nodes
from .progress import shown
from .solution import Array, CellBatch, CellTask

TOLERANCE = {2: 1e-6, 3: 1e-3}
"""By the dimension of the cell, where none is asked for."""

# Share of the thickness by which a point on the upper face is moved into the plate.
_INSIDE = 1e-13
# Cells along the longest axis where moduli vary across the thickness alone.
_FEW = 4
# Unknowns in space, where nothing else is asked for: they take less than a minute.
_MOST = 80_000


@dataclass(frozen=True)
class PlateField(LagrangeField):
    """A function on the cell of a plate: periodic along all axes but the last."""

    kind: ClassVar[str] = "plate"

    grid: LagrangeGrid

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        """ProblemError for points beyond the faces."""
        return super().evaluate(_between_faces(points, self.grid.bounds), indices)


@dataclass(frozen=True)
class SimplexPlateField(SimplexField):
    """The same on triangles or tetrahedra."""

    kind: ClassVar[str] = "plate of triangles"

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        """ProblemError for points beyond the faces."""
        return super().evaluate(_between_faces(points, self.fitted.bounds), indices)


def _between_faces(points: Array, bounds: Bounds) -> Array:
    """The points, those on the upper face in the plate: it is the lower one of the next period."""
    low, high = bounds[-1]
    places = np.asarray(points, dtype=float).copy()
    slack = 1e-9 * (high - low)
    if not ((places[:, -1] >= low - slack) & (places[:, -1] <= high + slack)).all():
        raise ProblemError(
            "points beyond the faces of a plate",
            term=f"{places[:, -1].min():g} to {places[:, -1].max():g}",
            remedy=f"give points between {low:g} and {high:g}",
        )
    places[:, -1] = np.clip(places[:, -1], low, high - _INSIDE * (high - low))
    return places


@solve_model.register
def solve_plate(model: PlateModel, arguments: CellArguments) -> CellSolution:
    """A, B and D, and the displacements of their cell problems, on skfem (default) or dolfinx.

    UnsupportedError for other backends, and holes on dolfinx.
    """
    arguments.refuse(model.title, "hierarchy", "coefficients")
    backend = _backend(model, arguments.backend)
    cells = lower_plate(model)
    values = parameter_numbers(arguments.parameters, model.problem.parameters)
    batch, info = _solved(model, cells, values, backend, arguments)
    return CellSolution(
        backend=backend,
        dim=model.dim,
        axes=model.dim,
        order=2,
        forms=tuple(FormInfo(f.name, f.role, f.level, f.sources) for f in cells.functions),
        fields=tuple(tuple(map(_field, row)) for row in batch.fields),
        nodes=Nodes((), 0),
        slow=(),
        entries=_entries(model, batch.effective),
        info=info,
        components=model.dim,
        parameters={v.name: values[v.name] for v in cells.parameters},
        cell=dict(zip(map(str, cells.coordinates), cells.cell.bounds, strict=True)),
    )


def _backend(model: PlateModel, asked: str) -> str:
    """The backend that solves the plate; UnsupportedError for one without elements."""
    backend = "skfem" if asked == AUTO else asked
    known = BACKENDS.get(backend)
    if known is not None and not (known.elements and known.equations):
        raise UnsupportedError(
            f"plates on the {backend} backend", term=model.title, remedy='use backend="skfem"'
        )
    return backend


def _solved(
    model: PlateModel,
    cells: LoweredCells,
    values: Mapping[str, float],
    backend: str,
    arguments: CellArguments,
) -> tuple[CellBatch, dict[str, Any]]:
    """The displacements and what is told of them, with a warning where the tolerance is missed.

    Where moduli vary across the thickness alone, a few cells along it are tried first.
    """
    wanted = arguments.tolerance_or(TOLERANCE[model.dim])
    task = CellTask(cells, values, (), wanted, shown(arguments.progress))
    solver_class = cell_solver(backend)
    options = arguments.options
    check_options(solver_class, options, backend)
    found = resolve_cells(cells, values)

    def solved(chosen: Mapping[str, Any]) -> CellBatch:
        batch: CellBatch = solver_class(task, **chosen).solve(np.zeros((1, 0)))
        return batch

    given = "n" in options or "h" in options
    if model.dim == 3 and not given:
        options = {"max_dofs": _MOST, **options}
    layered = not given and all(axis.harmonics == 0 for axis in found.axes[:-1])
    batch = solved({**options, "n": _FEW} if layered else options)
    if layered and not batch.info["estimate"] <= wanted:
        batch = solved(options)
    data_error = float(batch.info.get("data_error", 0.0))
    estimate = max(float(batch.info["estimate"]), data_error)
    if found.unresolved or not (estimate <= wanted or (given and arguments.tolerance is None)):
        advice = found.unresolved or batch.info.get("advice", "raise max_dofs=")
        warn_tolerance(
            f"{backend}: the stiffness of the plate has an estimated error of {estimate:.1e} of the"
            f" largest entry of (A, B/h, D/h^2), asked for was {wanted:.1e}; {advice}"
        )
    told = {"tolerance": wanted, "data_error": data_error, "estimate": estimate}
    return batch, {**batch.info, **told}


def _field(found: CellField) -> PlateField | SimplexPlateField:
    if isinstance(found, SimplexField):
        return SimplexPlateField(found.function)
    assert isinstance(found, LagrangeField)
    return PlateField(found.grid)


def _entries(model: PlateModel, found: Mapping[Any, Array]) -> dict[Any, Entry]:
    """A, B and D from the scaled matrix of all of them."""
    count = len(model.loads)
    thickness = float(model.thickness)
    zero = (0,) * (model.dim + 1)
    blocks = {"A": (0, 0, 1.0), "B": (0, count, thickness), "D": (count, count, thickness**2)}
    entries = {}
    for name, (row, column, scale) in blocks.items():
        for p in range(count):
            for q in range(count):
                value = scale * found["ABD", (row + p, column + q)]
                place = (1, 0, zero, None, zero)
                entries[name, (p, q)] = Entry(Nodes((), 0), (), value, place)
    return entries
