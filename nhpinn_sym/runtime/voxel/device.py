"""Arrays of NumPy, or of torch on a device: the few things that the two write differently.

Whatever is given two arrays of one library gives one of that library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import fft

from ..arrays import AnyArray


def placed(values: AnyArray, device: str | None) -> Any:
    """An array of NumPy, as it is, or as a tensor on a device."""
    if device is None:
        return values
    import torch

    return torch.tensor(values, device=device)


def fetched(values: Any) -> AnyArray:
    """An array of NumPy."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def beside(values: AnyArray, others: Any) -> Any:
    """An array of NumPy where `others` are."""
    return values if isinstance(others, np.ndarray) else placed(values, others.device)


def library(values: Any) -> Any:
    """numpy or torch."""
    return np if isinstance(values, np.ndarray) else sys.modules["torch"]


def empty(values: Any, shape: Sequence[int]) -> Any:
    """An array of the kind of `values`, without numbers."""
    if isinstance(values, np.ndarray):
        return np.empty(shape, dtype=values.dtype)
    return values.new_empty(tuple(shape))


def modes_of(values: Any, axes: Sequence[int], real: bool) -> Any:
    """The FFT over some axes, of which a real one has half the modes along the last."""
    if isinstance(values, np.ndarray):
        return (fft.rfftn if real else fft.fftn)(values, axes=axes)
    transforms = sys.modules["torch"].fft
    return (transforms.rfftn if real else transforms.fftn)(values, dim=axes)


def values_of(modes: Any, shape: Sequence[int], axes: Sequence[int], real: bool) -> Any:
    """The inverse of `modes_of`, for values of that shape along the axes; it changes `modes`."""
    if isinstance(modes, np.ndarray):
        back = fft.irfftn if real else fft.ifftn
        return back(modes, s=shape, axes=axes, overwrite_x=True)
    transforms = sys.modules["torch"].fft
    return (transforms.irfftn if real else transforms.ifftn)(modes, s=shape, dim=axes)
