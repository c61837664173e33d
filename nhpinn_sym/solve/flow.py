"""The permeability of a model of flow: by finite elements on meshes that fit the walls, or on
voxels."""

from __future__ import annotations

import importlib
import time
from types import ModuleType
from typing import Any

from ..derive.porous import FlowModel
from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    SolveError,
    UnsupportedError,
    shortened,
    warn_tolerance,
)
from ..problem.images import images_in
from ..problem.user_input import positive_integer, positive_number
from ..runtime.arrays import Flags
from ..runtime.fitted.functions import FittedMesh
from ..runtime.fitted.parts import UnconnectedParts
from ..runtime.levels import FEWEST, by_name, estimate_entries, relative_estimate
from .backend_choice import AUTO
from .backends import BACKENDS, check_options
from .cell_arguments import CellArguments, solve_model
from .cell_solution import CellSolution
from .fem.grid_functions import SimplexField
from .flow_solution import flow_solution, permeability_entries
from .perforations import inside, meshes_around
from .progress import Progress, shown
from .solution import Array, EffectiveKey
from .voxel_flow import solve_voxel_flow

TOLERANCE = 1e-5
# Factor by which the error of K falls where triangles are halved: walls of order 2 give h^4, and so
# do P2-P1; corners less.
_RATE = 16.0


@solve_model.register
def solve_flow(model: FlowModel, arguments: CellArguments) -> CellSolution:
    """The velocities w^j of the cell problems and K; "auto" is skfem in the plane, and voxel in
    space and for images.

    UnsupportedError for other backends than skfem, dolfinx and voxel, ProblemError for an option
    that they do not have.
    """
    arguments.refuse(model.title, "parameters", "hierarchy", "coefficients")
    options = arguments.options
    progress = arguments.progress
    tolerance = arguments.tolerance
    library = backend = arguments.backend
    images = bool(images_in(model.fluid))
    if backend == AUTO:
        library = "voxel" if images or model.dim == 3 else "skfem"
    if tolerance is not None:
        tolerance = float(positive_number(tolerance, ProblemError, "tolerance", "write 1e-4"))
    if library == "voxel":
        return solve_voxel_flow(
            model, tolerance, progress, **check_options(solve_voxel_flow, options, library)
        )
    if library not in ("skfem", "dolfinx"):
        raise UnsupportedError(
            f"Stokes' equations on the {backend} backend",
            term=shortened(backend),
            remedy='use backend="skfem", "dolfinx" or "voxel"',
        )
    if model.dim != 2 or images:
        raise UnsupportedError(
            f"Stokes' equations in three dimensions, or around images, on the {library} backend",
            term=model.fluid,
            remedy='use backend="voxel"',
        )
    chosen = check_options(solve_on_triangles, options, library)
    return solve_on_triangles(model, library, tolerance, progress, **chosen)


def solve_on_triangles(
    model: FlowModel,
    library: str,
    tolerance: float | None,
    progress: Progress | None,
    *,
    degree: int = 3,
    max_dofs: int = 300_000,
) -> CellSolution:
    """On meshes whose triangles are halved until the estimate is below the tolerance.

    degree : of the velocities, 2 or 3; pressures have one less
    ProblemError where walls touch, or the fluid is not connected.
    """
    if degree not in (2, 3):
        raise ProblemError(
            "the degree of the velocities is 2 or 3",
            term=f"degree={shortened(degree)}",
            remedy="leave it out",
        )
    wanted = TOLERANCE if tolerance is None else tolerance
    layout = meshes_around(model.problem, model.fluid)
    levels = layout.levels(degree, positive_integer(max_dofs, "max_dofs") // 3)
    runtime = _runtime(library)
    start = time.perf_counter()
    history: list[dict[EffectiveKey, Array]] = []
    with shown(progress)(f"flow ({library})") as task:
        for k in range(len(levels)):
            mesh = levels[k]
            found = _solved(runtime, mesh, inside(layout, mesh), degree)
            history.append(permeability_entries(found.tensor))
            errors = estimate_entries(history, _RATE)
            estimate = relative_estimate(errors, history[-1], by_name(history[-1]))
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
    }
    axes = range(model.dim)
    fields = tuple(tuple(SimplexField(found.velocities[j, i][None]) for i in axes) for j in axes)
    return flow_solution(model, library, fields, history[-1], info)


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
