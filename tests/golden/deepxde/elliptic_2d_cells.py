"""Homogenization of 2D elliptic equation (section 5.2): the cell problems, for DeepXDE.

    python cells.py 2000  # steps of training; prints what it writes to effective.json
"""

import math
import os

os.environ["DDE_BACKEND"] = "pytorch"  # before the import
import deepxde as dde
import torch

from nhpinn_sym.runtime.pinn_scripts import (
    PeriodicInputs, training_steps, uniform_grid, write_means,
)

dde.config.set_default_float("float64")


def flux(points, p):
    """What derivatives and means are taken of, at a gradient p."""
    p_1, p_2 = p.split(1, dim=1)
    y1, y2 = points.split(1, dim=1)
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return [p_1*s1, p_2*s1]


def fluxes(points, outputs):
    """Those of every cell function."""
    p = torch.cat([dde.grad.jacobian(outputs, points, i=i) for i in range(2)], dim=1)
    sources = torch.eye(2)
    return [flux(points, q + g) for q, g in zip(p.split(2, dim=1), sources)]


def residuals(points, outputs):
    """Zero for N_1, N_2: periodic, with zero mean."""
    rows = []
    for q in fluxes(points, outputs):
        rows.append(-dde.grad.jacobian(q[0], points, j=0) - dde.grad.jacobian(q[1], points, j=1))
    return torch.cat(rows, dim=1)


# last places of the indices of A, by cell function
ENDS = [[(0,)], [(1,)]]


def effective(points, outputs):
    """What the effective coefficients are the means of."""
    found = {}
    for q, ends in zip(fluxes(points, outputs), ENDS):
        found |= {("A", (k, *end)): q[k] for end in ends for k in range(2)}
    return found


if __name__ == "__main__":
    cell = dde.geometry.Rectangle([0, 0], [1, 1])
    data = dde.data.PDE(cell, residuals, [], 1600, train_distribution="pseudo")
    net = dde.nn.FNN([4, 48, 48, 48, 2], "tanh", "Glorot normal")
    net.apply_feature_transform(PeriodicInputs({0: 1, 1: 1}))
    model = dde.Model(data, net)
    model.compile("adam", lr=0.002)
    model.train(iterations=training_steps(2000), display_every=500)
    points = torch.as_tensor(uniform_grid((0, 1), (0, 1), periodic=True)).requires_grad_()
    write_means(effective(points, net(points)))
