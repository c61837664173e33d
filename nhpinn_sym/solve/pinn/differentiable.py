"""Fields of arrays that know their derivatives, as functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...lower.forms import MultiIndex
from ..solution import Array


def differentiable(
    field: Callable[[MultiIndex, Array], Array],
) -> Callable[..., Tensor]:
    """A function of tensors, one for each coordinate, with the values of `field`, (index, points
    (n, d)) -> D^index (n,): autograd takes its derivatives, of any order, from there.
    """

    def values(*arguments: Tensor) -> Tensor:
        index = (0,) * len(arguments)
        found: Tensor = _Field.apply(field, index, *torch.broadcast_tensors(*arguments))
        return found

    return values


class _Field(torch.autograd.Function):
    """D^index of a field at tensors of one shape."""

    @staticmethod
    def forward(
        ctx: Any, field: Callable[[MultiIndex, Array], Array], index: MultiIndex, *arguments: Tensor
    ) -> Tensor:
        ctx.field = field
        ctx.index = index
        ctx.save_for_backward(*arguments)
        points = torch.stack([a.detach().flatten() for a in arguments], dim=-1)
        found = np.array(field(index, points.cpu().numpy()), dtype=float)
        return torch.from_numpy(found).to(points).reshape(arguments[0].shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        slopes: list[Tensor | None] = []
        for k, needed in enumerate(ctx.needs_input_grad[2:]):
            raised = tuple(n + (axis == k) for axis, n in enumerate(ctx.index))
            slope = _Field.apply(ctx.field, raised, *ctx.saved_tensors) if needed else None
            slopes.append(None if slope is None else gradient * slope)
        return None, None, *slopes
