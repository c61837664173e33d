"""One problem as a user of each PINN library writes it: -div(a grad u) = 1 in the unit square, u =
0 on its boundary, grad a exact.

A net 2-64-64-64-1 with tanh, side x side points inside and 4 (side - 1) on the boundary, float64,
Adam. Every function sets the problem up and returns `steps`: the CPU seconds of each of some steps
(loss, gradient and update).
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import sympy as sp
import torch

Steps = Callable[[int], list[float]]
SIZES = [2, 64, 64, 64, 1]
PI = torch.pi


def coefficient(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """a, a_x, a_y."""
    sx, cx, sy, cy = (
        torch.sin(2 * PI * x),
        torch.cos(2 * PI * x),
        torch.sin(2 * PI * y),
        torch.cos(2 * PI * y),
    )
    return 2 + sx * cy, 2 * PI * cx * cy, -2 * PI * sx * sy


def timed(step: Callable[[], object]) -> Steps:
    """Steps that are called one by one."""

    def steps(count: int) -> list[float]:
        seconds = []
        for _ in range(count):
            start = time.process_time()
            step()
            seconds.append(time.process_time() - start)
        return seconds

    return steps


def nhpinn(flavour: str) -> Callable[[int], Steps]:
    def make(side: int) -> Steps:
        import nhpinn_sym as nh
        from nhpinn_sym.runtime.nets.jets import below
        from nhpinn_sym.solve.pinn.collocation import Rows, concatenate
        from nhpinn_sym.solve.pinn.network import TrialSpace
        from nhpinn_sym.solve.pinn.objective import Objective

        s = nh.Scales(2)
        u, (x, y) = s.unknown("u"), s.x
        a = 2 + sp.sin(2 * sp.pi * x) * sp.cos(2 * sp.pi * y)
        problem = nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
        source = nh.emit(nh.homogenize(problem), "torch")
        trial = TrialSpace("fine_residual", source, (("scaled", 0.0, 1.0), ("scaled", 0.0, 1.0)))
        points, boundary = grid(side)
        factors, zero = (
            trial.module.coefficients(points, epsilon=1.0),
            points.new_zeros(len(points)),
        )
        inner = torch.stack(
            [factors[index] + zero if index in factors else zero for index in trial.indices], -1
        )
        value = points.new_zeros(len(boundary), len(trial.indices))
        value[:, trial.indices.index(below((0, 0))[0])] = 1.0
        rows = concatenate(
            [
                Rows(
                    p,
                    w[:, None, None],
                    p.new_zeros(len(p), 1, 0),
                    right[:, None, None],
                    p.new_ones(1),
                )
                for p, w, right in (
                    (points, inner, trial.module.source(points, epsilon=1.0)),
                    (boundary, value, boundary.new_zeros(len(boundary))),
                )
            ]
        )
        objective = Objective(trial, rows, trial.mlp(SIZES[1], len(SIZES) - 2, 1, 0), flavour)
        x = objective.start.clone()
        adam = torch.optim.Adam([x], lr=1e-3)

        def step() -> None:
            _, x.grad = objective.value_and_gradient(x)
            adam.step()

        return timed(step)

    return make


def deepxde(side: int) -> Steps:
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde as dde

    dde.config.set_default_float("float64")

    def pde(p: Any, u: Any) -> Any:
        a, a_x, a_y = coefficient(p[:, :1], p[:, 1:])
        u_x, u_y = dde.grad.jacobian(u, p, j=0), dde.grad.jacobian(u, p, j=1)
        return (
            -a * (dde.grad.hessian(u, p, i=0, j=0) + dde.grad.hessian(u, p, i=1, j=1))
            - a_x * u_x
            - a_y * u_y
            - 1
        )

    geometry = dde.geometry.Rectangle([0, 0], [1, 1])
    boundary = dde.icbc.DirichletBC(geometry, lambda p: 0, lambda p, on: on)
    data = dde.data.PDE(
        geometry,
        pde,
        boundary,
        num_domain=side**2,
        num_boundary=4 * (side - 1),
        train_distribution="uniform",
    )
    model = dde.Model(data, dde.nn.FNN(SIZES, "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3, verbose=0)
    batch = model.data.train_next_batch(model.batch_size)
    model.net.train()
    return timed(lambda: model._train_step(*batch))


def pina(side: int) -> Steps:
    from lightning.pytorch.callbacks import Callback
    from pina import Condition, LabelTensor, Trainer
    from pina.equation import Equation, FixedValue
    from pina.model import FeedForward
    from pina.operator import grad
    from pina.problem import SpatialProblem
    from pina.solver import PINN

    def residual(p: Any, u: Any) -> Any:
        a, a_x, a_y = (
            LabelTensor(value.as_subclass(torch.Tensor), ["u"])
            for value in coefficient(p.extract(["x"]), p.extract(["y"]))
        )
        first = grad(u, p)
        u_x, u_y = first.extract(["dudx"]), first.extract(["dudy"])
        u_xx, u_yy = grad(u_x, p, d=["x"]), grad(u_y, p, d=["y"])
        return -a * (u_xx + u_yy) - a_x * u_x - a_y * u_y - 1

    points, boundary = (LabelTensor(part, ["x", "y"]) for part in grid(side))

    class Poisson(SpatialProblem):
        output_variables = ["u"]  # noqa: RUF012
        spatial_domain = cartesian()
        conditions = {  # noqa: RUF012
            "inside": Condition(input=points, equation=Equation(residual)),
            "boundary": Condition(input=boundary, equation=FixedValue(0.0)),
        }

    class Clock(Callback):
        seconds: list[float]

        def on_train_batch_start(self, *arguments: object) -> None:
            self._start = time.process_time()

        def on_train_batch_end(self, *arguments: object) -> None:
            self.seconds.append(time.process_time() - self._start)

    solver = PINN(Poisson(), FeedForward(2, 1, SIZES[1], len(SIZES) - 2, torch.nn.Tanh).double())

    def steps(count: int) -> list[float]:
        clock = Clock()
        clock.seconds = []
        trainer = Trainer(
            solver,
            max_epochs=count,
            accelerator="cpu",
            callbacks=[clock],
            enable_progress_bar=False,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        trainer.train()
        return clock.seconds

    return steps


def cartesian() -> Any:
    from pina.domain import CartesianDomain

    return CartesianDomain({"x": [0, 1], "y": [0, 1]})


def neurodiffeq(side: int) -> Steps:
    from neurodiffeq import diff
    from neurodiffeq.conditions import DirichletBVP2D
    from neurodiffeq.generators import Generator2D
    from neurodiffeq.networks import FCNN
    from neurodiffeq.solvers import Solver2D

    def pde(u: Any, x: Any, y: Any) -> list[Any]:
        a, a_x, a_y = coefficient(x, y)
        return [
            -a * (diff(u, x, order=2) + diff(u, y, order=2))
            - a_x * diff(u, x)
            - a_y * diff(u, y)
            - 1
        ]

    def zero(x: Any) -> Any:
        return 0 * x

    condition = DirichletBVP2D(
        x_min=0,
        x_min_val=zero,
        x_max=1,
        x_max_val=zero,
        y_min=0,
        y_min_val=zero,
        y_max=1,
        y_max_val=zero,
    )
    points = Generator2D((side, side), (0, 0), (1, 1), method="equally-spaced")
    solver = Solver2D(
        pde,
        [condition],
        xy_min=(0, 0),
        xy_max=(1, 1),
        nets=[FCNN(2, 1, hidden_units=SIZES[1:-1]).double()],
        train_generator=points,
        valid_generator=points,
        n_batches_valid=0,
    )
    return timed(solver.run_train_epoch)


def grid(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All points of a grid, and those on the boundary."""
    line = torch.linspace(0, 1, side, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    return points, points[((points == 0) | (points == 1)).any(1)]


LIBRARIES: dict[str, Callable[[int], Steps]] = {
    "native": nhpinn("native"),
    "compile": nhpinn("compile"),
    "torch": nhpinn("torch"),
    "PINA": pina,
    "DeepXDE": deepxde,
    "neurodiffeq": neurodiffeq,
}


def quiet() -> None:
    """One thread, float64, and none of the libraries' warnings."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")
