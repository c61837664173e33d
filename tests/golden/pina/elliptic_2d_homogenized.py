"""Homogenized equation, for PINA, in (0, 1) x (0, 1), with the coefficients of effective.json.

    python homogenized.py 2000  # steps of training; writes homogenized.npz, the solution on a grid
"""

import numpy as np
import torch
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.model import FeedForward
from pina.operator import grad
from pina.problem import SpatialProblem
from pina.solver import PINN

from nhpinn_sym.runtime.pinn_scripts import (
    derivative, effective_numbers, training_steps, uniform_grid,
)

torch.set_default_dtype(torch.float64)
[A_11, A_12, A_21, A_22] = effective_numbers("A", *np.ndindex(2, 2))


def flux(points, outputs):
    """What the residuals take derivatives of."""
    u = outputs.extract(["u"])
    u_x1, u_x2 = (grad(u, points, d=k) for k in ("x1", "x2"))
    return [A_11*u_x1 + A_12*u_x2, A_21*u_x1 + A_22*u_x2]


def residuals(points, outputs):
    """Zero for the solution."""
    x1, x2 = (points.extract([k]).tensor for k in ("x1", "x2"))
    q = flux(points, outputs)
    return (
        -torch.sin(x1) - torch.cos(x2) - derivative(q[0], points, "x1")
            - derivative(q[1], points, "x2")
    )


def wall_0(points, outputs):
    """Zero where x1 = 0 or x1 = 1 or x2 = 0 or x2 = 1."""
    return outputs


class BoundaryValueProblem(SpatialProblem):
    """The equation, and what holds around it."""
    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x1": [0, 1], "x2": [0, 1]})
    domains = {"inside": spatial_domain, "wall_0": spatial_domain.partial()}
    equations = {"inside": residuals, "wall_0": wall_0}
    conditions = {k: Condition(domain=k, equation=Equation(f)) for k, f in equations.items()}


if __name__ == "__main__":
    problem = BoundaryValueProblem()
    for name in problem.domains:
        problem.discretise_domain(1600 if name == "inside" else 400, domains=name)
    net = FeedForward(2, 1, layers=[48, 48, 48], func=torch.nn.Tanh)
    solver = PINN(problem, net)
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    Trainer(solver, max_epochs=training_steps(2000), **options).train()
    grid = uniform_grid((0, 1), (0, 1))
    points = LabelTensor(torch.as_tensor(grid), ["x1", "x2"])
    np.savez("homogenized.npz", points=grid, u=solver(points).detach().numpy())
