"""Ranks that have different problems, that fail or that are killed: a message and an end, never a
wait without one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from .test_mpi import MPI_SETTINGS, ROOT

IDLE = {"OMPI_MCA_mpi_yield_when_idle": "1"}
"""A rank that waits leaves its processor to the other."""
PROBLEM = """
import sys, os, time
from mpi4py import MPI
import sympy as sp, nhpinn_sym as nh

rank = MPI.COMM_WORLD.rank

def model(number):
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div((number + sp.sin(2*sp.pi*s.y[0]))*s.grad(u)), 1), scales=s, unknown=u,
                                              domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)]))
"""
SCRIPTS = {
    "cells": "nh.solve_cells(model(2 + rank), 'dolfinx', n=8)",
    "options": "nh.solve_cells(model(2), 'dolfinx', n=8 + 2 * rank)",
    "equations": (
        "nh.solve_homogenized(model(2), nh.solve_cells(model(2), 'fourier'), 'dolfinx', mesh=8 * (1"
        " + rank))"
    ),
    "coefficients": (
        "nh.solve_homogenized(model(2), nh.solve_cells(model(2 + rank), 'fourier'), 'dolfinx',"
        " mesh=8)"
    ),
    "cells and equations": (
        "nh.solve_cells(model(2), 'dolfinx', n=8) if rank else nh.solve_fine(model(2).problem,"
        " 0.25, 'dolfinx', mesh=16)"
    ),
}


def started(tmp_path: Path, text: str) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(PROBLEM + text)
    environment = {
        **os.environ,
        **MPI_SETTINGS,
        **IDLE,
        "PYTHONPATH": str(ROOT),
        "SCRATCH": str(tmp_path),
    }
    command = [str(shutil.which("mpirun")), "-n", "2", sys.executable, str(script)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_another_problem_on_each_rank_is_a_typed_error_on_every_rank(tmp_path: Path) -> None:
    attempts = (
        f"""
try:
    {code}
except nh.ProblemError as error:
    print(f"{which}, rank {{rank}}: {{error.what}}", flush=True)
"""
        for which, code in SCRIPTS.items()
    )
    process = started(tmp_path, "".join(attempts))
    out, _ = process.communicate(timeout=150)
    assert process.returncode == 0, out
    for which in SCRIPTS:
        assert all(f"{which}, rank {rank}: the ranks " in out for rank in (0, 1)), out


def test_an_error_on_one_rank_ends_all(tmp_path: Path) -> None:
    process = started(
        tmp_path,
        """
from nhpinn_sym.solve.fem import dolfinx
if rank:
    raise ValueError("only here")
nh.solve_cells(model(2), 'dolfinx', n=8)
""",
    )
    out, _ = process.communicate(timeout=150)
    assert process.returncode != 0 and "only here" in out, out


def test_a_rank_that_is_killed_ends_all_with_a_message(tmp_path: Path) -> None:
    text = """
if rank:
    open(os.environ["SCRATCH"] + "/pid", "w").write(str(os.getpid()))
    time.sleep(100)
nh.solve_cells(model(2), 'dolfinx', n=8)
"""
    process, pid = started(tmp_path, text), tmp_path / "pid"
    deadline = time.monotonic() + 100
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    out, _ = process.communicate(timeout=300)
    assert process.returncode != 0 and ("signal 9" in out or "KILLED" in out.upper()), out


def test_the_command_line_ends_all_ranks(tmp_path: Path) -> None:
    """A file that fails on one rank alone, when the other waits for it in a solve."""
    file = tmp_path / "made.py"
    file.write_text(
        PROBLEM
        + """
from nhpinn_sym.solve.fem import dolfinx
problem = model(2).problem if rank == 0 else 1 / 0
"""
    )
    environment = {**os.environ, **MPI_SETTINGS, **IDLE, "PYTHONPATH": str(ROOT)}
    command = [
        str(shutil.which("mpirun")),
        "-n",
        "2",
        sys.executable,
        "-m",
        "nhpinn_sym.cli.main",
        "cells",
        str(file),
        "--backend",
        "dolfinx",
    ]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode != 0 and "ZeroDivisionError" in done.stderr, done.stderr
