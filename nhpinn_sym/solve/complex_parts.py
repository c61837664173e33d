"""Complex problems on backends that compute with real numbers: solved in real and imaginary parts,
and put together again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..lower.forms import LoweredEquation, MultiIndex
from ..lower.real_imaginary import real_equation
from .exports import SolutionExtent
from .external_fields import real_and_imaginary
from .fields import CellField, field_data, read_field
from .progress import Progress
from .solution import (
    Array,
    CellBatch,
    Coefficients,
    EquationSolver,
    Solution,
    Told,
)
from .solution_file import read_solution, solution_data


@dataclass(frozen=True)
class ComplexField(CellField):
    """A complex cell function made of two real ones of the same class."""

    kind: ClassVar[str] = "complex"

    real: CellField
    imaginary: CellField

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return self.real.evaluate(points, indices) + 1j * self.imaginary.evaluate(points, indices)

    def state(self) -> dict[str, Any]:
        return {"real": field_data(self.real), "imaginary": field_data(self.imaginary)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ComplexField:
        """The field that `state` came from."""
        return cls(read_field(state["real"]), read_field(state["imaginary"]))


@dataclass(frozen=True)
class RealPartsSolver:
    """A `CellSolver` of the complex problem around one of its real form (`lower.real`), for
    `components` complex unknowns.
    """

    solver: Any
    components: int

    def solve(self, slow_points: Array) -> CellBatch:
        batch = self.solver.solve(slow_points)
        fields = tuple(
            tuple(ComplexField(row[j], row[self.components + j]) for j in range(self.components))
            for row in batch.fields
        )
        keys = dict.fromkeys((name, index[1:]) for name, index in batch.effective)
        effective = {
            (name, index): (
                batch.effective[name, (0, *index)] + 1j * batch.effective[name, (1, *index)]
            )
            for name, index in keys
        }
        return CellBatch(fields, effective, batch.info)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """That of the real problem."""
        points, weights = self.solver.quadrature(batch, node)
        return points, weights


@dataclass(frozen=True, eq=False, repr=False)
class ComplexSolution(Solution):
    """The solution of a complex equation from that of its real form, which has the imaginary parts
    behind the real ones.
    """

    kind: ClassVar[str] = "complex"

    parts: Solution

    @property
    def extent(self) -> SolutionExtent:
        """That of the parts."""
        return self.parts.extent

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.parts.lines

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        values = self.parts.evaluate(points, indices, t)
        m = values.shape[-1] // 2
        found = values[..., :m] + 1j * values[..., m:]
        if m == 1:
            return found[..., 0]
        return found

    def state(self) -> dict[str, Any]:
        return {"parts": solution_data(self.parts)}

    @classmethod
    def from_state(cls, told: Told, state: Mapping[str, Any]) -> ComplexSolution:
        """The solution that `state` came from."""
        return cls(*told, read_solution(state["parts"]))


def solve_in_parts(
    solver: EquationSolver,
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress,
    /,
    **options: Any,
) -> Solution:
    """Solve an equation, a complex one by its real form: values (n,), for systems (n, m), complex
    then.
    """
    if not equation.complex:
        return solver(equation, coefficients, parameters, progress, **options)

    given = real_and_imaginary(coefficients)
    parts = solver(real_equation(equation), given, parameters, progress, **options)
    return ComplexSolution(parts.backend, parts.method, parts.info, parts)
