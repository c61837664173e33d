"""Emitted files: as one namespace, and as folders that are run without the package."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from nhpinn_sym.emit.mains import cells_main, equation_main
from nhpinn_sym.emit.source import Source, load
from nhpinn_sym.emit.standalone import sibling_names
from nhpinn_sym.lower.forms import LoweredCells, LoweredEquation
from nhpinn_sym.runtime.effective import Effective

_BLOCKED = """
import json, runpy, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nhpinn_sym", "sympy"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, ".")
for name, *arguments in json.loads(sys.argv[1]):
    sys.argv = [f"main_{name}.py", *arguments]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def emitted(source: Source, name: str) -> SimpleNamespace:
    """An emitted torch file, the coefficients beside it, and the nets of the runtime."""
    from nhpinn_sym.runtime.nets import networks

    files = [*sibling_names(source[f"{name}.py"]), name]
    held = dict(vars(networks))
    for file in files:
        held |= vars(load(source, file))
    return SimpleNamespace(**held)


def with_cells_main(source: Source, cells: LoweredCells, **parameters: float) -> Source:
    """The files of cell problems with main_cells.py."""
    main = cells_main(source.target, cells, parameters, {})
    assert main is not None
    return Source(source.target, (*source.files, ("main_cells.py", main)))


def with_equation_main(source: Source, equation: LoweredEquation, name: str) -> Source:
    """The files of an equation with main_{name}.py."""
    main = equation_main(source.target, equation, name)
    assert main is not None
    return Source(source.target, (*source.files, (f"main_{name}.py", main)))


def give_parameters(folder: Path, **parameters: float) -> None:
    """effective.json of cell problems that were not solved."""
    Effective({}, {}, parameters, {}).save(folder / "effective.json")


def run_main(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run main_{name}.py, see `run_mains`."""
    return run_mains(folder, [name, *arguments])


def run_mains(folder: Path, *mains: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run main_{name}.py of an emitted folder, for each [name, *arguments] in order, in one process
    where neither the package nor SymPy can be imported.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-c", _BLOCKED, json.dumps(mains)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def printed_values(output: str) -> dict[str, float]:
    """The lines `name = number` of a main."""
    pairs = [line.split(" = ") for line in output.splitlines() if " = " in line]
    return {name: float(value) for name, value in pairs}
