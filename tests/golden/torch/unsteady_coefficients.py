"""Test equation: coefficients and data.

For u(x1, t) on (0, pi), 0 < t < 1/2:

    + (-2) D^(2, 0) u
    + (A_11_x1) D^(1, 0) u
    + (epsilon + 1) D^(0, 1) u
    + (A_11) u
    = A_11*exp(-epsilon*t)*sin(x1) + A_11_x1*exp(-epsilon*t)*cos(x1) - epsilon*(epsilon +
            1)*exp(-epsilon*t)*sin(x1) + 2*exp(-epsilon*t)*sin(x1)

where D^(a, b, ...) counts derivatives per variable, with the conditions

    u = 0  on "left" (x1 = 0)
    n . flux + (2) u = -2*exp(-epsilon*t)  on "right" (x1 = pi)
    u = sin(x1)  at t = 0

The ansatz u = lift + factor * net satisfies by itself what it can (periodicity by the inputs of
the net):

    lift = sin(x1)
    factor = 2*t*x1/pi
"""

import math

import torch

from nhpinn_sym.runtime.nets.jets import full

COORDINATES = ('x1', 't')  # the columns of points
GIVEN = ('epsilon', 'A_11', 'A_11_x1')  # keyword arguments: numbers, or tensors over the points
AXES = (('scaled', 0, math.pi), ('graded', 0, 1/2))  # (kind, lower end, upper end) of each column
PARTS = {'left': (-1,), 'right': (1,)}  # the parts of the boundary, with outward normals


def coefficients(points, *, epsilon, A_11, A_11_x1):
    """The factor of each derivative."""
    epsilon = torch.as_tensor(epsilon, dtype=points.dtype, device=points.device)
    A_11 = torch.as_tensor(A_11, dtype=points.dtype, device=points.device)
    A_11_x1 = torch.as_tensor(A_11_x1, dtype=points.dtype, device=points.device)
    return {
        (2, 0): -2,
        (1, 0): A_11_x1,
        (0, 1): epsilon + 1,
        (0, 0): A_11,
    }


def source(points, *, epsilon, A_11, A_11_x1):
    """The right-hand side."""
    x1 = points[..., 0]
    t = points[..., 1]
    epsilon = torch.as_tensor(epsilon, dtype=points.dtype, device=points.device)
    A_11 = torch.as_tensor(A_11, dtype=points.dtype, device=points.device)
    A_11_x1 = torch.as_tensor(A_11_x1, dtype=points.dtype, device=points.device)
    s0 = torch.exp(-epsilon*t)
    s1 = s0*torch.sin(x1)
    return full(points, A_11*s1 + A_11_x1*s0*torch.cos(x1) - epsilon*s1*(epsilon + 1) + 2*s1)


def lift(points, *, epsilon, A_11, A_11_x1):
    """A function that takes the essential data."""
    x1 = points[..., 0]
    s0 = torch.sin(x1)
    return {
        (0, 0): full(points, s0),
        (1, 0): full(points, torch.cos(x1)),
        (0, 1): full(points, 0),
        (2, 0): full(points, -s0),
    }


def factor(points, *, epsilon, A_11, A_11_x1):
    """A function that vanishes where essential data are taken."""
    x1 = points[..., 0]
    t = points[..., 1]
    s1 = 2*t/math.pi
    return {
        (0, 0): full(points, s1*x1),
        (1, 0): full(points, s1),
        (0, 1): full(points, 2*x1/math.pi),
        (2, 0): full(points, 0),
    }
