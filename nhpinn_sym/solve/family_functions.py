"""Cell functions and effective coefficients as functions of parameters and of x."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..lower.forms import MultiIndex
from ..problem.errors import ProblemError, UndeclaredSymbolError, UnsupportedError
from .arguments import as_numbers
from .cell_solution import CellFunction
from .effective import EffectiveFunction
from .solution import Array

NamedRange = tuple[str, float, float]
DerivativeOrders = Mapping[Any, int]
"""{parameter or coordinate, as a symbol or by name: order of the derivative}."""


@dataclass(frozen=True)
class Places:
    """The slow variables behind x that functions of a family are asked at: all of them by name,
    parameters with their ranges.
    """

    names: tuple[str, ...]
    dim: int
    ranges: tuple[NamedRange, ...]

    def columns(
        self,
        lead: tuple[int, ...],
        x: ArrayLike | None,
        values: Mapping[str, ArrayLike],
        needed: Iterable[str],
    ) -> tuple[Array, tuple[int, ...]]:
        """(n, names): the values of every variable, broadcast with the shape `lead`; and that
        shape. What is not needed may be left out.
        """
        given = {name: _numbers(name, value) for name, value in values.items()}
        if x is not None:
            where = _numbers("x", x)
            if not where.ndim or where.shape[-1] != self.dim:
                raise ProblemError(
                    f"x has {self.dim} columns",
                    term=f"shape {where.shape}",
                    remedy="give x of shape (..., d)",
                )
            given |= {f"x{k + 1}": where[..., k] for k in range(self.dim)}
        self._check(given, set(needed))
        shapes = {name: value.shape for name, value in given.items()}
        try:
            shape = np.broadcast_shapes(lead, *shapes.values())
        except ValueError as cause:
            raise ProblemError(
                "points and parameters do not broadcast with each other",
                term=f"{lead} and {shapes}",
                remedy="give arrays of one shape, or of shapes such as (m, 1) and (n,)",
            ) from cause
        flat = [np.broadcast_to(given.get(name, 0.0), shape).ravel() for name in self.names]
        return np.stack(flat, axis=-1) if flat else np.zeros((int(np.prod(shape)), 0)), shape

    def _check(self, given: Mapping[str, Array], needed: set[str]) -> None:
        self._require_known(given)
        coordinates = {f"x{k + 1}" for k in range(self.dim)}
        for name in (name for name in self.names if name in needed and name not in given):
            raise ProblemError(
                f"the family depends on {name}",
                term=name,
                remedy=f"pass {'x' if name in coordinates else name}=...",
            )
        for name, a, b in self.ranges:
            value = given.get(name, np.asarray(a))
            inside = (value >= a - 1e-12 * (b - a)) & (value <= b + 1e-12 * (b - a))
            if not np.all(inside):
                raise ProblemError(
                    f"the parameter {name} leaves its range ({a:g}, {b:g})",
                    term=f"{name} = {value[~inside][0]}",
                    remedy=(
                        "the family was solved in that range: declare a wider one in the problem"
                    ),
                )

    def index(self, orders: DerivativeOrders) -> MultiIndex:
        """The multi-index over `names`."""
        if not isinstance(orders, Mapping) or not all(
            isinstance(order, (int, np.integer)) and order >= 0 for order in orders.values()
        ):
            raise ProblemError(
                "orders of derivatives are a dictionary of whole numbers",
                term=orders,
                remedy='write {"q": 1}',
            )
        counts = {str(name): int(order) for name, order in orders.items()}
        self._require_known(counts)
        return tuple(counts.get(name, 0) for name in self.names)

    def _require_known(self, names: Iterable[str]) -> None:
        for name in set(names) - set(self.names):
            raise UndeclaredSymbolError(
                "the family has no parameter of this name",
                term=name,
                remedy=f"it depends on {', '.join(self.names)}",
            )


def _numbers(name: str, value: ArrayLike) -> Array:
    return as_numbers(value, name, f"pass {name}=1.3, or an array")


@dataclass(frozen=True)
class FamilyCoefficient:
    """An effective coefficient as a function of parameters and, where it depends on it, of x.

    Arrays of parameters and x (..., d) are broadcast with each other; a result has their shape,
    then that of the coefficient.
    """

    value: Any
    needed: tuple[str, ...]
    places: Places

    def __repr__(self) -> str:
        if not self.needed:
            return f"constant {self.value}"
        return f"function of {', '.join(self.needed)}"

    def __call__(self, /, x: ArrayLike | None = None, **parameters: ArrayLike) -> Array:
        """family.effective["A"](q=1.3) is (d, d), with q of shape (m,) it is (m, d, d)."""
        points, shape = self.places.columns((), x, parameters, self.needed)
        found = (
            self.value(points)
            if callable(self.value)
            else np.broadcast_to(self.value, (len(points), *np.shape(self.value)))
        )
        return np.asarray(found.reshape((*shape, *found.shape[1:])))

    def derivative(
        self, orders: DerivativeOrders, /, x: ArrayLike | None = None, **parameters: ArrayLike
    ) -> Array:
        """The derivative, as in family.effective["A"].derivative({"q": 1}, q=1.3); exact for the
        interpolant, whose values `__call__` gives.
        """
        points, shape = self.places.columns((), x, parameters, self.needed)
        index = self.places.index(orders)
        if callable(self.value) and not isinstance(self.value, EffectiveFunction):
            raise UnsupportedError(
                "a derivative of a coefficient that several entries make up",
                term=orders,
                remedy="differentiate family.cells.entries",
            )
        found = (
            self.value.derivative(points, index)
            if callable(self.value)
            else np.zeros((len(points), *np.shape(self.value)))
        )
        return np.asarray(found.reshape((*shape, *found.shape[1:])))


@dataclass(frozen=True)
class FamilyFunction:
    """A cell function N(y; x, theta), with every derivative; of the PINN backend one net of all
    these variables.
    """

    function: CellFunction
    places: Places

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def key(self) -> Any:
        return self.function.key

    def __call__(
        self, points: ArrayLike, /, x: ArrayLike | None = None, **parameters: ArrayLike
    ) -> Array:
        """Values at y (..., axes); parameters and x (..., d) are broadcast with the points, so that
        q of shape (m, 1) and y (n, axes) give (m, n).
        """
        return self.derivative(points, None, None, x, **parameters)

    def derivative(
        self,
        points: ArrayLike,
        index: MultiIndex | None = None,
        orders: DerivativeOrders | None = None,
        /,
        x: ArrayLike | None = None,
        **parameters: ArrayLike,
    ) -> Array:
        """D_y^index and, by `orders`, derivatives with respect to parameters and x: derivative(y,
        (1, 0), {"q": 1}, q=1.3).
        """
        y = _numbers("points", points)
        axes = self.function.shape.axes
        if (
            not y.ndim
            or y.shape[-1] != axes
            or len(index or (0,) * axes) != axes
            or min(index or (0,)) < 0
        ):
            raise ProblemError(
                f"the cell function {self.name} takes points of shape (..., {axes})",
                term=f"shape {y.shape}, index {index}",
                remedy="one column, and one entry of the multi-index, per axis of the cell",
            )
        slow, shape = self.places.columns(y.shape[:-1], x, parameters, self.function.shape.slow)
        full = self.places.index(orders or {})
        names = self.function.shape.slow
        own = [self.places.names.index(name) for name in names]
        flat = np.broadcast_to(y, (*shape, axes)).reshape(-1, axes)
        slow_index = tuple(full[k] for k in own)
        (found,) = self.function.at(flat, slow[:, own], [index or (0,) * axes], slow_index)
        if any(
            order and name not in names for name, order in zip(self.places.names, full, strict=True)
        ):
            found = np.zeros_like(found)
        return found.reshape((*shape, *found.shape[1:]))
