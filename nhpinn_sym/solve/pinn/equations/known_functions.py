"""Which known functions a problem asks for: decided from the parts of its boundary, its
coefficients and whether its data fit together where parts meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.hard_constraints import Constraints, constrain
from ....lower.forms import MultiIndex
from ....problem.domain import BoundaryPart, Box
from ....problem.regions import Region
from ....resolution.singular_places import singular_places
from ....runtime.nets.corners import (
    Edge,
    characteristics,
    combine_functions,
    singular_functions,
    singularities,
)
from ....runtime.nets.function_families import (
    Family,
    modulate,
    polynomials_by_component,
    vanish_on_parts,
)
from ....runtime.nets.least_squares import least_squares, safe_divisor
from ....runtime.nets.region_functions import region_families
from ...solution import Array
from ..collocation import Rows, collocation_points, require_finite
from ..network import Jet
from .boundary_value import BoundaryValueProblem
from .initial_layers import start_families

# Of the polynomials that are to satisfy the data near a place.
_DEGREE = 6
# How near, relative to the box.
_RADIUS = 0.03
# Points by the number of polynomials.
_ROWS = 3
# Relative residual of polynomials that fit together.
_FITS = 1e-5
# Points at which the size of the data is taken.
_SAMPLES = 256
# Where along an edge, as a fraction: nothing vanishes there by symmetry.
_PLACE = 0.382


def points_near(
    problem: BoundaryValueProblem, parts: Sequence[BoundaryPart], radius: float, count: int
) -> Tensor:
    """Points (count, columns) within `radius` (relative to the box) of a place where all `parts`
    meet.
    """
    ends = {part.axis: part.end for part in parts}
    places = [
        _PLACE if axis not in ends else float(ends[axis]) for axis in range(len(problem.bounds))
    ]
    sides = tuple(
        ("scaled", max(0.0, place - radius), min(1.0, place + radius)) for place in places
    )
    unit = collocation_points(count, sides, 0, problem.device)
    lower, upper = unit.new_tensor(problem.bounds).T
    return lower + (upper - lower) * unit


def is_compatible(problem: BoundaryValueProblem, parts: Sequence[BoundaryPart]) -> bool:
    """Whether polynomials satisfy the equations, and the conditions that the ansatz leaves open,
    near a place where `parts` meet.
    """
    blocks = [problem.inside(points_near(problem, parts, _RADIUS, _ROWS * _count(problem)))]
    size = _size(problem)
    strength = blocks[0].strength(problem.trial)
    inside = blocks[0].points
    for name in (part.name for part in parts if part.name in problem.trial.module.BOUNDARY):
        blocks.append(problem.on_part(name, problem.move_to(name, inside), strength))
    left = torch.cat(
        [_columns(problem, rows, points_near(problem, parts, 0.0, 1)) for rows in blocks]
    )
    target = torch.cat([rows.target.flatten(0, 1) for rows in blocks])
    require_finite(left, target)
    residual = left @ least_squares(left, target) - target
    return float(residual.square().mean().sqrt()) <= _FITS * size


def _size(problem: BoundaryValueProblem) -> float:
    """The root mean square of the data, the largest of the equations and the conditions."""
    inside = problem.inside(collocation_points(_SAMPLES, problem.trial.axes, 0, problem.device))
    blocks = [inside]
    strength = inside.strength(problem.trial)
    for name in problem.trial.module.BOUNDARY:
        points = problem.move_to(name, inside.points)
        blocks.append(problem.on_part(name, points, strength))
    return max(float(rows.size) for rows in blocks)


def _count(problem: BoundaryValueProblem) -> int:
    return len(_exponents(len(problem.bounds)))


def _exponents(axes: int) -> list[MultiIndex]:
    return [index for index in product(range(_DEGREE + 1), repeat=axes) if sum(index) <= _DEGREE]


def _columns(problem: BoundaryValueProblem, rows: Rows, centre: Tensor) -> Tensor:
    """The rows (n * equations, components * monomials) for polynomials around `centre`."""
    lengths = centre.new_tensor([_RADIUS * (b - a) for a, b in problem.bounds])
    jet = _monomials((rows.points - centre) / lengths, problem.trial.indices)
    scales = [lengths.pow(-lengths.new_tensor(index)).prod() for index in problem.trial.indices]
    table = torch.stack(
        [scale * jet[index] for scale, index in zip(scales, problem.trial.indices, strict=True)], 1
    )
    return torch.einsum("neca,naf->necf", rows.weights, table).flatten(2).flatten(0, 1)


def _monomials(s: Tensor, indices: Sequence[MultiIndex]) -> Jet:
    """D^index of every s^exponent, (n, monomials)."""
    exponents = s.new_tensor(_exponents(s.shape[1]))
    jet = {}
    for index in indices:
        order = s.new_tensor(index)
        falling = torch.ones_like(exponents)
        for k in range(max(index, default=0)):
            falling = falling * (exponents - k).where(k < order, 1.0)
        powers = s[:, None] ** (exponents - order).clamp(min=0)
        jet[index] = (falling * powers).prod(2)
    return jet


# Singular value, relative to the largest, of a function that is a combination of others.
_INDEPENDENT = 1e-6
# Of the shapes along an edge by which its functions are multiplied.
_EDGE_DEGREE = 8


def known_functions(problem: BoundaryValueProblem) -> dict[str, list[Family]]:
    """Families of functions to put beside the net, by what they belong to; none where the data fit.

    Corners (2D) and edges (3D), in time too, of systems too; and the starts of time-dependent
    problems. None for equations of fourth order, whose corners are milder.
    """
    equation = problem.equation
    if equation.order == 4:
        return {}
    if isinstance(equation.domain, Region):
        return _of_region(problem, equation.domain)
    if not isinstance(equation.domain, Box):
        return {}  # the functions are those of right angles, and of straight walls across an axis
    constraints = [constrain(equation, j) for j in range(problem.components)]
    parts = [part for part in equation.domain.parts if part.axis not in equation.periodic]
    pairs = [pair for pair in combinations(parts, 2) if pair[0].axis != pair[1].axis]
    found = {
        "corners" if equation.domain.dim == 2 else "edges": [
            _Corner(problem, constraints, pair).functions() for pair in pairs
        ]
    }
    if equation.time is not None:
        found["layers at t = 0"] = [*start_families(problem, constraints, parts)]
    kept = {
        name: [family for family in families if family is not None]
        for name, families in found.items()
    }
    return {name: families for name, families in kept.items() if families}


def _of_region(problem: BoundaryValueProblem, region: Region) -> dict[str, list[Family]]:
    """Those of its corners and holes, times shapes in time."""
    constraints = [constrain(problem.equation, j) for j in range(problem.components)]
    found: dict[str, list[Family]] = {}
    for kind, family in region_families(singular_places(region), problem.leading):
        own = _independent(problem, family, paired=kind == "corners")
        found.setdefault(kind, []).append(_along(problem, constraints, own, (0, 1)))
    return found


@dataclass(frozen=True)
class _Corner:
    """Two parts that meet, in coordinates along two axes that increase into the box from there."""

    problem: BoundaryValueProblem
    constraints: Sequence[Constraints]
    sides: tuple[BoundaryPart, BoundaryPart]

    @property
    def axes(self) -> list[int]:
        return [side.axis for side in self.sides]

    @property
    def signs(self) -> list[int]:
        """1 where the box lies above the side."""
        return [-side.sign for side in self.sides]

    @cached_property
    def point(self) -> Tensor:
        """A point where the sides meet, (1, columns)."""
        return points_near(self.problem, self.sides, 0.0, 1)

    def functions(self) -> Family | None:
        """The singular functions, less what they are on hard parts, as independent combinations;
        times shapes along the edge. None where the data ask for none.
        """
        problem = self.problem
        table = problem.operator
        of = characteristics(self._leading(table, ((2, 0), (1, 1), (0, 2))))
        if of is None:
            return None
        # The edge y = 0 is the second side.
        edges = (self._conditions(self.sides[1]), self._conditions(self.sides[0]))
        jumping = [any(side.name in c.soft for side in self.sides) for c in self.constraints]
        terms = singularities(of, edges, jumping)
        if all(s.logarithmic and s.power for s in terms) and is_compatible(problem, self.sides):
            return None
        scaled = of._replace(vectors=problem.balance[1].cpu().numpy()[:, None] * of.vectors)
        corner = self.point[0, self.axes].tolist()
        names = [side.name for side in self.sides]
        clamped = [[k for k, n in enumerate(names) if n in c.hard] for c in self.constraints]
        parts = singular_functions(scaled, terms, self.axes, corner, self.signs, clamped)
        bounds = problem.equation.domain.bounds
        vanishing = []
        for part, constraint in zip(parts, self.constraints, strict=True):
            hard = [p for p in problem.hard_parts(constraint) if p.axis in self.axes]
            normals = [problem.normals[p.name] for p in hard]
            vanishing.append(vanish_on_parts(part, normals, bounds))
        family = _independent(problem, tuple(vanishing))
        return _along(problem, self.constraints, family, self.axes)

    def _leading(self, table: Callable[..., Any], orders: Sequence[MultiIndex]) -> Array:
        """The scaled factors (orders, m, m) of some derivatives along both axes."""
        found = []
        for a, b in orders:
            index = [0] * self.point.shape[1]
            index[self.axes[0]] = a
            index[self.axes[1]] = b
            sign = self.signs[0] ** a * self.signs[1] ** b
            found.append(sign * self.problem.factors(self.point, tuple(index), table))
        return np.stack(found)

    def _conditions(self, side: BoundaryPart) -> Edge:
        """The leading conditions on a side: those of the components that are given there, fluxes of
        the others.
        """
        given = np.array([side.name in c.hard or side.name in c.soft for c in self.constraints])
        along = across = np.zeros((len(given), len(given)))
        if not given.all():
            table = self.problem.trial.module.BOUNDARY[side.name][0]
            along, across = self._leading(table, ((1, 0), (0, 1)))
        return Edge(
            np.where(given, 0, 1),
            np.where(given[:, None], np.eye(len(given)), along),
            np.where(given[:, None], 0.0, across),
        )


def _independent(problem: BoundaryValueProblem, parts: Family, paired: bool = True) -> Family:
    """Independent combinations, all of one size, of real parts and, after them, as many imaginary
    parts: one of a pair may be the rounding of the other.
    """
    points = problem.points(256, 0, problem.trial.axes)
    zero = (0,) * points.shape[1]
    samples = torch.cat(
        [
            part(points, [zero])[zero] / unit
            for part, unit in zip(parts, problem.balance[1], strict=True)
        ]
    )
    lengths = safe_divisor(samples.norm(dim=0))
    if paired:
        pairs = lengths.reshape(2, -1).amax(dim=0)
        lengths = torch.cat([pairs, pairs])
    _, sizes, right = torch.linalg.svd(samples / lengths, full_matrices=False)
    mixing = (right[sizes > _INDEPENDENT * sizes[0]] / lengths).T
    return tuple(combine_functions(part, mixing) for part in parts)


def _along(
    problem: BoundaryValueProblem,
    constraints: Sequence[Constraints],
    family: Family,
    axes: Sequence[int],
) -> Family:
    """The functions times shapes along every other axis, in space and time, that vanish where the
    data are hard.
    """
    for axis in (k for k in range(len(problem.bounds)) if k not in axes):
        timely = axis >= problem.equation.domain.dim
        ends = [
            [-1.0] * c.starts
            if timely
            else [float(p.sign) for p in problem.hard_parts(c) if p.axis == axis]
            for c in constraints
        ]
        periodic = axis in problem.equation.periodic
        shapes = polynomials_by_component(_EDGE_DEGREE, ends, periodic)
        family = tuple(
            modulate(part, axis, problem.bounds[axis], along)
            for part, along in zip(family, shapes, strict=True)
        )
    return family
