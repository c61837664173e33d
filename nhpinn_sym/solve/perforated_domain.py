"""The fine problem around holes, as a problem on what is left of its box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..lower.interfaces import CellInterfaces, branches
from ..operator.parse import parse_nonlinear
from ..problem.conditions import Condition, Dirichlet, Periodic, fields_of
from ..problem.domain import Box, refuse_lattice
from ..problem.errors import ProblemError, UnsupportedError
from ..problem.holes import are_walls
from ..problem.images import ImageFunction
from ..problem.numeric import lambdified
from ..problem.perforated_domain import PerforatedDomain
from ..problem.problem import MultiscaleProblem
from ..problem.shapes import phases
from ..resolution.interface_meshes import FIRST, InterfaceMeshes
from ..runtime.arrays import Integers
from ..runtime.fitted.cell_mesh import InvalidMesh
from ..runtime.fitted.domain_mesh import DomainMesh
from ..runtime.fitted.functions import FittedMesh
from ..runtime.fitted.tiling import Tiling
from .fem.fitted_layout import layout_around
from .perforations import require_held
from .periods import number_expression

# By how much of a period a box may hold more or less than a whole number.
_WHOLE = 1e-9
# Share of a cell within which interfaces are close to a face, and places where that is looked for.
_CLOSE = 0.1
_BESIDE = 9
_ALONG = 401
_LINES = 1000
# Of a period, where another line may be that faces of the box need.
_SHARES = [sp.Rational(k, 20) for k in (10, 9, 11, 8, 12, 7, 13)]
# Of triangles towards corners of holes and faces: most of them are none of the box.
_GRADING = 0.5
# Tetrahedra of the own mesher cross the faces of cells.
_MESHERS = {2: "own", 3: "gmsh"}


def around_holes(problem: MultiscaleProblem, eps: object) -> MultiscaleProblem:
    """The problem at this eps on the part of its box outside of the holes of all cells, each with
    its condition; as it is without holes.

    UnsupportedError for holes of images, periodic faces, domains that are no box, and unknowns
    that are held at holes while others are not; ProblemError for a box that cuts cells.
    """
    if not problem.holes or problem.domain is None:
        return problem
    _check(problem)
    size = sp.nsimplify(number_expression(eps), rational=True)
    domain = _domain(problem, size)
    names = {part.name for part in domain.parts}
    _check_corners(problem, domain)
    conditions = [c for given in problem.boundary for c in _on_parts(problem, given, names)]
    held: Any
    for k, held in enumerate(problem.holes.values()):
        name = f"hole{k}"
        if name in names:
            conditions.append(_at_size(problem, replace(held, on=name), size))
    return problem.replaced(domain=domain, boundary=conditions, holes=None)


def _check(problem: MultiscaleProblem) -> None:
    refuse_lattice(problem.cell, "the fine problem around holes")
    for shape, held in problem.holes.items():
        if isinstance(shape, ImageFunction):
            raise UnsupportedError(
                "the fine problem around the holes of an image",
                term=shape,
                remedy="solve_cells(model) and the homogenized problem take images; give shapes",
            )
        if len(fields_of(held, problem.unknowns)) < len(problem.unknowns):
            raise UnsupportedError(
                "the fine problem of a flow around holes",
                term=f"{shape}: {held}",
                remedy="solve_cells(model) has the permeability",
            )
    if not isinstance(problem.domain, Box):
        raise UnsupportedError(
            "the fine problem around many holes on a domain that is no box",
            term=problem.domain,
            remedy="give domain=Box(...); a few holes may be cut out of a plane domain",
        )
    if problem.periodic_axes:
        raise UnsupportedError(
            "the fine problem around holes between periodic faces",
            term=Periodic(),
            remedy="give Dirichlet, Neumann or Robin conditions",
        )
    if len(problem.scales.fast) > problem.scales.dim and any(
        e.has(*problem.scales.z) for e in problem.equations
    ):
        raise UnsupportedError(
            "the fine problem around holes with a third scale",
            term=problem.scales.z,
            remedy="leave the fastest scale out",
        )


def _check_corners(problem: MultiscaleProblem, domain: PerforatedDomain) -> None:
    """UnsupportedError where unknowns are held at holes, and at something else where these meet
    a face of the box: their gradients would have infinite norms."""
    if not are_walls(problem.holes):
        return
    mesh = domain.mesh
    held = np.unique(mesh.facets[[mesh.names[k].startswith("hole") for k in mesh.parts]])
    for (name, j), condition in problem.conditions.items():
        given = isinstance(condition, Dirichlet) and problem.data(condition, "value", j) != 0
        if given and name in mesh.names and np.isin(mesh.facets_on(name), held).any():
            raise UnsupportedError(
                "unknowns that are held at 0 by a hole and at something else by the face that it"
                " meets",
                term=condition,
                remedy="move the holes into the cell, or write Dirichlet(0)",
            )


def _on_parts(problem: MultiscaleProblem, given: Any, known: set[str]) -> list[Condition]:
    """A condition of the box, for each unknown by itself, on the parts that are left of it."""
    found = []
    for j in fields_of(given, problem.unknowns):
        held = [n for (n, k), c in problem.conditions.items() if c is given and k == j]
        names = [name for name in held if name in known]
        values = {entry: problem.data(given, entry, j) for entry in given.entries}
        if names:
            found.append(replace(given, on=names, unknown=problem.unknowns[j], **values))
    return found


def _at_size(problem: MultiscaleProblem, condition: Condition, size: sp.Expr) -> Condition:
    """The condition with a number for eps."""
    plain = problem.scales.plain
    swap = {problem.scales.eps: size}
    values = {e: plain(sp.sympify(getattr(condition, e))).xreplace(swap) for e in condition.entries}
    return replace(condition, **values)


def _domain(problem: MultiscaleProblem, size: sp.Expr) -> PerforatedDomain:
    box, cell = problem.domain, problem.cell
    assert isinstance(box, Box)
    shares = [length / (size * own) for length, own in zip(box.lengths, cell.lengths, strict=True)]
    counts = tuple(round(float(share)) for share in shares)
    if any(abs(float(n) - m) > _WHOLE * m or m == 0 for n, m in zip(shares, counts, strict=True)):
        raise ProblemError(
            "a box that cuts cells with holes: it holds"
            f" {' x '.join(f'{float(n):.6g}' for n in shares)} of them",
            term=f"{box}, eps = {size}",
            remedy="choose eps and the box so that it holds a whole number of cells",
        )
    corner = [low / size for low, _ in box.intervals]
    meshes, holes = _cell_meshes(problem, corner)
    names = (*(part.name for part in box.parts), *(f"hole{k}" for k in range(len(problem.holes))))
    tiling = Tiling(counts, np.array(corner, dtype=float), names)
    first = len(box.parts)

    def level(number: int) -> DomainMesh:
        mesh = meshes.in_place(FIRST, number)
        found = holes(meshes.mesh(FIRST, number))
        require_held(mesh, found < 0)
        try:
            tiled = tiling.mesh(mesh, np.where(found < 0, found, found + first))
        except InvalidMesh as cause:
            raise UnsupportedError(
                "holes in space that meet faces of the box, or come close",
                term=cause,
                remedy="move the holes to the middle of the cell",
            ) from cause
        return replace(tiled, points=float(size) * tiled.points)

    return PerforatedDomain(box, size, tuple(problem.holes), counts, level)


def _cell_meshes(
    problem: MultiscaleProblem, corner: Sequence[sp.Expr]
) -> tuple[InterfaceMeshes, Callable[[FittedMesh], Integers]]:
    """Meshes of the cell that fit its holes and phases, no element of which crosses the faces of
    cells from that corner on, and the number of the hole that each element is in, -1 of the solid.
    """
    op = parse_nonlinear(problem.replaced(holes=None))
    if not op.linear:
        raise UnsupportedError(
            "holes in a nonlinear problem",
            term=next(iter(op.fluxes.values())),
            remedy="leave holes= out",
        )
    scales, cell = problem.scales, problem.cell
    y = tuple(v.symbol for v in scales.y)
    numbers = {shape: sp.Integer(k) for k, shape in enumerate(problem.holes)}
    inside = scales.plain(phases(scales, numbers, default=-1, cell=cell))
    call = lambdified(y, inside, ["numpy"], cse=True)

    def holes(mesh: FittedMesh) -> Integers:
        found = np.asarray(call(*mesh.middles.T))
        return np.broadcast_to(found, (len(mesh.middles),)).astype(int)

    data = [inside, *branches(op.table.values(), y)]
    meshes = layout_around(data, y, cell, _MESHERS[cell.dim]).meshes
    shares = [(v - x) / n for v, x, n in zip(y, corner, cell.lengths)]
    cuts = [-share.xreplace({v: a}) % 1 for share, v, (a, _) in zip(shares, y, cell.intervals)]
    others: list[list[sp.Expr]] = [[] for _ in cuts]
    if cell.dim == 2 and any(_changes(meshes.interfaces, k, cut) for k, cut in enumerate(cuts)):
        apart = [_apart(meshes.interfaces, k, cut) for k, cut in enumerate(cuts)]
        others = [[(cut + own) % 1] for cut, own in zip(cuts, apart)]
        meshes = _halved(meshes, shares, apart)
    planes = [
        tuple(sorted({*held, *map(float, (cut, *more))}))
        for held, cut, more in zip(meshes.planes, cuts, others)
    ]
    return replace(meshes, planes=tuple(planes)), holes


def _changes(interfaces: CellInterfaces, axis: int, cut: sp.Expr) -> int:
    """How many places along lines beside a cut across an axis, so close that nodes of the cut would
    be moved, are in other regions than next to them, or on the lines beside."""
    low, high = np.array(interfaces.bounds).T
    along, beside = np.meshgrid(np.linspace(0, 1, _ALONG), np.linspace(-_CLOSE, _CLOSE, _BESIDE))
    places = np.empty((along.size, 2))
    places[:, axis] = float(cut) + beside.ravel()
    places[:, 1 - axis] = along.ravel()
    labels = interfaces.label(low + (high - low) * places).reshape(along.shape)
    counts = (labels[:, 1:] != labels[:, :-1]).sum(axis=1)
    return int((labels != labels[0, 0]).any()) + _LINES * int(np.ptp(counts))


def _apart(interfaces: CellInterfaces, axis: int, cut: sp.Expr) -> sp.Expr:
    """The share of the period behind the cut of another one that touches no interface."""
    return min(_SHARES, key=lambda share: _changes(interfaces, axis, (cut + share) % 1))


def _halved(
    meshes: InterfaceMeshes, shares: Sequence[sp.Expr], apart: Sequence[sp.Expr]
) -> InterfaceMeshes:
    """The same with interfaces at the faces of the box, for which there is another one within the
    cell: nodes there are not moved, and other interfaces end in nodes."""
    own = meshes.interfaces
    beyond = [sp.Piecewise((0, x - sp.floor(x) < m), (1, True)) for x, m in zip(shares, apart)]
    ends = [sp.sin(sp.pi * (x - m)) for x, own in zip(shares, apart) for m in (0, own)]
    cut = replace(own, jumps=(*own.jumps, *beyond), levels=(*own.levels, *ends))
    return replace(meshes, interfaces=cut, grading=_GRADING, made={})
