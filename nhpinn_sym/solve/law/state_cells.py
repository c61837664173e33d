"""The cells of the linearized model at a solved state, in the functions of the law itself: its
derivatives by the gradient are their cell functions, its tangent is their effective coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...problem.errors import UnsupportedError
from ...runtime.arrays import EffectiveKey
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.states import MacroState, States
from ..cell_solution import CellSolution, FormInfo
from ..cells import on_lattice, solution_of
from ..fem.grid_functions import cell_batch
from ..fourier.cells import FourierField
from ..interpolation import Array
from ..solution import CellBatch
from .law_states import LawStates


def cells_at(law: LawStates, macro: MacroState, level: Any) -> CellSolution:
    """The cells at one state, the first of a solved level. UnsupportedError where their law has
    more than a tangent.
    """
    linear = law.model.linearized
    states = level.states
    if law.nets is not None:
        _, _, states = law.nets.solved(macro)
    by_gradient = _by_gradient(law, states)
    functions = []
    for problem in linear.cell_problems:
        (unknown, index), sign = problem.sources[0]
        functions.append(sign * by_gradient[unknown, index.index(1)])
    tangent = law.frame.law(level.values).flux_p[..., 0]
    effective: dict[EffectiveKey, float] = {}
    for entry in linear.law:
        if entry.name != "A":
            raise UnsupportedError(
                f"the cells at a state of a law by {law.backend} beside their tangent",
                term=entry.name,
                remedy='write law = solve_law(model, "fourier")',
            )
        row, column = entry.left.index(1), entry.right.index(1)
        number = tangent[entry.equation, row, entry.field, column]
        effective[entry.name, entry.index] = float(number)
    info = {
        "method": f"derivatives of a state, {law.info['method']}",
        "estimate": float(level.estimate.max()),
        "tolerance": law.tolerance,
        "size": law.info["size"],
        "residual": float(states.residual.max()),
    }
    if law.elements is not None:
        made = level.space.assembly.function(np.array(functions))
        batch = cell_batch([made], [effective], [{}], info)
    else:
        batch = _fourier_batch(level.solver.grid, np.array(functions), effective, info)
    vectors = () if law.frame.vectors is None else law.frame.vectors.tolist()
    forms = tuple(FormInfo(p.name, "corrector", p.order, p.sources) for p in linear.cell_problems)
    found = on_lattice(batch, vectors)
    return solution_of(linear, law.backend, forms, found, law.parameters, law.parameters)


def _by_gradient(law: LawStates, states: States) -> Array:
    """Derivatives (m, d, m, ...) of the corrector of the first state by the gradient of u0, along
    the axes.
    """
    m = law.model.components
    assert states.columns is not None
    columns = states.columns[m:, 0]
    columns = columns.reshape(m, -1, *columns.shape[1:])
    if law.frame.vectors is None:
        return columns
    return np.moveaxis(np.tensordot(law.frame.vectors, columns, axes=(0, 1)), 0, 1)


def _fourier_batch(
    grid: Grid, modes: Array, effective: Mapping[EffectiveKey, float], info: Mapping[str, Any]
) -> CellBatch:
    """Functions with modes (count, m, ...)."""
    values = grid.backward(modes)
    whole = np.fft.fftn(values, axes=grid.axes, norm="forward")
    fields = tuple(tuple(FourierField(grid.bounds, (own,)) for own in row) for row in whole)
    entries = {key: np.array([value]) for key, value in effective.items()}
    return CellBatch(fields, entries, {**info, "fredholm": 0.0, "multipliers": {}})
