"""Numbers from coefficient expressions: values on a grid of the cell at sampled slow points and parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef

from .table import Operator

_PER_AXIS = {1: 128, 2: 48, 3: 16}


def is_opaque(expr: sp.Expr) -> bool:
    """Whether the expression holds functions without a formula, such as sp.Function("a")(*s.y)."""
    return bool(expr.atoms(AppliedUndef))


def cell_grid(op: Operator) -> list[NDArray[np.float64]]:
    """Midpoint grid of the cell, one flat array per fast variable (spectrally accurate means for smooth periodic functions)."""
    n = _PER_AXIS[op.problem.scales.dim]
    axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in op.problem.cell.bounds]
    return [g.ravel() for g in np.meshgrid(*axes, indexing="ij")]


def slow_samples(op: Operator) -> list[dict[sp.Symbol, float]]:
    """A few points of the domain, the time interval and the parameter ranges: ends, middle and a generic point."""
    problem = op.problem
    boxes = problem.domain.bounds if problem.domain else ((0.0, 1.0),) * problem.scales.dim
    end = float(problem.final_time) if problem.final_time is not None else 1.0
    ranges = dict(zip(problem.scales.physical, (*boxes, (0.0, end)), strict=True))
    ranges |= {symbol: (float(a), float(b)) for symbol, (a, b) in problem.parameters.items()}
    return [{v: a + (b - a) * (w + k * 0.013) for k, (v, (a, b)) in enumerate(ranges.items())} for w in (1e-9, 0.27, 0.5, 0.71, 0.93)]


def evaluate(exprs: Sequence[sp.Expr], op: Operator, slow: dict[sp.Symbol, float]) -> list[NDArray[np.float64]]:
    """Each expression on the cell grid at one slow point: flat arrays; never raises on nan or infinity."""
    grid = cell_grid(op)
    with np.errstate(all="ignore"):
        call = sp.lambdify([*op.fast, *slow], list(exprs), "numpy", cse=True)
        values = call(*grid, *slow.values())
    return [np.broadcast_to(np.asarray(v), grid[0].shape) for v in values]


def shifted(expr: sp.Expr, op: Operator, axis: int) -> sp.Expr:
    """The expression one period further along a fast axis."""
    y = op.fast[axis]
    return expr.xreplace({y: y + op.problem.cell.lengths[axis]})


