"""Trigonometric polynomials as functions of tensors, which torch differentiates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..interpolation import Array


def on_tensors(values: Array, bounds: Sequence[tuple[float, float]]) -> Callable[..., Tensor]:
    """The function of one tensor a coordinate that has these values (n, ..., n), n odd, at the
    equispaced points of a periodic box.
    """
    modes = torch.as_tensor(np.fft.fftn(values, norm="forward"))
    n = len(values)
    frequency = torch.as_tensor(np.fft.fftfreq(n, 1 / n))

    def function(*y: Tensor) -> Tensor:
        points = torch.broadcast_tensors(*y)
        total = modes.expand(points[0].numel(), *modes.shape)
        for v, (a, b) in zip(points, bounds, strict=True):
            angle = 2 * np.pi / (b - a) * (v.reshape(-1, 1) - a) * frequency
            wave = torch.complex(torch.cos(angle), torch.sin(angle))
            total = torch.einsum("qn...,qn->q...", total, wave)
        return total.real.reshape(points[0].shape)

    return function
