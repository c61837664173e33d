"""Which functions the start of a time-dependent problem asks for at its boundary, where the data do
not fit together at t = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....emit.hard_constraints import Constraints
from ....problem.domain import BoundaryPart
from ....runtime.nets.function_families import (
    Family,
    JetsOfFamily,
    modulate,
    polynomials_by_component,
    products_of,
    stack_functions,
    start_functions,
    vanish_on_parts,
)
from ..collocation import collocation_points
from .boundary_value import BoundaryValueProblem

Members = tuple[tuple[int, int], ...]
# Relative defect of data at t = 0 that is rounding.
_FITS = 1e-9
# Relative imaginary part of a diffusion along the normal that is rounding.
_REAL = 1e-6
# Points at which data are looked at.
_SAMPLES = 256
# Points at which coefficients are compared along the normal.
_FEW = 8
# Of the polynomials along a part by which its layers are multiplied.
_ALONG_DEGREE = 8
_SMOOTH: Members = ((2, 0), (2, 1), (2, 2), (4, 0), (4, 1), (6, 0))
_JUMP: Members = ((0, 0), (0, 1), (0, 2))
# (order, power) of s^power v_order where the equation does not fit at t = 0, the Dirichlet data
# jump, the flux jumps.
_FLUX: Members = ((1, 0), (1, 1), (3, 0), (3, 1))
_JUMP_ALSO: Members = (
    (1, 0),
    (1, 1),
    (2, 0),
    (2, 1),
    (-1, 2),
    (-1, 3),
    (-2, 4),
    (0, 3),
    (1, 2),
    (3, 0),
    (-1, 4),
    (-2, 5),
    (-3, 6),
)
# What comes from them where the equation or the condition is not D^2 alone: terms of lower order,
# or a diffusion that varies. As order + power counts powers of s and sqrt(t) together, these are
# all up to the third beyond the leading one.
_FLUX_ALSO: Members = ((2, 0), (2, 1), (4, 0), (4, 1), (0, 2), (0, 3), (-1, 4))
_LEADING: Members = ((0, 0), (1, 1))
# Where two parts meet: products of those at the one and at the other part, whose data jump, or of
# these with the next ones.
_NEXT: Members = ((2, 0), (1, 1), (2, 2))


class _Mode(NamedTuple):
    """Functions of one diffusion across a part, times a direction of the components."""

    diffusion: float
    direction: NDArray[np.float64]
    members: Members


def start_families(
    problem: BoundaryValueProblem,
    constraints: Sequence[Constraints],
    parts: Sequence[BoundaryPart],
) -> list[Family]:
    """Layers at parts of the boundary, times polynomials along them, and products of two layers
    where two such parts meet.
    """
    found = {part: members for part in parts if (members := _members(problem, constraints, part))}
    layers = [_layer(problem, constraints, part, members) for part, members in found.items()]
    meeting = []
    if problem.equation.domain.dim == 2:
        pairs = [pair for pair in combinations(found, 2) if pair[0].axis != pair[1].axis]
        meeting = [family for pair in pairs for family in _meeting(problem, constraints, pair)]
    return [family for family in (*layers, *meeting) if family is not None]


def _members(
    problem: BoundaryValueProblem, constraints: Sequence[Constraints], part: BoundaryPart
) -> Members:
    """What the data ask for at a part of the boundary."""
    inside = collocation_points(_SAMPLES, problem.trial.axes, 0, problem.device)
    always = problem.move_to(part.name, inside)
    points = always.clone()
    points[:, -1] = 0.0
    found: Members = ()
    if part.name in problem.trial.module.BOUNDARY:
        start = problem.on_part(part.name, points).target
        size = problem.on_part(part.name, always).size
        for j, wrong in enumerate((start.abs().amax((0, 2)) > _FITS * size).tolist()):
            leading, also = (
                (_JUMP, _JUMP_ALSO) if part.name in constraints[j].soft else (_FLUX, _FLUX_ALSO)
            )
            found += (leading if _plain(problem, part, always) else leading + also) if wrong else ()
    hard = any(part.name in c.hard for c in constraints)
    timely = list(problem.equation.starts)
    left = float(problem.inside(points).target[:, timely].abs().max())
    if (found or hard) and left > _FITS * float(problem.inside(inside).size):
        found += _SMOOTH
    return tuple(dict.fromkeys(found))


def _plain(problem: BoundaryValueProblem, part: BoundaryPart, points: Tensor) -> bool:
    """Whether the equation along the normal of a part is rho u_t = D u_ss with constants, and its
    condition holds no flux together with the value.
    """
    axis = part.axis
    module = problem.trial.module
    inner = points[:_FEW].clone()
    inner[:, axis] = collocation_points(_FEW, problem.trial.axes, 1, problem.device)[:, axis]
    for index in problem.trial.indices:
        leading = index[axis] == 2 or index[-1] == 1
        values = np.stack([problem.factors(point[None], index) for point in inner])
        size = np.abs(values).max()
        if (leading and np.ptp(values, axis=0).max() > _FITS * size) or (
            not leading and (index[axis] or not any(index)) and size > 0
        ):
            return False
    condition = [
        np.abs(problem.factors(points[:1], index, module.BOUNDARY[part.name][0])).max()
        for index in problem.trial.indices
        if sum(index) < 2
    ]
    return sum(size > 0 for size in condition) < 2


def _layer(
    problem: BoundaryValueProblem,
    constraints: Sequence[Constraints],
    side: BoundaryPart,
    members: Members,
) -> Family | None:
    """The functions of one part times polynomials along it."""
    modes = _modes(problem, side, members)
    if not modes:
        return None
    hard = [problem.hard_parts(constraint) for constraint in constraints]
    family = []
    for j, held in enumerate(hard):
        layers = [
            _scaled(_start(problem, side, m.diffusion, m.members), float(m.direction[j]))
            for m in modes
        ]
        normals = [problem.normals[p.name] for p in held if p.axis == side.axis]
        family.append(vanish_on_parts(stack_functions(layers), normals, problem.bounds[:-1]))
    for other in (k for k in range(problem.equation.domain.dim) if k != side.axis):
        ends = [[float(p.sign) for p in held if p.axis == other] for held in hard]
        periodic = other in problem.equation.periodic
        shapes = polynomials_by_component(_ALONG_DEGREE, ends, periodic)
        family = [
            modulate(part, other, problem.bounds[other], along)
            for part, along in zip(family, shapes, strict=True)
        ]
    return tuple(family)


def _meeting(
    problem: BoundaryValueProblem,
    constraints: Sequence[Constraints],
    sides: tuple[BoundaryPart, BoundaryPart],
) -> list[Family]:
    """Products of the functions of two parts: for every component that has initial data a family
    of its own.
    """
    one, two = sides
    across = [_modes(problem, side, ()) for side in sides]
    found: list[Family] = []
    for j in problem.equation.starts:
        soft = [side.name in constraints[j].soft for side in sides]
        orders = [(_LEADING, _LEADING)] if all(soft) else [(_LEADING, _NEXT), (_NEXT, _LEADING)]
        own = ([mode.diffusion for mode in modes if mode.direction[j]] for modes in across)
        products = [
            products_of(_start(problem, one, d, m), _start(problem, two, e, n))
            for d, e in product(*own)
            for m, n in orders
        ]
        if products:
            found.append(_of_component(problem, constraints[j], j, stack_functions(products)))
    return found


def _of_component(
    problem: BoundaryValueProblem, constraint: Constraints, j: int, functions: JetsOfFamily
) -> Family:
    """The functions, as they are on hard parts, in component j; the others are 0."""
    normals = [problem.normals[part.name] for part in problem.hard_parts(constraint)]
    vanishing = vanish_on_parts(functions, normals, problem.bounds[:-1])
    units = np.eye(problem.components)[j] * problem.balance[1].cpu().numpy()
    return tuple(_scaled(vanishing, float(unit)) for unit in units)


def _start(
    problem: BoundaryValueProblem, side: BoundaryPart, diffusion: float, members: Members
) -> JetsOfFamily:
    place = problem.bounds[side.axis][side.end]
    return start_functions(side.axis, place, -side.sign, diffusion, members)


def _scaled(functions: JetsOfFamily, factor: float) -> JetsOfFamily:
    return lambda points, indices: {
        index: factor * value for index, value in functions(points, indices).items()
    }


def _modes(problem: BoundaryValueProblem, side: BoundaryPart, members: Members) -> list[_Mode]:
    """Those at the middle of a part and t = 0, with these members; none where the diffusion across
    it is not positive.

    What equations without a time derivative determine follows at once: in a layer their unknowns
    are integrals of the others, as s^2 v and s T balance, and have modes of their own.
    """
    middle = [(a + b) / 2 for a, b in problem.bounds[:-1]]
    inside = torch.tensor([[*middle, 0.0]], dtype=torch.float64, device=problem.device)
    point = problem.move_to(side.name, inside)

    def factors(normal: int, rate: int) -> NDArray[np.float64]:
        index = [0] * len(problem.bounds)
        index[side.axis], index[-1] = normal, rate
        return np.asarray(problem.factors(point, tuple(index)))

    second, mass = factors(2, 0), factors(0, 1)
    timely = np.abs(mass).max(axis=1) > 0
    own, rest = np.flatnonzero(timely), np.flatnonzero(~timely)
    try:
        follows = -np.linalg.solve(second[np.ix_(rest, rest)], factors(1, 0)[np.ix_(rest, own)])
        whole = mass[np.ix_(own, own)] + factors(1, 1)[np.ix_(own, rest)] @ follows
        values, vectors = np.linalg.eig(np.linalg.solve(whole, -second[np.ix_(own, own)]))
    except np.linalg.LinAlgError:
        return []
    if np.abs(values.imag).max() > _REAL * np.abs(values).max() or values.real.min() <= 0:
        return []
    units = np.eye(problem.components)
    units[:, own] = units[:, own] @ vectors.real
    units *= problem.balance[1].cpu().numpy()[:, None]
    integrals = tuple((order + 1, power) for order, power in members)
    found = [_Mode(d, units[:, k], members) for d, k in zip(values.real.tolist(), own, strict=True)]
    return found + [_Mode(m.diffusion, units[:, k], integrals) for m in found for k in rest]
