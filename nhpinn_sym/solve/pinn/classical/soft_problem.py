"""A boundary value problem for a plain net: every condition is a term of the loss, the initial one
too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ....emit.hard_constraints import constrain
from ....emit.torch_text import closure
from ....lower.forms import LoweredEquation, MultiIndex
from ....problem.errors import UnsupportedError
from ....runtime.nets.jets import full
from ...solution import Coefficients
from ..equations.boundary_value import BoundaryValueProblem
from ..network import Network
from ..rows import Rows, collocation_points, concatenate
from .batched_mlp import BatchedMlp
from .grids import face, opposite, uniform
from .loss_terms import plain_rows


class SoftProblem(BoundaryValueProblem):
    """u = net. Data come from the emitted file: of the faces in BOUNDARY as they stand there, of
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
        if self.open.shape[1]:
            raise UnsupportedError(
                "the loss of the classical PINN does not fix the mean of a solution that is free",
                term=equation.title,
                remedy='give a Dirichlet condition on some face, or use method="residual"',
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

    def values(
        self, network: Network, coefficients: Tensor, points: Tensor, index: MultiIndex
    ) -> Tensor:
        """D^index u, (n, components)."""
        return network.jet(points, closure([index]))[index]

    def equations(self, nodes: int) -> Rows:
        """The rows of the equations at the nodes of the grid."""
        return self._equations_at(uniform(self.bounds, nodes).to(self.device))

    def unseen(self, count: int, seed: int) -> Rows:
        """The rows of the equations at points that are no nodes."""
        return self._equations_at(collocation_points(count, self.trial.axes, seed, self.device))

    def boundary(self, nodes: int, essential: bool = False) -> Rows | None:
        """The rows of the conditions, or of the essential ones alone, at the nodes of all faces in
        space that have some.
        """
        faces = {face for condition in self.equation.essential for face in condition.faces}
        if not essential:
            faces |= {face for condition in self.equation.natural for face in condition.faces}
        blocks = [self._conditions_at(where, nodes) for where in sorted(faces)]
        return concatenate(blocks) if blocks else None

    def initial(self, nodes: int) -> Rows:
        """The rows of the initial condition."""
        points = face(self.bounds, nodes, len(self.bounds) - 1, self.bounds[-1][0]).to(self.device)
        return plain_rows(points, self._identity(points), self._lift(points))

    def periodic(self, nodes: int) -> tuple[Tensor, Tensor] | None:
        """Pairs of nodes at which a periodic solution is the same."""
        return (
            opposite(self.bounds, nodes, self.equation.periodic) if self.equation.periodic else None
        )

    def _equations_at(self, points: Tensor) -> Rows:
        module, given = self.trial.module, self.arguments(points)
        return plain_rows(
            points,
            self._weights(module.coefficients, points, given),
            self._by_component(module.source(points, **given)),
        )

    def _conditions_at(self, where: tuple[int, int], nodes: int) -> Rows:
        """The conditions of a face, one for each component."""
        points = face(self.bounds, nodes, where[0], self.bounds[where[0]][where[1]]).to(self.device)
        given, identity, lift = self.arguments(points), self._identity(points), self._lift(points)
        weights, data = torch.zeros_like(identity), torch.zeros_like(lift)
        if where in self.trial.module.BOUNDARY:
            coefficients, value = self.trial.module.BOUNDARY[where]
            weights, data = (
                self._weights(coefficients, points, given),
                self._by_component(value(points, **given)).clone(),
            )
        for j in (j for j in range(self.components) if where in self._hard[j]):
            weights[:, j], data[:, j] = identity[:, j], lift[:, j]
        return plain_rows(points, weights, data)

    def _weights(
        self, coefficients: Callable[..., Any], points: Tensor, given: Mapping[str, Any]
    ) -> Tensor:
        """(n, equations, components, derivatives) from an emitted table."""
        table = coefficients(points, **given)
        out = points.new_zeros(
            len(points), self.components, self.components, len(self.trial.indices)
        )
        for (i, j), terms in table.items() if self.components > 1 else [((0, 0), table)]:
            for index, value in terms.items():
                out[:, i, j, self.trial.indices.index(index)] = full(points, value)
        return out

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
