"""Boundary value problems whose data jump across planes x_k = c: one net in each box between them.

The strong form holds in each box; across the planes the solution and its conormal flux go on:
    u_1 = u_2,   n . a_1 grad u_1 = n . a_2 grad u_2   (rows at points of the plane),
as for the phases of a cell (`cells.jumps`). One least-squares problem for all boxes together
(Dwivedi, Srinivasan 2020, arXiv 1907.08967; Wang, Dong 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from ....lower.forms import LoweredEquation, MultiIndex
from ....lower.pieces import equation_on
from ....operator.numbers.panels import evaluator
from ....problem.domain import Box
from ....problem.errors import ProblemError, UnsupportedError
from ....resolution import resolve_equation
from ....runtime.nets.least_squares import least_squares, safe_divisor
from ...exports import COUNTS, SolutionExtent, equally_spaced
from ...progress import Progress, silent
from ...solution import Array, Coefficients, Solution
from .. import adaptive
from ..adaptive import Fit, Formulation, norm_change
from ..collocation import (
    HELD_OUT,
    FeatureScales,
    Rows,
    collocation_points,
    concatenate,
    matrix,
    random_layer,
    row_strengths,
)
from ..network import Axes, Layers, Network
from ..options import Options, collocation_options
from .boundary_value import BoundaryValueProblem
from .solution import GOAL, POOR, NetworkSolution, probe

# One least-squares problem holds the nets of all boxes: its cost is the cube of their number.
_MOST_BOXES = 32
# Share of a box by which a point may lie outside.
_ROUNDING = 1e-9
# Points of a plane between two boxes.
_FEWEST = 10

SubdomainNets = tuple[Network, ...]


def solve_across_jumps(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    *,
    tolerance: float | None = None,
    **options: Any,
) -> SubdomainSolution:
    """Solve an equation whose data jump; options and tolerance as of `strong.solve_equation`.

    UnsupportedError where the planes are curved or oblique, or cut periodic axes, where effective
    coefficients have no formula, and for trained nets.
    """
    chosen = collocation_options(options)
    boxes = _boxes(equation, parameters)
    problems = [
        BoundaryValueProblem(equation_on(equation, box), coefficients, parameters, chosen.device)
        for box in boxes
    ]
    formulation = Subdomains(equation, problems, parameters, chosen, tolerance or GOAL)
    found = adaptive.solve(formulation, progress)
    info = {**found.info, "tolerance": tolerance or POOR, "boxes": len(boxes)}
    method = info["method"]
    parts = tuple(
        NetworkSolution("pinn", method, info, problem, net, torch.zeros(0, 1, dtype=torch.float64))
        for problem, net in zip(problems, found.solved, strict=True)
    )
    return SubdomainSolution("pinn", method, info, equation, parts)


@dataclass(frozen=True, eq=False, repr=False)
class SubdomainSolution(Solution):
    """One net in each box; a point of a plane belongs to the first that has it."""

    equation: LoweredEquation
    parts: tuple[NetworkSolution, ...]

    @property
    def extent(self) -> SolutionExtent:
        """Equally spaced points of the domain, and the ends of the time."""
        lines = equally_spaced(self.equation.domain.bounds, COUNTS[self.equation.domain.dim])
        return SolutionExtent(lines, self.parts[0].extent.times)

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        """ProblemError outside the domain."""
        out = np.full((len(indices), len(points)), np.nan)
        left = np.ones(len(points), dtype=bool)
        for part in self.parts:
            own = left & part.problem.equation.domain.contains(points.T, _ROUNDING)
            if own.any():
                out[:, own] = part.evaluate(points[own], indices, t)
            left &= ~own
        if left.any():
            raise ProblemError(
                f"a point is outside of {self.equation.domain}, or not a number",
                term=points[left][0],
                remedy="the solution is known on the domain of the problem",
            )
        return out


@dataclass(frozen=True)
class _Plane:
    """What two boxes have in common: `axis` is across it, `box` holds its points."""

    sides: tuple[int, int]
    axis: int
    box: Axes


class Subdomains(Formulation[SubdomainNets]):
    """Residuals in the boxes and continuity between them, at collocation points."""

    def __init__(
        self,
        equation: LoweredEquation,
        problems: Sequence[BoundaryValueProblem],
        parameters: Mapping[str, float],
        options: Options,
        tolerance: float,
    ) -> None:
        self.equation, self.problems = equation, problems
        self.options, self.tolerance, self.title = options, tolerance, equation.title
        self.per_feature = len(problems)
        self.parameters = parameters
        self.planes = _planes(problems)
        self._inside = cache(self._rows)

    @property
    def axes(self) -> Axes:
        return self.problems[0].trial.axes

    def fit(self, size: int, scales: FeatureScales) -> Fit[SubdomainNets]:
        """One least-squares problem for the last layers of all nets."""
        layers = [random_layer(p.trial, size, scales, self.options.seed) for p in self.problems]
        a, b = self._system(layers, 2 * size, self.options.seed)
        weights = least_squares(a, b)[:, 0].reshape(len(layers), 1, size)
        nets = tuple(
            Network(problem.trial, [*hidden, (weight, weight.new_zeros(1))])
            for problem, hidden, weight in zip(self.problems, layers, weights, strict=True)
        )
        a, b = self._system(layers, min(2 * size, HELD_OUT), self.options.seed + 1)
        off = (a @ weights.reshape(-1, 1) - b).square().mean().sqrt()
        return Fit(nets, float(off / safe_divisor(b.square().mean().sqrt())), size, scales)

    def values(self, solved: SubdomainNets) -> Array:
        none = torch.zeros(0, 1, dtype=torch.float64)
        pairs = zip(self.problems, solved, strict=True)
        return np.concatenate([probe(problem, net, none) for problem, net in pairs])

    def change(self, values: Array, before: Array) -> float:
        return norm_change(values, before)

    def _rows(self, number: int, count: int, seed: int) -> Rows:
        """The rows in one box and on its part of the boundary, of strength 1."""
        problem = self.problems[number]
        rows = concatenate(problem.blocks(count, seed))
        return rows.scale(1 / rows.strength(problem.trial))

    def _system(self, layers: Sequence[Layers], count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Matrix and right-hand side for the last layers of all boxes."""
        width = len(layers[0][-1][1])
        blocks: list[tuple[dict[int, Tensor], Tensor]] = []
        for k, problem in enumerate(self.problems):
            rows = self._inside(k, count, seed)
            blocks.append(({k: matrix(problem.trial, rows, layers[k])}, rows.target.flatten(0, 1)))
        for plane in self.planes:
            blocks += self._continuity(plane, layers, max(_FEWEST, count // 2), seed)
        lines = []
        for parts, target in blocks:
            line = target.new_zeros(len(target), width * len(layers))
            for k, part in parts.items():
                line[:, k * width : (k + 1) * width] = part
            lines.append(line)
        return torch.cat(lines), torch.cat([target for _, target in blocks])

    def _continuity(
        self, plane: _Plane, layers: Sequence[Layers], count: int, seed: int
    ) -> list[tuple[dict[int, Tensor], Tensor]]:
        """Rows for the jumps of the solution and of its flux, which are zero."""
        device = self.problems[0].device
        points = collocation_points(count, plane.box, seed + 100, device)
        found = []
        for kind in ("value", "flux"):
            sides = [
                self.problems[k].trace(points, self._terms(k, plane.axis, kind, points))
                for k in plane.sides
            ]
            strength = max(
                float(row_strengths(weights[:, None, None], self.problems[k].trial).sum())
                for k, (weights, _) in zip(plane.sides, sides, strict=True)
            )
            parts = {}
            target = points.new_zeros(len(points), 1)
            for sign, k, (weights, lifted) in zip((1, -1), plane.sides, sides, strict=True):
                rows = Rows(
                    points,
                    sign / strength * weights[:, None, None],
                    points.new_zeros(len(points), 1, 0),
                    points.new_zeros(len(points), 1, 1),
                    points.new_ones(1),
                )
                parts[k] = matrix(self.problems[k].trial, rows, layers[k])
                target = target - sign / strength * lifted[:, None]
            found.append((parts, target))
        return found

    def _terms(self, k: int, axis: int, kind: str, points: Tensor) -> dict[MultiIndex, Tensor]:
        """{derivative: factors (n,)} of the value, or of the conormal flux along an axis, as the
        box with the number k has it."""
        columns = points.shape[1]
        if kind == "value":
            return {(0,) * columns: torch.ones_like(points[:, 0])}
        equation = self.problems[k].equation
        symbols = (*equation.coordinates, *([] if equation.time is None else [equation.time]))
        found: dict[MultiIndex, Tensor] = {}
        for term in equation.flux[0][axis]:
            numbers = {
                v: sp.Float(self.parameters[v.name], 17)
                for v in term.coefficient.free_symbols
                if v not in symbols
            }
            values = evaluator(term.coefficient.xreplace(numbers), symbols)(points.cpu().numpy())
            index = (*term.right, *(0,) * (columns - len(term.right)))
            found[index] = found.get(index, 0.0) + torch.as_tensor(values, device=points.device)
        return found


def _boxes(equation: LoweredEquation, parameters: Mapping[str, float]) -> list[Box]:
    """The boxes between the planes across which data jump or kink."""
    found = resolve_equation(equation, parameters)
    reason = ""
    if equation.components > 1 or equation.externals:
        reason = "a coefficient that jumps in a system, or has no formula"
    elif found.curved:
        reason = "a coefficient that jumps across a curved or oblique interface"
    elif any(found.axes[k].breaks for k in equation.periodic):
        reason = "a coefficient that jumps along a periodic axis"
    elif not equation.essential and all(n.alpha == 0 for n in equation.natural):
        reason = "a coefficient that jumps where the boundary leaves the mean open"
    lines = []
    for axis, (a, b) in zip(found.axes, equation.domain.intervals, strict=False):
        inner = [sp.Float(c, 17) for c in axis.breaks if float(a) < c < float(b)]
        lines.append([a, *inner, b])
    boxes = [Box(*pairs) for pairs in product(*[list(pairwise(line)) for line in lines])]
    if not reason and len(boxes) > _MOST_BOXES:
        reason = f"a coefficient whose jumps cut the domain into {len(boxes)} boxes"
    if reason:
        raise UnsupportedError(
            f"a boundary value problem by nets with {reason}",
            term=equation.title,
            remedy='finite elements hold across it: "dolfinx" or "skfem"',
        )
    return boxes


def _planes(problems: Sequence[BoundaryValueProblem]) -> list[_Plane]:
    """Between each two boxes that share a side."""
    found = []
    for k, below in enumerate(problems):
        for m, above in enumerate(problems):
            one, other = below.equation.domain.bounds, above.equation.domain.bounds
            differing = [axis for axis, pair in enumerate(zip(one, other)) if pair[0] != pair[1]]
            if len(differing) == 1 and one[differing[0]][1] == other[differing[0]][0]:
                axis = differing[0]
                place = one[axis][1]
                axes = tuple(
                    (kind, place, place) if n == axis else (kind, a, b)
                    for n, (kind, a, b) in enumerate(below.trial.axes)
                )
                found.append(_Plane((k, m), axis, axes))
    return found
