"""`Assembly` on scikit-fem, and the boundary value problems that stand on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse as sps
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..arrays import Array, Flags
from ..assembly import MeshAssembly, Solve
from ..mesh import Mesh, MeshFunction
from ..nonlinear_arrays import NOTHING
from ..nonlinear_equation import BoundaryProblem
from .element_functions import ElementFunctions
from .fitted_space import FittedSpace as FittedSpace  # tells `space_on` of its meshes
from .hermite_space import space_on  # which lattices are told to
from .linear_solvers import linear_solver
from .space import Data, FunctionSpace
from .system import System


class ElementAssembly(MeshAssembly):
    """The functions of a space whose unknowns `free` are not fixed; smooth: see `linear_solver`."""

    def __init__(
        self, space: FunctionSpace, m: int, free: NDArray[np.intp], smooth: Array | None = None
    ) -> None:
        self.space = space
        self.m = m
        self.d = space.dim
        self.free = free
        self._smooth = smooth
        self.functions = ElementFunctions(space)
        places = space.places(space.basis)
        self._shape = places.shape[1:]
        self.points = places.reshape(self.d, -1)
        self.middles = space.middles(places).reshape(self.d, -1)
        self.weights = np.broadcast_to(space.basis.dx, self._shape).ravel()

    @property
    def integrals(self) -> Array:
        return self.space.weights

    @property
    def nodes(self) -> Array:
        return self.space.nodes.T

    def fields(self, u: Array) -> tuple[Array, Array]:
        values, slopes = self.functions.fields(u.reshape(-1, self.m))
        return values.reshape(self.m, -1), slopes.reshape(self.m, self.d, -1)

    def function(self, values: Array) -> MeshFunction:
        return self.space.grid(values)

    def hold(self, where: Flags) -> None:
        self.free = np.flatnonzero(self.masses(where).diagonal() == 0)

    def _by_element(self, array: Array) -> Array:
        return array.reshape(*array.shape[:-1], *self._shape)

    def load(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        total = np.empty((self.integrals.size, self.m))
        size = 0.0
        sources = self._by_element(reaction)
        fluxes = None if flux is None else self._by_element(flux)
        for i in range(self.m):
            own = None if fluxes is None else fluxes[i]
            total[:, i], part = self.functions.load(own, sources[i])
            size += part
        return total.ravel(), size

    def matrix(
        self, arrays: Mapping[str, Array], flux: str | None, reaction: str
    ) -> sps.csr_matrix:
        held = {
            name: self._by_element(arrays[name])
            for integrand in (flux, reaction)
            for name in (f"{integrand}_u", f"{integrand}_p")
            if integrand is not None
        }
        blocks = {}
        for i, j in product(range(self.m), repeat=2):
            fluxes = None
            if flux is not None:
                fluxes = held[f"{flux}_u"][i, :, j], held[f"{flux}_p"][i, :, j]
            sources = held[f"{reaction}_u"][i, j], held[f"{reaction}_p"][i, j]
            found = self.functions.products(fluxes, sources)
            if found is not None:
                blocks[i, j] = found
        return self.functions.matrix(blocks, self.m)

    def solver(self, matrix: Any, definite: bool, many: bool = False) -> tuple[Solve, str]:
        rows = self._rows_of_pivots(matrix)
        solve, method = linear_solver(
            matrix[rows][:, self.free],
            self.d,
            reuse=many,
            definite=definite,
            smooth=self._smooth,
        )
        order = np.searchsorted(self.free, rows)
        return lambda b: solve(b[order]), method

    def _rows_of_pivots(self, matrix: Any) -> NDArray[np.intp]:
        """The free rows, those of a node in the order that has the largest entries on the diagonal:
        a flux may be that of another unknown than the one its equation stands for.
        """
        m = self.m
        sizes = [[np.abs(matrix[i::m, j::m].diagonal()).mean() for j in range(m)] for i in range(m)]
        _, equations = linear_sum_assignment(np.log(np.array(sizes).T + NOTHING), maximize=True)
        order = np.arange(self.size).reshape(-1, m)[:, equations].ravel()
        return order[np.isin(order, self.free)]

    def restricted(self, vector: Array) -> Array:
        return vector[self.free]

    def extended(self, free: Array) -> Array:
        result = np.zeros(self.size)
        result[self.free] = free
        return result


def cell_assembly(mesh: Mesh, degree: int, m: int) -> ElementAssembly:
    """Periodic functions; all unknowns but those of one node are free: the constants are in the
    kernel.
    """
    space = space_on(mesh, degree, tuple(range(mesh.dim)), None)
    free = np.setdiff1d(np.arange(space.weights.size * m), np.arange(m))
    return ElementAssembly(space, m, free)


class ElementProblem(BoundaryProblem):
    """The data of an emitted linear problem (`forms`)."""

    def __init__(self, forms: Any, mesh: Mesh, degree: int, periodic: Any, data: Data) -> None:
        space = space_on(mesh, degree, periodic, forms)
        self.linear = System(forms, space, data)
        self.assembly = ElementAssembly(
            space, self.linear.components, self.linear.free, self.linear.motions
        )
        self.robin = self._natural_matrix()
        self.spans = forms.SPANS

    def _natural_matrix(self) -> sps.csr_matrix | None:
        total = None
        for basis, bilinear, _, coefficients in self.linear.natural:
            part = self.linear.matrix(bilinear, basis, coefficients, self.linear.at(0.0))
            total = part if total is None else total + part
        return total

    def start(self) -> Array:
        return self.linear.stationary()[0]

    def initial(self) -> Array:
        values = [self.linear.nodal(f, 0.0) for f in self.linear.forms.INITIAL]
        return np.stack(values, axis=1).ravel()

    def sampled(self, function: Callable[[Array], Array]) -> Array:
        """All unknowns of a function of points, (n, d) -> (n, m)."""
        return np.array(function(self.linear.space.nodes.T), dtype=float).ravel()

    def with_essential(self, u: Array, t: float) -> Array:
        result = u.copy()
        result[self.linear.fixed] = self.linear.essential(t)
        return result

    def natural_load(self, t: float) -> Array:
        total = np.zeros(self.assembly.size)
        for basis, _, linear, coefficients in self.linear.natural:
            total += self.linear.vector(linear, basis, coefficients, self.linear.at(t))[0]
        return total

    def robin_times(self, u: Array) -> Array:
        if self.robin is None:
            return np.zeros(self.assembly.size)
        return np.asarray(self.robin @ u)

    def grid(self, values: Array) -> MeshFunction:
        return self.linear.grid(values)
