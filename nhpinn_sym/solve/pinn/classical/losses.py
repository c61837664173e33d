"""The terms of the loss of a classical training, the nets that they are taken of, several at once,
and the uniform grids that they are sums over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Protocol

import torch
from torch import Tensor

from ....emit.source import Source, load
from ....emit.torch_ritz import equation as emit_energy
from ....lower.forms import LoweredEquation
from ....runtime.arrays import Bounds
from ....runtime.nets.jets import column
from ....runtime.nets.networks import network
from ..collocation import Rows
from ..network import Layers, Network, TrialSpace
from ..objective import Objective


class LossTerm(Protocol):
    """A number for every net."""

    name: str
    weight: float

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(nets,) and (nets, parameters) for weights x (nets, parameters)."""


class ResidualLoss:
    """The mean square of collocation rows, as they are (no units); one block of rows per net."""

    def __init__(
        self, name: str, weight: float, nets: BatchedMlp, rows: Sequence[Rows], flavour: str
    ) -> None:
        self.name = name
        self.weight = weight
        layers = nets.networks(nets.start(0)[None])[0].layers
        self.objectives = [Objective(nets.trial, block, layers, flavour) for block in rows]

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values = []
        gradients = []
        for objective, row in zip(self.objectives, x, strict=True):
            value, gradient = objective.value_and_gradient(row)
            values.append(value)
            gradients.append(gradient)
        return x.new_tensor(values), torch.stack(gradients)


class PeriodicityLoss:
    """factor * the mean square difference of the values at pairs of points."""

    def __init__(
        self,
        name: str,
        weight: float,
        nets: BatchedMlp,
        pairs: tuple[Tensor, Tensor],
        factor: float = 1.0,
    ) -> None:
        self.name = name
        self.weight = weight
        self.nets = nets
        self.factor = factor
        self.points = torch.cat(pairs).to(nets.trial.device)

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        variable = x.detach().requires_grad_()
        first, second = self.nets.values(variable, self.points).chunk(2, 1)
        values = self.factor * (first - second).square().mean((1, 2))
        return values.detach(), torch.autograd.grad(values.sum(), variable)[0]


def plain_rows(points: Tensor, weights: Tensor, target: Tensor) -> Rows:
    """Rows without known functions, in their own unit; weights (n, equations, components,
    derivatives), target (n, equations).
    """
    return Rows(
        points, weights, target.new_zeros(*target.shape, 0), target[..., None], target.new_ones(1)
    )


@dataclass(frozen=True)
class BatchedMlp:
    """Tanh nets on plain coordinates; `sizes` are (inputs, width, ..., width, outputs)."""

    trial: TrialSpace
    sizes: tuple[int, ...]

    @classmethod
    def make(
        cls,
        name: str,
        source: Source | None,
        inputs: int,
        outputs: int,
        width: int,
        depth: int,
        device: str,
    ) -> BatchedMlp:
        """Nets for an emitted file."""
        # From (-1, 1) to (-1, 1): the coordinates as they are.
        axes = (("scaled", -1.0, 1.0),) * inputs
        trial = TrialSpace(name, source, axes, device)
        return cls(trial, (inputs, *[width] * depth, outputs))

    def start(self, seed: int) -> Tensor:
        """The weights and biases of one net, uniform in +-1/sqrt(inputs of the layer): the default
        of torch.nn.Linear.
        """
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for m, n in zip(self.sizes, self.sizes[1:], strict=False):
            unit = torch.rand(n * m + n, generator=generator, dtype=torch.float64)
            parts.append((2 * unit - 1) / math.sqrt(m))
        return torch.cat(parts).to(self.trial.device)

    def flat(self, layers: Layers) -> Tensor:
        """The row of a net of given layers."""
        tensors = [tensor.flatten() for layer in layers for tensor in layer]
        return torch.cat(tensors).to(self.trial.device)

    def layers(self, x: Tensor) -> Layers:
        """The layers (nets, outputs, inputs), (nets, outputs) of weights x (nets, parameters)."""
        parts = []
        rest = x
        for m, n in zip(self.sizes, self.sizes[1:], strict=False):
            weight, bias, rest = rest.split([m * n, n, rest.shape[1] - m * n - n], 1)
            parts.append((weight.reshape(len(x), n, m), bias))
        return parts

    def values(self, x: Tensor, points: Tensor) -> Tensor:
        """(nets, n, outputs) at the same points (n, inputs) for every net."""
        *hidden, (weight, bias) = self.layers(x)
        value = points.expand(len(x), *points.shape)
        for w, b in hidden:
            value = torch.tanh(torch.baddbmm(b[:, None], value, w.mT))
        return torch.baddbmm(bias[:, None], value, weight.mT)

    def networks(self, x: Tensor) -> list[Network]:
        """Every net by itself."""
        stacked = self.layers(x)
        found = []
        for k in range(len(x)):
            layers = [(weight[k].clone(), bias[k].clone()) for weight, bias in stacked]
            found.append(Network(self.trial, layers))
        return found


def uniform(bounds: Bounds, nodes: int) -> Tensor:
    """All points of a grid of `nodes` per axis, both ends among them; (n, d)."""
    return _product([torch.linspace(a, b, nodes, dtype=torch.float64) for a, b in bounds])


def periodic(bounds: Bounds, nodes: int) -> Tensor:
    """The same grid without the upper ends, which a periodic function takes at the lower ones: its
    trapezoid rule is the mean.
    """
    return _product([torch.linspace(a, b, nodes, dtype=torch.float64)[:-1] for a, b in bounds])


def plane(bounds: Bounds, nodes: int, axis: int, value: float) -> Tensor:
    """The points of the grid in one plane; the value of `axis` there may lie outside."""
    lines = [torch.linspace(a, b, nodes, dtype=torch.float64) for a, b in bounds]
    lines[axis] = torch.tensor([value], dtype=torch.float64)
    return _product(lines)


def opposite(bounds: Bounds, nodes: int, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The points of the lower faces of some axes, and their images on the upper ones."""
    lower = [plane(bounds, nodes, axis, bounds[axis][0]) for axis in axes]
    upper = [plane(bounds, nodes, axis, bounds[axis][1]) for axis in axes]
    return torch.cat(lower), torch.cat(upper)


def oversampled(bounds: Bounds, nodes: int, layers: int) -> tuple[Tensor, Tensor]:
    """Points in `layers` outside each face, a mesh width apart, and their periodic images
    inside.
    """
    outside = []
    inside = []
    for axis, (a, b) in enumerate(bounds):
        for i in range(1, layers + 1):
            step = i * (b - a) / (nodes - 1)
            for out, image in ((a - step, b - step), (b + step, a + step)):
                outside.append(plane(bounds, nodes, axis, out))
                inside.append(plane(bounds, nodes, axis, image))
    return torch.cat(outside), torch.cat(inside)


def _product(lines: Sequence[Tensor]) -> Tensor:
    return torch.cartesian_prod(*lines).reshape(-1, len(lines))


_NAME = "equation_energy"
# Points at once: the second derivatives of all nets at all points do not fit into memory.
_CHUNK = 2048
# How much finer the grid is on which the energy is taken again.
_UNSEEN = 1.37


class BoxProblem(Protocol):
    """A boundary value problem on a box, and the numbers that its emitted functions take."""

    equation: LoweredEquation

    @property
    def bounds(self) -> Bounds: ...

    def arguments(self, points: Tensor) -> dict[str, Tensor | float]: ...


def nodes_on(problem: BoxProblem, name: str, nodes: int) -> Tensor:
    """The nodes of the grid on a part of the boundary."""
    part = problem.equation.domain.part(name)
    return plane(problem.bounds, nodes, part.axis, problem.bounds[part.axis][part.end])


class EnergyLoss:
    """The energy of a net by the trapezoid rule; a `LossTerm`, though it may be negative."""

    def __init__(self, weight: float, problem: BoxProblem, nets: BatchedMlp, nodes: int) -> None:
        self.name = "energy"
        self.weight = weight
        self.problem = problem
        self.nets = nets
        self.module = load(emit_energy(problem.equation, "equation"), _NAME)
        bounds = problem.bounds
        self.parts = [(self.module.energy, uniform(bounds, nodes), _trapezoid(bounds, nodes))]
        for name in self.module.BOUNDARY:
            axis = problem.equation.domain.part(name).axis
            others = tuple(pair for k, pair in enumerate(bounds) if k != axis)
            energy = partial(self.module.boundary_energy, part=name)
            points = nodes_on(problem, name, nodes)
            self.parts.append((energy, points, _trapezoid(others, nodes)))

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(())
        gradient = torch.zeros_like(x)
        for energy, points, weights in self.parts:
            chunks = (tensor.to(x.device).split(_CHUNK) for tensor in (points, weights))
            for p, w in zip(*chunks, strict=True):
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


def _trapezoid(bounds: Bounds, nodes: int) -> Tensor:
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
