"""`MeanField`: the mean fields U_0, ..., U_n of an expansion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..lower.forms import MultiIndex
from ..problem.html_text import html_table
from ..problem.pictures import Drawing
from .exports import SolutionExtent
from .periods import positive_eps
from .solution import Array, Solution


@dataclass(frozen=True, eq=False, repr=False)
class ZeroSolution(Solution):
    """The solution of an equation whose data vanish."""

    where: SolutionExtent

    @property
    def extent(self) -> SolutionExtent:
        return self.where

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        return np.zeros((len(indices), len(points)))


@dataclass(frozen=True, eq=False, repr=False)
class SummedFields(Solution):
    """U_0 + eps U_1 + ... + eps^n U_n."""

    fields: tuple[Solution, ...]
    eps: float

    def __repr__(self) -> str:
        return f"sum of {self.method}, eps = {self.eps:g}"

    @property
    def extent(self) -> SolutionExtent:
        """That of U_0."""
        return self.fields[0].extent

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        parts = [self.eps**k * u.evaluate(points, indices, t) for k, u in enumerate(self.fields)]
        return np.asarray(sum(parts))


@dataclass(frozen=True)
class MeanField:
    """The mean fields of an expansion: `fields` = (U_0, ..., U_n), each a `Solution` with
    derivatives of every order.

    `print` shows a table of sizes and estimates. `reconstruct(mean_field, cells, eps)` adds the
    oscillations.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1),
    ...     scales=s,
    ...     unknown=u,
    ...     domain=nh.Box((0, 1)),
    ...     boundary=[nh.Dirichlet(0)],
    ... )
    >>> model = nh.homogenize(problem, order=2)
    >>> mean = nh.solve_hierarchy(model, nh.solve_cells(model, "fourier"), "skfem")
    >>> mean.order, round(float(mean.total(1 / 8)(0.5)), 4)
    (2, 0.0722)
    """

    fields: tuple[Solution, ...]

    @property
    def order(self) -> int:
        """The power of eps of the last field."""
        return len(self.fields) - 1

    def total(self, eps: object) -> Solution:
        """U_0 + eps U_1 + ... + eps^n U_n, without oscillations."""
        number = positive_eps(eps)
        leading = self.fields[0]
        infos = [dict(u.info) for u in self.fields]
        info = {"eps": number, "fields": infos, "estimate": leading.info["estimate"]}
        method = f"{len(self.fields)} mean fields, {leading.method}"
        return SummedFields(leading.backend, method, info, self.fields, number)

    def plot(self) -> Drawing:
        """U_0 as a picture; `fields[k].plot()` draws the others."""
        return self.fields[0].plot()

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("field", "method", "size", "estimate", "seconds")]
        for k, u in enumerate(self.fields):
            rows.append(
                (
                    f"U_{k}",
                    u.method,
                    str(u.info.get("size", "")),
                    f"{u.info['estimate']:.1e}",
                    f"{u.info.get('seconds', 0.0):.1f}",
                )
            )
        return rows

    def _repr_html_(self) -> str:
        header, *rows = self._rows()
        return html_table(header, rows, "mean fields")

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    __repr__ = __str__
