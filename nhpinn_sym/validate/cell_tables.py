"""The comparison of cells as a table: one row for each entry, one column for each backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from ..problem.escaping import printable

# Entries that are shown of one coefficient.
_MOST_ROWS = 12
# What counts as zero beside the largest entry.
_ZERO = 1e-12
# Effective sources; most of them are the user's own.
_SOURCES = ("f", "g")
NOT_COEFFICIENTS = (
    "states",
    "functions",
    "functions against",
    "checks",
    "differences",
    "allowed",
    "limits",
    "hidden",
    "fredholm",
    "estimates",
    "methods",
    "seconds",
    "refused",
    "failed",
    "expansions",
)
"""The other entries of `Report.cells`."""


def cells_table(title: str, cells: Mapping[str, Any]) -> Table:
    """Of `Report.cells`: the entries that do not vanish, the diagonal bounds, the closed form."""
    backends = list(cells["estimates"])
    table = Table(title=Text(printable(f"{title}: effective coefficients")), title_justify="left")
    table.add_column("entry")
    tables = [entries for name, entries in cells.items() if name not in NOT_COEFFICIENTS]
    known = {key for entries in tables for key, value in entries.items() if value is not None}
    more = [key for key in ("bounds", "closed form") if key in known]
    for column in (*backends, *more):
        table.add_column(column, justify="right")
    for name, entries in cells.items():
        if name not in NOT_COEFFICIENTS:
            for row in _rows(name, entries, backends, more):
                table.add_row(*row)
    table.add_section()
    for label, key in (("estimate", "estimates"), ("Fredholm multiplier", "fredholm")):
        table.add_row(label, *(f"{cells[key][name]:.1e}" for name in backends))
    return table


def _rows(
    name: str, entries: Mapping[str, Any], backends: list[str], more: list[str]
) -> Iterator[list[str]]:
    """The entries that are not zero, of a function of x at its places; none of a source that no
    cell function has a part in.
    """
    known = [np.asarray(entries[b]) for b in backends if b in entries]
    size = max(float(np.abs(v).max(initial=0.0)) for v in known)
    if name in _SOURCES and all(
        np.abs(v - known[0]).max(initial=0.0) <= _ZERO * size for v in known
    ):
        return
    shown = 0
    for index in np.ndindex(known[0].shape):
        if shown < _MOST_ROWS and any(abs(v[index]) > _ZERO * size for v in known):
            shown += 1
            cells = [_number(entries[b][index]) if b in entries else "" for b in backends]
            label = _label(name, index, entries.get("x"))
            tensor = index if entries.get("x") is None else index[1:]
            judged = (_judge(entries.get(key), key, index, tensor) for key in more)
            yield [label, *cells, *judged]


def _label(name: str, index: tuple[int, ...], places: Any) -> str:
    """A[1, 1], or A[1, 1] at (0.25, 0.25)."""
    at = ""
    if places is not None:
        coordinates = ", ".join(f"{v:.4g}" for v in places[index[0]])
        at = f" at ({coordinates})" if len(places[index[0]]) > 1 else f" at {coordinates}"
        index = index[1:]
    return f"{name}{[i + 1 for i in index] if index else ''}{at}"


def _judge(value: Any, key: str, index: tuple[int, ...], tensor: tuple[int, ...]) -> str:
    """The bounds of an entry of the diagonal, or its closed form; `tensor`: the index without that
    of a place.
    """
    if value is None:
        return ""
    if key != "bounds":
        return _number(value[index])
    half = len(tensor) // 2
    diagonal = len(tensor) % 2 == 0 and tensor[:half] == tensor[half:]
    if diagonal or len(tensor) == 1:  # the energy of a state
        return f"{value[0][index]:.6g} .. {value[1][index]:.6g}"
    return ""


def _number(value: Any) -> str:
    if isinstance(value, complex) and value.imag:
        return f"{value.real:.8g} {'-' if value.imag < 0 else '+'} {abs(value.imag):.3g} i"
    return f"{np.real(value):.8g}"
