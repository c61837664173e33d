"""Losses whose minima are known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacfwd


class Residuals:
    """The sum of squares of residuals; `linear` of the unknowns enter affinely."""

    def __init__(self, start: list[float], linear: int = 0) -> None:
        self.start = torch.tensor(start, dtype=torch.float64)
        self.linear = slice(len(start) - linear, len(start))

    def residual(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def value(self, x: Tensor) -> float:
        return float(self.residual(x).square().sum())

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.residual(x), jacfwd(self.residual)(x)

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]:
        residual, jacobian = self.residual_and_jacobian(x)
        return float(residual @ residual), 2 * jacobian.T @ residual

    def linear_rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        zero = x.clone()
        zero[self.linear] = 0
        return jacfwd(self.residual)(x)[:, self.linear], -self.residual(zero)


class Rosenbrock(Residuals):
    """10 (y - x^2) and 1 - x: the minimum is (1, 1); y is linear."""

    def __init__(self) -> None:
        super().__init__([-1.2, 1.0], linear=1)

    def residual(self, x: Tensor) -> Tensor:
        return torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


class Exponentials(Residuals):
    """c1 exp(-k1 t) + c2 exp(-k2 t) at 30 times, of k = (1, 4), c = (2, -1): Golub and Pereyra's
    kind of problem.
    """

    def __init__(self) -> None:
        super().__init__([0.5, 6.0, 0.0, 0.0], linear=2)
        self.times = torch.linspace(0, 3, 30, dtype=torch.float64)
        self.data = 2 * torch.exp(-self.times) - torch.exp(-4 * self.times)

    def residual(self, x: Tensor) -> Tensor:
        return (
            x[2] * torch.exp(-x[0] * self.times) + x[3] * torch.exp(-x[1] * self.times) - self.data
        )
