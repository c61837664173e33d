"""The Bloch oracle: the expansion against a solution that is exact at every eps, without a textbook
and without a fine mesh.

For coefficients in y (and tau) alone and the source F e^{i k.x + s t}, the solution is u = e^{i k.x
+ s t} w with w periodic, one problem on the cell (`bloch_wave`). It is read from the term table of
the problem, before any transformation, the chain rule and the recursion: it checks all.
The expansion says, with the correctors N^a and the averaged operators h_n at (k, s), m the order of
the homogenized equation,
    w = sum_p eps^p sum_{a+b=p} N^a U_b,    h_m U_0 = F,    h_m U_b = -sum_{c=1..b} h_{m+c} U_{b-c},
and cut at order p it must converge at the rate p + 1 (Bensoussan, Lions, Papanicolaou 1978, ch. 4;
Smyshlyaev, Cherednichenko 2000).
Where the law stands in a moving frame, u = e^{i k.(x - c t/eps) + s t} w. With a ground state phi,
w ~ phi U0, u has the factor e^{-lambda0 t/eps^2} too, and the source is F phi: a constant one would
bring a corrector of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from ..derive.hierarchy import closing
from ..derive.model import HomogenizedModel
from ..operator.table import MultiIndex, Operator
from ..operator.zero_test import is_zero, jumps
from ..problem.contacts import refuse_contacts
from ..problem.domain import refuse_lattice
from ..problem.errors import ProblemError, SolveError, UnsupportedError, shortened
from ..problem.user_input import instance
from ..runtime.arrays import Array, ComplexArray
from ..solve.arguments import as_numbers
from ..solve.cell_solution import CellSolution
from ..solve.cells import parameter_values, solve_cells
from .bloch_wave import PlaneWave

Numbers = tuple[float, ...]

# Relative rounding error of the exact solution and of the cell functions.
_FLOOR = 1e-13
# Share of the largest singular value below which the wave is a resonance, and no oracle.
_SINGULAR = 1e-6


@dataclass(frozen=True)
class BlochReport:
    """Relative L2 errors over the cell; print it for a table.

    by_order : {p: the error of the approximation of order p at each eps}, p = 0..model.order; the
    components of a system in units that
               balance its averaged operator.
    floor    : the errors at each eps below which the accuracy of the cell solution, or float64,
    hides the rate. symbol   : the averaged operator h_m at (k, s): a number, or (components,
    components); size: points per axis of the exact solution.
    """

    wavevector: Numbers
    growth: float
    eps: Numbers
    by_order: Mapping[int, Numbers]
    floor: Numbers
    symbol: complex | ComplexArray
    size: int

    @property
    def errors(self) -> Numbers:
        """The errors of the approximation of the model's order."""
        return self.by_order[max(self.by_order)]

    @property
    def rates(self) -> Numbers:
        """Their observed orders between successive eps: order + 1 if the expansion is right; nan at
        the floor.
        """
        return self.rates_of(max(self.by_order))

    @property
    def rate(self) -> float:
        """The last finite one of `rates`, or nan."""
        return next((r for r in reversed(self.rates) if np.isfinite(r)), float("nan"))

    def rates_of(self, order: int) -> Numbers:
        """The observed orders of the approximation of order `order`."""
        rows = itertools.pairwise(zip(self.eps, self.by_order[order], self.floor, strict=True))
        return tuple(
            float(np.log(p / q) / np.log(d / e)) if p > f and q > g else float("nan")
            for (d, p, f), (e, q, g) in rows
        )

    def __str__(self) -> str:
        rates = {
            p: ("", *(f"{r:.2f}" if np.isfinite(r) else "-" for r in self.rates_of(p)))
            for p in self.by_order
        }
        lines = [
            (
                f"Bloch oracle: k = {self.wavevector}, s = {self.growth:g}, {self.size} points per"
                " axis"
            ),
            f"{'eps':>10}" + "".join(f"  {f'order {p}':>10} {'rate':>5}" for p in self.by_order),
        ]
        for row, eps in enumerate(self.eps):
            lines.append(
                f"{eps:10.6g}"
                + "".join(
                    f"  {errors[row]:10.2e} {rates[p][row]:>5}"
                    for p, errors in self.by_order.items()
                )
            )
        return "\n".join(lines)

    __repr__ = __str__


def bloch(
    model: HomogenizedModel,
    wavevector: Sequence[float] | None = None,
    eps: Sequence[float] = (1 / 4, 1 / 8, 1 / 16),
    amplitude: ArrayLike = 1.0,
    *,
    growth: float = 1.0,
    cells: CellSolution | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
) -> BlochReport:
    """Compare the approximations of order 0..model.order with the exact solution for the source
    `amplitude` e^{i k.x + s t}.

    wavevector : k, one number per axis (default: a generic one, of the size of 1/period); growth:
    s, used where the equation has a time derivative. amplitude  : F, one number per equation, or
    one for all (then each equation gets a different part of it). cells      : the cell problems,
    solved with hierarchy=True, to judge (default: by the fourier backend).
    The model's own source is not used.
    Errors: UnsupportedError where coefficients depend on x or t, where they jump, or where the
    source oscillates; SolveError where the averaged operator is singular at (k, s).

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> report = nh.bloch(model)
    >>> round(report.rate, 1)
    2.0
    """
    op = instance(
        model, HomogenizedModel, "the model", "write model = homogenize(problem)"
    ).operator
    _check_scope(op)
    values = parameter_values(model, parameters)
    k = _wavevector(op, wavevector)
    steps = _decreasing(eps)
    force = _amplitude(amplitude, model.components)
    if cells is None:
        cells = solve_cells(model, "fourier", parameters=parameters, hierarchy=True)
    how = "write cells = solve_cells(model, hierarchy=True)"
    cells = instance(cells, CellSolution, "cells", how)
    cells.require_parameters(values)
    (rate,) = _numbers(growth, 1, "growth", "write growth=1.0").tolist()
    s = rate if any(term.left[-1] or term.right[-1] for term, _ in op.terms()) else 0.0
    expansion = _Expansion(model, cells, np.array([*(1j * q for q in k), s]))
    speed = complex(np.sum(cells.effective.get("drift", 0.0) * np.array(k)))
    decay = complex(cells.effective.get("lambda0", 0.0))
    wave = PlaneWave(
        op,
        values,
        k,
        lambda e: s - 1j * speed / e - decay / e**2,
        lambda y: force[:, None] * expansion.kernel(y),
        expansion.symbols[0],
        expansion.rows,
        expansion.columns,
    )
    grid, exact = wave.solve(steps)
    parts = expansion.parts(force, grid.points)
    errors = [
        [
            _distance(expansion.columns[:, None] * w, x)
            for w in itertools.accumulate(e**p * part for p, part in enumerate(parts))
        ]
        for e, x in zip(steps, exact, strict=True)
    ]
    loss = 2 if decay else 1 if speed else 0
    floor = tuple(
        (_FLOOR + 3 * float(cells.info["estimate"]) / expansion.largest) / e**loss for e in steps
    )
    symbol = complex(expansion.symbols[0][0, 0]) if model.components == 1 else expansion.symbols[0]
    return BlochReport(
        k,
        s,
        steps,
        {p: tuple(row[p] for row in errors) for p in range(model.order + 1)},
        floor,
        symbol,
        grid.shape[0],
    )


def _check_scope(op: Operator) -> None:
    refuse_lattice(op.problem.cell, "the Bloch oracle")
    refuse_contacts(op.problem.contacts, "the Bloch oracle")
    remedy = "the oracle covers coefficients in y alone, smooth, and sources that do not oscillate"
    for axis in op.axes:
        if axis.power != (1 if axis.slow < op.problem.scales.dim else 2):
            raise UnsupportedError(
                "the Bloch oracle covers y = x/eps and tau = t/eps^2",
                term=axis.symbol,
                remedy=remedy,
            )
    for term, c in op.terms():
        if c.has(*op.coordinates):
            raise UnsupportedError(
                "the Bloch oracle needs coefficients that do not depend on x or t",
                term=op.show(term),
                remedy=remedy,
            )
        if jumps(c):
            raise UnsupportedError(
                "the Bloch oracle needs smooth coefficients", term=op.show(term), remedy=remedy
            )
    for term, c in op.terms(source=True):
        if not is_zero(c) and (c.has(*op.fast) or term.power):
            raise UnsupportedError(
                "the Bloch oracle replaces the source by a plane wave, and this one oscillates",
                term=op.show(term),
                remedy=remedy,
            )


def _numbers(given: object, count: int | None, what: str, remedy: str) -> Array:
    """`given` as `count` finite numbers (None: any number of them)."""
    try:
        numbers = np.atleast_1d(np.asarray(given, dtype=float))
    except Exception:  # of any kind: NumPy asks the methods of a foreign object
        numbers = np.empty(0)
    if (
        numbers.ndim != 1
        or not len(numbers)
        or count not in (None, len(numbers))
        or not np.all(np.isfinite(numbers))
    ):
        raise ProblemError(
            f"the {what} of the Bloch oracle is not {count or 'a sequence of'} finite numbers",
            term=shortened(given),
            remedy=remedy,
        )
    return numbers


def _wavevector(op: Operator, given: Sequence[float] | None) -> Numbers:
    lengths = [float(length) for length in op.problem.cell.lengths]
    if given is None:
        return tuple(w / length for w, length in zip((2.0, 1.5, 1.0), lengths, strict=False))
    return tuple(_numbers(given, len(lengths), "wavevector", "give one number per axis").tolist())


def _decreasing(given: Sequence[float]) -> Numbers:
    remedy = "give at least two positive numbers, the largest first: eps=(1/4, 1/8, 1/16)"
    steps = _numbers(given, None, "eps", remedy)
    if len(steps) < 2 or steps[-1] <= 0 or np.any(np.diff(steps) >= 0):
        raise ProblemError(
            "eps is not a decreasing sequence of positive numbers", term=given, remedy=remedy
        )
    return tuple(steps.tolist())


def _amplitude(given: ArrayLike, components: int) -> Array:
    shares = 1 / (1 + 0.3 * np.arange(components))
    remedy = "give one number per equation, or one for all"
    numbers = as_numbers(given, "the amplitude of the Bloch oracle", remedy)
    force = _numbers(numbers, 1 if numbers.ndim == 0 else components, "amplitude", remedy)
    force = force * shares if numbers.ndim == 0 else force
    if not np.any(force):
        raise ProblemError(
            "the amplitude of the Bloch oracle is zero", term=given, remedy="leave it out"
        )
    return force


class _Expansion:
    """What the cells say of the plane wave with D = `direction`, the numbers (i k, s); SolveError
    where h_m is singular.

    symbols       : h_m, h_{m+1}, ..., h_{m+order}, (components, components) each.
    rows, columns : units of equations and unknowns in which the largest entry of every row and
    column of h_m is 1 (Ruiz 2001). largest       : coefficient of h_m, to which the error estimate
    of the cells is compared.
    """

    def __init__(
        self, model: HomogenizedModel, cells: CellSolution, direction: ComplexArray
    ) -> None:
        self.model = model
        self.cells = cells
        self.direction = direction
        zero = np.zeros((1, model.components, model.components), dtype=complex)
        law = _law(cells, model)
        terms = [
            np.stack(
                [
                    *zero,
                    *(
                        self._monomial(left) * self._monomial(right) * h
                        for (left, right), h in level.items()
                    ),
                ]
            )
            for level in law
        ]
        self.largest = max((float(np.abs(h).max()) for h in law[0].values()), default=1.0)
        self.symbols = [level.sum(axis=0) for level in terms]
        self.rows, self.columns = _units(np.abs(terms[0]).sum(axis=0))
        self.balanced = self.symbols[0] / (self.rows[:, None] * self.columns)
        if (
            not np.all(np.isfinite(self.balanced))
            or np.linalg.svd(self.balanced, compute_uv=False)[-1] <= _SINGULAR
        ):
            raise SolveError(
                "the averaged operator vanishes at this wavevector",
                term=f"(i k, s) = {direction}",
                remedy="choose another wavevector or growth",
            )

    def _monomial(self, index: Sequence[int]) -> complex:
        """D^index; index over x, or over (x, t)."""
        return complex(np.prod([d**n for d, n in zip(self.direction, index, strict=False)]))

    def kernel(self, points: Array) -> np.ndarray:
        """N^0: the ground state, or 1."""
        if self.cells.ground_state is None:
            return np.ones(len(points))
        return self.cells.ground_state(points)

    def means(self, force: Array) -> list[ComplexArray]:
        """U_0, ..., U_order: h_m U_b = -sum_c h_{m+c} U_{b-c}, and h_m U_0 is the force."""
        means: list[ComplexArray] = []
        for b in range(len(self.symbols)):
            right = force
            if b:
                earlier = [self.symbols[c] @ means[b - c] for c in range(1, b + 1)]
                right = -np.sum(earlier, axis=0)
            balanced = np.linalg.solve(self.balanced, right / self.rows)
            means.append(np.asarray(balanced / self.columns, dtype=complex))
        return means

    def parts(self, force: Array, points: Array) -> list[ComplexArray]:
        """sum_{a+b=p} N^a U_b at the points, for p = 0..order: (components, points) each."""
        means = self.means(force)
        order = self.model.order
        parts = [mean[:, None] * self.kernel(points) for mean in means]
        for f in self.cells.functions:
            values = np.reshape(f(points), (len(points), -1)).T
            level = int(f.level)  # no broken powers: tau at resonance alone
            for b in range(order + 1 - level):
                weight = sum(
                    sign * self._monomial(alpha) * means[b][q]
                    for (q, alpha), sign in f.sources
                    if q is not None
                )
                parts[level + b] = parts[level + b] + weight * values
        return parts


def _law(
    cells: CellSolution, model: HomogenizedModel
) -> list[Mapping[tuple[MultiIndex, MultiIndex], np.ndarray]]:
    """h_m, ..., h_{m+order} as {(left, right): coefficient of D^left( . D^right U )}; one that
    vanishes by itself has no terms.
    """
    averaged = cells.averaged
    levels = range(model.homogenized_order, model.homogenized_order + model.order + 1)
    absent = [n for n in levels if n not in averaged]
    needed = closing(model)[1] if absent else {}
    for n in absent:
        if any(field is not None for _, _, field, _ in needed.get(n, ())):
            raise ProblemError(
                "these cells hold no law beyond the homogenized equation",
                term=f"h_{n}",
                remedy="write solve_cells(..., hierarchy=True)",
            )
    return [averaged.get(n, {}) for n in levels]


def _units(size: Array) -> tuple[Array, Array]:
    """(of rows, of columns): divided by them, the largest entry of every row and column is 1."""
    rows = np.ones(len(size))
    columns = np.ones(len(size))
    for _ in range(20):
        scaled = size / (rows[:, None] * columns)
        rows, columns = (
            u * np.sqrt(np.where(m > 0, m, 1))
            for u, m in ((rows, scaled.max(axis=1)), (columns, scaled.max(axis=0)))
        )
    return rows, columns


def _distance(approximation: ComplexArray, exact: ComplexArray) -> float:
    return float(np.linalg.norm(approximation - exact) / np.linalg.norm(exact))
