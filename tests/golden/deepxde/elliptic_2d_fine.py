"""Multiscale equation, for DeepXDE, in (0, 1) x (0, 1), with every period resolved.

    python fine.py 2000  # steps of training; writes fine.npz, the solution on a grid
"""

import math
import os

os.environ["DDE_BACKEND"] = "pytorch"  # before the import
import deepxde as dde
import numpy as np
import torch

from nhpinn_sym.runtime.pinn_scripts import training_steps, uniform_grid

dde.config.set_default_float("float64")
epsilon = 1/4


def flux(points, outputs):
    """What the residuals take derivatives of."""
    x1, x2 = points.split(1, dim=1)
    u = outputs[:, 0:1]
    u_x1, u_x2 = dde.grad.jacobian(u, points, i=0).split(1, dim=1)
    s0 = 2*math.pi/epsilon
    s1 = torch.sin(x1*s0)*torch.cos(x2*s0) + 2
    return [u_x1*s1, u_x2*s1]


def residuals(points, outputs):
    """Zero for the solution."""
    x1, x2 = points.split(1, dim=1)
    q = flux(points, outputs)
    return (
        -torch.sin(x1) - torch.cos(x2) - dde.grad.jacobian(q[0], points, j=0)
            - dde.grad.jacobian(q[1], points, j=1)
    )


def wall_0(points, outputs, _):
    """Zero where x1 = 0 or x1 = 1 or x2 = 0 or x2 = 1."""
    return outputs


if __name__ == "__main__":
    box = dde.geometry.Rectangle([0, 0], [1, 1])
    conditions = [dde.icbc.OperatorBC(box, wall_0, lambda x, on: on)]
    data = dde.data.PDE(
        box, residuals, conditions, num_domain=1600, num_boundary=400,
        train_distribution="pseudo",
    )
    net = dde.nn.FNN([2, 48, 48, 48, 1], "tanh", "Glorot normal")
    model = dde.Model(data, net)
    model.compile("adam", lr=0.002)
    model.train(iterations=training_steps(2000), display_every=500)
    grid = uniform_grid((0, 1), (0, 1))
    np.savez("fine.npz", points=grid, u=model.predict(grid))
