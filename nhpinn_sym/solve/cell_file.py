"""The file of solved cells: a `data_file` of the fields, the effective entries and all of
`info`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .cell_solution import CellSolution, FormInfo
from .data_file import Kind, read_as, write
from .effective_entries import Entry
from .expression_data import expression_data, read_formula, read_symbols
from .fields import field_data, read_field
from .interpolation import Nodes
from .solution import Array, EffectiveKey

_KIND = Kind("solved cells", "cells.save(path)")
# No solve interpolates by so high a degree: a file cannot ask for it either.
_MOST_DEGREE = 10_000


def save(cells: CellSolution, path: str | os.PathLike[str], **more: Any) -> Path:
    """Write to one .npz file, atomically; `more` is kept beside the cells."""
    return write(path, _KIND, {**more, **_data(cells)})


def unpacked(path: str | os.PathLike[str]) -> tuple[CellSolution, dict[str, Any]]:
    """The cells in a file, and all that is kept in it."""
    return read_as(path, _KIND, lambda value: (_restored(value), value))


def _data(cells: CellSolution) -> dict[str, Any]:
    """What `_restored` makes it from."""
    return {
        "backend": cells.backend,
        "dim": cells.dim,
        "axes": cells.axes,
        "order": cells.order,
        "components": cells.components,
        "forms": [(f.name, f.role, f.level, f.sources) for f in cells.forms],
        "fields": [[field_data(part) for part in row] for row in cells.fields],
        "parameters": dict(cells.parameters),
        "slow": list(cells.slow),
        "cell": [[name, *ends] for name, ends in cells.cell.items()],
        "nodes": _node_data(cells.nodes),
        "bounds": {name: list(pair) for name, pair in cells.bounds.items()},
        "info": dict(cells.info),
        "entries": [(key, _entry_data(entry)) for key, entry in cells.entries.items()],
    }


def _restored(data: Mapping[str, Any]) -> CellSolution:
    forms = tuple(
        FormInfo(str(name), str(role), int(level), sources)
        for name, role, level, sources in data["forms"]
    )
    fields = tuple(tuple(map(read_field, row)) for row in data["fields"])
    components = int(data["components"])
    if len(fields) != len(forms) or any(len(row) != components for row in fields):
        raise ValueError("fields do not fit the functions")
    bounds = {
        str(name): (_numbers(lower), _numbers(upper))
        for name, (lower, upper) in data["bounds"].items()
    }
    return CellSolution(
        str(data["backend"]),
        int(data["dim"]),
        int(data["axes"]),
        int(data["order"]),
        forms,
        fields,
        _nodes(data["nodes"]),
        tuple(map(str, data["slow"])),
        dict(map(_entry, data["entries"])),
        dict(data["info"]),
        components,
        bounds,
        {str(name): float(value) for name, value in data["parameters"].items()},
        {str(name): (float(a), float(b)) for name, a, b in data.get("cell", ())},
    )


def _entry_data(entry: Entry) -> dict[str, Any]:
    return {
        "nodes": _node_data(entry.nodes),
        "columns": list(entry.columns),
        "values": entry.values,
        "place": entry.place,
        "formula": None if entry.formula is None else expression_data(entry.formula),
        "coordinates": [expression_data(v) for v in entry.coordinates],
    }


def _entry(pair: tuple[EffectiveKey, Mapping[str, Any]]) -> tuple[EffectiveKey, Entry]:
    (name, index), data = pair
    coordinates = read_symbols(data["coordinates"])
    formula = None if data["formula"] is None else read_formula(data["formula"], coordinates)
    nodes = _nodes(data["nodes"])
    columns = tuple(map(int, data["columns"]))
    values = _numbers(data["values"])
    if formula is None and values.shape != ((len(nodes.points),) if columns else values.shape[:1]):
        raise ValueError("the values of an effective coefficient do not fit its nodes")
    return (str(name), tuple(map(int, index))), Entry(
        nodes, columns, values, data["place"], formula, coordinates
    )


def _numbers(value: Any) -> Array:
    if not isinstance(value, np.ndarray):
        raise TypeError("an array of numbers is missing")
    return value


def _node_data(nodes: Nodes) -> dict[str, Any]:
    return {
        "bounds": list(nodes.bounds),
        "degree": nodes.degree,
        "periodic": list(nodes.periodic),
        "cuts": [list(own) for own in nodes.cuts],
    }


def _nodes(data: Mapping[str, Any]) -> Nodes:
    bounds = tuple((float(a), float(b)) for a, b in data["bounds"])
    degree = int(data["degree"])
    if not 0 <= degree <= _MOST_DEGREE or not all(a < b for a, b in bounds):
        raise ValueError("no nodes of an interpolation")
    cuts = tuple(tuple(map(float, own)) for own in data["cuts"])
    return Nodes(bounds, degree, tuple(map(bool, data["periodic"])), cuts)
