"""Independent evidence for the verdict: the mesh of the reference against its data, larger eps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..lower.equation import lower_fine
from ..lower.forms import LoweredEquation
from ..lower.nonlinear_reference import reference_fine
from ..operator.parse import parse
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import parameter_numbers
from ..resolution import AxisResolution, resolve_equation
from ..runtime.arrays import Array
from ..solve.solution import Solution
from ..solve.waves import first_order_in_time, is_wave
from .budget_verdict import FEWEST_PERIODS

# Larger eps that are tried, over the given one.
_RATIOS = (2, 3, 4, sp.Rational(3, 2), 5)
# Solves at larger eps: the second where the first does not tell.
_MOST_LARGER = 2
# Mesh cells wider than this, in panels of the data, may miss a feature.
_COARSE = 2.0
# Up to rounding: periods of a domain are whole, a break lies on a line of the mesh.
_ON_LINE = 1e-9


def oscillating_axes(model: HomogenizedModel | NonlinearModel) -> tuple[int, ...]:
    """The axes along which a coefficient or source oscillates."""
    op = model.operator
    fast = [axis for axis in op.axes if axis.slow < op.problem.scales.dim]
    data = (*op.table.values(), *op.fluxes.values())
    held = [a.slow for a in fast if any(c.has(a.symbol) for c in data)]
    return tuple(sorted(set(held)))


def fewest_periods(model: HomogenizedModel | NonlinearModel, eps: sp.Expr) -> sp.Expr:
    """Across the domain, along axes of oscillation; infinite where there are none."""
    problem = model.problem
    assert problem.domain is not None
    found = [
        problem.domain.lengths[k] / (eps * problem.cell.lengths[k]) for k in oscillating_axes(model)
    ]
    return min(found, default=sp.oo)


def larger_eps(model: HomogenizedModel | NonlinearModel, eps: sp.Expr) -> Iterator[sp.Expr]:
    """At most two larger eps at which scales are separated, and axes that are periodic, or go
    through holes, hold whole ones."""
    problem = model.problem
    assert problem.domain is not None
    found = 0
    least = FEWEST_PERIODS - _ON_LINE
    exact = range(problem.scales.dim) if problem.holes else problem.periodic_axes
    for ratio in _RATIOS if oscillating_axes(model) else ():
        lengths = problem.domain.lengths
        cell = problem.cell.lengths
        counts = [lengths[k] / (ratio * eps * cell[k]) for k in range(len(lengths))]
        whole = all(abs(float(counts[k]) - round(float(counts[k]))) < _ON_LINE for k in exact)
        if whole and fewest_periods(model, ratio * eps) >= least and found < _MOST_LARGER:
            found += 1
            yield ratio * eps


def fine_equation(of: HomogenizedModel | NonlinearModel | MultiscaleProblem) -> LoweredEquation:
    """The multiscale equation; of a nonlinear one its tangent, which has the same data."""
    if isinstance(of, NonlinearModel):
        return reference_fine(of.state)
    problem = of if isinstance(of, MultiscaleProblem) else of.problem
    return lower_fine(parse(problem), first_order_in_time(problem) if is_wave(problem) else None)


def data_breaks(
    of: HomogenizedModel | NonlinearModel | MultiscaleProblem,
    eps: float,
    parameters: Mapping[sp.Symbol, float] | None,
) -> tuple[tuple[float, ...], ...]:
    """Planes across each axis at which data of the multiscale equation jump or kink."""
    problem = of if isinstance(of, MultiscaleProblem) else of.problem
    numbers = parameter_numbers(parameters, problem.parameters)
    return resolve_equation(fine_equation(of), {**numbers, "epsilon": eps}).breaks


def coarse_reference(
    model: HomogenizedModel | NonlinearModel,
    fine: Solution,
    eps: float,
    parameters: Mapping[str, float],
) -> str:
    """Why the mesh of the fine solution does not resolve the data of its equation; "" where it
    does."""
    if not fine.lines:
        return ""
    found = resolve_equation(fine_equation(model), {**parameters, "epsilon": eps})
    if found.unresolved is not None:
        return found.unresolved
    for axis, lines in zip(found.axes, fine.lines, strict=True):
        trouble = _missed(axis, lines)
        if trouble:
            return trouble
    return ""


def _missed(axis: AxisResolution, lines: Array) -> str:
    """What of the data along one axis the mesh misses."""
    panels = np.array(axis.lines)
    if len(panels) < 2:
        return ""
    middles = (panels[1:] + panels[:-1]) / 2
    widths = np.diff(panels)
    place = np.clip(np.searchsorted(lines, middles) - 1, 0, len(lines) - 2)
    cells = np.diff(lines)[place]
    worst = int(np.argmax(cells / widths))
    if cells[worst] > _COARSE * widths[worst]:
        return (
            f"data vary over {widths[worst]:.2g} at {axis.symbol} = {middles[worst]:.6g}, where "
            "mesh "
            f"cells are {cells[worst]:.2g} wide"
        )
    near = np.abs(lines[:, None] - np.array(axis.breaks)[None, :]).min(axis=0, initial=np.inf)
    off = near > _ON_LINE * (lines[-1] - lines[0])
    if np.any(off):
        return (
            f"data break at {axis.symbol} = {axis.breaks[int(np.argmax(off))]:.6g}, on no mesh line"
        )
    return ""
