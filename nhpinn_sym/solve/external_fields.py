"""Coefficients of cell problems that are known as functions: effective coefficients of a finer
level, and functions that a user gives.

Both are `Coefficients` of the `externals` of the cell problems, which every backend evaluates at
its own points; torch, which differentiates them, has them as functions without a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.model import HomogenizedModel
from ..emit.unknown_functions import opaque_nodes
from ..lower.forms import External, LoweredCells, LoweredEquation, MultiIndex
from ..lower.substitution import substituted
from ..problem.errors import ProblemError, SolveError, UnsupportedError
from ..problem.images import ImageFunction, images_in
from ..problem.numeric import lambdified
from ..resolution.problems import cell_data
from ..runtime.arrays import PointFunction
from .effective_entries import Entry, require
from .solution import Array, Coefficients, EffectiveKey


@dataclass(frozen=True)
class FinerLevel:
    """The effective coefficients of the solved cells of a finer level, as `Coefficients`.

    entries : of these cells
    model   : of the finer level, whose slow variables the entries depend on
    names   : the coordinates of the points that it is asked at
    """

    entries: Mapping[EffectiveKey, Entry]
    model: HomogenizedModel
    names: tuple[str, ...]

    def __call__(self, external: External, points: Array) -> Array:
        own = [str(v) for v in self.model.cell_operator.slow]
        columns = np.zeros((len(points), len(own)))
        index = [0] * len(own)
        orders = dict(enumerate(external.derivative))
        for k, (name, values) in enumerate(zip(self.names, points.T, strict=True)):
            order = orders.get(k, 0)
            if name in own:
                columns[:, own.index(name)] = values
                index[own.index(name)] = order
            elif order:
                return np.zeros(len(points))
        return require(self.entries, (external.name, external.index))(columns, tuple(index))


@dataclass(frozen=True)
class GivenFunctions:
    """Functions of arrays as `Coefficients`: {name of an external: (function, its arguments)}."""

    names: tuple[str, ...]
    nodes: Mapping[str, tuple[Callable[..., Array], tuple[sp.Expr, ...]]]

    def __call__(self, external: External, points: Array) -> Array:
        if any(external.derivative):
            raise UnsupportedError(
                "a derivative of a coefficient without a formula",
                term=f"D^{external.derivative} {external.name}",
                remedy='use backend="pinn", which differentiates it',
            )
        function, arguments = self.nodes[external.name]
        symbols = sorted(set().union(*(a.free_symbols for a in arguments)), key=str)
        columns = dict(zip(self.names, points.T, strict=True))
        found = lambdified(symbols, arguments, "numpy")(*(columns[str(v)] for v in symbols))
        return function(*(np.broadcast_to(a, (len(points),)) for a in found))


def point_names(lowered: LoweredCells | LoweredEquation) -> tuple[str, ...]:
    """What the columns of the points are at which external fields are asked."""
    if isinstance(lowered, LoweredEquation):
        return tuple(map(str, lowered.coordinates))
    return tuple(map(str, (*lowered.coordinates, *lowered.slow)))


def with_given_functions(
    cells: LoweredCells,
    functions: Mapping[str, Callable[..., Any]],
    values: Mapping[str, float],
    known: Coefficients | None = None,
) -> tuple[LoweredCells, Coefficients]:
    """The cell problems with externals in the place of functions without a formula, for backends
    that read weak forms; `known`: the values of the externals that they have already.

    UnsupportedError where these hold derivatives of the functions, which the numbers of a function
    do not give.
    """
    weak = replace(
        cells, strong=(), functions=tuple(replace(f, source=()) for f in cells.functions)
    )
    nodes = opaque_nodes(replace(weak, finer=None))
    swap, externals, given = _given_externals(weak, nodes, functions, values)
    found = replace(substituted(weak, swap), externals=(*weak.externals, *externals))
    return found, given if known is None else _either(given, known)


def equation_with_given_functions(
    equation: LoweredEquation,
    functions: Mapping[str, Callable[..., Any]],
    values: Mapping[str, float],
    known: Coefficients,
) -> tuple[LoweredEquation, Coefficients]:
    """The same for a boundary value problem, whose own externals have the values `known`."""
    weak = replace(equation, strong=(), sources=(), flux=())
    # What effective coefficients are averages of is for the mesh, which asks for no numbers.
    nodes = opaque_nodes(replace(weak, averaged=(), two_scale=()))
    for node in nodes:
        if weak.time is not None and node.has(weak.time):
            raise UnsupportedError(
                "a function without a formula that depends on time",
                term=node,
                remedy='use backend="pinn", or write the dependence on time as a formula',
            )
    swap, externals, given = _given_externals(weak, nodes, functions, values)
    found = replace(substituted(weak, swap), externals=(*weak.externals, *externals))
    return found, _either(given, known)


def _either(given: GivenFunctions, known: Coefficients) -> Coefficients:
    """The functions that were given, and what is known besides."""

    def fields(external: External, points: Array) -> Array:
        if external.name in given.nodes:
            return given(external, points)
        return known(external, points)

    return fields


def _given_externals(
    weak: LoweredCells | LoweredEquation,
    nodes: Iterable[sp.Expr],
    functions: Mapping[str, Callable[..., Any]],
    values: Mapping[str, float],
) -> tuple[dict[sp.Basic, sp.Expr], tuple[External, ...], GivenFunctions]:
    """What stands for each of the nodes, its externals, and their values."""
    numbers = {v: sp.Float(values[str(v)], 17) for v in weak.parameters}
    externals = []
    swap: dict[sp.Basic, sp.Expr] = {}
    behind = {}
    for k, node in enumerate(nodes):
        if not isinstance(node, AppliedUndef):
            raise UnsupportedError(
                "a derivative of a coefficient without a formula",
                term=node,
                remedy='use backend="pinn", which differentiates it',
            )
        name = node.func.__name__
        symbol = sp.Symbol(f"{name}_given_{k}", real=True)
        swap[node] = symbol
        image = getattr(node.func, "image", None)
        externals.append(External(symbol, symbol.name, (), (0,) * len(weak.coordinates), image))
        arguments = tuple(a.xreplace(numbers) for a in node.args)
        behind[symbol.name] = (checked_function(name, functions[name]), arguments)
    return swap, tuple(externals), GivenFunctions(point_names(weak), behind)


def with_image_fields(cells: LoweredCells, values: Mapping[str, float]) -> LoweredCells:
    """The cell problems with externals in the place of images, so that what their numbers say is
    known: edges, means.
    """
    found = {node.func.__name__: node.func.image for node in _images(cells)}
    if not found:
        return cells
    return with_given_functions(cells, found, values)[0]


def _images(cells: LoweredCells) -> tuple[ImageFunction, ...]:
    return tuple(dict.fromkeys(node for c in cell_data(cells) for node in images_in(c)))


def as_functions(
    cells: LoweredCells, fields: Coefficients
) -> tuple[LoweredCells, dict[str, Callable[[MultiIndex, Array], Array]]]:
    """The cell problems with functions without a formula in the place of externals, and what is
    behind each by its name: (index over the coordinates and the slow ones, points) -> D^index.
    """
    arguments = (*cells.coordinates, *cells.slow)
    names: dict[tuple[str, tuple[int, ...]], str] = {}
    swap: dict[sp.Basic, sp.Expr] = {}
    for e in cells.externals:
        name = names.setdefault((e.name, e.index), f"field_{len(names)}")
        node = sp.Function(name)(*arguments)
        orders = [(v, n) for v, n in zip(cells.coordinates, e.derivative, strict=True) if n]
        swap[e.symbol] = sp.Derivative(node, *orders) if orders else node
    behind: dict[str, Callable[[MultiIndex, Array], Array]] = {}
    for (name, index), function in names.items():
        own = External(sp.Symbol(function), name, index, ())
        behind[function] = partial(_derived, fields, own)
    return replace(substituted(cells, swap), externals=()), behind


def _derived(fields: Coefficients, own: External, derivative: MultiIndex, points: Array) -> Array:
    return fields(replace(own, derivative=derivative), points)


def real_and_imaginary(coefficients: Coefficients) -> Coefficients:
    """The parts of complex coefficients, which externals of a real form ask for by a leading index
    0 or 1.
    """

    def part(external: External, points: Array) -> Array:
        if external.image is not None:
            return coefficients(external, points)
        imaginary, *index = external.index
        values = coefficients(replace(external, index=tuple(index)), points)
        if imaginary:
            return values.imag
        return values.real

    return part


def with_weak_fields(cells: LoweredCells) -> LoweredCells:
    """The cell problems with the externals that their weak forms and functionals hold."""
    held = set().union(*(c.free_symbols for c in cell_data(cells)))
    return replace(cells, externals=tuple(e for e in cells.externals if e.symbol in held))


@dataclass(frozen=True)
class CellFields:
    """The external fields of cell problems at single slow points."""

    cells: LoweredCells
    coefficients: Coefficients | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of their symbols."""
        return tuple(e.symbol.name for e in self.cells.externals)

    def at(self, slow_point: Array) -> dict[str, PointFunction]:
        """Each field by the name of its symbol."""
        externals = self.cells.externals
        return {e.symbol.name: partial(self._values, e, slow_point) for e in externals}

    def by_key(self) -> dict[tuple[str, tuple[int, ...]], PointFunction]:
        """Each field by (name, index), as a function of the coordinates and the slow ones."""
        return {(e.name, e.index): partial(self._asked, e) for e in self.cells.externals}

    def _values(self, external: External, slow_point: Array, points: Array) -> Array:
        slow = np.tile(np.asarray(slow_point, dtype=float), (len(points), 1))
        return self._asked(external, np.hstack([points, slow]))

    def _asked(self, external: External, points: Array) -> Array:
        if self.coefficients is None:
            raise SolveError(
                "the cell problems hold fields that are not given",
                term=external.symbol,
                remedy="solve them by solve_cells, which solves the finer level first",
            )
        return self.coefficients(external, points)

    def sample(self, slow_point: Array) -> Array:
        """Values of all fields at a few points."""
        box = np.array(self.cells.cell.bounds)
        points = box[:, 0] + _PLACES[:, None] * (box[:, 1] - box[:, 0])
        found = [field(points) for field in self.at(slow_point).values()]
        if found:
            return np.concatenate(found)
        return np.zeros(1)


# Shares of the cell along each axis.
_PLACES = np.array([0.0, 0.137, 0.291, 0.618, 0.866])


def checked_function(name: str, function: Callable[..., Any]) -> Callable[..., Array]:
    """The function of arrays of one shape, or numbers; ProblemError where it raises, or its values
    are not real or have another shape.
    """

    def values(*arguments: Any) -> Array:
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))
        try:
            found = np.asarray(function(*arrays))
        except Exception as cause:  # of any kind: the function is the user's
            raise ProblemError(
                f"the function {name} raised {type(cause).__name__}: {cause}",
                term=f"{name} at {len(arrays)} arrays",
                remedy=(
                    "give a function of arrays, of tensors for pinn, with one argument for each of"
                    " the coefficient's"
                ),
            ) from cause
        if found.dtype.kind not in "fiu":
            raise ProblemError(
                f"the function {name} gave values that are not real numbers",
                term=found.dtype,
                remedy="return one real number for each point",
            )
        if found.shape != arrays[0].shape:
            raise ProblemError(
                f"the function {name} gave values of shape {found.shape} at arguments of shape"
                f" {arrays[0].shape}",
                term=name,
                remedy="return one value for each point",
            )
        return found.astype(float)

    return values
