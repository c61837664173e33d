"""Nets with kinks in torch: what emitted files put after the jets where coefficients jump.

Everything below the mark is copied verbatim; `levels`, the jets of the level functions, and POWER
are written before it.
"""

from __future__ import annotations

import torch

from .jets import Axes, Jet, Layers, MultiIndex, product, spread
from .jets import embed as smooth_embed
from .jets import inputs as smooth_inputs

LEVELS, POWER = 1, 1


def levels(points: torch.Tensor) -> Jet:
    raise NotImplementedError


# ======== kinks ========
def kinks(points: torch.Tensor, indices: tuple[MultiIndex, ...], axes: Axes) -> Jet:
    """The jets of max(level, 0)^POWER, (..., LEVELS), continued periodically: derivative number
    POWER jumps at the interfaces.
    """
    jet = levels(
        torch.stack(
            [a + torch.remainder(points[..., k] - a, b - a) for k, (_, a, b) in enumerate(axes)], -1
        )
    )
    inside = next(iter(jet.values())) > 0
    one = {a: torch.where(inside, jet[a], 0.0) for a in indices}
    return product(one, one) if POWER == 2 else one


def embed(points: torch.Tensor, indices: tuple[MultiIndex, ...], axes: Axes) -> Jet:
    """The inputs of the net: those of a smooth one, and the kinks."""
    bends = kinks(points, indices, axes)
    return {
        a: torch.cat([value, bends[a]], -1)
        for a, value in smooth_embed(points, indices, axes).items()
    }


def inputs(axes: Axes) -> int:
    """How many inputs the net has."""
    return smooth_inputs(axes) + LEVELS


def features(
    count: int, axes: Axes, scale: float | tuple[float, ...] = 0.7, seed: int = 0
) -> Layers:
    """A random hidden layer: weights N(0, scale^2), one scale or one per axis, the mean one for the
    kinks; every feature
    changes sign at a random point of the box.
    """
    generator = torch.Generator().manual_seed(seed)
    scales = scale if isinstance(scale, tuple) else (scale,) * len(axes)
    smooth = [s for s, axis in zip(scales, axes) for _ in range(smooth_inputs((axis,)))]
    deviation = torch.tensor(smooth + [sum(scales) / len(scales)] * LEVELS, dtype=torch.float64)
    weight = deviation * torch.randn(
        count, len(deviation), generator=generator, dtype=torch.float64
    )
    zero = (0,) * len(axes)
    centre = embed(
        spread(torch.rand(count, len(axes), generator=generator, dtype=torch.float64), axes),
        (zero,),
        axes,
    )[zero]
    return [(weight, -(weight * centre).sum(-1))]
