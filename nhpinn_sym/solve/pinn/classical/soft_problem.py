"""A boundary value problem for a plain net: residual, boundary and initial data as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ....emit.hard_constraints import constrain
from ....emit.torch_text import closure
from ....lower.forms import LoweredEquation, MultiIndex
from ....problem.errors import UnsupportedError
from ...solution import Coefficients
from ..collocation import (
    Rows,
    collocation_points,
    concatenate,
    operator_weights,
)
from ..equations.boundary_value import BoundaryValueProblem
from ..network import Network
from .losses import (
    BatchedMlp,
    nodes_on,
    opposite,
    plain_rows,
    plane,
    uniform,
)


class SoftProblem(BoundaryValueProblem):
    """u = net. Data come from the emitted file: of the parts in BOUNDARY as they stand there, of
    the others, and at t = 0, from its lift.
    """

    def __init__(
        self,
        equation: LoweredEquation,
        coefficients: Coefficients,
        parameters: Mapping[str, float],
        device: str,
    ) -> None:
        super().__init__(equation, coefficients, parameters, device)
        if self.null_space.count:
            raise UnsupportedError(
                "the loss of the classical PINN does not fix the mean of a solution that is free",
                term=equation.title,
                remedy='give a Dirichlet condition somewhere, or use method="residual"',
            )
        self._hard = [constrain(equation, j).hard for j in range(self.components)]

    def nets(self, width: int, depth: int) -> BatchedMlp:
        """The space of the nets."""
        return BatchedMlp.make(
            self.trial.name,
            self.trial.source,
            len(self.bounds),
            self.components,
            width,
            depth,
            self.device,
        )

    def derivatives(
        self,
        network: Network,
        coefficients: Tensor,
        points: Tensor,
        indices: Sequence[MultiIndex],
    ) -> Tensor:
        """D^index u for each of `indices`, (indices, n, components)."""
        jet = network.jet(points, closure(indices))
        return torch.stack([jet[index] for index in indices])

    def equations(self, nodes: int) -> Rows:
        """The rows of the equations at the nodes of the grid."""
        return self._equations_at(uniform(self.bounds, nodes).to(self.device))

    def unseen(self, count: int, seed: int) -> Rows:
        """The rows of the equations at points that are no nodes."""
        return self._equations_at(collocation_points(count, self.trial.axes, seed, self.device))

    def boundary(self, nodes: int, essential: bool = False) -> Rows | None:
        """The rows of the conditions, or of the essential ones alone, at the nodes of all parts of
        the boundary that have some.
        """
        names = {name for condition in self.equation.essential for name in condition.parts}
        if not essential:
            names |= {name for condition in self.equation.natural for name in condition.parts}
        parts = [part.name for part in self.equation.domain.parts if part.name in names]
        blocks = [self._conditions_at(name, nodes) for name in parts]
        if blocks:
            return concatenate(blocks)
        return None

    def initial(self, nodes: int) -> Rows:
        """The rows of the initial condition; 0 = 0 for unknowns without one."""
        points = plane(self.bounds, nodes, len(self.bounds) - 1, self.bounds[-1][0]).to(self.device)
        weights = self._identity(points).clone()
        data = self._lift(points).clone()
        for j in self.equation.following:
            weights[:, j] = 0.0
            data[:, j] = 0.0
        return plain_rows(points, weights, data)

    def periodic(self, nodes: int) -> tuple[Tensor, Tensor] | None:
        """Pairs of nodes at which a periodic solution is the same."""
        if self.equation.periodic:
            return opposite(self.bounds, nodes, self.equation.periodic)
        return None

    def _equations_at(self, points: Tensor) -> Rows:
        module = self.trial.module
        given = self.arguments(points)
        return plain_rows(
            points,
            self._weights(module.coefficients, points, given),
            self._by_component(module.source(points, **given)),
        )

    def _conditions_at(self, name: str, nodes: int) -> Rows:
        """The conditions of a part of the boundary, one for each component."""
        points = nodes_on(self, name, nodes).to(self.device)
        given = self.arguments(points)
        identity = self._identity(points)
        lift = self._lift(points)
        weights = torch.zeros_like(identity)
        data = torch.zeros_like(lift)
        if name in self.trial.module.BOUNDARY:
            coefficients, value = self.trial.module.BOUNDARY[name]
            weights = self._weights(coefficients, points, given)
            data = self._by_component(value(points, **given)).clone()
        for j, hard in enumerate(self._hard):
            if name in hard:
                weights[:, j] = identity[:, j]
                data[:, j] = lift[:, j]
        return plain_rows(points, weights, data)

    def _weights(
        self, coefficients: Callable[..., Any], points: Tensor, given: Mapping[str, Any]
    ) -> Tensor:
        """(n, equations, components, derivatives) from an emitted table."""
        tables = self.tables(coefficients(points, **given))
        return operator_weights(points, tables, self.components, self.trial.indices)

    def _identity(self, points: Tensor) -> Tensor:
        """The weights of the values."""
        out = points.new_zeros(
            len(points), self.components, self.components, len(self.trial.indices)
        )
        out[..., self.trial.indices.index((0,) * len(self.bounds))] = torch.eye(
            self.components, dtype=out.dtype, device=out.device
        )
        return out

    def _lift(self, points: Tensor) -> Tensor:
        return self._by_component(
            self.trial.module.lift(points, **self.arguments(points))[(0,) * len(self.bounds)]
        )

    def _by_component(self, values: Tensor) -> Tensor:
        return values.reshape(len(values), self.components)
