"""Diffusion: the coefficients of the cell problems.
"""

import math

import torch

COORDINATES = ('y1', 'y2')  # the columns of points
GIVEN = ()  # keyword arguments: numbers, or tensors over the points
AXES = (('periodic', 0, 1), ('periodic', 0, 1))  # (kind, lower end, upper end) of each column


def coefficients(points):
    """{(equation, component): the factor of each derivative}."""
    y1 = points[..., 0]
    y2 = points[..., 1]
    s1 = 2*math.pi*y1
    s2 = torch.sin(s1)
    s3 = 2*math.pi*y2
    s4 = torch.cos(s3)
    s5 = -s2*s4 - 2
    return {
        (0, 0): {(2, 0): s5, (0, 2): s5, (1, 0): -2*math.pi*s4*torch.cos(s1),
            (0, 1): 2*math.pi*s2*torch.sin(s3)},
    }
