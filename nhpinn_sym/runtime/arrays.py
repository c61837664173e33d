"""The types that modules of numerics hand each other."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
ComplexArray: TypeAlias = NDArray[np.complex128]
Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]
AnyArray: TypeAlias = NDArray[Any]
Bounds: TypeAlias = tuple[tuple[float, float], ...]
"""The ends of each axis."""
MultiIndex: TypeAlias = tuple[int, ...]
"""How often each coordinate is differentiated by."""
EffectiveKey: TypeAlias = tuple[Any, ...]
"""(name, index) of an effective coefficient, or (name, index, derivative)."""
