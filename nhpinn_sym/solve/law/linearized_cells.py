"""The coefficients of the linearized model at a solved state of a nonlinear cell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ...derive.nonlinear.linearized import tangent_entry, tangent_name
from ...derive.nonlinear.model import NonlinearModel
from ...derive.nonlinear.state import StateProblem
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.law_levels import LawLevel
from ...runtime.fourier.states import MacroState
from ...runtime.nonlinear_arrays import CORRECTOR, MACRO, SLOPE, VALUE, named, off_zero
from ..callable_coefficients import names_in_table
from ..interpolation import Array


def tangent_functions(
    model: NonlinearModel, forms: Any, macro: MacroState, level: LawLevel
) -> dict[str, Any]:
    """T(y) of the linearized model by name, at one state."""
    state = model.state
    names = names_in_table(model.linearized.operator)
    functions: dict[str, Any] = {}
    for index in _tangent_indices(state):
        entry = tangent_entry(state, *index)
        name = tangent_name(*entry, state.components)
        if name in names:
            functions[name] = partial(_tangent_at, forms, macro, level, entry)
    return functions


def tangent_tensors(functions: Mapping[str, Any], level: LawLevel) -> dict[str, Any]:
    """The same as functions of tensors: trigonometric polynomials on a finer grid."""
    from ..pinn import trigonometric  # torch, which other backends do not need

    coarse = level.solver.grid
    grid = Grid(coarse.bounds, 2 * coarse.n + 1)
    points = np.broadcast_arrays(*grid.points)
    return {
        name: trigonometric.on_tensors(function(*points), grid.bounds)
        for name, function in functions.items()
    }


def _tangent_at(
    forms: Any, macro: MacroState, level: LawLevel, entry: tuple[int, int, int, int], *y: Array
) -> Array:
    """One entry of the tangent at points of the cell."""
    shape = np.broadcast_shapes(*map(np.shape, y))
    points = np.stack([np.broadcast_to(v, shape).ravel() for v in y], axis=-1)
    tables = forms.slopes(_data_at(forms, macro, level, points))
    found = tables.get("flux_p", {}).get(entry, 0.0)
    return np.broadcast_to(found, (len(points),)).reshape(shape)


def _data_at(forms: Any, macro: MacroState, level: LawLevel, points: Array) -> dict[str, Any]:
    """What the text is called with, at points (q, d) of the cell and one state."""
    d = points.shape[1]
    units = np.eye(d, dtype=int).tolist()
    slopes = [level.corrector(0, points, tuple(unit)) for unit in units]
    total = macro.slopes[:, :, :1] + np.stack(slopes, axis=1)
    others = {name: v[0] if np.ndim(v) else v for name, v in macro.others.items()}
    return {
        **dict(zip(forms.COORDINATES, points.T)),
        **others,
        **named(VALUE, macro.values[:, :1], 1),
        **named(MACRO, macro.slopes[:, :, :1], 2),
        **named(CORRECTOR, level.corrector(0, points, (0,) * d), 1),
        **named(SLOPE, off_zero(total), 2),
    }


def _tangent_indices(state: StateProblem) -> list[tuple[int, int, int, int]]:
    """(equation, axis, unknown, axis) of the entries of the tangent that are not zero."""
    d = state.dim
    rows, columns = state.tangent.shape
    return [
        (row // d, row % d, column // d, column % d)
        for row in range(rows)
        for column in range(columns)
        if state.tangent[row, column] != 0
    ]
