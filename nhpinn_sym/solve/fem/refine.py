"""Cell problems on finer and finer meshes, the same for every finite element backend.

A level is one mesh; the next one has its cells halved along each axis. Nothing but the results of a
level is asked for, so that a backend provides one function: (mesh, ...) -> result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...problem.errors import SolvabilityError
from ...runtime.fitted.functions import FittedMesh
from ...runtime.levels import (
    FEWEST,
    SAFETY,
    by_name,
    estimate_entries,
    relative_estimate,
)
from ...runtime.mesh import Mesh
from ..progress import Progress
from ..solution import Array, CellBatch, EffectiveKey
from .fitted_layout import CellLayout, FittedLayout
from .layout import Layout

EffectiveNumbers = Mapping[EffectiveKey, Array]


MARGIN = 2.0
"""The refinement goes on until the relative estimate is that much below the tolerance, which then
holds absolutely too for entries near 1.
"""

HIGHER = "h"
"""Name of the entries of the law beyond the homogenized equation."""

FREDHOLM_LIMIT = 1e-2
"""Relative defect of a right-hand side above which a cell problem has no solution; below, it may
come from the quadrature of a jump.
"""


def refine_cells(
    solve_level: Callable[[Mesh], CellBatch],
    layout: CellLayout,
    degree: int,
    tolerance: float,
    max_dofs: int,
    n: int | None,
    progress: Progress,
    label: str,
    components: int = 1,
    missed: Callable[[Mesh], float] = lambda mesh: 0.0,
    order: int = 2,
) -> CellBatch:
    """Solve the cell problems on finer and finer meshes until the effective entries are known to
    `tolerance`.

    The tolerance is relative to the largest entry of the same coefficient. The refinement stops
    before a mesh that would exceed `max_dofs`. `n` fixes the finest mesh, but for lines at jumps:
    then the coarser ones serve the estimate alone. `missed` is the relative error of the data on a
    mesh: no entry is known better. `order`: of the operator.
    The entries "h" of the higher law have no part in this: info["higher"] is their estimate.
    """
    start = time.perf_counter()
    limit = max_dofs // components
    levels = cell_meshes(layout, degree, limit, n)
    history: list[EffectiveNumbers] = []
    with progress(label) as task:
        for k, mesh in enumerate(levels):
            batch = solve_level(mesh)
            history.append(batch.effective)
            data_error = 0.0
            if k + 1 == len(levels) or len(history) > 2:
                data_error = missed(mesh)
            if isinstance(mesh, FittedMesh) and mesh.degree is not None:
                errors = degree_errors(history, data_error)
            else:
                # An operator of order 2m costs the functions m orders, and the entries twice as
                # many, but no less than their interfaces are off.
                rate = min(degree + 1 - order // 2, layout.geometry_order / 2)
                errors = entry_errors(_resolved(history, layout), rate, layout.erratic, data_error)
            estimate = relative_estimate(
                errors, batch.effective, by_name(errors, without=(HIGHER,))
            )
            task.update((k + 1) / len(levels), f"{mesh} cells, estimate {estimate:.1e}")
            # Two meshes may agree by accident, three hardly do.
            if n is None and len(history) > 2 and estimate <= tolerance / MARGIN:
                break
    _require_solvable(batch.info)
    info = {
        "seconds": time.perf_counter() - start,
        "size": components * mesh.count(degree),
        "cells": mesh.cells,
        "estimate": estimate,
        "data_error": data_error,
        "errors": {key: float(np.max(error)) for key, error in errors.items()},
    }
    if not estimate <= tolerance:
        option = "max_dofs="
        if n is not None:
            option = "n= (or lower h=)" if isinstance(mesh, FittedMesh) else "n="
        info["advice"] = f"that is on {mesh} cells: raise {option}, or accept a larger tolerance="
    higher = {key: HIGHER for key in errors if key[0] == HIGHER}
    if higher:
        info["higher"] = relative_estimate(errors, batch.effective, higher)
    return replace(batch, info={**batch.info, **info})


def _require_solvable(info: Mapping[str, Any]) -> None:
    """SolvabilityError where a right-hand side has a mean that is no error of the
    discretization.
    """
    if info["fredholm"] > FREDHOLM_LIMIT:
        name = max(info["multipliers"], key=info["multipliers"].get)
        raise SolvabilityError(
            f"the right-hand side of the cell problem {name} has the mean {info['fredholm']:.2e}"
            " relative to its size, and must have none",
            term=name,
            remedy=(
                "the expansion needs another ansatz, or a coefficient is not what was declared (its"
                " mean, its period)"
            ),
        )


def entry_errors(
    history: Sequence[EffectiveNumbers],
    degree: float,
    erratic: bool = False,
    data_error: float = 0.0,
) -> dict[EffectiveKey, Array]:
    """Absolute error estimate of each entry on the last level of `history`; see `estimate_entries`.

    Effective entries converge at twice the rate of the functions, 2 degree, for smooth
    coefficients. Jumps that the mesh does not meet make the changes `erratic`, and some are small
    by accident: there the rate is taken as 1. No entry is known better than `data_error` times the
    largest one of its coefficient. On two levels twice the change stands for the error.
    """
    rate = 2.0 ** (2 * degree)
    if erratic:
        rate = 2.0
    errors = estimate_entries(history, rate)
    if len(history) == 2:
        errors = {key: SAFETY * np.abs(history[1][key] - history[0][key]) for key in errors}
    return _at_least(errors, history[-1], data_error)


def cell_meshes(layout: CellLayout, degree: int, limit: int, n: int | None) -> Sequence[Mesh]:
    """Those of the layout, or of `n` cells along the longest axis."""
    if n is not None:
        return layout.given(layout.divided(n))
    if isinstance(layout, FittedLayout):
        return layout.levels_or_degrees(degree, limit)
    if not isinstance(layout, Layout) or len(layout.bounds) < 3:
        return layout.levels(degree, limit)
    levels = layout.levels(degree, limit)
    # A mesh in space costs eight times the one before: one more at the start, which costs nothing,
    # lets a large tolerance do without the last.
    return list(dict.fromkeys([layout.merged(levels[0]), *levels]))


def _resolved(
    history: Sequence[EffectiveNumbers], layout: CellLayout
) -> Sequence[EffectiveNumbers]:
    """Without the first mesh of triangles as soon as others are enough: it shows shapes by four
    triangles, and what vanishes by symmetry does not fall regularly from there."""
    if isinstance(layout, FittedLayout) and len(history) > FEWEST:
        return history[1:]
    return history


def degree_errors(
    history: Sequence[EffectiveNumbers], data_error: float = 0.0
) -> dict[EffectiveKey, Array]:
    """The same for elements of one degree more on each level: the last change, which is about the
    error of the level before; infinite on fewer than two levels.
    """
    last = history[-1]
    if len(history) == 1:
        return {key: np.full(np.shape(value), np.inf) for key, value in last.items()}
    errors = {key: np.abs(value - history[-2][key]) for key, value in last.items()}
    return _at_least(errors, last, data_error)


def _at_least(
    errors: Mapping[EffectiveKey, Array], values: EffectiveNumbers, data_error: float
) -> dict[EffectiveKey, Array]:
    """No entry is known better than the data."""
    sizes: dict[str, float] = {}
    for (name, _), value in values.items():
        sizes[name] = max(sizes.get(name, 0.0), float(np.max(np.abs(value))))
    return {key: np.maximum(error, data_error * sizes[key[0]]) for key, error in errors.items()}
