"""Files of gmsh, MSH 4.1 and 2.2, text and binary: plane triangles, tetrahedra, and lines with
physical names.

The reader needs no library; see "MSH file format" in gmsh's reference manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import AnyArray, Array, Integers
from .cell_mesh import InvalidMesh
from .domain_mesh import DomainMesh, boundary_of
from .elements import EDGES, counterclockwise

# Nodes of the elements of gmsh, by their type.
_NODES = {1: 2, 2: 3, 3: 4, 4: 4, 5: 8, 6: 6, 7: 5, 8: 3, 9: 6, 10: 9, 11: 10, 15: 1, 16: 8, 17: 20}
_LINES, _TRIANGLES, _TETRAHEDRA, _POINT = (1, 8), (2, 9), (4, 11), 15
# Numbers that describe an entity beside its tag: a place, or the box around it.
_PLACES = {0: 3, 1: 6, 2: 6, 3: 6}
# Share of the size by which a plane mesh leaves its plane.
_FLAT = 1e-9
_FACETS = {2: "edges", 3: "faces"}


class _Numbers:
    """The numbers of a section, one after the other."""

    def __init__(self, data: bytes, binary: bool) -> None:
        self._data = data
        self._binary = binary
        self._at = 0
        self._words = [] if binary else data.split()

    def take(self, count: int, kind: str) -> AnyArray:
        """kind: "i" (int), "q" (size_t) or "d" (double)."""
        layout = {"i": "<i4", "q": "<u8", "d": "<f8"}[kind]
        number = float if kind == "d" else int
        if self._binary:
            size = count * int(layout[-1])
            if self._at + size > len(self._data):
                raise ValueError("the section is too short")
            found = np.frombuffer(self._data, layout, count, self._at)
            self._at += size
            return found.astype(float if kind == "d" else np.int64)
        words = self._words[self._at : self._at + count]
        if len(words) < count:
            raise ValueError("the section is too short")
        self._at += count
        return np.array([number(w) for w in words], dtype=float if kind == "d" else np.int64)

    def one(self, kind: str = "q") -> int:
        return int(self.take(1, kind)[0])


@dataclass
class _Content:
    """Nodes by their tags, and elements: type -> rows of (physical tag, node tags)."""

    tags: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    points: Array = field(default_factory=lambda: np.zeros((0, 3)))
    elements: dict[int, list[AnyArray]] = field(default_factory=dict)

    def add(self, kind: int, physical: Any, nodes: AnyArray) -> None:
        column = np.broadcast_to(np.asarray(physical), (len(nodes),))
        self.elements.setdefault(kind, []).append(np.column_stack([column, nodes]))

    def rows(self, kind: int) -> Integers:
        parts = self.elements.get(kind, [])
        return np.concatenate(parts) if parts else np.zeros((0, 1 + _NODES[kind]), np.int64)


def read_msh(data: bytes, scale: float = 1.0) -> DomainMesh:
    """The mesh in the bytes of a file, of tetrahedra where there are some. InvalidMesh where they
    are none, and where an edge or a face of the boundary has no physical name."""
    content, names = _content(data)
    if set(content.elements) & {*_TETRAHEDRA}:
        return _named(content, names, scale, *_tetrahedra(content))
    return _named(content, names, scale, *_triangles(content))


def read_simplices(data: bytes, dim: int) -> tuple[Array, Integers]:
    """Places (m, 6, 2) of the nodes of each triangle, counterclockwise, or (m, 10, 3) of each
    tetrahedron, and its physical tag, 0 without one. InvalidMesh as `read_msh`, whatever the
    boundary."""
    content, _ = _content(data)
    return _triangles(content) if dim == 2 else _tetrahedra(content)


def _content(data: bytes) -> tuple[_Content, dict[tuple[int, int], str]]:
    """Nodes and elements, and the physical names."""
    try:
        sections = dict(_sections(data))
        version, binary, _ = (float(word) for word in sections["MeshFormat"].split()[:3])
        names = _names(sections.get("PhysicalNames", b"0"))
        if version == 4.1:
            content = _read_4(sections, bool(binary))
        elif 2 <= version < 3:
            content = _read_2(sections, bool(binary))
        else:
            raise InvalidMesh(f"MSH {version:g} is not read: save it as MSH 4.1 or 2.2")
    except InvalidMesh:
        raise
    except Exception as cause:  # bytes from anywhere
        raise InvalidMesh("this is no MSH file, or it is damaged") from cause
    return content, names


def _sections(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, what stands between $Name and $EndName)."""
    at = 0
    while found := re.compile(rb"\$(\w+)[ \t\r]*\n").search(data, at):
        name = found.group(1)
        end = data.index(b"$End" + name, found.end())
        yield name.decode(), data[found.end() : end]
        at = end + len(name) + 4


def _names(section: bytes) -> dict[tuple[int, int], str]:
    """By dimension and physical tag."""
    rows = re.findall(rb'^\s*(\d+)\s+(\d+)\s+"(.*)"', section, flags=re.MULTILINE)
    return {(int(d), int(tag)): name.decode() for d, tag, name in rows}


def _read_4(sections: dict[str, bytes], binary: bool) -> _Content:
    entities = _Numbers(sections.get("Entities", b"0 0 0 0"), binary)
    physical: dict[tuple[int, int], int] = {}
    for dim, count in enumerate(entities.take(4, "q").tolist()):
        for _ in range(count):
            tag = entities.one("i")
            entities.take(_PLACES[dim], "d")
            own = entities.take(entities.one(), "i")
            if len(own):
                physical[dim, tag] = int(own[0])
            if dim:
                entities.take(entities.one(), "i")
    content = _Content()
    nodes = _Numbers(sections["Nodes"], binary)
    tags, points = [], []
    for _ in range(int(nodes.take(4, "q")[0])):
        dim, _, parametric = nodes.take(3, "i").tolist()
        count = nodes.one()
        tags.append(nodes.take(count, "q"))
        width = 3 + (dim if parametric else 0)
        points.append(nodes.take(width * count, "d").reshape(count, width)[:, :3])
    content.tags, content.points = np.concatenate(tags), np.concatenate(points)
    elements = _Numbers(sections["Elements"], binary)
    for _ in range(int(elements.take(4, "q")[0])):
        dim, tag, kind = elements.take(3, "i").tolist()
        count, width = elements.one(), 1 + _nodes(kind)
        rows = elements.take(count * width, "q").reshape(count, width)
        content.add(kind, physical.get((dim, tag), 0), rows[:, 1:])
    return content


def _read_2(sections: dict[str, bytes], binary: bool) -> _Content:
    content = _Content()
    count, _, rest = sections["Nodes"].partition(b"\n")
    total = int(count)
    if binary:
        rows = np.frombuffer(rest, np.dtype([("tag", "<i4"), ("x", "<f8", 3)]), total)
        content.tags, content.points = rows["tag"].astype(np.int64), rows["x"].copy()
    else:
        table = np.array(rest.split()[: 4 * total], dtype=float).reshape(total, 4)
        content.tags, content.points = table[:, 0].astype(np.int64), table[:, 1:]
    count, _, rest = sections["Elements"].partition(b"\n")
    elements = _Numbers(rest, binary)
    left = int(count)
    while left:
        if binary:
            kind, own, marks = elements.take(3, "i").tolist()
            rows = elements.take(own * (1 + marks + _nodes(kind)), "i").reshape(own, -1)
        else:
            _, kind, marks = elements.take(3, "i").tolist()
            own = 1
            rows = np.append(0, elements.take(marks + _nodes(kind), "i"))[None]
        content.add(kind, rows[:, 1] if marks else 0, rows[:, 1 + marks :])
        left -= own
    return content


def _nodes(kind: int) -> int:
    if kind not in _NODES:
        raise InvalidMesh(f"elements of type {kind} of gmsh: save elements of order 1 or 2")
    return _NODES[kind]


def _triangles(content: _Content) -> tuple[Array, Integers]:
    others = set(content.elements) - {*_LINES, *_TRIANGLES, _POINT}
    if others:
        raise InvalidMesh(f"elements of type {min(others)} of gmsh: only plane triangles are read")
    size = float(np.ptp(content.points, axis=0).max(initial=0.0))
    if not len(content.points) or np.ptp(content.points[:, 2]) > _FLAT * size:
        raise InvalidMesh("a mesh without nodes, or one that does not lie in the plane z = 0")
    return _all_of(content, _TRIANGLES, "triangles")


def _tetrahedra(content: _Content) -> tuple[Array, Integers]:
    others = set(content.elements) - {*_LINES, *_TRIANGLES, *_TETRAHEDRA, _POINT}
    if others:
        raise InvalidMesh(f"elements of type {min(others)} of gmsh: only tetrahedra are read here")
    return _all_of(content, _TETRAHEDRA, "tetrahedra")


def _all_of(content: _Content, kinds: tuple[int, int], name: str) -> tuple[Array, Integers]:
    """The elements of order 1 and those of order 2."""
    found = [_with_middles(content, kind) for kind in kinds]
    cells, regions = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(cells):
        raise InvalidMesh(f"a mesh without {name}")
    return cells, regions


def _with_middles(content: _Content, kind: int) -> tuple[AnyArray, Integers]:
    """Places (m, k, d) of the nodes, counterclockwise, and the physical tag of each element."""
    dim = 2 if kind in _TRIANGLES else 3
    rows = content.rows(kind)
    x = content.points[_numbers(content, rows[:, 1:])][..., :dim]
    if x.shape[1] == dim + 1:
        x = np.concatenate([x, x[:, EDGES[dim]].mean(axis=2)], axis=1)
    return counterclockwise(x), rows[:, 0]


def _numbers(content: _Content, tags: Integers) -> Integers:
    """The places of nodes in the list of all, by their tags."""
    order = np.argsort(content.tags)
    found = order[np.searchsorted(content.tags, tags, sorter=order).clip(max=len(order) - 1)]
    if not np.array_equal(content.tags[found], tags):
        raise InvalidMesh("elements have nodes that are not there")
    return np.asarray(found)


def _named(
    content: _Content,
    names: dict[tuple[int, int], str],
    scale: float,
    places: Array,
    regions: Integers,
) -> DomainMesh:
    """With the parts of the boundary by the physical names of lines, or of triangles."""
    dim = places.shape[2]
    step = 1e-9 * float(np.ptp(content.points, axis=0).max())
    keys = np.rint(places.reshape(-1, dim) / step).astype(np.int64)
    _, first, numbers = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    cells = numbers.reshape(-1, places.shape[1])
    points = places.reshape(-1, dim)[first]
    facets = boundary_of(cells)
    known: dict[frozenset[tuple[int, ...]], str] = {}
    for kind in _LINES if dim == 2 else _TRIANGLES:
        rows = content.rows(kind)
        ends = content.points[_numbers(content, rows[:, 1 : 1 + dim])][..., :dim]
        for tag, pair in zip(rows[:, 0].tolist(), np.rint(ends / step).astype(np.int64)):
            if (dim - 1, tag) in names:
                known[frozenset(tuple(end) for end in pair.tolist())] = names[dim - 1, tag]
    found = []
    for facet in points[facets[:, :dim]]:
        pair = np.rint(facet / step).astype(np.int64).tolist()
        found.append(known.get(frozenset(tuple(end) for end in pair), ""))
    if "" in found:
        place = points[facets[found.index(""), dim]]
        raise InvalidMesh(
            f"{found.count('')} of {len(found)} {_FACETS[dim]} of the boundary have no physical"
            f" name, the first one near ({', '.join(f'{x:.6g}' for x in place)})"
        )
    labels = tuple(dict.fromkeys(found))
    parts = np.array([labels.index(name) for name in found])
    phases = np.unique(regions, return_inverse=True)[1] + 1
    return DomainMesh(scale * points, cells, phases, facets, parts, labels)
