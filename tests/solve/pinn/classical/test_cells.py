"""Cell problems by NH-PINN: its loss, its oversampling, its histories."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

from nhpinn_sym.lower.forms import LoweredCells
from nhpinn_sym.problem.domain import Cell
from nhpinn_sym.problem.errors import ProblemError, SolveError, ToleranceWarning, UnsupportedError
from nhpinn_sym.solve.fourier.cells import CellSolver as FourierSolver
from nhpinn_sym.solve.pinn.classical.cells import ClassicalCellSolver
from nhpinn_sym.solve.pinn.classical.training import epoch_average
from nhpinn_sym.solve.pinn.fields import WrappedField
from nhpinn_sym.solve.solution import Array, CellBatch, CellTask

from ....pinn_samples import (
    PI2,
    diffusion_cells,
    elliptic_2d,
    reaction,
    relative,
    slow_1d,
    with_jump,
    x1,
    y1,
    y2,
)

ONE = np.zeros((1, 0))
SMALL: dict[str, Any] = {"width": 8, "depth": 2, "nodes": 6, "epochs": 3}


def first_only(cells: LoweredCells) -> LoweredCells:
    """The problem of N_1 alone."""
    return LoweredCells(
        **{**cells.__dict__, "functions": cells.functions[:1], "effective": cells.effective[:1]}
    )


def solved(
    cells: LoweredCells,
    tolerance: float = 100.0,
    slow_box: Any = (),
    slow: Array = ONE,
    **options: Any,
) -> CellBatch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        return ClassicalCellSolver(CellTask(cells, {}, slow_box, tolerance), **options).solve(slow)


def module_of(solver: ClassicalCellSolver) -> torch.nn.Sequential:
    """The same net, of torch's own layers."""
    sizes = solver.nets.sizes
    parts: list[torch.nn.Module] = []
    for (m, n), (weight, bias) in zip(
        pairwise(sizes),
        solver.nets.networks(solver.nets.start(solver.options.seed)[None])[0].layers,
    ):
        layer = torch.nn.Linear(m, n, dtype=torch.float64)
        layer.weight.data, layer.bias.data = weight, bias
        parts += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*parts[:-1])


def residual_1d(net: torch.nn.Module, p: torch.Tensor) -> torch.Tensor:
    """-(a (N' + 1))' for a = 2 + sin(2 pi y), by nested automatic differentiation."""
    y = p.clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(y).sum(), y, create_graph=True)
    flux = (2 + torch.sin(2 * np.pi * y)) * (slope + 1)
    return torch.autograd.grad(flux.sum(), y, create_graph=True)[0]


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_loss_is_the_published_one_in_one_dimension(layers: int) -> None:
    weights = (0.2, 0.5, 0.3) if layers else (0.2, 0.8)
    solver = ClassicalCellSolver(
        CellTask(diffusion_cells(sp.Matrix([[2 + sp.sin(PI2 * y1)]])), {}, (), 100.0),
        oversampling=layers,
        weights=weights,
        **SMALL,
    )
    net, n = module_of(solver), 6
    p = torch.linspace(0, 1, n, dtype=torch.float64)[:, None]
    step, ends = 1 / (n - 1), net(p[[0, -1]])
    loss = (
        weights[0] / n * residual_1d(net, p).square().sum()
        + weights[1] / 2 * 2 * (ends[0, 0] - ends[1, 0]) ** 2
    )
    if layers:
        left = torch.tensor(
            [[-step * (layers - i)] for i in range(layers)], dtype=torch.float64
        )  # q_left_1, ..., q_left_No = x_0 - step
        right = torch.tensor([[1 + step * (i + 1)] for i in range(layers)], dtype=torch.float64)
        loss = (
            loss
            + weights[2]
            / layers
            * ((net(left) - net(left + 1)) ** 2 + (net(right) - net(right - 1)) ** 2).sum()
        )
    history = solver.solve(ONE).info["history"]["N_1"]
    assert history.loss[0] == pytest.approx(float(loss.detach()), rel=1e-12)
    assert set(history.terms) == {"residual", "periodicity", *(["oversampling"] if layers else [])}


def test_the_training_is_adam_of_torch_on_that_loss() -> None:
    solver = ClassicalCellSolver(
        CellTask(diffusion_cells(sp.Matrix([[2 + sp.sin(PI2 * y1)]])), {}, (), 100.0),
        oversampling=0,
        **SMALL,
    )
    net = module_of(solver)
    p, losses = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None], []
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    w1, w2 = solver.options.balance
    for _ in range(3):
        ends = net(p[[0, -1]])
        loss = w1 * residual_1d(net, p).square().mean() + w2 * (ends[0, 0] - ends[1, 0]) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    batch = solver.solve(ONE)
    assert batch.info["history"]["N_1"].loss == pytest.approx(losses, rel=1e-10)
    y = np.array([[0.1], [0.35], [0.8]])
    mean = net(p[:-1]).mean()
    assert batch.fields[0][0].derivative(y, (0,))[0] == pytest.approx(
        (net(torch.as_tensor(y)) - mean)[:, 0].detach().numpy(), rel=1e-10
    )


def test_oversampling_in_two_dimensions_matches_every_face() -> None:
    cells = diffusion_cells((2 + sp.sin(PI2 * y1)) * sp.eye(2), cell=Cell((0, 1), (0, 2)))
    solver = ClassicalCellSolver(
        CellTask(first_only(cells), {}, (), 100.0), oversampling=2, **SMALL
    )
    net, mean = module_of(solver), []
    for axis, length in ((0, 1.0), (1, 2.0)):
        other = torch.linspace(0, 3 - length, 6, dtype=torch.float64)
        for layer in (1, 2):
            for outside in (-layer * length / 5, length + layer * length / 5):
                inside = outside + length if outside < 0 else outside - length
                columns = [[torch.full_like(other, place), other] for place in (outside, inside)]
                a, b = (net(torch.stack(pair if axis == 0 else pair[::-1], 1)) for pair in columns)
                mean.append((a - b).square().mean())
    found = solver.solve(ONE).info["history"]["N_1"].terms["oversampling"][0]
    assert found == pytest.approx(2 * float(torch.stack(mean).mean().detach()), rel=1e-12)


def test_oversampling_halves_the_error_in_the_same_budget() -> None:
    cells = first_only(elliptic_2d())
    fourier = FourierSolver(CellTask(cells, {}, (), 1e-10)).solve(ONE).fields[0][0]
    budget: dict[str, Any] = {
        "epochs": 1400,
        "nodes": 11,
        "test_nodes": 13,
        "learning_rate": 4e-3,
        "reference": [lambda y: fourier.derivative(y, (0, 0))[0]],
    }
    weights = (
        (1 / 301, 300 / 301),
        (1 / 301, 150 / 301, 150 / 301),
    )  # seeds 0 to 4: 3.2 to 8.7 times smaller
    histories = [
        solved(cells, oversampling=layers, weights=w, **budget).info["history"]["N_1"]
        for layers, w in zip((0, 2), weights, strict=True)
    ]
    without, with_layers = (epoch_average(history.error, 280) for history in histories)
    assert with_layers < without / 2


def test_one_dimension_and_its_coefficient() -> None:
    batch = solved(
        reaction(sp.Integer(1)),
        epochs=1000,
        nodes=31,
        width=16,
        oversampling=2,
        learning_rate=3e-3,
        reference=[lambda y: -np.cos(2 * np.pi * y[:, 0]) / (8 * np.pi**2)],
    )
    points = np.linspace(0, 1, 200)[:, None]
    exact = -np.cos(2 * np.pi * points[:, 0]) / (8 * np.pi**2)
    assert batch.effective["c", ()][0] == pytest.approx(-1 / (16 * np.pi**2), rel=0.1)
    error = relative(batch.fields[0][0].derivative(points, (0,))[0], exact)
    assert error < 0.2 and error == pytest.approx(batch.info["history"]["N_0"].error[-1], rel=0.5)


def test_histories_have_the_length_of_the_training() -> None:
    batch = solved(elliptic_2d(), reference=[lambda y: y[:, 0], lambda y: y[:, 1]], **SMALL)
    for name in ("N_1", "N_2"):
        history = batch.info["history"][name]
        assert history.loss.shape == (3,) == history.error.shape and all(
            v.shape == (3,) for v in history.terms.values()
        )
        assert (
            batch.info["errors"][name]
            == epoch_average(history.error)
            == pytest.approx(history.error.mean())
        )
    assert epoch_average(np.arange(10.0), last=4) == 7.5


def test_a_net_for_every_slow_point() -> None:
    batch = solved(
        slow_1d(),
        slow_box=((0.0, np.pi),),
        slow=np.array([[0.4], [1.7]]),
        slow_nodes=5,
        epochs=300,
        nodes=13,
        width=12,
        learning_rate=5e-3,
        reference=[lambda y, x: np.sin(2 * np.pi * y[:, 0]) * (1 + x[0])],
    )
    exact = np.sqrt((2 + np.sin([0.4, 1.7])) ** 2 - 0.25)
    assert batch.effective["A", (0, 0)] == pytest.approx(exact, rel=0.02)
    assert (
        batch.info["history"]["N_1"].loss.shape
        == (300, 5)
        == batch.info["history"]["N_1"].error.shape
    )
    assert batch.fields[0][0].derivative(np.array([[0.2], [1.2]]), (1,)).shape == (2, 2)


def test_many_nets_are_trained_as_each_alone() -> None:
    together = solved(
        slow_1d(), slow_box=((0.0, 1.0),), slow=np.array([[0.0], [1.0]]), slow_nodes=4, **SMALL
    )
    alone = solved(diffusion_cells(sp.Matrix([[2 + sp.sin(1) + sp.sin(PI2 * y1) / 2]])), **SMALL)
    y = np.array([[0.3], [0.9]])
    assert together.fields[0][0].derivative(y, (0,))[1] == pytest.approx(
        alone.fields[0][0].derivative(y, (0,))[0], rel=1e-9
    )
    assert together.effective["A", (0, 0)][1] == pytest.approx(
        alone.effective["A", (0, 0)][0], rel=1e-12
    )


def test_points_are_wrapped_and_fields_come_back_from_their_state() -> None:
    field = solved(elliptic_2d(), **SMALL).fields[1][0]
    points = np.array([[0.2, 0.7], [0.9, 0.1]])
    again = WrappedField.from_state(field.state())
    for index in ((0, 0), (1, 0), (1, 1)):
        assert field.derivative(points + np.array([3, -2]), index) == pytest.approx(
            field.derivative(points, index), rel=1e-9
        )
        assert again.derivative(points, index) == pytest.approx(
            field.derivative(points, index), rel=1e-14
        )


@pytest.mark.parametrize("weights", [None, (0.5, 0.5)])
def test_the_estimate_sees_what_soft_periodicity_costs(weights: tuple[float, ...] | None) -> None:
    """With equal weights the net follows -y_j, and a* is near zero."""
    options = {"epochs": 200, "nodes": 9, "width": 8, "oversampling": 0, "weights": weights}
    batch = ClassicalCellSolver(CellTask(elliptic_2d(), {}, (), 1e-9), **options).solve(ONE)
    error = abs(batch.effective["A", (0, 0)][0] - 1.9353592348122903)
    assert error > 0.01 and batch.info["estimate"] > error / 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"iterations": 3}, "no option 'iterations'"),
        ({"epochs": 0}, "epochs"),
        ({"weights": (0.5, 0.5)}, "3 positive numbers"),
        ({"weights": (0.5, 0.4, 0.3)}, "add up to 1"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"nodes": 5, "oversampling": 4}, "more layers"),
        ({"reference": [np.sin]}, "one function for each"),
    ],
)
def test_bad_options(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ProblemError, match=told):
        solved(elliptic_2d(), **{**SMALL, **options})


def test_refusals() -> None:
    with pytest.raises(UnsupportedError, match="jumps"):
        solved(with_jump(elliptic_2d()))
    with pytest.raises(UnsupportedError, match="single slow variable"):
        solved(
            diffusion_cells((3 + sp.sin(PI2 * y1)) * sp.eye(2), slow=(x1, y2)),
            slow_box=((0, 1), (0, 1)),
        )
    with pytest.raises(SolveError, match="not finite"):
        solved(elliptic_2d(), **{**SMALL, "learning_rate": 1e300, "epochs": 20})
