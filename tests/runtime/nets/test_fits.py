"""Random features fitted to linear problems of known solution."""

import torch

from nhpinn_sym.runtime.nets.fits import box_points, fit_features, trials, uniform_points
from nhpinn_sym.runtime.nets.least_squares import least_squares
from nhpinn_sym.runtime.nets.networks import Layers, hidden

AXES = (("scaled", 0.0, 1.0), ("scaled", -1.0, 1.0))
ZERO = ((0, 0),)


def test_a_function_is_fitted() -> None:
    """Two functions of one component, from their values."""

    def rows(layers: Layers, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        left = trials(hidden(points, layers, ZERO, AXES), 1)[0, 0]
        x, y = points.T
        return left, torch.stack([torch.exp(x) * torch.sin(y), 1 + x * y], 1)

    fit = fit_features(120, AXES, rows, (2, 1))
    points = box_points(50, AXES, seed=7)
    x, y = points.T
    wanted = torch.stack([torch.exp(x) * torch.sin(y), 1 + x * y], 1)
    assert fit.residual < 1e-6
    assert torch.allclose(fit.jet(points, ZERO)[0, 0], wanted, rtol=0, atol=1e-5)


def test_dependent_columns_stay_bounded() -> None:
    a = torch.ones(9, 2, dtype=torch.float64)
    x = least_squares(a, 2 * torch.ones(9, 1, dtype=torch.float64))
    assert torch.allclose(x.sum(), torch.tensor(2.0, dtype=torch.float64)) and x.abs().max() < 2.1


def test_uniform_points_integrate_periodic_functions() -> None:
    axes = (("periodic", 0.0, 2.0), ("periodic", -1.0, 1.0))
    points = uniform_points(16, axes)
    assert points.shape == (256, 2) and float(points[:, 0].max()) < 2.0
    assert abs(float(torch.cos(torch.pi * points[:, 0]).mean())) < 1e-14
