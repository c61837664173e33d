"""Nonlinear problems as scripts for other PINN libraries: the strong residuals of the multiscale
equation and of one state problem, by total derivatives of their integrands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType

import sympy as sp

from ..derive.nonlinear.model import NonlinearModel
from ..lower.forms import Essential, LoweredEquation, MultiIndex, Natural
from ..lower.nonlinear import (
    CORRECTOR,
    MACRO,
    SLOPE,
    VALUE,
    LoweredNonlinearEquation,
    LoweredState,
    lower_nonlinear_fine,
    lower_state,
    symbol,
)
from ..lower.nonlinear_reference import reference_fine
from ..operator.table import unit
from ..problem.errors import UnsupportedError
from ..problem.escaping import literal
from .layout import statement
from .script_cells import CellFunctions, effective_function
from .script_conditions import conditions_by_part, part_residuals
from .script_forms import Script, equation_script, require_equation
from .script_rows import Row, flux_entries, row_functions
from .script_text import STEPS, unpacked
from .torch_coefficients import extended

_EPS = 0.25
_LAW = ("flux", "reaction", "storage")
"""What a state gives means of."""
Derivatives = Mapping[sp.Symbol, tuple[int, MultiIndex]]
"""The component and the multi-index of what a symbol of the integrands stands for."""


def scripts(
    model: NonlinearModel, emitter: ModuleType, given: Mapping[str, float]
) -> dict[str, str]:
    """state.py, which solves the state problem at the numbers of `given`, and where there is a
    domain fine.py; the law itself is known where states are solved, and has no script.
    UnsupportedError for Hamilton-Jacobi equations, and where data jump.
    """
    if model.hamiltonian:
        raise UnsupportedError(
            "a Hamilton-Jacobi equation as a script of another PINN library",
            term=model.title,
            remedy='use the target "numpy" or "torch"',
        )
    files = {"state.py": _state(lower_state(model.state, model.title), emitter, given)}
    if model.problem.domain is not None:
        fine = lower_nonlinear_fine(model.state, "Multiscale equation")
        files["fine.py"] = _fine(fine, reference_fine(model.state), emitter, given)
    return files


class _Put:
    """Integrands with the columns of a script in the place of their symbols.

    held: the component and multi-index that a symbol stands for; beside: what is added to it.
    """

    def __init__(
        self, script: Script, held: Derivatives, beside: Mapping[sp.Symbol, sp.Expr]
    ) -> None:
        self.script = script
        self.swap = {v: script.value(*key) + beside.get(v, 0) for v, key in held.items()}

    def __call__(self, e: sp.Expr) -> sp.Expr:
        return e.xreplace(self.swap)


def _state(lowered: LoweredState, emitter: ModuleType, given: Mapping[str, float]) -> str:
    if lowered.jumps:
        raise UnsupportedError(
            "a state problem whose data jump as a strong residual",
            term=lowered.title,
            remedy='use the target "skfem" or "dolfinx"',
        )
    m = range(lowered.components)
    axes = range(lowered.dim)
    names = ["N"] if len(m) == 1 else [f"N_{j + 1}" for j in m]
    script = Script(emitter.LIBRARY, lowered.coordinates, [symbol(name) for name in given], names)
    held = {symbol(CORRECTOR, j): (j, (0,) * lowered.dim) for j in m}
    held |= {symbol(SLOPE, j, k): (j, unit(k, lowered.dim)) for j in m for k in axes}
    put = _Put(script, held, {symbol(SLOPE, j, k): symbol(MACRO, j, k) for j in m for k in axes})
    tables = lowered.integrands.values
    rows = [
        Row(
            put(tables["source"].get((i,), sp.S.Zero)),
            tuple(
                (-1, put(tables["flux"].get((i, k), sp.S.Zero)), unit(k, lowered.dim)) for k in axes
            ),
        )
        for i in m
    ]
    fluxes = flux_entries(script, rows, lowered.dim)
    law = {(f, i): put(e) for f in _LAW for i, e in tables[f].items()}
    law |= {("flux", (i, k)): fluxes[i][k] for i, k in tables["flux"]}
    summary = f"""{lowered.title}: the state problem at one value and gradient, for {emitter.NAME}.

    python state.py {STEPS}  # steps of training; prints the law there, writes effective.json
"""
    head = _numbers(script, [symbol(name) for name in given], given)
    write = "write_means({}, PARAMETERS)".format
    zero = f"Zero for {', '.join(script.unknowns)}: periodic, with zero mean."
    inside = row_functions(script, rows, lowered.dim, zero)
    values = {script.value(j, (0,) * lowered.dim) for j in m}
    means = [*law.values(), *(e for row in rows for _, e, _ in row.fluxes)]
    differentiated = not any(values & e.free_symbols for e in means)
    functions = CellFunctions(inside, effective_function(script, law), differentiated)
    text: str = emitter.cell_text(script, lowered.cell, summary, head, functions, write)
    return text


def _fine(
    equation: LoweredNonlinearEquation,
    reference: LoweredEquation,
    emitter: ModuleType,
    given: Mapping[str, float],
) -> str:
    """reference: the linear problem that carries domain and data."""
    require_equation(reference)
    lowered = replace(reference, parameters=equation.parameters, title=equation.title)
    script = equation_script(emitter.LIBRARY, lowered)
    m = range(equation.components)
    axes = range(len(equation.coordinates))
    units = [extended(lowered, unit(k, len(axes))) for k in axes]
    zero = extended(lowered, (0,) * len(axes))
    held = {symbol(VALUE, j): (j, zero) for j in m}
    held |= {symbol(SLOPE, j, k): (j, units[k]) for j in m for k in axes}
    put = _Put(script, held, {})
    tables = equation.integrands.values
    equations = []
    for i in m:
        own = [(-1, put(tables["flux"].get((i, k), sp.S.Zero)), units[k]) for k in axes]
        if lowered.time is not None:
            storage = put(tables["storage"].get((i,), sp.S.Zero))
            own.append((1, storage, extended(lowered, (0,) * len(axes), 1)))
        equations.append(Row(put(tables["reaction"].get((i,), sp.S.Zero)), tuple(own)))
    inside = row_functions(script, equations, len(axes), "Zero for the solution.")
    fluxes = flux_entries(script, equations, len(axes))
    rows = {}
    for name, conditions in conditions_by_part(lowered).items():
        normal = lowered.domain.part(name).normal_at(lowered.coordinates)
        rows[name] = tuple(
            _condition(script, c, sp.Add(*[n * q for n, q in zip(normal, fluxes[i])]), zero)
            for i, c in sorted(conditions.items())
        )
    numbers = _numbers(script, equation.parameters, {"epsilon": _EPS, **given})
    walls = part_residuals(lowered, rows)
    text: str = emitter.equation_text(script, lowered, "fine", numbers, inside, walls)
    return text


def _condition(
    script: Script, condition: Essential | Natural, across: sp.Expr, zero: MultiIndex
) -> sp.Expr:
    """What vanishes on a part of the boundary, with the flux across it."""
    if isinstance(condition, Essential):
        return script.value(condition.field, zero) - condition.value
    value = script.value(condition.equation, zero)
    return across + condition.alpha * value - condition.value


def _numbers(script: Script, symbols: Sequence[sp.Symbol], given: Mapping[str, float]) -> list[str]:
    """The statements that hold the numbers of a script."""
    held = {v.name: given[v.name] for v in symbols}
    lines = statement(f"PARAMETERS = {literal(held)}")
    return [*lines, *(unpacked(script.numbers, "PARAMETERS.values()") if held else [])]
