"""Coupled: the coefficients of the cell problems.
"""

import math

import torch

COORDINATES = ('y1',)  # the columns of points
GIVEN = ()  # keyword arguments: numbers, or tensors over the points
AXES = (('periodic', 0, 1),)  # (kind, lower end, upper end) of each column


def coefficients(points):
    """{(equation, component): the factor of each derivative}."""
    y1 = points[..., 0]
    s1 = 2*math.pi*y1
    return {
        (0, 0): {(2,): -torch.sin(s1) - 2, (1,): -2*math.pi*torch.cos(s1)},
        (0, 1): {(2,): -1},
        (1, 0): {(2,): -1},
        (1, 1): {(2,): 3},
    }
