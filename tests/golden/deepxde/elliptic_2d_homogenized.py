"""Homogenized equation, for DeepXDE, in (0, 1) x (0, 1), with the coefficients of effective.json.

    python homogenized.py 2000  # steps of training; writes homogenized.npz, the solution on a grid
"""

import os

os.environ["DDE_BACKEND"] = "pytorch"  # before the import
import deepxde as dde
import numpy as np
import torch

from nhpinn_sym.runtime.pinn_scripts import effective_numbers, training_steps, uniform_grid

dde.config.set_default_float("float64")
[A_11, A_12, A_21, A_22] = effective_numbers("A", *np.ndindex(2, 2))


def flux(points, outputs):
    """What the residuals take derivatives of."""
    u = outputs[:, 0:1]
    u_x1, u_x2 = dde.grad.jacobian(u, points, i=0).split(1, dim=1)
    return [A_11*u_x1 + A_12*u_x2, A_21*u_x1 + A_22*u_x2]


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
    np.savez("homogenized.npz", points=grid, u=model.predict(grid))
