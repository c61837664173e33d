"""Test equation: the residual of what unsteady_coefficients.py says.

What the ansatz leaves open is `boundary(points, d, part)` for the parts in BOUNDARY. Training a net
of your own:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs=1, axes=AXES)
    d = solution(points, layers, epsilon=..., A_11=..., A_11_x1=...)
    loss = residual(points, d, epsilon=..., A_11=..., A_11_x1=...).square().mean()
"""

import torch

from nhpinn_sym.runtime.nets.jets import add, column, combine, full, product
from nhpinn_sym.runtime.nets.networks import network

from .unsteady_coefficients import AXES, coefficients, factor, lift, source

INDICES = ((0, 0), (1, 0), (0, 1), (2, 0))  # multi-indices, smaller ones first


def operator(points, d, **given):
    """The left-hand side; d: {multi-index: derivatives}, feature axes may follow."""
    return combine(coefficients(points, **given), d)


def residual(points, d, **given):
    """Zero for the solution."""
    return operator(points, d, **given) - source(points, **given)


def ansatz(points, net, **given):
    """The jet of lift + factor * net, for the jet of a net with one output."""
    return add(lift(points, **given), product(factor(points, **given), net))


def solution(points, layers, indices=INDICES, axes=AXES, **given):
    """The jet of the ansatz on a net of these layers."""
    return ansatz(points, column(network(points, layers, indices, axes), 0), **given)


def boundary_coefficients_right(points, *, epsilon, A_11, A_11_x1):
    """On "right" (x1 = pi): the factor of each derivative."""
    return {
        (1, 0): 2,
        (0, 0): 2,
    }


def boundary_value_right(points, *, epsilon, A_11, A_11_x1):
    """On "right" (x1 = pi): the right-hand side."""
    t = points[..., 1]
    epsilon = torch.as_tensor(epsilon, dtype=points.dtype, device=points.device)
    return full(points, -2*torch.exp(-epsilon*t))


BOUNDARY = {
    "right": (boundary_coefficients_right, boundary_value_right),
}


def boundary(points, d, part, **given):
    """Zero for the solution on a part in BOUNDARY: what the ansatz leaves open."""
    coefficients, value = BOUNDARY[part]
    return combine(coefficients(points, **given), d) - value(points, **given)
