"""Run by torchrun: solves one problem in all the ways that share rows, and writes what the first process found; see test_ranks.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import sympy as sp
import torch.distributed as dist

import nhpinn_sym as nh

POINTS = np.array([[0.1, 0.3], [0.7, 0.45], [0.25, 0.9]])
SOLVERS = {"random-features": {"features": 200}, "varpro": {"iterations": 6}, "lm": {"iterations": 6}, "ssbfgs": {"iterations": 12},
           "lbfgs": {"iterations": 12}, "adam": {"iterations": 20}}


def found(group: dist.ProcessGroup | None) -> dict[str, list[float]]:
    """Numbers of the cell problem by every solver, and of the homogenized equation."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, domain=nh.Box((0, 1), (0, 1)),
                                               boundary=[nh.Dirichlet(0)]))
    numbers = {}
    for solver, options in SOLVERS.items():
        net = {} if solver == "random-features" else {"width": 8, "depth": 2, "points": 401}
        cells = nh.solve_cells(model, "pinn", solver=solver, group=group, tolerance=1e-4, **net, **options)
        numbers[solver] = [*cells.effective["A"].ravel(), *cells.functions[0](POINTS)]
    u0 = nh.solve_homogenized(model, cells, "pinn", group=group, features=200)
    return {**numbers, "equation": list(u0(POINTS))}


def main() -> None:
    dist.init_process_group("gloo")
    numbers = found(dist.group.WORLD)
    if dist.get_rank() == 0:
        Path(sys.argv[1]).write_text(json.dumps(numbers))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
