"""emit: a derived model as source text for one target."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from functools import partial
from types import ModuleType

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.equation import lower_fine, lower_homogenized
from ..lower.forms import LoweredEquation
from ..lower.hierarchy import lower_mean_field
from ..lower.real import real_equation, real_form
from ..problem.errors import UnknownBackendError, UnsupportedError, shortened
from . import torch_energy, torch_ritz
from .source import Source

TARGETS = ("torch", "dolfinx", "skfem", "numpy", "latex")
_MODULES = {
    "torch": "torch_equation",
    "dolfinx": "ufl_forms",
    "skfem": "skfem_forms",
    "numpy": "fourier_forms",
}


def emit(model: HomogenizedModel, target: str) -> Source:
    """The source files of `model` for "torch", "dolfinx", "skfem", "numpy" or "latex".

    torch, dolfinx, skfem : cell problems, and (where the problem has a domain) the homogenized and
    the fine equation; from order 2 on
                            also mean_field_1, ..., mean_field_n of a stationary problem, which read
                            derivatives of the fields before them.
    torch                 : one file of cell problems per phase where coefficients jump, and no fine
    equation then;
                            for what is a minimum problem, also its energy: cell_energy.py and
                            cell_dual.py (of gradients and of fluxes), homogenized_energy.py,
                            fine_energy.py.
    numpy                 : the cell problems for the Fourier oracle.
    latex                 : the derivation as a document.
    Every file stands alone; `source.save(folder)` writes them, `source[name]` is the text of one.
    Complex problems come in real and imaginary parts (numpy has complex numbers).
    UnknownBackendError for other targets.
    """
    if not isinstance(target, str) or target not in TARGETS:
        raise UnknownBackendError(
            "no target has this name",
            term=shortened(target),
            remedy=f"use one of {', '.join(TARGETS)}",
        )
    if target == "latex":
        return Source("latex", (("derivation.tex", model.derivation.latex()),))
    emitter = importlib.import_module(f"nhpinn_sym.emit.{_MODULES[target]}")
    cells = lower_cells(model)
    phased = (
        importlib.import_module("nhpinn_sym.emit.torch_phases")
        if target == "torch" and cells.jumps
        else emitter
    )
    sources = [phased.cells(real_form(cells) if cells.complex and target != "numpy" else cells)]
    if target == "torch":
        sources += _energy(lambda: torch_energy.cells(cells))
    if target != "numpy" and model.problem.domain is not None:
        sources += _equations(emitter, model)
    return Source(target, tuple(pair for source in sources for pair in source.files))


def _energy(emitted: Callable[[], Source]) -> list[Source]:
    """The files of a minimum problem; none where there is no energy."""
    try:
        return [emitted()]
    except UnsupportedError:
        return []


def _equations(emitter: ModuleType, model: HomogenizedModel) -> list[Source]:
    """The files of the boundary value problems; a UserWarning says which are left out because no
    backend solves them.
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
    sources = []
    for name, lower in makers.items():
        try:
            equation = lower()
            if not (equation.jumps and emitter.__name__.endswith("torch_equation")):
                equation = real_equation(equation) if equation.complex else equation
                sources.append(emitter.equation(equation, name))
                sources += (
                    _energy(partial(torch_ritz.equation, equation, name))
                    if emitter.__name__.endswith("torch_equation")
                    else []
                )
        except UnsupportedError as cause:
            warnings.warn(f"no files for the {name} equation: {cause.what}", stacklevel=3)
    return sources
