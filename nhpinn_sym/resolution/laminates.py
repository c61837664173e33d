"""Closed forms: effective tensors of cells whose coefficients vary along one axis alone.

There the cell functions do too, and the flux across the layers is constant. With n the derivative
across them, the entries of A* of A_0 = D^left( a D^right ), all derivatives of one order p, are
    a*_nn = <a_nn^-1>^-1,   a*_nj = a*_nn <a_nn^-1 a_nj>,   a*_in = <a_in a_nn^-1> a*_nn,
    a*_ij = <a_ij - a_in a_nn^-1 a_nj> + <a_in a_nn^-1> a*_nn <a_nn^-1 a_nj>,
a_nn a matrix over equations and unknowns (Tartar 1979; Milton 2002, ch. 9; for p = 2 the bending of
layered plates). No symmetry is needed, no sign, and the coefficients may be complex. In one
dimension every cell is of this kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import factorial, prod
from typing import Any

import numpy as np
import sympy as sp

from ..lower.forms import LoweredCells, MultiIndex
from ..operator.numbers.data import DataSpace, in_data_symbols, real_imaginary
from ..operator.numbers.integrate import mean_of_function
from ..operator.numbers.panels import evaluator
from ..operator.sampling import is_opaque
from ..runtime.arrays import Array, ComplexArray, Integers

ComponentDerivative = tuple[int, MultiIndex]
"""(equation or unknown, derivative)."""
Call = Callable[[Array], Array]
Exprs = Mapping[tuple[ComponentDerivative, ComponentDerivative], sp.Expr]

# Share of the largest entry below which an entry vanishes.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class LaminateForm:
    """A* as a matrix over `places`, (component, derivative of order p); `error` bounds the error of
    the means that it is made of."""

    matrix: ComplexArray
    places: tuple[ComponentDerivative, ...]
    error: float

    def distance(self, tensor: Array) -> float:
        """The largest difference of an entry of A[i, k.., j, l..] from the closed form, relative to
        its largest; what the means are off is allowed for."""
        size = float(np.abs(self.matrix).max())
        difference = float(np.abs(self.of(tensor) - self.matrix).max())
        return max(difference - self.error, 0.0) / size

    def tensor(self) -> ComplexArray:
        """A[i, k.., j, l..]; entries of one derivative are equal."""
        dim, order = len(self.places[0][1]), sum(self.places[0][1])
        components = 1 + max(i for i, _ in self.places)
        shape = (components, *(dim,) * order, components, *(dim,) * order)
        tensor = np.zeros(shape, dtype=complex)
        for row, column, index in self._indices(shape, dim, order):
            # D_12 and D_21 are one derivative: its entry is shared among the ways to write it.
            tensor[index] = self.matrix[row, column] / self._shares(row) / self._shares(column)
        return tensor

    def of(self, tensor: Array) -> ComplexArray:
        """A[i, k.., j, l..] (axes of length 1 may be squeezed) as a matrix over `places`; entries
        of the same derivative are added."""
        components = 1 + max(i for i, _ in self.places)
        dim, order = len(self.places[0][1]), sum(self.places[0][1])
        full = np.reshape(tensor, (components, *(dim,) * order, components, *(dim,) * order))
        matrix = np.zeros_like(self.matrix)
        for row, column, index in self._indices(full.shape, dim, order):
            matrix[row, column] += full[index]
        return matrix

    def _indices(
        self, shape: tuple[int, ...], dim: int, order: int
    ) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """(row, column, index) of every entry of a tensor."""
        numbers = {place: n for n, place in enumerate(self.places)}
        for index in np.ndindex(shape):
            row = (index[0], _counts(index[1 : 1 + order], dim))
            column = (index[1 + order], _counts(index[2 + order :], dim))
            yield numbers[row], numbers[column], index

    def _shares(self, place: int) -> int:
        """In how many orders the axes of a derivative can be written."""
        alpha = self.places[place][1]
        return factorial(sum(alpha)) // prod(factorial(n) for n in alpha)


def laminate(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float] = ()
) -> LaminateForm | None:
    """A* in closed form at one slow point (values of `cells.slow`); None where the cell is no
    laminate along an axis, functions may jump in it, or the cell operator has other terms than
    D^left( a D^right ) of one order."""
    exprs = None if cells.contacts else _leading(cells)
    numbers = _numbers(cells, parameters, slow_point)
    if exprs is None or numbers is None:
        return None
    held = {v for e in exprs.values() for v in e.free_symbols if v in cells.coordinates}
    if len(held) > 1:
        return None
    normal = cells.coordinates.index(held.pop()) if held else 0
    symbol, interval = cells.coordinates[normal], cells.cell.bounds[normal]
    space = DataSpace((symbol,), (interval,), 1)
    order = sum(next(iter(exprs))[0][1])
    places = tuple(
        (i, alpha)
        for i in range(cells.components)
        for alpha in _multi_indices(len(cells.coordinates), order)
    )
    across = [alpha[normal] == order for _, alpha in places]
    return _mean_form(
        {k: in_data_symbols(e, numbers, space) for k, e in exprs.items()}, places, across, space
    )


def _leading(cells: LoweredCells) -> Exprs | None:
    """The coefficients of A_0; None where it is not of the form that the closed form is for."""
    kernels = any(f.role in ("ground state", "adjoint") for f in cells.functions)
    orders = {sum(t.left) for t in cells.bilinear} | {sum(t.right) for t in cells.bilinear}
    axes = {k for t in cells.bilinear for k, n in enumerate(t.right) if n}
    spatial = len(axes) == len(cells.coordinates)
    if (
        kernels
        or cells.vectors
        or cells.externals
        or cells.eigenvalue is not None
        or len(orders) != 1
        or not spatial
    ):
        return None
    if any(is_opaque(t.coefficient) for t in cells.bilinear) or orders == {0}:
        return None
    found: dict[tuple[ComponentDerivative, ComponentDerivative], sp.Expr] = {}
    for t in cells.bilinear:
        key = ((t.equation, t.left), (t.field, t.right))
        found[key] = found.get(key, sp.Integer(0)) + t.coefficient
    return found


def _numbers(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float]
) -> dict[sp.Symbol, float] | None:
    """Numbers for slow variables and parameters; None where a parameter has none."""
    numbers = {v: float(x) for v, x in zip(cells.slow, slow_point, strict=True)}
    for v in cells.parameters:
        if not isinstance(parameters.get(str(v)), (int, float)):
            return None
        numbers[v] = float(parameters[str(v)])
    return numbers


def _mean_form(
    exprs: Exprs, places: tuple[ComponentDerivative, ...], across: Sequence[bool], space: DataSpace
) -> LaminateForm | None:
    """The closed form from means over one coordinate; None where they are not found."""
    normal = np.flatnonzero(across)
    along = np.flatnonzero(~np.array(across))
    size = len(places)
    values = _evaluator(exprs, places, space)

    def blocks(points: Array) -> Array:
        out = _continuous_form(values(points), normal, along)
        # Adaptive quadrature would chase the rounding of entries that vanish.
        out[np.abs(out) <= _ROUNDING * np.abs(out).max()] = 0.0
        flat = out.reshape(len(points), -1)
        return np.concatenate([flat.real, flat.imag], axis=1)

    data = [part for e in exprs.values() for part in real_imaginary(e) if space.of(part)]
    try:
        means, errors = mean_of_function(blocks, tuple(dict.fromkeys(data)), space)
    except np.linalg.LinAlgError:
        return None
    if not np.all(np.isfinite(means)) or not np.all(np.isfinite(errors)):
        return None
    half = size * size
    mean = (means[:half] + 1j * means[half:]).reshape(size, size)
    matrix = _from_continuous_form(mean, normal, along)
    first = matrix[normal[:, None], normal]
    # The matrix is a product of at most three means: to first order their errors grow by these
    # sizes.
    scale = 1 + float(np.abs(first).max()) * (1 + float(np.abs(mean).max())) ** 2
    return LaminateForm(matrix, places, float(np.max(errors)) * scale)


def _continuous_form(a: ComplexArray, normal: Integers, along: Integers) -> ComplexArray:
    """What has to be averaged of matrices (n, places, places).

    Across the layers fluxes are continuous, along them gradients: a is solved for the others in
    terms of these, and means of that form are the form of the laminate.
    """
    # Fluxes across layers and slopes along them are the same in all layers; the other two are
    # written in terms of these, so that their means are means of numbers.
    inverse = np.linalg.inv(a[:, normal[:, None], normal])
    right = inverse @ a[:, normal[:, None], along]
    out = np.zeros_like(a)
    out[:, normal[:, None], normal] = inverse
    out[:, normal[:, None], along] = right
    out[:, along[:, None], normal] = a[:, along[:, None], normal] @ inverse
    out[:, along[:, None], along] = (
        a[:, along[:, None], along] - a[:, along[:, None], normal] @ right
    )
    return out


def _from_continuous_form(mean: ComplexArray, normal: Integers, along: Integers) -> ComplexArray:
    """The matrix (places, places) whose form of continuous quantities is `mean`."""
    first = np.linalg.inv(mean[normal[:, None], normal])
    right = mean[normal[:, None], along]
    left = mean[along[:, None], normal]
    matrix = np.array(mean)
    matrix[normal[:, None], normal] = first
    matrix[normal[:, None], along] = first @ right
    matrix[along[:, None], normal] = left @ first
    matrix[along[:, None], along] = mean[along[:, None], along] + left @ first @ right
    return matrix


def _evaluator(
    exprs: Exprs, places: tuple[ComponentDerivative, ...], space: DataSpace
) -> Callable[[Array], ComplexArray]:
    """Points (n, 1) -> (n, places, places)."""
    numbers = {place: n for n, place in enumerate(places)}
    calls: list[tuple[int, int, Call, Call]] = []
    for (row, column), expr in exprs.items():
        real, imaginary = (evaluator(part, space.symbols) for part in real_imaginary(expr))
        calls.append((numbers[row], numbers[column], real, imaginary))

    def values(points: Array) -> ComplexArray:
        out = np.zeros((len(points), len(places), len(places)), dtype=complex)
        for row, column, real, imaginary in calls:
            out[:, row, column] = real(points) + 1j * imaginary(points)
        return out

    return values


def _multi_indices(dim: int, order: int) -> list[MultiIndex]:
    """All of one order."""
    if dim == 1:
        return [(order,)]
    return [
        (first, *rest)
        for first in range(order, -1, -1)
        for rest in _multi_indices(dim - 1, order - first)
    ]


def _counts(axes: Sequence[int], dim: int) -> MultiIndex:
    """(0, 1) -> (1, 1): how often each axis occurs."""
    return tuple(list(axes).count(k) for k in range(dim))
