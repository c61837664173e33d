"""The entries of effective coefficients: values at slow nodes, or closed forms of x."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.effective_law import key_of
from ..derive.model import HomogenizedModel
from ..problem.errors import SolveError
from ..problem.numeric import lambdified
from .interpolation import Nodes
from .solution import Array, EffectiveKey

TermPlace = tuple[int, int, tuple[int, ...], int | None, tuple[int, ...]]
"""(sign, equation, left, field, right) of the term that an effective coefficient belongs to."""


@dataclass(frozen=True)
class Entry:
    """One effective entry: values at the slow nodes (m,), or a closed form in x (then `formula` is
    not None).
    """

    nodes: Nodes
    columns: tuple[int, ...]
    values: Array
    place: TermPlace
    formula: sp.Expr | None = None
    coordinates: tuple[sp.Symbol, ...] = ()

    @property
    def constant(self) -> bool:
        if self.formula is None:
            return not self.columns
        return not self.formula.free_symbols

    @property
    def reach(self) -> int:
        """How many columns points must have at least."""
        if self.formula is None:
            return max(self.columns, default=-1) + 1
        return len(self.coordinates)

    def __call__(self, points: Array, index: tuple[int, ...] = ()) -> Array:
        """D^index at slow points (n, d): (n,); orders that are left out are 0."""
        points = np.asarray(points, dtype=float)
        if self.formula is not None:
            return self._from_formula(self.formula, points, index)
        orders = dict(enumerate(index))
        if any(order and axis not in self.columns for axis, order in orders.items()):
            return np.zeros(len(points))
        if not self.columns:
            return np.full(len(points), self.values[0])
        own = tuple(orders.get(axis, 0) for axis in self.columns)
        return self.nodes.interpolate(points[:, list(self.columns)], self.values, own)

    def _from_formula(self, expr: sp.Expr, points: Array, index: tuple[int, ...]) -> Array:
        for v, order in zip(self.coordinates, index, strict=False):
            if order:
                expr = sp.diff(expr, v, order)
        call = lambdified(self.coordinates, expr, "numpy")
        found = _number_array(call(*points.T[: len(self.coordinates)]))
        return np.broadcast_to(found, (len(points),))

    @property
    def number(self) -> Any:
        """The value of a constant entry, real or complex."""
        if self.formula is None:
            return self.values[0].item()
        return _python_number(self.formula)


def _number_array(value: Any) -> Array:
    array = np.asarray(value)
    if np.iscomplexobj(array):
        return array
    return np.asarray(array, dtype=float)


def _python_number(value: sp.Expr) -> float | complex:
    if value.is_real:
        return float(value)
    return complex(value)


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

    def solved(self, values: Array, place: TermPlace) -> Entry:
        """From its values at the nodes."""
        columns = tuple(self.places.index(v) for v in self.slow)
        return Entry(self.nodes, columns, np.asarray(values), place)

    def closed(self, value: sp.Expr, coordinates: tuple[sp.Symbol, ...], place: TermPlace) -> Entry:
        """From its formula."""
        numbers = {
            v: sp.Float(self.parameters[str(v)], 17)
            for v in self.model.problem.parameters
            if v not in self.over
        }
        value = value.xreplace(numbers)
        if self.over:
            return closed_entry(value, coordinates, place, self.places)
        return closed_entry(value, coordinates, place)

    def eigenvalue(self, values: Array, place: TermPlace) -> Entry:
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
    place: TermPlace,
    places: tuple[sp.Symbol, ...] = (),
) -> Entry:
    """An entry given by a formula in (x.., t), or in all of `places`."""
    held = places
    if coordinates and not places:
        *space, time = coordinates
        held = coordinates
        if not value.has(time):
            held = tuple(space)
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


def require(entries: Mapping[EffectiveKey, Entry], key: EffectiveKey) -> Entry:
    """An entry that an equation asks for; SolveError where the cells are of another model."""
    if key not in entries:
        raise SolveError(
            "the solved cells do not have an effective coefficient that the equation needs",
            term=key,
            remedy="solve the cells of this model, or load the ones that belong to it",
        )
    return entries[key]
