"""Drift: the cell problems.

Every cell function N is periodic in (y1) on (0, 1), has zero mean, and
solves

    + (-1) D^(2,) N
    + (sin(2*pi*y1) + 1) D^(1,) N
    = source

where D^(a, b, ...) counts derivatives per coordinate, and the source, less its mean, is

    psi_1:  0, of the transposed operator, of mean 1 (of its own component, 0 of the others; or of
            mean 1 with the ground state)
    N_1:  vbar - sin(2*pi*y1) - 1

Effective coefficients, <.> being the mean over the cell:

    A[0, 0] = <(1) psi_1 + (2) psi_1 D^(1,) N_1 + (vbar - sin(2*pi*y1) - 1) psi_1 N_1>

Training a net of your own, for the first stage:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs=1, axes=AXES)
    loss = residual(points, cell_functions(points, layers), vbar=...).square().mean()

residual is linear in d: with the features of a net in place of its outputs the coefficients give
the columns of a least-squares problem. The mean of a cell function is free: subtract it.
effective(points, d) gives the coefficients from a uniform grid of the cell.
"""

import math

import torch

from nhpinn_sym.runtime.nets.jets import averaged, full, stack, system
from nhpinn_sym.runtime.nets.networks import network

from .cell_coefficients import AXES, adjoint_coefficients, coefficients

INDICES = ((0,), (1,), (2,))  # multi-indices, smaller ones first
KNOWN_INDICES = ((0,),)  # multi-indices, smaller ones first
MEAN_INDICES = ((0,), (1,))  # multi-indices, smaller ones first
COMPONENTS = 1
FUNCTIONS = ('psi_1', 'N_1')
# (kind, functions that are solved together): outputs of a net, columns of sources
STAGES = (('adjoint', (0,)), ('corrector', (1,)))
CONSTANTS = {('drift', (0,)): 'vbar'}  # entries of `constants` that are keyword arguments
KNOWN = {}  # effective coefficients without a solve


def operator(points, d, **given):
    """The left-hand sides, ordered as the outputs of the net whose jet is d: by function, then by
    equation."""
    return system(coefficients(points, **given), d, COMPONENTS)


def adjoint_operator(points, d, **given):
    """The left-hand sides, ordered as the outputs of the net whose jet is d: by function, then by
    equation."""
    return system(adjoint_coefficients(points, **given), d, COMPONENTS)


def residual(points, d, stage=0, known=None, **given):
    """Zero for the functions of a stage (constant, where a source has a mean); known: the jet of
    all functions before."""
    left = adjoint_operator if STAGES[stage][0] == "adjoint" else operator
    return left(points, d, **given) - SOURCES[stage](points, known, **given)


def source_0(points, known, *, vbar):
    """The right-hand sides of psi_1, one column per function and equation."""
    return stack(points, 0)


def source_1(points, known, *, vbar):
    """The right-hand sides of N_1, one column per function and equation."""
    y1 = points[..., 0]
    vbar = torch.as_tensor(vbar, dtype=points.dtype, device=points.device)
    return stack(points, vbar - torch.sin(2*math.pi*y1) - 1)


SOURCES = (source_0, source_1)


def cell_functions(points, layers, indices=INDICES, axes=AXES):
    """The jet of a net with the components of the functions of a stage as outputs: periodic by its
    inputs."""
    return network(points, layers, indices, axes)


def bilinear(points, u, v, *, vbar):
    """The integrand of the weak form B(u, v), for the jets of all components of u and v."""
    y1 = points[..., 0]
    return (
        full(points, u[(1,)][..., 0]*v[(0,)][..., 0]*(torch.sin(2*math.pi*y1) + 1)
            + u[(1,)][..., 0]*v[(1,)][..., 0])
    )


def constants(points, d, weights=None, *, vbar):
    """The constants that later coefficients hold, from means as those of `effective`."""
    y1 = points[..., 0]
    return {
        ('drift', (0,)): averaged(full(points, d[(0,)][..., 0]*(torch.sin(2*math.pi*y1) + 1)),
            weights) / averaged(full(points, d[(0,)][..., 0]), weights),
    }


def effective(points, d, weights=None, *, vbar):
    """Effective coefficients: means over the points (last axis), a uniform grid of the cell, or
    sums with weights of a quadrature; d: the jet of all functions."""
    y1 = points[..., 0]
    vbar = torch.as_tensor(vbar, dtype=points.dtype, device=points.device)
    values = {
        ('A', (0, 0)): d[(0,)][..., 0]*d[(0,)][..., 1]*(vbar - torch.sin(2*math.pi*y1) - 1)
            + 2*d[(0,)][..., 0]*d[(1,)][..., 1] + d[(0,)][..., 0],
    }
    return {key: averaged(full(points, value), weights) for key, value in values.items()}
