"""The mean square residual of collocation rows as a function of all weights of a net, in one flat
vector.

Two engines compute it, with the same numbers: the native one (C++, compiled once for every set of
derivatives, `runtime.nets.native`), and plain torch with its automatic differentiation, which runs
on any device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ...problem.errors import ProblemError
from ...runtime.nets.least_squares import safe_divisor
from ...runtime.nets.native.engine import Native
from ...runtime.nets.native.library import CompilationError
from ...runtime.nets.native.tanh_taylor import Streams, streams
from .collocation import Rows
from .network import Jet, Layers, Network, TrialSpace

ENGINES = ("auto", "native", "torch", "compile")
"""Names of `flavour`; "compile" stands for "torch"."""
# Multiplications of one evaluation from which a compilation of some seconds pays: torch then takes
# tens of milliseconds for Jacobian rows, and a training hundreds of them.
_WORTH = 10**5
# Numbers of one derivative of the widest layer, or of Jacobian rows, that are held at once.
_CHUNK = 2**19


class Objective:
    """loss(x) = mean_i r_i(x)^2 for a net and one right-hand side; x holds its layers and the
    coefficients of the known functions.

    The residual is divided by the size of its data, so that a loss is a squared relative residual.
    linear: the entries of x (those of the last layer and the coefficients) in which the residual is
    affine. flavour: the engine, "auto", "native" or "torch"; the attribute says what runs.
    Numbers are computed in the type of the rows.
    """

    def __init__(
        self, trial: TrialSpace, rows: Rows, layers: Layers, flavour: str = "auto"
    ) -> None:
        self.trial = trial
        self.rows = rows.scale(1 / float(safe_divisor(rows.size)))
        tensors = [tensor for layer in layers for tensor in layer]
        flat = [tensor.flatten().to(rows.points.dtype) for tensor in tensors]
        self.start = torch.cat([*flat, rows.points.new_zeros(rows.extra.shape[2])])
        # The last weight and bias, and the coefficients behind them.
        self.linear = slice(sum(map(len, flat[:-2])), len(self.start))
        shapes = tuple(tensor.shape for tensor in tensors)
        self._residuals = Residuals(trial, self.rows, shapes)
        self._engine = choose_engine(self._residuals, flavour)
        self._count = rows.target.numel()

    @property
    def flavour(self) -> str:
        return self._engine.name

    def split(self, x: Tensor) -> tuple[Layers, Tensor]:
        """The layers, and the coefficients (known functions, 1)."""
        return self._residuals.split(x)

    def network(self, x: Tensor) -> tuple[Network, Tensor]:
        """The net, and the coefficients of the known functions."""
        layers, coefficients = self.split(x)
        return Network(self.trial, layers), coefficients

    def value(self, x: Tensor) -> float:
        """The loss."""
        return self._engine.sum_of_squares(x.detach()) / self._count

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient."""
        value, gradient = self._engine.gradient(x.detach())
        return value / self._count, gradient / self._count

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """r / sqrt(n), shape (n,), and its derivative, (n, parameters); n is the number of points
        times that of equations.
        """
        residual, jacobian = self._engine.jacobian(x.detach())
        return residual / math.sqrt(self._count), jacobian.div_(math.sqrt(self._count))


@dataclass(frozen=True)
class Residuals:
    """Rows with one right-hand side, and the shapes of the tensors (weight, bias, weight, ...) of
    the net: what an engine computes with.
    """

    trial: TrialSpace
    rows: Rows
    shapes: tuple[torch.Size, ...]

    @property
    def sizes(self) -> list[int]:
        """The numbers of inputs and of units in every layer."""
        return [self.shapes[0][1], *(shape[0] for shape in self.shapes[1::2])]

    @property
    def parameters(self) -> int:
        return sum(map(math.prod, self.shapes)) + self.rows.extra.shape[2]

    def split(self, x: Tensor) -> tuple[Layers, Tensor]:
        """The layers, and the coefficients (known functions, 1)."""
        *parts, known = x.split([*map(math.prod, self.shapes), self.rows.extra.shape[2]])
        tensors = [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return list(zip(tensors[::2], tensors[1::2], strict=True)), known[:, None]

    @cached_property
    def streams(self) -> Streams:
        """The derivatives that are sent through the layers."""
        _, equations, components, _ = self.rows.weights.shape
        return streams(self.trial.indices, equations == components == 1)

    @cached_property
    def inputs(self) -> Tensor:
        """The streams of the inputs of the net, (streams, n, inputs)."""
        jet = list(self.trial.embed(self.rows.points, self.trial.indices).values())
        kept = [jet[a] for a in self.streams.kept]
        if self.streams.joined:
            factors = self.rows.weights[:, 0, 0]
            joined = [factors[:, a, None] * jet[a] for a in self.streams.joined]
            kept.append(torch.stack(joined).sum(0))
        return torch.stack(kept)


class Engine(Protocol):
    """A program that computes with the residuals r (n * equations,) at parameters x
    (parameters,).
    """

    name: str

    def sum_of_squares(self, x: Tensor) -> float:
        """|r|^2."""

    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        """|r|^2 and its derivative (parameters,)."""

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """r and its derivative (n * equations, parameters)."""


def choose_engine(residuals: Residuals, name: str) -> Engine:
    """The engine of that name. "auto" is "native" on the processor where the work is worth a
    compilation, else "torch"; "torch" also stands in for a "native" that cannot be compiled here.

    ProblemError for another name.
    """
    if name not in ENGINES:
        raise ProblemError(
            f"residuals have no flavour {name!r}", remedy="use one of " + ", ".join(ENGINES)
        )
    points = residuals.rows.points
    work = residuals.streams.count * len(points) * residuals.parameters
    if name == "native" or (name == "auto" and points.device.type == "cpu" and work > _WORTH):
        try:
            return Native(residuals)
        except CompilationError:
            pass
    return PlainTorch(residuals)


class PlainTorch:
    """The residual in torch operations, differentiated by torch, some points at a time."""

    name = "torch"

    def __init__(self, residuals: Residuals) -> None:
        self._residuals = residuals

    @torch.no_grad()
    def sum_of_squares(self, x: Tensor) -> float:
        return sum(float(self._residual(x, part).square().sum()) for part in self._parts(1))

    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        variable = x.detach().requires_grad_()
        value = 0.0
        total = torch.zeros_like(x)
        for part in self._parts(1):
            square = self._residual(variable, part).square().sum()
            value += float(square.detach())
            total += torch.autograd.grad(square, variable)[0]
        return value, total

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        derivative = torch.func.vmap(
            torch.func.jacrev(self._at_point, has_aux=True), in_dims=(None, 0, 0, 0, 0)
        )
        found = []
        for part in self._parts(self._residuals.parameters):
            rows = self._residuals.rows.part(part)
            target = rows.target[..., 0]
            found.append(derivative(x, rows.points, rows.weights, rows.extra, target))
        rates, values = (torch.cat(parts).detach() for parts in zip(*found, strict=True))
        return values.flatten(), rates.flatten(0, 1)

    def _residual(self, x: Tensor, part: slice) -> Tensor:
        """(n, equations, 1) at some of the points."""
        layers, coefficients = self._residuals.split(x)
        rows = self._residuals.rows.part(part)
        return rows.residual(self._jet(rows.points, layers), coefficients)

    def _at_point(
        self, x: Tensor, point: Tensor, weights: Tensor, extra: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The residual (equations,) at one point (columns,), twice: to be differentiated, and to be
        kept.
        """
        layers, coefficients = self._residuals.split(x)
        columns = torch.stack(list(self._jet(point, layers).values()), -1)
        free = torch.einsum("eca,ca->e", weights, columns)
        residual = free + extra @ coefficients[:, 0] - target
        return residual, residual

    def _jet(self, points: Tensor, layers: Layers) -> Jet:
        return self._residuals.trial.network(points, layers, self._residuals.trial.indices)

    def _parts(self, numbers: int) -> list[slice]:
        """Points to take at once, where each of them holds so many numbers beside a unit of the
        widest layer for every derivative.
        """
        count = len(self._residuals.rows.points)
        widest = max(self._residuals.sizes) * len(self._residuals.trial.indices)
        step = max(16, _CHUNK // max(numbers, widest))
        return [slice(k, k + step) for k in range(0, count, step)]
