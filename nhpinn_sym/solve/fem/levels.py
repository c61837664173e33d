"""Which meshes a boundary value problem is solved on: what the data ask for, or what is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from ...lower.forms import LoweredCells, LoweredEquation
from ...lower.substitution import substituted
from ...problem.errors import ProblemError
from ...resolution import resolve_equation, resolve_time
from ...resolution.problems import cell_data
from ...runtime.arrays import PointFunction
from ...runtime.fitted.domain_mesh import RegionMesh
from ...runtime.levels import SAFETY
from ...runtime.mesh import Mesh
from ...runtime.time_stepping import FIRST_STEPS, time_lines
from ..domains import normals_of
from ..external_fields import CellFields
from ..progress import Progress
from ..solution import Array
from . import region_layout as region_layout  # tells `meshes_of` of its meshes
from .cost import described, require_memory
from .data_error import FieldData, data_error, fields_error
from .fitted_layout import CellLayout, by_degree
from .grid_functions import GridSolution
from .layout import Meshes, meshes_of
from .options import cells_per_axis
from .refine_equation import EquationLevels, SolveLevel, equation_change, untold

# Where none is given: far below any error of homogenization.
_TOLERANCE = 1e-7
# Unknowns of the finest mesh where none are given: about a minute; in time every step solves again.
_MAX_DOFS = 300_000
_MAX_DOFS_IN_TIME = 70_000
# Unknowns of one field, times steps, of the last solve in time where neither they nor a tolerance
# are given: half a minute on a line.
_MOST_IN_TIME = 1e7
# Time steps on a given mesh.
_STEPS = 64
# Relative change from half the steps, by the dimension, below which there are enough of them on a
# given mesh where each one is costly: its own error is a fifteenth of that.
_CHANGE_IN_TIME = {2: 1e-5, 3: 1e-4}
_GO_ON = f"tolerance={_TOLERANCE:.0e} goes on, as long as it takes; or give a larger one"
# Cells, times scalar unknowns, up to which all panels of the data are cut to a number of cells per
# axis.
_MOST_CELLS = {1: 2_000_000, 2: 500_000, 3: 60_000}
# The time, as a share of the final one, at which sources are measured.
_DURING = 0.37
# Of all slow points: the data of cells seldom change their kind between them.
_SLOW_POINTS = 3


def period_of(equation: LoweredEquation, parameters: Mapping[str, Any]) -> float | None:
    """The period in time of the operator of a fine problem, at the eps of `parameters`."""
    if equation.repeats is None:
        return None
    eps = {v: parameters[v.name] for v in equation.repeats.free_symbols}
    return float(equation.repeats.xreplace(eps))


@dataclass(frozen=True)
class MeshRequest:
    """Which mesh and which time steps are asked for: one of three kinds.

    mesh     : about so many cells along each axis, with lines where data jump
    at_least : so many cells along each axis at least, and lines wherever the data ask for them
    neither  : refined from the panels of the data until the estimate is below `tolerance`, or
               `max_dofs` are reached
    costly_steps : whether those on a given mesh are as few as its coarsest one allows
    """

    mesh: int | tuple[int, ...] | None = None
    at_least: tuple[int, ...] | None = None
    steps: int | None = None
    tolerance: float | None = None
    max_dofs: int | None = None
    costly_steps: bool = False

    @property
    def given(self) -> bool:
        return self.mesh is not None or self.at_least is not None


def solve_levels(
    level: SolveLevel,
    equation: LoweredEquation,
    parameters: Mapping[str, Any],
    degree: int,
    progress: Progress,
    label: str,
    asked: MeshRequest,
    *,
    by_elements: bool = False,
    order: float = math.inf,
    fields: Mapping[str, PointFunction] = MappingProxyType({}),
) -> GridSolution:
    """The solution on the meshes that are asked for. SolveError where it does not fit into memory.

    order  : see `EquationLevels`
    fields : the external coefficients by symbol, of which nothing else is known
    """
    found = resolve_equation(equation, parameters)
    numbers = _numbers(equation.parameters, parameters)
    layout = meshes_of(equation.domain, substituted(equation, numbers), found)
    spans = None
    unresolved = layout.unresolved
    if equation.time is not None:
        in_time = resolve_time(equation, parameters)
        spans = in_time.axes[0].spans
        unresolved = unresolved or in_time.unresolved
    levels = EquationLevels(
        level,
        layout,
        degree,
        progress,
        label,
        equation_data_error(equation, parameters, fields, layout, degree),
        spans,
        partial(described, degree=degree, components=equation.components, by_elements=by_elements),
        order,
    )
    if asked.given:
        solution = _on_given(levels, equation, asked, by_elements)
    else:
        free = asked.tolerance is None and asked.max_dofs is None
        solution = levels.refined(
            _least(asked.steps or FIRST_STEPS, spans, 1),
            asked.tolerance or _TOLERANCE,
            (asked.max_dofs or _most_dofs(equation)) // equation.components,
            _MOST_IN_TIME if free and spans is not None else math.inf,
        )
        if free and spans is not None:
            solution = replace(solution, info={**solution.info, "advice": _GO_ON})
    if unresolved is None:
        return solution
    return replace(solution, info={**solution.info, "unresolved": unresolved})


def _on_given(
    levels: EquationLevels, equation: LoweredEquation, asked: MeshRequest, by_elements: bool
) -> GridSolution:
    """The solution on a mesh of a given size."""
    _refuse_without_effect(tolerance=asked.tolerance, max_dofs=asked.max_dofs)
    degree, layout, spans = levels.degree, levels.layout, levels.spans
    dim = len(layout.bounds)
    cells = cells_per_axis("mesh", asked.at_least if asked.mesh is None else asked.mesh, dim)
    require_memory(cells, degree, equation.components, by_elements)
    if asked.mesh is None:
        meshes = layout.at_least(cells, _MOST_CELLS[dim] // equation.components)
    else:
        meshes = layout.given(cells)
        if len(meshes) == 1 and isinstance(meshes[0], RegionMesh):
            # A mesh alone shows no error: elements of lower degree on it do.
            meshes = by_degree(meshes[0], degree)
    finest = meshes[-1]
    require_memory(finest.cells, degree, equation.components, by_elements, finest.dim)
    steps = asked.steps
    if steps is None and asked.costly_steps and spans is not None and dim in _CHANGE_IN_TIME:
        steps = _enough_steps(levels.solve, meshes[0], spans, _CHANGE_IN_TIME[dim])
    count = _least(steps or _STEPS, spans, 2 ** (len(meshes) - 1))
    if equation.repeats is not None and spans is not None and len(spans) > 2:
        count = _spread(count, spans, 2 ** (len(meshes) - 1))
    return levels.solved_on(meshes, count)


def _least(steps: int, spans: Sequence[float] | None, times: int) -> int:
    """More steps where data ask for several spans: the number of each is to double from one to the
    next of the levels that an estimate compares, the last one of which has `times` as many as the
    first.
    """
    if spans is None or len(spans) == 2:
        return steps
    return max(steps, times * FIRST_STEPS)


def _enough_steps(level: SolveLevel, mesh: Mesh, spans: Sequence[float], change: float) -> int:
    """The fewest that change the solution by less, relatively, when they become as many out of
    half of them; `_STEPS` at most.
    """
    steps = FIRST_STEPS // 2
    before = level(mesh, time_lines(spans, steps), untold)
    while steps < _STEPS:
        steps *= 2
        after = level(mesh, time_lines(spans, steps), untold)
        if equation_change(after, before) <= change:
            break
        before = after
    return steps


def _spread(steps: int, spans: Sequence[float], times: int) -> int:
    """For a fast time, which has spans in every period, each with a step at least: what makes
    `steps` of them in all, a whole number of `times` in each.
    """
    fewest = len(time_lines(spans, FIRST_STEPS)) - 1
    return FIRST_STEPS * times * math.ceil(steps / (fewest * times))


def _most_dofs(equation: LoweredEquation) -> int:
    if equation.time is None:
        return _MAX_DOFS
    return _MAX_DOFS_IN_TIME


def _refuse_without_effect(**options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise ProblemError(
                f"{name}= has no effect on a mesh that is given",
                term=f"{name}={value!r}",
                remedy="leave mesh= out, then it is refined",
            )


def equation_data_error(
    equation: LoweredEquation,
    parameters: Mapping[str, Any],
    fields: Mapping[str, PointFunction],
    layout: Meshes,
    degree: int,
) -> Callable[[Mesh], float]:
    """The relative error of coefficients and sources, external fields among them, on a mesh: what
    stands in conditions on walls alone has no meaning inside.
    """
    terms = chain(equation.bilinear, equation.mass, equation.linear)
    data = list(dict.fromkeys(term.coefficient for term in terms))
    inside = {v.name for datum in data for v in datum.free_symbols}
    fields = {name: call for name, call in fields.items() if name in inside}
    values = _numbers(equation.parameters, parameters)
    if equation.time is not None and equation.final_time is not None:
        values[equation.time] = _DURING * float(equation.final_time)

    fluxes = [t.coefficient for t in equation.bilinear if any(t.left) and any(t.right)]
    sources = {t.coefficient for t in equation.linear} - {t.coefficient for t in equation.bilinear}
    conducting = {v.name for c in fluxes for v in c.free_symbols}
    walls = _on_walls_alone(equation)
    held = [FieldData(f, name in conducting, walls.get(name, ())) for name, f in fields.items()]
    normals = normals_of(equation.domain)

    def missed(mesh: Mesh) -> float:
        known = data_error(data, equation.coordinates, values, layout, mesh, degree, sources)
        if not fields:
            return known
        # Where functions jump unseen, solutions are off by more than the means.
        return max(known, SAFETY * fields_error(held, layout, mesh, degree, normals))

    return missed


def _on_walls_alone(equation: LoweredEquation) -> dict[str, tuple[str, ...]]:
    """The parts of the boundary where a symbol stands, by the names of those that stand nowhere
    else.
    """
    found: dict[str, set[str]] = {}
    conditions = [(e.parts, (e.value,)) for e in equation.essential]
    conditions += [(n.parts, (*n.factors, n.value)) for n in equation.natural]
    for parts, data in conditions:
        for symbol in set().union(*(sp.sympify(datum).free_symbols for datum in data)):
            found.setdefault(symbol.name, set()).update(parts)
    terms = chain(equation.bilinear, equation.mass, equation.linear)
    inside = {v.name for term in terms for v in term.coefficient.free_symbols}
    return {name: tuple(sorted(parts)) for name, parts in found.items() if name not in inside}


def cell_data_error(
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    fields: CellFields,
    slow_points: Array,
    layout: CellLayout,
    degree: int,
) -> Callable[[Mesh], float]:
    """The relative error of the coefficients and external fields of cell problems on a mesh, at a
    few of the slow points (m, slow).
    """
    data = cell_data(cells)
    sources = set(data) - {t.coefficient for t in (*cells.bilinear, *cells.mass)}
    known = _numbers(cells.parameters, parameters)
    chosen = np.unique(np.linspace(0, len(slow_points) - 1, _SLOW_POINTS).astype(int))

    def missed(mesh: Mesh) -> float:
        found = []
        for point in slow_points[chosen]:
            values = known | dict(zip(cells.slow, map(float, point), strict=True))
            error = data_error(data, cells.coordinates, values, layout, mesh, degree, sources)
            found.append(error)
            held = [FieldData(field) for field in fields.at(point).values()]
            if held:
                found.append(fields_error(held, layout, mesh, degree))
        return max(found)

    return missed


def _numbers(symbols: tuple[sp.Symbol, ...], given: Mapping[str, Any]) -> dict[sp.Symbol, float]:
    return {v: float(given[str(v)]) for v in symbols if isinstance(given.get(str(v)), (int, float))}
