"""Coupled equations: coefficients and data.

For u(x1, t) on (0, 1), 0 < t < 1/2:

    + (-1) D^(2, 0) u[0]
    + (2) D^(0, 1) u[0]
    + (-A_11) D^(2, 0) u[1]
    + (1) D^(0, 1) u[1]
    + (1) u[1]
    = 4*A_11*sin(t + 2*x1) + sin(t + 2*x1) + cos(t + 2*x1) - exp(-t)*cos(x1)

    + (1) D^(1, 0) u[0]
    + (-3) D^(2, 0) u[1]
    + (1) D^(0, 1) u[1]
    = 12*sin(t + 2*x1) + cos(t + 2*x1) - exp(-t)*sin(x1)

where D^(a, b, ...) counts derivatives per variable, with the conditions

    u[0] = exp(-t)  on "left" (x1 = 0)
    n . flux[0] + (0) u[0] = 2*A_11*cos(t + 2) - exp(-t)*sin(1)  on "right" (x1 = 1)
    n . flux[1] + (2) u[1] = 2*sin(t) - 6*cos(t)  on "left" (x1 = 0)
    n . flux[1] + (2) u[1] = 2*sin(t + 2) + 6*cos(t + 2)  on "right" (x1 = 1)
    u[0] = cos(x1)  at t = 0
    u[1] = sin(2*x1)  at t = 0

The ansatz u = lift + factor * net satisfies by itself what it can (periodicity by the inputs of
the net):

    lift[0] = cos(x1) - 1 + exp(-t)
    lift[1] = sin(2*x1)
    factor[0] = 2*t*x1
    factor[1] = 2*t
"""

import torch

from nhpinn_sym.runtime.nets.jets import stack

COORDINATES = ('x1', 't')  # the columns of points
GIVEN = ('A_11',)  # keyword arguments: numbers, or tensors over the points
AXES = (('scaled', 0, 1), ('graded', 0, 1/2))  # (kind, lower end, upper end) of each column
PARTS = {'left': (-1,), 'right': (1,)}  # the parts of the boundary, with outward normals


def coefficients(points, *, A_11):
    """{(equation, component): the factor of each derivative}."""
    A_11 = torch.as_tensor(A_11, dtype=points.dtype, device=points.device)
    return {
        (0, 0): {(2, 0): -1, (0, 1): 2},
        (0, 1): {(2, 0): -A_11, (0, 1): 1, (0, 0): 1},
        (1, 0): {(1, 0): 1},
        (1, 1): {(2, 0): -3, (0, 1): 1},
    }


def source(points, *, A_11):
    """The right-hand side."""
    x1 = points[..., 0]
    t = points[..., 1]
    A_11 = torch.as_tensor(A_11, dtype=points.dtype, device=points.device)
    s0 = t + 2*x1
    s1 = torch.sin(s0)
    s2 = torch.cos(s0)
    s3 = torch.exp(-t)
    return stack(points, 4*A_11*s1 + s1 + s2 - s3*torch.cos(x1), 12*s1 + s2 - s3*torch.sin(x1))


def lift(points, *, A_11):
    """A function that takes the essential data."""
    x1 = points[..., 0]
    t = points[..., 1]
    s0 = torch.cos(x1)
    s1 = torch.exp(-t)
    s2 = 2*x1
    s3 = torch.sin(s2)
    return {
        (0, 0): stack(points, s0 + s1 - 1, s3),
        (1, 0): stack(points, -torch.sin(x1), 2*torch.cos(s2)),
        (0, 1): stack(points, -s1, 0),
        (2, 0): stack(points, -s0, -4*s3),
    }


def factor(points, *, A_11):
    """A function that vanishes where essential data are taken."""
    x1 = points[..., 0]
    t = points[..., 1]
    s0 = 2*t
    return {
        (0, 0): stack(points, s0*x1, s0),
        (1, 0): stack(points, s0, 0),
        (0, 1): stack(points, 2*x1, 2),
        (2, 0): stack(points, 0, 0),
    }
