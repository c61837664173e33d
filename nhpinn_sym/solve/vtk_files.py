"""Files for ParaView, written without VTK: XML with the numbers in base64, little-endian doubles.

.vtu is an unstructured grid, .vti an image of equally spaced points, .pvd a series of files in
time (VTK file formats, version 1.0 with 64-bit headers).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from ..emit.source import output_path, write_atomic
from ..runtime.arrays import Array, Integers

# VTK's numbers of a line, a quadrilateral and a hexahedron, by dimension.
_SHAPES = {1: 3, 2: 9, 3: 12}
_CURVED_TRIANGLE = 22
_TYPES = {"f": ("Float64", "<f8"), "i": ("Int64", "<i8"), "u": ("UInt8", "<u1")}


def write_image(
    path: str | os.PathLike[str],
    origin: Sequence[float],
    spacing: Sequence[float],
    shape: Sequence[int],
    values: Mapping[str, Array],
) -> Path:
    """A .vti: arrays by name, (points,) or (points, components), the last axis of `shape`
    fastest.
    """
    counts = [*shape, 1, 1, 1][:3]
    extent = " ".join(f"0 {n - 1}" for n in counts)
    numbers = [
        _numbers([*origin, 0.0, 0.0][:3]),
        _numbers([*spacing, 1.0, 1.0][:3]),
    ]
    ordered = {name: _first_axis_fastest(value, shape) for name, value in values.items()}
    body = [
        f'<ImageData WholeExtent="{extent}" Origin="{numbers[0]}" Spacing="{numbers[1]}">',
        f'<Piece Extent="{extent}">',
        *_point_data(ordered),
        "</Piece>",
        "</ImageData>",
    ]
    return _write(path, "ImageData", body)


def write_grid(
    path: str | os.PathLike[str], lines: Sequence[Array], values: Mapping[str, Array]
) -> Path:
    """A .vtu of the boxes between the lines of each axis; arrays as for `write_image`."""
    shape = [len(line) for line in lines]
    nodes = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(shape))
    points = np.zeros((len(nodes), 3))
    points[:, : len(shape)] = nodes
    boxes = _boxes(shape)
    return _write_cells(path, points, boxes, _SHAPES[len(shape)], values)


def write_triangles(
    path: str | os.PathLike[str], nodes: Array, cells: Integers, values: Mapping[str, Array]
) -> Path:
    """A .vtu of plane triangles of six nodes, in gmsh's order, which is VTK's; arrays by node."""
    points = np.zeros((len(nodes), 3))
    points[:, :2] = nodes
    return _write_cells(path, points, cells, _CURVED_TRIANGLE, values)


def _write_cells(
    path: str | os.PathLike[str],
    points: Array,
    cells: Integers,
    kind: int,
    values: Mapping[str, Array],
) -> Path:
    body = [
        "<UnstructuredGrid>",
        f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(cells)}">',
        *_point_data(values),
        "<Points>",
        _data("Points", points),
        "</Points>",
        "<Cells>",
        _data("connectivity", cells.ravel()),
        _data("offsets", np.arange(1, len(cells) + 1) * cells.shape[1]),
        _data("types", np.full(len(cells), kind, dtype=np.uint8)),
        "</Cells>",
        "</Piece>",
        "</UnstructuredGrid>",
    ]
    return _write(path, "UnstructuredGrid", body)


def write_series(path: Path, files: Mapping[float, Path]) -> Path:
    """A .pvd beside its files, by time."""
    rows = [
        f'<DataSet timestep="{t!r}" part="0" file={quoteattr(file.name)}/>'
        for t, file in files.items()
    ]
    body = ["<Collection>", *rows, "</Collection>"]
    return _write(path, "Collection", body)


def _write(path: str | os.PathLike[str], kind: str, body: Sequence[str]) -> Path:
    head = f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64">'
    text = "\n".join(['<?xml version="1.0"?>', head, *body, "</VTKFile>", ""])
    return write_atomic(output_path(path), text.encode())


def _point_data(values: Mapping[str, Array]) -> list[str]:
    return ["<PointData>", *(_data(name, value) for name, value in values.items()), "</PointData>"]


def _data(name: str, value: NDArray[np.generic]) -> str:
    """One array; the length of its bytes stands before them."""
    kind, layout = _TYPES[value.dtype.kind]
    content = np.ascontiguousarray(value.astype(layout)).tobytes()
    encoded = base64.b64encode(np.uint64(len(content)).astype("<u8").tobytes() + content)
    components = f' NumberOfComponents="{value.shape[1]}"' if value.ndim > 1 else ""
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)}{components} format="binary">'
        f"{encoded.decode('ascii')}</DataArray>"
    )


def _first_axis_fastest(value: Array, shape: Sequence[int]) -> Array:
    """Points in VTK's order, from arrays whose last axis is the fastest."""
    block = value.reshape(*shape, -1)
    axes = [*reversed(range(len(shape))), len(shape)]
    return block.transpose(axes).reshape(value.shape)


def _boxes(shape: Sequence[int]) -> NDArray[np.int64]:
    """(boxes, 2^d): the corners of every box, in VTK's order: around the lower face, then above."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    around = {1: ((0,), (1,)), 2: ((0, 0), (1, 0), (1, 1), (0, 1))}
    corners = around.get(len(shape)) or tuple(
        (*corner, level) for level, corner in product((0, 1), around[2])
    )
    columns = [
        numbers[tuple(slice(k, n - 1 + k) for k, n in zip(corner, shape, strict=True))].ravel()
        for corner in corners
    ]
    return np.stack(columns, axis=1).astype(np.int64)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(repr(float(v)) for v in values)
