"""The names that a table of cells gives to its rows."""

from __future__ import annotations

from io import StringIO
from typing import Any

import numpy as np
from rich.console import Console

from nhpinn_sym.validate.cell_tables import cells_table


def rows(cells: dict[str, Any]) -> list[str]:
    held = {"estimates": {"pinn": 0.0, "skfem": 0.0}, "fredholm": {"pinn": 0.0, "skfem": 0.0}}
    console = Console(file=StringIO(), width=200)
    console.print(cells_table("a problem", cells | held))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.strip("│ ") for line in written.splitlines() if line.startswith("│")]


def both(values: Any, off: float = 0.0) -> dict[str, Any]:
    return {"pinn": np.asarray(values), "skfem": np.asarray(values) + off}


def test_functions_of_x_are_named_by_their_places() -> None:
    tensors = np.array([np.eye(2), 2 * np.eye(2)])
    bounds = (0.5 * tensors, 1.5 * tensors)
    x = np.array([[0.0, 0.5], [1.0, 0.25]])
    shown = rows({"A": both(tensors) | {"x": x, "bounds": bounds}})
    names = [line.split("│")[0].strip() for line in shown[:4]]
    assert names == [f"A[{i}, {i}] at {p}" for p in ("(0, 0.5)", "(1, 0.25)") for i in (1, 2)]
    assert "0.5 .. 1.5" in shown[0] and "1 .. 3" in shown[3]  # the bounds of that place


def test_a_source_is_shown_where_cell_functions_have_a_part_in_it() -> None:
    tensor = both([[2.0]])
    line = {"x": np.array([[0.25], [0.75]])}
    own = rows({"A": tensor, "f": both([1.0, 3.0]) | line})
    averaged = rows({"A": tensor, "f": both([1.0, 3.0], 1e-6) | line})
    assert not any(line.startswith("f") for line in own)
    assert [line.split("│")[0].strip() for line in averaged[1:3]] == ["f at 0.25", "f at 0.75"]
