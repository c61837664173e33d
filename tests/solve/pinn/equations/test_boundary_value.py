"""The ansatz of a boundary value problem, evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.lower.forms import MultiIndex
from nhpinn_sym.runtime.nets.jets import Jet
from nhpinn_sym.solve.pinn.equations.boundary_value import BoundaryValueProblem
from nhpinn_sym.solve.pinn.equations.known_functions import _independent
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


def timed(source=0, left=0, initial=0):
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u), source),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(left, on="left"), nh.Dirichlet(0, on="right")],
        initial=[nh.Initial(initial)],
        final_time=0.5,
    )


@pytest.mark.parametrize("name", ["left", "initial", "source"])
def test_jumps_that_no_residual_sees_are_refused(name):
    """The ansatz would jump with conditions inside; the divergence of a jump is no function."""
    s = nh.Scales(1, time=True)
    jump = sp.Piecewise((0, s.t < 0.2 if name == "left" else s.x[0] < 0.3117), (1, True))
    problem = timed(**{name: s.div(sp.Matrix([jump])) if name == "source" else jump})
    with pytest.raises(nh.UnsupportedError, match="data that jump"):
        nh.solve_fine(problem, 1, "pinn")


def test_coefficients_that_jump_in_time_are_refused() -> None:
    """One branch was taken for all times: 49 % off, with an estimate of 1e-8."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    a = sp.Piecewise((1, s.t < 0.0337), (3, True))
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - a * s.laplacian(u), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=0.1,
    )
    with pytest.raises(nh.UnsupportedError, match="coefficient that jumps in time"):
        nh.solve_fine(problem, 1, "pinn")


def test_a_gate_in_time_is_seen():
    s = nh.Scales(1, time=True)
    gate = sp.Piecewise((0, s.t < 0.3117), (5000, s.t < 0.3119), (0, True))
    with pytest.warns(nh.ToleranceWarning):
        nh.solve_fine(timed(sp.sin(sp.pi * s.x[0]) * gate), 1, "pinn", features=100)


def test_the_rounding_of_a_known_function_is_no_known_function() -> None:
    """Imaginary parts that are real parts times 1e-13: of corners of nearly isotropic media."""
    problem = BoundaryValueProblem(square_problem(), lambda e, p: np.full(len(p), 1.9), {}, "cpu")

    def parts(points: torch.Tensor, indices: Sequence[MultiIndex]) -> Jet:
        real = torch.stack([points[:, 0] * points[:, 1], points[:, 0] ** 3], 1)
        noise = 1e-13 * torch.sin(1e3 * points)
        return {index: torch.cat([real, noise], 1) for index in indices}

    (found,) = _independent(problem, (parts,))
    values = found(torch.rand(5, 2, dtype=torch.float64), [(0, 0)])[0, 0]
    assert values.shape == (5, 2)
