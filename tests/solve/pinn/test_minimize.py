"""Trainings: when they stop, what they keep, and how they are continued after a kill."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from nhpinn_sym.problem.errors import FileError, ProblemError, SolveError
from nhpinn_sym.solve.pinn.minimize import (
    Checkpoint,
    Result,
    TrainingResult,
    minimize,
    signature_of,
)
from nhpinn_sym.solve.pinn.optimizers import make_optimizer

from .losses import Exponentials, Residuals

NAMES = ("varpro", "lm", "gauss-newton", "ssbfgs", "lbfgs", "adam")
GOAL = 1e-9
"""Far above rounding, so that the same step meets it wherever the arrays of a training lie in
memory.
"""


def run(
    name: str,
    iterations: int,
    goal: float = 0.0,
    loss: Residuals | None = None,
    held_out=None,
    checkpoint=None,
) -> TrainingResult:
    solver, count = make_optimizer(name, iterations)
    loss = loss or Exponentials()
    return minimize(
        loss,
        solver,
        count,
        held_out or (lambda x: math.sqrt(loss.value(x))),
        goal,
        lambda fraction, note: None,
        checkpoint,
    )


def test_it_stops_at_the_goal() -> None:
    found = run("varpro", 100, goal=1e-3)
    assert found.result is Result.CONVERGED and found.held_out <= 1e-3 and found.iterations < 20
    assert Exponentials().value(
        found.earlier
    ) ** 0.5 >= 3 * found.held_out and found.doubt == pytest.approx(found.held_out**2)


def test_it_stops_when_the_iterations_are_over() -> None:
    found = run("lm", 4)
    assert found.result is Result.MAX_ITERATIONS and found.iterations == 4


def test_rising_residuals_at_unseen_points_end_a_training_and_the_best_weights_are_kept() -> None:
    loss = Exponentials()
    half = loss.value(loss.start) / 2
    found = run(
        "adam", 1500, loss=loss, held_out=lambda x: 0.1 + abs(math.log10(loss.value(x) / half))
    )
    assert found.result is Result.OVERFITTED and found.iterations < 1500
    assert found.loss == pytest.approx(loss.value(found.x), rel=1e-9)
    assert found.loss == pytest.approx(half, rel=0.5)


def test_a_residual_that_stands_is_stalled_and_doubted() -> None:
    found = run("adam", 2000, held_out=lambda x: 1.0)
    assert found.result is Result.STALLED and found.doubt == 1.0


def test_a_loss_that_is_not_finite_is_refused_at_the_start_and_ends_a_training_later() -> None:
    class Singular(Exponentials):
        calls = 0

        def value_and_gradient(self, x):
            self.calls += 1
            value, gradient = super().value_and_gradient(x)
            return (math.nan if self.calls > 130 else value), gradient

    assert run("adam", 500, loss=Singular()).result is Result.NOT_FINITE
    broken = Exponentials()
    broken.data = broken.data / 0
    with pytest.raises(SolveError, match="not finite"):
        run("lm", 5, loss=broken)


def test_a_checkpoint_of_another_training_or_no_checkpoint_is_refused(tmp_path: Path) -> None:
    run("lm", 5, checkpoint=Checkpoint(tmp_path / "a.pt", "one"))
    assert (
        Checkpoint(tmp_path / "a.pt", "one").load() is not None
        and Checkpoint(tmp_path / "b.pt", "one").load() is None
    )
    with pytest.raises(ProblemError, match="another problem or other options"):
        Checkpoint(tmp_path / "a.pt", "two").load()
    for content in (b"", b"something else"):
        (tmp_path / "c.pt").write_bytes(content)
        with pytest.raises(FileError, match="not a file of a checkpoint"):
            Checkpoint(tmp_path / "c.pt", "one").load()
    torch.save([1], tmp_path / "d.pt")
    with pytest.raises(FileError, match="not a file of a checkpoint"):
        Checkpoint(tmp_path / "d.pt", "one").load()
    Checkpoint(tmp_path / "e.pt", "one").save(
        {"state": {"x": torch.zeros(2)}, "count": 1, "checks": []}, at_once=True
    )
    with pytest.raises(FileError, match="no checkpoint of this solver"):
        run("lm", 5, checkpoint=Checkpoint(tmp_path / "e.pt", "one"))


def test_a_checkpoint_is_data_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "marker",))

    path = tmp_path / "a.pt"
    torch.save({"signature": "one", "saved": Evil()}, path)
    with pytest.raises(FileError):
        Checkpoint(path, "one").load()
    assert not (tmp_path / "marker").exists()
    path.unlink()
    straight = run("lm", 5, checkpoint=Checkpoint(path, "one"))
    sound, generator = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(sound)
        for place in generator.integers(0, len(data), 3):
            data[place] = generator.integers(0, 256)
        path.write_bytes(bytes(data)[: generator.integers(1, 2 * len(data))])
        try:
            again = run("lm", 5, checkpoint=Checkpoint(path, "one"))
        except ProblemError:
            continue
        assert torch.allclose(again.x, straight.x, rtol=1e-9)


def test_a_finished_training_is_read_and_not_repeated(tmp_path: Path) -> None:
    class Counted(Exponentials):
        calls = 0

        def value(self, x):
            self.calls += 1
            return super().value(x)

    first, again = Counted(), Counted()
    one, two = (
        run("lm", 30, loss=loss, checkpoint=Checkpoint(tmp_path / "a.pt", ""))
        for loss in (first, again)
    )
    assert again.calls == 0 < first.calls and one.result is two.result
    assert torch.equal(one.x, two.x) and torch.equal(one.earlier, two.earlier), (
        "what was stored is read"
    )


def test_signatures_tell_tensors_and_options_apart() -> None:
    one = torch.ones(2)
    assert (
        signature_of(one, "lm")
        == signature_of(one.clone(), "lm")
        != signature_of(one, "adam")
        != signature_of(2 * one, "adam")
    )


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_anywhere_it_ends_in_the_same_numbers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nhpinn_sym.solve.pinn.minimize.SECONDS", 0.0)
    straight = run(name, 40, goal=GOAL)

    class Killed(Exception):
        pass

    for at in (3, 11, 17, 29):
        calls = 0

        def held_out(x: torch.Tensor, at: int = at) -> float:
            nonlocal calls
            calls += 1
            if calls > at:
                raise Killed
            return math.sqrt(Exponentials().value(x))

        with suppress(Killed):
            run(
                name,
                40,
                goal=GOAL,
                held_out=held_out,
                checkpoint=Checkpoint(tmp_path / "a.pt", name),
            )
    resumed = run(name, 40, goal=GOAL, checkpoint=Checkpoint(tmp_path / "a.pt", name))
    torch.testing.assert_close(resumed.x, straight.x, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(resumed.earlier, straight.earlier, rtol=1e-7, atol=1e-7)
    assert (resumed.iterations, resumed.result) == (straight.iterations, straight.result)


SCRIPT = """
import multiprocessing, random, sys, time, warnings
import numpy as np, sympy as sp, torch
torch.set_num_threads(1)
warnings.simplefilter("ignore")
from nhpinn_sym.solve.pinn.cells.smooth import SmoothCellSolver
from nhpinn_sym.solve.pinn import minimize
from nhpinn_sym.solve.pinn.equations.strong import solve_equation
from nhpinn_sym.solve.solution import CellTask
from tests.pinn_samples import diffusion_cells, square_problem, PI2, y1, y2
minimize.SECONDS = 0.0
cells, square = diffusion_cells(sp.diag(sp.exp(sp.sin(PI2 * y1)), 2 + sp.cos(PI2 * y2))), square_problem()

def solve(name):
    options = {"solver": "varpro", "points": 300, "flavour": "torch", "checkpoint": f"{sys.argv[1]}/{name}"}
    batch = SmoothCellSolver(CellTask(cells, {}, (), 1e-9), iterations=30, width=10, **options).solve(np.zeros((1, 0)))
    u = solve_equation(square, lambda e, p: np.full(len(p), 1.9), {}, iterations=10, width=8, **options)
    chi = batch.fields[1][0].derivative(np.array([[0.1, 0.3]]), (0, 1))
    np.savez(f"{sys.argv[1]}/{name}.npz", **{f"{k}{i}{j}": v for (k, (i, j)), v in batch.effective.items()}, chi=chi,
             u=u([[0.3, 0.6]]), iterations=[batch.info["iterations"], u.info["iterations"]])

def started(name):
    process = multiprocessing.get_context("fork").Process(target=solve, args=(name,))
    process.start()
    return process

begin = time.perf_counter()
whole = started("whole")
whole.join()
seconds, moments = time.perf_counter() - begin, random.Random(0)
for _ in range(4):
    parts = started("parts")
    time.sleep(seconds * moments.uniform(0.1, 0.5))
    parts.kill()
    parts.join()
    print(parts.exitcode)
last = started("parts")
last.join()
sys.exit(whole.exitcode or last.exitcode)
"""


def test_cells_and_an_equation_killed_at_random_moments_end_in_the_same_numbers(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[3]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=root,
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole, parts = np.load(tmp_path / "whole.npz"), np.load(tmp_path / "parts.npz")
    assert str(-signal.SIGKILL) in done.stdout.split()
    assert {path.name for path in (tmp_path / "parts").glob("[!.]*")} == {
        "N_1.npz",
        "N_2.npz",
        "Test_equation.npz",
    }
    for key in whole.files:
        np.testing.assert_allclose(parts[key], whole[key], rtol=1e-6, atol=1e-8)
