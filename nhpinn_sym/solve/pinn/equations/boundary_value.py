"""A boundary value problem as collocation rows: the emitted residual inside, emitted boundary
residuals where the ansatz leaves them open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ....emit.hard_constraints import Constraints
from ....emit.source import Source, load
from ....emit.torch_equation import equation as emit_equation
from ....emit.torch_printer import argument_name
from ....emit.torch_text import closure, given_values
from ....lower.forms import LoweredEquation, MultiIndex
from ....problem.domain import BoundaryPart
from ....resolution import resolve_equation, resolve_time
from ....runtime.arrays import Bounds
from ....runtime.nets.function_families import JetsOfFamily, stack_functions
from ....runtime.nets.jets import combine, product
from ....runtime.nets.region_functions import LeadingTerms
from ....runtime.quadrature import InTime, Quadrature, QuadratureRule
from ...domains import normals_of, points_on, quadrature_rule
from ...solution import Array, Coefficients
from ..collocation import (
    OperatorTables,
    Rows,
    balance_factors,
    collocation_points,
    concatenate,
    row_strengths,
    unit_jet,
)
from ..network import Axes, Jet, Network, TrialSpace
from ..sharp_data import sharp_axes, sharp_panels
from .conditions import LinearConditions
from .null_space import NullSpace, find_null_space

_NAME = "equation"
_FILE = f"{_NAME}_residual"
# Points at which blocks of rows are compared.
_SAMPLES = 256
# Share of the domain by which a point may lie outside.
_ROUNDING = 1e-9
# Points a line of the quadrature by which the mean is taken off, by the number of axes.
_GAUSS = {1: 64, 2: 32, 3: 16}


class BoundaryValueProblem:
    """u = lift + factor * net + known functions . coefficients; columns of points are the
    coordinates, then the time.

    The equations and components of a system are scaled, so that all of its blocks weigh the same;
    `unscale` undoes it.
    """

    def __init__(
        self,
        equation: LoweredEquation,
        coefficients: Coefficients,
        parameters: Mapping[str, float],
        device: str,
        derivatives: Sequence[MultiIndex] = (),
    ) -> None:
        """derivatives: of the net that rows may hold beside those of the equation."""
        self.equation = equation
        self.coefficients = coefficients
        self.device = device
        self.components = equation.components
        self.parameters = given_values(equation, parameters)
        self.known: tuple[JetsOfFamily, ...] = (stack_functions(()),) * equation.components
        self._zero: MultiIndex = (0,) * (equation.domain.dim + (equation.time is not None))
        self._sources: dict[tuple[MultiIndex, ...], Source] = {}
        resolutions = [resolve_equation(equation, parameters)]
        if equation.time is not None:
            resolutions.append(resolve_time(equation, parameters))
        panels = sharp_panels(*resolutions)
        source = self._source(derivatives)
        axes = load(source, _FILE).AXES
        sharp = sharp_axes(axes, panels)
        self.trial = TrialSpace(_FILE, source, axes, device, panels=panels, sharp=sharp)

    @property
    def bounds(self) -> Bounds:
        """The ends of every axis, the time last."""
        return tuple((a, b) for _, a, b in self.trial.axes)

    def rows(self, count: int, seed: int) -> Rows:
        """Rows at `count` points inside, and at half as many on every part of the boundary that
        the ansatz leaves open; all weigh the same.
        """
        blocks = self.blocks(count, seed)
        if self.null_space.count:
            gauge = self._gauge(blocks[0].extra.shape[2])
            # As strong as the other rows: a weaker one would be fitted last, a stronger one alone.
            blocks.append(gauge.scale_to(blocks[0].strength(self.trial), self.trial))
        return concatenate(blocks)

    @property
    def known_count(self) -> int:
        """How many functions stand beside the net."""
        point = self.points(1, 0, self.trial.axes)
        return int(self.known[0](point, [self._zero])[self._zero].shape[1])

    @cached_property
    def null_space(self) -> NullSpace:
        """What the equations and conditions leave open."""
        rows = concatenate(self.blocks(_SAMPLES, 0))
        straight = [
            axis for axis in range(self.equation.domain.dim) if axis not in self.equation.periodic
        ]
        return find_null_space(rows, self.trial, self.bounds, straight, self.balance[1])

    def _gauge(self, extra: int) -> LinearConditions:
        """The components that are 0 at a corner, to fix what the problem leaves open; with `extra`
        known functions beside the net.
        """
        m = self.components
        columns = self.balance[1]
        points, chosen = self.null_space.gauge()
        weights = points.new_zeros(len(points), m, m, len(self.trial.indices))
        beside = points.new_zeros(len(points), m, extra)
        for place, (j, point) in enumerate(zip(chosen, points, strict=True)):
            weights[place, 0, j, self.trial.indices.index(self._zero)] = 1.0
            beside[place, 0] = self.known[j](point[None], [self._zero])[self._zero][0] / columns[j]
        nothing = points.new_zeros(len(points), m)
        return LinearConditions(points, weights, beside, nothing, nothing)

    def unscale(self, network: Network, coefficients: Tensor) -> tuple[Network, Tensor]:
        """The net and the coefficients of the solution from those of the rows; less what the
        problem leaves open, so that the solution has zero mean over the box, and no rotation in it.
        Rotations are the last of the known functions.
        """
        columns = self.balance[1]
        # Back from the units in which all components weigh the same.
        network = network.scale_outputs(columns)
        kernel = self.null_space
        if not kernel.count:
            return network, coefficients
        points, weights = self.quadrature(_GAUSS[len(self.bounds)])
        values = self.values(network, coefficients, points, self._zero)
        constant, rotations = kernel.components(points, weights, values)
        network = network.add_constant(-constant)
        if len(rotations):
            kept = len(coefficients) - len(rotations)
            turned = coefficients[kept:] - rotations
            coefficients = torch.cat([coefficients[:kept], turned])
        return network, coefficients

    def values(
        self, network: Network, coefficients: Tensor, points: Tensor, index: MultiIndex
    ) -> Tensor:
        """D^index u, (n, components), for a finished net."""
        return self.derivatives(network, coefficients, points, [index])[0]

    def derivatives(
        self,
        network: Network,
        coefficients: Tensor,
        points: Tensor,
        indices: Sequence[MultiIndex],
    ) -> Tensor:
        """D^index u for each of `indices`, (indices, n, components), for a finished net: one
        evaluation of the net and of the known functions.
        """
        needed = closure(indices)
        given = self.arguments(points)
        missing = tuple(index for index in indices if index not in self.trial.indices)
        module = self._module(missing)
        lift = module.lift(points, **given)
        factor = module.factor(points, **given)
        factors = {a: self._columns(factor[a]) for a in needed}
        free = product(factors, network.jet(points, needed))
        known = [part(points, indices) for part in self.known]
        found = []
        for index in indices:
            singular = torch.cat([part[index] @ coefficients for part in known], 1)
            found.append(self._columns(lift[index]) + free[index] + singular)
        return torch.stack(found)

    def arguments(self, points: Tensor) -> dict[str, Tensor | float]:
        """Parameters and external coefficients at the points, as keyword arguments of the emitted
        functions.
        """
        x: Array = points[:, : self.equation.domain.dim].cpu().numpy()
        externals = {
            # A copy: values that are the same at all points are one number, which is read-only.
            argument_name(e.symbol): torch.tensor(
                self.coefficients(e, x), dtype=points.dtype, device=points.device
            )
            for e in self.equation.externals
        }
        return {**self.parameters, **externals}

    def ansatz(self, points: Tensor, **changed: float) -> tuple[list[Jet], list[Jet]]:
        """The jets of lift and factor of each component; changed: parameters at other values."""
        given = {**self.arguments(points), **changed}
        module = self.trial.module
        return (
            self._parts(module.lift(points, **given)),
            self._parts(module.factor(points, **given)),
        )

    def factors(
        self, point: Tensor, index: MultiIndex, table: Callable[..., Any] | None = None
    ) -> Array:
        """See `LeadingTerms.factors`."""
        return self.leading.factors(point, index, table)

    @cached_property
    def leading(self) -> LeadingTerms:
        """The leading terms at corners, in scaled equations and components."""
        rows, columns = self.balance
        ends = tuple(b for _, b in self.bounds[self.equation.domain.dim :])
        return LeadingTerms(self.trial.module, self.arguments, rows, columns, ends)

    @property
    def operator(self) -> Callable[..., Any]:
        """The coefficients of the operator at points."""
        table: Callable[..., Any] = self.trial.module.coefficients
        return table

    def tables(self, found: Mapping[Any, Any]) -> OperatorTables:
        """Emitted coefficients by equation and component: scalar problems have one table alone."""
        if self.components > 1:
            return found
        return {(0, 0): found}

    def inside(self, points: Tensor) -> Rows:
        """The rows of the equations at points of the domain."""
        rows, columns = self.balance
        return self._equations(points).scale(columns).rows(rows)

    def on_part(self, name: str, points: Tensor, strength: float | None = None) -> Rows:
        """The rows of the conditions that the ansatz leaves open, at points of their part; as
        strong as `strength`, or in the unit of those inside:
        integrals of both together are those of the weak form then."""
        rows, columns = self.balance
        conditions = self._conditions(points, *self.trial.module.BOUNDARY[name]).scale(columns)
        if strength is None:
            return conditions.rows(rows)
        return conditions.scale_to(strength, self.trial)

    def move_to(self, name: str, points: Tensor) -> Tensor:
        """Points of the domain, moved to a part of its boundary."""
        domain = self.equation.domain
        x = points[:, : domain.dim].cpu().numpy()
        there = torch.as_tensor(points_on(domain, name, x), device=points.device)
        return torch.cat([there, points[:, domain.dim :]], 1)

    def points(self, count: int, seed: int, axes: Axes | None = None) -> Tensor:
        """About `count` collocation points of the domain (and of the time); axes: some of those of
        the net, without panels of the data. They are drawn in the smallest box around it.
        """
        domain = self.equation.domain
        panels = self.trial.panels if axes is None else ()
        # Points are drawn in the box around the domain: as many more as it is larger.
        share = math.prod(b - a for a, b in domain.bounds) / float(domain.volume)
        found = collocation_points(
            round(count * share), axes or self.trial.axes, seed, self.device, panels
        )
        columns = found[:, : domain.dim].cpu().numpy().T
        return found[torch.as_tensor(domain.contains(columns, _ROUNDING), device=self.device)]

    @cached_property
    def normals(self) -> dict[str, tuple[float, ...]]:
        """The outward normals of the parts of the boundary, over the coordinates and the time."""
        timeless = [0.0] * (len(self.bounds) - self.equation.domain.dim)
        return {
            name: (*normal, *timeless) for name, normal in normals_of(self.equation.domain).items()
        }

    def _rule(self, count: int) -> QuadratureRule:
        """`count` Gauss points along each coordinate, and along the time."""
        domain = self.equation.domain
        rule = quadrature_rule(domain, (1,) * domain.dim, count)
        if self.equation.time is None:
            return rule
        return InTime(rule, self.bounds[-1], count)

    def hard_parts(self, constraints: Constraints) -> list[BoundaryPart]:
        """The parts of the boundary on which the ansatz takes the data by itself."""
        return [part for part in self.equation.domain.parts if part.name in constraints.hard]

    def quadrature(self, count: int) -> tuple[Tensor, Tensor]:
        """Gauss points (n, columns) and weights (n,), `count` a line, of the domain."""
        return self._on_device(self._rule(count).inside())

    def quadrature_on(self, name: str, count: int) -> tuple[Tensor, Tensor]:
        """The same of a part of the boundary."""
        return self._on_device(self._rule(count).on(name))

    def _on_device(self, found: Quadrature) -> tuple[Tensor, Tensor]:
        points = torch.as_tensor(found.points, device=self.device)
        return points, torch.as_tensor(found.weights, device=self.device)

    @cached_property
    def balance(self) -> tuple[Tensor, Tensor]:
        """Factors of the equations and of the components: 1 for scalar problems."""
        conditions = self._equations(self.points(_SAMPLES, 0))
        rows, columns = balance_factors(row_strengths(conditions.weights, self.trial))
        if self.components == 1:
            return torch.ones_like(rows), torch.ones_like(columns)
        return rows, columns

    def trace(self, points: Tensor, terms: Mapping[MultiIndex, Tensor]) -> tuple[Tensor, Tensor]:
        """sum of terms[a] D^a u of a scalar problem at points: the weights of the derivatives of
        the net, (n, derivatives), and what the lift makes of it (n,).
        """
        found = self._conditions(
            points, lambda x, **given: dict(terms), lambda x, **given: torch.zeros_like(x[:, 0])
        )
        return found.weights[:, 0, 0], found.lifted[:, 0]

    def _equations(self, points: Tensor) -> LinearConditions:
        return self._conditions(points, self.operator, self.trial.module.source)

    def blocks(self, count: int, seed: int) -> list[Rows]:
        """The rows inside and those of each open part, which are scaled to the same strength."""
        trial = self.trial
        blocks = [self.inside(self.points(count, seed))]
        for k, name in enumerate(self.trial.module.BOUNDARY):
            number = seed + 10 + k
            points = collocation_points(
                max(20, count // 2), trial.axes, number, self.device, trial.panels
            )
            points = self.move_to(name, points)
            blocks.append(self.on_part(name, points, blocks[0].strength(self.trial)))
        return blocks

    def _conditions(
        self, points: Tensor, coefficients: Callable[..., Any], value: Callable[..., Tensor]
    ) -> LinearConditions:
        """Equations from the emitted functions of their coefficients and of their data."""
        given = self.arguments(points)
        indices = self.trial.indices
        data = self._columns(value(points, **given))
        unit = unit_jet(points, indices)
        known = [part(points, indices) for part in self.known]
        lift, factor = self.ansatz(points)
        free = [product(part, unit) for part in factor]
        weights = data.new_zeros(*data.shape, self.components, len(indices))
        lifted = torch.zeros_like(data)
        extra = data.new_zeros(*data.shape, known[0][self._zero].shape[1])
        for (i, j), terms in self.tables(coefficients(points, **given)).items():
            weights[:, i, j] = combine(terms, free[j])
            lifted[:, i] += combine(terms, lift[j])
            extra[:, i] += combine(terms, known[j])
        return LinearConditions(points, weights, extra, data, lifted)

    def _columns(self, values: Tensor) -> Tensor:
        """(n, components): the emitted files of scalar problems have no axis for them."""
        return values.reshape(len(values), self.components)

    def _parts(self, jet: Jet) -> list[Jet]:
        """The jet of each component."""
        return [
            {a: self._columns(value)[:, j] for a, value in jet.items()}
            for j in range(self.components)
        ]

    def _module(self, derivatives: Sequence[MultiIndex]) -> ModuleType:
        return load(self._source(derivatives), _FILE)

    def _source(self, derivatives: Sequence[MultiIndex]) -> Source:
        key = tuple(derivatives)
        if key not in self._sources:
            self._sources[key] = emit_equation(self.equation, _NAME, key)
        return self._sources[key]
