"""State problems of nonlinear cells on scikit-fem, and the law that they give with its derivatives:
for data that jump across planes, which the lines of the lattice meet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..fourier.states import LawValues, MacroState
from ..lattice import Lattice
from ..nonlinear_arrays import CORRECTOR, MACRO, SLOPE, VALUE, dense, named, off_zero
from .linear_solvers import linear_solver
from .nonlinear import bilinear_blocks, load_vector
from .space import Space

MOST_STEPS = 50
_SETTLED = 1e-11
_STALLED = 1e-8
_SMALLEST = 2.0**-24
_CURVATURE = 0.5


class ElementStates:
    """The state problem of an emitted text (`forms`) in Q_degree functions on a lattice, periodic
    with zero mean.
    """

    def __init__(self, forms: Any, lattice: Lattice, degree: int) -> None:
        self.forms = forms
        self.m = int(forms.COMPONENTS)
        self.d = int(forms.DIM)
        self.space = Space(lattice, degree, tuple(range(self.d)))
        basis = self.space.basis
        self.points = np.asarray(basis.global_coordinates())
        self.shape = self.points.shape[1:]
        self.weights = np.broadcast_to(basis.dx, self.shape) / np.sum(
            np.broadcast_to(basis.dx, self.shape)
        )
        count = self.space.weights.size * self.m
        self.free = np.setdiff1d(np.arange(count), np.arange(self.m))
        """All unknowns but those of one node: the constants are in the kernel."""

    def law(self, macro: MacroState) -> tuple[LawValues, Array, int]:
        """The law at n states, the relative residual of each, and the largest number of steps."""
        parts = []
        residuals = []
        steps = 0
        for k in range(macro.count):
            own = macro.part(slice(k, k + 1))
            n, residual, used = self._solve(own)
            parts.append(self._values(own, n))
            residuals.append(residual)
            steps = max(steps, used)
        names = parts[0]
        values = {name: np.stack([part[name] for part in parts], axis=-1) for name in names}
        return LawValues(values), np.array(residuals), steps

    def _data(self, macro: MacroState, u: Array) -> dict[str, Any]:
        basis = self.space.basis
        values = np.zeros((self.m, *self.shape))
        slopes = np.zeros((self.m, self.d, *self.shape))
        for j in range(self.m):
            field = basis.interpolate(self.space.prolongation @ u[j :: self.m])
            values[j] = np.asarray(field)
            slopes[j] = field.grad
        total = macro.slopes[:, :, 0, None, None] + slopes
        others = {k: np.ravel(v)[0] if np.ndim(v) else v for k, v in macro.others.items()}
        return {
            **dict(zip(self.forms.COORDINATES, self.points)),
            **others,
            **named(VALUE, macro.values[:, 0], 1),
            **named(MACRO, macro.slopes[:, :, 0], 2),
            **named(CORRECTOR, values, 1),
            **named(SLOPE, off_zero(total), 2),
        }

    def _array(self, tables: Any, name: str, axes: str) -> Array:
        shape = [self.m if axis == "m" else self.d for axis in axes]
        return dense(tables, name, shape, self.shape)

    def _residual(self, macro: MacroState, u: Array) -> tuple[Array, float]:
        tables = self.forms.values(self._data(macro, u))
        flux = self._array(tables, "flux", "md")
        source = self._array(tables, "source", "m")
        vector, size = load_vector(self.space, flux, source)
        return vector[self.free], size

    def _matrix(self, slopes: Any) -> Any:
        arrays = {
            "flux_p": self._array(slopes, "flux_p", "mdmd"),
            "flux_u": self._array(slopes, "flux_N", "mdm"),
            "source_p": np.zeros((self.m, self.m, self.d, *self.shape)),
            "source_u": np.zeros((self.m, self.m, *self.shape)),
        }
        whole = bilinear_blocks(self.space, arrays, "flux", "source", self.m)
        return whole[self.free][:, self.free]

    def _solve(self, macro: MacroState) -> tuple[Array, float, int]:
        """The corrector, its residual relative to its parts, and the number of Newton steps."""
        u = np.zeros(self.space.weights.size * self.m)
        residual, size = self._residual(macro, u)
        for step in range(MOST_STEPS):
            if np.abs(residual).sum() <= _SETTLED * max(size, 1e-40):
                return u, 0.0, step
            slopes = self.forms.slopes(self._data(macro, u))
            solve, _ = linear_solver(self._matrix(slopes), self.d, definite=False)
            change = -solve(residual)
            length = 1.0
            slope = abs(float(residual @ change))
            before = float(np.linalg.norm(residual))
            while length > _SMALLEST:
                candidate = u.copy()
                candidate[self.free] += length * change
                with np.errstate(all="ignore"):
                    found, after = self._residual(macro, candidate)
                norm = float(np.linalg.norm(found))
                good = norm <= (1 - 1e-4 * length) * before
                if self.forms.SYMMETRIC:
                    good |= abs(float(found @ change)) <= _CURVATURE * slope
                if good and np.isfinite(norm):
                    break
                length /= 2
            else:
                break
            u, residual, size = candidate, found, after
        return u, float(np.abs(residual).sum() / max(size, 1e-40)), step

    def _values(self, macro: MacroState, u: Array) -> dict[str, Array]:
        """The arrays of the law at one state."""
        for j in range(self.m):
            weights = self.space.weights
            u[j :: self.m] -= weights @ u[j :: self.m] / weights.sum()
        data = self._data(macro, u)
        values = self.forms.values(data)
        slopes = self.forms.slopes(data)
        columns = self._columns(slopes)
        fields = [self._fields(column) for column in columns]
        arrays: dict[str, Array] = {}
        for name, axes in (("flux", "md"), ("reaction", "m"), ("storage", "m"), ("load", "m")):
            arrays[name] = self._mean(self._array(values, name, axes))
            total = self._mean(self._explicit(slopes, name, axes))
            by_slopes = self._array(slopes, f"{name}_p", f"{axes}md")
            by_values = self._array(slopes, f"{name}_N", f"{axes}m")
            for c, (n, grad) in enumerate(fields):
                implied = np.einsum("...jkeq,jkeq->...eq", by_slopes, grad)
                implied = implied + np.einsum("...jeq,jeq->...eq", by_values, n)
                total[..., c] += self._mean(implied)
            head = total.shape[:-1]
            arrays[f"{name}_u"] = total[..., : self.m]
            arrays[f"{name}_p"] = total[..., self.m :].reshape(*head, self.m, self.d)
        return arrays

    def _mean(self, array: Array) -> Array:
        return np.sum(array * self.weights, axis=(-2, -1))

    def _explicit(self, slopes: Any, name: str, axes: str) -> Array:
        """Derivatives (*axes, m + m d, ...) by values and slopes of u0, at fixed correctors."""
        by_values = self._array(slopes, f"{name}_u", f"{axes}m")
        by_slopes = self._array(slopes, f"{name}_p", f"{axes}md")
        by_slopes = by_slopes + self._array(slopes, f"{name}_xi", f"{axes}md")
        head = by_values.shape[: len(axes)]
        flat = by_slopes.reshape(*head, self.m * self.d, *self.shape)
        return np.concatenate([by_values, flat], axis=len(axes))

    def _columns(self, slopes: Any) -> list[Array]:
        """The derivatives of the corrector by values and slopes of u0."""
        flux = self._explicit(slopes, "flux", "md")
        source = self._explicit(slopes, "source", "m")
        solve, _ = linear_solver(self._matrix(slopes), self.d, reuse=True, definite=False)
        found = []
        for c in range(self.m + self.m * self.d):
            vector, _ = load_vector(self.space, flux[:, :, c], source[:, c])
            column = np.zeros_like(vector)
            if np.any(vector[self.free]):
                column[self.free] = -solve(vector[self.free])
            for j in range(self.m):
                weights = self.space.weights
                column[j :: self.m] -= weights @ column[j :: self.m] / weights.sum()
            found.append(column)
        return found

    def _fields(self, u: Array) -> tuple[Array, Array]:
        """Values (m, ...) and slopes (m, d, ...) at the quadrature points."""
        basis = self.space.basis
        fields = [
            basis.interpolate(self.space.prolongation @ u[j :: self.m]) for j in range(self.m)
        ]
        values = np.stack([np.asarray(field) for field in fields])
        slopes = np.stack([np.broadcast_to(f.grad, (self.d, *self.shape)) for f in fields])
        return values, slopes
