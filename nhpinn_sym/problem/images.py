"""Coefficients from images of the cell: one value for each label of a pixel or voxel."""

from __future__ import annotations

import copyreg
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from ..runtime.arrays import AnyArray, Array
from .domain import Cell, LatticeCell
from .errors import ProblemError, shortened
from .label_arrays import label_array
from .scales import Scales
from .user_input import instance, scalar

# Labels whose values are formulas: the coefficient is a sum over them.
_MOST_FORMULAS = 64
# Labels, or places, that a message lists.
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Image:
    """A number for every pixel of a periodic cell: `table[labels]`, pixel (i, j) at ((i + 1/2)/n,
    (j + 1/2)/m) of the cell.
    """

    labels: AnyArray
    table: tuple[float, ...]
    bounds: tuple[tuple[float, float], ...]

    @cached_property
    def digest(self) -> str:
        """Equal for equal images."""
        parts = (self.labels.tobytes(), repr((self.labels.shape, self.table, self.bounds)).encode())
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.labels.shape

    def __call__(self, *coordinates: Any) -> Array:
        """Values at coordinates, one array of one shape for each axis; periodic, and on an edge
        those of the upper pixel.
        """
        places = []
        for y, (a, b), n in zip(coordinates, self.bounds, self.shape, strict=True):
            share = (np.asarray(y, dtype=float) - a) / (b - a)
            places.append(np.floor((share - np.floor(share)) * n).astype(np.intp) % n)
        return np.asarray(self.table)[self.labels[tuple(places)]]

    def edges(self, axis: int) -> list[float]:
        """Planes across an axis between pixels of different values, in [a, b): the lower end where
        the image does not go on periodically.
        """
        n = self.shape[axis]
        values = np.asarray(self.table)[self.labels]
        differ = values != np.roll(values, 1, axis)
        others = tuple(k for k in range(values.ndim) if k != axis)
        a, b = self.bounds[axis]
        return [a + (b - a) * int(k) / n for k in np.flatnonzero(differ.any(axis=others))]


class ImageFunction(AppliedUndef):
    """An image at a point (y_1, ..., y_d): what is known of it are its numbers, `image`."""

    image: Image


class _ImageClass(UndefinedFunction):
    """The class of one image; equal images and names share it."""


_CLASSES: WeakValueDictionary[tuple[str, str], _ImageClass] = WeakValueDictionary()


def image_class(name: str, image: Image) -> _ImageClass:
    """The one class of functions that stands for this image under this name."""
    key = (name, image.digest)
    found = _CLASSES.get(key)
    if found is None:
        found = _ImageClass(name, bases=(ImageFunction,), real=True, image=image)
        _CLASSES[key] = found
    return found


def _pickled(own: _ImageClass) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return image_class, (own.__name__, own.image)


copyreg.pickle(_ImageClass, _pickled)


def images_in(expr: sp.Basic) -> tuple[ImageFunction, ...]:
    """The images in an expression."""
    return tuple(sorted(expr.atoms(ImageFunction), key=str))


def check_images(
    exprs: Sequence[sp.Expr], cells: Mapping[tuple[sp.Expr, ...], Cell | None]
) -> None:
    """ProblemError for images at other points than the coordinates of their cell, or of another
    cell. cells: by their coordinates.
    """
    for node in dict.fromkeys(node for expr in exprs for node in images_in(expr)):
        if node.args not in cells:
            raise ProblemError(
                "an image at other points than those of the cell",
                term=node,
                remedy="shift or turn the array itself: numpy.roll, numpy.rot90",
            )
        cell = cells[node.args]
        if cell is not None and cell.bounds != node.image.bounds:
            lengths = " x ".join(f"({a:g}, {b:g})" for a, b in node.image.bounds)
            raise ProblemError(
                "an image covers another cell than that of the problem",
                term=f"{node} on {lengths}, {cell}",
                remedy="give the same cell= to nh.image and to the problem",
            )


def image(
    scales: Scales,
    labels: object,
    values: Mapping[Any, Any],
    *,
    cell: Cell | None = None,
    name: str | None = None,
) -> Any:
    """The coefficient that takes one value for each label of an image of the cell.

    labels : an array (n,) * d of numbers, or a file .npy, .png or .tif(f) (gray; a stack of pages
             in three dimensions). Pixel [i, j] has its centre at y = ((i + 1/2)/n, (j + 1/2)/m):
             the first axis of the array is y1.
    values : {label: number, expression in s.x and s.y, or matrix}, for every label in the image.
    cell   : the periodicity cell of the problem (default: the unit cell), which the image covers.
    name   : of the function that stands for it in formulas.

    A SymPy expression, or a matrix of such. solve_cells(model, "voxel") takes it as it is; finite
    elements on lattices with lines at the edges of the pixels.
    ProblemError for an image that has another dimension, holds nan, or a label without a value;
    FileError for a file that cannot be read.

    >>> s = nh.Scales(2)
    >>> a = nh.image(s, [[0, 1], [1, 0]], {0: 1, 1: 9}, name="board")
    >>> a
    board(y1, y2)
    >>> u = s.unknown("u")
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> cells = nh.solve_cells(nh.homogenize(problem), "voxel", n_sub=16, tolerance=0.2)
    >>> lower, upper = cells.bounds["A"]
    >>> lower[0, 0] < 3 < upper[0, 0]  # a checkerboard of 1 and 9 conducts like sqrt(1 * 9)
    True
    """
    scales = instance(scales, Scales, "scales", "write nh.image(s, array, {...}), s = Scales(dim)")
    cell = Cell.unit(scales.dim) if cell is None else cell
    cell = instance(cell, Cell, "cell", "write cell=Cell((0, 1), ...)")
    if isinstance(cell, LatticeCell):
        raise ProblemError(
            "an image of the cell of a lattice that is no box",
            term=cell,
            remedy="give an image of a box: cell=Cell((0, 1), ...)",
        )
    if cell.dim != scales.dim:
        raise ProblemError(
            f"the cell has dimension {cell.dim}, the scales have {scales.dim}",
            term=cell,
            remedy="give one interval per dimension",
        )
    if name is not None and not (isinstance(name, str) and name.isidentifier()):
        raise ProblemError(
            "the name of an image is no word", term=shortened(name), remedy='write name="rock"'
        )
    array = label_array(labels, scales.dim)
    found, places = _numbered(array)
    given = _values_of(found, values)
    places.setflags(write=False)
    make = _Maker(scales, cell, places, name)
    if not isinstance(given[0], sp.MatrixBase):
        return make.entry(tuple(given), "")
    shape = given[0].shape
    entries: dict[tuple[sp.Expr, ...], sp.Expr] = {}
    for i in range(shape[0]):
        for j in range(shape[1]):
            own = tuple(v[i, j] for v in given)
            if own not in entries:
                entries[own] = make.entry(own, f"_{len(entries) + 1}")
    rows = [
        [entries[tuple(v[i, j] for v in given)] for j in range(shape[1])] for i in range(shape[0])
    ]
    return sp.Matrix(rows)


def checkerboard(scales: Scales, first: object, second: object, *, cell: Cell | None = None) -> Any:
    """The coefficient of a board with two fields along each axis, `first` in that at the origin.

    In two dimensions two isotropic phases conduct like sqrt(first * second) (Dykhne 1970, Sov.
    Phys. JETP 32:63).

    >>> s = nh.Scales(2)
    >>> board = nh.checkerboard(s, 1, 9)
    >>> board, board.image(0.1, 0.7)
    (checkerboard(y1, y2), 9.0)
    """
    scales = instance(scales, Scales, "scales", "write nh.checkerboard(s, 1, 10)")
    board = np.indices((2,) * scales.dim).sum(axis=0) % 2
    return image(scales, board, {0: first, 1: second}, cell=cell, name="checkerboard")


@dataclass(frozen=True)
class _Maker:
    """Coefficients on one array of labels, numbered from 0."""

    scales: Scales
    cell: Cell
    places: AnyArray
    name: str | None

    def entry(self, values: tuple[sp.Expr, ...], suffix: str) -> sp.Expr:
        """One function where all values are real numbers, otherwise a sum over the labels."""
        if len(set(values)) == 1:
            return values[0]
        if all(v.is_number and v.is_real for v in values):
            return self._function(tuple(map(float, values)), suffix)
        if len(values) > _MOST_FORMULAS:
            raise ProblemError(
                f"{len(values)} labels have values that are no real numbers",
                term=shortened(values[:_SHOWN]),
                remedy=f"give formulas for {_MOST_FORMULAS} labels at most",
            )
        parts = [values[0]]
        for k in range(1, len(values)):
            table = tuple(float(label == k) for label in range(len(values)))
            parts.append((values[k] - values[0]) * self._function(table, f"_of_{k}"))
        return sp.Add(*parts)

    def _function(self, table: tuple[float, ...], suffix: str) -> sp.Expr:
        found = Image(self.places, table, self.cell.bounds)
        head = f"image_{found.digest[:6]}" if self.name is None else f"{self.name}{suffix}"
        return image_class(head, found)(*self.scales.y)


def _numbered(array: AnyArray) -> tuple[AnyArray, AnyArray]:
    """(the labels, in order, the number of that of each pixel): small labels take no more memory
    than they have.
    """
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype in (np.uint8, np.uint16):
        found = np.unique(array)
        numbers = np.zeros(np.iinfo(array.dtype).max + 1, dtype=array.dtype)
        numbers[found] = np.arange(len(found))
        return found, numbers[array]
    found, places = np.unique(array, return_inverse=True)
    if len(found) <= np.iinfo(np.uint8).max:
        places = places.astype(np.uint8)
    return found, np.ascontiguousarray(places.reshape(array.shape))


def _values_of(found: AnyArray, values: object) -> list[Any]:
    """The value of each label that the image holds."""
    if not isinstance(values, Mapping) or not values:
        raise ProblemError(
            "the values of an image are a dictionary of labels",
            term=shortened(values),
            remedy="write {0: 1, 255: 10}",
        )
    table = {_label(key, found): value for key, value in values.items()}
    labels = found.tolist()
    missing = [v for v in labels if v not in table]
    if missing:
        raise ProblemError(
            f"{len(missing)} labels of the image have no value",
            term=", ".join(map(str, missing[:_SHOWN])),
            remedy="give a value for every label: {0: 1, 255: 10}; an image of many gray levels is"
            " to be segmented first",
        )
    given = [_value(table[v]) for v in labels]
    shapes = {getattr(v, "shape", ()) for v in given}
    if len(shapes) > 1:
        raise ProblemError(
            "the values of an image have different shapes",
            term=shortened(sorted(shapes)),
            remedy="give numbers for all labels, or matrices of one shape",
        )
    return given


def _label(key: object, found: AnyArray) -> int | float:
    """The label that a key means, as an image has it: floats as they are rounded there."""
    try:
        if found.dtype.kind == "f":
            return float(found.dtype.type(key))
        number = float(key)  # type: ignore[arg-type]
        return int(key) if number.is_integer() else number  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError) as cause:
        raise ProblemError(
            "a label of an image is no number", term=shortened(key), remedy="write {0: 1, 255: 10}"
        ) from cause


def _value(value: Any) -> Any:
    """A number or formula, or a matrix of such."""
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) != 0:
        value = sp.Matrix(value)
    if isinstance(value, sp.MatrixBase):
        return sp.ImmutableDenseMatrix(value.shape[0], value.shape[1], [_entry(v) for v in value])
    return _entry(value)


def _entry(value: object) -> sp.Expr:
    return scalar(value, ProblemError, "a value of an image")


def common_shape(images: Sequence[Image]) -> tuple[int, ...]:
    """The coarsest grid on which every box lies in one pixel of each image."""
    return tuple(math.lcm(*sizes) for sizes in zip(*(i.shape for i in images), strict=True))


def pixel_values(images: Sequence[Image]) -> tuple[Array, Array]:
    """(the combinations (m, images) of values that occur in a pixel, the share of the cell (m,) of
    each).
    """
    shape = common_shape(images)
    codes = np.zeros(shape, dtype=np.int64)
    for found in images:
        labels = found.labels
        for axis, (n, own) in enumerate(zip(shape, found.shape, strict=True)):
            labels = np.repeat(labels, n // own, axis=axis)
        codes = codes * len(found.table) + labels
    numbers, counts = np.unique(codes, return_counts=True)
    columns = []
    for found in reversed(images):
        numbers, places = np.divmod(numbers, len(found.table))
        columns.append(np.asarray(found.table)[places])
    return np.stack(columns[::-1], axis=-1), counts / codes.size
