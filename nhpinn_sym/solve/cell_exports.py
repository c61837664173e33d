"""Solved cells as data of other programs: xarray, an image for ParaView, and effective.json, which
the mains of emitted folders read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from ..derive.model import HomogenizedModel
from ..emit.source import output_path, write_atomic
from ..lower.cells import lower_cells
from ..problem.errors import ProblemError
from ..problem.numeric import lambdified
from ..problem.user_input import instance
from ..runtime.effective import Effective
from ..runtime.tensor_grids import tensor_points
from .exports import COUNTS, arrays, equally_spaced, xarray_module
from .provenance import warn_of_other_operator
from .solution import Array, EffectiveKey
from .vtk_files import write_image

if TYPE_CHECKING:
    from .cell_solution import CellFunction, CellSolution

EQUATION = "rho u_t - div(A grad u) + b . grad u + c u = f; u = u0 + eps (N_0 u0 + N_j d_j u0)"
_FOURTH_ORDER = "derivatives of fourth order: A[k, l, p, q]"
_KINDS = {
    "K": "-div( K/mu (grad p - f) ) = 0",
    "D": "N = A E + B K, M = B^T E + D K: forces and moments of strain E and K = D^2 u_3",
    "rates": (
        "rho u_t + sum_k weights[k] d_t z_k - div(A grad u) = f,"
        " d_t z_k + rates[k] z_k = f/rho_block - u_t"
    ),
}
"""Equations of the kinds that have another law, by a coefficient that no other one has."""
CONVENTIONS = {
    "A": "A[k, l], of systems A[i, k, j, l], multiplies d_k( . d_l u_j) in equation i",
    "b": "b[l], of systems b[i, j, l], multiplies d_l u_j in equation i",
    "c": "c, of systems c[i, j], multiplies u_j in equation i",
    "rho": "rho, of systems rho[i, j], multiplies d_t u_j in equation i",
    "drift": "the equation holds in X = x - drift t/eps",
    "lambda0": "u = exp(-lambda0 t/eps^2) phi(x/eps) v, and v solves the equation",
    "h": "h[n, i, left, j, right]: D^left( . D^right U_j) in equation i of order n",
    "M": "M[i, j]: the mean of u_i is M[i, j] f_j, times the power of eps of the law",
    "K": "K[i, j]: v_i = K[i, j]/mu (f_j - d_j p)",
    "B": "rows and columns 11, 22, 12, shears doubled; the other sign belongs to K = -D^2 u_3",
    "D": "rows and columns 11, 22, 12, shears doubled",
    "rates": "of the modes of the blocks, in the order of the weights",
    "weights": "of the modes of the blocks, in the order of the rates",
}
"""Of effective coefficients, by name; indices are numbered from 0."""
UNITS = {
    "A": "those of the leading coefficient in the problem",
    "b": "A / length",
    "c": "A / length^2",
    "rho": "those of the factor of u_t in the problem",
    "drift": "length / time, for the length and the time of x and t",
    "lambda0": "1 / time, for the time of t",
    "K": "length^2, for the length of y",
    "B": "those of the moduli, times length^2 of y",
    "D": "those of the moduli, times length^3 of y",
    "rates": "1 / time, for the time of t",
    "weights": "those of the factor of u_t in the problem",
}
"""The package has no units of its own: they follow from those of the data."""
# Square matrices that have no axes for equations, and what their rows are.
_MATRICES = {"voigt": "pair", "mandel": "pair", "K": "k", "D": "pair"}
# Whether an effective coefficient has axes for a derivative to its left and to its right.
_AXES = {"A": (2, 2), "B": (1, 1), "beta": (1, 0), "g": (1, 0), "b": (0, 1), "mixed": (0, 1)}


def to_xarray(cells: CellSolution, n: int | None) -> Any:
    """The data set of `CellSolution.to_xarray`."""
    xarray = xarray_module()
    lines = _cell_lines(cells, n)
    slow = {name: cells.nodes.axis_nodes(k) for k, name in enumerate(cells.slow)}
    coordinates = {**slow, **lines}
    shape = tuple(len(line) for line in lines.values())
    points = tensor_points(list(lines.values()))
    variables: dict[str, Any] = {}
    for function in _functions(cells):
        parts = [
            field.derivative(points, (0,) * cells.axes).reshape(*map(len, slow.values()), *shape)
            for field in function.components
        ]
        dims = [*slow, *lines]
        values = parts[0]
        if len(parts) > 1:
            dims.append("component")
            values = np.stack(parts, axis=-1)
        variables[function.name] = (dims, values)
    for name, value in _coefficients(cells, slow).items():
        variables[name] = value
    return xarray.Dataset(variables, coordinates, _attributes(cells))


def to_vti(
    cells: CellSolution,
    path: str | os.PathLike[str],
    n: int | None,
    x: ArrayLike | None,
    model: HomogenizedModel | None,
) -> Path:
    """The file of `CellSolution.to_vti`."""
    if cells.axes > 3:
        raise ProblemError("a cell of more than three axes is no image", term=tuple(cells.cell))
    lines = _cell_lines(cells, n)
    points = tensor_points(list(lines.values()))
    values: dict[str, Array] = {}
    for function in _functions(cells):
        values |= arrays(function.name, function(points, x))
    for name, value in _data(cells, model, points, x).items():
        values |= arrays(name, value)
    axes = list(lines.values())
    return write_image(
        path,
        [line[0] for line in axes],
        [line[1] - line[0] for line in axes],
        [len(line) for line in axes],
        values,
    )


def to_json(cells: CellSolution, path: str | os.PathLike[str]) -> Path:
    """The file of `CellSolution.to_json`."""
    text = json.dumps(effective_record(cells), indent=1, allow_nan=False)
    return write_atomic(output_path(path), f"{text}\n".encode())


def effective_record(cells: CellSolution) -> dict[str, Any]:
    """The effective coefficients as `runtime.effective` reads them, with conventions and units."""
    slow: dict[str, tuple[float, float]] = {}
    known: dict[EffectiveKey, float | str] = {}
    bounds = dict(zip(cells.slow, cells.nodes.bounds, strict=True))
    sampled: list[EffectiveKey] = []
    for key, entry in cells.entries.items():
        names = _places(cells, entry.columns, entry.formula)
        if entry.constant or names <= bounds.keys():
            sampled.append(key)
            slow |= {name: bounds[name] for name in bounds if name in names}
        else:
            known[key] = str(entry.formula)
    order = {name: slow[name] for name in bounds if name in slow}

    def solve(point: dict[str, float]) -> dict[EffectiveKey, Any]:
        row = np.array([[point.get(name, 0.0) for name in _column_names(cells)]])
        return {key: cells.entries[key](row)[0] for key in sampled}

    table = Effective.sampled(solve, order, cells.parameters, known)
    return {
        **table.record(),
        "interpolation": table.interpolation,
        **_meaning(cells, list(dict.fromkeys(name for name, _ in cells.entries))),
        **_attributes(cells),
    }


def _meaning(cells: CellSolution, names: Sequence[str]) -> dict[str, Any]:
    """The equation that the coefficients belong to, their conventions and units."""
    plain = EQUATION if cells.order == 2 else _FOURTH_ORDER
    conventions, units = conventions_of(names), UNITS
    if "D" in names:
        units = {**UNITS, "A": "those of the moduli, times length of y"}
    return {
        "equation": next((_KINDS[name] for name in names if name in _KINDS), plain),
        "conventions": {name: conventions[name] for name in names if name in conventions},
        "units": {name: units[name] for name in names if name in units and cells.order == 2},
    }


def conventions_of(names: Collection[str]) -> dict[str, str]:
    """CONVENTIONS, where there are coefficients of these names: A beside D is that of a plate."""
    if "D" in names:
        return {**CONVENTIONS, "A": CONVENTIONS["D"]}
    return CONVENTIONS


def _functions(cells: CellSolution) -> list[CellFunction]:
    kernels = [f for f in (cells.ground_state, *cells.adjoints) if f is not None]
    return [*kernels, *cells.functions]


def _cell_lines(cells: CellSolution, n: int | None) -> dict[str, Array]:
    """Points of each axis of the cell, by name; both ends are there."""
    if not cells.cell:
        raise ProblemError(
            "these cells do not know their cell: their file was written by an earlier version",
            remedy="solve them again",
        )
    count = COUNTS.get(cells.axes, 9) if n is None else n
    return dict(zip(cells.cell, equally_spaced(cells.cell.values(), count), strict=True))


def _column_names(cells: CellSolution) -> list[str]:
    """What the columns of slow points are."""
    space = [f"x{k + 1}" for k in range(cells.dim)]
    return [*space, "t", *(name for name in cells.slow if name not in (*space, "t"))]


def _places(cells: CellSolution, columns: tuple[int, ...], formula: sp.Expr | None) -> set[str]:
    if formula is not None:
        return {str(symbol) for symbol in formula.free_symbols}
    names = _column_names(cells)
    return {names[k] for k in columns}


def _coefficients(cells: CellSolution, slow: Mapping[str, Array]) -> dict[str, Any]:
    """The effective coefficients with their dimensions: numbers, or values at the slow nodes."""
    found: dict[str, Any] = {}
    for name, value in cells.effective.items():
        if name == "h":
            found |= {
                f"h_{n}": ([f"h_{n}_{k}" for k in range(np.ndim(tensor))], tensor)
                for n, tensor in value.items()
                if n > cells.order
            }
        elif not callable(value):
            found[name] = (_dimensions(cells, name, np.ndim(value)), value)
        elif all(key.startswith("x") for key in slow):
            columns = [slow.get(f"x{k + 1}", np.zeros(1)) for k in range(cells.dim)]
            values = np.asarray(value(tensor_points(tuple(columns))))
            dims = [*slow, *_dimensions(cells, name, values.ndim - 1)]
            found[name] = (dims, values.reshape(*map(len, slow.values()), *values.shape[1:]))
    return found


def _dimensions(cells: CellSolution, name: str, count: int) -> list[str]:
    most = cells.order // 2
    left, right = (min(number, most) for number in _AXES.get(name, (0, 0)))
    systems = int(cells.components > 1)
    names = [
        *["equation"][:systems],
        *["k", "k_2"][:left],
        *["unknown"][:systems],
        *["l", "l_2"][:right],
    ]
    if name == "drift":
        names = ["l"]
    if name in ("rates", "weights"):
        names = ["mode"]
    if name in _MATRICES:
        names = [_MATRICES[name], f"{_MATRICES[name]}_2"]
    if len(names) == count:
        return names
    return [f"{name}_{k}" for k in range(count)]


def _data(
    cells: CellSolution, model: HomogenizedModel | None, points: Array, x: ArrayLike | None
) -> dict[str, Array]:
    """The coefficients of a model at points of its cell; none without a model."""
    if model is None:
        return {}
    instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    warn_of_other_operator(cells.info, model.operator)
    lowered = lower_cells(model)
    numbers = dict(cells.parameters)
    if x is not None:
        coordinates = zip(model.problem.scales.x, np.ravel(np.asarray(x)))
        numbers |= {str(v): float(value) for v, value in coordinates}
    found: dict[str, Array] = {}
    for coefficient in dict.fromkeys(_unsigned(t.coefficient) for t in lowered.bilinear):
        if coefficient.free_symbols & set(lowered.coordinates):
            name = "coefficient" if not found else f"coefficient_{len(found) + 1}"
            found[name] = _sampled(coefficient, lowered.coordinates, numbers, points)
    return found


def _sampled(
    coefficient: sp.Expr,
    coordinates: Sequence[sp.Symbol],
    numbers: Mapping[str, float],
    points: Array,
) -> Array:
    """A coefficient at points of the cell; ProblemError where it depends on what has no number."""
    free = coefficient.free_symbols - set(coordinates)
    if any(str(s) not in numbers for s in free):
        raise ProblemError(
            "a coefficient depends on more than the cell",
            term=coefficient,
            remedy="give x=, a point of the domain",
        )
    expr = coefficient.xreplace({s: sp.Float(numbers[str(s)], 17) for s in free})
    call = lambdified(tuple(coordinates), expr, "numpy")
    return np.broadcast_to(np.asarray(call(*points.T)), len(points)).copy()


def _unsigned(coefficient: sp.Expr) -> sp.Expr:
    """A coefficient without the sign that the weak form gives it."""
    if coefficient.could_extract_minus_sign():
        return -coefficient
    return coefficient


def _attributes(cells: CellSolution) -> dict[str, Any]:
    return {
        "backend": cells.backend,
        "method": cells.method,
        "estimate": float(cells.info["estimate"]),
    }
