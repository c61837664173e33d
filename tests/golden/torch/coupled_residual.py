"""Coupled equations: the residual of what coupled_coefficients.py says.

What the ansatz leaves open is `boundary(points, d, part)` for the parts in BOUNDARY. Training a net
of your own:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs=2, axes=AXES)
    d = solution(points, layers, A_11=...)
    loss = residual(points, d, A_11=...).square().mean()
"""

import torch

from nhpinn_sym.runtime.nets.jets import add, product, stack, system
from nhpinn_sym.runtime.nets.networks import network

from .coupled_coefficients import AXES, coefficients, factor, lift, source

INDICES = ((0, 0), (1, 0), (0, 1), (2, 0))  # multi-indices, smaller ones first
COMPONENTS = 2


def operator(points, d, **given):
    """The left-hand sides; d: {multi-index: derivatives of the components}."""
    return system(coefficients(points, **given), d, COMPONENTS)


def residual(points, d, **given):
    """Zero for the solution."""
    return operator(points, d, **given) - source(points, **given)


def ansatz(points, net, **given):
    """The jet of lift + factor * net, for the jet of a net with 2 outputs."""
    return add(lift(points, **given), product(factor(points, **given), net))


def solution(points, layers, indices=INDICES, axes=AXES, **given):
    """The jet of the ansatz on a net of these layers."""
    return ansatz(points, network(points, layers, indices, axes), **given)


def boundary_coefficients_right(points, *, A_11):
    """On "right" (x1 = 1): the factor of each derivative."""
    A_11 = torch.as_tensor(A_11, dtype=points.dtype, device=points.device)
    return {
        (0, 0): {(1, 0): 1},
        (0, 1): {(1, 0): A_11},
        (1, 1): {(1, 0): 3, (0, 0): 2},
    }


def boundary_value_right(points, *, A_11):
    """On "right" (x1 = 1): the right-hand side."""
    t = points[..., 1]
    A_11 = torch.as_tensor(A_11, dtype=points.dtype, device=points.device)
    s0 = t + 2
    s1 = torch.cos(s0)
    return stack(points, 2*A_11*s1 - torch.exp(-t)*0.8414709848078965, 6*s1 + 2*torch.sin(s0))


def boundary_coefficients_left(points, *, A_11):
    """On "left" (x1 = 0): the factor of each derivative."""
    return {
        (1, 1): {(1, 0): -3, (0, 0): 2},
        (0, 0): {(0, 0): 0},
    }


def boundary_value_left(points, *, A_11):
    """On "left" (x1 = 0): the right-hand side."""
    t = points[..., 1]
    return stack(points, 0, 2*torch.sin(t) - 6*torch.cos(t))


BOUNDARY = {
    "right": (boundary_coefficients_right, boundary_value_right),
    "left": (boundary_coefficients_left, boundary_value_left),
}


def boundary(points, d, part, **given):
    """Zero for the solution on a part in BOUNDARY: what the ansatz leaves open."""
    coefficients, value = BOUNDARY[part]
    return system(coefficients(points, **given), d, COMPONENTS) - value(points, **given)
