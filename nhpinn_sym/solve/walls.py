"""Numbers of the natural conditions of a homogenized equation, for the phase of each wall.

A `lower.walls.WallValue` is a mean over the plane y_n = wall/eps, or a mean over the cell and the
primitive of a mean over planes; both are taken by Gauss quadrature from coefficients and solved
cell functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    Integrand,
    KnownFactor,
    Wall,
    WallValue,
    lower_walls,
)
from ..operator.sampling import SlowPoint, is_opaque, sampler
from ..operator.table import Operator
from ..problem.errors import ProblemError, UnsupportedError, warn_tolerance
from ..resolution import Resolution, integrate, resolve_cells
from ..runtime.tensor_grids import gauss_line, tensor_weights
from .cell_solution import CellSolution
from .interpolation import Nodes
from .slow_variables import slow_box
from .solution import Array, Coefficients

_ORDERS = (6, 8)
"""Gauss points a panel and axis; the difference of the results is the error of the quadrature."""
_PANELS = {1: 16, 2: 8, 3: 4, 4: 3}
"""Panels along each axis of a cell that there are at least, by the number of axes."""
_MOST_POINTS = 3_000_000
_MANY, _FINE = 64, 5
"""On so many lines the rules have half the order; at most so many points a line then."""
_ROUNDING = 1e-11
_NOISE = 10.0
"""What counts as zero is below so many times the error estimate of the cells."""
_STILL = (1e-6, 1e-2)
"""The least and the largest flux through a wall, relative to the flow, that counts as none. Between
them the square root of the error estimate decides: first derivatives of cell functions are that
much less accurate."""


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
        return cells.coefficients(external, points) if found is None else found(points)

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


@dataclass(frozen=True)
class OnWall:
    """A function of the slow variables along a wall: values at nodes (m,) in the columns of points
    x."""

    nodes: Nodes
    columns: tuple[int, ...]
    values: Array
    needed: bool = True

    def __call__(self, points: Array) -> Array:
        """(n,) at points (n, d) anywhere: the value at their foot on the wall."""
        if not self.columns:
            return np.full(len(points), self.values[0])
        return np.asarray(
            self.nodes.weights(np.asarray(points)[:, list(self.columns)]) @ self.values
        )


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
        self.model, self.cells, self.wall, self.op = model, cells, wall, model.cell_operator
        self.axis = wall.part.axis
        self.sign = wall.part.sign
        self.title = wall.part.describe(model.problem.scales.x)
        place = wall.part.place
        self.low = self.op.cell.bounds[self.axis][0]
        self.length = float(self.op.cell.lengths[self.axis])
        self.phase = None if eps is None else self._phase(place, eps)
        self.planes = _Planes(
            self.op, cells, resolution, self.axis, float(place), self.phase, parameters
        )
        self.noise = _ROUNDING + _NOISE * float(cells.info["estimate"])

    def _phase(self, place: sp.Expr, eps: sp.Expr) -> float:
        """wall/eps in the cell."""
        start, length = self.op.cell.intervals[self.axis][0], self.op.cell.lengths[self.axis]
        periods = (place / eps - start) / length
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
        return self._face(value, order) if isinstance(value, FaceMean) else self._flux(value, order)

    def _face(self, value: FaceMean, order: int) -> tuple[Array, float]:
        """(means over the wall (m,), their scale)."""
        inside = self.planes.means(value.integrand, order)
        scale = float(np.abs(inside.means).max())
        if np.ptp(inside.means, axis=1).max() <= self.noise * scale:
            return inside.means.mean(axis=1), scale
        return self.planes.means(value.integrand, order, self._known()).means[:, 0], scale

    def _flux(self, value: FluxShare, order: int) -> tuple[Array, float]:
        """(n . flux beside that of the homogenized equation (m,), its scale)."""
        rest, share = (self.planes.means(part, order) for part in (value.rest, value.share))
        total, scale = rest.means @ rest.weights, max(rest.scale, self.length * share.scale)
        if np.abs(share.means).max() > self.noise * share.scale:
            total = total + self._primitive(value.share, share)
        return self.sign * total, scale

    def _primitive(self, share: Integrand, found: _Means) -> Array:
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


@dataclass(frozen=True)
class _Means:
    """Means over planes (m, k) at k nodes along the axis, with the weights of the nodes in a mean
    over the cell.

    largest: of the values that are averaged; scale: of the terms that they are the sum of.
    """

    nodes: Array
    weights: Array
    means: Array
    largest: float
    scale: float


class _Planes:
    """Means of integrands over planes across one axis, at nodes of the slow variables along a
    wall."""

    def __init__(
        self,
        op: Operator,
        cells: CellSolution,
        resolution: Resolution,
        axis: int,
        place: float,
        phase: float | None,
        parameters: Mapping[str, float],
    ) -> None:
        self.op, self.axis, self.curved = op, axis, resolution.curved
        self.lines = [_refined(np.array(a.lines), _PANELS[len(op.axes)]) for a in resolution.axes]
        meshes = _meshes(cells)
        if meshes and math.prod(_FINE * len(lines) for lines in meshes) < _MOST_POINTS:
            self.lines = [_joined(*pair) for pair in zip(self.lines, meshes, strict=True)]
        if phase is not None:
            self.lines[axis] = np.unique(np.append(self.lines[axis], phase))
        self.slow = _SlowNodes(cells, f"x{axis + 1}", place)
        self.functions = {f.name: f for f in (*cells.adjoints, *cells.functions)}
        names = [*op.slow, *op.problem.parameters]
        start: SlowPoint = {v: parameters.get(str(v), 0.0) for v in names} | {
            op.coordinates[axis]: place
        }
        known = {str(v): v for v in op.slow}
        self.points = [
            start | {known[name]: value for name, value in zip(cells.slow, row, strict=True)}
            for row in self.slow.rows
        ]

    def means(self, integrand: Integrand, order: int, at: float | None = None) -> _Means:
        """On all planes of a quadrature over the cell, or on the one where the coordinate of the
        axis is `at`."""
        rules = [self._rule(k, order) for k in range(len(self.op.axes))]
        if at is not None:
            rules[self.axis] = (np.array([at]), np.ones(1))
        nodes, weights = rules.pop(self.axis)
        if len(nodes) * math.prod(len(points) for points, _ in rules) > _MOST_POINTS:
            raise UnsupportedError(
                "a natural condition that holds the phase of its wall, for data so sharp",
                term=f"{[len(lines) - 1 for lines in self.lines]} panels in a cell",
                remedy="give Dirichlet or Periodic conditions, or smoother data",
            )
        grid = np.meshgrid(nodes, *(points for points, _ in rules), indexing="ij")
        columns = [g.ravel() for g in grid[1:]]
        columns.insert(self.axis, grid[0].ravel())
        values, scale = self._values(integrand, np.stack(columns, axis=-1))
        within = tensor_weights([mass for _, mass in rules])
        found = values.reshape(len(values), len(nodes), -1) @ within
        return _Means(nodes, weights, found, float(np.abs(values).max()), scale)

    def _rule(self, axis: int, order: int) -> tuple[Array, Array]:
        """Composite Gauss points of one axis, and weights of sum 1."""
        low, high = self.op.cell.bounds[axis]
        lines = self.lines[axis]
        points, weights = gauss_line(lines, order if len(lines) < _MANY else order // 2)
        return points, weights / (high - low)

    def _values(self, integrand: Integrand, y: Array) -> tuple[Array, float]:
        """Values (m, n) at points of the cell, and the size of their terms."""
        coefficients = (integrand.constant, *(c for c, _ in integrand.terms))
        opaque = next((c for c in coefficients if is_opaque(c)), None)
        if opaque is not None:
            raise UnsupportedError(
                "a natural condition that holds a coefficient without a formula",
                term=opaque,
                remedy="give its formula, or Dirichlet or Periodic conditions",
            )
        call, rows, scale = sampler(coefficients, self.op), [], 0.0
        for slow, point in zip(self.slow.rows, self.points, strict=True):
            constant, *factors = call(list(y.T), point)
            parts = [
                constant,
                *(
                    c * self._product(known, y, slow)
                    for c, (_, known) in zip(factors, integrand.terms, strict=True)
                ),
            ]
            rows.append(sum(parts))
            scale = max(scale, *(float(np.abs(part).max()) for part in parts))
        return np.array(rows), scale

    def _product(self, factors: Sequence[KnownFactor], y: Array, slow: Array) -> Array:
        """The product of derivatives of cell functions at one slow point (n,)."""
        result = np.ones(len(y))
        for factor in factors:
            function = self.functions[factor.name]
            everywhere = np.broadcast_to(slow, (len(y), len(slow)))
            (found,) = function.at(y, everywhere, [factor.derivative], (0,) * len(slow))
            result = result * (found if found.ndim == 1 else found[:, factor.component])
        return result


def _meshes(cells: CellSolution) -> list[Array]:
    """The lines of the mesh whose piecewise polynomials the cell functions are, if there is one."""
    return next((list(f.lines) for row in cells.fields for f in row if f.lines), [])


def _joined(one: Array, other: Array) -> Array:
    """The lines of both, those that are the same up to rounding once."""
    lines = np.union1d(one, other)
    return np.append(lines[:-1][np.diff(lines) > 1e-12 * (lines[-1] - lines[0])], lines[-1])


def _refined(lines: Array, panels: int) -> Array:
    """The lines, and between them as many as make the panels no wider than 1/`panels` of the
    whole."""
    counts = np.ceil(np.diff(lines) / (lines[-1] - lines[0]) * panels - 1e-9).astype(int)
    pairs = zip(lines[:-1], lines[1:], np.maximum(counts, 1), strict=True)
    inner = [np.linspace(a, b, n, endpoint=False) for a, b, n in pairs]
    return np.concatenate([*inner, lines[-1:]])


class _SlowNodes:
    """Nodes of what the cells depend on, at a fixed coordinate across the wall."""

    def __init__(self, cells: CellSolution, fixed: str, place: float) -> None:
        names, nodes = cells.slow, cells.nodes
        self.free = [k for k, name in enumerate(names) if name != fixed]
        periodic = tuple(bool(nodes.periodic) and nodes.periodic[k] for k in self.free)
        self.nodes = Nodes(
            tuple(nodes.bounds[k] for k in self.free), nodes.degree if self.free else 0, periodic
        )
        inner = self.nodes.points
        self.rows = np.full((len(inner), len(names)), place)
        self.rows[:, self.free] = inner
        self.names = [names[k] for k in self.free]

    def on_wall(self, values: Array, needed: bool = True) -> OnWall:
        """The values at the nodes as a function on the wall; averaged over a fast time."""
        times = tuple(k for k, name in enumerate(self.names) if name == "tau")
        nodes, averaged = self.nodes.averaged(values, times) if times else (self.nodes, values)
        columns = tuple(int(name[1:]) - 1 for name in self.names if name != "tau")
        return OnWall(nodes, columns, averaged, needed)
