"""Nonlinear boundary (and initial) value problems on scikit-fem, d_t storage - div( flux ) +
reaction = 0, by Newton's method, damped on the slope of the energy or on the residual.

Boundary and initial data are those of an emitted linear problem (`forms`), whose solution is where
the iteration starts; flux, reaction and storage come from a function of values and slopes at
quadrature points, with their derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem

from ..arrays import Array
from ..time_stepping import sdirk4_of_storage
from .equation import EquationResult, System
from .linear_solvers import linear_solver
from .space import Data, Space, block_matrix, block_vector

Law = Callable[[Array, float, Array, Array], Mapping[str, Array]]
"""(points (d, n), time, values (m, n), slopes (m, d, n)) -> arrays (*axes, n) by name: flux,
reaction, storage, and their derivatives by values and slopes, such as flux_p.
"""
MOST_STEPS = 50
_SETTLED = 1e-10
"""Newton step, relative to the solution, after which the next would be rounding."""
_ROUNDED = 1e-13
"""Residual, relative to the sizes of its parts, that is rounding."""
_SMALLEST = 2.0**-30
_CURVATURE = 0.5
_STALLED = 1e-7
"""Relative residual with which it ends where no step helps any more."""


def solve_nonlinear(
    forms: Any,
    space: Space,
    data: Data,
    law: Law,
    symmetric: bool,
    start: Callable[[Array], Array] | None,
    times: Array | None,
    keep: bool,
    report: Callable[[float], None],
) -> EquationResult:
    """The solution; RuntimeError where Newton's method does not converge.

    start : a guess (n, m) at points (n, d), in the place of the linear problem's solution
    times, keep, report : as for `solve_equation`
    """
    system = _NonlinearSystem(forms, space, data, law, symmetric)
    if times is None:
        values = system.stationary(start)
        return EquationResult(system.linear.grid(values), None, system.method, None, 0.0)
    levels, largest = system.evolution(times, keep, report)
    method = f"{system.method}, sdirk4"
    kept = times if keep else times[-1:]
    return EquationResult(system.linear.grid(levels), kept, method, largest, 0.0)


class _NonlinearSystem:
    """Residual and derivative of the discrete problem."""

    def __init__(self, forms: Any, space: Space, data: Data, law: Law, symmetric: bool) -> None:
        self.linear = System(forms, space, data)
        self.space = space
        self.law = law
        self.symmetric = symmetric
        self.m = self.linear.components
        self.d = space.dim
        self.free = self.linear.free
        self.shape = np.asarray(space.basis.global_coordinates()).shape[1:]
        self.points = np.asarray(space.basis.global_coordinates()).reshape(self.d, -1)
        self.method = "Newton"
        self.robin = self._natural_matrix()
        self.steps = 0

    def _natural_matrix(self) -> sps.csr_matrix | None:
        total = None
        for basis, bilinear, _, coefficients in self.linear.natural:
            part = self.linear.matrix(bilinear, basis, coefficients, self.linear.at(0.0))
            total = part if total is None else total + part
        return total

    def _natural_load(self, t: float) -> Array:
        total = np.zeros(self.linear.stiffness.shape[0])
        for basis, _, linear, coefficients in self.linear.natural:
            total += self.linear.vector(linear, basis, coefficients, self.linear.at(t))[0]
        return total

    def arrays(self, u: Array, t: float) -> dict[str, Array]:
        """The law at the quadrature points: arrays (*axes, elements, points)."""
        basis = self.space.basis
        values = np.zeros((self.m, *self.shape))
        slopes = np.zeros((self.m, self.d, *self.shape))
        for j in range(self.m):
            field = basis.interpolate(self.space.prolongation @ u[j :: self.m])
            values[j] = np.asarray(field)
            slopes[j] = field.grad
        flat = self.law(
            self.points,
            t,
            values.reshape(self.m, -1),
            slopes.reshape(self.m, self.d, -1),
        )
        return {name: a.reshape(*a.shape[:-1], *self.shape) for name, a in flat.items()}

    def residual(self, u: Array, t: float, arrays: Mapping[str, Array]) -> tuple[Array, float]:
        """int flux . grad v + reaction v, with the natural conditions; and its size."""
        vector, size = self._vector(arrays["flux"], arrays["reaction"])
        vector = vector - self._natural_load(t)
        if self.robin is not None:
            vector = vector + self.robin @ u
        return vector, size

    def storage(self, arrays: Mapping[str, Array]) -> Array:
        """int storage v."""
        return self._vector(None, arrays["storage"])[0]

    def _vector(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        return load_vector(self.space, flux, reaction)

    def jacobian(self, arrays: Mapping[str, Array]) -> sps.csr_matrix:
        """The derivative of the residual."""
        total = self._matrix(arrays, "flux", "reaction")
        return total if self.robin is None else total + self.robin

    def mass(self, arrays: Mapping[str, Array]) -> sps.csr_matrix:
        """The derivative of the storage."""
        return self._matrix(arrays, None, "storage")

    def _matrix(self, arrays: Mapping[str, Array], flux: str | None, reaction: str) -> Any:
        return bilinear_blocks(self.space, arrays, flux, reaction, self.m)

    def stationary(self, start: Callable[[Array], Array] | None) -> Array:
        if start is None:
            u, _ = self.linear.stationary()
        else:
            u = np.asarray(start(self.space.nodes.T)).reshape(-1)
        u[self.linear.fixed] = self.linear.essential(0.0)

        def parts(u: Array) -> tuple[Array, float, Callable[[], sps.csr_matrix]]:
            arrays = self.arrays(u, 0.0)
            vector, size = self.residual(u, 0.0, arrays)
            return vector, size, lambda: self.jacobian(arrays)

        return self._newton(u, parts)

    def _newton(
        self, u: Array, parts: Callable[[Array], tuple[Array, float, Callable[[], Any]]]
    ) -> Array:
        """The zero of the free part of a residual, from u."""
        free = self.free
        residual, size, jacobian = parts(u)
        for _ in range(MOST_STEPS):
            r = residual[free]
            if not np.all(np.isfinite(r)):
                raise RuntimeError("the law has no numbers at an iterate of Newton's method")
            if np.abs(r).sum() <= _ROUNDED * size:
                return u
            matrix = jacobian()[free][:, free]
            solve, method = linear_solver(
                matrix, self.d, definite=self.symmetric, smooth=self.linear.motions
            )
            self.method = f"Newton, {method}"
            step = -solve(r)
            length, found = self._damped(u, step, r, parts)
            if length == 0.0:
                if np.abs(r).sum() <= _STALLED * size:
                    return u
                raise RuntimeError(
                    "no step of Newton's method lowers the residual:"
                    f" {np.abs(r).sum() / size:.1e} of its parts is left"
                )
            u = self._moved(u, length * step)
            residual, size, jacobian = found
            self.steps += 1
            if length == 1.0 and np.abs(step).max() <= _SETTLED * np.abs(u).max():
                return u
        raise RuntimeError(f"Newton's method has not converged in {MOST_STEPS} steps")

    def _moved(self, u: Array, step: Array) -> Array:
        result = u.copy()
        result[self.free] += step
        return result

    def _damped(
        self, u: Array, step: Array, r: Array, parts: Callable[[Array], Any]
    ) -> tuple[float, Any]:
        """The longest step, of halves, that lowers the residual or the slope of the energy."""
        before = float(np.linalg.norm(r))
        slope = abs(float(r @ step))
        length = 1.0
        while length > _SMALLEST:
            with np.errstate(all="ignore"):
                found = parts(self._moved(u, length * step))
                after = found[0][self.free]
                size = float(np.linalg.norm(after))
                left = abs(float(after @ step))
            if np.isfinite(size):
                lower = size <= (1 - 1e-4 * length) * before
                if lower or (self.symmetric and left <= _CURVATURE * slope):
                    return length, found
            length /= 2
        return 0.0, None

    def evolution(
        self, times: Array, keep: bool, report: Callable[[float], None]
    ) -> tuple[Array, Array]:
        linear = self.linear
        u = np.stack([linear.nodal(f, 0.0) for f in linear.forms.INITIAL], axis=1).ravel()
        u[linear.fixed] = linear.essential(0.0)
        current = [u]
        levels: list[Array] = []
        largest = np.zeros(self.m)

        def stage(t: float, known: Array, weight: float) -> Array:
            guess = current[0].copy()
            guess[linear.fixed] = linear.essential(t)

            def parts(u: Array) -> tuple[Array, float, Callable[[], sps.csr_matrix]]:
                arrays = self.arrays(u, t)
                vector, size = self.residual(u, t, arrays)
                stored = self.storage(arrays)
                total = stored + weight * vector
                total[self.free] -= known
                size = weight * size + float(np.abs(stored).sum())

                def derivative() -> sps.csr_matrix:
                    return self.mass(arrays) + weight * self.jacobian(arrays)

                return total, size, derivative

            current[0] = self._newton(guess, parts)
            arrays = self.arrays(current[0], t)
            return self.residual(current[0], t, arrays)[0][self.free]

        def on_step(step: int, t: float) -> None:
            level = current[0]
            if not keep:
                levels.clear()
            levels.append(level.copy())
            np.maximum(largest, np.abs(level.reshape(-1, self.m)).max(axis=0), out=largest)
            report(step / (len(times) - 1))

        on_step(0, 0.0)
        first = self.storage(self.arrays(u, 0.0))[self.free]
        sdirk4_of_storage(stage, first, times, on_step)
        return np.array(levels), largest


def load_vector(space: Space, flux: Array | None, reaction: Array) -> tuple[Array, float]:
    """int flux . grad v + reaction v for arrays (m, d, ...) and (m, ...) at the quadrature points;
    and the sum of the sizes of its parts.
    """
    m = len(reaction)
    d = space.dim
    total = np.zeros(m * space.weights.size)
    size = 0.0

    def integrand(v: Any, w: Any) -> Any:
        return w["r"] * v + sum(w[f"f{k}"] * v.grad[k] for k in range(d))

    for i in range(m):
        fields = {"r": reaction[i]}
        if flux is not None:
            fields |= {f"f{k}": flux[i, k] for k in range(d)}
        form = skfem.LinearForm(integrand if flux is not None else _mass_load)
        part, own = block_vector(space, {i: form}, space.basis, fields, m)
        total += part
        size += own
    return total, size


def bilinear_blocks(
    space: Space, arrays: Mapping[str, Array], flux: str | None, reaction: str, m: int
) -> sps.csr_matrix:
    """The matrix of the derivatives of a flux and of a reaction, by their names in `arrays`."""
    d = space.dim
    total = None
    for i, j in product(range(m), repeat=2):
        fields = {"ru": arrays[f"{reaction}_u"][i, j]}
        for k in range(d):
            fields[f"rp{k}"] = arrays[f"{reaction}_p"][i, j, k]
            if flux is None:
                continue
            fields[f"fu{k}"] = arrays[f"{flux}_u"][i, k, j]
            for n in range(d):
                fields[f"fp{k}{n}"] = arrays[f"{flux}_p"][i, k, j, n]
        held = {name: c for name, c in fields.items() if np.any(c)}
        if not held:
            continue
        form = skfem.BilinearForm(_bilinear(held, d))
        part = block_matrix(space, {(i, j): form}, space.basis, held, m)
        total = part if total is None else total + part
    if total is None:
        size = m * space.weights.size
        return sps.csr_matrix((size, size))
    return total.tocsr()


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
