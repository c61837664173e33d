"""Diffusion: the cell problems.

Every cell function N is periodic in (y1, y2) on (0, 1) x (0, 1), has zero mean, and
solves

    + (-sin(2*pi*y1)*cos(2*pi*y2) - 2) D^(2, 0) N
    + (-sin(2*pi*y1)*cos(2*pi*y2) - 2) D^(0, 2) N
    + (-2*pi*cos(2*pi*y1)*cos(2*pi*y2)) D^(1, 0) N
    + (2*pi*sin(2*pi*y1)*sin(2*pi*y2)) D^(0, 1) N
    = source

where D^(a, b, ...) counts derivatives per coordinate, and the source, less its mean, is

    N_1:  2*pi*cos(2*pi*y1)*cos(2*pi*y2)
    N_2:  -2*pi*sin(2*pi*y1)*sin(2*pi*y2)

Effective coefficients, <.> being the mean over the cell:

    A[0, 0] = <sin(2*pi*y1)*cos(2*pi*y2) + 2 + (sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(1, 0) N_1>
            [energy formula, dual solution -1 * N_1]
    A[0, 1] = <(sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(1, 0) N_2>  [energy formula, dual solution -1 *
            N_1]
    A[1, 0] = <(sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(0, 1) N_1>  [energy formula, dual solution -1 *
            N_2]
    A[1, 1] = <sin(2*pi*y1)*cos(2*pi*y2) + 2 + (sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(0, 1) N_2>
            [energy formula, dual solution -1 * N_2]

Training a net of your own, for the first stage:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs=2, axes=AXES)
    loss = residual(points, cell_functions(points, layers)).square().mean()

residual is linear in d: with the features of a net in place of its outputs the coefficients give
the columns of a least-squares problem. The mean of a cell function is free: subtract it.
effective(points, d) gives the coefficients from a uniform grid of the cell.
"""

import math

import torch

from nhpinn_sym.runtime.nets.jets import averaged, columns, full, stack, system
from nhpinn_sym.runtime.nets.networks import network

from .cell_coefficients import AXES, coefficients

INDICES = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2))  # multi-indices, smaller ones first
KNOWN_INDICES = ((0, 0),)  # multi-indices, smaller ones first
MEAN_INDICES = ((0, 0), (1, 0), (0, 1))  # multi-indices, smaller ones first
COMPONENTS = 1
FUNCTIONS = ('N_1', 'N_2')
# (kind, functions that are solved together): outputs of a net, columns of sources
STAGES = (('corrector', (0, 1)),)
CONSTANTS = {}  # entries of `constants` that are keyword arguments
KNOWN = {}  # effective coefficients without a solve


def operator(points, d):
    """The left-hand sides, ordered as the outputs of the net whose jet is d: by function, then by
    equation."""
    return system(coefficients(points), d, COMPONENTS)


def residual(points, d, stage=0, known=None):
    """Zero for the functions of a stage (constant, where a source has a mean); known: the jet of
    all functions before."""
    return operator(points, d) - SOURCES[stage](points, known)


def source_0(points, known):
    """The right-hand sides of N_1, N_2, one column per function and equation."""
    y1 = points[..., 0]
    y2 = points[..., 1]
    s1 = 2*math.pi*y1
    s2 = 2*math.pi*y2
    return (
        stack(points, 2*math.pi*torch.cos(s1)*torch.cos(s2), -2*math.pi*torch.sin(s1)*torch.sin(s2))
    )


SOURCES = (source_0,)


def cell_functions(points, layers, indices=INDICES, axes=AXES):
    """The jet of a net with the components of the functions of a stage as outputs: periodic by its
    inputs."""
    return network(points, layers, indices, axes)


def bilinear(points, u, v):
    """The integrand of the weak form B(u, v), for the jets of all components of u and v."""
    y1 = points[..., 0]
    y2 = points[..., 1]
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    return (
        full(points, u[(0, 1)][..., 0]*v[(0, 1)][..., 0]*s1
            + u[(1, 0)][..., 0]*v[(1, 0)][..., 0]*s1)
    )


def loads(points, d, v):
    """The integrands of weak right-hand sides, by function; d is the jet of all functions."""
    y1 = points[..., 0]
    y2 = points[..., 1]
    s1 = -torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) - 2
    return {
        0: v[(1, 0)][..., 0]*s1,
        1: v[(0, 1)][..., 0]*s1,
    }


def effective(points, d, weights=None):
    """Effective coefficients: means over the points (last axis), a uniform grid of the cell, or
    sums with weights of a quadrature; d: the jet of all functions."""
    y1 = points[..., 0]
    y2 = points[..., 1]
    s1 = torch.sin(2*math.pi*y1)*torch.cos(2*math.pi*y2) + 2
    function_0 = columns(d, 0, COMPONENTS)
    function_1 = columns(d, 1, COMPONENTS)
    loads_0 = loads(points, d, function_0)
    loads_1 = loads(points, d, function_1)
    values = {
        ('A', (0, 0)): d[(1, 0)][..., 0]*s1 + s1 - (loads_0[0] - bilinear(points, function_0,
            function_0)),
        ('A', (0, 1)): d[(1, 0)][..., 1]*s1 - (loads_0[1] - bilinear(points, function_1,
            function_0)),
        ('A', (1, 0)): d[(0, 1)][..., 0]*s1 - (loads_1[0] - bilinear(points, function_0,
            function_1)),
        ('A', (1, 1)): d[(0, 1)][..., 1]*s1 + s1 - (loads_1[1] - bilinear(points, function_1,
            function_1)),
    }
    return {key: averaged(full(points, value), weights) for key, value in values.items()}
