"""emit for nonlinear models: state problem, tangent and law as text, and what solves a state."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from ..derive.nonlinear.finite_strain import refuse_finite_strain
from ..derive.nonlinear.model import NonlinearModel
from ..lower.nonlinear import MACRO, VALUE, LoweredState, lower_nonlinear_fine, lower_state
from ..problem.domain import refuse_lattice
from ..problem.errors import UnsupportedError
from ..problem.escaping import docstring, literal
from . import nonlinear_scripts, nonlinear_text
from .layout import prose, statement
from .mains import declared_ranges, default_parameters
from .source import Source

# Languages of the texts of a target; the last one is what its main runs.
_LANGUAGES = {
    "numpy": ("numpy",),
    "skfem": ("numpy",),
    "dolfinx": ("ufl", "numpy"),
    "torch": ("torch",),
}
# Modules of the targets that are scripts of another library.
_SCRIPTS = {"deepxde": "deepxde_scripts", "pina": "pina_scripts"}
# Points, or cells, along each axis, by the dimension.
_POINTS = {1: 63, 2: 31, 3: 15}
_CELLS = {1: 64, 2: 16, 3: 6}
_FOURIER = """from nhpinn_sym.runtime.command_line import numbers
from nhpinn_sym.runtime.fourier.law_levels import law_at
from nhpinn_sym.runtime.law_command import write_law


def solve(macro, n):
    return law_at(state_numpy, macro, 1e-10, n | 1).values
"""
_ELEMENTS = """from nhpinn_sym.runtime.command_line import numbers
from nhpinn_sym.runtime.element_states import ElementStates
from nhpinn_sym.runtime.fem_@LIBRARY@.assembly import cell_assembly
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.runtime.law_command import write_law


def solve(macro, n):
    lattice = Lattice.uniform(state_numpy.CELL, (n,) * state_numpy.DIM)
    assembly = cell_assembly(lattice, 2, state_numpy.COMPONENTS)
    return ElementStates(state_numpy, assembly).law(macro)[0]
"""


def emit_nonlinear(model: NonlinearModel, target: str) -> Source:
    """The files of a nonlinear model: state_{language}.py, with the integrands of state problem and
    law and all their derivatives; fine_{language}.py, those of the multiscale equation; main_law.py
    (but for torch), which solves one state. deepxde, pina: state.py and, on a domain, fine.py,
    scripts of that library. UnsupportedError for targets that have no such text.
    """
    if target == "latex":
        return Source("latex", (("derivation.tex", model.derivation.latex()),))
    refuse_finite_strain(model, f"text for {target}")
    refuse_lattice(model.problem.cell, f"text for {target}")
    if target in _SCRIPTS:
        return Source(target, tuple(_scripts(model, target).items()))
    if target not in _LANGUAGES:
        raise UnsupportedError(
            f"the target {target} for a nonlinear model",
            term=target,
            remedy=f"use one of {', '.join((*_LANGUAGES, *_SCRIPTS, 'latex'))}",
        )
    model.state.require_diffusion("the state problem")
    if model.hamiltonian and target in ("skfem", "dolfinx"):
        raise UnsupportedError(
            "state problems of Hamilton-Jacobi equations on finite elements",
            term=model.title,
            remedy='use the target "numpy" or "torch"',
        )
    lowered = lower_state(model.state, model.title)
    fine = lower_nonlinear_fine(model.state, "Multiscale equation")
    files: dict[str, str] = {}
    for language in _LANGUAGES[target]:
        files |= dict(nonlinear_text.state(lowered, language).files)
        files |= dict(nonlinear_text.equation(fine, language).files)
    if target != "torch":
        files["main_law.py"] = _main(model, lowered, target)
    return Source(target, tuple(files.items()))


def _scripts(model: NonlinearModel, target: str) -> dict[str, str]:
    emitter = importlib.import_module(f"nhpinn_sym.emit.{_SCRIPTS[target]}")
    lowered = lower_state(model.state, model.title)
    given = {**default_parameters(model), **_defaults(model, lowered)}
    return nonlinear_scripts.scripts(model, emitter, given)


def _main(model: NonlinearModel, lowered: LoweredState, target: str) -> str:
    given = _defaults(model, lowered)
    n = (_POINTS if target == "numpy" else _CELLS)[lowered.dim]
    options = " ".join(f"{name}={value:g}" for name, value in {"n": n, **given}.items())
    doc = (
        "Prints the law at one macroscopic state and writes law.json.\n\n"
        f"    python main_law.py  # or, with these defaults, {options}\n"
    )
    body = _FOURIER if target == "numpy" else _ELEMENTS.replace("@LIBRARY@", target)
    imports = ["import sys", "", "from . import state_numpy"]
    run = [f"given = numbers(sys.argv[1:], GIVEN, n={n})", "write_law(solve, state_numpy, given)"]
    if target == "dolfinx":
        imports.insert(2, "from mpi4py import MPI")
        run[1] = "write_law(solve, state_numpy, given, MPI.COMM_WORLD.rank == 0)"
    lines = [*imports, body, "", *statement(f"GIVEN = {literal(given)}"), *run]
    return f"{prose(docstring(doc))}\n\n" + "\n".join(lines) + "\n"


def _defaults(model: NonlinearModel, lowered: LoweredState) -> Mapping[str, float]:
    """A state: values in the middle of their ranges, a gradient of length one."""
    ranges = enumerate(model.state.ranges.values())
    found = {f"{VALUE}_{j}": float(a + b) / 2 for j, (a, b) in ranges}
    for j in range(lowered.components):
        for k in range(lowered.dim):
            found[f"{MACRO}_{j}_{k}"] = float(j == k)
    box = declared_ranges(model)
    found |= {v.name: sum(box.get(v.name, (0.0, 1.0))) / 2 for v in lowered.slow}
    held = {v.name for v in lowered.parameters}
    return {**found, **{k: v for k, v in default_parameters(model).items() if k in held}}
