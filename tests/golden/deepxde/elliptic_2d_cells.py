"""Homogenization of 2D elliptic equation (section 5.2): the cell problems, for DeepXDE.

N_1, N_2: periodic in (y1, y2) on (0, 1) x (0, 1), with zero mean, and with the residuals below.

    python cells.py 2000  # steps of training; prints what it writes to effective.json
"""

import math
import os

os.environ["DDE_BACKEND"] = "pytorch"  # before the import
import deepxde as dde
import torch

from nhpinn_sym.runtime.pinn_scripts import (
    PeriodicInputs, training_steps, uniform_grid, write_means
)

dde.config.set_default_float("float64")


def flux(points, N, g):
    """What derivatives and means are taken of, for one N; g picks its source."""
    [g_1, g_2] = g
    y1, y2 = points.split(1, dim=1)
    N_y1, N_y2 = dde.grad.jacobian(N, points, i=0).split(1, dim=1)
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return [N_y1*s1 + g_1*s1, N_y2*s1 + g_2*s1]


def residuals(points, outputs):
    """Zero for the cell functions."""
    rows = []
    for N, g in zip(outputs.split(1, dim=1), torch.eye(2)):
        q = flux(points, N, g)
        rows.append(-dde.grad.jacobian(q[0], points, j=0) - dde.grad.jacobian(q[1], points, j=1))
    return torch.cat(rows, dim=1)


# (first places of an index: number of a flux, [(name, last places)] by cell function)
MEANS = [({(0,): 0, (1,): 1}, [(("A", (0,)),), (("A", (1,)),)])]


def effective(points, outputs):
    """What the effective coefficients are the means of."""
    found = {}
    for k, (N, g) in enumerate(zip(outputs.split(1, dim=1), torch.eye(2))):
        q = flux(points, N, g)
        for starts, ends in MEANS:
            for start, p in starts.items():
                found |= {(name, start + end): q[p] for name, end in ends[k]}
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
    outputs = net(points)
    write_means(effective(points, outputs - outputs.mean(dim=0)))
