"""Effective coefficients as users get them: numbers, or callables of x, assembled from their
entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from ..derive.effective_law import key_of
from ..derive.model import HomogenizedModel, effective_shape
from ..problem.errors import ProblemError, SolveError, UnsupportedError
from ..problem.numeric import lambdified
from .arguments import as_numbers
from .interpolation import Nodes
from .solution import Array, EffectiveKey
from .tensors import elasticity_matrices, symmetric_tensor

Place = tuple[int, int, tuple[int, ...], int | None, tuple[int, ...]]
"""(sign, equation, left, field, right) of the term that an effective coefficient belongs to."""


@dataclass(frozen=True)
class Entry:
    """One effective entry: values at the slow nodes (m,), or a closed form in x (then `formula` is
    not None).
    """

    nodes: Nodes
    columns: tuple[int, ...]
    values: Array
    place: Place
    formula: sp.Expr | None = None
    coordinates: tuple[sp.Symbol, ...] = ()

    @property
    def constant(self) -> bool:
        return not self.columns if self.formula is None else not self.formula.free_symbols

    @property
    def reach(self) -> int:
        """How many columns points must have at least."""
        if self.formula is None:
            return max(self.columns, default=-1) + 1
        return len(self.coordinates)

    def __call__(self, points: Array, index: tuple[int, ...] | None = None) -> Array:
        """D^index at slow points (n, d): (n,)."""
        points = np.asarray(points, dtype=float)
        if self.formula is not None:
            expr = self.formula
            for v, order in zip(self.coordinates, index or (), strict=False):
                expr = sp.diff(expr, v, order) if order else expr
            call = lambdified(self.coordinates, expr, "numpy")
            return np.broadcast_to(
                _number_array(call(*points.T[: len(self.coordinates)])), (len(points),)
            )
        if not self.columns:
            return np.full(len(points), 0.0 if any(index or ()) else self.values[0])
        if any(order and axis not in self.columns for axis, order in enumerate(index or ())):
            return np.zeros(len(points))
        inner = (
            None
            if index is None
            else tuple(index[axis] if axis < len(index) else 0 for axis in self.columns)
        )
        return self.nodes.interpolate(points[:, list(self.columns)], self.values, inner)

    @property
    def number(self) -> Any:
        """The value of a constant entry, real or complex."""
        if self.formula is None:
            return self.values[0].item()
        return float(self.formula) if self.formula.is_real else complex(self.formula)


def _number_array(value: Any) -> Array:
    array = np.asarray(value)
    return array if np.iscomplexobj(array) else np.asarray(array, dtype=float)


def entries_of(
    model: HomogenizedModel,
    solved: Mapping[EffectiveKey, Array],
    nodes: Nodes,
    slow: tuple[sp.Symbol, ...],
    parameters: Mapping[str, float],
    over: tuple[sp.Symbol, ...] = (),
) -> dict[EffectiveKey, Entry]:
    """Every entry of the effective law and of the higher ones: solved ones by their values, closed
    forms with the parameters put in.

    Over a frozen fast time the entries are averaged. With parameters `over` left free the entries
    are functions of the slow variables and, behind these, of them.
    """
    op = model.cell_operator
    makers = _EntryMaker(model, nodes, slow, parameters, over)
    table = {}
    for e in model.law:
        place = (e.sign, e.equation, e.left, e.field, e.right)
        if e.value is None:
            table[e.name, e.index] = makers.solved(solved[e.name, e.index], place)
        else:
            table[e.name, e.index] = makers.closed(e.value, op.coordinates, place)
    zero = (0,) * len(op.coordinates)
    alone = (1, 0, zero, 0, zero)
    for j, frame in enumerate(model.frame):
        key = ("drift", (j,))
        if frame.numerator is None:
            table[key] = makers.closed(frame.velocity, (), alone)
        else:
            table[key] = makers.solved(solved[key], alone)
    if model.eigenvalue is not None:
        table["lambda0", ()] = makers.eigenvalue(solved["lambda0", ()], alone)
    for (name, index), values in solved.items():
        if name == "h":
            _, (equation, left, field, right) = key_of(index, len(op.coordinates))
            table[name, index] = makers.solved(values, (1, equation, left, field, right))
    averaged = _averaged_times(model, slow)
    return {key: _averaged(e, averaged) for key, e in table.items()}


@dataclass(frozen=True)
class _EntryMaker:
    """Entries of one model, solved at `nodes` of its slow variables, with numbers for all
    parameters but those that are left free (`over`)."""

    model: HomogenizedModel
    nodes: Nodes
    slow: tuple[sp.Symbol, ...]
    parameters: Mapping[str, float]
    over: tuple[sp.Symbol, ...]

    @property
    def places(self) -> tuple[sp.Symbol, ...]:
        """What the columns of points are."""
        return (*self.model.cell_operator.slow, *self.over)

    def solved(self, values: Array, place: Place) -> Entry:
        """From its values at the nodes."""
        columns = tuple(self.places.index(v) for v in self.slow)
        return Entry(self.nodes, columns, np.asarray(values), place)

    def closed(self, value: sp.Expr, coordinates: tuple[sp.Symbol, ...], place: Place) -> Entry:
        """From its formula."""
        numbers = {
            v: sp.Float(self.parameters[str(v)], 17)
            for v in self.model.problem.parameters
            if v not in self.over
        }
        places = self.places if self.over else ()
        return closed_entry(value.xreplace(numbers), coordinates, place, places)

    def eigenvalue(self, values: Array, place: Place) -> Entry:
        """A number where no kernel depends on x."""
        op = self.model.cell_operator
        moving = any(c.has(*op.slow) for c in self.model.leading.values())
        if self.over or moving:
            return self.solved(values, place)
        return Entry(Nodes((), 0), (), np.asarray(values)[:1], place)


def _averaged_times(model: HomogenizedModel, slow: tuple[sp.Symbol, ...]) -> tuple[int, ...]:
    """The slow variables that are frozen fast times, over which entries are averaged.

    A finer level keeps them: the outer one averages.
    """
    op = model.cell_operator
    dim = op.problem.scales.dim
    if any(axis.slow < dim for axis in op.frozen):
        return ()
    times = {axis.symbol for axis in op.frozen if axis.slow == dim}
    return tuple(k for k, v in enumerate(slow) if v in times)


def closed_entry(
    value: sp.Expr,
    coordinates: tuple[sp.Symbol, ...],
    place: Place,
    places: tuple[sp.Symbol, ...] = (),
) -> Entry:
    """An entry given by a formula in (x.., t), or in all of `places`."""
    held = places
    if coordinates and not places:
        *space, time = coordinates
        held = (*space, time) if value.has(time) else tuple(space)
    return Entry(Nodes((), 0), (), np.zeros(1), place, value, held)


def _averaged(entry: Entry, axes: tuple[int, ...]) -> Entry:
    if not axes or entry.formula is not None:
        return entry
    nodes, values = entry.nodes.averaged(entry.values, axes)
    return replace(
        entry,
        nodes=nodes,
        values=values,
        columns=tuple(c for k, c in enumerate(entry.columns) if k not in axes),
    )


class EffectiveFunction:
    """An effective coefficient that depends on x: called with points (n, d) it gives (n, *shape).

    Where it depends on t too, points are (n, d + 1), the time last. ProblemError for points of
    another shape.
    """

    def __init__(self, shape: tuple[int, ...], entries: Mapping[tuple[int, ...], Entry]) -> None:
        self.shape, self.entries = shape, dict(entries)

    def __call__(self, points: ArrayLike) -> Array:
        return self.derivative(points, None)

    def derivative(self, points: ArrayLike, index: tuple[int, ...] | None) -> Array:
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
        x = x[:, None] if x.ndim == 1 else x
        needed = max(entry.reach for entry in self.entries.values())
        if x.ndim != 2 or x.shape[1] < needed:
            raise ProblemError(
                f"this effective coefficient takes points of shape (n, {needed})",
                term=f"shape {x.shape}",
                remedy="one column for each coordinate, and the time last where it depends on t",
            )
        return x


class _Sum:
    """The sum of effective coefficients, each a constant array or a callable of x."""

    def __init__(self, shape: tuple[int, ...], *parts: Any) -> None:
        self.shape, self.parts = shape, parts

    def __call__(self, points: ArrayLike) -> Array:
        x = np.asarray(points, dtype=float)
        return np.asarray(
            sum(
                p(x) if callable(p) else np.broadcast_to(p, (len(x), *self.shape))
                for p in self.parts
            )
        )


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
    names = [
        "A",
        "b",
        "c",
        "rho",
        *dict.fromkeys(name for name, _ in entries if name not in ("A", "b", "c", "rho", "h")),
    ]
    table = {
        name: _value(effective_shape(name, dim, components, order), name, entries) for name in names
    }
    if "G" in table:
        _absorb(table, "A", table["G"])
        _absorb(table, "b", _divergence(table.pop("G"), dim, components))
    if "beta" in table:
        beta = table["beta"] if components > 1 else table.pop("beta")
        axes = (0, 2, 1) if components > 1 else (0,)
        turned = (
            np.transpose(beta, axes)
            if isinstance(beta, np.ndarray)
            else lambda x: np.transpose(beta(x), (0, *(a + 1 for a in axes)))
        )
        _absorb(table, "b", turned)
        _absorb(table, "c", _divergence(beta, dim, components))
    if isinstance(table["A"], np.ndarray):
        table["h"] = _tensors(dim, components, order, table["A"], entries)
        table |= elasticity_matrices(table["A"], dim, components) if order == 2 else {}
    return table


def _value(shape: tuple[int, ...], name: str, entries: Mapping[EffectiveKey, Entry]) -> Any:
    own = {index: e for (other, index), e in entries.items() if other == name}
    if not all(e.constant for e in own.values()):
        return EffectiveFunction(shape, own)
    numbers = {index: e.number for index, e in own.items()}
    array = np.zeros(
        shape, dtype=complex if any(isinstance(v, complex) for v in numbers.values()) else float
    )
    for index, number in numbers.items():
        array[index] = number
    return array if shape else array[()]


def _absorb(table: dict[str, Any], name: str, added: Any) -> None:
    """table[name] += added, constants or functions of x; None is nothing."""
    own = table[name]
    if added is not None:
        shape = own.shape if callable(own) else np.shape(own)
        table[name] = _Sum(shape, own, added) if callable(own) or callable(added) else own + added


def _divergence(coefficient: Any, dim: int, components: int) -> Any:
    """sum_k d_k of the first tensor index: None of a constant."""
    if not isinstance(coefficient, EffectiveFunction):
        return None
    axis = 1 if components == 1 else 2

    def divergence(x: Array) -> Array:
        parts = [
            np.take(coefficient.derivative(x, tuple(int(k == i) for k in range(dim))), i, axis=axis)
            for i in range(dim)
        ]
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
        level = table.setdefault(index[0] if name == "h" else order, {})
        matrix = level.setdefault((left, right), np.zeros((components, components), dtype=complex))
        matrix[equation, field] += sign * e.number
    return {
        n: {key: m if np.any(m.imag) else m.real for key, m in level.items()}
        for n, level in table.items()
    }


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


def require(entries: Mapping[EffectiveKey, Entry], key: EffectiveKey) -> Entry:
    """An entry that an equation asks for; SolveError where the cells are of another model."""
    if key not in entries:
        raise SolveError(
            "the solved cells do not have an effective coefficient that the equation needs",
            term=key,
            remedy="solve the cells of this model, or load the ones that belong to it",
        )
    return entries[key]
