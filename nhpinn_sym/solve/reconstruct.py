"""The first-order approximation u0 + eps (N_0 u0 + N_j d_j u0 + N_f) as a Solution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..problem.errors import UnsupportedError
from .cell_solution import CellFunction, CellSolution
from .equations import positive
from .solution import Array, MultiIndex, Solution


class Reconstruction:
    """u0 + eps u1 at y = x/eps. First derivatives only: the expansion is not accurate beyond them."""

    def __init__(self, u0: Solution, cells: CellSolution, eps: float) -> None:
        self.u0, self.cells, self.eps = u0, cells, eps
        self.backend, self.method = u0.backend, f"u0 + eps N.u0, cells by {cells.backend}"
        self.info: Mapping[str, Any] = {"eps": eps, "u0": dict(u0.info), "cells": dict(cells.info)}

    def __call__(self, points: ArrayLike, t: float | None = None) -> Array:
        x = np.asarray(points, dtype=float)
        total = np.array(self.u0(x, t))
        for function in self.cells.functions:
            total += self.eps * self._cell(function, x, None, None) * self._macro(function, x, None, t)
        return total

    def derivative(self, points: ArrayLike, index: MultiIndex, t: float | None = None) -> Array:
        """d_i (u0 + eps N D^alpha u0) = d_i u0 + (d_yi N) D^alpha u0 + eps (d_xi N D^alpha u0 + N d_i D^alpha u0)."""
        if sum(index) == 0:
            return self(points, t)
        if sum(index) > 1:
            raise UnsupportedError("a second derivative of the first-order approximation", term=index, remedy="first derivatives are available")
        x = np.asarray(points, dtype=float)
        total = np.array(self.u0.derivative(x, index, t))
        for function in self.cells.functions:
            macro = self._macro(function, x, None, t)
            total += self._cell(function, x, index, None) * macro + self.eps * self._cell(function, x, None, None) * self._macro(
                function, x, index, t
            )
            if function.local:
                total += self.eps * self._cell(function, x, None, index) * macro
        return total

    def _cell(self, function: CellFunction, x: Array, fast: MultiIndex | None, slow: MultiIndex | None) -> Array:
        return function.derivative(x / self.eps, fast, x, slow)

    def _macro(self, function: CellFunction, x: Array, index: MultiIndex | None, t: float | None) -> Array:
        """D^(alpha + index) u0, or that of the constant 1 for the source function."""
        field, alpha = function.key
        if field is None:
            return np.zeros(len(x)) if index else np.ones(len(x))
        whole = alpha if index is None else tuple(p + q for p, q in zip(alpha, index, strict=True))
        return self.u0.derivative(x, whole, t) if any(whole) else self.u0(x, t)


def reconstruct(u0: Solution, cells: CellSolution, eps: object) -> Solution:
    """u0 + eps (N_0 u0 + N_j d_j u0 + N_f) as a `Solution` (plus convention, Bensoussan-Lions-Papanicolaou 1978, ch. 1)."""
    return Reconstruction(u0, cells, positive(eps))
