from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nhpinn_sym.problem.errors import ProblemError
from nhpinn_sym.runtime.nets.native import engine as native
from nhpinn_sym.solve.pinn import objective
from nhpinn_sym.solve.pinn.objective import Objective
from tests.pinn_rows import LAPLACE, SETS, net, reference, rows

EXACT = 1e-12


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def compared(
    indices: Sequence[tuple[int, ...]],
    widths: Sequence[int],
    count: int,
    equations: int,
    known: int,
    flavour: str,
    seed: int,
) -> None:
    """Value, gradient, residuals and Jacobian against nested autograd."""
    trial, layers = net(indices, widths, equations, seed, slow=seed % 2)
    block = rows(trial, count, equations, equations, known, seed)
    objective = Objective(trial, block, layers, flavour)
    assert objective.flavour == flavour
    x = objective.start.clone()
    x[len(x) - known :] = 0.5
    residual, jacobian = reference(trial, objective.rows, layers, x[len(x) - known :])
    loss, gradient = objective.value_and_gradient(x)
    found, rates = objective.residual_and_jacobian(x)
    n = len(residual)
    assert loss == pytest.approx(float(residual.square().mean()), rel=EXACT) and objective.value(
        x
    ) == pytest.approx(loss, rel=EXACT)
    assert distance(gradient, 2 / n * jacobian.T @ residual) < EXACT
    assert distance(found, residual / n**0.5) < EXACT and distance(rates, jacobian / n**0.5) < EXACT


@pytest.mark.parametrize("flavour", ["torch", "native"])
@pytest.mark.parametrize("name", SETS)
@settings(max_examples=3)
@given(
    widths=st.lists(st.integers(1, 11), min_size=1, max_size=3),
    count=st.integers(1, 7),
    equations=st.sampled_from([1, 1, 2]),
    known=st.integers(0, 2),
    seed=st.integers(0, 2**20),
)
def test_agrees_with_nested_autograd(
    name: str, flavour: str, widths: list[int], count: int, equations: int, known: int, seed: int
) -> None:
    compared(SETS[name], widths, count, equations, known, flavour, seed)


@pytest.mark.parametrize("widths", [[64], [33, 24], [40, 8, 70]])
def test_widths_beside_the_vectors_of_the_processor(widths: list[int]) -> None:
    compared(LAPLACE, widths, 23, 1, 1, "native", 3)


@pytest.mark.parametrize("flavour", ["torch", "native"])
@pytest.mark.parametrize(("name", "equations"), [("Laplace", 1), ("mixed", 2)])
def test_many_blocks_of_points(
    name: str, equations: int, flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows at once are the rows of a few points at a time."""
    monkeypatch.setattr(objective, "_CHUNK", 320)
    trial, layers = net(SETS[name], [10, 9], equations, 5)
    block = rows(trial, 301, equations, equations, 1, 5)
    whole = Objective(trial, block, layers, flavour)
    few = [Objective(trial, block.part(slice(k, k + 7)), layers, flavour) for k in range(0, 301, 7)]
    expected = [
        torch.cat(parts) / len(few) ** 0.5
        for parts in zip(*(part.residual_and_jacobian(whole.start) for part in few))
    ]
    residual, jacobian = whole.residual_and_jacobian(whole.start)
    assert distance(residual, expected[0]) < EXACT and distance(jacobian, expected[1]) < EXACT
    loss, gradient = whole.value_and_gradient(whole.start)
    assert (
        loss == pytest.approx(float(residual @ residual), rel=EXACT)
        and distance(gradient, 2 * jacobian.T @ residual) < EXACT
    )


def test_threads_share_the_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_PER_THREAD", 8)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        compared(LAPLACE, [6], 21, 1, 1, "native", 7)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("flavour", ["torch", "native"])
def test_single_precision(flavour: str) -> None:
    trial, layers = net(LAPLACE, [20, 20], 1, 1)
    block = rows(trial, 50, 1, 1, 2, 1)
    single = type(block)(
        *(getattr(block, name).float() for name in ("points", "weights", "extra", "target", "size"))
    )
    exact, rounded = (
        Objective(trial, block, layers, "torch"),
        Objective(trial, single, layers, flavour),
    )
    assert rounded.start.dtype == torch.float32
    loss, gradient = rounded.value_and_gradient(rounded.start)
    assert (
        gradient.dtype == torch.float32
        and rounded.residual_and_jacobian(rounded.start)[1].dtype == torch.float32
    )
    assert loss == pytest.approx(exact.value(exact.start), rel=1e-4)
    assert distance(gradient.double(), exact.value_and_gradient(exact.start)[1]) < 1e-4


def test_saturated_units_and_nan() -> None:
    trial, layers = net(LAPLACE, [9], 1, 2)
    block = rows(trial, 11, 1, 1, 0, 2)
    layers[0] = (300 * layers[0][0], layers[0][1])
    fast, slow = (Objective(trial, block, layers, flavour) for flavour in ("native", "torch"))
    assert fast.value(fast.start) == pytest.approx(slow.value(slow.start), rel=1e-9)
    fast.start[0] = torch.nan
    assert fast.value(fast.start) != fast.value(fast.start)


@pytest.mark.parametrize("flavour", ["torch", "native"])
def test_linear_part(flavour: str) -> None:
    trial, layers = net(LAPLACE, [7, 5], 2, 4)
    objective = Objective(trial, rows(trial, 6, 2, 2, 3, 4), layers, flavour)
    assert objective.linear == slice(len(objective.start) - 2 * 6 - 3, len(objective.start))
    step = torch.zeros_like(objective.start)
    step[objective.linear] = 1.0
    middle, jacobian = objective.residual_and_jacobian(objective.start)
    moved, _ = objective.residual_and_jacobian(objective.start + step)
    torch.testing.assert_close(moved, middle + jacobian @ step, rtol=1e-10, atol=1e-10)


def test_flavour_is_chosen_by_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    trial, layers = net(LAPLACE, [8], 1, 0)
    block = rows(trial, 30, 1, 1, 0, 0)
    assert Objective(trial, block, layers).flavour == "torch"
    monkeypatch.setattr(objective, "_WORTH", 1000)
    assert Objective(trial, block, layers).flavour == "native"
    with pytest.raises(ProblemError, match="no flavour 'cuda'"):
        Objective(trial, block, layers, "cuda")


def test_size_of_the_data_is_the_unit() -> None:
    trial, layers = net(LAPLACE, [8], 1, 0)
    block = rows(trial, 30, 1, 1, 0, 0)
    a, b = (Objective(trial, r, layers, "torch") for r in (block, block.scale(100.0)))
    assert a.value(a.start) == pytest.approx(b.value(b.start), rel=1e-12)


def test_parameters_of_another_net_are_refused() -> None:
    trial, layers = net(LAPLACE, [8], 1, 0)
    objective = Objective(trial, rows(trial, 30, 1, 1, 0, 0), layers, "native")
    with pytest.raises(ValueError, match="parameters are needed"):
        objective.value(objective.start[1:])
