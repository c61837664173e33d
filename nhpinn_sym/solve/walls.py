"""Numbers of the natural conditions of a homogenized equation, for the phase of each wall.

A `lower.walls.WallValue` is a mean over the plane y_n = wall/eps, or a mean over the cell and the
primitive of a mean over planes; both are taken by Gauss quadrature from coefficients and solved
cell functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.forms import External, LoweredEquation, Natural
from ..lower.walls import (
    WALL,
    WEIGHT,
    FaceMean,
    FluxShare,
    Wall,
    WallIntegrand,
    WallValue,
    lower_walls,
)
from ..problem.domain import refuse_lattice
from ..problem.errors import ProblemError, UnsupportedError, warn_tolerance
from ..resolution import Resolution, integrate, resolve_cells
from .cell_solution import CellSolution
from .plane_means import OnWall, PlaneMeans, PlaneQuadrature
from .slow_variables import slow_box
from .solution import Array, Coefficients

# Gauss points a panel and axis; the difference of the results is the error of the quadrature.
_ORDERS = (6, 8)
# Of corrector fluxes at a wall, besides the error of the cells.
_ROUNDING = 1e-11
# What counts as zero is below so many times the error estimate of the cells.
_NOISE = 10.0
# The least and the largest flux through a wall, relative to the flow, that counts as none. Between
# them the square root of the error estimate decides: first derivatives of cell functions are that
# much less accurate.
_STILL = (1e-6, 1e-2)


def settle_walls(
    model: HomogenizedModel,
    equation: LoweredEquation,
    cells: CellSolution,
    eps: sp.Expr | None,
    parameters: Mapping[str, float],
) -> tuple[LoweredEquation, Coefficients]:
    """The homogenized equation without what vanishes in its conditions; values for all externals.

    ProblemError where they depend on eps and it is None; UnsupportedError where a flow crosses a
    wall.
    """
    _, walls = lower_walls(model)
    if walls:
        refuse_lattice(model.problem.cell, "a condition whose limit holds the place of the wall")
    values: dict[tuple[str, tuple[int, ...]], OnWall] = {}
    resolution = _resolution(model, parameters) if walls else None
    for wall in walls:
        means = _WallMeans(model, cells, wall, resolution, eps, parameters)
        means.require_no_flow()
        for value in wall.values:
            values[value.external.name, value.external.index] = means.value(value)
    zero = {
        e.symbol: sp.Integer(0)
        for e in equation.externals
        if e.name in (WALL, WEIGHT) and not values[e.name, e.index].needed
    }

    def coefficients(external: External, points: Array) -> Array:
        found = values.get((external.name, external.index))
        if found is None:
            return cells.coefficients(external, points)
        return found(points)

    return _without(equation, zero), coefficients


def _resolution(model: HomogenizedModel, parameters: Mapping[str, float]) -> Resolution:
    """Where the data of the cell problems break, and what resolves them."""
    cells = lower_cells(model)
    return resolve_cells(cells, parameters, slow_box(model, cells)[0])


def _without(equation: LoweredEquation, zero: Mapping[sp.Expr, sp.Expr]) -> LoweredEquation:
    """The equation with some symbols of its natural conditions put to zero."""

    def kept(n: Natural) -> Natural:
        terms = tuple(replace(t, coefficient=t.coefficient.xreplace(zero)) for t in n.terms)
        terms = tuple(t for t in terms if t.coefficient != 0)
        return replace(n, alpha=n.alpha.xreplace(zero), value=n.value.xreplace(zero), terms=terms)

    externals = tuple(e for e in equation.externals if e.symbol not in zero)
    return replace(equation, natural=tuple(map(kept, equation.natural)), externals=externals)


class _WallMeans:
    """The values of one wall, at nodes of the slow variables along it."""

    def __init__(
        self,
        model: HomogenizedModel,
        cells: CellSolution,
        wall: Wall,
        resolution: Resolution | None,
        eps: sp.Expr | None,
        parameters: Mapping[str, float],
    ) -> None:
        assert resolution is not None
        self.model = model
        self.cells = cells
        self.wall = wall
        self.op = model.cell_operator
        self.axis = wall.part.axis
        self.sign = wall.part.sign
        self.title = wall.part.describe(model.problem.scales.x)
        place = wall.part.place
        self.low = self.op.cell.bounds[self.axis][0]
        self.length = float(self.op.cell.lengths[self.axis])
        self.phase: float | None = None
        if eps is not None:
            self.phase = self._phase(place, eps)
        self.planes = PlaneQuadrature(
            self.op, cells, resolution, self.axis, float(place), self.phase, parameters
        )
        self.noise = _ROUNDING + _NOISE * float(cells.info["estimate"])

    def _phase(self, place: sp.Expr, eps: sp.Expr) -> float:
        """wall/eps in the cell."""
        start, _ = self.op.cell.intervals[self.axis]
        periods = (place / eps - start) / self.op.cell.lengths[self.axis]
        return self.low + self.length * float(periods - sp.floor(periods))

    def value(self, value: WallValue) -> OnWall:
        """One number of the wall; ToleranceWarning where the quadrature does not resolve it.

        ProblemError where it depends on the phase, and eps is not known.
        """
        (coarse, _), (found, scale) = (self._found(value, order) for order in _ORDERS)
        error = float(np.abs(found - coarse).max())
        if error > max(self.noise, float(self.cells.info["tolerance"])) * scale:
            self._warn(str(value.external.symbol), error)
        return self.planes.slow.on_wall(found, bool(np.abs(found).max() > self.noise * scale))

    def _found(self, value: WallValue, order: int) -> tuple[Array, float]:
        if isinstance(value, FaceMean):
            return self._face(value, order)
        return self._flux(value, order)

    def _face(self, value: FaceMean, order: int) -> tuple[Array, float]:
        """(means over the wall (m,), their scale)."""
        inside = self.planes.means(value.integrand, order)
        scale = float(np.abs(inside.means).max())
        if np.ptp(inside.means, axis=1).max() <= self.noise * scale:
            return inside.means.mean(axis=1), scale
        return self.planes.means(value.integrand, order, self._known()).means[:, 0], scale

    def _flux(self, value: FluxShare, order: int) -> tuple[Array, float]:
        """(n . flux beside that of the homogenized equation (m,), its scale)."""
        rest = self.planes.means(value.rest, order)
        share = self.planes.means(value.share, order)
        total = rest.means @ rest.weights
        scale = max(rest.scale, self.length * share.scale)
        if np.abs(share.means).max() > self.noise * share.scale:
            total = total + self._primitive(value.share, share)
        return self.sign * total, scale

    def _primitive(self, share: WallIntegrand, found: PlaneMeans) -> Array:
        """The primitive of zero mean, at the wall, of means over planes (m,)."""
        wall = (self._known() - self.low) / self.length
        if self.planes.curved and not share.terms:
            return self.length * self._integral(share.constant, wall, found.scale)
        at = (found.nodes - self.low) / self.length
        kernel = (at < wall) - wall + at - 0.5
        return self.length * found.means @ (found.weights * kernel)

    def _integral(self, datum: sp.Expr, wall: float, scale: float) -> Array:
        """The same of a datum that jumps at curved interfaces, by an adaptive rule (m,)."""
        symbol = self.op.fast[self.axis]
        at = (symbol - self.low) / self.length
        kernel = at - wall - sp.Rational(1, 2) + sp.Piecewise((1, at < wall), (0, True))
        axes = [(v, b, True) for v, b in zip(self.op.fast, self.op.cell.bounds, strict=True)]
        pairs = [integrate(datum * kernel, axes, point) for point in self.planes.points]
        error = max(e for _, e in pairs)
        if error > float(self.cells.info["tolerance"]) * scale:
            self._warn(f"the share of {datum}", error)
        return np.array([m for m, _ in pairs])

    def _warn(self, what: str, error: float) -> None:
        warn_tolerance(
            f"the condition where {self.title}: {what} is known to {error:.1e} alone, the data"
            " being sharp"
        )

    def _known(self) -> float:
        """The phase; ProblemError where it is not known."""
        if self.phase is None:
            raise ProblemError(
                f"the limit of the natural condition where {self.title} holds the phase of that "
                "wall in the period",
                term=self._condition(),
                remedy="give eps: solve_homogenized(model, cells, eps=1/8)",
            )
        return self.phase

    def _condition(self) -> object:
        return next(
            c
            for (name, _), c in self.model.problem.conditions.items()
            if name == self.wall.part.name
        )

    def require_no_flow(self) -> None:
        """UnsupportedError where one of the fluxes that have to vanish on the wall does not."""
        if len(self.op.axes) == 1:
            return  # a flow without divergence is constant there, and its mean is zero
        low, high = _STILL
        limit = min(max(low, float(self.cells.info["estimate"]) ** 0.5), high)
        for flow in self.wall.normals:
            inside = self.planes.means(flow, _ORDERS[0])
            if inside.largest <= limit * inside.scale:
                continue
            if self.planes.means(flow, _ORDERS[0], self._known()).largest > limit * inside.scale:
                raise UnsupportedError(
                    f"a natural condition where {self.title}, and a flow of order 1/eps through "
                    "that wall",
                    term=self._condition(),
                    remedy=(
                        "give Dirichlet or Periodic conditions there, or a wall along the flow. "
                        "The limit condition needs the function phi of the half space with "
                        "-div(a^T grad phi + b phi) = 0, without flux on the wall and phi -> psi "
                        "inside: n . A* grad u0 = <phi g> there; it is not computed here"
                    ),
                )
