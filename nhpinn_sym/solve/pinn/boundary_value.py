"""A boundary value problem as collocation rows: the emitted residual inside, emitted boundary residuals where the ansatz leaves them open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from ...emit.source import run
from ...emit.torch import equation as emit_equation
from ...emit.torch_printer import argument_name
from ...emit.torch_text import closure
from ...lower.forms import LoweredEquation, MultiIndex
from ...problem.domain import Face
from ..solution import Array, Coefficients
from .network import Jet, Network, Trial
from .rows import Rows, collocation_points, concatenate, root_mean_square, unit_jet
from .singular import Functions, stacked

_NAME = "equation"
_SAMPLES = 64
_GAUSS = {1: 64, 2: 32, 3: 16}


class BoundaryValueProblem:
    """u = lift + factor * net + known functions . coefficients; columns of points are the coordinates, then the time."""

    def __init__(self, equation: LoweredEquation, coefficients: Coefficients, parameters: Mapping[str, float], device: str) -> None:
        self.equation, self.coefficients, self.device = equation, coefficients, device
        self.parameters = {argument_name(s): parameters[s.name] for s in equation.parameters}
        self.known: Functions = stacked(())
        self._zero: MultiIndex = (0,) * (equation.domain.dim + (equation.time is not None))
        self._texts: dict[tuple[MultiIndex, ...], str] = {}
        self.trial = Trial(_NAME, self._text(()), self._module(()).AXES, device)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The ends of every axis, the time last."""
        return [(a, b) for _, a, b in self.trial.axes]

    def rows(self, count: int, seed: int) -> Rows:
        """Rows at `count` points inside, and at half as many on every face that the ansatz leaves open; all weigh the same."""
        blocks = self._blocks(count, seed)
        if self.open:
            first, zero = blocks[0].points[:1], blocks[0].points.new_zeros(1, 1)
            one = unit_jet(first, self.trial.indices)[self._zero][:, None, None]
            gauge = Rows(first, one, torch.zeros_like(blocks[0].extra[:1]), zero[:, None], zero[0])
            blocks.append(gauge.scaled(blocks[0].strength(self.trial) / gauge.strength(self.trial)))
        return concatenate(blocks)

    @cached_property
    def open(self) -> bool:
        """Whether the problem leaves the mean of its solution open: no row sees a constant. It is zero then."""
        blocks, zero = self._blocks(_SAMPLES, 0), self.trial.indices.index(self._zero)
        seen = max(float(block.weights[..., zero].abs().max()) for block in blocks)
        return seen <= 1e-12 * blocks[0].strength(self.trial)

    def centred(self, network: Network, coefficients: Tensor) -> Network:
        """The net less a constant, so that u has zero mean over the box, where the problem leaves the mean open."""
        if not self.open:
            return network
        nodes, weights = np.polynomial.legendre.leggauss(_GAUSS[len(self.bounds)])
        lines = [torch.as_tensor((a + b) / 2 + (b - a) / 2 * nodes, device=self.device) for a, b in self.bounds]
        points = torch.cartesian_prod(*lines).reshape(-1, len(lines))
        weight = torch.cartesian_prod(*[torch.as_tensor(weights / 2, device=self.device)] * len(lines)).reshape(len(points), -1).prod(1)
        return network.raised(-float(weight @ self.values(network, coefficients, points, self._zero)))

    def values(self, network: Network, coefficients: Tensor, points: Tensor, index: MultiIndex) -> Tensor:
        """D^index u, (n,)."""
        indices = closure([index])
        module, given = self._module(() if index in self.trial.indices else (index,)), self.given(points)
        net = network.jet(points, indices)
        lift, factor = ({a: jet[a] for a in indices} for jet in (module.lift(points, **given), module.factor(points, **given)))
        free = module.product(factor, {a: value[:, 0] for a, value in net.items()})[index]
        return lift[index] + free + self.known(points, [index])[index] @ coefficients[:, 0]

    def given(self, points: Tensor) -> dict[str, Tensor | float]:
        """Parameters and external coefficients at the points, as keyword arguments of the emitted functions."""
        x: Array = points[:, : self.equation.domain.dim].cpu().numpy()
        externals = {argument_name(e.symbol): torch.as_tensor(self.coefficients(e, x), dtype=points.dtype, device=points.device)
                     for e in self.equation.externals}
        return {**self.parameters, **externals}

    def target(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """source - operator(lift), (n, 1), what the net and the known functions have to make up for; and the size (1,) of the two."""
        module, given = self.trial.module, self.given(points)
        source, lifted = module.source(points, **given)[:, None], module.operator(points, module.lift(points, **given), **given)[:, None]
        return source - lifted, root_mean_square(source) + root_mean_square(lifted)

    def principal(self, points: Tensor) -> Tensor:
        """The diffusion tensor, (n, d, d), read off the emitted second-order coefficients."""
        d = self.equation.domain.dim
        table = self.trial.module.coefficients(points, **self.given(points))
        out = points.new_zeros(len(points), d, d)
        for index, value in table.items():
            axes = [axis for axis, order in enumerate(index[:d]) for _ in range(order)]
            if len(axes) == 2 and sum(index) == 2:
                share = -torch.as_tensor(value, dtype=out.dtype) / (1 if axes[0] == axes[1] else 2)
                out[:, axes[0], axes[1]], out[:, axes[1], axes[0]] = share, share
        return out

    def mass(self, points: Tensor) -> Tensor:
        """The factor of the time derivative, (n,)."""
        value = self.trial.module.coefficients(points, **self.given(points))[(0,) * self.equation.domain.dim + (1,)]
        return torch.as_tensor(value, dtype=points.dtype).expand(len(points))

    def _blocks(self, count: int, seed: int) -> list[Rows]:
        """The rows inside and those of each open face, which are scaled to the same strength."""
        blocks = [self._interior(collocation_points(count, self.trial.axes, seed, self.device))]
        for k, face in enumerate(self.trial.module.BOUNDARY):
            points = collocation_points(max(20, count // 2), self.trial.axes, seed + 10 + k, self.device)
            points[:, face[0]] = self.bounds[face[0]][face[1]]
            block = self.on_face(face, points)
            blocks.append(block.scaled(blocks[0].strength(self.trial) / block.strength(self.trial)))
        return blocks

    def _interior(self, points: Tensor) -> Rows:
        module, given = self.trial.module, self.given(points)
        weights = module.operator(points, module.product(module.factor(points, **given), unit_jet(points, self.trial.indices)), **given)
        extra = module.operator(points, self.known(points, self.trial.indices), **given)
        target, size = self.target(points)
        return _one_equation(points, weights, extra, target, size)

    def on_face(self, face: Face, points: Tensor) -> Rows:
        """The rows of a condition that the ansatz leaves open, at points of its face."""
        module, given = self.trial.module, self.given(points)
        coefficients, value = module.BOUNDARY[face]
        table = coefficients(points, **given)
        free: Jet = module.product(module.factor(points, **given), unit_jet(points, self.trial.indices))
        data, lifted = value(points, **given)[:, None], module.combine(table, module.lift(points, **given))[:, None]
        return _one_equation(points, module.combine(table, free), module.combine(table, self.known(points, self.trial.indices)), data - lifted,
                             root_mean_square(data) + root_mean_square(lifted))

    def _module(self, derivatives: Sequence[MultiIndex]) -> ModuleType:
        return run(_NAME, self._text(derivatives))

    def _text(self, derivatives: Sequence[MultiIndex]) -> str:
        key = tuple(derivatives)
        if key not in self._texts:
            self._texts[key] = emit_equation(self.equation, _NAME, key)[f"{_NAME}_residual.py"]
        return self._texts[key]


def _one_equation(points: Tensor, weights: Tensor, extra: Tensor, target: Tensor, size: Tensor) -> Rows:
    """Rows of a single equation for a net with one output."""
    return Rows(points, weights[:, None, None], extra[:, None], target[:, None], size)
