"""Laws on the cell of a lattice: their states are solved in shares of its vectors, where slopes are
those along the vectors and fluxes those through the faces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...problem.domain import Cell, LatticeCell
from ...runtime.arrays import MultiIndex
from ...runtime.fourier.states import LawValues, MacroState
from ...runtime.nonlinear_arrays import BY, LAW_AXES
from ..interpolation import Array
from ..lattice_fields import derivative_weights


@dataclass(frozen=True)
class CellFrame:
    """vectors: (d, d), one a row; None on a box, where nothing is changed."""

    vectors: Array | None = None

    @classmethod
    def of(cls, cell: Cell) -> CellFrame:
        if isinstance(cell, LatticeCell):
            return cls(np.array(cell.vectors, dtype=float))
        return cls()

    def in_shares(self, macro: MacroState) -> MacroState:
        """States with slopes along the vectors, of those with slopes along the axes."""
        return macro.with_slopes(self.slopes(macro.slopes))

    def slopes(self, slopes: Array) -> Array:
        """Slopes (m, d, n) along the vectors, of those along the axes."""
        if self.vectors is None:
            return slopes
        return np.asarray(np.einsum("kl,jln->jkn", self.vectors, slopes))

    def curvatures(self, curvatures: Array) -> Array:
        """Second derivatives (m, d, d, n) along the vectors, of those along the axes."""
        if self.vectors is None:
            return curvatures
        vectors = self.vectors
        return np.asarray(np.einsum("ka,lb,jabn->jkln", vectors, vectors, curvatures))

    def gradient(self, along: Sequence[Array]) -> tuple[Array, ...]:
        """The derivatives along the axes of what has these along the vectors."""
        if self.vectors is None:
            return tuple(along)
        inverse = np.linalg.inv(self.vectors)
        return tuple(np.tensordot(inverse, np.array(along), axes=1))

    def along_axes(self, macro: MacroState) -> MacroState:
        """The inverse of `in_shares`."""
        if self.vectors is None:
            return macro
        inverse = np.linalg.inv(self.vectors)
        return macro.with_slopes(np.einsum("lk,jkn->jln", inverse, macro.slopes))

    def law(self, values: LawValues) -> LawValues:
        """The law along the axes, of one in shares: every axis of slopes or fluxes is turned."""
        if self.vectors is None:
            return values
        return LawValues({name: self.array(name, a) for name, a in values.arrays.items()})

    def array(self, name: str, array: Array) -> Array:
        """One array (*axes, n) of a law along the axes."""
        if self.vectors is None:
            return array
        integrand, _, letter = name.partition("_")
        for place, axis in enumerate(LAW_AXES[integrand] + BY.get(letter, "")):
            if axis == "d":
                turned = np.tensordot(self.vectors.T, array, axes=(1, place))
                array = np.moveaxis(turned, 0, place)
        return array

    def derivative(
        self, function: Callable[[Array, MultiIndex], Array], points: Array, index: MultiIndex
    ) -> Array:
        """D^index at points (n, d) of a function of shares and derivatives by these."""
        if self.vectors is None:
            return function(points, index)
        inverse = np.linalg.inv(self.vectors)
        shares = points @ inverse
        weights = derivative_weights(index, inverse)
        return np.asarray(sum(w * function(shares, own) for own, w in weights.items()))
