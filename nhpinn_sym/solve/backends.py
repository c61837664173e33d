"""The backends: what each needs and solves; its modules are imported when it is first used."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    UnknownBackendError,
    UnsupportedError,
    shortened,
)
from ..problem.user_input import positive_number

# Threads of OpenMP that wait for work sleep, where nobody says otherwise: they spin by default, and
# take four fifths of the time of small work on processors that have other work too.
_WAITING = ("OMP_WAIT_POLICY", "passive")


@dataclass(frozen=True)
class Backend:
    """What is known of one backend.

    module     : below nhpinn_sym.solve, with `CellSolver` and, for `equations`, `solve_equation`
    library    : the module whose import shows whether it can be used here; None needs none
    how_to_get : the libraries it needs
    tolerance  : default bound on the relative error of effective entries
    elements   : it is a finite element method, and may be the reference of a validation
    smooth     : its elements may have continuous derivatives: it solves cells of fourth order, and
                 periodic boxes of it
    complex    : it computes with complex numbers; others get the real form of complex cell problems
    differentiates : it takes coefficients as functions of tensors, and differentiates them; others
                     take their values (`LoweredCells.externals`)
    images         : its elements lie in the pixels of images
    voids          : coefficients may vanish in a part of the cell: holes, and phases of value 0
    contacts       : functions may jump across interfaces of the cell
    """

    module: str
    library: str | None
    how_to_get: str
    tolerance: float
    equations: bool = True
    elements: bool = False
    smooth: bool = False
    complex: bool = False
    differentiates: bool = False
    images: bool = False
    voids: bool = False
    contacts: bool = False


BACKENDS: Mapping[str, Backend] = {
    "pinn": Backend(
        "pinn.methods",
        "torch",
        "pip install torch (choose a CPU or CUDA build, see the README)",
        1e-9,
        differentiates=True,
        voids=True,
        contacts=True,
    ),
    "dolfinx": Backend(
        "fem.dolfinx",
        "nhpinn_sym.runtime.fem_dolfinx.compat",
        "pip install dolfinx-solver-real (Python >= 3.12 on Linux x86-64, with a C compiler),"
        " elsewhere apt install python3-dolfinx-real (Debian, Ubuntu) or conda install -c"
        " conda-forge fenics-dolfinx",
        1e-6,
        elements=True,
        images=True,
        voids=True,
        contacts=True,
    ),
    "skfem": Backend(
        "fem.skfem",
        "skfem",
        "pip install scikit-fem pyamg",
        1e-6,
        elements=True,
        smooth=True,
        images=True,
        voids=True,
        contacts=True,
    ),
    "fourier": Backend(
        "fourier.cells", None, "pip install numpy scipy", 1e-10, equations=False, complex=True
    ),
    "voxel": Backend(
        "fem.voxel",
        None,
        "pip install numpy scipy",
        1e-2,
        equations=False,
        complex=True,
        images=True,
        voids=True,
    ),
}
"""The one table of them."""


def cell_solver(backend: str) -> Any:
    """The `CellSolver` class of a backend; UnknownBackendError or BackendMissingError otherwise."""
    return _load(backend, tuple(BACKENDS)).CellSolver


def equation_solver(backend: str) -> Any:
    """The `solve_equation` function of a backend."""
    solving = tuple(name for name, known in BACKENDS.items() if known.equations)
    if isinstance(backend, str) and backend in BACKENDS and backend not in solving:
        raise UnsupportedError(
            f"the {backend} backend solves periodic cell problems only",
            term=backend,
            remedy=f"use one of {', '.join(solving)}",
        )
    return _load(backend, solving).solve_equation


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
    known = _option_names(solver)
    if known is None:
        return chosen
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ProblemError(
            f"the backend {backend} has no option {unknown[0]!r}",
            term=f"{unknown[0]}={shortened(options[unknown[0]])}",
            remedy=f"its options are {', '.join(known)}",
        )
    return chosen


def _option_names(solver: Callable[..., Any]) -> list[str] | None:
    """The keywords that a solver takes, a class with those that it hands on to its base; None for
    one that takes any.
    """
    makers = [solver]
    if isinstance(solver, type):
        makers = [vars(c)["__init__"] for c in solver.__mro__ if "__init__" in vars(c)]
    known: list[str] = []
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        known += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return known
    return None


def available(backend: str) -> bool:
    """Whether the library of a backend can be imported here."""
    try:
        _load(backend, tuple(BACKENDS))
    except BackendMissingError:
        return False
    return True


def choose_fem(name: str, smooth: bool = False) -> str:
    """The FEM backend for "auto": DOLFINx where it is importable, else scikit-fem, which comes
    first where elements with continuous derivatives are asked for (`smooth`); other names are
    checked and kept.
    """
    elements = tuple(key for key, known in BACKENDS.items() if known.elements)
    if not isinstance(name, str) or name not in ("auto", *elements):
        raise UnknownBackendError(
            "no FEM backend has this name",
            term=shortened(name),
            remedy=f"use 'auto' or one of {', '.join(elements)}",
        )
    if name == "auto":
        order = sorted(elements, key=lambda key: smooth and not BACKENDS[key].smooth)
        return next((key for key in order if available(key)), elements[-1])
    _load(name, elements)
    return name


def other_elements(name: str) -> str | None:
    """Another FEM backend than `name` that can be used here; None where there is none."""
    others = [key for key, known in BACKENDS.items() if known.elements and key != name]
    return next((key for key in others if available(key)), None)


def _load(backend: str, allowed: Collection[str]) -> ModuleType:
    if not isinstance(backend, str) or backend not in allowed:
        raise UnknownBackendError(
            "no backend has this name",
            term=shortened(backend),
            remedy=f"use one of {', '.join(allowed)}",
        )
    known = BACKENDS[backend]
    if known.library is not None:
        os.environ.setdefault(*_WAITING)
        try:
            importlib.import_module(known.library)
        except ImportError as cause:
            needed = backend if known.library.startswith("nhpinn_sym") else known.library
            raise BackendMissingError(
                f"the backend {backend} needs {needed}, which cannot be imported here",
                term=cause,
                remedy=known.how_to_get,
            ) from cause
    return importlib.import_module(f"nhpinn_sym.solve.{known.module}")
