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

from ..derive.model import HomogenizedModel
from ..operator.table import Operator
from ..operator.zero_test import is_zero, jumps
from ..problem.contacts import refuse_contacts
from ..problem.domain import refuse_lattice
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.html_text import html_table
from ..problem.pictures import Drawing, Sheet, rates
from ..problem.user_input import instance
from ..runtime.arrays import Array, ComplexArray
from ..solve.arguments import as_numbers
from ..solve.cell_solution import CellSolution
from ..solve.cells import parameter_values, solve_cells
from ..solve.provenance import warn_of_other_operator
from .bloch_expansion import PlaneWaveExpansion
from .bloch_wave import CONVERGED, PlaneWave

Numbers = tuple[float, ...]

# Relative rounding error of the exact solution and of the cell functions.
_FLOOR = 1e-13


@dataclass(frozen=True)
class BlochReport:
    """Relative L2 errors over the cell; print it for a table.

    by_order : {p: the error of the approximation of order p at each eps}, p = 0..model.order; the
               components of a system in units that balance its averaged operator.
    floor    : the errors at each eps below which the accuracy of the cell solution, that of the
               exact one, or float64 hides the rate.
    symbol   : the averaged operator h_m at (k, s): a number, or (components, components); size:
               points per axis of the exact solution.
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

    def plot(self) -> Drawing:
        """The errors of each order over eps, beside the slope of the last one's rate."""
        highest, *others = sorted(self.by_order, reverse=True)
        held = {f"order {p}": (self.eps, self.by_order[p]) for p in (highest, *others)}
        sheet = Sheet(1, 1, (6.4, 4.2))
        rates(sheet.at(0, 0), held, highest + 1, "expansion against exact Bloch waves")
        return sheet.drawing("bloch", "Errors of the expansion against exact solutions.")

    def _repr_html_(self) -> str:
        names = [f"order {p}" for p in self.by_order]
        rows = [
            [f"{eps:.6g}", *(f"{errors[k]:.2e}" for errors in self.by_order.values())]
            for k, eps in enumerate(self.eps)
        ]
        return html_table(["eps", *names], rows, f"Bloch oracle: observed rate {self.rate:.2f}")

    def __str__(self) -> str:
        orders = {
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
                    f"  {errors[row]:10.2e} {orders[p][row]:>5}"
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

    wavevector : k, one number per axis (default: a generic one, of the size of 1/period).
    amplitude  : F, one number per equation, or one for all (then each equation gets a different
                 part of it).
    growth     : s, used where the equation has a time derivative.
    cells      : the cell problems, solved with hierarchy=True, to judge (default: by the fourier
                 backend).
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
    cells = _solved_cells(model, cells, parameters)
    warn_of_other_operator(cells.info, op)
    cells.require_parameters(values)
    (rate,) = _numbers(growth, 1, "growth", "write growth=1.0").tolist()
    s = rate if _in_time(op) else 0.0
    expansion = PlaneWaveExpansion(model, cells, np.array([*(1j * q for q in k), s]))
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
    grid, exact, change = wave.solve(steps)
    parts = expansion.parts(force, grid.points)
    errors = [expansion.errors(parts, e, x) for e, x in zip(steps, exact, strict=True)]
    # Powers of eps by which rounding grows: the exact wave holds exp(i speed t/eps + ..).
    loss = 2 if decay else 1 if speed else 0
    known = _FLOOR + 3 * float(cells.info["estimate"]) / expansion.largest
    if change > CONVERGED:  # data with kinks: no grid is fine enough
        known += 3 * change
    symbol = complex(expansion.symbols[0][0, 0]) if model.components == 1 else expansion.symbols[0]
    return BlochReport(
        k,
        s,
        steps,
        {p: tuple(row[p] for row in errors) for p in range(model.order + 1)},
        tuple(known / e**loss for e in steps),
        symbol,
        grid.shape[0],
    )


def _solved_cells(
    model: HomogenizedModel, cells: object, parameters: Mapping[sp.Symbol, float] | None
) -> CellSolution:
    """The cells that are judged."""
    if cells is None:
        return solve_cells(model, "fourier", parameters=parameters, hierarchy=True)
    how = "write cells = solve_cells(model, hierarchy=True)"
    return instance(cells, CellSolution, "cells", how)


def _in_time(op: Operator) -> bool:
    """Whether there is a time derivative."""
    return any(term.left[-1] or term.right[-1] for term, _ in op.terms())


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
