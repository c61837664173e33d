"""Random nets and rows, and their residuals by nested autograd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from nhpinn_sym.emit.source import Source
from nhpinn_sym.lower.forms import MultiIndex
from nhpinn_sym.runtime.nets.inputs import input_count, spread
from nhpinn_sym.solve.pinn.collocation import Rows
from nhpinn_sym.solve.pinn.network import Axes, Jet, Layers, TrialSpace

BOX: Axes = (("periodic", 0.0, 1.0), ("scaled", -1.0, 2.0), ("graded", 0.0, 1.0))
LAPLACE = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2))
SETS: dict[str, tuple[MultiIndex, ...]] = {
    "values": ((0,),),
    "first order": ((0, 0), (1, 0), (0, 1)),
    "Laplace": LAPLACE,
    "mixed": ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)),
    "third order": ((0,), (1,), (2,), (3,)),
    "fourth order": (
        (0, 0),
        (1, 0),
        (0, 1),
        (2, 0),
        (1, 1),
        (0, 2),
        (3, 0),
        (2, 1),
        (1, 2),
        (0, 3),
        (4, 0),
        (2, 2),
        (0, 4),
    ),
    "space": (
        (0, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (2, 0, 0),
        (1, 1, 0),
        (0, 2, 0),
        (0, 0, 2),
    ),
}


def net(
    indices: Sequence[MultiIndex], widths: Sequence[int], outputs: int, seed: int, slow: int = 0
) -> tuple[TrialSpace, Layers]:
    """A net in a box of mixed kinds; `slow` more columns are inputs that are not differentiated."""
    axes = (*BOX[: len(indices[0])], *[("scaled", 0.0, 1.0)] * slow)
    sizes = [input_count(axes), *widths, outputs]
    draw = torch.Generator().manual_seed(seed)
    layers = [
        (
            math.sqrt(2 / (m + n)) * torch.randn(n, m, generator=draw, dtype=torch.float64),
            torch.randn(n, generator=draw, dtype=torch.float64),
        )
        for m, n in pairwise(sizes)
    ]
    source = Source("torch", (("random.py", f"INDICES = {tuple(indices)}\n"),))
    return TrialSpace("random", source, axes), layers


def rows(
    trial: TrialSpace, count: int, equations: int, components: int, known: int, seed: int
) -> Rows:
    """Rows whose every number is random."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    unit = 0.1 + 0.8 * torch.rand(count, len(trial.axes), generator=draw, dtype=torch.float64)
    weights = normal(count, equations, components, len(trial.indices))
    return Rows(
        spread(unit, trial.axes),
        weights,
        normal(count, equations, known),
        normal(count, equations, 1),
        torch.tensor([2.0]).double(),
    )


def nested(trial: TrialSpace, layers: Layers, points: Tensor) -> Jet:
    """The jet of a net by differentiating its values again and again."""
    points, dimension = points.detach().requires_grad_(), len(trial.indices[0])
    zero = (0,) * dimension
    values = trial.network(points, layers, (zero,))[zero]
    found = {zero: values}
    for index in trial.indices[1:]:
        axis = max(i for i, n in enumerate(index) if n)
        before = found[(*index[:axis], index[axis] - 1, *index[axis + 1 :])]
        ones = torch.ones_like(before[:, 0])
        parts = [
            torch.autograd.grad(before[:, j], points, ones, create_graph=True)[0][:, axis]
            for j in range(values.shape[1])
        ]
        found[index] = torch.stack(parts, 1)
    return found


def reference(
    trial: TrialSpace, block: Rows, layers: Layers, known: Tensor
) -> tuple[Tensor, Tensor]:
    """The residuals (n,) and their derivatives (n, parameters) by all layers and the coefficients
    `known`.
    """
    leaves = [tensor.detach().clone().requires_grad_() for layer in layers for tensor in layer]
    coefficients = known.detach().clone().requires_grad_()
    pairs = list(zip(leaves[::2], leaves[1::2]))
    residual = block.residual(nested(trial, pairs, block.points), coefficients[:, None]).flatten()
    gradients = [
        torch.autograd.grad(r, [*leaves, coefficients], retain_graph=True, materialize_grads=True)
        for r in residual
    ]
    return residual.detach(), torch.stack(
        [torch.cat([part.flatten() for part in parts]) for parts in gradients]
    )
