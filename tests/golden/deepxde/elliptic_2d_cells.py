"""Homogenization of 2D elliptic equation (section 5.2): the cell problems, for DeepXDE.

N_1, N_2: periodic in (y1, y2) on (0, 1) x (0, 1), with zero mean, and with the residuals below.

    python cells.py 2000  # steps of training; prints what it writes to effective.json
"""

import json
import math
import os
import sys

os.environ["DDE_BACKEND"] = "pytorch"  # before the import
import deepxde as dde
import numpy as np
import torch

dde.config.set_default_float("float64")


def features(points):
    """Inputs of a net, periodic in y1, y2."""
    angles = 2*math.pi * points
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)


def residuals(points, outputs):
    """Zero for the cell functions."""
    y1, y2 = points[:, 0:1], points[:, 1:2]
    N_1, N_2 = outputs[:, 0:1], outputs[:, 1:2]
    N_1_y1, N_1_y2 = (dde.grad.jacobian(N_1, points, j=k) for k in (0, 1))
    N_1_y1y1 = dde.grad.jacobian(N_1_y1, points, j=0)
    N_1_y2y2 = dde.grad.jacobian(N_1_y2, points, j=1)
    N_2_y1, N_2_y2 = (dde.grad.jacobian(N_2, points, j=k) for k in (0, 1))
    N_2_y1y1 = dde.grad.jacobian(N_2_y1, points, j=0)
    N_2_y2y2 = dde.grad.jacobian(N_2_y2, points, j=1)
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


def effective(points, outputs):
    """The effective coefficients: means over a uniform grid of the cell."""
    y1, y2 = points[:, 0:1], points[:, 1:2]
    N_1, N_2 = outputs[:, 0:1], outputs[:, 1:2]
    N_1_y1, N_1_y2 = (dde.grad.jacobian(N_1, points, j=k) for k in (0, 1))
    N_2_y1, N_2_y2 = (dde.grad.jacobian(N_2, points, j=k) for k in (0, 1))
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return {
        ("A", (0, 0)): torch.as_tensor(N_1_y1*s1 + s1).mean().item(),
        ("A", (0, 1)): torch.as_tensor(N_2_y1*s1).mean().item(),
        ("A", (1, 0)): torch.as_tensor(N_1_y2*s1).mean().item(),
        ("A", (1, 1)): torch.as_tensor(N_2_y2*s1 + s1).mean().item(),
    }


if __name__ == "__main__":
    steps = int(sys.argv[1]) if sys.argv[1:] else 2000
    cell = dde.geometry.Rectangle([0, 0], [1, 1])
    data = dde.data.PDE(cell, residuals, [], 1600, train_distribution="pseudo")
    net = dde.nn.FNN([4, 48, 48, 48, 2], "tanh", "Glorot normal")
    net.apply_feature_transform(features)
    model = dde.Model(data, net)
    model.compile("adam", lr=0.002)
    model.train(iterations=steps, display_every=500)
    axes = [np.linspace(0, 1, 64, endpoint=False), np.linspace(0, 1, 64, endpoint=False)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    points = torch.as_tensor(grid).requires_grad_()
    outputs = net(points)
    means = effective(points, outputs - outputs.mean(dim=0))
    entries = [{"name": n, "index": i, "real": value} for (n, i), value in means.items()]
    with open("effective.json", "w", encoding="utf-8") as file:
        json.dump({"slow": {}, "parameters": {}, "effective": entries, "known": []}, file)
    print(*entries, sep="\n")
