"""Means over the cell by the trapezoid rule on a uniform grid, which converges faster than any
power for smooth periodic functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...emit.torch_cells import Stage
from ...emit.torch_printer import argument_name
from ...lower.forms import LoweredCells
from ...runtime.nets.jets import columns
from ..solution import Array, EffectiveKey
from .family import EIGENVALUE, Family, Numbers, mixed
from .network import Jet, Trial

_LIMIT = 2**16
"""Points of a grid at most, by memory."""
_COARSEST = 16
"""Points along an axis to begin with, where nothing is sharp."""
_PER_PANEL = 8
"""Points in the sharpest panel of the data: two coarser grids that both miss it agree."""
_LAST_CHANGE = 1e-8
_FEW = 3
"""Slow points by which the grid for all of them is found."""


@dataclass
class CellMeans:
    """`per_axis` grows by `refine` until the means of given nets stand, and is then used for all
    slow points.
    """

    cells: LoweredCells
    trial: Trial
    parameters: Mapping[str, float]
    per_axis: int = _COARSEST

    def refine(self, family: Family, slow: Tensor) -> Numbers:
        """Double the grid until the means stand; those at slow points (m, s).

        As the error falls exponentially, doubling squares it: a change of 1e-8 is the last one that
        can be seen.
        """
        self.per_axis, few = max(self._coarsest, self.per_axis // 2), slow[:_FEW]
        numbers = self(family, few)
        while (2 * self.per_axis) ** self.cells.cell.dim <= _LIMIT:
            self.per_axis *= 2
            before, numbers = numbers.vector(), self(family, few)
            values = numbers.vector()
            if float((values - before).abs().max()) <= _LAST_CHANGE * float(values.abs().max()):
                break
        return numbers if len(few) == len(slow) else self(family, slow)

    @property
    def _coarsest(self) -> int:
        """Points along an axis that see the sharpest panel of the data, as far as the limit allows."""
        dim = self.cells.cell.dim
        axes = zip(self.trial.axes[:dim], self.trial.panels[:dim], strict=False)
        shares = [min(np.diff(lines)) / (b - a) for (_, a, b), lines in axes]
        seen = math.ceil(_PER_PANEL / min(shares, default=1.0))
        return max(_COARSEST, min(seen, int(_LIMIT ** (1 / dim)) // 2))

    def __call__(self, family: Family, slow: Tensor) -> Numbers:
        """The means at slow points (m, s)."""
        y = self._grid().to(slow.device)
        return Numbers.joined(
            [self._part(family, pairs(y, part)) for part in slow.split(max(1, _LIMIT // len(y)))]
        )

    def quadrature(self) -> tuple[Array, Array]:
        """The points (n, dim) of the grid, and their weights, the sum of which is 1."""
        points = self._grid().numpy()
        return points, np.full(len(points), 1 / len(points))

    def _grid(self) -> Tensor:
        dim = self.cells.cell.dim
        lines = [
            a + (b - a) / self.per_axis * torch.arange(self.per_axis, dtype=torch.float64)
            for _, a, b in self.trial.axes[:dim]
        ]
        return torch.cartesian_prod(*lines).reshape(-1, dim)

    def given(self, constants: Mapping[EffectiveKey, Tensor]) -> dict[str, float | Tensor]:
        """The keyword arguments of the emitted functions; a constant that is not known yet is
        zero.
        """
        names = {key: name for key, name in self.trial.module.CONSTANTS.items()}
        if self.cells.eigenvalue is not None:
            names[EIGENVALUE] = argument_name(self.cells.eigenvalue)
        return {**self.parameters, **{name: constants.get(key, 0.0) for key, name in names.items()}}

    def _part(self, family: Family, points: Tensor) -> Numbers:
        """The means over the second axis of points (m, grid, columns)."""
        module, flat = self.trial.module, points.flatten(0, 1)
        raw = {
            a: value.reshape(*points.shape[:2], -1)
            for a, value in family.raw(flat, module.MEAN_INDICES).items()
        }
        solved = [
            (kind, members)
            for kind, members in module.STAGES
            if (members[-1] + 1) * self.cells.components <= family.outputs
        ]
        mixing, offset = self._unique(solved, raw[self.zero])
        d = mixed(raw, mixing[:, None], offset[:, None])
        missing = len(self.cells.functions) * self.cells.components - family.outputs
        d = {
            a: torch.cat([value, value.new_zeros(*value.shape[:-1], missing)], -1)
            for a, value in d.items()
        }
        constants = {key: value[:, None] for key, value in family.constants(points[:, 0]).items()}
        if EIGENVALUE in constants:
            constants[EIGENVALUE] = self._rayleigh(solved, points, d, constants)
        if self.cells.constants and len(solved) >= self._kernels:
            constants |= {
                key: value[:, None]
                for key, value in module.constants(points, d, **self.given(constants)).items()
            }
        effective = {} if missing else module.effective(points, d, **self.given(constants))
        return Numbers(
            mixing, offset, {key: value[:, 0] for key, value in constants.items()}, effective
        )

    @property
    def zero(self) -> tuple[int, ...]:
        return (0,) * self.cells.cell.dim

    @property
    def _kernels(self) -> int:
        """The number of stages before the constants are known."""
        return sum(kind != "corrector" for kind, _ in self.trial.module.STAGES)

    def _unique(self, solved: list[Stage], values: Tensor) -> tuple[Tensor, Tensor]:
        """mixing and offset from the outputs (m, grid, outputs): the conditions on means in
        `CellForm`.
        """
        m, _, outputs = values.shape
        mixing = torch.eye(outputs, dtype=values.dtype, device=values.device).repeat(m, 1, 1)
        offset, mean = values.new_zeros(m, outputs), values.mean(1)
        ground = self.cells.eigenvalue is not None
        for kind, members in solved:
            columns = [
                k * self.cells.components + i for k in members for i in range(self.cells.components)
            ]
            if kind == "ground state":
                mixing[:, 0, 0] = 1 / mean[:, 0]
            elif kind == "adjoint" and ground:
                mixing[:, columns, columns] = mean[:, :1] / (
                    values[..., columns] * values[..., :1]
                ).mean(1)
            elif kind == "adjoint":
                wanted = mean.new_tensor(
                    [
                        [
                            float(self.cells.functions[k].level == i)
                            for i in range(self.cells.components)
                        ]
                        for k in members
                    ]
                )
                block = wanted @ torch.linalg.inv(mean[:, columns].reshape(m, len(members), -1))
                for i in range(self.cells.components):
                    rows = mixing.new_tensor(columns[i :: self.cells.components]).long()
                    mixing[:, rows[:, None], rows] = block
            elif ground:
                mixing[:, columns, 0] = -mean[:, columns] / mean[:, :1]
            else:
                offset[:, columns] = -mean[:, columns]
        return mixing, offset

    def _rayleigh(
        self, solved: list[Stage], points: Tensor, d: Jet, constants: Mapping[EffectiveKey, Tensor]
    ) -> Tensor:
        """The eigenvalue from the weak form, whose error is the product of those of the ground
        state and of its adjoint.
        """
        value = constants[EIGENVALUE]
        if not self.cells.symmetric and len(solved) == 1:
            return value
        module = self.trial.module
        phi, psi = (columns(d, k, 1) for k in (0, 0 if self.cells.symmetric else 1))
        here, beside = (
            module.bilinear(points, phi, psi, **self.given({**constants, EIGENVALUE: v})).mean(
                1, keepdim=True
            )
            for v in (value, value + 1)
        )
        return value - here / (beside - here)


def pairs(y: Tensor, slow: Tensor) -> Tensor:
    """All points (m, n, columns) of y (n, d) beside slow (m, s)."""
    return torch.cat(
        [y.expand(len(slow), *y.shape), slow[:, None].expand(len(slow), len(y), slow.shape[1])], -1
    )
