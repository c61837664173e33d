"""What a factorization u = e^(-lambda0 t/eps^2) phi(x/eps) v asks of data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.forms import MultiIndex
from ..operator.sampling import sampler
from ..operator.table import Operator
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array
from ..runtime.tensor_grids import tensor_points
from .cell_solution import CellFunction, CellSolution
from .exports import SolutionExtent
from .solution import Solution, Told
from .solution_file import read_solution, solution_data

# Points per axis of the midpoint rule on the cell, by the number of axes.
_POINTS = {1: 1024, 2: 128, 3: 32}


@dataclass(frozen=True, eq=False, repr=False)
class Decaying(Solution):
    """e^(-rate t) times a solution that neither grows nor decays as eps falls."""

    kind: ClassVar[str] = "decaying"

    solution: Solution
    rate: float

    @property
    def extent(self) -> SolutionExtent:
        return self.solution.extent

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        assert t is not None
        return math.exp(-self.rate * t) * self.solution.evaluate(points, indices, t)

    def state(self) -> dict[str, Any]:
        return {"solution": solution_data(self.solution), "rate": self.rate}

    @classmethod
    def from_state(cls, told: Told, state: Mapping[str, Any]) -> Decaying:
        """The solution that `state` came from."""
        return cls(*told, read_solution(state["solution"]), float(state["rate"]))


def initial_share(
    model: HomogenizedModel, cells: CellSolution, parameters: Mapping[sp.Symbol, float] | None
) -> float:
    """v(0) / u(0) = <psi rho> / <psi rho phi>: what of data that do not oscillate is a ground state
    (Allaire, Capdeboscq 2000, Comput. Methods Appl. Mech. Engrg. 187:91)."""
    op = model.operator
    count = _POINTS[len(op.axes)]
    shares = (np.arange(count) + 0.5) / count
    y = np.stack(op.cell.place(list(tensor_points([shares] * len(op.axes)).T)), axis=1)
    rho = _density(op) if model.problem.time_order else sp.Integer(1)
    numbers = parameter_numbers(parameters, model.problem.parameters)
    slow = dict.fromkeys(op.slow, 0.0) | {v: numbers[str(v)] for v in model.problem.parameters}
    (weight,) = sampler([rho], op)(list(y.T), slow)
    phi = np.ones(len(y)) if cells.ground_state is None else _kernel(cells.ground_state, y)
    psi = _kernel(cells.adjoints[0], y) if cells.adjoints else np.ones(len(y))
    return float((psi * weight).mean() / (psi * weight * phi).mean())


def _kernel(function: CellFunction, y: Array) -> Array:
    """Values of a kernel at points of the cell: the same for all slow variables that other cell
    functions may depend on."""
    slow = np.tile(function.shape.nodes.points[:1], (len(y), 1))
    none = (0,) * len(function.shape.slow)
    return function.at(y, slow, [(0,) * y.shape[1]], none)[0]


def without_growth(op: Operator, growth: float) -> MultiscaleProblem:
    """The problem of w = e^(growth t/eps^2) u: rho growth/eps^2 u is taken off the equation, and
    data that vanish stay. Where growth is the ground state's eigenvalue w neither grows nor decays
    as eps falls."""
    problem, scales = op.problem, op.problem.scales
    rho = _density(op).xreplace({v.symbol: v for v in scales.fast})
    shift = sp.Float(growth, 17) * rho / scales.eps**2 * problem.unknowns[0]
    return problem.replaced((problem.equations[0] - shift, 0))


def _density(op: Operator) -> sp.Expr:
    """What u_t is multiplied by."""
    return sp.Add(*[c for term, c in op.terms() if term.right[-1] == 1])
