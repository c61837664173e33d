"""Lagrange spaces on lattices in scikit-fem: elements that are boxes, parts of the boundary and
periodic axes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial, singledispatch
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from numpy.typing import NDArray
from skfem.mapping import Mapping as ElementMapping

from ..arrays import Array
from ..lagrange_grid import LagrangeGrid
from ..lattice import Lattice
from ..mesh import Mesh, MeshFunction
from ..rigid_modes import motions
from ..tensor_grids import tensor_points

Data = Mapping[str, Any]
# How far from a side, absolute and relative, a facet of it may be.
_ON_SIDE = 1e-9

_MESHES = {1: skfem.MeshLine, 2: skfem.MeshQuad, 3: skfem.MeshHex}
_ELEMENTS = {
    (1, 1): skfem.ElementLineP1,
    (2, 1): skfem.ElementQuad1,
    (3, 1): skfem.ElementHex1,
    (1, 2): skfem.ElementLineP2,
    (2, 2): skfem.ElementQuad2,
    (3, 2): skfem.ElementHex2,
}


class BoxMapping(ElementMapping):
    """The mapping of a mesh whose elements are boxes with edges along the axes.

    The Jacobian is one matrix per element, and one for all where they are translates of each other
    (`congruent`): gradients of basis functions then have the shape (d, 1, points) and broadcast,
    products of basis functions are computed once and not per element.
    """

    def __init__(self, mesh: skfem.Mesh, congruent: bool) -> None:
        self.mesh = mesh
        self.dim = mesh.dim()
        corner = np.zeros((self.dim, 1))
        elements = np.arange(mesh.nelements)
        self._base = mesh.mapping()
        distinct = elements[:1] if congruent else elements
        self._jacobian = self._base.DF(corner, tind=distinct)[:, :, :, 0]
        self._corners = self._base.F(corner, tind=elements)[:, :, 0]

    def _jacobians(self, tind: NDArray[np.intp] | None) -> Array:
        """(d, d, elements), or (d, d, 1) where they are all the same."""
        if tind is None or self._jacobian.shape[2] == 1:
            return self._jacobian
        return self._jacobian[:, :, tind]

    def F(self, X: Array, tind: NDArray[np.intp] | None = None) -> Array:
        corners = self._corners if tind is None else self._corners[:, tind]
        return corners[:, :, None] + np.einsum("ijk,jq->ikq", self._jacobians(tind), X)

    def invF(self, x: Array, tind: NDArray[np.intp] | None = None) -> Array:
        """In closed form: scikit-fem's Newton iteration has no end on elements that are thin."""
        corners = self._corners if tind is None else self._corners[:, tind]
        inverse = self.invDF(x, tind)[..., 0]
        return np.einsum("ijk,jkq->ikq", inverse, x - corners[:, :, None])

    def invDF(self, X: Array, tind: NDArray[np.intp] | None = None) -> Array:
        inverse = np.linalg.inv(np.moveaxis(self._jacobians(tind), 2, 0))
        columns = np.moveaxis(inverse, 0, 2)[..., None]
        return np.broadcast_to(columns, (*columns.shape[:3], X.shape[-1]))

    def detDF(self, X: Array, tind: NDArray[np.intp] | None = None) -> Array:
        determinants = np.linalg.det(np.moveaxis(self._jacobians(tind), 2, 0))
        return np.broadcast_to(determinants[:, None], (len(determinants), X.shape[-1]))

    def places(self, X: Array, tind: NDArray[np.intp] | None = None) -> tuple[Array, Array]:
        """Places (d, elements, points) in (0, 1) along the axes of the box, whatever the directions
        of the element's own coordinates X, and the lengths (d, elements, 1) of the edges.
        """
        jacobians = self._jacobians(tind)
        lengths = np.abs(jacobians).sum(axis=1)[..., None]
        low = np.minimum(jacobians, 0.0).sum(axis=1)[..., None]
        rule = "ijk,jq->ikq" if X.ndim == 2 else "ijk,jkq->ikq"
        return (np.einsum(rule, jacobians, X) - low) / lengths, lengths

    def G(self, X: Array, find: NDArray[np.intp] | None = None) -> Array:
        """The points of facets."""
        return np.asarray(self._base.G(X, find=find))

    def detDG(self, X: Array, find: NDArray[np.intp] | None = None) -> Array:
        return np.asarray(self._base.detDG(X, find))

    def normals(self, X: Array, tind: Any, find: Any, t2f: Any) -> Array:
        return np.asarray(self._base.normals(X, tind, find, t2f))


class FunctionSpace(ABC):
    """Scalar functions on a mesh: unknowns, and what assembles forms over them. The unknowns are
    values at `nodes`, but where the methods that speak of functions say otherwise.
    """

    @property
    @abstractmethod
    def dim(self) -> int: ...

    @property
    @abstractmethod
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The smallest box around the mesh."""

    @property
    @abstractmethod
    def basis(self) -> Any:
        """The scikit-fem basis on the elements."""

    @property
    @abstractmethod
    def nodes(self) -> Array:
        """Coordinates (d, unknowns)."""

    @abstractmethod
    def unknowns_on(self, names: Sequence[str], clamped: bool = False) -> NDArray[np.intp]:
        """The unknowns that essential data on some parts of the boundary fix, part after part;
        `clamped`: with the slopes across the parts, where there are unknowns for them.
        """

    @abstractmethod
    def boundary_basis(self, names: Sequence[str]) -> Any:
        """The scikit-fem basis for integrals over some parts of the boundary."""

    @abstractmethod
    def matrix(self, form: Any, basis: Any, fields: dict[str, Any]) -> sps.csr_matrix:
        """The matrix of a bilinear form over the unknowns."""

    @abstractmethod
    def measured(self, form: Any, basis: Any, fields: dict[str, Any]) -> tuple[Array, float]:
        """The vector of a linear form, and the sum of the absolute values of all element
        contributions: what rounding is relative to.
        """

    @abstractmethod
    def grid(self, values: Array) -> MeshFunction:
        """The function (or batch) with `values` (..., unknowns)."""

    @property
    def prolongation(self) -> sps.csr_matrix:
        """The 0/1 matrix (dofs of scikit-fem x unknowns) that copies unknowns to their images."""
        return sps.identity(self.basis.N, format="csr")

    def places(self, basis: Any) -> Array:
        """The points (d, elements, n) of a quadrature at which data are evaluated."""
        return np.asarray(basis.global_coordinates())

    def middles(self, places: Array) -> Array:
        """Where conditions are evaluated, for the same points: in the middle of the element where
        meshes fit interfaces, as points of a curved element may lie beyond one."""
        return places

    def vector(self, form: Any, basis: Any, fields: dict[str, Any]) -> Array:
        """The vector of a linear form over the unknowns."""
        return self.measured(form, basis, fields)[0]

    @cached_property
    def weights(self) -> Array:
        """The integrals of the basis functions (unknowns,)."""
        return self.vector(skfem.LinearForm(lambda v, w: 1.0 * v), self.basis, {})

    @property
    def volume(self) -> float:
        """That of the mesh."""
        return float(self.weights.sum())

    def motions(self, components: int) -> Array:
        """The unknowns of constants and rotations, as columns."""
        return motions(self.nodes.T, self.bounds, components)

    def constants(self, components: int) -> Array:
        """The unknowns of the constants of each component, as columns."""
        return np.tile(np.eye(components), (self.weights.size, 1))

    def values_of(self, functions: Array, components: int) -> Array:
        """The values, at the node of each unknown, of piecewise constant functions (unknowns *
        components, p).
        """
        return functions

    def sampled(self, function: Callable[[Array, Data], Any], data: Data, unknowns: Any) -> Array:
        """The values at some unknowns of a function of the points and the data."""
        nodes = self.nodes[:, unknowns]
        values = function(nodes, DataAt(data, nodes))
        return np.array(np.broadcast_to(values, nodes.shape[1:]), dtype=float)


@singledispatch
def space_on(mesh: Mesh, degree: int, periodic: tuple[int, ...], forms: Any) -> FunctionSpace:
    """The functions on a mesh that emitted forms ask for, periodic along some axes.

    TypeError for a kind of mesh that is not registered.
    """
    raise TypeError(f"no elements are known for {type(mesh).__name__}")


@dataclass(frozen=True)
class Space(FunctionSpace):
    """Q_degree functions on a lattice, periodic along the axes `periodic`.

    parts: the outward normal of each part of the boundary, by its name.

    Unknowns are the nodes with opposite periodic sides identified, numbered along the lattice;
    `prolongation` is the 0/1 matrix P (dofs of scikit-fem x unknowns) with which a periodic system
    is P^T A P, P^T b.
    """

    lattice: Lattice
    degree: int
    periodic: tuple[int, ...] = ()
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        return self.lattice.dim

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.lattice.bounds

    @property
    def order(self) -> int:
        """Polynomial degree that the quadrature integrates exactly: degree + 1 Gauss points along
        each axis.

        That keeps the orders of the functions and of the effective coefficients (2 degree) for
        smooth coefficients.
        """
        return 2 * self.degree + 1

    @cached_property
    def basis(self) -> Any:
        """The scikit-fem basis on the elements."""
        mesh = _MESHES[self.dim].init_tensor(*self.lattice.lines)
        mapping = BoxMapping(mesh, congruent=all(self.lattice.equal))
        element = _ELEMENTS[self.dim, self.degree]()
        return skfem.Basis(mesh, element, mapping=mapping, intorder=self.order)

    @cached_property
    def _lattice(self) -> NDArray[np.intp]:
        """Lattice index (d, dofs) of each dof, by its coordinates."""
        locations = self.basis.doflocs
        return np.stack([self.lattice.numbers(k, x, self.degree) for k, x in enumerate(locations)])

    @cached_property
    def _unknown_shape(self) -> tuple[int, ...]:
        """Along each axis; the last node of a periodic axis is the first one."""
        return tuple(
            n * self.degree + int(axis not in self.periodic)
            for axis, n in enumerate(self.lattice.cells)
        )

    @cached_property
    def prolongation(self) -> sps.csr_matrix:
        indices = list(self._lattice)
        for axis in self.periodic:
            indices[axis] = indices[axis] % self._unknown_shape[axis]
        unknowns = np.ravel_multi_index(tuple(indices), self._unknown_shape)
        count = len(unknowns)
        entries = (np.ones(count), (np.arange(count), unknowns))
        return sps.csr_matrix(entries, shape=(count, math.prod(self._unknown_shape)))

    @cached_property
    def nodes(self) -> Array:
        """Coordinates (d, unknowns)."""
        counts = enumerate(self._unknown_shape)
        axes = [self.lattice.nodes(axis, self.degree)[:n] for axis, n in counts]
        return tensor_points(axes).T

    def alternating(self, axis: int) -> Array:
        """1 and -1 in turn along an axis, at the unknowns."""
        places = np.indices(self._unknown_shape)[axis].ravel()
        return np.where(places % 2, -1.0, 1.0)

    def unknowns_on(self, names: Sequence[str], clamped: bool = False) -> NDArray[np.intp]:
        """The unknowns that essential data on some parts of the boundary fix, part after part;
        `clamped`: with the slopes across the parts, where there are unknowns for them.
        """
        return np.concatenate([self._on_side(*self._side(name), clamped) for name in names])

    def _side(self, name: str) -> tuple[int, int]:
        return self.lattice.side(self.parts[name])

    def _on_side(self, axis: int, end: int, clamped: bool) -> NDArray[np.intp]:
        indices = np.arange(math.prod(self._unknown_shape)).reshape(self._unknown_shape)
        return np.take(indices, -end, axis=axis).ravel()

    def boundary_basis(self, names: Sequence[str]) -> Any:
        """The scikit-fem basis for integrals over some parts of the boundary."""
        mesh = self.basis.mesh
        facets = [
            mesh.facets_satisfying(partial(self._touches, axis, end), boundaries_only=True)
            for axis, end in map(self._side, names)
        ]
        return skfem.FacetBasis(
            mesh,
            self.basis.elem,
            mapping=BoxMapping(mesh, congruent=False),
            facets=np.concatenate(facets),
            intorder=self.order,
        )

    def _touches(self, axis: int, end: int, x: Array) -> NDArray[np.bool_]:
        place = self.lattice.bounds[axis][end]
        return np.isclose(x[axis], place, atol=_ON_SIDE, rtol=_ON_SIDE)

    def matrix(self, form: Any, basis: Any, fields: dict[str, Any]) -> sps.csr_matrix:
        """The matrix of a bilinear form over the unknowns."""
        return (self.prolongation.T @ form.assemble(basis, **fields) @ self.prolongation).tocsr()

    def measured(self, form: Any, basis: Any, fields: dict[str, Any]) -> tuple[Array, float]:
        """The vector of a linear form, and the sum of the absolute values of all element
        contributions: what rounding is relative to.
        """
        local = form.elemental(basis, **fields)
        vector = np.asarray(self.prolongation.T @ local.todefault())
        return vector, float(np.abs(local.data).sum())

    def grid(self, values: Array) -> LagrangeGrid:
        """The function (or batch) with `values` (..., unknowns)."""
        count = self.prolongation.shape[0]
        *batch, unknowns = values.shape
        flat = values.reshape(math.prod(batch), unknowns)
        dofs = (self.prolongation @ flat.T).T.reshape(*batch, count)
        return LagrangeGrid.from_dofs(self.basis.doflocs.T, dofs, self.lattice, self.degree)


@dataclass(frozen=True)
class DataAt(Mapping[str, Any]):
    """Data at points (d, ...): functions of the points are called when they are asked for."""

    data: Data
    points: Array

    def __getitem__(self, name: str) -> Any:
        value = self.data[name]
        if callable(value):
            return _sampled(value, self.points)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


def _sampled(function: Callable[[Array], Array], points: Array) -> Any:
    """The values of a function, (n, d) -> (n,), at points (d, ...); one number where they are all
    equal.
    """
    values = function(points.reshape(len(points), -1).T)
    if np.ptp(values) == 0:
        return float(values[0])
    return values.reshape(points.shape[1:])
