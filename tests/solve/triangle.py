"""A domain that is no box, and all that a further kind of domain needs: what `solve.domains`,
`solve.fem.layout`, `runtime.quadrature` and `runtime.fem_skfem.space` register for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import skfem
import sympy as sp

from nhpinn_sym.lower.forms import LoweredEquation
from nhpinn_sym.problem.domain import FlatPart
from nhpinn_sym.problem.errors import BoundaryConditionError
from nhpinn_sym.resolution import Resolution
from nhpinn_sym.runtime.arrays import Array
from nhpinn_sym.runtime.fem_skfem.space import FunctionSpace, space_on
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.runtime.quadrature import BoundaryQuadrature, GaussRule, Quadrature, rule_on
from nhpinn_sym.solve.domains import line_points, points_on, quadrature_rule
from nhpinn_sym.solve.fem.layout import meshes_of

ROOT = 1 / sp.sqrt(2)
PARTS = (
    FlatPart("left", (sp.Integer(-1), sp.Integer(0)), sp.Integer(0)),
    FlatPart("bottom", (sp.Integer(0), sp.Integer(-1)), sp.Integer(0)),
    FlatPart("slope", (ROOT, ROOT), ROOT),
)
NEAR = 1e-9


class Triangle:
    """With the corners (0, 0), (1, 0) and (0, 1)."""

    dim = 2
    parts = PARTS
    intervals = ((sp.Integer(0), sp.Integer(1)),) * 2
    bounds = ((0.0, 1.0),) * 2
    lengths = (sp.Integer(1),) * 2
    volume = sp.Rational(1, 2)

    def part(self, name: str) -> FlatPart:
        for part in PARTS:
            if part.name == name:
                return part
        raise BoundaryConditionError("no part of this name", term=name)

    def contains(
        self, columns: Iterable[Any], slack: float = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        x, y = columns
        return (x >= -slack) & (y >= -slack) & (x + y <= 1 + slack)

    def __str__(self) -> str:
        return "the triangle"


def on_edge(name: str, share: Array) -> Array:
    """Points of an edge, from shares of its length."""
    edges = {"left": (0 * share, share), "bottom": (share, 0 * share), "slope": (share, 1 - share)}
    return np.stack(edges[name], axis=-1)


@dataclass(frozen=True)
class TriangleRule:
    """Of a square, whose upper side is drawn together in a corner."""

    count: int

    def inside(self) -> Quadrature:
        square = GaussRule(Lattice.uniform(((0, 1), (0, 1)), (1, 1)), self.count).inside()
        x, y = square.points.T
        return Quadrature(np.stack([x * (1 - y), y], axis=-1), square.weights * (1 - y))

    def on(self, part: str) -> BoundaryQuadrature:
        line = GaussRule(Lattice.uniform(((0, 1),), (1,)), self.count).inside()
        normal = np.array(Triangle().part(part).normal, dtype=float)
        length = np.sqrt(2) if part == "slope" else 1.0
        points = on_edge(part, line.points[:, 0])
        return BoundaryQuadrature(
            points, length * line.weights, np.broadcast_to(normal, points.shape)
        )

    def blocks(self) -> Iterator[Quadrature]:
        yield self.inside()


@dataclass(frozen=True)
class TriangleMesh:
    """2^level cells along each edge."""

    level: int
    dim = 2
    bounds = ((0.0, 1.0),) * 2
    lines = ()

    @property
    def cells(self) -> tuple[int, ...]:
        return (4**self.level,)

    def count(self, degree: int) -> int:
        n = degree * 2**self.level
        return (n + 1) * (n + 2) // 2

    @cached_property
    def skfem(self) -> Any:
        return skfem.MeshTri.init_refdom().refined(self.level)

    def __str__(self) -> str:
        return f"{self.cells[0]} triangles"


@dataclass(frozen=True)
class TriangleFunction:
    basis: Any
    mesh: TriangleMesh
    degree: int
    values: Array

    @property
    def batch(self) -> tuple[int, ...]:
        return self.values.shape[:-1]

    def __getitem__(self, key: int | slice) -> TriangleFunction:
        return TriangleFunction(self.basis, self.mesh, self.degree, self.values[key])

    def evaluate(self, points: Array, index: Sequence[int]) -> Array:
        if any(index):
            raise ValueError("no derivatives here")
        inside = np.clip(points, 1e-12, 1.0)
        return np.asarray((self.basis.probes(inside.T) @ self.values.T).T)


class TriangleSpace(FunctionSpace):
    dim = 2
    bounds = ((0.0, 1.0),) * 2

    basis: Any = None
    nodes: Any = None

    def __init__(self, mesh: TriangleMesh, degree: int) -> None:
        self.mesh = mesh
        self.degree = degree
        element = {1: skfem.ElementTriP1, 2: skfem.ElementTriP2}[degree]()
        self.basis = skfem.Basis(mesh.skfem, element, intorder=2 * degree + 1)
        self.nodes = self.basis.doflocs

    def _facets(self, names: Sequence[str]) -> Array:
        found = []
        for name in names:
            part = Triangle().part(name)
            normal, offset = np.array(part.normal, dtype=float), float(part.offset)
            touching = lambda x, n=normal, c=offset: np.abs(n @ x - c) < NEAR  # noqa: E731
            found.append(self.mesh.skfem.facets_satisfying(touching, boundaries_only=True))
        return np.concatenate(found)

    def unknowns_on(self, names: Sequence[str], clamped: bool = False) -> Array:
        return self.basis.get_dofs(self._facets(names)).flatten()

    def boundary_basis(self, names: Sequence[str]) -> Any:
        facets = self._facets(names)
        order = 2 * self.degree + 1
        return skfem.FacetBasis(self.mesh.skfem, self.basis.elem, facets=facets, intorder=order)

    def matrix(self, form: Any, basis: Any, fields: dict[str, Any]) -> Any:
        return form.assemble(basis, **fields).tocsr()

    def measured(self, form: Any, basis: Any, fields: dict[str, Any]) -> tuple[Array, float]:
        local = form.elemental(basis, **fields)
        return local.todefault(), float(np.abs(local.data).sum())

    def grid(self, values: Array) -> TriangleFunction:
        return TriangleFunction(self.basis, self.mesh, self.degree, values)


@dataclass(frozen=True)
class TriangleMeshes:
    bounds = ((0.0, 1.0),) * 2
    erratic = False
    unresolved = None

    def levels(self, degree: int, limit: int) -> list[TriangleMesh]:
        return [m for m in map(TriangleMesh, range(1, 9)) if m.count(degree) <= limit]

    def given(self, cells: Sequence[int]) -> list[TriangleMesh]:
        level = round(np.log2(cells[0]))
        return [TriangleMesh(max(0, level - k)) for k in (2, 1, 0)]

    def at_least(self, cells: Sequence[int], most: int) -> list[TriangleMesh]:
        return self.given(cells)

    def resolves(self, mesh: TriangleMesh) -> bool:
        return False


@quadrature_rule.register
def _(domain: Triangle, cells: Sequence[int], count: int) -> TriangleRule:
    return TriangleRule(count)


@points_on.register
def _(domain: Triangle, name: str, points: Array) -> Array:
    return on_edge(name, points[:, 0])


@line_points.register
def _(domain: Triangle, count: int) -> Array:
    return np.linspace(0, 0.5, count)[:, None] * np.ones(2)


@meshes_of.register
def _(domain: Triangle, equation: LoweredEquation, found: Resolution) -> TriangleMeshes:
    return TriangleMeshes()


@space_on.register
def _(mesh: TriangleMesh, degree: int, periodic: tuple[int, ...], forms: Any) -> TriangleSpace:
    return TriangleSpace(mesh, degree)


@dataclass(frozen=True)
class MeshRule:
    mesh: TriangleMesh
    count: int

    def inside(self) -> Quadrature:
        basis = skfem.Basis(self.mesh.skfem, skfem.ElementTriP1(), intorder=2 * self.count - 1)
        points = np.asarray(basis.global_coordinates()).reshape(2, -1).T
        return Quadrature(points, basis.dx.ravel())

    def on(self, part: str) -> BoundaryQuadrature:
        raise KeyError(part)

    def blocks(self) -> Iterator[Quadrature]:
        yield self.inside()


@rule_on.register
def _(mesh: TriangleMesh, count: int) -> MeshRule:
    return MeshRule(mesh, count)
