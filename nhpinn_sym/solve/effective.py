"""Effective coefficients as users get them: numbers, or callables of x, assembled from their entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from ..derive.model import HomogenizedModel
from ..problem.errors import SolveError
from .chebyshev import Nodes
from .solution import Array, EffectiveKey


@dataclass(frozen=True)
class Entry:
    """One effective entry: values at the slow nodes (m,), or a closed form in x (then `formula` is not None)."""

    nodes: Nodes
    columns: tuple[int, ...]
    values: Array
    formula: sp.Expr | None = None
    coordinates: tuple[sp.Symbol, ...] = ()

    @property
    def constant(self) -> bool:
        return not self.columns if self.formula is None else not self.formula.free_symbols

    def __call__(self, points: Array, index: tuple[int, ...] | None = None) -> Array:
        """D^index at slow points (n, d): (n,)."""
        points = np.asarray(points, dtype=float)
        if self.formula is not None:
            expr = self.formula
            for v, order in zip(self.coordinates, index or (), strict=False):
                expr = sp.diff(expr, v, order) if order else expr
            return np.broadcast_to(np.asarray(sp.lambdify(self.coordinates, expr, "numpy")(*points.T), dtype=float), (len(points),))
        if not self.columns:
            return np.full(len(points), 0.0 if any(index or ()) else self.values[0])
        if any(order and axis not in self.columns for axis, order in enumerate(index or ())):
            return np.zeros(len(points))
        inner = None if index is None else tuple(index[axis] for axis in self.columns)
        return np.asarray(self.nodes.weights(points[:, list(self.columns)], inner) @ self.values)

    @property
    def number(self) -> float:
        """The value of a constant entry."""
        return float(self.values[0]) if self.formula is None else float(self.formula)


def entries_of(
    model: HomogenizedModel, solved: Mapping[EffectiveKey, Array], nodes: Nodes, slow: tuple[sp.Symbol, ...], parameters: Mapping[str, float]
) -> dict[EffectiveKey, Entry]:
    """Every entry of the effective law: solved ones by their values, closed forms with the parameters put in."""
    coordinates = model.problem.scales.physical
    columns = tuple(coordinates.index(v) for v in slow)
    swap = {v: sp.Float(parameters[str(v)], 17) for v in model.problem.parameters}
    table = {}
    for e in model.law:
        key = (e.name, e.index)
        if e.value is None:
            table[key] = Entry(nodes, columns, np.asarray(solved[key]))
        else:
            table[key] = Entry(
                Nodes((), 0), (), np.zeros(1), e.value.xreplace(swap), coordinates[: model.problem.scales.dim + int(e.value.has(coordinates[-1]))]
            )
    return table


class EffectiveFunction:
    """An effective coefficient that depends on x: called with points (n, d) it gives (n, *shape)."""

    def __init__(self, shape: tuple[int, ...], entries: Mapping[tuple[int, ...], Entry]) -> None:
        self.shape, self.entries = shape, dict(entries)

    def __call__(self, points: ArrayLike) -> Array:
        return self.derivative(points, None)

    def derivative(self, points: ArrayLike, index: tuple[int, ...] | None) -> Array:
        """D^index, with the multi-index over x."""
        x = np.asarray(points, dtype=float)
        result = np.zeros((len(x), *self.shape))
        for position, entry in self.entries.items():
            where = (slice(None), *position)
            result[where] = entry(x, index)
        return result


def effective_dict(dim: int, entries: Mapping[EffectiveKey, Entry]) -> dict[str, Any]:
    """ "A", "b", "c", "rho" (and "f", "g", "h") of  rho u_t - div(A grad u) + b.grad u + c u = f - div g.

    A conservative part div(beta u) is counted as beta.grad u + (div beta) u. Arrays (d, d), (d,), () where constant, else callables of x.
    rho is 0 for a stationary equation.
    """
    shapes = {"A": (dim, dim), "beta": (dim,), "b": (dim,), "c": (), "rho": (), "f": (), "g": (dim,)}
    table: dict[str, Any] = {}
    for name, shape in shapes.items():
        own = {index: e for (other, index), e in entries.items() if other == name}
        if not own and name in ("f", "g", "beta"):
            continue
        if all(e.constant for e in own.values()):
            array = np.zeros(shape)
            for index, e in own.items():
                array[index] = e.number
            table[name] = array if shape else np.float64(array)
        else:
            table[name] = EffectiveFunction(shape, own)
    if "beta" in table:
        _absorb_beta(table, dim)
    if isinstance(table["A"], np.ndarray):
        table["h"] = {2: -table["A"]}
    return table


def _absorb_beta(table: dict[str, Any], dim: int) -> None:
    beta = table.pop("beta")
    b, c = table["b"], table["c"]
    if isinstance(beta, np.ndarray):
        table["b"] = b + beta if isinstance(b, np.ndarray) else _Sum((dim,), b, lambda x: np.broadcast_to(beta, (len(x), dim)))
        return
    table["b"] = _Sum((dim,), b, beta)
    table["c"] = _Sum((), c, lambda x: sum(beta.derivative(x, tuple(int(k == i) for k in range(dim)))[:, i] for i in range(dim)))


class _Sum:
    """The sum of two effective coefficients, either of them a constant."""

    def __init__(self, shape: tuple[int, ...], *parts: Any) -> None:
        self.shape, self.parts = shape, parts

    def __call__(self, points: ArrayLike) -> Array:
        x = np.asarray(points, dtype=float)
        return np.asarray(sum(p(x) if callable(p) else np.broadcast_to(p, (len(x), *self.shape)) for p in self.parts))


def require(entries: Mapping[EffectiveKey, Entry], key: EffectiveKey) -> Entry:
    """An entry that an equation asks for; SolveError where the cells are of another model."""
    if key not in entries:
        raise SolveError(
            "the solved cells do not have an effective coefficient that the equation needs",
            term=key,
            remedy="solve the cells of this model, or load the ones that belong to it",
        )
    return entries[key]
