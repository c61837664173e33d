"""The solved cell problems of a model: cell functions, effective coefficients, and their file."""

from __future__ import annotations

import importlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from ..emit.source import write_atomic
from ..lower.forms import External, Key, MultiIndex
from ..problem.errors import ProblemError
from .chebyshev import Nodes
from .effective import Entry, effective_dict, require
from .solution import Array, CellField, EffectiveKey

_FIELDS = {
    "fourier": ("fourier.cells", "FourierField"),
    "pinn": ("pinn.cells", "NetworkField"),
    "skfem": ("fem.common", "LagrangeField"),
    "dolfinx": ("fem.common", "LagrangeField"),
}


@dataclass(frozen=True)
class CellFunction:
    """A cell function N(y), or N(y; x) where the coefficients depend on x. `key` = (field, alpha): it multiplies D^alpha u0."""

    key: Key
    name: str
    field: CellField
    nodes: Nodes
    columns: tuple[int, ...]

    def __call__(self, points: ArrayLike, x: ArrayLike | None = None) -> Array:
        """Values at points y (n, d): (n,). `x` (n, d) or (d,) is needed where the function depends on it."""
        return self.derivative(points, None, x)

    def derivative(self, points: ArrayLike, index: MultiIndex | None, x: ArrayLike | None = None, slow: MultiIndex | None = None) -> Array:
        """D_y^index D_x^slow at points y."""
        y = np.asarray(points, dtype=float)
        y = y[:, None] if y.ndim == 1 else y
        dim = len(self.key[1])
        if y.ndim != 2 or y.shape[1] != dim or len(index or y.T) != dim:
            raise ProblemError(f"the cell function {self.name} takes points of shape (n, {dim})", term=f"shape {y.shape}, index {index}",
                               remedy="one column, and one entry of the multi-index, per dimension")
        at_nodes = self.field.evaluate(y, index or (0,) * dim)
        if not self.columns:
            return np.zeros(len(y)) if any(slow or ()) else at_nodes[0]
        if x is None:
            raise ProblemError(f"the cell function {self.name} depends on x too", term=self.key, remedy=f"call {self.name}(y, x=...)")
        if any(order and axis not in self.columns for axis, order in enumerate(slow or ())):
            return np.zeros(len(y))
        there = np.broadcast_to(np.asarray(x, dtype=float), y.shape)[:, list(self.columns)]
        inner = None if slow is None else tuple(slow[axis] for axis in self.columns)
        return np.einsum("nm,mn->n", self.nodes.weights(there, inner), at_nodes)

    @property
    def local(self) -> bool:
        """Whether the function depends on x."""
        return bool(self.columns)


@dataclass(frozen=True)
class CellSolution:
    """Result of `solve_cells`: `functions`, `effective`, and `info` (method, size, seconds, residual, estimate, Fredholm multiplier).

    `effective` has "A" (d, d), "b" (d,), "c" (), "rho" (): arrays, or callables of points x (n, d) for coefficients that depend on x.
    """

    backend: str
    dim: int
    keys: tuple[Key, ...]
    names: tuple[str, ...]
    fields: tuple[CellField, ...]
    nodes: Nodes
    slow: tuple[str, ...]
    entries: Mapping[EffectiveKey, Entry]
    info: Mapping[str, Any]

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """The cell functions in printed order."""
        columns = tuple(self.dim if name == "t" else int(name[1:]) - 1 for name in self.slow)
        return tuple(CellFunction(key, name, field, self.nodes, columns) for key, name, field in zip(self.keys, self.names, self.fields, strict=True))

    @cached_property
    def effective(self) -> dict[str, Any]:
        return effective_dict(self.dim, self.entries)

    @property
    def method(self) -> str:
        return str(self.info["method"])

    def coefficients(self, external: External, points: Array) -> Array:
        """Values of an external coefficient of the homogenized equation at points x (n, d): (n,)."""
        return require(self.entries, (external.name, external.index))(points, external.derivative)

    def __str__(self) -> str:
        lines = [f"{len(self.keys)} cell functions by {self.backend} ({self.method}), estimated error {self.info['estimate']:.1e}"]
        lines += [f"  {name} = {value if not callable(value) else 'function of x'}" for name, value in self.effective.items() if name != "h"]
        return "\n".join(lines)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to one .npz file, atomically; `nhpinn_sym.load` reads it again."""
        meta = {
            "backend": self.backend,
            "dim": self.dim,
            "keys": self.keys,
            "names": self.names,
            "slow": self.slow,
            "degree": self.nodes.degree,
            "bounds": self.nodes.bounds,
            "info": {k: v for k, v in self.info.items() if isinstance(v, (str, int, float, bool))},
            "entries": [
                [name, index, entry.columns, None if entry.formula is None else sp.srepr(entry.formula), sp.srepr(entry.coordinates)]
                for (name, index), entry in self.entries.items()
            ],
        }
        arrays: dict[str, Any] = {f"entry_{k}": e.values for k, e in enumerate(self.entries.values())}
        for k, field in enumerate(self.fields):
            arrays |= {f"field_{k}/{name}": value for name, value in field.state().items()}
        buffer = io.BytesIO()
        np.savez(buffer, meta=np.array(json.dumps(meta)), **arrays)
        return write_atomic(Path(path), buffer.getvalue())


def load(path: str | os.PathLike[str]) -> CellSolution:
    """Read what `CellSolution.save` wrote. ProblemError where the file is something else."""
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
    except (OSError, ValueError, KeyError) as cause:
        raise ProblemError("this is not a file of solved cells", term=path, remedy="give a file that cells.save(path) wrote") from cause
    nodes = Nodes(tuple((float(a), float(b)) for a, b in meta["bounds"]), int(meta["degree"]))
    entries = {}
    for k, (name, index, columns, formula, coordinates) in enumerate(meta["entries"]):
        own = nodes if columns else Nodes((), 0)
        entries[name, tuple(index)] = Entry(
            own, tuple(columns), arrays[f"entry_{k}"], None if formula is None else sp.sympify(formula), sp.sympify(coordinates)
        )
    module, class_name = _FIELDS[meta["backend"]]
    field_class = getattr(importlib.import_module(f"nhpinn_sym.solve.{module}"), class_name)
    states: list[dict[str, Any]] = [{} for _ in meta["keys"]]
    for name, value in arrays.items():
        if name.startswith("field_"):
            head, _, entry = name.partition("/")
            states[int(head.removeprefix("field_"))][entry] = value
    keys = tuple((field, tuple(alpha)) for field, alpha in meta["keys"])
    return CellSolution(
        meta["backend"],
        int(meta["dim"]),
        keys,
        tuple(meta["names"]),
        tuple(field_class.from_state(state) for state in states),
        nodes,
        tuple(meta["slow"]),
        entries,
        meta["info"],
    )
