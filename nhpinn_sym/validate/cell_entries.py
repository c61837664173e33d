"""Effective coefficients as numbers to compare: at one place, or at some of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..problem.domain import Cell
from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import Array
from ..solve.cell_solution import CellSolution
from ..solve.domains import line_points

PLACES = 5
"""Places along the diagonal of the domain at which functions of x are compared."""
# Made of the others.
_DERIVED = ("h", "voigt", "mandel")
# Share of the largest entry of A that the entries of another coefficient are measured by where all
# of them are smaller: they may vanish.
_LEAST = 1e-3


def places(problem: MultiscaleProblem) -> Array:
    """(n, d), with the time (n, d + 1): where coefficients that depend on x are compared."""
    shares = np.linspace(0, 1, PLACES)[:, None]
    dim = problem.scales.dim
    domain = problem.domain if problem.domain is not None else Cell.unit(dim)
    points = line_points(domain, PLACES)
    if not problem.scales.time:
        return points
    end = 1.0 if problem.final_time is None else float(problem.final_time)
    return np.concatenate([points, shares * end], axis=1)


def entries(cells: CellSolution, problem: MultiscaleProblem) -> dict[str, Array]:
    """{name: array}: the effective coefficients, functions of x at `places` along a first axis."""
    return arrays(cells.effective, problem)


def arrays(effective: Mapping[str, Any], problem: MultiscaleProblem) -> dict[str, Array]:
    """The same of a dictionary of them."""
    x = places(problem)
    return {
        name: np.asarray(value(x) if callable(value) else value)
        for name, value in effective.items()
        if name not in _DERIVED
    }


def distance(one: Mapping[str, Array], other: Mapping[str, Array]) -> tuple[float, str]:
    """(the largest difference of two sets of entries, relative to the largest entry of their
    tensor; its name)."""
    worst, where = 0.0, ""
    least = _LEAST * _size(one["A"]) if "A" in one else 0.0
    for name in sorted(one.keys() & other.keys()):
        size = max(_size(one[name]), _size(other[name]), least)
        found = _size(one[name] - other[name]) / size if size else 0.0
        if not found <= worst:
            worst, where = found, name
    return worst, where


def _size(values: Array) -> float:
    return float(np.max(np.abs(values), initial=0.0))
