"""Operators of second order on Q1 elements, and the solution of their singular equations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import AnyArray, Flags, MultiIndex
from ..fourier.krylov import gmres
from .device import beside, fetched, library, modes_of, placed, values_of
from .elements import SLAB, BoxElements, Mode, closed, folded, open_collected, open_modes

ElementTerm = tuple[int, MultiIndex, float, int, int, MultiIndex]
"""(equation, left, number, k, field, right): number * c[k] D^right u_field D^left v_equation."""
MapInto = Callable[[AnyArray, AnyArray], AnyArray]
"""(functions (s, ...), where their images are put) -> their images."""
MOST_ITERATIONS = 2000
# Vectors that GMRES keeps.
RESTART = 40
# Curvature of a direction, beside the largest, that is rounding of others.
_DEPENDENT = 1e-13
# Imaginary parts of a symbol, beside its real ones, that are none.
_ROUNDING = 1e-13


class IndefiniteError(RuntimeError):
    """Conjugate gradients met a direction along which the operator is not positive."""


@dataclass(frozen=True)
class LinearSolution:
    """`values` (components, ...), the `residual` b - A u of the nodes, its size relative to b in
    the norm of the preconditioner, and the iterations that it took.
    """

    values: AnyArray
    residual: AnyArray
    relative: float
    iterations: int


class ElementOperator:
    """u -> sum over terms of the integrals of c D^right u D^left v with each nodal v, over the
    volume of a box; functions are arrays (components, n_1, ..., n_d).

    coefficients : c[k], numbers or arrays with one value a box
    positive     : the form is symmetric, and positive but for constants, or its real part is
    It is preconditioned by itself with each coefficient replaced by its mean, which is a small
    matrix for each mode of an FFT: the number of iterations does not grow with the grid (Ladecky et
    al., arXiv 2203.02962).
    """

    def __init__(
        self,
        elements: BoxElements,
        components: int,
        terms: Sequence[ElementTerm],
        coefficients: Sequence[Any],
        positive: bool,
    ) -> None:
        self.elements = elements
        self.components = components
        self.positive = positive
        weights: dict[tuple[int, Mode, int, Mode], dict[int, float]] = {}
        for i, left, number, k, j, right in terms:
            for test, mode, weight in elements.pairs(left, right):
                held = weights.setdefault((i, test, j, mode), defaultdict(float))
                held[k] += number * weight
        made: dict[tuple[tuple[int, float], ...], Any] = {}
        self.entries: dict[tuple[int, Mode, int, Mode], Any] = {}
        for place, held in weights.items():
            key = tuple(sorted(held.items()))
            if key not in made:
                c = np.asarray(sum(number * coefficients[k] for k, number in key))
                made[key] = np.broadcast_to(c, elements.shape) if c.ndim else c
            self.entries[place] = made[key]
        held = {id(c): placed(c, elements.device) for c in self.entries.values()}
        self._placed: dict[tuple[int, Mode, int, Mode], Any] = {
            place: held[id(c)] for place, c in self.entries.items()
        }
        self.complex = any(np.iscomplexobj(c) for c in self.entries.values())
        self.wanted = [
            list(dict.fromkeys(mode for _, _, field, mode in self.entries if field == j))
            for j in range(components)
        ]

    def apply(self, u: AnyArray) -> AnyArray:
        """The integrals (components, ...) for a function."""
        return self._apply(u, library(u).empty_like(u))

    def _apply(self, u: AnyArray, out: AnyArray) -> AnyArray:
        """They are put into `out`, slab by slab, so that what is computed on the way stays in a
        cache.
        """
        out[:] = 0.0
        for rows in self.elements.slabs():
            end = rows.stop % len(u[0])
            nodes = library(u).concatenate([u[:, rows], u[:, end : end + 1]], 1)
            for i, part in enumerate(self._on_slab(nodes, rows)):
                out[i, rows] += part[:-1]
                out[i, end] += part[-1]
        return out

    def _on_slab(self, nodes: AnyArray, rows: slice) -> Iterator[AnyArray]:
        """For each equation the integrals over the boxes of some rows at their nodes, those of both
        ends of the rows among them.
        """
        dim = self.elements.dim
        others = range(1 - dim, 0)
        modes = [
            open_modes(closed(u, others), wanted, dim)
            for u, wanted in zip(nodes, self.wanted, strict=True)
        ]
        parts: list[dict[Mode, AnyArray]] = [{} for _ in range(self.components)]
        for (i, test, j, mode), c in self._placed.items():
            part = (c[rows] if c.ndim else c) * modes[j][mode]
            if test in parts[i]:
                parts[i][test] += part
            else:
                parts[i][test] = part
        for part in parts:
            yield folded(open_collected(part, dim), others)

    def precondition(self, r: AnyArray) -> AnyArray:
        """The mean operator solved for functions without a mean."""
        axes = tuple(range(1, r.ndim))
        modes = self._solved(modes_of(r, axes, not self.complex))
        return values_of(modes, self.elements.shape, axes, not self.complex)

    def _solved(self, modes: AnyArray) -> AnyArray:
        """The symbol's inverse times the modes, in their place."""
        inverse = self._placed_inverse
        if self.components == 1:
            modes *= inverse[0]
            return modes
        numbers = range(self.components)
        for rows in self.elements.slabs():
            given = modes[:, rows] + 0.0
            for i in numbers:
                modes[i, rows] = sum(inverse[i, j, rows] * given[j] for j in numbers)
        return modes

    @cached_property
    def _placed_inverse(self) -> AnyArray:
        return placed(self.inverse, self.elements.device)

    @cached_property
    def _softness(self) -> AnyArray:
        """1 over the diagonal of the matrix, (components, ...); 0 in voids, where that is 0."""
        kind = complex if self.complex else float
        diagonal = np.zeros((self.components, *self.elements.shape), dtype=kind)
        for (i, test, j, mode), c in self.entries.items():
            if i == j:
                both = tuple(a ^ b for a, b in zip(test, mode, strict=True))
                whole = np.broadcast_to(c, self.elements.shape)
                diagonal[i] += self.elements.collected({both: whole})
        found = np.divide(1, diagonal, out=np.zeros_like(diagonal), where=diagonal != 0)
        return placed(found, self.elements.device)

    @cached_property
    def inverse(self) -> AnyArray:
        """(components, components, ...): the inverse of the symbol with mean coefficients; 0 for
        what has no slopes, which is more than constants where integrals take one point.
        """
        symbols = self.elements.symbols(real=not self.complex)
        shape = np.broadcast_shapes(*(s.shape for s in symbols.values()))
        symbol = np.zeros((self.components, self.components, *shape), dtype=complex)
        for (i, test, j, mode), c in self.entries.items():
            symbol[i, j] += np.mean(c) * (symbols[test].conj() * symbols[mode])
        if not self.complex and np.abs(symbol.imag).max() <= _ROUNDING * np.abs(symbol.real).max():
            symbol = symbol.real
        sizes = np.abs(symbol).max(axis=(0, 1))
        flat = sizes <= _ROUNDING * sizes.max()
        symbol[:, :, flat] = np.eye(self.components)[..., None]
        if self.components == 1:
            inverse = 1 / symbol
        else:
            matrices = np.moveaxis(symbol, (0, 1), (-2, -1))
            inverse = np.moveaxis(np.linalg.inv(matrices), (-2, -1), (0, 1))
        inverse[:, :, flat] = 0
        return np.asarray(inverse)

    def solve(
        self,
        b: AnyArray,
        guesses: AnyArray | None,
        rtol: float,
        nested: bool = False,
    ) -> list[LinearSolution]:
        """A u = b for some right-hand sides (s, components, ...) without a mean; so have the u.

        rtol   : of the residuals, relative to b, or to those of the guesses where there are some
        nested : guesses are the solutions on coarser boxes: what they miss is local, whatever the
                 contrast, and the diagonal of a positive operator is preconditioner enough
        IndefiniteError where a positive operator turns out not to be.
        """
        load = placed(b, self.elements.device)
        begin = load * 0.0 if guesses is None else placed(guesses, self.elements.device)
        rest = load if guesses is None else load - self._each(begin, load * 0.0)
        by = self._each_preconditioned
        if self.positive:
            by = self._each_divided if nested else by
            steps, iterations = conjugate_gradients(self._each, by, rest, rtol)
        else:
            steps, iterations = self._by_gmres(rest, rtol)
        values = begin + steps
        residuals = load - self._each(values, steps)
        sizes = [_sizes(r, by(r, steps)) for r in (residuals, load)]
        relative = np.sqrt(sizes[0] / np.where(sizes[1] > 0, sizes[1], 1.0))
        parts = zip(fetched(values), fetched(residuals), relative, strict=True)
        return [LinearSolution(u, r, float(size), iterations) for u, r, size in parts]

    def _each(self, functions: AnyArray, out: AnyArray) -> AnyArray:
        for k, u in enumerate(functions):
            self._apply(u, out[k])
        return out

    def _each_preconditioned(self, functions: AnyArray, out: AnyArray) -> AnyArray:
        for k, r in enumerate(functions):
            out[k] = self.precondition(r)
        return out

    def _each_divided(self, functions: AnyArray, out: AnyArray) -> AnyArray:
        out[:] = functions * self._softness
        return out

    def _by_gmres(self, b: AnyArray, rtol: float) -> tuple[AnyArray, int]:
        shape = b.shape[1:]

        def image(v: AnyArray) -> AnyArray:
            given = placed(v.reshape(shape), self.elements.device)
            return fetched(self.precondition(self.apply(given))).reshape(1, -1)

        found = []
        most = 0
        for right in b:
            load = fetched(self.precondition(right)).reshape(1, -1)
            x, _, iterations = gmres(image, load, np.zeros_like(load), rtol, RESTART)
            found.append(x.reshape(shape))
            most = max(most, int(iterations))
        return placed(np.stack(found), self.elements.device), most


def conjugate_gradients(
    apply: MapInto, precondition: MapInto, b: AnyArray, rtol: float, least: AnyArray | float = 0.0
) -> tuple[AnyArray, int]:
    """(solutions, iterations) for some right-hand sides (s, ...) of a positive operator at once:
    each direction serves all of them (O'Leary 1980, Linear Algebra Appl. 29:293). For symmetric
    complex operators products are without conjugates (van der Vorst, Melissen 1990, IEEE Trans.
    Magn. 26:706).

    rtol  : of each residual, relative to b in the norm of the preconditioner
    least : squares of that norm that are rounding
    """
    x, image = b * 0.0, b * 0.0
    r = b + 0.0
    z = precondition(r, b * 0.0)
    p = z + 0.0
    sizes = _sizes(r, z)
    enough = np.maximum(rtol**2 * sizes, least)
    iterations = 0
    while np.any(sizes > enough) and iterations < MOST_ITERATIONS:
        apply(p, image)
        inverse = _inverse(products(p, image), iterations)
        step = inverse @ products(p, r)
        _add(x, step, p)
        _add(r, -step, image)
        precondition(r, z)
        sizes = _sizes(r, z)
        _add(z, -inverse @ products(image, z), p)
        p, z = z, p
        iterations += 1
    return x, iterations


def _sizes(r: AnyArray, z: AnyArray) -> AnyArray:
    """The square of the norm of each residual (s, ...), z = P r."""
    product = library(r).vdot
    pairs = zip(r, z, strict=True)
    return np.array([float(abs(product(a.reshape(-1), b.reshape(-1)))) for a, b in pairs])


def products(left: AnyArray, right: AnyArray) -> AnyArray:
    """The inner products of each pair of functions (s, ...): (s, s)."""
    one, other = left.reshape(len(left), -1), right.reshape(len(right), -1)
    return fetched(sum(one[:, part] @ other[:, part].T for part in _parts(one)))


def _add(target: AnyArray, weights: AnyArray, functions: AnyArray) -> None:
    """target[b] += sum_a weights[a, b] functions[a], for each b."""
    flat, summed = functions.reshape(len(functions), -1), target.reshape(len(target), -1)
    factors = beside(weights.T, flat)
    for part in _parts(flat):
        summed[:, part] += factors @ flat[:, part]


def _parts(flat: AnyArray) -> Iterator[slice]:
    """Pieces (s, n) that stay in a cache; all of it on a device."""
    count = flat.shape[-1]
    length = SLAB if library(flat) is np else count
    for first in range(0, count, length):
        yield slice(first, first + length)


def _inverse(gram: AnyArray, iteration: int) -> AnyArray:
    """The inverse of a matrix of curvatures, of directions that do not depend on the others."""
    if np.iscomplexobj(gram):
        return np.linalg.pinv((gram + gram.T) / 2, rcond=_DEPENDENT)
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    largest = values[-1]
    if not largest > 0 or values[0] < -_DEPENDENT * largest:
        raise IndefiniteError(
            f"the form is {min(values[0], largest):.1e} along a direction of iteration {iteration}"
        )
    kept = values > _DEPENDENT * largest
    return np.asarray(vectors[:, kept] / values[kept] @ vectors[:, kept].T)


def operator_of(
    forms: Any, elements: BoxElements, coefficients: Sequence[Any], positive: bool
) -> ElementOperator:
    """A_0 of an emitted file of tables; a row D^left( c D^right u ) has the weak form (-1)^|left|
    int c D^right u D^left v.
    """
    terms = [
        (i, left, (-1) ** sum(left) * number, k, j, right)
        for i, left, (number, k), j, right in forms.OPERATOR
    ]
    return ElementOperator(elements, forms.COMPONENTS, terms, coefficients, positive)


def voids(operator: ElementOperator) -> Flags:
    """The boxes in which every coefficient vanishes."""
    found = np.ones(operator.elements.shape, dtype=bool)
    for c in operator.entries.values():
        found &= np.asarray(c) == 0
    return found


def tensor(
    forms: Any, elements: BoxElements, coefficients: Sequence[Any]
) -> dict[tuple[int, int], Any]:
    """The coefficients a_kl, one value a box each, of -div(a grad u) for one unknown."""
    found: dict[tuple[int, int], Any] = {}
    for _, left, (number, k), _, right in forms.OPERATOR:
        place = (left.index(1), right.index(1))
        found[place] = found.get(place, 0.0) - number * coefficients[k]
    return {place: np.broadcast_to(c, elements.shape) for place, c in found.items()}
