"""The types that modules of numerics hand each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
EffectiveKey: TypeAlias = tuple[str, tuple[int, ...]]
"""("A", (0, 1)): an entry of an effective coefficient."""
CoefficientKey: TypeAlias = tuple[Any, ...]
"""That of an entry, or (name, index, derivative) of one of its derivatives."""
LinearMap: TypeAlias = Callable[[AnyArray], AnyArray]
"""A matrix or a preconditioner, by its products with vectors."""
PointFunction: TypeAlias = Callable[[Array], Array]
"""A function that is known: points (n, d) -> values (n,)."""


@dataclass(frozen=True)
class InTime:
    """A datum that no formula gives: what it is at a time, a number or a function of the points."""

    at: Callable[[float], Any]
