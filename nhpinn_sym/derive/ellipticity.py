"""Is the cell operator elliptic? Its symbol is sampled over the cell and over directions, closer and closer to where it is smallest."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import sympy as sp

from ..operator.sampling import Array, Point, is_opaque, range_grid, sampler, slow_samples, spacing
from ..operator.table import Operator, Table, Term
from ..operator.twoscale import fast_part
from ..problem.errors import CoefficientError, SolvabilityError

_TINY = 1e-10
_CLEAR = 5.0


def check_ellipticity(op: Operator, lowest: Table, order: int) -> bool:
    """Whether the symbol of A_0 is positive definite; True where coefficients are opaque.

    Errors: CoefficientError where it is not positive definite (scalars, fields with a time derivative), negative definite, or singular at a point;
    SolvabilityError where it is singular everywhere. An indefinite symbol that is regular is the False of saddle-point systems (piezoelectricity).
    """
    d, slow = op.problem.scales.dim, len(op.coordinates)
    principal = {t: c for t, c in lowest.items() if sum(fast_part(t.left, slow)[:d]) + sum(fast_part(t.right, slow)[:d]) == order}
    exprs = list(principal.values())
    if any(is_opaque(e) for e in exprs):
        return True
    distinct = list(dict.fromkeys(exprs))
    call, keys, rows = sampler(distinct, op), list(principal), [distinct.index(e) for e in exprs]
    grid = range_grid(op, 1 if op.components == 1 else 2)
    definite = True
    for at in slow_samples(op, exprs):
        known = np.array(call(grid, at))[rows]
        units = _units(keys, known) if op.components > 1 else 1.0

        def values(y: list[Array], at: Point = at, known: Array = known, units: Array | float = units) -> Array:
            return np.asarray((known if y is grid else np.array(call(y, at))[rows]) / units)

        for tensor in _scalar_tensor(op, keys) if op.components == 1 and order == 2 else _directional(op, keys):
            definite &= _judge(op, principal, _turned(lambda y, tensor=tensor, values=values: tensor(values(y)), grid), grid)  # type: ignore[misc]
    return definite


def _units(keys: list[Term], values: Array) -> Array:
    """(terms, 1): the size of each term in units in which the diagonal of the symbol is of order 1; fields may have different units."""
    size: dict[int, float] = {}
    for t, v in zip(keys, values, strict=True):
        if t.equation == t.field:
            size[t.equation] = max(size.get(t.equation, 0.0), float(np.abs(v).max()))
    unit = {i: np.sqrt(s) if 0 < s < np.inf else 1.0 for i, s in size.items()}
    return np.array([[unit.get(t.equation, 1.0) * unit.get(t.field or 0, 1.0)] for t in keys])


def _judge(op: Operator, principal: Table, tensor: Callable[[list[Array]], Array], grid: list[Array]) -> bool:
    """One symbol (k, k, n) over the cell: True where positive definite, False where indefinite but regular; CoefficientError otherwise."""
    smallest, largest = _extreme(op, grid, tensor, _hermitian)
    if smallest > _TINY * largest:
        return True
    shown = _shown(op, principal)
    if op.components == 1 or _timely(op) or _extreme(op, grid, lambda y: -tensor(y), _hermitian)[0] > 0:
        raise CoefficientError(f"the coefficient is not positive definite: eigenvalues from {smallest:.3g} to {largest:.3g} on the cell", term=shown,
                               remedy="the form is -s.div(a*s.grad(u)) with a positive definite and bounded at every y: "
                                      "check its sign, and where it vanishes")
    singular, size = _extreme(op, grid, tensor, lambda a: np.linalg.svd(a, compute_uv=False)[..., ::-1])
    if singular <= 1e-8 * size:
        regular = np.linalg.svd(np.moveaxis(tensor(grid), -1, 0), compute_uv=False)[..., -1].max()
        if regular <= 1e-8 * size:
            raise SolvabilityError("the cell operator has an infinite kernel: its symbol is singular at every y (so is curl curl)",
                                   term=shown,
                                   remedy="for curl curl use potentials, the scalar problems -div(a grad phi); elasticity needs a shear modulus; "
                                          "and no equation may follow from the others or lack derivatives of highest order")
        raise CoefficientError("the cell operator is not elliptic: its symbol is singular somewhere on the cell", term=shown,
                               remedy="check where coefficients vanish, and the signs of the equations")
    return False


def _shown(op: Operator, principal: Table) -> sp.Basic:
    """What a message quotes: the coefficients of highest order of a scalar equation, the terms of highest order of a system."""
    if op.components > 1:
        order = max(sum(t.left[:-1]) + sum(t.right[:-1]) for t, _ in op.terms())
        return sp.Add(*[op.show(t) for t, _ in op.terms() if sum(t.left[:-1]) + sum(t.right[:-1]) == order])
    if op.problem.scales.dim > 1 and all(sum(fast_part(t.left, len(op.coordinates))) == 1 for t, c in principal.items() if c != 0):
        return sp.Matrix(_entries(op, principal))
    return sp.Add(*[-c for c in principal.values()])


def _hermitian(a: Array) -> Array:
    """The eigenvalues of the Hermitian part."""
    return np.asarray(np.linalg.eigvalsh((a + np.conj(np.swapaxes(a, -1, -2))) / 2))


def _timely(op: Operator) -> bool:
    """Whether every unknown has a time derivative in its own equation: then an indefinite operator is ill-posed."""
    rows = {t.equation for t, _ in op.terms() if t.right[-1] and t.field == t.equation}
    return rows == set(range(op.components))


def _entries(op: Operator, principal: Table) -> list[list[sp.Expr]]:
    d, slow = op.problem.scales.dim, len(op.coordinates)
    entries = [[sp.Integer(0)] * d for _ in range(d)]
    for t, c in principal.items():
        i, k = (fast_part(index, slow).index(1) for index in (t.left, t.right))
        entries[i][k] -= c
    return entries


def _scalar_tensor(op: Operator, keys: list[Term]) -> list[Callable[[Array], Array]]:
    """The tensor a of -div(a grad u)."""
    d, slow = op.problem.scales.dim, len(op.coordinates)

    def tensor(values: Array) -> Array:
        a = np.zeros((d, d, values.shape[-1]), dtype=values.dtype)
        for t, v in zip(keys, values, strict=True):
            left, right = fast_part(t.left, slow)[:d], fast_part(t.right, slow)[:d]
            i, k = (left.index(1), right.index(1))
            a[i, k] -= v
        return a

    return [tensor]


def _directional(op: Operator, keys: list[Term]) -> list[Callable[[Array], Array]]:
    """For each of some directions xi: the matrix sum c i^(|left| + |right|) xi^(left + right)."""
    d, m, slow = op.problem.scales.dim, op.components, len(op.coordinates)

    def tensor(values: Array, xi: Array) -> Array:
        a = np.zeros((m, m, values.shape[-1]), dtype=values.dtype)
        for t, v in zip(keys, values, strict=True):
            total = [p + q for p, q in zip(fast_part(t.left, slow)[:d], fast_part(t.right, slow)[:d], strict=True)]
            a[t.equation, t.field] += (-1) ** (sum(total) // 2) * float(np.prod(xi ** np.array(total))) * v
        return a

    return [lambda values, xi=xi: tensor(values, xi) for xi in _directions(d)]  # type: ignore[misc]


def _turned(tensor: Callable[[list[Array]], Array], grid: list[Array]) -> Callable[[list[Array]], Array]:
    """The symbol times one phase, that of its mean trace, where it is complex: ellipticity allows a common phase, and no other."""
    a = tensor(grid)
    trace = np.trace(a).mean()
    if not np.iscomplexobj(a) or not abs(trace) > 1e-8 * np.abs(a).max():
        return tensor
    return lambda y: np.asarray(tensor(y) * np.conj(trace) / abs(trace))


def _directions(d: int) -> list[Array]:
    """Unit vectors of the half space: along axes, diagonals, and some generic ones."""
    corners = [np.array(v, dtype=float) for v in itertools.product((-1, 0, 1), repeat=d) if any(v) and next(n for n in v if n) > 0]
    generic = [np.array([0.83, 0.31, -0.46])[:d], np.array([0.21, -0.74, 0.64])[:d]] if d > 1 else []
    return [v / np.linalg.norm(v) for v in (*corners, *generic)]


def _extreme(op: Operator, grid: list[Array], tensor: Callable[[list[Array]], Array], spectrum: Callable[[Array], Array]) -> tuple[float, float]:
    """(smallest, largest in size) value of the spectrum of tensor(y) over the cell: on a grid, then closer and closer; (0, inf) if not finite.

    Where the grid shows a contrast below _CLEAR there is no zero nearby to look for.
    """
    found = []
    for sign in (1, -1):
        y, width = grid, spacing(op)
        for _ in range(12):
            a = np.moveaxis(tensor(y), -1, 0)
            if not np.all(np.isfinite(a)):
                return 0.0, np.inf
            values = spectrum(a)
            if y is grid and values.min() > np.abs(values).max() / _CLEAR:
                return float(values.min()), float(np.abs(values).max())
            ranked = values.min(axis=1) if sign > 0 else -np.abs(values).max(axis=1)
            best = int(np.argmin(ranked))
            y, width = [v[best] + step for v, step in zip(y, _block(width), strict=True)], width / 4
        found.append(sign * float(ranked[best]))
    return found[0], found[1]


def _block(width: Array) -> list[Array]:
    """A grid around the origin, `width` to each side."""
    return [g.ravel() for g in np.meshgrid(*[w * np.linspace(-1, 1, 9 if len(width) < 4 else 3) for w in width], indexing="ij")]
