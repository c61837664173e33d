"""emit: a derived model as source text for one target."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import ModuleType

import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..lower.cells import lower_cells
from ..lower.equation import lower_fine, lower_homogenized
from ..lower.forms import LoweredCells, LoweredEquation
from ..lower.hierarchy import lower_mean_field
from ..lower.interfaces import CellInterfaces
from ..lower.real_imaginary import real_equation, real_form
from ..lower.substitution import substituted
from ..problem.contacts import refuse_contacts
from ..problem.domain import require_box
from ..problem.errors import SolveError, UnknownBackendError, UnsupportedError, shortened
from ..problem.mesh_domain import MeshedDomain
from ..problem.problem import MultiscaleProblem
from ..problem.regions import Region
from ..resolution import resolve_cells
from ..resolution.interface_meshes import FIRST, InterfaceMeshes
from ..resolution.region_outlines import graded_corners, outline_of, region_interfaces
from ..resolution.singular_places import singular_places
from ..runtime.fitted.mesher import UnresolvedInterfaces
from ..runtime.fitted.region_mesher import region_meshes
from ..runtime.levels import FEWEST
from . import model_tests, torch_energy, torch_ritz
from .fem_mains import LIBRARIES
from .mains import (
    DOMAIN_MESH,
    EPS,
    FINE_MESH,
    SINGULAR,
    cells_main,
    declared_ranges,
    default_parameters,
    equation_main,
)
from .nonlinear_targets import emit_nonlinear
from .source import Source

TARGETS = ("torch", "dolfinx", "skfem", "numpy", "deepxde", "pina", "latex", "tests")
# The mesh that cell problems are solved on, where one fits their interfaces.
_MESH = "cell.npz"
# Triangles of the mesh of a domain that is no box, along its longer side.
_ALONG = 16
# Targets whose files are scripts of another library, which run by themselves.
_SCRIPTS = ("deepxde", "pina")
# Targets that solve cells on grids, which go through holes.
_SAMPLED = ("numpy", "tests")
# The modules with the functions `cells` and, but for numpy, `equation`; `cells` of scripts takes
# the numbers of the parameters too.
_MODULES = {
    "torch": "torch_equation",
    "dolfinx": "ufl_forms",
    "skfem": "skfem_forms",
    "numpy": "fourier_forms",
    "deepxde": "deepxde_scripts",
    "pina": "pina_scripts",
}


def emit(model: HomogenizedModel | NonlinearModel, target: str) -> Source:
    """The source files of `model` for "torch", "dolfinx", "skfem", "numpy", "deepxde", "pina",
    "latex" or "tests".

    torch, dolfinx, skfem: cell problems, and (where the problem has a domain) the homogenized and
    the fine equation; from order 2 on also mean_field_1, ..., mean_field_n of a stationary problem,
    which read derivatives of the fields before them. torch has a file of coefficients of each, a
    residual, and, for what is a minimum problem, its energy; of cell problems whose coefficients
    jump one file per phase, and no fine equation then.
    numpy: the cell problems for the Fourier oracle. latex: the derivation as a document.
    deepxde, pina: cells.py, homogenized.py and fine.py, scripts that import that library, torch,
    numpy and one module of the runtime; for smooth coefficients of y, without kernels, to the first
    order.
    tests: test_model.py, for pytest, with the cell problems for all libraries: they agree, bounds,
    symmetry and solvability hold, and exact plane waves tend to those of the homogenized equation.

    Of a nonlinear model: flux, source, reaction and storage of state problem, law and multiscale
    equation with their derivatives, as functions for numpy, torch or UFL, and main_law.py, which
    solves a state by Fourier (numpy), scikit-fem or DOLFINx; deepxde and pina have state.py and
    fine.py, their strong residuals; other targets are refused.

    skfem, dolfinx: with cell.npz, a mesh, where it fits the interfaces of coefficients that jump;
    main_cells.py reads it, and any other CellMesh of these shapes in its place.

    `source.save(folder)` writes a folder that stands alone, in which main_cells.py,
    main_homogenized.py and main_fine.py solve one after the other (numpy: main_cells.py alone);
    `source[name]` is the text of a file, as the package runs it. Complex problems come in real and
    imaginary parts (numpy has complex numbers). UnknownBackendError for other targets.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> source = nh.emit(model, "skfem")
    >>> source
    source for skfem: cell_forms.py, main_cells.py
    >>> "def residual" in nh.emit(model, "torch")["cell_residual.py"]
    True
    """
    if not isinstance(target, str) or target not in TARGETS:
        raise UnknownBackendError(
            "no target has this name",
            term=shortened(target),
            remedy=f"use one of {', '.join(TARGETS)}",
        )
    if isinstance(model, NonlinearModel):
        return emit_nonlinear(model, target)
    if target == "latex":
        return Source("latex", (("derivation.tex", model.derivation.latex()),))
    if isinstance(model, HomogenizedModel):
        refuse_contacts(model.problem.contacts, f"files of {target}")
        _require_whole(model.problem, target)
    if target == "tests":
        return model_tests.tests(model)
    return _solved_files(model, target)


def _require_whole(problem: MultiscaleProblem, target: str) -> None:
    """UnsupportedError for holes in the files of targets that sample them."""
    if problem.holes and target in _SAMPLED:
        raise UnsupportedError(
            f'holes in files of "{target}", whose grids go through them',
            term=next(iter(problem.holes)),
            remedy='write nh.emit(model, "skfem"), "dolfinx" or "torch"',
        )


def _solved_files(model: HomogenizedModel, target: str) -> Source:
    """The files of all problems, the mains that solve them, and their meshes."""
    emitter = importlib.import_module(f"nhpinn_sym.emit.{_MODULES[target]}")
    cells = lower_cells(model)
    cells = real_form(cells) if cells.complex and target != "numpy" else cells
    _require_formulas(cells, target)
    parameters = default_parameters(model)
    files = dict(_cells(emitter, cells, target, parameters).files)
    mains = dict[str, str | None]()
    arrays = dict[str, bytes]()
    if target not in _SCRIPTS:
        box = declared_ranges(model)
        mesh = _mesh(cells, parameters, box) if target in LIBRARIES else None
        arrays |= {_MESH: mesh} if mesh else {}
        mains["cells"] = cells_main(target, cells, parameters, box, _MESH if mesh else None)
    if target != "numpy" and model.problem.domain is not None:
        for name, equation in _equations(model, jumps=target not in ("torch", *_SCRIPTS)):
            own = _equation(emitter, equation, name, target)
            files |= own
            if own and name in ("homogenized", "fine") and target not in _SCRIPTS:
                if DOMAIN_MESH not in arrays:
                    arrays |= _domain_mesh(equation, parameters)
                if target == "torch":
                    arrays |= _singular(equation)
                elif name == "fine":
                    arrays |= _fine_mesh(equation, parameters)
                files_of = (*((FINE_MESH,) if name == "fine" else ()), DOMAIN_MESH, SINGULAR)
                held = [file for file in files_of if file in arrays]
                mains[name] = _main(target, equation, name, held)
    files |= {f"main_{name}.py": text for name, text in mains.items() if text is not None}
    return Source(target, tuple(files.items()), tuple(arrays.items()))


def _mesh(
    cells: LoweredCells, parameters: Mapping[str, float], box: Mapping[str, tuple[float, float]]
) -> bytes | None:
    """The file of a mesh that fits the interfaces, the third one of a solver, in space the second
    one; None where lattices serve, or where interfaces move with a parameter, or touch.
    """
    slow = [box.get(v.name, (0.0, 1.0)) for v in cells.slow]
    found = resolve_cells(cells, parameters, slow)
    meshes = InterfaceMeshes.of(cells, {}, found)
    if meshes is None:
        return None
    try:
        # In space the third one has fifty thousand elements.
        return meshes.in_place(FIRST, FEWEST - 1 if meshes.dim == 2 else FEWEST - 2).data
    except SolveError:
        return None


def _require_formulas(cells: LoweredCells, target: str) -> None:
    """UnsupportedError where a folder that stands alone would lack the fields of a finer level."""
    if cells.externals and target != "numpy":
        raise UnsupportedError(
            "a coefficient is the effective one of a finer level: its values are known when that"
            " is solved",
            term=cells.externals[0].symbol,
            remedy="solve_cells(model, backend) solves both levels",
        )


def _cells(
    emitter: ModuleType, cells: LoweredCells, target: str, parameters: Mapping[str, float]
) -> Source:
    """The files of the cell problems."""
    if target in _SCRIPTS:
        return emitter.cells(cells, parameters)
    if target != "torch":
        return emitter.cells(cells)
    strong = emitter
    if cells.jumps:
        strong = importlib.import_module("nhpinn_sym.emit.torch_phases")
    energy = _where_supported(partial(torch_energy.cells, cells))
    return Source("torch", (*strong.cells(cells).files, *energy))


def _equation(
    emitter: ModuleType, equation: LoweredEquation, name: str, target: str
) -> dict[str, str]:
    """The files of a boundary value problem; none, with a UserWarning, where it has no text."""
    try:
        files = dict(emitter.equation(equation, name).files)
    except UnsupportedError as cause:
        _warn(name, cause)
        return {}
    if target == "torch":
        files |= dict(_where_supported(partial(torch_ritz.equation, equation, name)))
    return files


def _domain_mesh(equation: LoweredEquation, parameters: Mapping[str, float]) -> dict[str, bytes]:
    """The file of a mesh of a domain that is no box, by its name."""
    domain = equation.domain
    if isinstance(domain, MeshedDomain):
        return {DOMAIN_MESH: domain.mesh.data}
    if not isinstance(domain, Region):
        return {}
    interfaces = region_interfaces(_with_numbers(equation, parameters))
    found = _region_mesh(equation, domain, interfaces)
    return {} if found is None else {DOMAIN_MESH: found}


def _singular(equation: LoweredEquation) -> dict[str, bytes]:
    """The file of the places where solutions on a plane region are singular."""
    domain = equation.domain
    return {SINGULAR: singular_places(domain).data} if isinstance(domain, Region) else {}


def _fine_mesh(equation: LoweredEquation, parameters: Mapping[str, float]) -> dict[str, bytes]:
    """That of a mesh which fits the shapes of every period of a plane region, for the epsilon of
    the main."""
    domain = equation.domain
    if not isinstance(domain, Region):
        return {}
    numbers = {**parameters, "epsilon": float(sp.Rational(EPS[domain.dim]))}
    interfaces = region_interfaces(_with_numbers(equation, numbers))
    found = None if interfaces is None else _region_mesh(equation, domain, interfaces)
    return {} if found is None else {FINE_MESH: found}


def _with_numbers(equation: LoweredEquation, parameters: Mapping[str, float]) -> LoweredEquation:
    numbers = {v: parameters.get(v.name) for v in equation.parameters}
    known = {v: sp.Float(value, 17) for v, value in numbers.items() if value is not None}
    return substituted(equation, known)


def _region_mesh(
    equation: LoweredEquation, domain: Region, interfaces: CellInterfaces | None
) -> bytes | None:
    """None where outlines touch, or nearly."""
    outline = outline_of(domain, graded_corners(domain, equation), interfaces=interfaces)
    try:
        return next(region_meshes(outline, _ALONG)).data
    except UnresolvedInterfaces:
        return None


def _main(target: str, equation: LoweredEquation, name: str, files: Sequence[str]) -> str | None:
    """The main of a boundary value problem; none, with a UserWarning, on a domain that is no box,
    whose mesh the folder does not hold."""
    if DOMAIN_MESH in files or FINE_MESH in files:
        return equation_main(target, equation, name, files)
    try:
        require_box(equation.domain, f"main_{name}.py")
    except UnsupportedError as cause:
        _warn(name, cause)
        return None
    return equation_main(target, equation, name)


def _where_supported(emitted: Callable[[], Source]) -> tuple[tuple[str, str], ...]:
    """The files of a minimum problem; none where there is no energy."""
    try:
        return emitted().files
    except UnsupportedError:
        return ()


def _equations(model: HomogenizedModel, jumps: bool) -> Iterator[tuple[str, LoweredEquation]]:
    """The boundary value problems, real; a UserWarning says which are left out because no backend
    solves them. jumps: those whose coefficients jump too.
    """
    makers: dict[str, Callable[[], LoweredEquation]] = {
        "homogenized": lambda: lower_homogenized(model),
        "fine": lambda: lower_fine(model.operator),
    }
    if model.order > 1 and not model.problem.time_order and model.components == 1:
        makers |= {
            f"mean_field_{k}": partial(lower_mean_field, model, k)
            for k in range(1, model.order + 1)
        }
    for name, lower in makers.items():
        try:
            equation = lower()
            if jumps or not equation.jumps:
                yield name, real_equation(equation) if equation.complex else equation
        except UnsupportedError as cause:
            _warn(name, cause)


def _warn(name: str, cause: UnsupportedError) -> None:
    # this, its caller, `_solved_files`, `emit`, the user
    warnings.warn(f"no files for the {name} equation: {cause.what}", stacklevel=5)
