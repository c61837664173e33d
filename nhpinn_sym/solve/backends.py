"""Which backend is where: names to modules, imported when they are first used."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    UnknownBackendError,
    UnsupportedError,
    shortened,
)
from ..problem.reading import positive_number

CELLS = {
    "pinn": "pinn.methods",
    "dolfinx": "fem.dolfinx",
    "skfem": "fem.skfem",
    "fourier": "fourier.cells",
}
EQUATIONS = {"pinn": "pinn.methods", "dolfinx": "fem.dolfinx", "skfem": "fem.skfem"}
DEFAULT_TOLERANCE = {"pinn": 1e-9, "fourier": 1e-10, "dolfinx": 1e-6, "skfem": 1e-6}
HOW_TO_GET = {
    "torch": "pip install torch (choose a CPU or CUDA build, see docs/install.md)",
    "dolfinx": (
        "pip install dolfinx-solver-real (Python >= 3.12 on Linux x86-64, with a C compiler),"
        " elsewhere apt install python3-dolfinx-real (Debian, Ubuntu) or conda install -c"
        " conda-forge fenics-dolfinx"
    ),
    "skfem": "pip install scikit-fem pyamg",
}
_LIBRARIES = {"pinn": "torch", "dolfinx": "dolfinx", "skfem": "skfem"}


def cell_solver(backend: str) -> Any:
    """The `CellSolver` class of a backend; UnknownBackendError or BackendMissingError otherwise."""
    return _load(backend, CELLS).CellSolver


def equation_solver(backend: str) -> Any:
    """The `solve_equation` function of a backend."""
    if isinstance(backend, str) and backend == "fourier":
        raise UnsupportedError(
            "the fourier backend solves periodic cell problems only",
            term=backend,
            remedy=f"use one of {', '.join(EQUATIONS)}",
        )
    return _load(backend, EQUATIONS).solve_equation


def check_options(
    solver: Callable[..., Any], options: Mapping[str, Any], backend: str
) -> dict[str, Any]:
    """The options, a tolerance as a float and left out where it is None.

    ProblemError for an option that the backend's `solver` does not take (one that takes any checks
    them itself), or a wrong degree.
    """
    chosen = dict(options)
    tolerance = chosen.pop("tolerance", None)
    if tolerance is not None:
        chosen["tolerance"] = float(
            positive_number(tolerance, ProblemError, "tolerance", "write tolerance=1e-6")
        )
    parameters = inspect.signature(solver).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return chosen
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ProblemError(
            f"the backend {backend} has no option {unknown[0]!r}",
            term=f"{unknown[0]}={shortened(options[unknown[0]])}",
            remedy=f"its options are {', '.join(known)}",
        )
    if options.get("degree", 2) not in (1, 2):
        raise ProblemError(
            "finite elements are of degree 1 or 2 here",
            term=f"degree={shortened(options['degree'])}",
            remedy="refine the mesh instead",
        )
    return chosen


def available(backend: str) -> bool:
    """Whether the library of a backend can be imported here."""
    try:
        _load(backend, CELLS)
    except BackendMissingError:
        return False
    return True


def choose_fem(name: str) -> str:
    """The FEM backend for "auto": DOLFINx where it is importable, else scikit-fem; other names are
    checked and kept.
    """
    if not isinstance(name, str):
        raise UnknownBackendError(
            "no FEM backend has this name",
            term=shortened(name),
            remedy="use 'auto', 'dolfinx' or 'skfem'",
        )
    if name == "auto":
        return "dolfinx" if available("dolfinx") else "skfem"
    if name not in ("dolfinx", "skfem"):
        raise UnknownBackendError(
            "no FEM backend has this name", term=name, remedy="use 'auto', 'dolfinx' or 'skfem'"
        )
    _load(name, CELLS)
    return name


def _load(backend: str, table: dict[str, str]) -> ModuleType:
    if not isinstance(backend, str) or backend not in table:
        raise UnknownBackendError(
            "no backend has this name",
            term=shortened(backend),
            remedy=f"use one of {', '.join(table)}",
        )
    library = _LIBRARIES.get(backend)
    if library is not None:
        try:
            if library == "dolfinx":
                importlib.import_module("nhpinn_sym.runtime.fem_dolfinx.compat")
            else:
                importlib.import_module(library)
        except ImportError as cause:
            raise BackendMissingError(
                f"the backend {backend} needs {library}, which cannot be imported here",
                term=cause,
                remedy=HOW_TO_GET[library],
            ) from cause
    return importlib.import_module(f"nhpinn_sym.solve.{table[backend]}")
