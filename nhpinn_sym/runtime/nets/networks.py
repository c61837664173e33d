"""Tanh nets: a list of layers (weight, bias), tanh between them, the last one linear."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from numpy.polynomial import Polynomial

from ..arrays import MultiIndex
from .inputs import Axes, Kinks, column_count, embed, input_count, spread
from .jets import Jet, linear, tanh

Layers = list[tuple[torch.Tensor, torch.Tensor]]


def hidden(
    points: torch.Tensor,
    layers: Layers,
    indices: tuple[MultiIndex, ...],
    axes: Axes,
    kinks: Kinks | None = None,
) -> Jet:
    """The jet of the features: the output of the tanh layers, (..., features)."""
    z = embed(points, indices, axes, kinks)
    for weight, bias in layers:
        z = tanh(linear(z, weight, bias))
    return z


def network(
    points: torch.Tensor,
    layers: Layers,
    indices: tuple[MultiIndex, ...],
    axes: Axes,
    kinks: Kinks | None = None,
) -> Jet:
    """The jet of the net, (..., outputs)."""
    if len(layers) == 2 and kinks is None and all(kind == "scaled" for kind, _, _ in axes):
        return ridges(points, layers, indices, axes)
    return linear(hidden(points, layers[:-1], indices, axes, kinks), *layers[-1])


def ridges(
    points: torch.Tensor, layers: Layers, indices: tuple[MultiIndex, ...], axes: Axes
) -> Jet:
    """The jet of a net with one tanh layer on scaled axes: of ridge functions tanh(w . x + b),
    whose derivatives are D^a = w^a tanh^(|a|).
    """
    (weight, bias), (outer, constant) = layers
    zero = (0,) * len(axes)
    t = torch.tanh(embed(points, (zero,), axes)[zero] @ weight.T + bias)
    slopes = weight * weight.new_tensor([2 / (b - a) for _, a, b in axes])
    known = {order: tanh_derivative(t, order) for order in {sum(index) for index in indices}}
    found = {}
    for index in indices:
        factors = math.prod((slopes[:, k] ** n for k, n in enumerate(index) if n), start=1.0)
        value = known[sum(index)] @ (outer * factors).T
        found[index] = value if any(index) else value + constant
    return found


def tanh_derivative(t: torch.Tensor, order: int) -> torch.Tensor:
    """A derivative of tanh, a polynomial in its value t, as t' = 1 - t^2."""
    if order == 0:
        return t
    slope = Polynomial([1.0, 0.0, -1.0])
    polynomial = slope
    for _ in range(order - 1):
        polynomial = polynomial.deriv() * slope
    # Odd or even: Horner's scheme in t^2.
    parity = (order + 1) % 2
    squares = t * t
    first, *others = polynomial.coef[parity::2][::-1].tolist()
    value = torch.full_like(t, first)
    for coefficient in others:
        value = value * squares + coefficient
    return value * t if parity else value


def features(
    count: int,
    axes: Axes,
    scale: float | tuple[float, ...] = 0.7,
    seed: int = 0,
    kinks: Kinks | None = None,
) -> Layers:
    """A random hidden layer for a least-squares fit of the last layer alone.

    Weights are N(0, scale^2), with one scale or one per column, the mean one for kinks; by the
    biases every feature changes sign at a random point of the box.
    """
    generator = torch.Generator().manual_seed(seed)
    scales = scale if isinstance(scale, tuple) else (scale,) * len(axes)
    scales *= len(axes) // len(scales)
    deviations = [s for s, axis in zip(scales, axes) for _ in range(input_count((axis,)))]
    if kinks is not None:
        deviations += [sum(scales) / len(scales)] * kinks.count
    deviation = torch.tensor(deviations, dtype=torch.float64)
    weight = deviation * torch.randn(
        count, len(deviation), generator=generator, dtype=torch.float64
    )
    zero = (0,) * len(axes)
    places = spread(torch.rand(count, len(axes), generator=generator, dtype=torch.float64), axes)
    if any(kind == "sharp" for kind, _, _ in axes):
        places = _near_sharp(places, axes, generator)
    # tanh changes sign where its argument does: a feature whose sign never changes in the box is
    # nearly constant there, and depends on the others.
    centre = embed(places, (zero,), axes, kinks)[zero]
    return [(weight, -(weight * centre).sum(-1))]


def _near_sharp(places: torch.Tensor, axes: Axes, generator: torch.Generator) -> torch.Tensor:
    """Places whose columns are as likely uniform as near each of their sharp places, uniform in the
    angle of its inputs there.
    """
    count = column_count(axes)
    moved = places[:, :count].clone()
    for k, (_, a, b) in enumerate(axes[:count]):
        own = [j for j in range(k, len(axes), count) if j == k or axes[j][0] == "sharp"]
        chosen = torch.randint(len(own), (len(places),), generator=generator)
        near = places[:, own].gather(1, chosen[:, None])[:, 0]
        moved[:, k] = a + torch.remainder(near - a, b - a)
    return moved


def mlp(
    width: int,
    depth: int,
    outputs: int,
    axes: Axes,
    seed: int = 0,
    kinks: Kinks | None = None,
) -> Layers:
    """The layers of a net with `depth` tanh layers, Xavier weights and zero biases, ready for
    training.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = [input_count(axes, kinks), *[width] * depth, outputs]
    layers = []
    for m, n in pairwise(sizes):
        weight = math.sqrt(2 / (m + n)) * torch.randn(
            n, m, generator=generator, dtype=torch.float64
        )
        bias = torch.zeros(n, dtype=torch.float64, requires_grad=True)
        layers.append((weight.requires_grad_(), bias))
    return layers
