"""Cubic Hermite spaces on lattices in scikit-fem, for equations of fourth order: the elements of
Bogner, Fox and Schmit in the plane, beam elements on a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from numpy.typing import NDArray

from ..arrays import Array
from ..hermite_grid import DEGREE, HermiteGrid, hermite_shapes
from ..lattice import Lattice
from ..tensor_grids import tensor_points
from .space import _MESHES, BoxMapping, Data, DataAt, FunctionSpace, Space
from .space import space_on as space_on


class TensorHermite(skfem.Element):
    """Products of cubic Hermite functions on boxes with edges along the axes (`BoxMapping`).

    The unknowns of a vertex are D^a u, a in {0, 1}^d, the last axis fastest.
    """

    def __init__(self, dim: int) -> None:
        self.refdom = _MESHES[dim].elem.refdom
        self.nodal_dofs = 2**dim
        self.maxdeg = DEGREE * dim
        self.orders = list(product((0, 1), repeat=dim))
        self.dofnames = ["u_" + "".join(map(str, order)) for order in self.orders]
        self.doflocs = self.refdom.p.T.repeat(self.nodal_dofs, axis=0)

    def gbasis(
        self, mapping: BoxMapping, X: Array, i: int, tind: NDArray[np.intp] | None = None
    ) -> tuple[skfem.DiscreteField]:
        """Values, gradients and second derivatives of function i."""
        dim = len(X)
        vertex, order = divmod(i, self.nodal_dofs)
        places, lengths = mapping.places(X, tind)
        ends, _ = mapping.places(self.refdom.p[:, [vertex]], tind)
        rows = [2 * round(float(ends[k, 0, 0])) + self.orders[order][k] for k in range(dim)]
        lines = []
        for k, row in enumerate(rows):
            edge = np.broadcast_to(lengths[k], places[k].shape)
            lines.append([hermite_shapes(places[k], edge, n)[row] for n in range(3)])

        def derived(*axes: int) -> Array:
            return np.prod([lines[k][axes.count(k)] for k in range(dim)], axis=0)

        slopes = np.stack([derived(k) for k in range(dim)])
        second = np.stack([np.stack([derived(k, j) for j in range(dim)]) for k in range(dim)])
        return (skfem.DiscreteField(derived(), slopes, hess=second),)


@dataclass(frozen=True)
class HermiteSpace(Space):
    """C1 functions on a lattice, periodic along the axes `periodic`; unknowns are numbered node by
    node, at each the derivatives of `TensorHermite` times mean lengths of the cells: so all have
    the same unit, and the matrix its large entries on the diagonal.
    """

    @cached_property
    def basis(self) -> Any:
        mesh = _MESHES[self.dim].init_tensor(*self.lattice.lines)
        mapping = BoxMapping(mesh, congruent=all(self.lattice.equal))
        element = TensorHermite(self.dim)
        return skfem.Basis(mesh, element, mapping=mapping, intorder=self.order)

    @property
    def _kinds(self) -> int:
        return 2**self.dim

    @cached_property
    def _scales(self) -> Array:
        """The derivative (kinds,) that belongs to the value 1 of an unknown."""
        lengths = [(b - a) / n for (a, b), n in zip(self.lattice.bounds, self.lattice.cells)]
        orders = np.array(list(product((0, 1), repeat=self.dim)))
        return np.prod(np.array(lengths) ** -orders.astype(float), axis=1)

    @cached_property
    def _unknown_shape(self) -> tuple[int, ...]:
        cells = enumerate(self.lattice.cells)
        return tuple(n + int(axis not in self.periodic) for axis, n in cells)

    @cached_property
    def prolongation(self) -> sps.csr_matrix:
        locations = enumerate(self.basis.doflocs)
        indices = [self.lattice.numbers(k, x, 1) for k, x in locations]
        for axis in self.periodic:
            indices[axis] = indices[axis] % self._unknown_shape[axis]
        nodes = np.ravel_multi_index(tuple(indices), self._unknown_shape)
        kinds = np.empty_like(nodes)
        for kind, dofs in enumerate(self.basis.dofs.nodal_dofs):
            kinds[dofs] = kind
        count = len(nodes)
        places = (np.arange(count), nodes * self._kinds + kinds)
        entries = (self._scales[kinds], places)
        return sps.csr_matrix(entries, shape=(count, math.prod(self._unknown_shape) * self._kinds))

    @cached_property
    def nodes(self) -> Array:
        counts = enumerate(self._unknown_shape)
        axes = [self.lattice.lines[axis][:n] for axis, n in counts]
        return tensor_points(axes).repeat(self._kinds, axis=0).T

    @property
    def volume(self) -> float:
        return math.prod(b - a for a, b in self.lattice.bounds)

    def motions(self, components: int) -> Array:
        """Constants: what is linear has no place in a periodic box, and others hold it."""
        return self.constants(components)

    def constants(self, components: int) -> Array:
        values = np.arange(self.nodes.shape[1]) % self._kinds == 0
        return np.kron(values[:, None], np.eye(components))

    def values_of(self, functions: Array, components: int) -> Array:
        shape = (-1, self._kinds, components, functions.shape[1])
        values = functions.reshape(shape)[:, :1].repeat(self._kinds, axis=1)
        return values.reshape(functions.shape)

    def sampled(self, function: Callable[[Array, Data], Any], data: Data, unknowns: Any) -> Array:
        """`function` gives all derivatives that are unknowns, by their orders such as "01"."""
        nodes = self.nodes[:, unknowns]
        kinds = np.arange(self.nodes.shape[1])[unknowns] % self._kinds
        found = function(nodes, DataAt(data, nodes))
        result = np.zeros(nodes.shape[1])
        for kind, order in enumerate(product("01", repeat=self.dim)):
            values = np.broadcast_to(found["".join(order)], result.shape)
            result[kinds == kind] = values[kinds == kind] / self._scales[kind]
        return result

    def _on_side(self, axis: int, end: int, clamped: bool) -> NDArray[np.intp]:
        shape = (*self._unknown_shape, *(2,) * self.dim)
        numbers = np.arange(math.prod(shape)).reshape(shape)
        held = np.take(numbers, -end, axis=axis)
        # Along the part's own axis the first of the two unknowns is the value, the second the
        # slope.
        if not clamped:
            held = np.take(held, 0, axis=self.dim - 1 + axis)
        return held.ravel()

    def grid(self, values: Array) -> HermiteGrid:
        *batch, _ = values.shape
        dim = self.dim
        derivatives = values.reshape(*batch, -1, self._kinds) * self._scales
        held = derivatives.reshape(*batch, *self._unknown_shape, *(2,) * dim)
        for axis in self.periodic:
            first = np.take(held, [0], axis=len(batch) + axis)
            held = np.concatenate([held, first], axis=len(batch) + axis)
        order = [*range(len(batch))]
        for axis in range(dim):
            order += [len(batch) + axis, len(batch) + dim + axis]
        shape = tuple(2 * (n + 1) for n in self.lattice.cells)
        return HermiteGrid(self.lattice, DEGREE, held.transpose(order).reshape(*batch, *shape))


@space_on.register
def _(mesh: Lattice, degree: int, periodic: tuple[int, ...], forms: Any) -> FunctionSpace:
    """By the ORDER of the forms."""
    parts = getattr(forms, "PARTS", {})
    if getattr(forms, "ORDER", 2) == 4:
        return HermiteSpace(mesh, DEGREE, periodic, parts)
    return Space(mesh, degree, periodic, parts)
