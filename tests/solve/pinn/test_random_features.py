"""The least-squares kernel, and the points it is given."""

from __future__ import annotations

import pytest
import torch

from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.solve.pinn.random_features import least_squares
from nhpinn_sym.solve.pinn.rows import collocation_points


def test_least_squares_of_full_rank() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(30, 8, generator=generator, dtype=torch.float64), torch.randn(30, 2, generator=generator, dtype=torch.float64)
    x = least_squares(a * torch.logspace(-8, 8, 8, dtype=torch.float64), b) * torch.logspace(-8, 8, 8, dtype=torch.float64)[:, None]
    assert torch.allclose(a.T @ (a @ x - b), torch.zeros(8, 2, dtype=torch.float64), atol=1e-12)


def test_dependent_and_zero_columns_stay_bounded() -> None:
    s = torch.linspace(-1, 1, 200, dtype=torch.float64)
    a = torch.stack([torch.tanh(0.3 * s + 0.1 * k / 60) for k in range(60)] + [torch.zeros_like(s)], 1)
    target = torch.tanh(0.3 * s + 0.05)[:, None]
    x = least_squares(a, target)
    assert (a @ x - target).abs().max() < 1e-12
    assert x.abs().max() < 1e3 and x[-1].abs() < 1e-15


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(SolveError, match="not finite"):
        least_squares(torch.tensor([[1.0], [float("nan")]], dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64))


def test_points_fill_the_box_and_half_of_them_the_start() -> None:
    axes = (("periodic", -1.0, 3.0), ("graded", 0.0, 2.0))
    p = collocation_points(512, axes, 0, "cpu")
    assert p.shape == (512, 2) and p.dtype == torch.float64
    for k, (_, a, b) in enumerate(axes):
        assert a <= p[:, k].min() < a + 0.1 and b - 0.1 < p[:, k].max() <= b
    early = p[:, 1] < 0.02
    assert 25 < early.sum() < 60  # 5 if they were uniform
    assert p[early, 0].min() < -0.9 and p[early, 0].max() > 2.9
    assert torch.equal(p, collocation_points(512, axes, 0, "cpu")) and not torch.equal(p, collocation_points(512, axes, 1, "cpu"))
