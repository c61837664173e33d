"""Inputs with a pole, for nets on what surrounds an inclusion: a part of the emitted files of
phases.

Everything below the mark is copied verbatim to the end of these files, where `embed_columns` is the
`embed` of the jets.
"""

from __future__ import annotations

import math

import torch

from .jets import Axes, Jet, MultiIndex, below, binomial, embed_axis, minus, product, total
from .jets import embed as embed_columns

# ======== poles ========
# Behind the axes of the columns may stand poles, one entry per column each: ("pole", c, c +
# period), or ("along", 0, 1) for a column that it does not
# depend on. Its inputs are periodic and behave as z/|z|^2 near z = points - c = 0: the field
# outside of an inclusion around c.


def embed(points: torch.Tensor, indices: tuple[MultiIndex, ...], axes: Axes) -> Jet:
    """The inputs of the net: those of the columns, and of the poles."""
    count = next((k for k, (kind, _, _) in enumerate(axes) if kind in ("pole", "along")), len(axes))
    jet = embed_columns(points, indices, axes[:count])
    for k in range(count, len(axes), count):
        for value in embed_pole(points, indices, axes[k : k + count]):
            jet = {index: torch.cat([jet[index], value[index][..., None]], -1) for index in indices}
    return jet


def embed_pole(points: torch.Tensor, indices: tuple[MultiIndex, ...], pole: Axes) -> list[Jet]:
    """The jets of r_i sin(z_i / r_i) / sum_k 2 r_k^2 (1 - cos(z_k / r_k)), r = period / 2 pi; one
    per column.
    """
    zero = torch.zeros_like(points[..., 0])
    sines: list[Jet] = [{index: zero for index in indices} for _ in pole]
    square = {index: zero for index in indices}
    for i, (kind, c, end) in enumerate(pole):
        unit = (end - c) / (2 * math.pi)
        for index in indices:
            if kind == "pole" and sum(index) == index[i]:
                cosine, sine = embed_axis(points[..., i], index[i], "periodic", c, end)
                sines[i][index] = unit * sine
                square[index] = square[index] + 2 * unit**2 * (float(not any(index)) - cosine)
    inverse = reciprocal(square)
    return [product(sine, inverse) for sine in sines]


def reciprocal(f: Jet) -> Jet:
    """The jet of 1/f, by Leibniz' rule for f (1/f) = 1."""
    out: Jet = {}
    for a, value in f.items():
        lower = [b for b in below(a) if any(b)]
        out[a] = (
            -total([binomial(a, b) * f[b] * out[minus(a, b)] for b in lower]) * out[minus(a, a)]
            if lower
            else 1 / value
        )
    return out
