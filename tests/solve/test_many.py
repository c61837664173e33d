"""Many models by one call: here, on threads, on processes, on ranks of MPI."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

CONTRASTS = (0.25, 0.5)
MPI_SETTINGS = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def layers(contrast: float, power: int = 0) -> nh.HomogenizedModel:
    """-(a u')' = 1 with a = 1 + contrast cos 2 pi y; A = sqrt(1 - contrast^2)."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 1 + contrast * sp.cos(2 * sp.pi * s.y[0])
    equation = sp.Eq(-s.div(a * s.grad(u)) * s.eps**power, 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        yield pool


def require_exact(found: list[nh.CellSolution]) -> None:
    values = [float(cells.effective["A"][0, 0]) for cells in found]
    assert values == pytest.approx([np.sqrt(1 - c**2) for c in CONTRASTS], rel=1e-9)


def test_in_this_process_and_on_threads() -> None:
    models = [layers(contrast) for contrast in CONTRASTS]
    require_exact(nh.solve_many(models, "fourier"))
    assert nh.solve_many([], "fourier") == []
    with ThreadPoolExecutor(1) as threads:
        require_exact(nh.solve_many(tuple(models), "fourier", executor=threads))


def test_on_processes(processes: ProcessPoolExecutor) -> None:
    models = [layers(contrast) for contrast in CONTRASTS]
    found = nh.solve_many(models, "fourier", executor=processes)
    require_exact(found)
    y = np.linspace(0, 1, 7)[:, None]
    here = nh.solve_cells(models[0], "fourier").functions[0]
    assert found[0].functions[0](y) == pytest.approx(here(y), abs=1e-13)


def test_a_worker_says_what_is_wrong_with_its_model(processes: ProcessPoolExecutor) -> None:
    with pytest.raises(nh.ProblemError, match="colour"):
        nh.solve_many([layers(0.5)], "fourier", executor=processes, colour="red")
    with pytest.warns(nh.ToleranceWarning, match="model 1: fourier"):
        nh.solve_many([layers(0.1), layers(0.99)], "fourier", executor=processes, n=9)
    with pytest.raises(nh.ProblemError, match="cannot be sent"):
        options: dict[str, Any] = {"coefficients": {"a": lambda y: y}}
        nh.solve_many([layers(0.5)], "fourier", executor=processes, **options)


@pytest.mark.parametrize(
    ("models", "executor"), [(["text"], None), (3, None), ([], "processes"), ([None], None)]
)
def test_what_is_no_model_and_no_executor(models: Any, executor: Any) -> None:
    with pytest.raises(nh.ProblemError, match="write"):
        nh.solve_many(models, "fourier", executor=executor)


def test_a_process_that_ends(processes: ProcessPoolExecutor) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        ended = pool.submit(os._exit, 3)
        with pytest.raises(nh.SolveError, match="worker process ended"):
            nh.solve_many([layers(0.5)], "fourier", executor=pool)
        with pytest.raises(BrokenProcessPool):
            ended.result()
        with pytest.raises(nh.SolveError, match="worker process ended"):  # at once: it is known
            nh.solve_many([layers(0.5)], "fourier", executor=pool)


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("skfem", {"n": 8}),
        ("pinn", {"features": 40}),
        ("pinn", {"method": "energy", "features": 40}),
    ],
)
def test_cells_of_every_backend_survive_the_way(backend: str, options: dict[str, Any]) -> None:
    cells = nh.solve_cells(layers(0.5), backend, tolerance=0.1, **options)
    again = pickle.loads(pickle.dumps(cells))
    y = np.linspace(0, 1, 7)[:, None]
    assert again.functions[0](y) == pytest.approx(cells.functions[0](y), abs=1e-13)
    assert np.array_equal(again.effective["A"], cells.effective["A"])


PROGRAM = """
import sympy as sp
import nhpinn_sym as nh
from mpi4py.futures import MPIPoolExecutor

if __name__ == "__main__":
    models = []
    for contrast in (0.25, 0.5):
        s = nh.Scales(1)
        u = s.unknown("u")
        a = 1 + contrast * sp.cos(2 * sp.pi * s.y[0])
        equation = sp.Eq(-s.div(a * s.grad(u)), 1)
        models.append(nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u)))
    with MPIPoolExecutor() as pool:
        for cells in nh.solve_many(models, "{backend}", executor=pool):
            print("A", cells.effective["A"][0, 0])
"""


@pytest.mark.parametrize("backend", ["fourier", "dolfinx"])
def test_on_ranks_of_mpi(backend: str, tmp_path: Path) -> None:
    """PETSc starts on all ranks at once, or for a worker alone."""
    pytest.importorskip("mpi4py" if backend == "fourier" else "dolfinx")
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.replace("{backend}", backend))
    mpirun = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")
    assert mpirun is not None
    command = [mpirun, "-n", "2", sys.executable, "-m", "mpi4py.futures", str(file)]
    environment = {**os.environ, **MPI_SETTINGS, "PYTHONPATH": str(Path(nh.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    found = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("A ")]
    assert found == pytest.approx([np.sqrt(1 - c**2) for c in CONTRASTS], rel=1e-6), done.stderr
