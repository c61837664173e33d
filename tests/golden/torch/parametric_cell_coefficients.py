"""Diffusion: the coefficients of the cell problems.
"""

import math

import torch

COORDINATES = ('y1', 'x1')  # the columns of points
GIVEN = ()  # keyword arguments: numbers, or tensors over the points
AXES = (('periodic', 0, 1), ('scaled', -1, 1))  # (kind, lower end, upper end) of each column


def coefficients(points):
    """{(equation, component): the factor of each derivative}."""
    y1 = points[..., 0]
    x1 = points[..., 1]
    s0 = 2*math.pi*y1
    return {
        (0, 0): {(2,): -1/2*torch.sin(s0) - torch.sin(x1) - 2, (1,): -math.pi*torch.cos(s0)},
    }
