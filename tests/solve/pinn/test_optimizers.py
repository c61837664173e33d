"""Each solver on problems whose minimum is known, and the spaces in which a step is computed."""

from __future__ import annotations

import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nhpinn_sym.solve.pinn.levenberg_marquardt import Damped, kaufman, project_linear
from nhpinn_sym.solve.pinn.minimize import Result, State
from nhpinn_sym.solve.pinn.optimizers import make_optimizer

from .losses import Exponentials, Residuals, Rosenbrock

STEPS = {"varpro": 60, "lm": 120, "gauss-newton": 120, "ssbfgs": 150, "lbfgs": 80, "adam": 1000}


def steps(name: str, loss: Residuals, count: int) -> list[State]:
    solver = make_optimizer(name, count)[0]
    states = [solver.begin(loss)]
    while states[-1].result is None and len(states) <= count:
        states.append(solver.step(loss, states[-1]))
    return states


@pytest.mark.parametrize("name", [name for name in STEPS if name != "adam"])
def test_rosenbrock(name: str) -> None:
    states = steps(name, Rosenbrock(), STEPS[name])
    assert states[-1].loss < 1e-20 and states[-1].x.tolist() == pytest.approx([1, 1], abs=1e-8)
    assert sorted((s.loss for s in states), reverse=True) == [s.loss for s in states]


def test_adam_is_torchs_with_a_falling_rate() -> None:
    loss = Rosenbrock()
    x = loss.start.clone()
    optimizer = torch.optim.Adam([x], lr=5e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, (1e-5 / 5e-3) ** (1 / 30))
    for _ in range(30):
        x.grad = loss.value_and_gradient(x)[1]
        optimizer.step()
        schedule.step()
    state = steps("adam", loss, 30)[-1]
    assert torch.allclose(state.x, x, rtol=1e-12) and state.loss < loss.value(loss.start)


@pytest.mark.parametrize("name", [name for name in STEPS if name != "adam"])
def test_two_exponentials(name: str) -> None:
    states = steps(name, Exponentials(), 800)
    assert states[-1].x.tolist() == pytest.approx([1, 4, 2, -1], abs=1e-5)


def test_every_solver_stops_by_itself_at_the_minimum() -> None:
    for name in ("lm", "varpro", "gauss-newton", "ssbfgs", "lbfgs"):
        assert steps(name, Exponentials(), 3000)[-1].result in (
            Result.STALLED,
            Result.RANK_DEFICIENT,
        )


def test_variable_projection_needs_fewer_steps_than_levenberg_marquardt() -> None:
    counts = [
        next(k for k, s in enumerate(steps(name, Exponentials(), 400)) if s.loss < 1e-16)
        for name in ("varpro", "lm")
    ]
    assert counts[0] < counts[1]


@given(st.integers(2, 40), st.integers(2, 40), st.floats(1e-6, 1e2))
@settings(max_examples=40)
def test_steps_in_sample_space_are_those_in_parameter_space(
    rows: int, columns: int, damping: float
) -> None:
    generator = torch.Generator().manual_seed(rows * 41 + columns)
    jacobian = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    residual = torch.randn(rows, generator=generator, dtype=torch.float64)
    model = Damped(residual, jacobian)
    dense = -torch.linalg.solve(
        jacobian.T @ jacobian + damping * torch.eye(columns, dtype=torch.float64),
        jacobian.T @ residual,
    )
    step = model.step(damping)
    assert (
        step is not None
        and model.in_samples == (rows < columns)
        and len(model.gram) == min(rows, columns)
    )
    assert torch.allclose(step, dense, rtol=1e-6, atol=1e-8 * float(dense.norm()))


@given(st.floats(0.3, 2.0), st.floats(2.5, 8.0))
@settings(max_examples=20)
def test_kaufmans_jacobian_gives_the_gradient_of_the_projected_loss(
    first: float, second: float
) -> None:
    loss, h = Exponentials(), 1e-5
    x, _ = project_linear(loss, torch.tensor([first, second, 0, 0], dtype=torch.float64))
    residual, jacobian = kaufman(loss, x)
    for k, column in enumerate(jacobian.T):
        moved = [x.clone(), x.clone()]
        moved[0][k], moved[1][k] = x[k] + h, x[k] - h
        slope = (project_linear(loss, moved[0])[1] - project_linear(loss, moved[1])[1]) / (2 * h)
        assert 2 * float(column @ residual) == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_kaufmans_jacobian_is_that_of_the_projected_residual_where_the_residual_vanishes() -> None:
    loss, h = Exponentials(), 1e-6
    x = torch.tensor([1, 4, 2, -1], dtype=torch.float64)
    _, jacobian = kaufman(loss, x)
    for k, column in enumerate(jacobian.T):
        moved = x.clone()
        moved[k] += h
        assert torch.allclose(loss.residual(project_linear(loss, moved)[0]) / h, column, atol=1e-5)


@pytest.mark.parametrize("name", STEPS)
def test_a_state_that_was_written_is_continued_to_the_same_result(name: str) -> None:
    loss, count = Exponentials(), 12
    straight = steps(name, loss, count)[-1]
    states = steps(name, loss, count // 2)
    buffer = io.BytesIO()
    torch.save(vars(states[-1]), buffer)
    buffer.seek(0)
    solver = make_optimizer(name, count)[0]
    if name == "adam":  # its rate depends on the number of steps in all
        states = [solver.begin(loss)]
        for _ in range(count // 2):
            states.append(solver.step(loss, states[-1]))
        buffer = io.BytesIO()
        torch.save(vars(states[-1]), buffer)
        buffer.seek(0)
    state = solver.state(**torch.load(buffer, weights_only=True))
    for _ in range(count - count // 2):
        state = solver.step(loss, state)
    torch.testing.assert_close(state.x, straight.x, rtol=1e-9, atol=1e-9)
    assert state.loss == pytest.approx(straight.loss, rel=1e-6)


def test_every_result_says_what_happened_and_all_but_success_what_to_change() -> None:
    for result in Result:
        what, remedy = result.value
        assert str(result).startswith(result.name) and what in str(result)
        assert (result is Result.CONVERGED) == (remedy == "") and ("=" in remedy or remedy == "")
