"""A boundary value problem as collocation rows: the emitted residual inside, emitted boundary
residuals where the ansatz leaves them open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ....emit.source import Source, load
from ....emit.torch_equation import equation as emit_equation
from ....emit.torch_printer import argument_name
from ....emit.torch_text import closure, given_values
from ....lower.forms import LoweredEquation, MultiIndex
from ....problem.domain import Face
from ....resolution import resolve_equation
from ....runtime.nets.jets import combine, product
from ...solution import Array, Coefficients
from ..enrichment.functions import Family, Functions, stack_functions
from ..network import Jet, Network, TrialSpace
from ..rows import (
    Rows,
    balance_factors,
    collocation_points,
    concatenate,
    gauss_points,
    row_strengths,
    safe_divisor,
    sharp_panels,
    unit_jet,
)

_NAME = "equation"
_FILE = f"{_NAME}_residual"
_SAMPLES = 256
"""Points at which blocks of rows are compared."""
_GAUSS = {1: 64, 2: 32, 3: 16}
"""Points a line of the quadrature by which the mean is taken off, by the number of axes."""
_UNSEEN = 1e-12
"""Singular value, relative to the strength of the rows, of a function that no row sees."""
_DEPENDENT = 1e-6
"""Singular value of a combination of linear functions that is a constant."""


@dataclass(frozen=True)
class _Conditions:
    """Equations at points: weights (n, equations, components, derivatives), extra (n, equations,
    known functions),
    data, and what the lift makes of it (n, equations)."""

    points: Tensor
    weights: Tensor
    extra: Tensor
    data: Tensor
    lifted: Tensor

    def rows(self, factors: Tensor) -> Rows:
        """Every equation times its factor."""
        data = factors * self.data
        lifted = factors * self.lifted
        size = data.square().mean().sqrt() + lifted.square().mean().sqrt()
        return Rows(
            self.points,
            factors[:, None, None] * self.weights,
            factors[:, None] * self.extra,
            (data - lifted)[..., None],
            size[None],
        )

    def scale_to(self, strength: float, trial: TrialSpace) -> Rows:
        """Every equation, but for empty ones, as strong as `strength`."""
        return self.rows(strength / safe_divisor(row_strengths(self.weights, trial).sum(1)))

    def scale(self, columns: Tensor) -> _Conditions:
        """For components in multiples of `columns`."""
        return replace(self, weights=self.weights * columns[:, None])


class BoundaryValueProblem:
    """u = lift + factor * net + known functions . coefficients; columns of points are the
    coordinates, then the time.

    The equations and components of a system are scaled, so that all of its blocks weigh the same;
    `finished` undoes it.
    """

    def __init__(
        self,
        equation: LoweredEquation,
        coefficients: Coefficients,
        parameters: Mapping[str, float],
        device: str,
    ) -> None:
        self.equation = equation
        self.coefficients = coefficients
        self.device = device
        self.components = equation.components
        self.parameters = given_values(equation, parameters)
        self.known: tuple[Functions, ...] = (stack_functions(()),) * equation.components
        self._zero: MultiIndex = (0,) * (equation.domain.dim + (equation.time is not None))
        self._sources: dict[tuple[MultiIndex, ...], Source] = {}
        panels = sharp_panels(resolve_equation(equation, parameters))
        self.trial = TrialSpace(
            _FILE, self._source(()), self._module(()).AXES, device, panels=panels
        )

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The ends of every axis, the time last."""
        return [(a, b) for _, a, b in self.trial.axes]

    def rows(self, count: int, seed: int) -> Rows:
        """Rows at `count` points inside, and at half as many on every face that the ansatz leaves
        open; all weigh the same.
        """
        blocks = self._blocks(count, seed)
        if self.open.shape[1]:
            blocks.append(
                self._gauge(blocks[0].extra.shape[2]).scale_to(
                    blocks[0].strength(self.trial), self.trial
                )
            )
        return concatenate(blocks)

    @cached_property
    def open(self) -> Tensor:
        """The constants that the problem leaves open, as no row sees them: columns of (components,
        number). Their mean is zero then.
        """
        rows = concatenate(self._blocks(_SAMPLES, 0))
        return self._null(rows.weights[..., self.trial.indices.index(self._zero)], rows)

    @cached_property
    def turns(self) -> Tensor:
        """The linear functions that the problem leaves open beside these, rigid rotations: (1 +
        axes, components, number), the constant
        part first, then the factors of the coordinates in (-1, 1). The solution is orthogonal to
        them."""
        rows = concatenate(self._blocks(_SAMPLES, 0))
        constants = rows.weights[..., self.trial.indices.index(self._zero)]
        parts = [constants]
        for axis in self._straight:
            index = tuple(int(k == axis) for k in range(len(self._zero)))
            a, b = self.bounds[axis]
            slope = (
                rows.weights[..., self.trial.indices.index(index)]
                if index in self.trial.indices
                else 0.0
            )
            parts.append(
                (2 * rows.points[:, axis, None, None] - a - b) / (b - a) * constants
                + 2 / (b - a) * slope
            )
        null = self._null(torch.cat(parts, -1), rows)
        _, sizes, right = torch.linalg.svd(null[self.components :])
        count = int((sizes > _DEPENDENT).sum())
        return (null @ right[:count].T).reshape(len(parts), self.components, count)

    @property
    def _straight(self) -> tuple[int, ...]:
        """The space axes that are not periodic."""
        return tuple(k for k in range(self.equation.domain.dim) if k not in self.equation.periodic)

    def turn_family(self) -> Family:
        """The open rotations as functions, one for each component."""
        turns = self.balance[1][:, None] * self.turns
        return tuple(partial(self._turn, turns[:, j]) for j in range(self.components))

    def _turn(self, factors: Tensor, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """A component of the rotations (1 + axes, number) and its derivatives."""
        jet = {}
        for index in indices:
            value = (
                factors[0].expand(len(points), -1)
                if not any(index)
                else points.new_zeros(len(points), factors.shape[1])
            )
            for factor, axis in zip(factors[1:], self._straight, strict=True):
                a, b = self.bounds[axis]
                if not any(index):
                    value = value + ((2 * points[:, axis] - a - b) / (b - a))[:, None] * factor
                elif sum(index) == index[axis] == 1:
                    value = (2 / (b - a) * factor).expand(len(points), -1)
            jet[index] = value
        return jet

    def _gauge(self, extra: int) -> _Conditions:
        """As many components at corners of the box as there are open functions, at which no
        combination of these vanishes: they are 0.
        """
        corners = torch.cartesian_prod(
            *(self._like.new_tensor(ends) for ends in self.bounds)
        ).reshape(-1, len(self.bounds))
        count = len(corners)
        m = self.components
        columns = self.balance[1]
        kernel = torch.cat(
            [self.open.expand(count, -1, -1), self._turned(corners) / columns[:, None]], -1
        ).flatten(0, 1)
        chosen = []
        rest = kernel.clone()
        for _ in range(kernel.shape[1]):
            chosen.append(int(rest.square().sum(1).argmax()))
            row = rest[chosen[-1]]
            rest = rest - (rest @ row)[:, None] * row / row.square().sum()
        points = corners[[k // m for k in chosen]]
        weights = points.new_zeros(len(points), m, m, len(self.trial.indices))
        beside = points.new_zeros(len(points), m, extra)
        for place, (k, point) in enumerate(zip(chosen, points, strict=True)):
            j = k % m
            weights[place, 0, j, self.trial.indices.index(self._zero)] = 1.0
            beside[place, 0] = self.known[j](point[None], [self._zero])[self._zero][0] / columns[j]
        nothing = points.new_zeros(len(points), m)
        return _Conditions(points, weights, beside, nothing, nothing)

    def _turned(self, points: Tensor) -> Tensor:
        """The rotations at points: (n, components, number)."""
        return torch.stack(
            [part(points, [self._zero])[self._zero] for part in self.turn_family()], 1
        )

    @cached_property
    def _like(self) -> Tensor:
        return torch.zeros(1, dtype=torch.float64, device=self.device)

    def _null(self, matrix: Tensor, rows: Rows) -> Tensor:
        """The null space of (n, equations, columns), an orthonormal basis as columns."""
        _, values, right = torch.linalg.svd(matrix.flatten(0, 1), full_matrices=False)
        return right[values <= _UNSEEN * rows.strength(self.trial) * len(matrix) ** 0.5].T

    def unscale(self, network: Network, coefficients: Tensor) -> tuple[Network, Tensor]:
        """The net and the coefficients of the solution from those of the rows; less what the
        problem leaves open, so that the solution has zero
        mean over the box, and no rotation in it. Rotations are the last of the known functions."""
        columns = self.balance[1]
        network = network.scale_outputs(columns)
        if not self.open.shape[1]:
            return network, coefficients
        points, weight = gauss_points(self.bounds, _GAUSS[len(self.bounds)], self.device)
        root = weight.sqrt()[:, None, None]
        constants = (columns[:, None] * self.open).expand(len(points), -1, -1)
        basis = (root * torch.cat([constants, self._turned(points)], -1)).flatten(0, 1)
        values = (root[..., 0] * self.values(network, coefficients, points, self._zero)).flatten()
        parts = torch.linalg.lstsq(basis, values[:, None]).solution
        count = self.open.shape[1]
        network = network.add_constant(-(columns * (self.open @ parts[:count])[:, 0]))
        if self.turns.shape[-1]:
            coefficients = torch.cat(
                [
                    coefficients[: -self.turns.shape[-1]],
                    coefficients[-self.turns.shape[-1] :] - parts[count:],
                ]
            )
        return network, coefficients

    def values(
        self, network: Network, coefficients: Tensor, points: Tensor, index: MultiIndex
    ) -> Tensor:
        """D^index u, (n, components), for a finished net."""
        indices = closure([index])
        module = self._module(() if index in self.trial.indices else (index,))
        given = self.arguments(points)
        lift, factor = (
            {a: self._columns(jet[a]) for a in indices}
            for jet in (module.lift(points, **given), module.factor(points, **given))
        )
        free = product(factor, network.jet(points, indices))[index]
        return (
            lift[index]
            + free
            + torch.cat([known(points, [index])[index] @ coefficients for known in self.known], 1)
        )

    def arguments(self, points: Tensor) -> dict[str, Tensor | float]:
        """Parameters and external coefficients at the points, as keyword arguments of the emitted
        functions.
        """
        x: Array = points[:, : self.equation.domain.dim].cpu().numpy()
        externals = {
            argument_name(e.symbol): torch.as_tensor(
                self.coefficients(e, x), dtype=points.dtype, device=points.device
            )
            for e in self.equation.externals
        }
        return {**self.parameters, **externals}

    def factors(
        self, point: Tensor, index: MultiIndex, table: Callable[..., Any] | None = None
    ) -> Array:
        """The factors (m, m) of D^index at one point, in scaled equations and components; of the
        conditions of a face, if their table is given.
        """
        rows, columns = self.balance
        found = (table or self.trial.module.coefficients)(point, **self.arguments(point))
        out = torch.zeros(self.components, self.components, dtype=torch.float64)
        for (i, j), entries in found.items() if self.components > 1 else [((0, 0), found)]:
            out[i, j] = (
                rows[i] * columns[j] * torch.as_tensor(entries.get(index, 0.0)).reshape(-1)[0]
            )
        return out.numpy()

    def inside(self, points: Tensor) -> Rows:
        """The rows of the equations at points of the domain."""
        rows, columns = self.balance
        return self._equations(points).scale(columns).rows(rows)

    def on_face(self, face: Face, points: Tensor, strength: float | None = None) -> Rows:
        """The rows of the conditions that the ansatz leaves open, at points of their face; as
        strong as `strength`, or in the unit of those inside:
        integrals of both together are those of the weak form then."""
        rows, columns = self.balance
        conditions = self._conditions(points, *self.trial.module.BOUNDARY[face]).scale(columns)
        return (
            conditions.rows(rows) if strength is None else conditions.scale_to(strength, self.trial)
        )

    @cached_property
    def balance(self) -> tuple[Tensor, Tensor]:
        """Factors of the equations and of the components: 1 for scalar problems."""
        conditions = self._equations(
            collocation_points(_SAMPLES, self.trial.axes, 0, self.device, self.trial.panels)
        )
        rows, columns = balance_factors(row_strengths(conditions.weights, self.trial))
        return (
            (rows, columns)
            if self.components > 1
            else (torch.ones_like(rows), torch.ones_like(columns))
        )

    def _equations(self, points: Tensor) -> _Conditions:
        return self._conditions(points, self.trial.module.coefficients, self.trial.module.source)

    def _blocks(self, count: int, seed: int) -> list[Rows]:
        """The rows inside and those of each open face, which are scaled to the same strength."""
        blocks = [
            self.inside(
                collocation_points(count, self.trial.axes, seed, self.device, self.trial.panels)
            )
        ]
        for k, face in enumerate(self.trial.module.BOUNDARY):
            points = collocation_points(
                max(20, count // 2), self.trial.axes, seed + 10 + k, self.device, self.trial.panels
            )
            points[:, face[0]] = self.bounds[face[0]][face[1]]
            blocks.append(self.on_face(face, points, blocks[0].strength(self.trial)))
        return blocks

    def _conditions(
        self, points: Tensor, coefficients: Callable[..., Any], value: Callable[..., Tensor]
    ) -> _Conditions:
        """Equations from the emitted functions of their coefficients and of their data."""
        module = self.trial.module
        given = self.arguments(points)
        indices = self.trial.indices
        data = self._columns(value(points, **given))
        unit = unit_jet(points, indices)
        known = [part(points, indices) for part in self.known]
        lift, factor = (self._parts(jet(points, **given)) for jet in (module.lift, module.factor))
        free = [product(part, unit) for part in factor]
        weights = data.new_zeros(*data.shape, self.components, len(indices))
        lifted = torch.zeros_like(data)
        extra = data.new_zeros(*data.shape, known[0][self._zero].shape[1])
        table = coefficients(points, **given)
        for (i, j), terms in table.items() if self.components > 1 else [((0, 0), table)]:
            weights[:, i, j] = combine(terms, free[j])
            lifted[:, i] += combine(terms, lift[j])
            extra[:, i] += combine(terms, known[j])
        return _Conditions(points, weights, extra, data, lifted)

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
