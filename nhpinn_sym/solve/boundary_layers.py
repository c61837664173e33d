"""The boundary layer of an expansion: what makes it satisfy the conditions on the walls.

u0 + eps N.u0 misses the data on a wall by eps N(x/eps).u0. The layer theta takes that back,

    L_eps theta = 0 in the domain,    theta = g - (u0 + eps N.u0) on walls where u = g is given,

and on walls where a flux is given with what that of the expansion misses there, which is of order 1
and oscillates: a (grad + grad_y N) u0, without a N of the order eps, to which the next corrector
adds as much;

with the operator of the multiscale problem itself: it decays within a few periods of the walls, and
in one dimension it is a constant flux. With it the error in H1 is of order eps, without it of order
eps^(1/2) in two dimensions and more (Allaire, Amar 1999, ESAIM: COCV 4:209; Moskow, Vogelius 1997).

Of a problem of first order in time with Dirichlet data the layer at every time is that of the data
and coefficients then: across eps the operator is so much faster than they change. What is left of
it away from the walls, of order eps, does not follow them in time; the error in H1 is of order eps
all the same.

Where fluxes are given in time, and of waves, the layer is the solution of the multiscale equation
in time, with what the expansion misses on the walls and at the start: fluxes spread, and what waves
have at the start stays (Brahim-Otsmane, Francfort, Murat 1992, J. Math. Pures Appl. 71:197).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from ..lower.equation import lower_fine
from ..lower.forms import External, LoweredEquation, MultiIndex
from ..operator.parse import parse
from ..operator.table import Operator
from ..problem.domain import refuse_lattice
from ..problem.errors import ProblemError
from ..problem.problem import MultiscaleProblem
from ..problem.regions import Region
from ..problem.user_input import parameter_numbers
from .backends import equation_solver
from .complex_parts import solve_in_parts
from .equations import judged
from .exports import SolutionExtent
from .layer_equation import FROZEN, at_one_time, not_covered
from .layers_in_time import in_time, wall_data
from .periods import check_periods_fit, fine_cells
from .progress import Progress, shown
from .solution import Array, Coefficients, Solution
from .waves import displacement, first_order_in_time, is_wave, steps_of_wave

_BACKEND = "skfem"
# Distance of the ends of two boxes that are one.
_SAME_WALL = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class LayeredExpansion(Solution):
    """An expansion and its boundary layer: first derivatives only, as those of the expansion."""

    expansion: Solution
    layer: Solution

    @property
    def extent(self) -> SolutionExtent:
        return self.expansion.extent

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        found = self.expansion.evaluate(points, indices, t)
        if t is None:
            return np.asarray(found + self.layer.evaluate(points, indices))
        return np.asarray(found + self.layer.evaluate(points, indices, t))


@dataclass(frozen=True, eq=False, repr=False)
class FrozenLayers(Solution):
    """The layers at all times, each of which is solved for when it is asked for, and kept."""

    spread: SolutionExtent
    solve: Callable[[float], Solution]
    kept: dict[float, Solution] = field(default_factory=dict)

    @property
    def extent(self) -> SolutionExtent:
        return self.spread

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        assert t is not None
        if t not in self.kept:
            self.kept[t] = self.solve(t)
        return self.kept[t].evaluate(points, indices)


def with_layers(
    expansion: Solution,
    slopes: Solution,
    problem: MultiscaleProblem,
    eps: float,
    per_period: int | None,
    parameters: Mapping[sp.Symbol, float] | None,
    progress: Progress | None,
) -> LayeredExpansion:
    """The expansion at `eps` with its layer at the walls of `problem`, by elements on a mesh that
    resolves the period. `slopes`: what its derivatives are in fluxes on walls.

    UnsupportedError for derivatives along walls, means that are open, and mean fields that keep
    their final time alone; ProblemError for what is no problem in the domain of the expansion.
    """
    operator = parse(problem)
    system = first_order_in_time(problem) if is_wave(problem) else None
    lowered = _lowered(operator, system)
    _require_domain_of(expansion, lowered)
    check_periods_fit(problem, eps)
    numbers: dict[str, Any] = {"epsilon": eps, **parameter_numbers(parameters, problem.parameters)}
    cells = fine_cells(problem, eps, per_period)
    steps = None if system is None else steps_of_wave(operator, eps)
    # What a flux lets in spreads over the domain in time, and no layer at one time knows it.
    evolves = lowered.time is not None and (system is not None or bool(lowered.natural))
    if evolves:
        known = wall_data(expansion, slopes, lowered, root=2 if system is None else 1)
        equation, data = in_time(lowered, known, len(problem.unknowns))
        numbers |= data
    else:
        equation = at_one_time(lowered)

    def solve(t: float | None) -> Solution:
        layer = solve_in_parts(
            equation_solver(_BACKEND),
            equation,
            _values_of(expansion, slopes, t),
            numbers if t is None else {**numbers, FROZEN: t},
            shown(progress),
            at_least=cells,
            steps=steps,
        )
        return judged(layer, equation, {"at_least": None})

    end = expansion.final_time
    layer = solve(None if evolves else end)
    if system is not None:
        layer = displacement(layer, len(problem.unknowns))
    if end is not None and not evolves:
        layer = FrozenLayers(
            layer.backend, layer.method, layer.info, expansion.extent, solve, {end: layer}
        )
    return LayeredExpansion(
        expansion.backend,
        f"{expansion.method}, boundary layers by {layer.backend}",
        {**expansion.info, "boundary layers": dict(layer.info)},
        expansion,
        layer,
    )


def _lowered(operator: Operator, system: MultiscaleProblem | None) -> LoweredEquation:
    """The multiscale equation; UnsupportedError where it has no layer."""
    refuse_lattice(operator.problem.cell, "boundary layers")
    lowered = lower_fine(operator, system)
    if any(n.terms for n in lowered.natural):
        raise not_covered("at walls with derivatives along them", lowered.title)
    if isinstance(lowered.domain, Region):
        _refuse_reentrant(lowered.domain)
    if lowered.natural and lowered.time is None and not _is_held(lowered):
        raise not_covered("where no condition holds the mean", lowered.title)
    return lowered


def _refuse_reentrant(region: Region) -> None:
    """Where the gradient of u0 is unbounded, the data of the layer are the trace of no function of
    finite energy."""
    for corner in region.corners:
        if corner.angle > np.pi and not corner.straight:
            degrees = np.degrees(corner.angle)
            place = ", ".join(f"{x:.4g}" for x in corner.place)
            raise not_covered(
                "in a region with a reentrant corner, where the gradient of u0 is unbounded",
                f"the corner of {degrees:.4g} degrees at ({place})",
            )


def _is_held(lowered: LoweredEquation) -> bool:
    """Whether every unknown is held on a wall, or appears without a derivative."""
    held = {e.field for e in lowered.essential}
    held |= {n.equation for n in lowered.natural if n.alpha != 0}
    held |= {t.field for t in lowered.bilinear if not any(t.right)}
    return len(held) == lowered.components


def _require_domain_of(expansion: Solution, lowered: LoweredEquation) -> None:
    own = [(line[0], line[-1]) for line in expansion.extent.lines]
    bounds = lowered.domain.bounds
    if len(own) != len(bounds) or not np.allclose(own, bounds, rtol=0, atol=_SAME_WALL):
        raise ProblemError(
            "the expansion does not belong to the domain of the problem",
            term=lowered.domain,
            remedy="write boundary_layers=problem, the problem that was homogenized",
        )


def _values_of(expansion: Solution, slopes: Solution, t: float | None) -> Coefficients:
    """The values of an expansion at one time as coefficients of an equation."""

    def value(external: External, points: Array) -> Array:
        source = slopes if any(external.derivative) else expansion
        values = source.derivative(points, external.derivative, t)
        if values.ndim == 1:
            return values
        return values[:, external.index[0]]

    return value
