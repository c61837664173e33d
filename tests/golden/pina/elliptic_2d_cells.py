"""Homogenization of 2D elliptic equation (section 5.2): the cell problems, for PINA.

    python cells.py 2000  # steps of training; prints what it writes to effective.json
"""

import math

import torch
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.model import FeedForward
from pina.operator import grad
from pina.problem import SpatialProblem
from pina.solver import PINN

from nhpinn_sym.runtime.pinn_scripts import (
    PeriodicInputs, derivative, training_steps, uniform_grid, write_means,
)

torch.set_default_dtype(torch.float64)


def flux(points, p):
    """What derivatives and means are taken of, at a gradient p."""
    p_1, p_2 = p.split(1, dim=1)
    y1, y2 = (points.extract([k]).tensor for k in ("y1", "y2"))
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return [p_1*s1, p_2*s1]


def fluxes(points, outputs):
    """Those of every cell function."""
    p = grad(outputs, points, d=["y1", "y2"]).tensor
    sources = torch.eye(2)
    return [flux(points, q + g) for q, g in zip(p.split(2, dim=1), sources)]


def residuals(points, outputs):
    """Zero for N_1, N_2: periodic, with zero mean."""
    rows = []
    for q in fluxes(points, outputs):
        rows.append(-derivative(q[0], points, "y1") - derivative(q[1], points, "y2"))
    return torch.cat(rows, dim=1)


class CellProblem(SpatialProblem):
    """The cell problems; the net is periodic by itself."""
    output_variables = ["N_1", "N_2"]
    spatial_domain = CartesianDomain({"y1": [0, 1], "y2": [0, 1]})
    domains = {"inside": spatial_domain}
    conditions = {"inside": Condition(domain="inside", equation=Equation(residuals))}


# last places of the indices of A, by cell function
ENDS = [[(0,)], [(1,)]]


def effective(points, outputs):
    """What the effective coefficients are the means of."""
    found = {}
    for q, ends in zip(fluxes(points, outputs), ENDS):
        found |= {("A", (k, *end)): q[k] for end in ends for k in range(2)}
    return found


if __name__ == "__main__":
    problem = CellProblem()
    problem.discretise_domain(1600)
    net = FeedForward(4, 2, layers=[48, 48, 48], func=torch.nn.Tanh)
    net = torch.nn.Sequential(PeriodicInputs({"y1": 1, "y2": 1}), net)
    solver = PINN(problem, net)
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    Trainer(solver, max_epochs=training_steps(2000), **options).train()
    points = LabelTensor(torch.as_tensor(uniform_grid((0, 1), (0, 1), periodic=True)), ["y1", "y2"])
    write_means(effective(points, solver(points.requires_grad_())))
