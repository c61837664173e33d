"""The cell problems of an emitted file of tables (`forms`, as for Fourier collocation) on one grid
of Q1 elements with one value of each coefficient a box, at one slow point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import AnyArray, EffectiveKey, MultiIndex
from .elements import BoxElements, Mode
from .operator import ElementOperator, LinearSolution, operator_of

Field = Callable[[AnyArray], AnyArray]
"""Points (n, d) of the cell -> values (n,)."""
Duals = Mapping[EffectiveKey, tuple[int, int, int]]
"""By entry (sign, i, j): sign times function i solves the dual problem of its functional of
function j."""
# A source that is less than that share of its parts has the size of their rounding.
_CANCELLED = 1e-12


class VoxelCells:
    """All correctors of `forms` at a slow point, and the effective entries.

    functions   : values (components, ...) of each
    values      : entries by key
    multipliers : the mean of each source that must have none, relative to its size
    relative, iterations : the largest ones of all solves
    """

    def __init__(
        self,
        forms: Any,
        elements: BoxElements,
        slow: Sequence[float],
        parameters: Mapping[str, float],
        fields: Mapping[str, Field],
    ) -> None:
        self.forms = forms
        self.elements = elements
        points = [np.broadcast_to(axis, elements.shape).ravel() for axis in elements.centres]
        places = np.stack(points, axis=-1)
        values = {name: field(places).reshape(elements.shape) for name, field in fields.items()}
        data = {**parameters, **values}
        self.coefficients = forms.coefficients(elements.centres, list(slow), data)
        self.functions: list[AnyArray] = []
        self.solved: list[LinearSolution] = []
        self.values: dict[EffectiveKey, Any] = {}
        self.multipliers: dict[str, float] = {}

    @cached_property
    def operator(self) -> ElementOperator:
        forms = self.forms
        positive = forms.SYMMETRIC and forms.DEFINITE
        return operator_of(forms, self.elements, self.coefficients, positive)

    def run(
        self,
        rtol: float,
        duals: Duals,
        guesses: Sequence[AnyArray] | None = None,
        nested: bool = False,
    ) -> VoxelCells:
        """Solve everything in order, to a residual of `rtol`, relative to the sources; from
        guesses, relative to those of the guesses (`nested`: see `ElementOperator.solve`). Entries
        with a dual problem are then accurate to the square of it.
        """
        while len(self.functions) < len(self.forms.FUNCTIONS):
            self._next(rtol, guesses, nested)
        for key, constant, terms in self.forms.EFFECTIVE:
            self.values[key] = self._functional(constant, terms)
            if key in duals:
                sign, i, j = duals[key]
                overlap = np.sum(self.functions[i] * self.solved[j].residual)
                self.values[key] += sign * overlap / self.elements.count
        return self

    @property
    def relative(self) -> float:
        return max((s.relative for s in self.solved), default=0.0)

    @property
    def iterations(self) -> int:
        return max((s.iterations for s in self.solved), default=0)

    def _next(self, rtol: float, guesses: Sequence[AnyArray] | None, nested: bool) -> None:
        """The next functions, as many as do not need each other."""
        sources = self.forms.SOURCES
        first = len(self.functions)
        last = first + 1
        while last < len(sources) and all(
            factor is None or factor[0] < first for *_, factor in sources[last]
        ):
            last += 1
        loads = np.stack([self._load(k) for k in range(first, last)])
        given = None if guesses is None else np.stack(guesses[first:last])
        nonzero = loads.any(axis=tuple(range(1, loads.ndim)))
        found = [LinearSolution(np.zeros_like(b), np.zeros_like(b), 0.0, 0) for b in loads]
        if nonzero.any():
            some = self.operator.solve(
                loads[nonzero], None if given is None else given[nonzero], rtol, nested
            )
            for k, solved in zip(np.flatnonzero(nonzero), some, strict=True):
                found[k] = solved
        for solved in found:
            values = solved.values
            means = values.mean(axis=tuple(range(1, values.ndim)))
            self.functions.append(values - _over_grid(means, self.elements.dim))
        self.solved += found

    def _load(self, k: int) -> AnyArray:
        """The right-hand side of function k, without its mean; exactly 0 where it is rounding."""
        name, _, _, solvable = self.forms.FUNCTIONS[k]
        b, size = self._source(self.forms.SOURCES[k])
        means = b.mean(axis=tuple(range(1, b.ndim)))
        if solvable:
            self.multipliers[name] = float(np.abs(means).max()) / (size or 1.0)
        b -= _over_grid(means, self.elements.dim)
        if np.abs(b).max() <= _CANCELLED * size:
            return 0.0 * b
        return b

    def _source(self, rows: Sequence[tuple]) -> tuple[AnyArray, float]:
        """The integrals (components, ...) of a right-hand side, over the volume of a box, and the
        size of its parts.
        """
        kind = complex if self.forms.COMPLEX else float
        elements = self.elements
        parts: list[dict[Mode, Any]] = [{} for _ in range(self.forms.COMPONENTS)]
        size = 0.0
        for equation, left, (number, k), factor in rows:
            c = (-1) ** sum(left) * number * np.asarray(self.coefficients[k])
            for test, values in self._tested(left, factor, c):
                whole = np.array(np.broadcast_to(values, elements.shape), dtype=kind)
                size = max(size, float(np.abs(whole).max()))
                if test in parts[equation]:
                    parts[equation][test] += whole
                else:
                    parts[equation][test] = whole
        b = np.zeros((self.forms.COMPONENTS, *elements.shape), dtype=kind)
        for i, part in enumerate(parts):
            if part:
                b[i] = elements.collected(part)
        return b, size

    def _tested(self, left: MultiIndex, factor: tuple | None, c: AnyArray) -> Any:
        """(mode of the test function, what it is multiplied by) of int c factor D^left v."""
        elements = self.elements
        if factor is None:
            test = tuple(left)
            yield test, c * elements.scale(test)
            return
        function, component, derivative = factor
        pairs = list(elements.pairs(left, derivative))
        modes = elements.modes(self.functions[function][component], [m for _, m, _ in pairs])
        for test, mode, weight in pairs:
            yield test, weight * c * modes[mode]

    def _functional(self, constant: tuple, terms: Sequence[tuple]) -> Any:
        """<constant> + sum of <c factors>, of one or two factors."""
        number, k = constant
        total = number * np.mean(self.coefficients[k])
        for (number, k), factors in terms:
            total += number * np.mean(self.coefficients[k] * self._mean_product(factors))
        if self.forms.COMPLEX:
            return complex(total)
        return float(np.real(total))

    def _mean_product(self, factors: Sequence[tuple]) -> AnyArray:
        """The mean over each box of a product of derivatives of functions."""
        elements = self.elements
        if len(factors) == 1:
            ((function, component, derivative),) = factors
            mode = tuple(derivative)
            values = self.functions[function][component]
            return elements.modes(values, [mode])[mode] * elements.scale(mode)
        (f, i, left), (g, j, right) = factors
        pairs = list(elements.pairs(left, right))
        one = elements.modes(self.functions[f][i], [m for m, _, _ in pairs])
        other = elements.modes(self.functions[g][j], [m for _, m, _ in pairs])
        return np.asarray(sum(w * one[a] * other[b] for a, b, w in pairs))


def refined(values: AnyArray, parts: int, dim: int) -> AnyArray:
    """The same Q1 functions on boxes cut into `parts` along each of the last `dim` axes."""
    for axis in range(-dim, 0):
        after = np.roll(values, -1, axis)
        shares = [values + (after - values) * (k / parts) for k in range(parts)]
        values = _interleaved(values, shares, axis)
    return values


def _interleaved(values: AnyArray, shares: Sequence[AnyArray], axis: int) -> AnyArray:
    """The arrays one after the other along an axis, point by point."""
    shape = list(values.shape)
    shape[axis] *= len(shares)
    out = np.empty(shape, dtype=values.dtype)
    for k, share in enumerate(shares):
        place: Any = (..., slice(k, None, len(shares)), *[slice(None)] * (-axis - 1))
        out[place] = share
    return out


def _over_grid(numbers: AnyArray, dim: int) -> AnyArray:
    return np.reshape(numbers, (*np.shape(numbers), *[1] * dim))
