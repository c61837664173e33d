"""Cell functions of several backends against each other, on one quadrature of the cell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..derive.model import HomogenizedModel
from ..lower.forms import LoweredCells
from ..runtime.arrays import Array
from ..runtime.quadrature import Quadrature
from ..solve.cell_solution import CellFunction, CellSolution
from ..solve.slow_variables import slow_box
from .quadrature import resolving


def function_differences(
    model: HomogenizedModel,
    lowered: LoweredCells,
    cells: Mapping[str, CellSolution],
    reference: str,
) -> dict[str, dict[str, dict[str, float]]]:
    """{cell function: {backend: {"L2", "H1"}}}: differences from the function of the backend
    `reference`, relative to the largest of its functions; H1 is the seminorm. Kernels count. At the
    middle of the slow variables' ranges."""
    quadrature = resolving(lowered.cell, (1.0,) * lowered.cell.dim)
    middle = np.array([(a + b) / 2 for a, b in slow_box(model, lowered)[0]])
    spatial = tuple(
        k for k, axis in enumerate(model.cell_operator.axes) if axis.slow < cells[reference].dim
    )
    known = {name: _samples(c, quadrature, middle, spatial) for name, c in cells.items()}
    sizes = [_norms(quadrature, values) for values in known[reference].values()]
    largest = {kind: max((s[kind] for s in sizes), default=0.0) for kind in ("L2", "H1")}
    table: dict[str, dict[str, dict[str, float]]] = {}
    for function, right in known[reference].items():
        for name in cells:
            if name != reference and function in known[name]:
                off = _norms(quadrature, known[name][function] - right)
                table.setdefault(function, {})[name] = {
                    kind: value / largest[kind] if largest[kind] else value
                    for kind, value in off.items()
                }
    return table


def _samples(
    cells: CellSolution, quadrature: Quadrature, middle: Array, spatial: tuple[int, ...]
) -> dict[str, Array]:
    """{name: (n, 1 + d, components)}: values and first derivatives at the points."""
    kernels = [f for f in (cells.ground_state, *cells.adjoints) if f is not None]
    return {
        f.name: _with_gradient(f, quadrature.points, middle, spatial)
        for f in (*kernels, *cells.functions)
    }


def _with_gradient(
    function: CellFunction, points: Array, middle: Array, spatial: tuple[int, ...]
) -> Array:
    slow = np.tile(middle, (len(points), 1))
    axes = points.shape[1]
    none = (0,) * len(middle)
    indices = [(0,) * axes, *(tuple(int(k == axis) for k in range(axes)) for axis in spatial)]
    found = function.at(points, slow, indices, none)
    return np.swapaxes(found.reshape(len(indices), len(points), -1), 0, 1)


def _norms(quadrature: Quadrature, samples: Array) -> dict[str, float]:
    return {"L2": quadrature.norm(samples[:, 0]), "H1": quadrature.norm(samples[:, 1:])}
