"""A cell function between slow points at which it is known, for backends whose functions know their
own points alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..lower.forms import MultiIndex
from .fields import field_data, read_field
from .solution import Array, CellField


@dataclass(frozen=True)
class InterpolatedField:
    """A cell function at new slow points: basis (new, m) times `field` at its m ones."""

    field: CellField
    basis: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        return self.basis @ self.field.evaluate(points, index)

    def state(self) -> dict[str, Any]:
        return {"field": field_data(self.field), "basis": self.basis}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> InterpolatedField:
        """The field that `state` came from."""
        return cls(read_field(state["field"]), np.asarray(state["basis"]))


def restricted(field: Any, basis: Array, slow_points: Array) -> CellField:
    """`field` at other slow points, where the interpolation weights are `basis`."""
    found: CellField = (
        field.restricted(basis, slow_points)
        if hasattr(field, "restricted")
        else InterpolatedField(field, basis)
    )
    return found
