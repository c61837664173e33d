"""The file of a solution: a `data_file` of its mesh and values, or of those it is made of, and all
of `info`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .data_file import Kind, read_as, write
from .solution import Solution

KIND = Kind("a solution", "u0.save(path)")
# kind: (module below nhpinn_sym.solve, class).
_KINDS = {
    "elements": ("fem.grid_functions", "GridSolution"),
    "complex": ("complex_parts", "ComplexSolution"),
    "displacement": ("waves", "Displacement"),
    "decaying": ("ground_states", "Decaying"),
}


def save_solution(solution: Solution, path: str | os.PathLike[str]) -> Path:
    """Write to one .npz file, atomically; UnsupportedError for what has no form in it."""
    return write(path, KIND, solution_data(solution))


def load_solution(path: str | os.PathLike[str]) -> Solution:
    """What `save_solution` wrote; FileError where the file is damaged or something else."""
    return read_as(path, KIND, read_solution)


def solution_data(solution: Solution) -> dict[str, Any]:
    """What a file keeps of a solution."""
    return {
        "kind": solution.kind,
        "told": [solution.backend, solution.method, dict(solution.info)],
        "state": solution.state(),
    }


def read_solution(data: Mapping[str, Any]) -> Solution:
    """The solution that `solution_data` came from; an error of any kind where it is none."""
    module, name = _KINDS[data["kind"]]
    backend, method, info = data["told"]
    solution_class = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    found: Solution = solution_class.from_state((str(backend), str(method), info), data["state"])
    return found
