"""Panels on which data are polynomials, up to a tolerance: found by interpolation, and certified
by enclosures.

A panel is accepted where the interpolant of fixed degree has the values of the datum at generic
points. Then it is certified: it is halved, for this purpose alone, until enclosures say that
between the samples of each part there is nothing that the samples do not show. Where a sample
contradicts the interpolant the panel itself is halved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ...problem.errors import UnsupportedError
from ...problem.numeric import NOT_EVALUATED, lambdified
from .breaks import boxes
from .enclosure import enclose_tightly

Array = NDArray[np.float64]

_DEGREES = {1: 6, 2: 6, 3: 4, 4: 3}
MOST_COUPLED = max(_DEGREES)
"""Variables of a datum that are enclosed together."""
_CHECKS = {1: 9, 2: 20, 3: 30, 4: 40}
"""Generic points at which an interpolant is checked, by the number of variables."""


@dataclass(frozen=True)
class Demand:
    """`accuracy` of the interpolants, and what may lie `hidden` between samples, both relative to
    the
    size of the datum there; by the number of variables."""

    accuracy: Mapping[int, float]
    hidden: Mapping[int, float]


FOR_A_MESH = Demand({1: 1e-3, 2: 1e-3, 3: 1e-3, 4: 1e-3}, {1: 1e-6, 2: 2e-3, 3: 2e-2, 4: 5e-2})
FOR_MEANS = Demand({1: 1e-8, 2: 1e-5, 3: 1e-4, 4: 1e-3}, {1: 1e-7, 2: 2e-3, 3: 2e-2, 4: 5e-2})
_NEAR = 0.03
_FLOOR = 1e-4
"""The size of a datum on a panel is its least value there, or these shares of its largest value
there, and everywhere."""
_NARROWEST = 1e-8
"""Share of an interval below which nothing is halved."""
_FINE = 2e-5
"""Share of an interval below which panels need be accurate relative to the largest size only."""
MOST_PANELS = 20_000
MOST_BOXES = 400_000
_SHRUNK = 1e-10
_ROUGH = 1e-3
"""Share of the largest size up to which the narrowest panels, which have no weight, may be wrong.
"""


@dataclass
class Panels:
    """Lower and upper corners (n, d); `failure` says what is not resolved."""

    lo: Array
    hi: Array
    failure: str | None = None

    def lines(self, k: int) -> Array:
        """The ends of the panels along variable k."""
        return np.unique(np.concatenate([self.lo[:, k], self.hi[:, k]]))


def resolve_panels(
    expr: sp.Expr,
    symbols: Sequence[sp.Symbol],
    cuts: Sequence[Array],
    demand: Demand = FOR_A_MESH,
) -> Panels:
    """Panels for a datum of some symbols that is smooth between the cuts."""
    try:
        return _Refinement(expr, tuple(symbols), cuts, demand).run()
    except UnsupportedError as cause:
        lo, hi = boxes(cuts)
        return Panels(lo, hi, f"{cause.what}: {cause.term}")


@lru_cache(maxsize=512)
def evaluator(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> _Values:
    """The function (n, d) -> (n,); not finite where the expression is not, or is complex."""
    return _Values(expr, symbols)


class _Values:
    def __init__(self, expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> None:
        try:
            self.call = lambdified(symbols, expr, ["scipy", "numpy"], cse=True)
            with np.errstate(all="ignore"):
                self.call(*np.full((len(symbols), 1), 0.3))
        except NOT_EVALUATED as cause:
            raise UnsupportedError("a datum without numbers", term=expr) from cause

    def __call__(self, points: Array) -> Array:
        with np.errstate(all="ignore"):
            values = np.asarray(self.call(*points.T))
        if np.iscomplexobj(values):
            values = np.where(values.imag == 0, values.real, np.nan)
        return np.array(np.broadcast_to(values.astype(float), (len(points),)))


@dataclass
class _Nodes:
    """Chebyshev points of the unit cube in d variables, and the interpolation from them."""

    d: int
    points: Array = field(init=False)
    weights: Array = field(init=False)
    line: Array = field(init=False)
    modes: Array = field(init=False)

    def __post_init__(self) -> None:
        n = _DEGREES[self.d] + 1
        angle = (2 * np.arange(n) + 1) * np.pi / (2 * n)
        self.line = (1 - np.cos(angle)) / 2
        self.weights = (-1.0) ** np.arange(n) * np.sin(angle)
        self.points = np.stack(
            [g.ravel() for g in np.meshgrid(*[self.line] * self.d, indexing="ij")], axis=-1
        )
        self.modes = np.cos(np.outer(np.arange(n), angle)) * 2 / n

    def matrix(self, t: Array) -> Array:
        """Values at points t (n, d) of the unit cube from those at the nodes: (n, nodes)."""
        out = np.ones((len(t), 1))
        for k in range(self.d):
            gap = t[:, k, None] - self.line
            share = self.weights / np.where(gap == 0, 1.0, gap)
            share = np.where(
                (gap == 0).any(axis=1, keepdims=True),
                gap == 0,
                share / share.sum(axis=1, keepdims=True),
            )
            out = (out[:, :, None] * share[:, None, :]).reshape(len(t), -1)
        return out

    def roughest(self, values: Array) -> NDArray[np.int64]:
        """The axis along which the highest modes of the interpolants (n, nodes) are largest."""
        n = len(self.line)
        table = values.reshape(-1, *[n] * self.d)
        sizes = []
        for k in range(self.d):
            modes = np.moveaxis(table, k + 1, -1) @ self.modes[-2:].T
            sizes.append(np.abs(modes).reshape(len(values), -1).max(axis=1))
        return np.argmax(sizes, axis=0)


@lru_cache(maxsize=8)
def _nodes(d: int) -> _Nodes:
    return _Nodes(d)


class _Refinement:
    """Halves panels of one datum until all are accepted and certified."""

    def __init__(
        self,
        expr: sp.Expr,
        symbols: tuple[sp.Symbol, ...],
        cuts: Sequence[Array],
        demand: Demand,
    ) -> None:
        self.d = len(symbols)
        if self.d not in _DEGREES:
            raise UnsupportedError(f"a datum that couples {self.d} variables", term=expr)
        self.expr, self.symbols = expr, symbols
        self.accuracy, self.hidden = demand.accuracy[self.d], demand.hidden[self.d]
        self.lo, self.hi = boxes(cuts)
        self.lengths = np.array([c[-1] - c[0] for c in cuts])
        self.values, self.nodes = evaluator(expr, symbols), _nodes(self.d)
        self.random = np.random.default_rng(20)
        self.size = 0.0
        self.boxes = 0
        self.done: list[tuple[Array, Array]] = []
        self.failure: str | None = None

    def run(self) -> Panels:
        lo, hi = self.lo, self.hi
        while True:
            table = self._table(lo, hi)
            accepted = self._accepted(lo, hi, table)
            wrong = np.flatnonzero(accepted)[
                self._contradicted(lo[accepted], hi[accepted], table[accepted])
            ]
            stuck = wrong[self._narrow(lo[wrong], hi[wrong])]
            self._fail(lo[stuck], hi[stuck], "is not smooth")
            accepted[wrong] = False
            accepted[stuck] = True
            self.done.append((lo[accepted], hi[accepted]))
            count = sum(len(a) for a, _ in self.done) + 2 * int(np.sum(~accepted))
            if count > MOST_PANELS or self.boxes > MOST_BOXES:
                self.done.append((lo[~accepted], hi[~accepted]))
                self._fail(lo[~accepted], hi[~accepted], f"is not resolved by {MOST_PANELS} panels")
                break
            left = ~accepted
            if not np.any(left):
                break
            lo, hi = halve(lo[left], hi[left], self.nodes.roughest(table[left]))
        low, high = (np.concatenate(column) for column in zip(*self.done, strict=True))
        return Panels(low, high, self.failure)

    def _fail(self, lo: Array, hi: Array, what: str) -> None:
        if self.failure is None and len(lo):
            smallest = ", ".join(f"{v:.2g}" for v in (hi - lo).min(axis=0))
            place = ", ".join(
                f"{v} = {(a + b) / 2:.6g}"
                for v, a, b in zip(self.symbols, lo[0], hi[0], strict=True)
            )
            self.failure = f"{self.expr} {what}: it varies over less than {smallest} near {place}"

    def _at(self, lo: Array, hi: Array, t: Array) -> Array:
        """Values (n, m) at the points lo + t (hi - lo), t (m, d) or (n, m, d)."""
        points = lo[:, None] + t * (hi - lo)[:, None]
        out = self.values(points.reshape(-1, self.d)).reshape(points.shape[:2])
        finite = np.isfinite(out)
        if np.any(finite):
            self.size = max(self.size, float(np.abs(out[finite]).max()))
        return out

    def _table(self, lo: Array, hi: Array) -> Array:
        """Values at the nodes of each panel; where they are not finite, zero."""
        table = self._at(lo, hi, self.nodes.points)
        if not np.all(np.isfinite(table)):
            bad = ~np.isfinite(table).all(axis=1)
            self._fail(lo[bad], hi[bad], "is not finite")
            table = np.nan_to_num(table, nan=0.0, posinf=0.0, neginf=0.0)
        return table

    def _local(self, values: Array) -> Array:
        """The size of the datum from its values (n, m) in each box."""
        size = np.abs(values)
        return np.maximum(
            np.maximum(size.min(axis=1), _NEAR * size.max(axis=1)), _FLOOR * self.size
        )

    def _accepted(self, lo: Array, hi: Array, table: Array) -> NDArray[np.bool_]:
        """Whether the interpolants have the values at generic points; panels too narrow to be
        halved are accepted, and reported."""
        t = self.random.random((_CHECKS[self.d], self.d))
        error = np.abs(self._at(lo, hi, t) - table @ self.nodes.matrix(t).T).max(axis=1)
        allowed = self.accuracy * self._local(table)
        fine = (hi - lo).max(axis=1) <= _FINE * self.lengths.max()
        allowed[fine] = self.accuracy * self.size
        accepted = error <= allowed
        stuck = ~accepted & self._narrow(lo, hi)
        rough = stuck & ~(error <= _ROUGH * self.size)
        self._fail(lo[rough], hi[rough], "is not smooth")
        return np.asarray(accepted | stuck)

    def _contradicted(self, lo: Array, hi: Array, table: Array) -> NDArray[np.int64]:
        """The numbers of the panels in which the datum is not what the interpolant says."""
        wrong = np.zeros(len(lo), dtype=bool)
        panel, a, b = np.arange(len(lo)), lo, hi
        corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * self.d, indexing="ij"), axis=-1).reshape(
            -1, self.d
        )
        while len(panel) and self.boxes <= MOST_BOXES:
            self.boxes += len(panel)
            margin = _SHRUNK * (b - a)
            inner, outer = a + margin, b - margin
            t = np.concatenate(
                [corners, np.full((1, self.d), 0.5), self.random.random((3, self.d))]
            )
            values = self._at(inner, outer, t)
            places = (inner[:, None] + t * (outer - inner)[:, None] - lo[panel][:, None]) / (
                hi - lo
            )[panel][:, None]
            matrix = self.nodes.matrix(places.reshape(-1, self.d)).reshape(*values.shape, -1)
            error = np.abs(values - np.einsum("nmk,nk->nm", matrix, table[panel])).max(axis=1)
            local = np.maximum(self._local(table)[panel], 0.0)
            fine = (hi - lo).max(axis=1)[panel] <= _FINE * self.lengths.max()
            allowed = 3 * self.accuracy * np.where(fine, self.size, local)
            allowed = np.where(self._narrow(lo, hi)[panel], _ROUGH * self.size, allowed)
            wrong[panel[~(error <= allowed)]] = True
            value, slopes = enclose_tightly(self.expr, self.symbols, inner, outer)
            with np.errstate(invalid="ignore"):
                excess = np.maximum(value.hi - values.max(axis=1), values.min(axis=1) - value.lo)
            open_ = ~(excess <= self.hidden * self._local(values)) & ~wrong[panel]
            open_ &= ~self._narrow(a, b)
            spread = [
                (b - a)[:, k] * (0.0 if s is None else np.maximum(np.abs(s.lo), np.abs(s.hi)))
                for k, s in enumerate(slopes)
            ]
            longest = np.argmax((b - a) / self.lengths, axis=1)
            steep = np.nan_to_num(np.array(spread), nan=np.inf)
            axis = np.where(np.isfinite(steep).all(axis=0), np.argmax(steep, axis=0), longest)
            panel = np.concatenate([panel[open_], panel[open_]])
            a, b = halve(a[open_], b[open_], axis[open_])
        self._fail(a, b, f"is not enclosed by {MOST_BOXES} boxes")
        return np.flatnonzero(wrong)

    def _narrow(self, lo: Array, hi: Array) -> NDArray[np.bool_]:
        """Whether a box cannot be halved any more."""
        return np.asarray(((hi - lo) <= _NARROWEST * self.lengths).any(axis=1))


def halve(lo: Array, hi: Array, axis: NDArray[np.int64]) -> tuple[Array, Array]:
    """Each box cut in two across its axis."""
    rows = np.arange(len(lo))
    middle = (lo[rows, axis] + hi[rows, axis]) / 2
    left, right = hi.copy(), lo.copy()
    left[rows, axis] = middle
    right[rows, axis] = middle
    return np.concatenate([lo, right]), np.concatenate([left, hi])
