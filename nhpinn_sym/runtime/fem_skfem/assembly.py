"""`Assembly` on scikit-fem, and the boundary value problems that stand on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from numpy.typing import NDArray

from ..arrays import Array, Flags
from ..assembly import MeshAssembly, Solve
from ..mesh import Mesh, MeshFunction
from ..nonlinear_equation import BoundaryProblem
from .block_forms import block_matrix, block_vector
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
        values = np.zeros((self.m, *self._shape))
        slopes = np.zeros((self.m, self.d, *self._shape))
        for j in range(self.m):
            field = self.space.basis.interpolate(self.space.prolongation @ u[j :: self.m])
            values[j] = np.asarray(field)
            slopes[j] = field.grad
        return values.reshape(self.m, -1), slopes.reshape(self.m, self.d, -1)

    def function(self, values: Array) -> MeshFunction:
        return self.space.grid(values)

    def hold(self, where: Flags) -> None:
        self.free = np.flatnonzero(self.masses(where).diagonal() == 0)

    def _by_element(self, array: Array) -> Array:
        return array.reshape(*array.shape[:-1], *self._shape)

    def load(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        d = self.d
        total = np.zeros(self.size)
        size = 0.0

        def integrand(v: Any, w: Any) -> Any:
            return w["r"] * v + sum(w[f"f{k}"] * v.grad[k] for k in range(d))

        for i in range(self.m):
            fields = {"r": self._by_element(reaction[i])}
            if flux is not None:
                fields |= {f"f{k}": self._by_element(flux[i, k]) for k in range(d)}
            form = skfem.LinearForm(integrand if flux is not None else _mass_load)
            part, own = block_vector(self.space, {i: form}, self.space.basis, fields, self.m)
            total += part
            size += own
        return total, size

    def matrix(
        self, arrays: Mapping[str, Array], flux: str | None, reaction: str
    ) -> sps.csr_matrix:
        total = None
        for i, j in product(range(self.m), repeat=2):
            held = self._held(arrays, flux, reaction, i, j)
            if not held:
                continue
            form = skfem.BilinearForm(_bilinear(held, self.d))
            part = block_matrix(self.space, {(i, j): form}, self.space.basis, held, self.m)
            total = part if total is None else total + part
        if total is None:
            return sps.csr_matrix((self.size, self.size))
        return total.tocsr()

    def _held(
        self, arrays: Mapping[str, Array], flux: str | None, reaction: str, i: int, j: int
    ) -> dict[str, Array]:
        """What stands in one block and is not zero, by the names that `_bilinear` reads."""
        fields = {"ru": arrays[f"{reaction}_u"][i, j]}
        for k in range(self.d):
            fields[f"rp{k}"] = arrays[f"{reaction}_p"][i, j, k]
            if flux is None:
                continue
            fields[f"fu{k}"] = arrays[f"{flux}_u"][i, k, j]
            for n in range(self.d):
                fields[f"fp{k}{n}"] = arrays[f"{flux}_p"][i, k, j, n]
        return {name: self._by_element(c) for name, c in fields.items() if np.any(c)}

    def solver(self, matrix: Any, definite: bool, many: bool = False) -> tuple[Solve, str]:
        return linear_solver(
            matrix[self.free][:, self.free],
            self.d,
            reuse=many,
            definite=definite,
            smooth=self._smooth,
        )

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


def _mass_load(v: Any, w: Any) -> Any:
    return w["r"] * v


def _bilinear(held: Mapping[str, Array], dim: int) -> Callable[[Any, Any, Any], Any]:
    """The integrand of the fields that are there."""

    def integrand(u: Any, v: Any, w: Any) -> Any:
        total: Any = w["ru"] * u * v if "ru" in held else 0.0
        for k in range(dim):
            inner: Any = 0.0
            if f"rp{k}" in held:
                total = total + w[f"rp{k}"] * u.grad[k] * v
            if f"fu{k}" in held:
                inner = w[f"fu{k}"] * u
            for n in range(dim):
                if f"fp{k}{n}" in held:
                    inner = inner + w[f"fp{k}{n}"] * u.grad[n]
            total = total + inner * v.grad[k]
        return total

    return integrand
