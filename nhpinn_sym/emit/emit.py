"""emit: a derived model as source text for one target."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.equation import lower_fine, lower_homogenized
from ..lower.hierarchy import lower_mean_field
from ..problem.errors import UnknownBackendError
from .source import Source

TARGETS = ("torch", "dolfinx", "skfem", "numpy", "latex")


def emit(model: HomogenizedModel, target: str) -> Source:
    """The source files of `model` for "torch", "dolfinx", "skfem", "numpy" or "latex".

    torch, dolfinx, skfem : cell problems, and (where the problem has a domain) the homogenized and the fine equation; from order 2 on
                            also mean_field_1, ..., mean_field_n of a stationary problem, which read derivatives of the fields before them.
    numpy                 : the cell problems for the Fourier oracle.
    latex                 : the derivation as a document.
    Every file stands alone; `source.save(folder)` writes them, `source[name]` is the text of one. UnknownBackendError for other targets.
    """
    if target not in TARGETS:
        raise UnknownBackendError("no target has this name", term=target, remedy=f"use one of {', '.join(TARGETS)}")
    if target == "latex":
        return Source("latex", (("derivation.tex", model.derivation.latex()),))
    emitter = importlib.import_module(f"nhpinn_sym.emit.{target}")
    sources = [emitter.cells(lower_cells(model))]
    if target != "numpy" and model.problem.domain is not None:
        sources += _equations(emitter, model)
    return Source(target, tuple(pair for source in sources for pair in source.files))


def _equations(emitter: ModuleType, model: HomogenizedModel) -> list[Source]:
    lowered = {"homogenized": lower_homogenized(model), "fine": lower_fine(model.operator)}
    if model.order > 1 and not model.problem.time_order:
        lowered |= {f"mean_field_{k}": lower_mean_field(model, k) for k in range(1, model.order + 1)}
    return [emitter.equation(equation, name) for name, equation in lowered.items() if not (equation.jumps and emitter.__name__.endswith("torch"))]
