"""Homogenization of 2D elliptic equation (section 5.2): the cell problems, for PINA.

N_1, N_2: periodic in (y1, y2) on (0, 1) x (0, 1), with zero mean, and with the residuals below.

    python cells.py 2000  # steps of training; prints what it writes to effective.json
"""

import json
import math
import sys

import numpy as np
import torch
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.model import FeedForward
from pina.operator import grad
from pina.problem import SpatialProblem
from pina.solver import PINN

torch.set_default_dtype(torch.float64)


def residuals(points, outputs):
    """Zero for the cell functions."""
    y1, y2 = points.extract(["y1"]).tensor, points.extract(["y2"]).tensor
    N_1, N_2 = outputs.extract(["N_1"]), outputs.extract(["N_2"])
    N_1_y1, N_1_y2 = (grad(N_1, points, d=k) for k in ("y1", "y2"))
    N_1_y1y1 = grad(N_1_y1, points, d="y1")
    N_1_y2y2 = grad(N_1_y2, points, d="y2")
    N_2_y1, N_2_y2 = (grad(N_2, points, d=k) for k in ("y1", "y2"))
    N_2_y1y1 = grad(N_2_y1, points, d="y1")
    N_2_y2y2 = grad(N_2_y2, points, d="y2")
    s1 = 2*math.pi*y2
    s2 = torch.cos(s1)
    s3 = 2*math.pi*y1
    s4 = 2*math.pi*s2*torch.cos(s3)
    s5 = torch.sin(s3)
    s6 = 2*math.pi*s5*torch.sin(s1)
    s7 = -s2*s5 - 2
    return (
        torch.cat([-N_1_y1*s4 + N_1_y1y1*s7 + N_1_y2*s6 + N_1_y2y2*s7 - s4, -N_2_y1*s4 + N_2_y1y1*s7
            + N_2_y2*s6 + N_2_y2y2*s7 + s6], dim=1)
    )


class CellProblem(SpatialProblem):
    """The cell problems; the net is periodic by itself."""

    output_variables = ["N_1", "N_2"]
    spatial_domain = CartesianDomain({"y1": [0, 1], "y2": [0, 1]})
    domains = {"inside": spatial_domain}
    conditions = {"inside": Condition(domain="inside", equation=Equation(residuals))}


class Net(FeedForward):
    """Its inputs are periodic in y1, y2."""

    def forward(self, points):
        points = points.extract(["y1", "y2"]).tensor
        angles = 2*math.pi * points
        return super().forward(torch.cat([torch.cos(angles), torch.sin(angles)], dim=1))


def effective(points, outputs):
    """The effective coefficients: means over a uniform grid of the cell."""
    y1, y2 = points.extract(["y1"]).tensor, points.extract(["y2"]).tensor
    N_1, N_2 = outputs.extract(["N_1"]), outputs.extract(["N_2"])
    N_1_y1, N_1_y2 = (grad(N_1, points, d=k) for k in ("y1", "y2"))
    N_2_y1, N_2_y2 = (grad(N_2, points, d=k) for k in ("y1", "y2"))
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return {
        ("A", (0, 0)): torch.as_tensor(N_1_y1*s1 + s1).mean().item(),
        ("A", (0, 1)): torch.as_tensor(N_2_y1*s1).mean().item(),
        ("A", (1, 0)): torch.as_tensor(N_1_y2*s1).mean().item(),
        ("A", (1, 1)): torch.as_tensor(N_2_y2*s1 + s1).mean().item(),
    }


if __name__ == "__main__":
    steps = int(sys.argv[1]) if sys.argv[1:] else 2000
    problem = CellProblem()
    problem.discretise_domain(1600)
    net = Net(4, 2, layers=[48, 48, 48], func=torch.nn.Tanh)
    solver = PINN(problem, net)
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    Trainer(solver, max_epochs=steps, **options).train()
    axes = [np.linspace(0, 1, 64, endpoint=False), np.linspace(0, 1, 64, endpoint=False)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    points = LabelTensor(torch.as_tensor(grid), ["y1", "y2"])
    points.requires_grad_()
    outputs = solver(points)
    centred = LabelTensor(outputs - outputs.mean(dim=0), problem.output_variables)
    means = effective(points, centred)
    entries = [{"name": n, "index": i, "real": value} for (n, i), value in means.items()]
    with open("effective.json", "w", encoding="utf-8") as file:
        json.dump({"slow": {}, "parameters": {}, "effective": entries, "known": []}, file)
    print(*entries, sep="\n")
