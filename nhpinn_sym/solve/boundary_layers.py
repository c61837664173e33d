"""The boundary layer of an expansion: what makes it satisfy the conditions on the walls.

u0 + eps N.u0 misses the data on a wall by eps N(x/eps).u0. The layer theta takes that back,

    L_eps theta = 0 in the domain,    theta = g - (u0 + eps N.u0) on walls where u = g is given,

and on walls where a flux is given with what the flux of the expansion misses there, which is of
order 1 and oscillates;

with the operator of the multiscale problem itself: it decays within a few periods of the walls, and
in one dimension it is a constant flux. With it the error in H1 is of order eps, without it of order
eps^(1/2) in two dimensions and more (Allaire, Amar 1999, ESAIM: COCV 4:209; Moskow, Vogelius 1997).

Of a problem of first order in time the layer at every time is that of the data and coefficients
then: across eps the operator is so much faster than they change. What is left of it away from the
walls, of order eps, does not follow them in time; the error in H1 is of order eps all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp

from ..lower.equation import lower_fine
from ..lower.forms import External, LoweredEquation, MultiIndex, Natural
from ..lower.substitution import substituted
from ..operator.parse import parse
from ..problem.domain import refuse_lattice, require_box
from ..problem.errors import ProblemError, UnsupportedError
from ..problem.problem import MultiscaleProblem
from ..problem.regions import Region
from ..problem.user_input import parameter_numbers
from .backends import equation_solver
from .complex_parts import solve_in_parts
from .equations import judged
from .exports import SolutionExtent
from .periods import check_periods_fit, fine_cells
from .progress import Progress, shown
from .solution import Array, Coefficients, Solution
from .waves import is_wave

_NAME = "expansion"
_FROZEN = "frozen_time"
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
    problem: MultiscaleProblem,
    eps: float,
    per_period: int | None,
    parameters: Mapping[sp.Symbol, float] | None,
    progress: Progress | None,
) -> LayeredExpansion:
    """The expansion at `eps` with its layer at the walls of `problem`, by elements on a mesh that
    resolves the period.

    UnsupportedError for waves, in time for natural conditions, for derivatives along walls, and
    means that are open; ProblemError for what is no problem in the domain of the expansion.
    """
    refuse_lattice(problem.cell, "boundary layers")
    if is_wave(problem):
        raise _not_covered("of a wave", problem)
    lowered = lower_fine(parse(problem))
    if any(n.terms for n in lowered.natural):
        raise _not_covered("at walls with derivatives along them", lowered.title)
    if isinstance(lowered.domain, Region):
        _refuse_reentrant(lowered.domain)
    # What a flux lets in spreads over the domain in time, and no layer at one time knows it.
    if lowered.natural and lowered.time is not None:
        raise _not_covered("in time at walls with natural conditions", lowered.title)
    if lowered.natural and not _is_held(lowered):
        raise _not_covered("where no condition holds the mean", lowered.title)
    _require_domain_of(expansion, lowered)
    check_periods_fit(problem, eps)
    equation = _layer_equation(lowered)
    numbers = {"epsilon": eps, **parameter_numbers(parameters, problem.parameters)}

    def solve(t: float | None) -> Solution:
        layer = solve_in_parts(
            equation_solver(_BACKEND),
            equation,
            _values_of(expansion, t),
            numbers if t is None else {**numbers, _FROZEN: t},
            shown(progress),
            at_least=fine_cells(problem, eps, per_period),
        )
        return judged(layer, equation, {"at_least": None})

    end = expansion.final_time
    last = solve(end)
    layer = last
    if end is not None:
        layer = FrozenLayers(
            last.backend, last.method, last.info, expansion.extent, solve, {end: last}
        )
    return LayeredExpansion(
        expansion.backend,
        f"{expansion.method}, boundary layers by {layer.backend}",
        {**expansion.info, "boundary layers": dict(layer.info)},
        expansion,
        layer,
    )


def _not_covered(what: str, term: object) -> UnsupportedError:
    return UnsupportedError(
        f"the boundary layer {what}",
        term=term,
        remedy="leave boundary_layers= out: it is for problems that are stationary or of first"
        " order in time, where no corner is reentrant",
    )


def _refuse_reentrant(region: Region) -> None:
    """Where the gradient of u0 is unbounded, the data of the layer are the trace of no function of
    finite energy."""
    for corner in region.corners:
        if corner.angle > np.pi and not corner.straight:
            degrees = np.degrees(corner.angle)
            place = ", ".join(f"{x:.4g}" for x in corner.place)
            raise _not_covered(
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


def _layer_equation(lowered: LoweredEquation) -> LoweredEquation:
    """The multiscale equation without sources, at one time; on the walls what the expansion misses,
    a field for every component.
    """
    zero = (0,) * len(lowered.coordinates)
    taken = {symbol.name for symbol in lowered.parameters}
    name = _NAME
    while any(other.startswith(name) for other in taken):
        name += "_"
    fields: dict[tuple[int, MultiIndex], External] = {}

    def known(field: int, index: MultiIndex) -> sp.Symbol:
        """A derivative of the expansion."""
        symbol = sp.Symbol("_".join(map(str, (name, field, *index))))
        return fields.setdefault((field, index), External(symbol, name, (field,), index)).symbol

    essential = tuple(replace(e, value=e.value - known(e.field, zero)) for e in lowered.essential)
    natural = tuple(
        replace(n, parts=(part,), value=n.value - _flux(lowered, n, part, known))
        for n in lowered.natural
        for part in n.parts
    )
    layer = replace(
        lowered,
        title=f"Boundary layer of {lowered.title[0].lower()}{lowered.title[1:]}",
        externals=(*lowered.externals, *fields.values()),
        linear=(),
        sources=(sp.Integer(0),) * lowered.components,
        essential=essential,
        natural=natural,
    )
    if lowered.time is None:
        return layer
    frozen = sp.Symbol(_FROZEN)
    still = replace(layer, time=None, mass=(), initial=(), final_time=None, repeats=None)
    held: LoweredEquation = substituted(still, {lowered.time: frozen})
    return replace(held, parameters=(*held.parameters, frozen))


def _flux(
    lowered: LoweredEquation,
    condition: Natural,
    part: str,
    known: Callable[[int, MultiIndex], sp.Expr],
) -> sp.Expr:
    """n . flux + alpha u of the expansion on a part of the boundary."""
    normal = require_box(lowered.domain, "a boundary layer").part(part).normal
    total = condition.alpha * known(condition.equation, (0,) * len(normal))
    for terms, sign in ((lowered.bilinear, 1), (lowered.linear, -1)):
        for term in terms:
            if term.equation == condition.equation and any(term.left):
                across = sign * normal[term.left.index(1)] * term.coefficient
                total += across * (known(term.field, term.right) if sign > 0 else 1)
    return total


def _values_of(expansion: Solution, t: float | None) -> Coefficients:
    """The values of an expansion at one time as coefficients of an equation."""

    def value(external: External, points: Array) -> Array:
        values = expansion.derivative(points, external.derivative, t)
        if values.ndim == 1:
            return values
        return values[:, external.index[0]]

    return value
