"""The permeability of a model of flow: by finite elements on meshes that fit the walls, or on
voxels."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..derive.porous import FlowModel
from ..problem.domain import LatticeCell, refuse_lattice
from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    SolveError,
    UnsupportedError,
    shortened,
)
from ..problem.images import images_in
from ..problem.user_input import positive_integer
from ..resolution.interface_meshes import MESHERS
from ..runtime.arrays import Flags
from ..runtime.fitted.functions import FittedMesh
from ..runtime.fitted.parts import UnconnectedParts
from .arguments import require_choice
from .backend_choice import AUTO
from .backends import BACKENDS, check_options
from .cell_arguments import CellArguments, solve_model
from .cell_solution import CellSolution
from .fem.fitted_layout import SIMPLICES
from .fem.grid_functions import SimplexField
from .fem.halved_meshes import on_halved_meshes
from .flow_solution import flow_solution, permeability_entries
from .judgement import warn_of_estimate
from .perforations import in_whole_cell, inside, meshes_around
from .progress import Progress, shown
from .voxel_flow import TOLERANCE as ON_VOXELS
from .voxel_flow import solve_voxel_flow

TOLERANCE = {2: 1e-5, 3: 1e-3}
"""By the dimension of the cell."""
_DEGREES = {
    ("skfem", 2): (3, 2),
    ("dolfinx", 2): (3, 2),
    ("skfem", 3): (2,),
    ("dolfinx", 3): (2, 3),
}
"""Of velocities, by library and dimension: the first one where none is given."""
_MAX_DOFS = {2: 300_000, 3: 1_000_000}


@solve_model.register
def solve_flow(model: FlowModel, arguments: CellArguments) -> CellSolution:
    """The velocities w^j of the cell problems and K; "auto" is skfem in the plane, and voxel in
    space and for images.

    UnsupportedError for other backends than skfem, dolfinx and voxel, ProblemError for an option
    that they do not have.
    """
    arguments.refuse(model.title, "parameters", "hierarchy", "coefficients")
    options = arguments.options
    progress = shown(arguments.progress)
    library = backend = arguments.backend
    images = bool(images_in(model.fluid))
    if backend == AUTO:
        slanted = isinstance(model.problem.cell, LatticeCell)
        library = "voxel" if images or (model.dim == 3 and not slanted) else "skfem"
    if library == "voxel":
        refuse_lattice(model.problem.cell, "Stokes' equations on voxels")
        chosen = check_options(solve_voxel_flow, options, library)
        return solve_voxel_flow(model, arguments.tolerance_or(ON_VOXELS), progress, **chosen)
    if library not in ("skfem", "dolfinx"):
        raise UnsupportedError(
            f"Stokes' equations on the {backend} backend",
            term=shortened(backend),
            remedy='use backend="skfem", "dolfinx" or "voxel"',
        )
    if images:
        raise UnsupportedError(
            f"Stokes' equations around images on the {library} backend",
            term=model.fluid,
            remedy='use backend="voxel"',
        )
    chosen = check_options(solve_on_simplices, options, library)
    wanted = arguments.tolerance_or(TOLERANCE[model.dim])
    return solve_on_simplices(model, library, wanted, progress, **chosen)


def solve_on_simplices(
    model: FlowModel,
    library: str,
    tolerance: float,
    progress: Progress,
    *,
    degree: int | None = None,
    max_dofs: int | None = None,
    mesh: str = "own",
) -> CellSolution:
    """On meshes whose triangles, or tetrahedra, are halved until the estimate is below the
    tolerance.

    degree : of the velocities, 2 or 3; pressures have one less
    mesh   : who makes the first one: "own", "gmsh" or "netgen"
    ProblemError where walls touch, or the fluid is not connected.
    """
    degrees = _DEGREES[library, model.dim]
    degree = degrees[0] if degree is None else degree
    if degree not in degrees:
        raise ProblemError(
            f"the degree of the velocities is {' or '.join(map(str, sorted(degrees)))} here",
            term=f"degree={shortened(degree)}",
            remedy="leave it out",
        )
    require_choice("mesher", mesh, tuple(MESHERS))
    most = positive_integer(_MAX_DOFS[model.dim] if max_dofs is None else max_dofs, "max_dofs")
    layout = meshes_around(model.problem, model.fluid, mesh)
    runtime = _runtime(library)
    level = on_halved_meshes(
        lambda mesh: _solved(runtime, mesh, inside(layout, mesh), degree),
        lambda found: permeability_entries(found.tensor),
        layout.levels(degree, in_whole_cell(layout, most // (model.dim + 1))),
        tolerance,
        progress,
        f"flow ({library})",
        # Of velocities of degree 2 not by more on the coarse meshes that there are.
        degree - 1,
    )
    warn_of_estimate(f"{library}: the permeability has", level.info)
    found = level.found
    info = {
        **level.info,
        "method": f"P{degree}-P{degree - 1} finite elements on fitted {SIMPLICES[model.dim]},"
        f" minimal residuals with {found.method}",
        "size": found.unknowns,
    }
    axes = range(model.dim)
    fields = tuple(tuple(SimplexField(found.velocities[j, i][None]) for i in axes) for j in axes)
    return flow_solution(model, library, fields, level.entries, info)


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
