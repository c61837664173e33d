"""States of finite strain in finite element functions, and their Bloch waves: for data that jump
where elements meet.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import eigsh, splu

from .arrays import Array
from .bloch_waves import Waves
from .element_states import ElementStates
from .fourier.states import MacroState, States

_BELOW = 1e-3
"""Share of the stiffness by which a shift is below all values of beta."""
_SETTLED = 1e-4
"""Relative residual of the least value, whose error is about the square of it: the others are
dense, as local stiffnesses are among them.
"""
_LANCZOS = 40
"""Vectors between two starts of Lanczos' method."""


class ElementWaves(Waves):
    """The waves of one state in the functions that it is solved in, whose matrices are SciPy's."""

    def __init__(self, space: ElementStates, macro: MacroState, states: States) -> None:
        self.space = space
        slopes = space.forms.slopes(space.data(macro, states.modes[0].T.ravel()))
        bounds = np.array(space.forms.CELL, dtype=float)
        super().__init__(space.array(slopes, "flux_p", "mdmd"), bounds[:, 1] - bounds[:, 0])

    @cached_property
    def _volume(self) -> float:
        return self.space.assembly.total(self.space.assembly.weights)

    @cached_property
    def _unit(self) -> Array:
        """The tangent of |grad u|^2."""
        d = self.dim
        same = np.eye(d * d).reshape(d, d, d, d, 1)
        return np.broadcast_to(same, self.tangent.shape)

    @cached_property
    def _shifted(self) -> Array:
        return self.tangent - self.margin * self._unit

    def _energy(self, tangent: Array, fractions: Array) -> sps.csc_matrix:
        """<D_k w : C : D_k w> of all unknowns; at k = 0 of those of mean zero."""
        assembly: Any = self.space.assembly
        k = 2 * np.pi * fractions / self.periods
        right = np.einsum("ikjlq,l->ikjq", tangent, k)
        none = np.zeros_like(tangent)
        still = {
            "flux_p": tangent,
            "flux_u": 0 * right,
            "source_p": none[:, 0],
            "source_u": np.einsum("k,ikjq->ijq", k, right),
        }
        real = assembly.matrix(still, "flux", "source")
        if not k.any():
            return sps.csc_matrix(real[assembly.free][:, assembly.free])
        moved = {
            "flux_p": none,
            "flux_u": right,
            "source_p": -np.einsum("k,ikjlq->ijlq", k, tangent),
            "source_u": none[:, 0, :, 0],
        }
        found = real + 1j * assembly.matrix(moved, "flux", "source")
        return sps.csc_matrix((found + found.conj().T) / 2)

    def above(self, fractions: Array) -> bool:
        matrix = self._energy(self._shifted, fractions)
        # Without pivots the entries of the diagonal have the signs of the eigenvalues (Sylvester).
        factors = splu(matrix, "MMD_AT_PLUS_A", 0.0, options={"SymmetricMode": True})
        return bool(np.all(factors.U.diagonal().real > 0))

    def effective(self) -> Array:
        inner = splu(self._energy(self._shifted, np.zeros(self.dim)))
        loads = self._loads(self._shifted)
        mean = self.space.assembly.mean(self._shifted).reshape(loads.shape[1], -1)
        found = mean - loads.T @ inner.solve(loads) / self._volume
        return np.asarray(found.reshape((self.dim,) * 4))

    def _loads(self, tangent: Array) -> Array:
        """<grad w : C : E> over the volume, for the unit matrices E: (free unknowns, d d)."""
        assembly = self.space.assembly
        flat = tangent.reshape(self.dim, self.dim, self.dim**2, -1)
        nothing = np.zeros((self.dim, flat.shape[-1]))
        columns = [assembly.load(flat[:, :, c], nothing)[0] for c in range(self.dim**2)]
        return np.stack([assembly.restricted(column) for column in columns], axis=1)

    def beta(self, fractions: Array, direction: Array) -> float:
        energy = self._energy(self.tangent, fractions)
        size = self._energy(self._unit, fractions)
        if not fractions.any():
            energy, size = self._with_constants(energy, size, direction)
        start = np.random.default_rng(0).standard_normal(energy.shape[0])
        options: dict[str, Any] = {"v0": start, "tol": _SETTLED, "ncv": _LANCZOS}
        found = eigsh(energy, 1, size, self._below, return_eigenvectors=False, **options)
        return float(found[0])

    @cached_property
    def _below(self) -> float:
        """A number below every beta: the least of C_T at any point for matrices of any rank."""
        matrices = np.moveaxis(self.tangent.reshape(self.dim**2, self.dim**2, -1), -1, 0)
        values = np.linalg.eigvalsh(matrices)
        return float(values.min() - _BELOW * np.abs(values).max())

    def _with_constants(
        self, energy: sps.csc_matrix, size: sps.csc_matrix, direction: Array
    ) -> tuple[sps.csc_matrix, sps.csc_matrix]:
        """The same with constant slopes a (x) n beside those of periodic functions."""
        d = self.dim
        loads = self._loads(self.tangent).reshape(-1, d, d) @ direction
        mean = self._volume * self.space.assembly.mean(self.tangent)
        acoustic = np.einsum("k,ikjl,l->ij", direction, mean, direction)
        whole = sps.bmat([[energy, sps.csc_matrix(loads)], [loads.T, acoustic]], "csc")
        return whole, sps.block_diag([size, self._volume * np.eye(d)], "csc")


class ElementStrains:
    """A `StrainSpace` of finite element functions."""

    def __init__(self, space: ElementStates) -> None:
        self.space = space

    def solve(self, macro: MacroState, modes: Array | None) -> States:
        return self.space.law(macro, modes)[1]

    def waves(self, macro: MacroState, states: States, detail: int) -> ElementWaves:
        return ElementWaves(self.space, macro, states)

    def least_volume(self, macro: MacroState, states: States, share: float = 1.0) -> float:
        found = []
        for k in range(macro.count):
            _, slopes = self.space.assembly.fields(states.modes[k].T.ravel())
            total = share * (macro.slopes[:, :, k, None] + slopes)
            matrices = np.moveaxis(total, -1, 0) + np.eye(len(total))
            found.append(float(np.linalg.det(matrices).min()))
        return min(found)

    def refined(self, modes: Array, coarser: ElementStrains) -> Array:
        return self.space.sampled(coarser.space, modes)

    def change_of_errors(self, coarser: ElementStrains) -> float:
        """Halved elements leave a quarter of an error at most."""
        return 0.75
