"""The problems of the paper's sections 2.1, 5.2, 5.3 and 5.4, with what the paper prints for
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from ...derive.homogenize import homogenize
from ...derive.model import HomogenizedModel
from ...problem.conditions import Dirichlet, Initial
from ...problem.domain import Box, Cell
from ...problem.numeric import lambdified
from ...problem.problem import MultiscaleProblem
from ...problem.scales import Scales
from ...solve.cell_solution import CellSolution
from ...solve.cells import solve_cells
from ...solve.equations import solve_fine, solve_homogenized
from ...solve.solution import Array, Solution

MACRO_TOLERANCE = 1e-6
"""Relative L2 accuracy of FEM solutions of homogenized equations: far below every error that is
compared.
"""


@dataclass(frozen=True)
class Case:
    """One problem at one eps.

    coefficient : what oscillates, in x and y.
    test_nodes  : points per axis of the uniform grid on which the paper takes errors.
    figures     : numbers of the paper's figures, by what they show; `table`: of its table of
    e1..e4. printed     : the paper's numbers; truth: the converged e4, by spectral elements,
    sine-Galerkin or closed forms.
    """

    key: str
    section: str
    title: str
    problem: MultiscaleProblem
    eps: sp.Rational
    coefficient: sp.Expr
    test_nodes: int
    figures: Mapping[str, int]
    printed: Mapping[str, float]
    truth: float
    table: int | None = None
    example: str = ""
    note: str = ""
    seed: int = 0

    @property
    def short(self) -> str:
        """Section; where it has several cases with eps, and a p for r as printed."""
        return self.section + (
            "p" * ("printed" in self.key) + f" at {self.eps}" if self.section == "5.4" else ""
        )

    @property
    def dim(self) -> int:
        return self.problem.scales.dim

    @property
    def bounds(self) -> Array:
        assert self.problem.domain is not None
        return np.array(self.problem.domain.bounds)

    @cached_property
    def points(self) -> Array:
        """The test grid, (n, d)."""
        axes = [np.linspace(a, b, self.test_nodes) for a, b in self.bounds]
        return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=-1)

    @cached_property
    def cell_points(self) -> Array:
        """A uniform grid of the cell: 401 points, or 101 x 101."""
        axes = [np.linspace(a, b, {1: 401, 2: 101}[self.dim]) for a, b in self.problem.cell.bounds]
        return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=-1)

    @cached_property
    def model(self) -> HomogenizedModel:
        return homogenize(self.problem)

    @cached_property
    def fine(self) -> Solution:
        """u_eps: finite elements that resolve the period."""
        return solve_fine(self.problem, self.eps, "skfem")

    @cached_property
    def cells(self) -> CellSolution:
        """The cell problems to rounding, by Fourier series."""
        return solve_cells(self.model, "fourier")

    @cached_property
    def homogenized(self) -> Solution:
        """u0: converged cells, finite elements. It is v of table 1 without its discretization
        errors.
        """
        return solve_homogenized(self.model, self.cells, "skfem", tolerance=MACRO_TOLERANCE)

    def oscillating(self, points: Array) -> Array:
        """The coefficient at x and x/eps."""
        scales = self.problem.scales
        written = self.coefficient.xreplace(
            {y: x / self.eps for x, y in zip(scales.x, scales.y, strict=True)}
        )
        return np.asarray(lambdified(scales.x, written, "numpy")(*points.T), dtype=float)


def relative(difference: Array, reference: Array) -> float:
    """The relative error on a uniform grid, as the paper takes it."""
    return float(np.linalg.norm(difference) / np.linalg.norm(reference))


def cases(section: str | None = None) -> tuple[Case, ...]:
    """The cases of one section, or all of them; section 2.2 has none."""
    every = (_elliptic_1d(), _elliptic_2d(), _slowly_varying(), *_reactions())
    return tuple(case for case in every if section in (None, case.section))


def _elliptic_1d() -> Case:
    s = Scales(1)
    u, a = s.unknown("u"), 2 + sp.sin(2 * sp.pi * s.y[0]) / 2
    problem = MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0])),
        scales=s,
        unknown=u,
        domain=Box((0, sp.pi)),
        boundary=[Dirichlet(0)],
    )
    return Case(
        "elliptic_1d",
        "2.1",
        "1D elliptic equation",
        problem,
        sp.Rational(1, 8),
        a,
        401,
        {"classical": 1},
        {"classical": 0.987471},
        0.0050603,
        example="elliptic_1d",
    )


def _elliptic_2d() -> Case:
    s = Scales(2)
    u, a = s.unknown("u"), 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    problem = MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0]) + sp.cos(s.x[1])),
        scales=s,
        unknown=u,
        domain=Box((0, 1), (0, 1)),
        boundary=[Dirichlet(0)],
    )
    figures = {
        "data": 2,
        "classical": 3,
        "cell_1": 4,
        "cell_2": 5,
        "errors": 6,
        "field": 7,
        "transfer": 8,
    }
    printed = {
        "classical": 0.900758,
        "cell_1 plain": 0.326963,
        "cell_1": 0.072034,
        "cell_2 plain": 0.312961,
        "cell_2": 0.071396,
        "e1": 0.082994,
        "e2": 0.0212534,
        "e3": 0.076604,
        "e4": 0.021316,
        "transfer": 0.909675,
    }
    return Case(
        "elliptic_2d",
        "5.2",
        "2D elliptic equation",
        problem,
        sp.Rational(1, 8),
        a,
        101,
        figures,
        printed,
        0.011663,
        2,
        "elliptic_2d",
    )


def _slowly_varying() -> Case:
    s = Scales(1)
    u, a = s.unknown("u"), sp.sin(2 * sp.pi * s.y[0]) / 2 + sp.sin(s.x[0]) + 2
    problem = MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0])),
        scales=s,
        unknown=u,
        domain=Box((0, sp.pi)),
        boundary=[Dirichlet(0)],
    )
    figures = {"data": 9, "classical": 10, "effective": 11, "errors": 12, "transfer": 13}
    printed = {
        "classical": 0.980968,
        "a*": 0.010304,
        "e1": 0.005819,
        "e2": 0.007668,
        "e3": 0.003665,
        "e4": 0.006201,
        "transfer": 1.005152,
    }
    return Case(
        "slowly_varying_1d",
        "5.3",
        "1D slowly varying coefficient",
        problem,
        sp.Rational(1, 8),
        a,
        401,
        figures,
        printed,
        0.0051252,
        3,
        "slowly_varying_1d",
    )


def _reactions() -> list[Case]:
    """Both scales, in both readings of r: cos(2 pi x/eps) on the appendix's cell (0, 1), and
    cos(x/eps) as printed.
    """
    return [_reaction(literal, large) for literal in (False, True) for large in (True, False)]


def _reaction(literal: bool, large: bool) -> Case:
    s = Scales(1, time=True)
    u, r = s.unknown("u"), sp.cos(s.y[0] if literal else 2 * sp.pi * s.y[0])
    eps = sp.Rational(1, 10 if large else 50)
    problem = MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(2 * s.grad(u)) + r * u / s.eps, sp.sin(2 * sp.pi * s.x[0])),
        scales=s,
        unknown=u,
        domain=Box((-sp.pi, sp.pi)),
        boundary=[Dirichlet(0)],
        initial=[Initial(0)],
        final_time=sp.Rational(1, 2),
        cell=Cell((0, 2 * sp.pi)) if literal else Cell((0, 1)),
    )
    first = 14 if large else 19
    figures = {
        name: first + k
        for k, name in enumerate(("data", "classical", "cell_1", "errors", "transfer"))
    }
    names = ("classical", "cell_1", "e1", "e2", "e3", "e4", "transfer")
    values = (
        (0.774558, 0.053309, 0.012388, 0.0012916, 0.012448, 0.0012917, 0.265721)
        if large
        else (1.000237, 0.057602, 0.018582, 0.011637, 0.022184, 0.0116435, 0.506884)
    )
    truth = {
        (False, True): 0.00093230,
        (False, False): 0.00017940,
        (True, True): 0.16059,
        (True, False): 0.0075116,
    }[literal, large]
    reading = "r = cos(x/eps)" if literal else "r = cos(2 pi x/eps)"
    note = (
        "r as section 5.4 prints it, with the cell (0, 2 pi)."
        if literal
        else "r on the appendix's unit cell."
    )
    return Case(
        f"reaction_diffusion{'_printed' * literal}_{eps.q}",
        "5.4",
        f"diffusion and reaction, {reading}, eps = {eps}",
        problem,
        eps,
        r,
        201,
        figures,
        dict(zip(names, values, strict=True)),
        truth,
        4 if large else 5,
        "reaction_diffusion",
        note
        + " The paper prints neither initial data nor final time; here u(x, 0) = 0 and T = 1/2.",
        2 * literal + (not large),
    )
