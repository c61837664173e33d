"""What a boundary value problem leaves open: constants, and rigid rotations of systems.

Rows that pin them are added (`gauge`), and they are taken off the solution (`components`). A
problem that leaves something open has a solution for balanced data alone: `require_balance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ....lower.forms import MultiIndex
from ....runtime.arrays import Bounds
from ....runtime.nets.function_families import Family
from ..collocation import Rows
from ..network import Jet, TrialSpace

# Singular value, relative to the strength of the rows, of a function that no row sees.
_UNSEEN = 1e-12
# Singular value of a combination of linear functions that is a constant.
_DEPENDENT = 1e-6


@dataclass(frozen=True)
class NullSpace:
    """constants: columns of (components, number); rotations: linear functions, (1 + axes,
    components, number), the constant part first, then the factors of the coordinates of the
    `straight` axes in (-1, 1).

    Both are in the scaled components of the rows; `scales` are what makes components of these.
    """

    constants: Tensor
    rotations: Tensor
    bounds: Bounds
    straight: Sequence[int]
    scales: Tensor

    @property
    def count(self) -> int:
        """How many constants are open: there is no rotation without one."""
        return self.constants.shape[1]

    @property
    def turns(self) -> int:
        """How many rotations are open."""
        return self.rotations.shape[-1]

    def family(self) -> Family:
        """The rotations as functions, one for each component."""
        factors = self.scales[:, None] * self.rotations
        return tuple(partial(self._rotation, factors[:, j]) for j in range(len(self.scales)))

    def gauge(self) -> tuple[Tensor, list[int]]:
        """As many corners of the box (n, columns) as there are open functions, each with a
        component: no combination of the functions vanishes in all of them.

        Chosen one after another as the row of the values in which most is left, by Gram-Schmidt.
        """
        corners = torch.cartesian_prod(*(self.scales.new_tensor(ends) for ends in self.bounds))
        corners = corners.reshape(-1, len(self.bounds))
        constants = self.constants.expand(len(corners), -1, -1)
        turned = self._values(corners) / self.scales[:, None]
        rest = torch.cat([constants, turned], -1).flatten(0, 1)
        chosen = []
        for _ in range(rest.shape[1]):
            chosen.append(int(rest.square().sum(1).argmax()))
            row = rest[chosen[-1]]
            rest = rest - (rest @ row)[:, None] * row / row.square().sum()
        m = len(self.scales)
        return corners[[k // m for k in chosen]], [k % m for k in chosen]

    def components(self, points: Tensor, weights: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """What a function with `values` (n, components) at the points of a quadrature has of the
        open ones: a constant (components,), and the coefficients (number, 1) of the rotations.
        """
        root = weights.sqrt()[:, None, None]
        constants = (self.scales[:, None] * self.constants).expand(len(points), -1, -1)
        basis = (root * torch.cat([constants, self._values(points)], -1)).flatten(0, 1)
        parts = torch.linalg.lstsq(basis, (root[..., 0] * values).flatten()[:, None]).solution
        constant = self.scales * (self.constants @ parts[: self.count])[:, 0]
        return constant, parts[self.count :]

    def _values(self, points: Tensor) -> Tensor:
        """The rotations at points: (n, components, number)."""
        zero = (0,) * points.shape[1]
        return torch.stack([part(points, [zero])[zero] for part in self.family()], 1)

    def _rotation(self, factors: Tensor, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """A component of the rotations, with factors (1 + axes, number), and its derivatives."""
        jet = {}
        for index in indices:
            value = points.new_zeros(len(points), factors.shape[1])
            if not any(index):
                value = factors[0].expand(len(points), -1)
            for factor, axis in zip(factors[1:], self.straight, strict=True):
                a, b = self.bounds[axis]
                if not any(index):
                    value = value + ((2 * points[:, axis] - a - b) / (b - a))[:, None] * factor
                elif sum(index) == index[axis] == 1:
                    value = (2 / (b - a) * factor).expand(len(points), -1)
            jet[index] = value
        return jet


def find_null_space(
    rows: Rows,
    trial: TrialSpace,
    bounds: Bounds,
    straight: Sequence[int],
    scales: Tensor,
) -> NullSpace:
    """The constants, and beside these the linear functions along the `straight` axes, that the rows
    do not see.
    """
    zero = (0,) * len(bounds)
    components = rows.weights.shape[2]
    parts = [rows.weights[..., trial.indices.index(zero)]]
    for axis in straight:
        a, b = bounds[axis]
        linear = (2 * rows.points[:, axis, None, None] - a - b) / (b - a) * parts[0]
        slope = tuple(int(k == axis) for k in range(len(zero)))
        if slope in trial.indices:
            linear = linear + 2 / (b - a) * rows.weights[..., trial.indices.index(slope)]
        parts.append(linear)
    unseen = _UNSEEN * rows.strength(trial)
    constants = _null_columns(parts[0], unseen)
    null = _null_columns(torch.cat(parts, -1), unseen)
    # Of the open functions those are rotations that have a slope: constants are found already.
    _, sizes, right = torch.linalg.svd(null[components:])
    count = int((sizes > _DEPENDENT).sum())
    rotations = (null @ right[:count].T).reshape(len(parts), components, count)
    return NullSpace(constants, rotations, bounds, straight, scales)


def _null_columns(matrix: Tensor, unseen: float) -> Tensor:
    """The null space of (n, equations, columns), an orthonormal basis as columns."""
    _, values, right = torch.linalg.svd(matrix.flatten(0, 1), full_matrices=False)
    return right[values <= unseen * len(matrix) ** 0.5].T
