"""What a training tells while it runs (callback=) and afterwards (info["history"])."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh

from ...symbolic import S, problem


@pytest.fixture(scope="module")
def model() -> nh.HomogenizedModel:
    return nh.homogenize(
        problem(
            lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1),
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )


SMALL: dict[str, Any] = {"width": 6, "depth": 1, "tolerance": 1e-2}


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
@pytest.mark.parametrize("method", ["residual", "energy"])
def test_cells(method: str, model: nh.HomogenizedModel, tmp_path: Path) -> None:
    told: list[tuple[int, float, float]] = []
    options = {**SMALL, "solver": "lbfgs", "iterations": 40, "method": method}
    cells = nh.solve_cells(model, "pinn", callback=lambda *numbers: told.append(numbers), **options)
    history = cells.info["history"]
    found = history["N_1"] if method == "residual" else history[0]
    assert found["step"][0] == 0 and found["step"] == sorted(found["step"])
    assert found["loss"][-1] < found["loss"][0]
    assert told[0] == (found["step"][1], found["loss"][1], found["held_out"][1])
    assert nh.load(cells.save(tmp_path / "cells.npz")).info["history"] == history


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
@pytest.mark.parametrize("method", ["residual", "energy", "classical"])
def test_equations(method: str, model: nh.HomogenizedModel) -> None:
    told: list[tuple[int, float, float]] = []
    own: dict[str, Any] = {"epochs": 30} if method == "classical" else {"iterations": 30}
    options = {**SMALL, "method": method, **own}
    if method != "classical":
        options["solver"] = "lbfgs"
    u0 = nh.solve_homogenized(
        model,
        nh.solve_cells(model),
        "pinn",
        callback=lambda *numbers: told.append(numbers),
        **options,
    )
    assert told and all(math.isfinite(loss) for _, loss, _ in told)
    if method == "classical":
        history = u0.info["history"]
        assert told[-1][1] == pytest.approx(history.loss[told[-1][0]])
        assert math.isnan(told[-1][2])
    else:
        assert u0.info["history"]["step"][-1] == told[-1][0]


def test_no_training_is_no_callback(model: nh.HomogenizedModel) -> None:
    with pytest.raises(nh.UnsupportedError, match="callback"):
        nh.solve_cells(model, "pinn", callback=print)
    with pytest.raises(nh.ProblemError, match="callback is a function"):
        nh.solve_cells(model, "pinn", callback=3, width=6)
