"""Run twice, as ranks 0 and 1: solves one problem in all the ways that share rows, and writes what
the first process found. Arguments: the file to write, the rank.

See test_distributed.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import sympy as sp
import torch
import torch.distributed as dist

import nhpinn_sym as nh
from nhpinn_sym.solve.pinn.distributed import Ranks, SharedLoss
from nhpinn_sym.solve.pinn.options import read_options
from nhpinn_sym.solve.pinn.training import NetLoss
from tests.pinn_rows import LAPLACE, net, rows

POINTS = np.array([[0.1, 0.3], [0.7, 0.45], [0.25, 0.9]])
SOLVERS = {
    "random-features": {"features": 200},
    "varpro": {"iterations": 6},
    "lm": {"iterations": 6},
    "ssbfgs": {"iterations": 12},
    "lbfgs": {"iterations": 12},
    "adam": {"iterations": 20},
}


def evaluated(group: dist.ProcessGroup | None) -> dict[str, list[float]]:
    """What the solvers ask of a loss, at weights that are given; of rows their Gram matrix, which
    any orthogonal transformation keeps.
    """
    trial, layers = net(LAPLACE, [6, 5], 1, 3)
    block, ranks = rows(trial, 41, 1, 1, 1, 3), Ranks(group)
    own = block.part(ranks.own)
    loss = NetLoss(
        trial,
        own,
        layers,
        torch.ones(1, 1, dtype=torch.float64),
        read_options({"solver": "lm", "flavour": "torch"}),
    )
    shared = SharedLoss(loss, ranks, own.target.numel() / block.target.numel())
    value, gradient = shared.value_and_gradient(loss.start)
    residual, jacobian = shared.residual_and_jacobian(loss.start)
    matrix, target = shared.linear_rows(loss.start)
    return {
        "value": [value, shared.value(loss.start)],
        "gradient": gradient.tolist(),
        "normal equations": [
            *(jacobian.T @ jacobian).ravel().tolist(),
            *(jacobian.T @ residual).tolist(),
        ],
        "linear part": [*(matrix.T @ matrix).ravel().tolist(), *(matrix.T @ target).tolist()],
    }


def found(group: dist.ProcessGroup | None) -> dict[str, list[float]]:
    """Numbers of the cell problem by every solver, and of the homogenized equation."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    model = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    numbers = evaluated(group)
    for solver, options in SOLVERS.items():
        net = {} if solver == "random-features" else {"width": 8, "depth": 2, "points": 401}
        cells = nh.solve_cells(
            model, "pinn", solver=solver, group=group, tolerance=1e-4, **net, **options
        )
        numbers[solver] = [*cells.effective["A"].ravel(), *cells.functions[0](POINTS)]
    u0 = nh.solve_homogenized(model, cells, "pinn", group=group, features=200)
    return {**numbers, "equation": list(u0(POINTS))}


def refused() -> list[float]:
    """1.0 where another problem, or another seed, in each process is an error."""
    s = nh.Scales(1)
    u = s.unknown("u")
    rank, found = dist.get_rank(), []
    for number, seed in ((2 + rank, 0), (2, rank)):
        model = nh.homogenize(
            nh.MultiscaleProblem(
                sp.Eq(-s.div((number + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)), 1),
                scales=s,
                unknown=u,
            )
        )
        try:
            nh.solve_cells(model, "pinn", group=dist.group.WORLD, seed=seed, features=20)
            found.append(0.0)
        except nh.ProblemError:
            found.append(1.0)
    return found


def main() -> None:
    path, rank = Path(sys.argv[1]), int(sys.argv[2])
    store = path.with_suffix(".store")
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    numbers = {**found(dist.group.WORLD), "refused": refused()}
    if rank == 0:
        path.write_text(json.dumps(numbers))
    dist.barrier()  # a rank that ends while the other one is at work aborts
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
