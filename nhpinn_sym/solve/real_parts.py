"""Complex cell problems on backends that compute with real numbers: solved in real and imaginary parts, and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .solution import Array, CellBatch, CellField, MultiIndex


@dataclass(frozen=True)
class ComplexField:
    """A complex cell function made of two real ones of the same class."""

    real: CellField
    imaginary: CellField

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        return self.real.evaluate(points, index) + 1j * self.imaginary.evaluate(points, index)

    def state(self) -> dict[str, Any]:
        return {f"{name}.{key}": value for name in ("real", "imaginary") for key, value in getattr(self, name).state().items()}

    @classmethod
    def of(cls, part: Any, state: Mapping[str, Any]) -> ComplexField:
        """The field whose parts are of the class `part`, from its `state`."""
        pieces = ({key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{name}.")} for name in ("real", "imaginary"))
        real, imaginary = (part.from_state(piece) for piece in pieces)
        return cls(real, imaginary)


@dataclass(frozen=True)
class RealPartsSolver:
    """A `CellSolver` of the complex problem around one of its real form (`lower.real`), for `components` complex unknowns."""

    solver: Any
    components: int

    def solve(self, slow_points: Array) -> CellBatch:
        batch = self.solver.solve(slow_points)
        fields = tuple(tuple(ComplexField(row[j], row[self.components + j]) for j in range(self.components)) for row in batch.fields)
        keys = dict.fromkeys((name, index[1:]) for name, index in batch.effective)
        effective = {(name, index): batch.effective[name, (0, *index)] + 1j * batch.effective[name, (1, *index)] for name, index in keys}
        return CellBatch(fields, effective, batch.info)
