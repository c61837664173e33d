"""The permeability of a model of flow, by scikit-fem on meshes that fit the walls."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..derive.porous import FlowModel
from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    SolveError,
    UnsupportedError,
    shortened,
    warn_tolerance,
)
from ..problem.user_input import positive_integer, positive_number
from ..runtime.arrays import Flags
from ..runtime.fitted.functions import FittedMesh
from ..runtime.fitted.parts import UnconnectedParts
from ..runtime.levels import FEWEST, by_name, estimate_entries, relative_estimate
from .backend_choice import AUTO
from .backends import BACKENDS
from .cell_solution import CellSolution, FormInfo
from .effective_entries import Entry
from .fem.grid_functions import TriangleField
from .interpolation import Nodes
from .perforations import inside, meshes_around
from .progress import Progress, shown
from .solution import Array

TOLERANCE = 1e-5
# Factor by which the error of K falls where triangles are halved: walls of order 2 give h^4, and so
# do P2-P1; corners less.
_RATE = 16.0


def solve_flow(
    model: FlowModel,
    backend: str,
    tolerance: float | None,
    progress: Progress | None,
    *,
    degree: int = 3,
    max_dofs: int = 300_000,
) -> CellSolution:
    """The velocities w^j of the cell problems and K, on meshes whose triangles are halved until the
    estimate is below the tolerance.

    degree : of the velocities, 2 or 3; pressures have one less
    UnsupportedError in three dimensions, and for other backends than skfem and dolfinx;
    ProblemError where walls touch, or the fluid is not connected.
    """
    library = "skfem" if backend == AUTO else backend
    if library not in ("skfem", "dolfinx"):
        raise UnsupportedError(
            f"Stokes' equations on the {backend} backend",
            term=shortened(backend),
            remedy='use backend="skfem" or "dolfinx"',
        )
    if model.dim != 2:
        raise UnsupportedError(
            "Stokes' equations in three dimensions", term=model.fluid, remedy="take two"
        )
    if degree not in (2, 3):
        raise ProblemError(
            "the degree of the velocities is 2 or 3",
            term=f"degree={shortened(degree)}",
            remedy="leave it out",
        )
    wanted = TOLERANCE
    if tolerance is not None:
        wanted = float(positive_number(tolerance, ProblemError, "tolerance", "write 1e-4"))
    layout = meshes_around(model.problem, model.fluid)
    levels = layout.levels(degree, positive_integer(max_dofs, "max_dofs") // 3)
    runtime = _runtime(library)
    start = time.perf_counter()
    history: list[dict[Any, Array]] = []
    keys = [("K", (i, j)) for i in range(2) for j in range(2)]
    with shown(progress)(f"flow ({library})") as task:
        for k in range(len(levels)):
            mesh = levels[k]
            found = _solved(runtime, mesh, inside(layout, mesh), degree)
            history.append({key: np.array([found.tensor[key[1]]]) for key in keys})
            errors = estimate_entries(history, _RATE)
            estimate = relative_estimate(errors, history[-1], by_name(keys))
            task.update((k + 1) / len(levels), f"{len(mesh.mesh.cells)} triangles")
            if len(history) >= FEWEST and estimate <= wanted:
                break
    if not estimate <= wanted:
        warn_tolerance(
            f"{library}: the permeability has an estimated error of {estimate:.1e} of the largest"
            f" entry, asked for was {wanted:.1e}: raise max_dofs="
        )
    info = {
        "method": f"P{degree}-P{degree - 1} finite elements on fitted triangles, sparse LU",
        "size": found.unknowns,
        "cells": (len(mesh.mesh.cells),),
        "seconds": time.perf_counter() - start,
        "estimate": estimate,
        "tolerance": wanted,
        "data_error": 0.0,
        "fredholm": 0.0,
        "multipliers": {},
    }
    return _solution(model, library, found, history[-1], info)


def flow_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `solve_flow`; ProblemError for others."""
    unknown = [name for name in options if name not in ("degree", "max_dofs")]
    if unknown:
        raise ProblemError(
            f"models of flow have no option {unknown[0]!r}",
            term=f"{unknown[0]}={shortened(options[unknown[0]])}",
            remedy="their options are degree and max_dofs",
        )
    return dict(options)


def _runtime(backend: str) -> ModuleType:
    """What solves the equations; BackendMissingError where a library is not there."""
    try:
        return importlib.import_module(f"nhpinn_sym.runtime.fem_{backend}.stokes")
    except ImportError as cause:
        raise BackendMissingError(
            f"the {backend} backend needs {cause.name}", remedy=BACKENDS[backend].how_to_get
        ) from cause


def _solved(runtime: Any, mesh: FittedMesh, fluid: Flags, degree: int) -> Any:
    try:
        return runtime.permeability(mesh, fluid, degree)
    except UnconnectedParts as cause:
        raise ProblemError(
            "pockets of fluid, in which nothing moves",
            term=cause,
            remedy="let the shapes of the walls fill them",
        ) from cause
    except RuntimeError as cause:
        raise SolveError(
            f"Stokes' equations: {cause}", remedy="try another degree, or move the shapes"
        ) from cause


def _solution(
    model: FlowModel, backend: str, found: Any, table: dict[Any, Array], info: dict[str, Any]
) -> CellSolution:
    nodes = Nodes((), 0)
    dim = model.dim
    zero = (0,) * (dim + 1)
    place = (1, 0, zero, None, zero)
    fields = tuple(
        tuple(TriangleField(found.velocities[j, i][None]) for i in range(dim)) for j in range(dim)
    )
    forms = tuple(
        FormInfo(f"w_{j + 1}", "corrector", 0.0, (((None, zero), 1),)) for j in range(dim)
    )
    names = [f"y{k + 1}" for k in range(dim)]
    return CellSolution(
        backend=backend,
        dim=dim,
        axes=dim,
        order=2,
        forms=forms,
        fields=fields,
        nodes=nodes,
        slow=(),
        entries={key: Entry(nodes, (), value, place) for key, value in table.items()},
        info=info,
        components=dim,
        cell=dict(zip(names, model.problem.cell.bounds, strict=True)),
    )
