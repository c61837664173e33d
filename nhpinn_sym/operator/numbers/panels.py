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

from ...problem.errors import UnsupportedError
from ...problem.numeric import NOT_EVALUATED, lambdified
from ...runtime.arrays import Array, Flags, Integers
from ...runtime.tensor_grids import tensor_points
from ..domain_filter import DomainFilter
from .breaks import boxes
from .enclosure import enclose_tightly
from .ranges import Range

# Of interpolants along each axis, by the number of variables: the nodes multiply.
_DEGREES = {1: 6, 2: 6, 3: 4, 4: 3}
MOST_COUPLED = max(_DEGREES)
"""Variables of a datum that are enclosed together."""
# Generic points at which an interpolant is checked, by the number of variables.
_CHECKS = {1: 9, 2: 20, 3: 30, 4: 40}


@dataclass(frozen=True, eq=False)
class Demand:
    """`accuracy` of the interpolants, and what may lie `hidden` between samples, both relative to
    the
    size of the datum there; by the number of variables."""

    accuracy: Mapping[int, float]
    hidden: Mapping[int, float]


# Elements and nets take up what a panel leaves over: a thousandth is below their own error there.
FOR_A_MESH = Demand({1: 1e-3, 2: 1e-3, 3: 1e-3, 4: 1e-3}, {1: 1e-6, 2: 2e-3, 3: 2e-2, 4: 5e-2})
# Gauss rules on these panels are of higher order than the interpolants, and gain several digits.
FOR_MEANS = Demand({1: 1e-8, 2: 1e-5, 3: 1e-4, 4: 1e-3}, {1: 1e-7, 2: 2e-3, 3: 2e-2, 4: 5e-2})
# The size of a datum on a panel, which errors are relative to, is its least value there, or these
# shares of its largest value there, and everywhere: where it passes through zero the least value
# alone would ask for panels without end.
_NEAR = 0.03
_FLOOR = 1e-4
# Share of an interval below which nothing is halved.
_NARROWEST = 1e-8
# Share of an interval below which panels need be accurate relative to the largest size only.
_FINE = 2e-5
# Panels of one datum, and boxes that certify them, some seconds in all: beyond, it counts as not
# resolved.
MOST_PANELS = 20_000
MOST_BOXES = 400_000
# Share of a box by which it is shrunk before it is enclosed: a closed box would hold the values on
# the other side of a jump at its boundary.
_SHRUNK = 1e-10
# Share of the whole interval by which it is shrunk at least: a break is known up to rounding, which
# a flat condition such as cos(x) > cos(1e-4) enlarges.
_ROUNDING = 1e-11
# Share of the largest size up to which the narrowest panels, which have no weight, may be wrong.
_ROUGH = 1e-3


@dataclass(frozen=True)
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
    domain: DomainFilter | None = None,
) -> Panels:
    """Panels for a datum of some symbols that is smooth between the cuts, and in the domain."""
    lines = tuple(tuple(map(float, cut)) for cut in cuts)
    return _panels(expr, tuple(symbols), lines, demand, domain)


@lru_cache(maxsize=64)
def _panels(
    expr: sp.Expr,
    symbols: tuple[sp.Symbol, ...],
    lines: tuple[tuple[float, ...], ...],
    demand: Demand,
    domain: DomainFilter | None,
) -> Panels:
    """Kept: the text of an equation and its meshes ask for the same panels."""
    cuts = [np.array(cut) for cut in lines]
    try:
        return _Refinement(expr, symbols, cuts, demand, domain).run()
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
        # Barycentric weights of Chebyshev points of the first kind.
        self.weights = (-1.0) ** np.arange(n) * np.sin(angle)
        self.points = tensor_points([self.line] * self.d)
        self.modes = np.cos(np.outer(np.arange(n), angle)) * 2 / n

    def matrix(self, t: Array) -> Array:
        """Values at points t (n, d) of the unit cube from those at the nodes: (n, nodes)."""
        out = np.ones((len(t), 1))
        for k in range(self.d):
            cardinal = self._cardinal(t[:, k])
            out = (out[:, :, None] * cardinal[:, None, :]).reshape(len(t), -1)
        return out

    def _cardinal(self, t: Array) -> Array:
        """The cardinal functions of one axis at points (n,), by the barycentric formula: (n,
        nodes). At a node, where it is 0/0, it is 1 for this one and 0 for the others.
        """
        gap = t[:, None] - self.line
        at_node = (gap == 0).any(axis=1, keepdims=True)
        share = self.weights / np.where(gap == 0, 1.0, gap)
        return np.where(at_node, gap == 0, share / share.sum(axis=1, keepdims=True))

    def roughest(self, values: Array) -> Integers:
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
        domain: DomainFilter | None,
    ) -> None:
        self.d = len(symbols)
        self.domain = domain
        if self.d not in _DEGREES:
            raise UnsupportedError(f"a datum that couples {self.d} variables", term=expr)
        self.expr = expr
        self.symbols = symbols
        self.accuracy = demand.accuracy[self.d]
        self.hidden = demand.hidden[self.d]
        self.lo, self.hi = boxes(cuts)
        self.lengths = np.array([c[-1] - c[0] for c in cuts])
        self.values = evaluator(expr, symbols)
        self.nodes = _nodes(self.d)
        self.random = np.random.default_rng(20)
        self.size = 0.0
        self.boxes = 0
        self.done: list[tuple[Array, Array]] = []
        self.failure: str | None = None

    def run(self) -> Panels:
        lo = self.lo
        hi = self.hi
        while True:
            outside = self._outside(lo, hi)
            self.done.append((lo[outside], hi[outside]))
            lo, hi = lo[~outside], hi[~outside]
            table = self._table(lo, hi)
            accepted = self._certified(lo, hi, table)
            self.done.append((lo[accepted], hi[accepted]))
            lo, hi, table = lo[~accepted], hi[~accepted], table[~accepted]
            if not len(lo):
                break
            count = sum(len(a) for a, _ in self.done) + 2 * len(lo)
            if count > MOST_PANELS or self.boxes > MOST_BOXES:
                self.done.append((lo, hi))
                self._fail(lo, hi, f"is not resolved by {MOST_PANELS} panels")
                break
            lo, hi = halve(lo, hi, self.nodes.roughest(table))
        low, high = (np.concatenate(column) for column in zip(*self.done, strict=True))
        return Panels(low, high, self.failure)

    def _outside(self, lo: Array, hi: Array) -> Flags:
        """Whether boxes hold no point of the domain: nothing is asked of them."""
        if self.domain is None:
            return np.zeros(len(lo), dtype=bool)
        return ~self.domain.meets(self.symbols, lo, hi)

    def _certified(self, lo: Array, hi: Array, table: Array) -> Flags:
        """Whether each panel is done: its interpolant is accepted and no sample contradicts it, or
        it is too narrow to be halved, which is reported.
        """
        accepted = self._accepted(lo, hi, table)
        contradicted = self._contradicted(lo[accepted], hi[accepted], table[accepted])
        wrong = np.flatnonzero(accepted)[contradicted]
        stuck = wrong[self._narrow(lo[wrong], hi[wrong])]
        self._fail(lo[stuck], hi[stuck], "is not smooth")
        accepted[wrong] = False
        accepted[stuck] = True
        return accepted

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
        # A datum that is large here and tiny there is wanted accurate where it is tiny, too: a
        # conductivity of 1e-3 decides as much as one of 1.
        size = np.abs(values)
        return np.maximum(
            np.maximum(size.min(axis=1), _NEAR * size.max(axis=1)), _FLOOR * self.size
        )

    def _accepted(self, lo: Array, hi: Array, table: Array) -> Flags:
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

    def _contradicted(self, lo: Array, hi: Array, table: Array) -> Integers:
        """The numbers of the panels in which the datum is not what the interpolant says.

        Boxes, at first the panels, are halved until the enclosure of the datum over each holds
        nothing that samples in it do not show.
        """
        wrong = np.zeros(len(lo), dtype=bool)
        panel = np.arange(len(lo))
        a = lo
        b = hi
        while len(panel) and self.boxes <= MOST_BOXES:
            self.boxes += len(panel)
            margin = np.maximum(_SHRUNK * (b - a), _ROUNDING * self.lengths)
            inner = a + margin
            outer = b - margin
            t = self._samples()
            values = self._at(inner, outer, t)
            points = inner[:, None] + t * (outer - inner)[:, None]
            error = self._interpolation_error(points, values, lo, hi, table, panel)
            wrong[panel[~(error <= self._allowed(lo, hi, table)[panel])]] = True
            value, slopes = enclose_tightly(self.expr, self.symbols, inner, outer)
            left = ~self._shown(value, values) & ~wrong[panel] & ~self._narrow(a, b)
            left[left] = ~self._outside(a[left], b[left])
            axis = self._steepest(slopes, a, b)
            panel = np.concatenate([panel[left], panel[left]])
            a, b = halve(a[left], b[left], axis[left])
        self._fail(a, b, f"is not enclosed by {MOST_BOXES} boxes")
        return np.flatnonzero(wrong)

    def _samples(self) -> Array:
        """Points of the unit cube: its corners, its middle, three others, (n, d)."""
        corners = tensor_points([np.array([0.0, 1.0])] * self.d)
        middle = np.full((1, self.d), 0.5)
        return np.concatenate([corners, middle, self.random.random((3, self.d))])

    def _interpolation_error(
        self, points: Array, values: Array, lo: Array, hi: Array, table: Array, panel: Integers
    ) -> Array:
        """The largest difference of the values at points (boxes, m, d) from the interpolants of the
        panels that the boxes lie in, (boxes,).
        """
        places = (points - lo[panel][:, None]) / (hi - lo)[panel][:, None]
        matrix = self.nodes.matrix(places.reshape(-1, self.d)).reshape(*values.shape, -1)
        interpolated = np.einsum("nmk,nk->nm", matrix, table[panel])
        return np.asarray(np.abs(values - interpolated).max(axis=1))

    def _allowed(self, lo: Array, hi: Array, table: Array) -> Array:
        """How far samples may be from the interpolant of each panel: three times what it was
        accepted by, as there are more of them.
        """
        fine = (hi - lo).max(axis=1) <= _FINE * self.lengths.max()
        allowed = 3 * self.accuracy * np.where(fine, self.size, self._local(table))
        return np.where(self._narrow(lo, hi), _ROUGH * self.size, allowed)

    def _shown(self, value: Range, values: Array) -> Flags:
        """Whether the enclosure over a box exceeds the samples in it by no more than may be
        hidden.
        """
        with np.errstate(invalid="ignore"):
            excess = np.maximum(value.hi - values.max(axis=1), values.min(axis=1) - value.lo)
        return np.asarray(excess <= self.hidden * self._local(values))

    def _steepest(self, slopes: Sequence[Range | None], a: Array, b: Array) -> Integers:
        """The axis along which the datum may vary most over each box; the longest one where a slope
        is without bound.
        """
        spread = []
        for k, slope in enumerate(slopes):
            largest = 0.0 if slope is None else np.maximum(np.abs(slope.lo), np.abs(slope.hi))
            spread.append((b - a)[:, k] * largest)
        steep = np.nan_to_num(np.array(spread), nan=np.inf)
        longest = np.argmax((b - a) / self.lengths, axis=1)
        return np.where(np.isfinite(steep).all(axis=0), np.argmax(steep, axis=0), longest)

    def _narrow(self, lo: Array, hi: Array) -> Flags:
        """Whether a box cannot be halved any more."""
        return np.asarray(((hi - lo) <= _NARROWEST * self.lengths).any(axis=1))


def halve(lo: Array, hi: Array, axis: Integers) -> tuple[Array, Array]:
    """Each box cut in two across its axis."""
    rows = np.arange(len(lo))
    middle = (lo[rows, axis] + hi[rows, axis]) / 2
    left = hi.copy()
    right = lo.copy()
    left[rows, axis] = middle
    right[rows, axis] = middle
    return np.concatenate([lo, right]), np.concatenate([left, hi])
