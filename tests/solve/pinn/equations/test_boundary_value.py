"""The ansatz of a boundary value problem, evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nhpinn_sym.lower.forms import MultiIndex
from nhpinn_sym.runtime.nets.jets import Jet
from nhpinn_sym.solve.pinn.equations.boundary_value import BoundaryValueProblem
from nhpinn_sym.solve.pinn.network import Network

from ....pinn_samples import square_problem

INDICES = [(0, 0), (1, 0), (0, 1), (2, 1)]
"""The last one is no derivative of the equation."""


def test_several_derivatives_come_from_one_evaluation() -> None:
    problem = BoundaryValueProblem(square_problem(), lambda e, p: np.full(len(p), 1.9), {}, "cpu")
    asked: list[Sequence[MultiIndex]] = []

    def known(points: torch.Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """exp(x1 + 2 x2)."""
        asked.append(indices)
        value = torch.exp(points[:, [0]] + 2 * points[:, [1]])
        return {index: 2.0 ** index[1] * value for index in indices}

    problem.known = (known,)
    network = Network(problem.trial, problem.trial.mlp(6, 2, 1, seed=0))
    weights = torch.tensor([[0.3]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    points = 0.2 + 0.6 * torch.rand(9, 2, generator=generator, dtype=torch.float64)

    found = problem.derivatives(network, weights, points, INDICES)
    assert found.shape == (4, 9, 1) and len(asked) == 1

    step = 1e-4 * torch.eye(2, dtype=torch.float64)

    def slope(index: MultiIndex, axis: int) -> torch.Tensor:
        """By differences."""
        above, below = (
            problem.values(network, weights, points + sign * step[axis], index)
            for sign in (1.0, -1.0)
        )
        return (above - below) / 2e-4

    assert torch.allclose(found[1], slope((0, 0), 0), atol=1e-6)
    assert torch.allclose(found[2], slope((0, 0), 1), atol=1e-6)
    assert torch.allclose(found[3], slope((2, 0), 1), atol=1e-6)
