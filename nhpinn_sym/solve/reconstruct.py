"""The approximation of u_eps of order n: mean fields times cell functions at y = x/eps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..lower.forms import MultiIndex
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.user_input import instance
from .cell_solution import CellFunction, CellSolution
from .equations import positive
from .exports import COUNTS, Exported, Extent, extent_of
from .hierarchy import MeanField
from .places import as_index, as_points
from .solution import Array, Solution

_STILL = 1e-12
_PER_PERIOD = 16
"""Points to a period where an expansion is exported."""


class Reconstruction(Exported):
    """sum_{p <= n} eps^p sum_{a + b = p} N^a[U_b], N^0 = 1; values (n,), or (n, m) for a system of
    m components.

    First derivatives only: the expansion is not accurate beyond them.
    """

    def __init__(
        self, fields: tuple[Solution, ...], cells: CellSolution, order: int, eps: float
    ) -> None:
        self.fields, self.cells, self.order, self.eps = fields, cells, order, eps
        self.backend, self.method = (
            fields[0].backend,
            f"expansion to order {order}, cells by {cells.backend}",
        )
        self.info: Mapping[str, Any] = {
            "eps": eps,
            **{f"u{k}": dict(u.info) for k, u in enumerate(fields)},
            "cells": dict(cells.info),
        }

    def __repr__(self) -> str:
        return f"{self.method}, u0 by {self.backend}, eps = {self.eps:g}"

    @property
    def extent(self) -> Extent:
        """That of u0, with at least so many points that a period has some."""
        extent = extent_of(self.fields[0])
        most = COUNTS[self.cells.dim]
        lines = tuple(_resolving(line, self.eps, most) for line in extent.lines)
        return Extent(lines, extent.times)

    def __call__(self, points: ArrayLike, t: float | None = None) -> Array:
        return self._value(
            as_points(points, self.cells.dim, "the expansion"), (0,) * self.cells.dim, t
        )

    def derivative(self, points: ArrayLike, index: MultiIndex, t: float | None = None) -> Array:
        """d_i( N D^alpha U ) = (d_yi N D^alpha U) / eps + d_xi N D^alpha U + N d_i D^alpha U."""
        index = as_index(index, self.cells.dim, "the expansion")
        if sum(index) > 1:
            raise UnsupportedError(
                "a second derivative of a truncated expansion",
                term=index,
                remedy="first derivatives are available",
            )
        return self._value(as_points(points, self.cells.dim, "the expansion"), index, t)

    def _value(self, x: Array, index: MultiIndex, t: float | None) -> Array:
        none = (0,) * self.cells.dim
        total = np.asarray(
            sum(self.eps**b * u.derivative(x, index, t) for b, u in enumerate(self.fields))
        )
        for power, sign, function, alpha, part in self._terms():

            def cell(
                fast: MultiIndex, slow: MultiIndex, function: CellFunction = function
            ) -> Array:
                return function.derivative(x / self.eps, fast, x, slow).T

            factor, macro = sign * self.eps**power, self._macro(part, alpha, x, t)
            if any(index):
                total = (
                    total + (factor * (cell(index, none) / self.eps + cell(none, index)) * macro).T
                )
            total = (
                total
                + (
                    factor
                    * cell(none, none)
                    * self._macro(
                        part, tuple(p + q for p, q in zip(alpha, index, strict=True)), x, t
                    )
                ).T
            )
        return total

    def _terms(
        self,
    ) -> Iterator[tuple[float, int, CellFunction, MultiIndex, tuple[Solution, int] | None]]:
        """(power, sign, N, alpha, (U, q)) of every product N D^alpha U_q with eps^power; None is
        the source of the equation.
        """
        for function in self.cells.functions:
            for (component, alpha), sign in function.sources:
                count = 1 if component is None else len(self.fields)
                for b in range(min(count, int(self.order - function.level) + 1)):
                    yield (
                        function.level + b,
                        sign,
                        function,
                        alpha[: self.cells.dim],
                        None if component is None else (self.fields[b], component),
                    )

    def _macro(
        self, part: tuple[Solution, int] | None, index: MultiIndex, x: Array, t: float | None
    ) -> Array:
        """D^index U_q, (n,); the source counts as the constant 1, its cell function being that of
        its value.
        """
        if part is None:
            return np.full(len(x), float(not any(index)))
        field, component = part
        values = field.derivative(x, index, t)
        return values[:, component] if values.ndim > 1 else values


def _resolving(line: Array, eps: float, most: int) -> Array:
    """Equally spaced points, _PER_PERIOD to a length of eps where these are not more than
    `most`.
    """
    wanted = int(_PER_PERIOD * (line[-1] - line[0]) / eps) + 1
    return np.linspace(line[0], line[-1], max(len(line), min(wanted, most)))


def reconstruct(u0: Solution | MeanField, cells: CellSolution, eps: object) -> Solution:
    """The expansion as a `Solution`: u0 + eps (N_0 u0 + N_j d_j u0 + N_f) for a solution u0 of the
    homogenized equation (plus convention,
    Bensoussan-Lions-Papanicolaou 1978, ch. 1), the approximation of order n for a `MeanField` of
    order n (Bakhvalov, Panasenko 1989, ch. 4).

    UnsupportedError for moving frames, ground states, and cell functions of tau; ProblemError for
    cells of a model of order 1 with mean fields of a higher one.
    """
    cells = instance(cells, CellSolution, "cells", "write cells = solve_cells(model)")
    _check_scope(cells)
    if not isinstance(u0, MeanField) and not callable(getattr(u0, "derivative", None)):
        raise ProblemError(
            "u0 is not a solution of the homogenized equation",
            term=shortened(u0),
            remedy="write u0 = solve_homogenized(model, cells)",
        )
    fields, order = (u0.fields, u0.order) if isinstance(u0, MeanField) else ((u0,), 1)
    if order > 1 and not cells.info.get("hierarchy", any(name == "h" for name, _ in cells.entries)):
        raise ProblemError(
            f"mean fields of order {order} with cells of a model of order 1",
            term=cells,
            remedy="use the cells that they were solved with",
        )
    return Reconstruction(fields, cells, order, positive(eps))


def _check_scope(cells: CellSolution) -> None:
    """Expansions in y = x/eps alone."""
    if cells.ground_state is not None:
        raise UnsupportedError(
            "the reconstruction after a factorization",
            term="u = exp(-lambda0 t/eps^2) phi(y) v",
            remedy="cells.ground_state is phi, and cells.functions belong to v",
        )
    if np.any(np.abs(cells.effective.get("drift", 0.0)) > _STILL):
        raise UnsupportedError(
            "the reconstruction in a moving frame",
            term=f"drift {cells.effective['drift']}",
            remedy="evaluate u0 at X = x - c t/eps yourself",
        )
    if cells.axes != cells.dim or "tau" in cells.slow:
        raise UnsupportedError(
            "the reconstruction with cell functions of tau",
            term=cells.slow or f"{cells.axes} axes of the cell",
            remedy="evaluate cells.functions at (y, tau) yourself",
        )
    if any(any(alpha[cells.dim :]) for f in cells.functions for (_, alpha), _ in f.sources):
        raise UnsupportedError(
            "the reconstruction with time derivatives of u0",
            term=[f.name for f in cells.functions],
            remedy="cells.functions say by their sources what they multiply",
        )
