"""Homogenization of 2D elliptic equation (section 5.2): the cell problems, for PINA.

N_1, N_2: periodic in (y1, y2) on (0, 1) x (0, 1), with zero mean, and with the residuals below.

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
    PeriodicInputs, cell_functions, derivative, training_steps, uniform_grid, write_means
)

torch.set_default_dtype(torch.float64)


def flux(points, N, g):
    """What derivatives and means are taken of, for one N; g picks its source."""
    [g_1, g_2] = g
    y1, y2 = (points.extract([k]).tensor for k in ("y1", "y2"))
    N_y1, N_y2 = (grad(N, points, d=k) for k in ("y1", "y2"))
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return [N_y1*s1 + g_1*s1, N_y2*s1 + g_2*s1]


def residuals(points, outputs):
    """Zero for the cell functions."""
    rows = []
    for N, g in zip(cell_functions(outputs, 1), torch.eye(2)):
        q = flux(points, N, g)
        rows.append(-derivative(q[0], points, "y1") - derivative(q[1], points, "y2"))
    return torch.cat(rows, dim=1)


class CellProblem(SpatialProblem):
    """The cell problems; the net is periodic by itself."""

    output_variables = ["N_1", "N_2"]
    spatial_domain = CartesianDomain({"y1": [0, 1], "y2": [0, 1]})
    domains = {"inside": spatial_domain}
    conditions = {"inside": Condition(domain="inside", equation=Equation(residuals))}


# (first places of an index: number of a flux, [(name, last places)] by cell function)
MEANS = [({(0,): 0, (1,): 1}, [(("A", (0,)),), (("A", (1,)),)])]


def effective(points, outputs):
    """What the effective coefficients are the means of."""
    found = {}
    for k, (N, g) in enumerate(zip(cell_functions(outputs, 1), torch.eye(2))):
        q = flux(points, N, g)
        for starts, ends in MEANS:
            for start, p in starts.items():
                found |= {(name, start + end): q[p] for name, end in ends[k]}
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
    outputs = solver(points.requires_grad_())
    centred = LabelTensor(outputs - outputs.mean(dim=0), problem.output_variables)
    write_means(effective(points, centred))
