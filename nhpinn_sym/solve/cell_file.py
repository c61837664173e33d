"""The file of solved cells: one .npz with the arrays of fields and entries, and the rest as JSON beside them."""

from __future__ import annotations

import importlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import sympy as sp

from ..emit.source import write_atomic
from ..problem.errors import ProblemError
from .cell_solution import CellSolution, FormInfo
from .chebyshev import Nodes
from .effective import Entry
from .interpolated import InterpolatedField
from .real_parts import ComplexField
from .solution import CellField

_FIELDS = {
    "fourier": ("fourier.cells", "FourierField"),
    "pinn": ("pinn.network_field", "NetworkField"),
    "skfem": ("fem.common", "LagrangeField"),
    "dolfinx": ("fem.common", "LagrangeField"),
}


def save(cells: CellSolution, path: str | os.PathLike[str], **more: Any) -> Path:
    """Write to one .npz file, atomically; `more` is kept as JSON beside the cells."""
    buffer = io.BytesIO()
    np.savez(buffer, **_packed(cells, more))
    return write_atomic(Path(path), buffer.getvalue())


def load(path: str | os.PathLike[str]) -> CellSolution:
    """Read what `CellSolution.save` wrote. ProblemError where the file is something else."""
    cells, meta = unpacked(path)
    if "family" in meta:
        raise ProblemError("this is a file of a family of cells", term=path, remedy="read it with load_family(path)")
    return cells


def _packed(cells: CellSolution, more: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays from which `unpacked` makes it again."""
    meta = {
        **more,
        "backend": cells.backend, "dim": cells.dim, "axes": cells.axes, "order": cells.order, "components": cells.components,
        "forms": [[f.name, f.role, f.level, f.sources] for f in cells.forms],
        "parameters": dict(cells.parameters), "slow": cells.slow, "nodes": _node_data(cells.nodes),
        "bounds": {name: [end.tolist() for end in pair] for name, pair in cells.bounds.items()},
        "info": {k: v for k, v in cells.info.items() if isinstance(v, (str, int, float, bool))},
        "entries": [
            [name, index, entry.columns, _node_data(entry.nodes), entry.place, None if entry.formula is None else sp.srepr(entry.formula),
             sp.srepr(sp.Tuple(*entry.coordinates))]
            for (name, index), entry in cells.entries.items()
        ],
    }
    arrays: dict[str, Any] = {f"entry_{k}": e.values for k, e in enumerate(cells.entries.values())}
    for k, row in enumerate(cells.fields):
        for i, part in enumerate(row):
            arrays |= {f"field_{k}_{i}/{name}": value for name, value in part.state().items()}
    return {"meta": np.array(json.dumps(meta)), **arrays}


def unpacked(path: str | os.PathLike[str]) -> tuple[CellSolution, dict[str, Any]]:
    """The cells in a file, and what was kept beside them."""
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        return _restored(meta, arrays), meta
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError) as cause:
        raise ProblemError("this is not a file of solved cells", term=path, remedy="give a file that cells.save(path) wrote") from cause


def _restored(meta: dict[str, Any], arrays: dict[str, Any]) -> CellSolution:
    entries = {}
    for k, (name, index, columns, nodes, place, formula, coordinates) in enumerate(meta["entries"]):
        sign, equation, left, field, right = place
        entries[name, tuple(index)] = Entry(
            _nodes(nodes), tuple(columns), arrays[f"entry_{k}"], (sign, equation, tuple(left), field, tuple(right)),
            None if formula is None else sp.sympify(formula), tuple(sp.sympify(coordinates)),
        )
    module, class_name = _FIELDS[meta["backend"]]
    field_class = getattr(importlib.import_module(f"nhpinn_sym.solve.{module}"), class_name)
    states: dict[tuple[int, int], dict[str, Any]] = {(k, i): {} for k in range(len(meta["forms"])) for i in range(meta["components"])}
    for name, value in arrays.items():
        if name.startswith("field_"):
            head, _, entry = name.partition("/")
            _, function, component = head.split("_")
            states[int(function), int(component)][entry] = value
    fields = tuple(tuple(_field(field_class, states[k, i]) for i in range(meta["components"])) for k in range(len(meta["forms"])))
    forms = tuple(FormInfo(name, role, level, tuple(((key[0], tuple(key[1])), sign) for key, sign in sources))
                  for name, role, level, sources in meta["forms"])
    bounds = {name: (np.array(a), np.array(b)) for name, (a, b) in meta["bounds"].items()}
    return CellSolution(meta["backend"], meta["dim"], meta["axes"], meta["order"], forms, fields, _nodes(meta["nodes"]), tuple(meta["slow"]), entries,
                        meta["info"], meta["components"], bounds, meta["parameters"])


def _field(field_class: Any, state: dict[str, Any]) -> CellField:
    """A field from its state: between slow points, in two real parts, or of a class that the state names."""
    if "interpolation" in state:
        return InterpolatedField(_field(field_class, _inside(state, "field")), state["interpolation"])
    if any(name.startswith("imaginary.") for name in state):
        real, imaginary = (_field(field_class, _inside(state, part)) for part in ("real", "imaginary"))
        return ComplexField(real, imaginary)
    if "class" in state:
        module, _, name = str(state["class"]).rpartition(".")
        field_class = getattr(importlib.import_module(f"nhpinn_sym.solve.{module}"), name)
    found: CellField = field_class.from_state(state)
    return found


def _inside(state: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The state of a part of a field."""
    return {name.partition(".")[2]: value for name, value in state.items() if name.startswith(f"{part}.")}


def _node_data(nodes: Nodes) -> list[Any]:
    return [nodes.bounds, nodes.degree, nodes.periodic]


def _nodes(data: list[Any]) -> Nodes:
    bounds, degree, periodic = data
    return Nodes(tuple((float(a), float(b)) for a, b in bounds), int(degree), tuple(periodic))
