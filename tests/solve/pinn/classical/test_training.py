"""A classical training that is killed goes on from its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nhpinn_sym.lower.forms import LoweredEquation
from nhpinn_sym.problem.errors import ProblemError
from nhpinn_sym.solve.pinn import minimize as checkpoints
from nhpinn_sym.solve.pinn.classical.equation import ClassicalSolution, solve_classical
from nhpinn_sym.solve.pinn.classical.training import Training

from ....pinn_samples import square_problem

SMALL: dict[str, Any] = {"width": 8, "depth": 2, "nodes": 6, "epochs": 6, "learning_rate": 1e-2}


def solved(lowered: LoweredEquation, **options: Any) -> ClassicalSolution:
    return solve_classical(lowered, lambda e, p: np.full(len(p), 2.0), {}, **SMALL | options)


def one(points: np.ndarray) -> np.ndarray:
    return np.ones(len(points))


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a training that was killed after four of six steps."""
    step = Training.step

    def failing(training: Training) -> None:
        if training.epoch == 4:
            raise KeyboardInterrupt
        step(training)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "SECONDS", 0.0)
        patched.setattr(Training, "step", failing)
        with pytest.raises(KeyboardInterrupt):
            solved(square_problem(), checkpoint=tmp_path, reference=one)
    return tmp_path


def test_a_killed_training_goes_on(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = Training.step

    def counted(training: Training) -> None:
        steps.append(training.epoch)
        step(training)

    monkeypatch.setattr(Training, "step", counted)
    again = solved(square_problem(), checkpoint=killed, reference=one)
    assert steps == [4, 5]
    whole = solved(square_problem(), reference=one)
    assert again.history.loss == pytest.approx(whole.history.loss, rel=1e-9)
    assert again.history.error == pytest.approx(whole.history.error, rel=1e-9)
    assert again.weights == pytest.approx(whole.weights, rel=1e-9, abs=1e-12)
    assert again.info["estimate"] == pytest.approx(whole.info["estimate"], rel=1e-6)
    assert again.info["seconds"] > 0 and again.info["cpu_seconds"] > 0


def test_a_finished_training_is_not_repeated(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = solved(square_problem(), checkpoint=killed, reference=one)
    monkeypatch.setattr(Training, "step", None)
    second = solved(square_problem(), checkpoint=killed, reference=one)
    assert second.weights == pytest.approx(first.weights, rel=1e-15)


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 2e-2}, {"nodes": 7}])
def test_another_training_is_refused(killed: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match="another problem or other options"):
        solved(square_problem(), checkpoint=killed, reference=one, **change)


def test_training_starts_from_given_weights() -> None:
    first = solved(square_problem(), reference=one)
    again = solved(square_problem(), reference=one, start=first.weights)
    from_solution = solved(square_problem(), reference=one, start=first)
    assert again.history.loss == pytest.approx(from_solution.history.loss, rel=1e-12)
    with pytest.raises(ProblemError, match="weights and biases"):
        solved(square_problem(), start=first.weights[1:])
