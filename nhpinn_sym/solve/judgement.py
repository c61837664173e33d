"""What is asked of solved cell problems, whichever backend they come from, and independent of
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel, effective_shape
from ..lower.forms import LoweredCells
from ..lower.real_imaginary import real_form
from ..problem.errors import SolveError, warn_tolerance
from ..resolution import quadrature_error, voigt_reuss
from .solution import Array, CellBatch, CellSolver

# Slow points at which the bounds are looked at.
_NODES = 3
# Share of the largest entry that rounding may take a tensor, which lies on its bounds, outside.
_ROUNDING = 1e-9


def judge(
    model: HomogenizedModel,
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    slow_points: Array,
    batch: CellBatch,
    solver: CellSolver,
) -> CellBatch:
    """The batch with info["data_error"], an estimate that is never below it, and info["bounds"].

    info["data_error"] : the error of the means of the coefficients by the backend's own quadrature,
                         relative to the largest entry; that of the backend where it gives one.
    info["bounds"]     : how far an entry of A is off at least, as A lies outside of its bounds
                         (`resolution.bounds`); relative to its largest, 0 inside, where they apply.
                         SolveError where that is more than the estimate, the data error and
                         rounding together.
    info["eigenvalues"] : those of A as a quadratic form (on strains in elasticity), where it is one
                         tensor, of Reuss's and Voigt's means, which enclose them one by one, and
                         Hashin's and Shtrikman's for an isotropic A, by name.
    """
    error = batch.info.get("data_error")
    chosen = _some(slow_points)
    if error is None:
        error = max(
            (_data_error(cells, parameters, slow_points[k], batch, k, solver) for k in chosen),
            default=0.0,
        )
    estimate = float(batch.info["estimate"])
    allowed = estimate + float(error)
    outside = [
        _outside(model, cells, parameters, slow_points[k], batch, k, allowed) for k in chosen
    ]
    known = [value for value in outside if value is not None]
    estimate = max([estimate, float(error), *known])
    info = {**batch.info, "data_error": float(error), "estimate": estimate}
    if known:
        info["bounds"] = max(known)
    if known and len(slow_points) == 1:
        info["eigenvalues"] = _ranges(model, cells, parameters, slow_points[0].tolist(), batch)
    return replace(batch, info=info)


def warn_of_estimate(
    what: str,
    info: Mapping[str, Any],
    unresolved: str | None = None,
    advice: str = "raise max_dofs=",
) -> None:
    """A ToleranceWarning where entries of a law are not known to the tolerance, or the data are
    not resolved. what: the backend, and what has the error."""
    if not info["estimate"] <= info["tolerance"] or unresolved:
        warn_tolerance(
            f"{what} an estimated error of {info['estimate']:.1e} of the largest entry, asked for"
            f" was {info['tolerance']:.1e}: {unresolved or advice}"
        )


def _some(slow_points: Array) -> list[int]:
    """Numbers of a few slow points: ends and middle."""
    return sorted({int(k) for k in np.linspace(0, len(slow_points) - 1, _NODES)})


def _data_error(
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    point: Array,
    batch: CellBatch,
    node: int,
    solver: CellSolver,
) -> float:
    """By the quadrature of the solver; of a complex problem, for the real form of its operator."""
    if cells.complex:
        cells = real_form(replace(cells, strong=(), functions=(), effective=(), higher=()))
    points, weights = solver.quadrature(batch, node)
    return quadrature_error(cells, parameters, point.tolist(), points, weights)


def _outside(
    model: HomogenizedModel,
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    point: Array,
    batch: CellBatch,
    node: int,
    allowed: float,
) -> float | None:
    """The distance from the bounds at one slow point, relative to the largest entry; None where
    there are none.
    """
    bounds = voigt_reuss(cells, parameters, point.tolist())
    if bounds is None:
        return None
    tensor = _tensor(model, cells, parameters, point.tolist(), batch, node)
    if tensor is None:
        return None
    size = float(np.abs(tensor).max())
    distances = bounds.distances(tensor)
    kind, distance = max(distances.items(), key=lambda pair: pair[1])
    if not distance <= (allowed + _ROUNDING) * size:
        phases = ""
        if bounds.phases is not None:
            phases = f", phases {bounds.phases}"
        raise SolveError(
            f"the effective tensor lies outside of its {kind} bounds by {distance / size:.1e}"
            f" of its largest entry, with an estimated error of {allowed:.1e}",
            term=(
                f"A = {np.array2string(tensor, precision=6)}, Reuss {_eigenvalues(bounds.lower)},"
                f" Voigt {_eigenvalues(bounds.upper)}{phases}"
            ),
            remedy=(
                "the solver missed something in the coefficients: another backend, a finer mesh or"
                " grid"
            ),
        )
    return distance / size


def _ranges(
    model: HomogenizedModel,
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    point: Sequence[float],
    batch: CellBatch,
) -> dict[str, list[float]]:
    bounds = voigt_reuss(cells, parameters, list(point))
    tensor = _tensor(model, cells, parameters, point, batch, 0)
    assert bounds is not None  # as the distance from them is known
    assert tensor is not None
    forms = {"A": bounds.reduced(tensor), "Reuss": bounds.lower, "Voigt": bounds.upper}
    found = {name: np.linalg.eigvalsh(form).tolist() for name, form in forms.items()}
    if bounds.phases is not None:
        found["Hashin-Shtrikman"] = bounds.isotropic_range
    return found


def _eigenvalues(matrix: Array) -> str:
    return np.array2string(np.linalg.eigvalsh(matrix), precision=6)


def _tensor(
    model: HomogenizedModel,
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    point: Sequence[float],
    batch: CellBatch,
    node: int,
) -> Array | None:
    """A at one slow point as an array of the shape of its indices; None where it is not a real
    number there.
    """
    numbers = {v: sp.Float(float(x), 17) for v, x in zip(cells.slow, point, strict=True)}
    numbers |= {
        v: sp.Float(parameters[str(v)], 17)
        for v in model.problem.parameters
        if isinstance(parameters.get(str(v)), float)
    }
    entries: dict[tuple[int, ...], complex] = {}
    for e in model.law:
        if e.name != "A":
            continue
        if e.value is None:
            entries[e.index] = complex(batch.effective["A", e.index][node])
            continue
        if model.cell_operator.frozen:
            return None  # a closed form is the mean over tau, and no value at this point
        value = e.value.xreplace(numbers)
        if value.free_symbols:
            return None
        entries[e.index] = complex(value)
    if (
        not entries
        or not np.all(np.isfinite(list(entries.values())))
        or any(v.imag for v in entries.values())
    ):
        return None
    tensor = np.zeros(effective_shape("A", model.problem.scales.dim, model.components))
    for index, value in entries.items():
        tensor[index] = value.real
    return tensor
