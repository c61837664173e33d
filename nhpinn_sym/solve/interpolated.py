"""A cell function between slow points at which it is known, for backends whose functions know their own points alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .solution import Array, CellField, MultiIndex


@dataclass(frozen=True)
class InterpolatedField:
    """A cell function at new slow points: basis (new, m) times `field` at its m ones."""

    field: CellField
    basis: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        return self.basis @ self.field.evaluate(points, index)

    def state(self) -> dict[str, Any]:
        return {"interpolation": self.basis, **{f"field.{name}": value for name, value in self.field.state().items()}}


def restricted(field: Any, basis: Array, slow_points: Array) -> CellField:
    """`field` at other slow points, where the interpolation weights are `basis`."""
    found: CellField = field.restricted(basis, slow_points) if hasattr(field, "restricted") else InterpolatedField(field, basis)
    return found
