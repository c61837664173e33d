"""Is the cell operator elliptic? Enclosures of its symbol, over the cell, slow variables and
directions, are refined where they do not say that it is positive definite."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import sympy as sp

from ..operator.domain_filter import DomainFilter
from ..operator.numbers.data import real_imaginary
from ..operator.numbers.enclosure import RangeWithSlopes, active, enclose_all, enclose_values
from ..operator.numbers.search import Branches, Least, alternatives, least, variation
from ..operator.sampling import (
    SlowPoint,
    domain_of,
    generic_points,
    is_opaque,
    range_grid,
    sampler,
    search_box,
    slow_samples,
)
from ..operator.table import Operator, Table, Term
from ..operator.twoscale import fast_part
from ..problem.errors import CoefficientError, SolvabilityError
from ..runtime.arrays import Array, ComplexArray

# Share of the largest entry below which an eigenvalue of the symbol is not positive: phases may
# differ by eight orders of magnitude.
_TINY = 1e-10
# The same between the slow points that were looked at, where only negative values are refused.
_ROUNDING = 1e-13
# Share of the largest entry below which a singular value, or a trace, is zero.
_SINGULAR = 1e-8
# Random points of the cell, beside those of a grid, at which sizes are looked at.
_COUNT = 400
Spectrum = Callable[[ComplexArray], Array]
"""(n, k, k) -> (n,): a number of each matrix that changes by no more than the norm of its change.
"""


def check_ellipticity(op: Operator, lowest: Table, order: int) -> bool:
    """Whether the symbol of A_0 is positive definite; True where coefficients are opaque.

    Errors: CoefficientError where it is not positive definite (scalars, fields with a time
    derivative), negative definite, or singular at a point; SolvabilityError where it is singular
    everywhere. An indefinite symbol that is regular is the False of saddle-point systems
    (piezoelectricity).
    """
    principal = _of_highest_order(op, lowest, order)
    exprs = list(principal.values())
    if any(is_opaque(e) for e in exprs):
        return True
    coarser = 1 if op.components == 1 else 2
    points = [
        np.concatenate(pair)
        for pair in zip(range_grid(op, coarser), generic_points(op, _COUNT, 41), strict=True)
    ]
    values = sampler(exprs, op)
    samples = slow_samples(op, exprs)
    tables = [np.array(values(points, at)) for at in samples]
    symbol = _symbol(op, principal, order, np.concatenate(tables, axis=1))
    definite = True
    for at, table in zip(samples, tables, strict=True):
        # At every sample, whatever was found before, as each may raise.
        definite = _definite(op, principal, symbol, at, table) and definite
    slow = search_box(op, exprs).keys() - set(op.fast)
    if definite and any(e.has(*slow) for e in exprs):
        _require_nowhere_negative(op, principal, symbol, max(symbol.size(t) for t in tables))
    return definite


def _of_highest_order(op: Operator, lowest: Table, order: int) -> Table:
    d = op.problem.scales.dim
    slow = len(op.coordinates)
    principal = {}
    for t, c in lowest.items():
        if sum(fast_part(t.left, slow)[:d]) + sum(fast_part(t.right, slow)[:d]) == order:
            principal[t] = c
    return principal


@dataclass(frozen=True)
class _Symbol:
    """The symbol as (directions, k, k, terms) weights of the values of `exprs` (terms)."""

    exprs: tuple[sp.Expr, ...]
    weights: ComplexArray

    def at(self, values: Array) -> ComplexArray:
        """(directions * n, k, k) from values (terms, n)."""
        k = self.weights.shape[1]
        return np.asarray(np.einsum("qklt,tn->nqkl", self.weights, values)).reshape(-1, k, k)

    def size(self, values: Array) -> float:
        """The largest entry."""
        return float(np.abs(self.at(values)).max())

    def least(
        self,
        box: dict[sp.Symbol, tuple[float, float]],
        at: SlowPoint,
        spectrum: Spectrum,
        threshold: float,
        domain: DomainFilter | None = None,
    ) -> Least:
        """The least value of a spectrum over a box, and the domain in it, other variables held:
        looked for below the threshold wherever it may lie."""
        held = {v: sp.Float(x, 17) for v, x in at.items() if v not in box}
        fixed = [e.xreplace(held) for e in self.exprs]
        symbols = set().union(*(e.free_symbols for e in fixed))
        if domain is not None:
            symbols = domain.needed(symbols)
        used = {v: ends for v, ends in box.items() if v in symbols}
        sides = []
        for exprs, choice in alternatives(fixed):
            parts = tuple(chain.from_iterable(map(real_imaginary, exprs)))
            sides.append(_Side(self, parts, choice, tuple(used)))

        def bound(lo: Array, hi: Array) -> tuple[Array, Array, Array]:
            columns = zip(*(side.bound(lo, hi, spectrum) for side in sides), strict=True)
            lower, values, spread = (np.array(column) for column in columns)
            return lower.min(axis=0), np.nanmin(values, axis=0), spread.max(axis=0)

        low, high = np.array(list(used.values())).reshape(-1, 2).T
        own = bound if domain is None else domain.restricted(bound, list(used))
        return least(own, low, high, lambda: threshold)


@dataclass(frozen=True)
class _Side:
    """The symbol where the Piecewise take some branches: `parts` are the real and imaginary parts
    of
    its coefficients there, in turn."""

    symbol: _Symbol
    parts: tuple[sp.Expr, ...]
    choice: Branches
    variables: tuple[sp.Symbol, ...]

    def bound(self, lo: Array, hi: Array, spectrum: Spectrum) -> tuple[Array, Array, Array]:
        """As `Bound`; infinite bounds where these branches are not taken."""
        lower = np.full(len(lo), np.inf)
        values = np.full(len(lo), np.inf)
        spread = np.zeros(lo.shape)
        here = active(self.choice, self.variables, lo, hi)
        if np.any(here):
            lo, hi = lo[here], hi[here]
            jets = enclose_all(self.parts, self.variables, lo, hi)
            lower[here] = self._lower(jets, spectrum)
            values[here] = self._at((lo + hi) / 2, spectrum)
            spread[here] = variation([j.slopes for j in jets], lo, hi)
        return lower, values, spread

    def _lower(self, jets: Sequence[RangeWithSlopes], spectrum: Spectrum) -> Array:
        """Lower bounds from ranges of the parts: a matrix is no further from that of the middles
        than the norm of that of the radii.
        """
        ends = np.array([[j.value.lo, j.value.hi] for j in jets])
        unbounded = ~np.isfinite(ends).all(axis=(0, 1))
        ends = np.where(unbounded, 0.0, ends)
        middle = ends.mean(axis=1)
        radius = (ends[:, 1] - ends[:, 0]) / 2
        modulus = radius[0::2] + radius[1::2]
        reach = np.einsum("qklt,tn->nqkl", np.abs(self.symbol.weights), modulus)
        norm = np.sqrt((reach**2).sum(axis=(2, 3)))
        least = (self._spectrum(middle, spectrum) - norm).min(axis=1)
        return np.where(unbounded, -np.inf, least)

    def _at(self, points: Array, spectrum: Spectrum) -> Array:
        """The least values over the directions at points where these branches are taken."""
        exact = np.array([r.lo for r in enclose_values(self.parts, self.variables, points, points)])
        taken = active(self.choice, self.variables, points, points)
        found = self._spectrum(np.where(np.isfinite(exact), exact, 0.0), spectrum).min(axis=1)
        return np.where(taken, found, np.inf)

    def _spectrum(self, rows: Array, spectrum: Spectrum) -> Array:
        """(n, directions) from the values of the parts (2 terms, n)."""
        values = rows[0::2] + 1j * rows[1::2]
        return spectrum(self.symbol.at(values)).reshape(-1, len(self.symbol.weights))


def _symbol(op: Operator, principal: Table, order: int, values: Array) -> _Symbol:
    """The symbol of the principal terms, in units in which its diagonal is of order 1, and up to
    the phase of its mean trace.
    """
    keys = list(principal)
    units = _units(keys, values) if op.components > 1 else np.ones((len(keys), 1))
    eye = np.eye(len(keys)) / units
    if op.components == 1 and order == 2:
        tensors = _scalar_tensor(op, keys)
    else:
        tensors = _directional(op, keys)
    weights = np.array([tensor(eye) for tensor in tensors], dtype=complex)
    if np.iscomplexobj(values):
        weights = weights * _phases(weights, values)[:, None, None, None]
    return _Symbol(tuple(principal.values()), weights)


def _phases(weights: ComplexArray, values: Array) -> ComplexArray:
    """For each direction the factor of modulus 1 that makes the mean trace positive; 1 where there
    is next to none.
    """
    trace = np.einsum("qkkt,tn->q", weights, values) / values.shape[1]
    size = np.abs(np.einsum("qklt,tn->qkln", weights, values)).max()
    modulus = np.abs(trace)
    phase = np.conj(trace) / np.maximum(modulus, 1e-300)
    return np.where(modulus > _SINGULAR * size, phase, 1.0)


def _smallest(matrices: ComplexArray) -> Array:
    """The least eigenvalue of the Hermitian part."""
    hermitian = (matrices + np.conj(np.swapaxes(matrices, -1, -2))) / 2
    return np.asarray(np.linalg.eigvalsh(hermitian)[..., 0])


def _smallest_of_negative(matrices: ComplexArray) -> Array:
    return _smallest(-matrices)


def _regular(matrices: ComplexArray) -> Array:
    """The least singular value."""
    return np.asarray(np.linalg.svd(matrices, compute_uv=False)[..., -1])


def _definite(
    op: Operator, principal: Table, symbol: _Symbol, at: SlowPoint, values: Array
) -> bool:
    """At one slow point: True where the symbol is positive definite, False where indefinite but
    regular; CoefficientError otherwise.
    """
    box = dict(zip(op.fast, op.cell.bounds, strict=True))
    if not np.all(np.isfinite(values)):
        raise _not_definite(0.0, np.inf, principal, op)
    size = symbol.size(values)
    known = float(_smallest(symbol.at(values)).min())
    smallest = min(known, symbol.least(box, at, _smallest, _TINY * size).value)
    if smallest > _TINY * size:
        return True
    negative = float(_smallest_of_negative(symbol.at(values)).min())
    if op.components == 1 or _timely(op) or negative > 0:
        raise _not_definite(smallest, size, principal, op)
    sampled = _regular(symbol.at(values))
    found = symbol.least(box, at, _regular, _SINGULAR * size).value
    if min(float(sampled.min()), found) <= _SINGULAR * size:
        everywhere = float(sampled.max()) <= _SINGULAR * size
        _raise_singular(everywhere, _shown(op, principal))
    return False


def _require_nowhere_negative(op: Operator, principal: Table, symbol: _Symbol, size: float) -> None:
    """CoefficientError where the symbol is not positive somewhere between the slow points that were
    looked at.
    """
    box = search_box(op, list(principal.values()))
    domain = domain_of(op.problem)
    found = symbol.least(box, {}, _smallest, -_ROUNDING * size, domain)
    if found.value < -_ROUNDING * size:
        raise _not_definite(found.value, size, principal, op)


def _not_definite(
    smallest: float, largest: float, principal: Table, op: Operator
) -> CoefficientError:
    return CoefficientError(
        f"the coefficient is not positive definite: eigenvalues from {smallest:.3g} to"
        f" {largest:.3g} on the cell",
        term=_shown(op, principal),
        remedy=(
            "the form is -s.div(a*s.grad(u)) with a positive definite and bounded at every y: "
            "check its sign, where it vanishes, and its contrast, at most"
            f" {1 / _TINY:.0e} (voids are holes=)"
        ),
    )


def _raise_singular(everywhere: bool, shown: sp.Basic) -> None:
    if everywhere:
        raise SolvabilityError(
            "the cell operator has an infinite kernel: its symbol is singular at every y (so is"
            " curl curl)",
            term=shown,
            remedy=(
                "for curl curl use potentials, the scalar problems -div(a grad phi); elasticity"
                " needs a shear modulus; and no equation may follow from the others or lack"
                " derivatives of highest order"
            ),
        )
    raise CoefficientError(
        "the cell operator is not elliptic: its symbol is singular somewhere on the cell",
        term=shown,
        remedy="check where coefficients vanish, and the signs of the equations",
    )


def _units(keys: list[Term], values: Array) -> Array:
    """(terms, 1): the size of each term in units in which the diagonal of the symbol is of order 1;
    fields may have different units.
    """
    size: dict[int, float] = {}
    for t, v in zip(keys, values, strict=True):
        if t.equation == t.field:
            size[t.equation] = max(size.get(t.equation, 0.0), float(np.abs(v).max()))
    unit = {i: np.sqrt(s) if 0 < s < np.inf else 1.0 for i, s in size.items()}
    return np.array([[unit.get(t.equation, 1.0) * unit.get(t.field or 0, 1.0)] for t in keys])


def _shown(op: Operator, principal: Table) -> sp.Basic:
    """What a message quotes: the coefficients of highest order of a scalar equation, the terms of
    highest order of a system.
    """
    if op.components > 1:
        orders = {t: sum(t.left[:-1]) + sum(t.right[:-1]) for t, _ in op.terms()}
        highest = max(orders.values())
        return sp.Add(*[op.show(t) for t, order in orders.items() if order == highest])
    slow = len(op.coordinates)
    fluxes = all(sum(fast_part(t.left, slow)) == 1 for t, c in principal.items() if c != 0)
    if op.problem.scales.dim > 1 and fluxes:
        return sp.Matrix(_entries(op, principal))
    return sp.Add(*[-c for c in principal.values()])


def _timely(op: Operator) -> bool:
    """Whether every unknown has a time derivative in its own equation: then an indefinite operator
    is ill-posed.
    """
    rows = {t.equation for t, _ in op.terms() if t.right[-1] and t.field == t.equation}
    return rows == set(range(op.components))


def _entries(op: Operator, principal: Table) -> list[list[sp.Expr]]:
    d = op.problem.scales.dim
    entries = [[sp.Integer(0)] * d for _ in range(d)]
    for t, c in principal.items():
        i, k = _axes(t, len(op.coordinates))
        entries[i][k] -= c
    return entries


def _axes(t: Term, slow: int) -> tuple[int, int]:
    """(i, k) of d_i( c d_k u ) in the fast variables."""
    return fast_part(t.left, slow).index(1), fast_part(t.right, slow).index(1)


def _scalar_tensor(op: Operator, keys: list[Term]) -> list[Callable[[Array], Array]]:
    """The tensor a of -div(a grad u)."""
    d = op.problem.scales.dim
    axes = [_axes(t, len(op.coordinates)) for t in keys]

    def tensor(values: Array) -> Array:
        a = np.zeros((d, d, values.shape[-1]), dtype=values.dtype)
        for (i, k), v in zip(axes, values, strict=True):
            a[i, k] -= v
        return a

    return [tensor]


def _directional(op: Operator, keys: list[Term]) -> list[Callable[[Array], Array]]:
    """For each of some directions xi: the matrix sum c i^(|left| + |right|) xi^(left + right)."""
    d = op.problem.scales.dim
    m = op.components
    slow = len(op.coordinates)
    totals = [
        np.add(fast_part(t.left, slow)[:d], fast_part(t.right, slow)[:d]).astype(int) for t in keys
    ]

    def tensor(values: Array, xi: Array) -> Array:
        a = np.zeros((m, m, values.shape[-1]), dtype=values.dtype)
        for t, v, total in zip(keys, values, totals, strict=True):
            sign = (-1) ** (int(total.sum()) // 2)
            a[t.equation, t.field] += sign * float(np.prod(xi**total)) * v
        return a

    return [partial(tensor, xi=xi) for xi in _directions(d)]


def _directions(d: int) -> list[Array]:
    """Unit vectors of the half space: along axes, diagonals, and some generic ones."""
    corners = []
    for v in itertools.product((-1, 0, 1), repeat=d):
        first = next((n for n in v if n), 0)
        if first > 0:
            corners.append(np.array(v, dtype=float))
    generic = [np.array([0.83, 0.31, -0.46])[:d], np.array([0.21, -0.74, 0.64])[:d]]
    return [v / np.linalg.norm(v) for v in (corners if d == 1 else [*corners, *generic])]
