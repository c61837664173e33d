"""Diffusion: the cell problems.

Every cell function N is periodic in (y1) on (0, 1), has zero mean, and
solves, for every x1

    + (-sin(x1) - sin(2*pi*y1)/2 - 2) D^(2,) N
    + (-pi*cos(2*pi*y1)) D^(1,) N
    = source

where D^(a, b, ...) counts derivatives per coordinate, and the source, less its mean, is

    N_1:  pi*cos(2*pi*y1)

Effective coefficients, <.> being the mean over the cell:

    A[0, 0] = <sin(x1) + sin(2*pi*y1)/2 + 2 + (sin(x1) + sin(2*pi*y1)/2 + 2) D^(1,) N_1>  [energy
            formula, dual solution -1 * N_1]

Training a net of your own, for the first stage:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs=1, axes=AXES)
    loss = residual(points, cell_functions(points, layers)).square().mean()

residual is linear in d: with the features of a net in place of its outputs the coefficients give
the columns of a least-squares problem. The mean of a cell function is free: subtract it.
effective(points, d) gives the coefficients from a uniform grid of the cell.
Slow coordinates are plain inputs, in (-1, 1) by default: pass axes with their ranges to mlp and
cell_functions.
"""

import math

import torch

from nhpinn_sym.runtime.nets.jets import averaged, columns, full, stack, system
from nhpinn_sym.runtime.nets.networks import network

from .cell_coefficients import AXES, coefficients

INDICES = ((0,), (1,), (2,))  # multi-indices, smaller ones first
KNOWN_INDICES = ((0,),)  # multi-indices, smaller ones first
MEAN_INDICES = ((0,), (1,))  # multi-indices, smaller ones first
COMPONENTS = 1
FUNCTIONS = ('N_1',)
# (kind, functions that are solved together): outputs of a net, columns of sources
STAGES = (('corrector', (0,)),)
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
    """The right-hand sides of N_1, one column per function and equation."""
    y1 = points[..., 0]
    return stack(points, math.pi*torch.cos(2*math.pi*y1))


SOURCES = (source_0,)


def cell_functions(points, layers, indices=INDICES, axes=AXES):
    """The jet of a net with the components of the functions of a stage as outputs: periodic by its
    inputs."""
    return network(points, layers, indices, axes)


def bilinear(points, u, v):
    """The integrand of the weak form B(u, v), for the jets of all components of u and v."""
    y1 = points[..., 0]
    x1 = points[..., 1]
    return (
        full(points, u[(1,)][..., 0]*v[(1,)][..., 0]*(torch.sin(x1) + (1/2)*torch.sin(2*math.pi*y1)
            + 2))
    )


def loads(points, d, v):
    """The integrands of weak right-hand sides, by function; d is the jet of all functions."""
    y1 = points[..., 0]
    x1 = points[..., 1]
    return {
        0: v[(1,)][..., 0]*(-torch.sin(x1) - 1/2*torch.sin(2*math.pi*y1) - 2),
    }


def effective(points, d, weights=None):
    """Effective coefficients: means over the points (last axis), a uniform grid of the cell, or
    sums with weights of a quadrature; d: the jet of all functions."""
    y1 = points[..., 0]
    x1 = points[..., 1]
    s0 = torch.sin(x1) + (1/2)*torch.sin(2*math.pi*y1) + 2
    function_0 = columns(d, 0, COMPONENTS)
    loads_0 = loads(points, d, function_0)
    values = {
        ('A', (0, 0)): d[(1,)][..., 0]*s0 + s0 - (loads_0[0] - bilinear(points, function_0,
            function_0)),
    }
    return {key: averaged(full(points, value), weights) for key, value in values.items()}
