"""The approximation of u_eps of order n: mean fields times cell functions at y = x/eps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import sympy as sp

from ..lower.forms import MultiIndex
from ..operator.parse import parse
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance
from .boundary_layers import LayeredExpansion, with_layers
from .cell_solution import CellFunction, CellSolution
from .exports import COUNTS, SolutionExtent
from .ground_states import Decaying, without_growth
from .law.law_solution import LawSolution
from .law.reconstruct import reconstruct_with_law
from .mean_field import MeanField
from .periods import positive_eps
from .progress import Progress
from .provenance import warn_of_other_cells, warn_of_other_operator
from .solution import Array, Solution

_PROBLEM = "write boundary_layers=problem, the problem that was homogenized"
# Velocity of a moving frame that is rounding.
_STILL = 1e-12
# Points to a period where an expansion is exported.
_PER_PERIOD = 16


class _Term(NamedTuple):
    """One product eps^power sign N D^alpha U_q of the expansion.

    field, component : U, by its number, and q; None where N belongs to the source of the equation,
                       which stands for the constant 1.
    """

    power: float
    sign: int
    alpha: MultiIndex
    field: int | None
    component: int


_Derivatives = Mapping[MultiIndex, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Reconstruction(Solution):
    """e^(-lambda0 t/eps^2) sum_{p <= n} eps^p sum_{a + b = p} N^a[U_b], N^0 the ground state or 1,
    the mean fields U at X = x - c t/eps, where they stand in a moving frame.

    growth : lambda0 - growth stands in the exponential: what is compared with a solution u
             e^(growth t/eps^2) has it too.
    consistent : derivatives to the order eps^(n - 1) alone, as far as those of the next corrector
             have no part in them: what fluxes on walls are compared by.
    First derivatives only: the expansion is not accurate beyond them.
    """

    fields: tuple[Solution, ...]
    cells: CellSolution
    order: int
    eps: float
    growth: float = 0.0
    consistent: bool = False

    def __repr__(self) -> str:
        return f"{self.method}, u0 by {self.backend}, eps = {self.eps:g}"

    @property
    def extent(self) -> SolutionExtent:
        """That of u0, with at least so many points that a period has some."""
        extent = self.fields[0].extent
        most = COUNTS[self.cells.dim]
        lines = tuple(_resolving(line, self.eps, most) for line in extent.lines)
        return SolutionExtent(lines, extent.times, extent.holds)

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        """d_i( N D^alpha U ) = (d_yi N D^alpha U) / eps + d_xi N D^alpha U + N d_i D^alpha U."""
        for index in indices:
            if sum(index) > 1:
                raise UnsupportedError(
                    "a second derivative of a truncated expansion",
                    term=index,
                    remedy="first derivatives are available",
                )
        none = (0,) * self.dim
        macro = self._mean_fields(self._in_frame(points, t), indices, t)
        kernel = self.cells.ground_state
        totals = [
            np.asarray(sum(self.eps**b * known[index] for b, known in enumerate(macro)))
            for index in indices
        ]
        if kernel is not None:
            value, slopes = self._corrector(kernel, points, indices)
            mean = np.asarray(sum(self.eps**b * known[none] for b, known in enumerate(macro)))
            totals = [
                value * total + (slopes[index] * mean if any(index) else 0.0)
                for index, total in zip(indices, totals, strict=True)
            ]
        for function in self.cells.functions if self.order else ():
            value, slopes = self._corrector(function, points, indices)
            for term in self._terms(function):
                factor = term.sign * self.eps**term.power
                last = self.consistent and term.power == self.order
                below = _source(macro, term, term.alpha, points)
                for k, index in enumerate(indices):
                    if any(index):
                        totals[k] = totals[k] + (factor * slopes[index].T * below).T
                        if last:
                            continue
                    above = _source(macro, term, _sum(term.alpha, index), points)
                    totals[k] = totals[k] + (factor * value.T * above).T
        return self._factor(t) * np.stack(totals)

    def _factor(self, t: float | None) -> float:
        """The exponential of a ground state."""
        rate = float(self.cells.effective.get("lambda0", 0.0)) - self.growth
        if t is not None:
            return math.exp(-rate * t / self.eps**2)
        return 1.0

    def _in_frame(self, points: Array, t: float | None) -> Array:
        """X = x - c t/eps, in the periodic box of the mean fields."""
        velocity = np.asarray(self.cells.effective.get("drift", 0.0))
        if t is None or not np.any(np.abs(velocity) > _STILL):
            return points
        lines = self.fields[0].extent.lines
        low = np.array([line[0] for line in lines])
        lengths = np.array([line[-1] - line[0] for line in lines])
        # In time t/eps the frame may pass through the periodic box many times.
        return low + np.mod(points - velocity * t / self.eps - low, lengths)

    def _mean_fields(
        self, points: Array, indices: Sequence[MultiIndex], t: float | None
    ) -> list[_Derivatives]:
        """All derivatives of every mean field that the terms need."""
        zero = (0,) * self.dim
        needed: list[dict[MultiIndex, None]] = [
            dict.fromkeys((zero, *indices)) for _ in self.fields
        ]
        for function in self.cells.functions:
            for term in self._terms(function):
                if term.field is not None:
                    for index in (zero, *indices):
                        needed[term.field][_sum(term.alpha, index)] = None
        return [
            dict(zip(own, field.evaluate(points, list(own), t), strict=True))
            for field, own in zip(self.fields, needed, strict=True)
        ]

    def _corrector(
        self, function: CellFunction, x: Array, indices: Sequence[MultiIndex]
    ) -> tuple[Array, _Derivatives]:
        """N(x/eps; x), and its derivatives with respect to x that are no values."""
        zero = (0,) * self.dim
        first = [index for index in indices if any(index)]
        value, *fast = function.evaluate(x / self.eps, [zero, *first], x)
        # d/dx of N(x/eps) is D_y N / eps.
        slopes = {index: d / self.eps for index, d in zip(first, fast, strict=True)}
        if function.local:
            for index in first:
                slopes[index] = slopes[index] + function.derivative(x / self.eps, zero, x, index)
        return value, slopes

    def _terms(self, function: CellFunction) -> Iterator[_Term]:
        """The products that a cell function takes part in."""
        # eps^level N eps^b D^alpha U_b belongs to the approximation while level + b is at most its
        # order.
        orders_left = int(self.order - function.level) + 1
        for (component, alpha), sign in function.sources:
            slow = alpha[: self.dim]
            if component is not None:
                for b in range(min(len(self.fields), orders_left)):
                    yield _Term(function.level + b, sign, slow, b, component)
            elif orders_left > 0:
                yield _Term(function.level, sign, slow, None, 0)


def _source(macro: Sequence[_Derivatives], term: _Term, index: MultiIndex, points: Array) -> Array:
    """D^index U_q (n,) of a term; of the constant 1 for that of the source."""
    if term.field is None:
        return np.full(len(points), float(not any(index)))
    values = macro[term.field][index]
    if values.ndim > 1:
        return values[:, term.component]
    return values


def _resolving(line: Array, eps: float, most: int) -> Array:
    """Equally spaced points, _PER_PERIOD to a length of eps where these are not more than
    `most`.
    """
    wanted = int(_PER_PERIOD * (line[-1] - line[0]) / eps) + 1
    return np.linspace(line[0], line[-1], max(len(line), min(wanted, most)))


def _sum(one: MultiIndex, other: MultiIndex) -> MultiIndex:
    return tuple(p + q for p, q in zip(one, other, strict=True))


def reconstruct(
    u0: Solution | MeanField,
    cells: CellSolution | LawSolution,
    eps: object,
    *,
    boundary_layers: MultiscaleProblem | None = None,
    per_period: int | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
) -> Solution:
    """The expansion as a `Solution`: u0 + eps (N_0 u0 + N_j d_j u0 + N_f) for a solution u0 of the
    homogenized equation (plus convention,
    Bensoussan-Lions-Papanicolaou 1978, ch. 1), u0 + eps^2 N_jk d_jk u0 for one of fourth order; the
    approximation of order n for a `MeanField` of order n (Bakhvalov, Panasenko 1989, ch. 4).

    After a moving frame u0 is taken at X = x - c t/eps; with a ground state u0 stands for
    e^(-lambda0 t/eps^2) phi(x/eps) u0.

    boundary_layers : the problem, where the expansion shall satisfy its conditions on walls: their
                      layer is added, which is solved for by FEM on a mesh of `per_period` cells a
                      period (as `solve_fine`, with its `parameters`). The error in H1 is of order
                      eps then, which is eps^(1/2) without it in two dimensions and more. In time
                      each layer is that of the data at its time, with Dirichlet data; that of
                      waves and fluxes is a solution in time.

    For a nonlinear problem its law stands in the place of the cells: u0 + eps N(x/eps; u0, grad
    u0); for a `MeanField` of it N at U_0 + eps U_1, and the second corrector.

    UnsupportedError for cell functions of tau; ProblemError for cells of a model of order 1 with
    mean fields of a higher one.

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
    >>> model = nh.homogenize(problem)
    >>> cells = nh.solve_cells(model, "fourier")
    >>> u0 = nh.solve_homogenized(model, cells, "skfem")
    >>> u1 = nh.reconstruct(u0, cells, eps=1 / 4)
    >>> round(float(u1(0.3) - u0(0.3)), 4)
    0.0006
    """
    if isinstance(cells, LawSolution):
        return _with_law(u0, cells, eps, boundary_layers)
    cells = instance(cells, CellSolution, "cells", "write cells = solve_cells(model)")
    _check_scope(cells)
    if not isinstance(u0, (MeanField, Solution)):
        raise ProblemError(
            "u0 is not a solution of the homogenized equation",
            term=shortened(u0),
            remedy="write u0 = solve_homogenized(model, cells)",
        )
    fields: tuple[Solution, ...]
    if isinstance(u0, MeanField):
        fields = u0.fields
        order = u0.order
    else:
        fields = (u0,)
        order = _lowest(cells)
    if (
        isinstance(u0, MeanField)
        and order > 1
        and not cells.info.get("hierarchy", any(name == "h" for name, _ in cells.entries))
    ):
        raise ProblemError(
            f"mean fields of order {order} with cells of a model of order 1",
            term=cells,
            remedy="use the cells that they were solved with",
        )
    warn_of_other_cells(fields[0].info, cells.info)
    number = positive_eps(eps)
    expansion = _expansion(fields, cells, order, number)
    if boundary_layers is None:
        return expansion
    problem = instance(boundary_layers, MultiscaleProblem, "boundary_layers", _PROBLEM)
    warn_of_other_operator(cells.info, parse(problem), remedy=_PROBLEM)
    if cells.ground_state is None or not problem.time_order:
        return layered(expansion, problem, number, per_period, parameters, progress)
    growth = float(cells.effective["lambda0"])
    still = replace(expansion, growth=growth)
    scaled = without_growth(parse(problem), growth)
    found = layered(still, scaled, number, per_period, parameters, progress)
    return Decaying(found.backend, found.method, found.info, found, growth / number**2)


def layered(
    expansion: Reconstruction,
    problem: MultiscaleProblem,
    eps: float,
    per_period: int | None,
    parameters: Mapping[sp.Symbol, float] | None,
    progress: Progress | None,
) -> LayeredExpansion:
    """An expansion with its boundary layer."""
    slopes = replace(expansion, consistent=True)
    return with_layers(expansion, slopes, problem, eps, per_period, parameters, progress)


def _with_law(u0: object, law: LawSolution, eps: object, boundary_layers: object) -> Solution:
    if not isinstance(u0, (MeanField, Solution)):
        raise ProblemError(
            "u0 is not a solution of the homogenized equation",
            term=shortened(u0),
            remedy="write u0 = solve_homogenized(model, law)",
        )
    if boundary_layers is not None:
        raise UnsupportedError(
            "boundary layers of a nonlinear problem",
            term="boundary_layers",
            remedy="leave boundary_layers= out",
        )
    return reconstruct_with_law(u0, law, positive_eps(eps))


def leading_term(u0: Solution, cells: CellSolution, eps: float, growth: float = 0.0) -> Solution:
    """What u_eps tends to: u0 itself, at X = x - c t/eps after a moving frame; with a ground state
    e^(-(lambda0 - growth) t/eps^2) phi(x/eps) u0."""
    moving = np.any(np.abs(cells.effective.get("drift", 0.0)) > _STILL)
    if cells.ground_state is None and not moving:
        return u0
    _check_scope(cells)
    return _expansion((u0,), cells, 0, eps, growth)


def first_order(
    u0: Solution, cells: CellSolution, eps: float, growth: float = 0.0
) -> Reconstruction:
    """`reconstruct`, in the units of `leading_term`."""
    _check_scope(cells)
    return _expansion((u0,), cells, _lowest(cells), eps, growth)


def second_order(
    fields: tuple[Solution, Solution], cells: CellSolution, eps: float
) -> Reconstruction:
    """u0 + eps (N.u0 + U_1) + eps^2 (N_2.u0 + N.U_1) for (u0, U_1): U_2 stands for eps^2 as the
    terms beyond do in H1."""
    _check_scope(cells)
    return _expansion(fields, cells, 2, eps)


def _lowest(cells: CellSolution) -> int:
    """The order in eps of the first correctors: 2 for equations of fourth order."""
    return cells.order // 2


def _expansion(
    fields: tuple[Solution, ...],
    cells: CellSolution,
    order: int,
    number: float,
    growth: float = 0.0,
) -> Reconstruction:
    info = {
        "eps": number,
        **{f"u{k}": dict(u.info) for k, u in enumerate(fields)},
        "cells": dict(cells.info),
    }
    method = f"expansion to order {order}, cells by {cells.backend}"
    info["estimate"] = fields[0].info["estimate"]
    return Reconstruction(fields[0].backend, method, info, fields, cells, order, number, growth)


def _check_scope(cells: CellSolution) -> None:
    """Expansions in y = x/eps alone."""
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
