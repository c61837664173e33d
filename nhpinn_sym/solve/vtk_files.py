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
from ..runtime.arrays import AnyArray, Array, Integers

# VTK's numbers of a line, a quadrilateral, a hexahedron, a triangle and a tetrahedron of order 2,
# by their nodes.
_KINDS = {2: 3, 4: 9, 8: 12, 6: 22, 10: 24}
VTK_NODES = {2: [0, 1, 2, 3, 4, 5], 3: [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]}
"""Nodes of a triangle, or a tetrahedron, of order 2 in gmsh's order, as VTK has them."""
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
        *_section("PointData", ordered),
        "</Piece>",
        "</ImageData>",
    ]
    return _write(path, "ImageData", body)


def write_grid(
    path: str | os.PathLike[str], lines: Sequence[Array], values: Mapping[str, Array]
) -> Path:
    """A .vtu of the boxes between the lines of each axis; arrays as for `write_image`."""
    nodes = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
    return write_elements(path, nodes, boxes([len(line) for line in lines]), values)


def write_elements(
    path: str | os.PathLike[str],
    nodes: Array,
    elements: Integers,
    values: Mapping[str, Array] | None = None,
    inside: Mapping[str, AnyArray] | None = None,
) -> Path:
    """A .vtu of elements (m, k) of nodes (n, d), in VTK's order, see `VTK_NODES`. values: arrays by
    node; inside: by element.
    """
    points = np.zeros((len(nodes), 3))
    points[:, : nodes.shape[1]] = nodes
    count, corners = elements.shape
    body = [
        "<UnstructuredGrid>",
        f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{count}">',
        *_section("PointData", values or {}),
        *_section("CellData", inside or {}),
        "<Points>",
        _data("Points", points),
        "</Points>",
        "<Cells>",
        _data("connectivity", elements.ravel()),
        _data("offsets", np.arange(1, count + 1) * corners),
        _data("types", np.full(count, _KINDS[corners], dtype=np.uint8)),
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


def _section(name: str, values: Mapping[str, AnyArray]) -> list[str]:
    return [f"<{name}>", *(_data(own, value) for own, value in values.items()), f"</{name}>"]


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


def boxes(shape: Sequence[int]) -> NDArray[np.int64]:
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
