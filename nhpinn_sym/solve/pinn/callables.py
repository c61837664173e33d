"""Coefficients given as functions of tensors, seen as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..solution import Array


def on_arrays(function: Callable[..., Tensor]) -> Callable[..., Array]:
    """The function for numpy arrays."""

    def values(*arguments: Array) -> Array:
        with torch.no_grad():
            found: Array = torch.as_tensor(function(*(torch.tensor(a) for a in arguments))).cpu().numpy()
        return found

    return values
