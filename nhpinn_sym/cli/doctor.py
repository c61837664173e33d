"""`nhpinn doctor`: which backends work here, with which versions and devices, and how to get the
others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..solve.backends import BACKENDS

# What mends a library that is there, by a word of its problem.
_MENDED = {
    "UCX": (
        "export UCX_TLS=self,sm,tcp (not on a cluster with InfiniBand): MPI found a network device"
        " that it may not open"
    ),
    "C compiler": (
        "install a C compiler and the headers of this Python (Debian, Ubuntu: gcc, python3-dev); CC"
        " names another compiler"
    ),
}

# Seconds after which a library that is being imported counts as broken.
_TIMEOUT = 120.0
# Characters that are quoted of what a process said before it died.
_TAIL = 300


@dataclass(frozen=True)
class Row:
    """One backend: `versions` and `devices` where it is present, otherwise the `problem` and its
    `remedy`.
    """

    backend: str
    status: Literal["present", "missing", "broken"]
    versions: str = ""
    devices: str = ""
    problem: str = ""
    remedy: str = ""


def doctor() -> tuple[Row, ...]:
    """One row for each backend; each is tried in a process of its own, so that nothing is imported
    here and nothing can crash here.
    """
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(examine, BACKENDS))


def examine(backend: str) -> Row:
    """Try one of `BACKENDS`."""
    command = [sys.executable, "-m", "nhpinn_sym.cli.probe", backend]
    try:
        # env: what an MPI that runs in this process has added to the C environment must not reach
        # the child
        done = subprocess.run(
            command, env=dict(os.environ), capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return Row(
            backend,
            "broken",
            problem=f"its import did not end within {_TIMEOUT:.0f} s",
            remedy=BACKENDS[backend].how_to_get,
        )
    if done.returncode != 0:
        problem = (
            f"its import ended the process with status {done.returncode}:"
            f" {' '.join(done.stderr.split())[-_TAIL:]}"
        )
        return Row(backend, "broken", problem=problem, remedy=_remedy(backend, problem))
    found = json.loads(done.stdout.splitlines()[-1])  # what the library itself prints comes before
    return Row(
        backend,
        remedy="" if found["status"] == "present" else _remedy(backend, found["problem"]),
        **found,
    )


def _remedy(backend: str, problem: str) -> str:
    return next(
        (remedy for word, remedy in _MENDED.items() if word in problem),
        BACKENDS[backend].how_to_get,
    )


def print_doctor(console: Console | None = None) -> bool:
    """Print the rows as a table; returns whether the main job can run: PINN, Fourier and one FEM
    backend.
    """
    console = console or Console()
    with console.status("importing the backends"):
        rows = doctor()
    console.print(_table(rows))
    present = {row.backend for row in rows if row.status == "present"}
    ready = {"pinn", "fourier"} <= present and any(
        known.elements and name in present for name, known in BACKENDS.items()
    )
    console.print(
        f"Python {sys.version.split()[0]} ({sys.executable}), {os.cpu_count()} CPUs",
        markup=False,
        emoji=False,
    )
    verdict = "can run here."
    if not ready:
        verdict = "cannot run here: it needs pinn, fourier, and dolfinx or skfem."
    console.print(f"nhpinn validate {verdict}")
    return ready


def _table(rows: Sequence[Row]) -> Table:
    table = Table(
        "backend",
        "status",
        "versions, or what is wrong",
        "devices, or how to get it",
        title="nhpinn doctor",
    )
    colours = {"present": "green", "missing": "yellow", "broken": "red"}
    for row in rows:
        table.add_row(
            row.backend,
            f"[{colours[row.status]}]{row.status}[/]",
            escape(row.versions or row.problem),
            escape(row.devices or row.remedy),
        )
    return table
