"""The problems of the paper, taken from the files of examples/, with what it prints for them.

`paper.json` holds the printed numbers (relative L2 errors), the numbers of figures, and e4 as it
converges: by spectral elements, sine-Galerkin or closed forms, none of which is used here.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

import nhpinn_sym as nh

Array = NDArray[np.float64]
HERE = Path(__file__).parent
MACRO_TOLERANCE = 1e-6
"""Relative L2 accuracy of FEM solutions of homogenized equations: far below every error that is
compared.
"""
CELL_NODES = {1: 401, 2: 101}
"""Points per axis at which cell functions are compared."""


@dataclass(frozen=True)
class Case:
    """One problem at one eps.

    test_nodes: points per axis of the uniform grid on which errors are taken; figures: numbers of
    the paper's figures, by the part that they show; printed: its errors by quantity.
    """

    key: str
    section: str
    title: str
    problem: nh.MultiscaleProblem
    coefficient: sp.Expr
    eps: sp.Rational
    test_nodes: int
    seed: int
    figures: Mapping[str, int]
    printed: Mapping[str, float]
    converged_e4: float

    @property
    def dim(self) -> int:
        return self.problem.scales.dim

    @property
    def bounds(self) -> Array:
        assert self.problem.domain is not None, "every problem of the paper has one"
        return np.array(self.problem.domain.bounds, dtype=float)

    @property
    def period(self) -> float:
        """Of the coefficient, along the first axis."""
        return float(self.eps * self.problem.cell.lengths[0])

    @cached_property
    def points(self) -> Array:
        """The test grid, (n, d)."""
        return grid(self.bounds, self.test_nodes)

    @cached_property
    def cell_points(self) -> Array:
        """A uniform grid of the cell."""
        return grid(np.array(self.problem.cell.bounds, dtype=float), CELL_NODES[self.dim])

    @cached_property
    def model(self) -> nh.HomogenizedModel:
        return nh.homogenize(self.problem)

    @cached_property
    def fine(self) -> Any:
        """u_eps: finite elements that resolve the period."""
        return nh.solve_fine(self.problem, self.eps, "skfem")

    @cached_property
    def cells(self) -> nh.CellSolution:
        """The cell problems to rounding, by Fourier series."""
        return nh.solve_cells(self.model, "fourier")

    @cached_property
    def homogenized(self) -> Any:
        """u0: converged cells, finite elements."""
        return nh.solve_homogenized(self.model, self.cells, "skfem", tolerance=MACRO_TOLERANCE)

    def oscillating(self, points: Array) -> Array:
        """The coefficient at x and x/eps."""
        scales = self.problem.scales
        swap = {y: x / self.eps for x, y in zip(scales.x, scales.y, strict=True)}
        values = sp.lambdify(scales.x, self.coefficient.xreplace(swap), "numpy")(*points.T)
        return np.broadcast_to(np.asarray(values, dtype=float), (len(points),))


def grid(bounds: Array, nodes: int) -> Array:
    """All points of a uniform grid, both ends among them: (n, d)."""
    lines = np.meshgrid(*(np.linspace(a, b, nodes) for a, b in bounds), indexing="ij")
    return np.stack([line.ravel() for line in lines], axis=-1)


def relative(difference: Array, reference: Array) -> float:
    """The relative error on a uniform grid, as the paper takes it."""
    return float(np.linalg.norm(difference) / np.linalg.norm(reference))


@cache
def cases() -> dict[str, Case]:
    """Every case by its key."""
    data = json.loads((HERE / "paper.json").read_text(encoding="utf-8"))
    return {key: _case(key, entry) for key, entry in data.items()}


def _case(key: str, entry: Mapping[str, Any]) -> Case:
    found = runpy.run_path(str(HERE.parent / f"{entry['example']}.py"))
    return Case(
        key=key,
        section=entry["section"],
        title=entry["title"],
        problem=found[entry["problem"]],
        coefficient=found[entry["coefficient"]],
        eps=sp.Rational(entry["eps"]),
        test_nodes=entry["test_nodes"],
        seed=entry["seed"],
        figures=entry["figures"],
        printed=entry["printed"],
        converged_e4=entry["converged_e4"],
    )
