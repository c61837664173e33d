"""Derivatives of coefficients that are given as functions."""

from __future__ import annotations

from collections.abc import Callable

import torch


def derivative(
    function: Callable[..., torch.Tensor],
    arguments: tuple[torch.Tensor, ...],
    index: tuple[int, ...],
) -> torch.Tensor:
    """D^index of a function of tensors of one shape that acts point by point, by automatic
    differentiation.
    """
    with torch.enable_grad():
        inputs = [
            argument.detach().clone().requires_grad_()
            for argument in torch.broadcast_tensors(*arguments)
        ]
        value = function(*inputs)
        for variable, order in zip(inputs, index):
            for _ in range(order):  # 0 * variable: the function may not depend on it
                value = torch.autograd.grad(
                    (value + 0 * variable).sum(), variable, create_graph=True
                )[0]
    return value.detach()
