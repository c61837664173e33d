"""Multiscale equation, for DeepXDE.

In (0, 1) x (0, 1), with every period resolved.

    python fine.py 2000  # steps of training; writes fine.npz, the solution on a grid
"""

import math
import os
import sys

os.environ["DDE_BACKEND"] = "pytorch"  # before the import
import deepxde as dde
import numpy as np
import torch

dde.config.set_default_float("float64")
epsilon = 1/4


def residuals(points, outputs):
    """Zero for the solution."""
    x1, x2 = points[:, 0:1], points[:, 1:2]
    u = outputs[:, 0:1]
    u_x1, u_x2 = (dde.grad.jacobian(u, points, j=k) for k in (0, 1))
    u_x1x1 = dde.grad.jacobian(u_x1, points, j=0)
    u_x2x2 = dde.grad.jacobian(u_x2, points, j=1)
    s0 = 2*math.pi/epsilon
    s1 = x1*s0
    s2 = torch.sin(s1)
    s3 = x2*s0
    s4 = torch.cos(s3)
    s5 = -s2*s4 - 2
    return (
        -u_x1*s0*s4*torch.cos(s1) + u_x1x1*s5 + u_x2*s0*s2*torch.sin(s3) + u_x2x2*s5 - torch.sin(x1)
            - torch.cos(x2)
    )


def wall_0(points, outputs, _):
    """Zero where x1 = 0 or x1 = 1 or x2 = 0 or x2 = 1."""
    u = outputs[:, 0:1]
    return u


if __name__ == "__main__":
    steps = int(sys.argv[1]) if sys.argv[1:] else 2000
    box = dde.geometry.Rectangle([0, 0], [1, 1])
    conditions = [dde.icbc.OperatorBC(box, wall_0, lambda x, on: on)]
    data = dde.data.PDE(
        box, residuals, conditions, num_domain=1600, num_boundary=400,
        train_distribution="pseudo",
    )
    net = dde.nn.FNN([2, 48, 48, 48, 1], "tanh", "Glorot normal")
    model = dde.Model(data, net)
    model.compile("adam", lr=0.002)
    model.train(iterations=steps, display_every=500)
    axes = [np.linspace(0, 1, 64), np.linspace(0, 1, 64)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    np.savez("fine.npz", points=grid, u=model.predict(grid))
