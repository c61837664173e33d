"""The energy form of the classical PINN: deep Ritz (E and Yu 2018), on the grid."""

from __future__ import annotations

from functools import partial, reduce

import torch
from torch import Tensor

from ....emit.source import load
from ....emit.torch_ritz import equation as emit_energy
from ....runtime.nets.jets import column
from ....runtime.nets.networks import network
from .batched_mlp import BatchedMlp
from .grids import face, uniform
from .soft_problem import SoftProblem

_NAME = "equation_energy"
_CHUNK = 2048
_UNSEEN = 1.37
"""How much finer the grid is on which the energy is taken again."""


class EnergyLoss:
    """The energy of a net by the trapezoid rule; a `LossTerm`, though it may be negative."""

    def __init__(self, weight: float, problem: SoftProblem, nets: BatchedMlp, nodes: int) -> None:
        self.name, self.weight, self.problem, self.nets = "energy", weight, problem, nets
        self.module = load(emit_energy(problem.equation, "equation"), _NAME)
        bounds = problem.bounds
        self.parts = [(self.module.energy, uniform(bounds, nodes), _trapezoid(bounds, nodes))]
        for axis, end in self.module.BOUNDARY:
            others = [pair for k, pair in enumerate(bounds) if k != axis]
            energy = partial(self.module.boundary_energy, face=(axis, end))
            self.parts.append(
                (energy, face(bounds, nodes, axis, bounds[axis][end]), _trapezoid(others, nodes))
            )

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total, gradient = x.new_zeros(()), torch.zeros_like(x)
        for energy, points, weights in self.parts:
            for p, w in zip(
                points.to(x.device).split(_CHUNK), weights.to(x.device).split(_CHUNK), strict=True
            ):
                variable = x.detach().requires_grad_()
                layers = [(weight[0], bias[0]) for weight, bias in self.nets.layers(variable)]
                jet = network(p, layers, self.module.INDICES, self.nets.trial.axes)
                if self.module.COMPONENTS == 1:
                    jet = column(jet, 0)
                part = w @ energy(p, jet, **self.problem.arguments(p))
                gradient += torch.autograd.grad(part, variable)[0]
                total = total + part.detach()
        return total[None], gradient

    def doubt(self, x: Tensor, nodes: int) -> float:
        """By how much the energy changes on another grid, relative to it: a net can exploit the
        errors of a quadrature.
        """
        here, there = (
            float(EnergyLoss(1.0, self.problem, self.nets, n).value_and_gradient(x)[0])
            for n in (nodes, int(_UNSEEN * nodes) + 1)
        )
        return abs(here - there) / (abs(there) or 1.0)


def _trapezoid(bounds: list[tuple[float, float]], nodes: int) -> Tensor:
    """The weights of the trapezoid rule on the grid, (n,)."""
    lines = []
    for a, b in bounds:
        line = torch.full((nodes,), (b - a) / (nodes - 1), dtype=torch.float64)
        line[[0, -1]] /= 2
        lines.append(line)
    return reduce(
        lambda whole, line: torch.outer(whole, line).flatten(),
        lines,
        torch.ones(1, dtype=torch.float64),
    )
