"""The arrays that numbers of expressions come in, and the points of tensor products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]
ComplexArray: TypeAlias = NDArray[np.complex128]


def tensor_points(lines: Sequence[Array]) -> Array:
    """The points with one coordinate of each line, (n, d), the last coordinate fastest."""
    return np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], axis=-1)
