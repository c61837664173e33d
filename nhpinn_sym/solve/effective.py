"""Effective coefficients as users get them: numbers, or callables of x, assembled from their
entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..derive.model import effective_shape
from ..problem.errors import ProblemError, UnsupportedError
from .arguments import as_numbers
from .effective_entries import Entry
from .solution import Array, EffectiveKey
from .tensors import elasticity_matrices, symmetric_tensor

# The coefficients that there are of every equation, zero or not.
_ALWAYS = ("A", "b", "c", "rho")
# Of the blocks of double porosity.
_MODES = ("weights", "rates")


class EffectiveFunction:
    """An effective coefficient that depends on x: called with points (n, d) it gives (n, *shape).

    Where it depends on t too, points are (n, d + 1), the time last. ProblemError for points of
    another shape.
    """

    def __init__(self, shape: tuple[int, ...], entries: Mapping[tuple[int, ...], Entry]) -> None:
        self.shape = shape
        self.entries = dict(entries)

    def __repr__(self) -> str:
        return _named_function(self.shape)

    def __call__(self, points: ArrayLike) -> Array:
        return self.derivative(points, ())

    def derivative(self, points: ArrayLike, index: tuple[int, ...]) -> Array:
        """D^index, with the multi-index over x."""
        x = self._columns(points)
        found = {position: entry(x, index) for position, entry in self.entries.items()}
        result = np.zeros((len(x), *self.shape), dtype=np.result_type(float, *found.values()))
        for position, values in found.items():
            place = (slice(None), *position)
            result[place] = values
        return result

    def _columns(self, points: ArrayLike) -> Array:
        """Points as (n, columns), with every column that an entry depends on."""
        x = as_numbers(
            points, "what an effective coefficient is asked at", "give points of shape (n, d)"
        )
        if x.ndim == 1:
            x = x[:, None]
        needed = max(entry.reach for entry in self.entries.values())
        if x.ndim != 2 or x.shape[1] < needed:
            raise ProblemError(
                f"this effective coefficient takes points of shape (n, {needed})",
                term=f"shape {x.shape}",
                remedy="one column for each coordinate, and the time last where it depends on t",
            )
        return x


def _named_function(shape: tuple[int, ...]) -> str:
    return f"function of x, of shape {shape}"


class _Sum:
    """The sum of effective coefficients, each a constant array or a callable of x."""

    def __init__(self, shape: tuple[int, ...], *parts: Any) -> None:
        self.shape = shape
        self.parts = parts

    def __repr__(self) -> str:
        return _named_function(self.shape)

    def __call__(self, points: ArrayLike) -> Array:
        x = np.asarray(points, dtype=float)
        return np.asarray(sum(self._at(part, x) for part in self.parts))

    def _at(self, part: Any, x: Array) -> Array:
        if callable(part):
            return np.asarray(part(x))
        return np.broadcast_to(part, (len(x), *self.shape))


def effective_dict(
    dim: int, components: int, order: int, entries: Mapping[EffectiveKey, Entry]
) -> dict[str, Any]:
    """ "A", "b", "c", "rho" (also "f", "g", "B", "damping", "mixed", "drift", "lambda0") of rho u_t
    - div(A grad u) + b.grad u + c u = f - div g.

    Arrays where constant, else callables of x; for systems with axes for equation and unknown (A[i,
    k, j, l]). A conservative part div(beta u) is counted as beta.grad u + (div beta) u (systems
    keep "beta" beside), and -G : D^2 u in divergence form. rho is 0 for a stationary equation. "h":
    {order: tensor}, h[2] = -A; symmetric tensors (m, m, d, ..., d) beyond. "voigt" and "mandel": A
    of linear elasticity as a matrix.
    """
    if any(name == "D" for name, _ in entries):
        count = 1 + max(row for _, (row, _) in entries)  # of a plate: matrices of strains
        return {name: _value((count, count), name, entries) for name in ("A", "B", "D")}
    others = dict.fromkeys(name for name, _ in entries if name not in (*_ALWAYS, "h"))
    always = () if "K" in others else _ALWAYS  # Darcy's law has one coefficient
    table = {
        name: _value(_shape(name, dim, components, order, entries), name, entries)
        for name in (*always, *others)
    }
    if "G" in table:
        _absorb(table, "A", table["G"])
        _absorb(table, "b", _divergence(table.pop("G"), dim, components))
    if "beta" in table:
        beta = table["beta"]
        _absorb(table, "b", _unknown_before_axis(beta, components))
        _absorb(table, "c", _divergence(beta, dim, components))
        if components == 1:
            del table["beta"]
    if isinstance(table.get("A"), np.ndarray):
        table["h"] = _tensors(dim, components, order, table["A"], entries)
        if order == 2:
            table |= elasticity_matrices(table["A"], dim, components)
    return table


def _shape(
    name: str, dim: int, components: int, order: int, entries: Mapping[EffectiveKey, Entry]
) -> tuple[int, ...]:
    """Of a coefficient; the modes of blocks are as many as there are."""
    if name in _MODES:
        return (sum(other == name for other, _ in entries),)
    return effective_shape(name, dim, components, order)


def _unknown_before_axis(beta: Any, components: int) -> Any:
    """The indices of div(beta u), (equation, axis, unknown), in the order of those of b.grad u."""
    if components == 1:
        return beta
    if isinstance(beta, np.ndarray):
        return beta.transpose(0, 2, 1)
    return lambda x: beta(x).transpose(0, 1, 3, 2)


def _value(shape: tuple[int, ...], name: str, entries: Mapping[EffectiveKey, Entry]) -> Any:
    """An array, or a number, of a constant coefficient; else a function of x."""
    own = {index: e for (other, index), e in entries.items() if other == name}
    if not all(e.constant for e in own.values()):
        return EffectiveFunction(shape, own)
    numbers = {index: e.number for index, e in own.items()}
    array = np.zeros(shape, dtype=np.result_type(float, *numbers.values()))
    for index, number in numbers.items():
        array[index] = number
    return array[()]


def _absorb(table: dict[str, Any], name: str, added: Any) -> None:
    """table[name] += added, constants or functions of x; None is nothing."""
    own = table[name]
    if added is None:
        return
    if not callable(own) and not callable(added):
        table[name] = own + added
    elif callable(own):
        table[name] = _Sum(own.shape, own, added)
    else:
        table[name] = _Sum(np.shape(own), own, added)


def _divergence(coefficient: Any, dim: int, components: int) -> Any:
    """sum_k d_k of the first tensor index: None of a constant."""
    if not isinstance(coefficient, EffectiveFunction):
        return None
    axis = 1 + (components > 1)

    def divergence(x: Array) -> Array:
        unit = np.eye(dim, dtype=int)
        parts = [coefficient.derivative(x, tuple(unit[i])).take(i, axis) for i in range(dim)]
        return np.asarray(sum(parts))

    return divergence


def averaged_table(
    components: int, order: int, entries: Mapping[EffectiveKey, Entry]
) -> dict[int, dict[tuple[Any, Any], Array]]:
    """{n: {(left, right): (m, m)}}: the averaged operators h_n, sum D^left( . D^right U ).
    UnsupportedError where they depend on x.
    """
    table: dict[int, dict[tuple[Any, Any], Array]] = {order: {}}
    for (name, index), e in entries.items():
        sign, equation, left, field, right = e.place
        if name in ("drift", "lambda0") or field is None:
            continue
        if not e.constant:
            raise UnsupportedError(
                "averaged operators that depend on x have no table of numbers",
                term=name,
                remedy="use cells.effective",
            )
        own_order = order
        if name == "h":
            own_order = index[0]
        level = table.setdefault(own_order, {})
        matrix = level.setdefault((left, right), np.zeros((components, components), dtype=complex))
        matrix[equation, field] += sign * e.number
    return {n: {key: _real_if_real(m) for key, m in level.items()} for n, level in table.items()}


def _real_if_real(matrix: Array) -> Array:
    if np.any(matrix.imag):
        return matrix
    return matrix.real


def _tensors(
    dim: int, components: int, order: int, leading: Array, entries: Mapping[EffectiveKey, Entry]
) -> dict[int, Array]:
    """h as tensors: the space derivatives of order n of h_n."""
    found = {order: (-1) ** (order // 2) * leading}
    higher = {key: e for key, e in entries.items() if key[0] == "h"}
    if not all(e.constant for e in higher.values()):
        return found
    for n, level in averaged_table(components, order, higher).items():
        if n > order:
            found[n] = symmetric_tensor(dim, components, n, level)
    return found
