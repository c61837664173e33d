"""The permeability of a model of flow by velocities on the faces of voxels: images, and shapes cut
into voxels."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import sympy as sp

from ..derive.porous import FlowModel
from ..problem.errors import ProblemError, SolveError, warn_tolerance
from ..problem.images import common_shape, images_in
from ..problem.numeric import lambdified
from ..problem.user_input import positive_integer
from ..runtime.arrays import Flags
from ..runtime.lagrange_grid import LagrangeGrid
from ..runtime.lattice import Lattice
from ..runtime.voxel.elements import BoxElements
from ..runtime.voxel.flow import StaggeredFlow, at_corners, permeability
from ..runtime.voxel.percolation import blocked_directions
from .arguments import checked_residual
from .cell_solution import CellSolution
from .fem.grid_functions import LagrangeField
from .flow_solution import flow_solution, permeability_entries
from .judgement import warn_of_estimate
from .progress import Progress
from .resources import require_affordable

TOLERANCE = 3e-2
"""Walls of voxels are stairs: errors are of first order in their size."""
# Boxes along the longest axis of the first grid, where no image says it, by the number of axes.
_FIRST = {2: 64, 3: 16}
# Of the change that halving makes: what is left, at the edges of voxels (h^1.09) and beside stairs.
_LEFT = {True: 1.0, False: 1.5}
# Beside stairs errors are small by accident on some grids, and alike on others: more are looked at,
# of two thirds as many boxes, and all moved by half a box; these multiples of the changes. Of 251
# grids around disks (R from 0.18 to 0.495) errors are at most 0.6 of the largest.
_SHARE = 2 / 3
_OF_SHARE = 2.0
_OF_HALVED = 1.0
_OF_MOVED = 1.5
# Numbers that are kept for each box, FFTs among them; measured in space.
_NUMBERS = 60
# Residual from which on the solver has failed.
_FAILED = 1e-4


def solve_voxel_flow(
    model: FlowModel,
    tolerance: float,
    progress: Progress,
    *,
    n: int | None = None,
    n_sub: int = 1,
    max_dofs: int = 1_000_000,
    residual: float = 1e-5,
) -> CellSolution:
    """K and the velocities w^j, on grids whose boxes are halved until the estimate is below the
    tolerance.

    n     : boxes along the longest axis of the first grid, where walls are no image
    n_sub : boxes of the first grid along each axis of a pixel
    residual : of the forces, where the solver stops: K is known to its square, about
    ProblemError for an image without walls, or without fluid.
    """
    most = positive_integer(max_dofs, "max_dofs")
    asked = checked_residual(residual)
    shape = _first_grid(model, n, positive_integer(n_sub, "n_sub", most=4096))
    images = bool(images_in(model.fluid))
    start = time.perf_counter()
    history: list[StaggeredFlow] = []
    estimate = math.inf
    with progress("flow (voxel)") as task:
        while len(history) < 2 or estimate > tolerance:
            if len(history) > 1 and math.prod(shape) * model.dim * 2**model.dim > most:
                break
            shape = tuple(count * 2 for count in shape) if history else shape
            history.append(_solved(model, shape, asked))
            if len(history) > 1:
                estimate = _LEFT[images] * _change(history[-2], history[-1])
                if not images:
                    estimate = max(estimate, _erratic(model, history[-1], shape, asked))
            task.update(0.5, f"{'x'.join(map(str, shape))} voxels, estimate {estimate:.1e}")
    found = history[-1]
    info = {
        "method": f"staggered grid of {'x'.join(map(str, shape))} voxels, preconditioned CG",
        "size": model.dim * math.prod(shape),
        "cells": shape,
        "iterations": found.iterations,
        "residual": found.residual,
        "seconds": time.perf_counter() - start,
        "estimate": estimate,
        "tolerance": tolerance,
    }
    warn_of_estimate("voxel: the permeability has", info)
    _warn_of_residual(found.residual, asked)
    lattice = Lattice.uniform(model.problem.cell.bounds, shape)
    return flow_solution(
        model, "voxel", _fields(found, lattice), permeability_entries(found.tensor), info
    )


def _first_grid(model: FlowModel, n: int | None, n_sub: int) -> tuple[int, ...]:
    images = [node.image for node in images_in(model.fluid)]
    if images:
        if n is not None:
            raise SolveError(
                "the pixels of an image are the boxes",
                term=f"n={n}",
                remedy="cut each into n_sub= along every axis",
            )
        return tuple(count * n_sub for count in common_shape(images))
    count = _FIRST[model.dim] if n is None else positive_integer(n, "n", least=4)
    lengths = [b - a for a, b in model.problem.cell.bounds]
    return tuple(max(4, round(count * n_sub * length / max(lengths))) for length in lengths)


def _solved(
    model: FlowModel, shape: tuple[int, ...], residual: float, moved: bool = False
) -> StaggeredFlow:
    """moved: the walls, by half a box."""
    what = f"{'x'.join(map(str, shape))} voxels"
    require_affordable(what, float(_NUMBERS * math.prod(shape)), remedy="take a part of the image")
    elements = BoxElements(model.problem.cell.bounds, shape)
    fluid = _fluid(model, elements, moved)
    if fluid.all() or not fluid.any():
        raise ProblemError(
            "a cell without " + ("walls" if fluid.all() else "fluid"),
            term=f"{model.fluid} on {what}",
            remedy="look at the labels of the image, or give a larger n=",
        )
    if len(blocked_directions(fluid)) == model.dim:
        return StaggeredFlow(
            np.zeros((model.dim,) * 2), np.zeros((model.dim, model.dim, *shape)), 0.0, 0
        )
    found = permeability(elements, ~fluid, residual)
    if not found.residual <= _FAILED:
        raise SolveError(
            f"the iteration stalled at the relative residual {found.residual:.1e}", term=what
        )
    return found


def _fluid(model: FlowModel, elements: BoxElements, moved: bool) -> Flags:
    """Which boxes have their centre, or their lower corner, in the fluid."""
    y = [v.symbol for v in model.problem.scales.y]
    nodes = images_in(model.fluid)
    names = sp.symbols(f"image_:{len(nodes)}", cls=sp.Dummy)
    expression = model.fluid.xreplace(dict(zip(nodes, names, strict=True)))
    shift = 0.5 if moved else 0.0
    places = zip(elements.centres, elements.sizes, strict=True)
    points = np.broadcast_arrays(*(centre - shift * size for centre, size in places))
    values = lambdified((*y, *names), expression, "numpy")(
        *points, *(node.image(*points) for node in nodes)
    )
    return np.broadcast_to(np.asarray(values) > 0, elements.shape)


def _erratic(
    model: FlowModel, found: StaggeredFlow, shape: tuple[int, ...], residual: float
) -> float:
    """How far stairs of other grids lead elsewhere."""
    fewer = tuple(max(4, round(_SHARE * count)) for count in shape)
    halves = tuple(count // 2 for count in shape)
    others = (
        (_OF_SHARE, fewer, False),
        (_OF_SHARE, fewer, True),
        (_OF_HALVED, halves, True),
        (_OF_MOVED, shape, True),
    )
    try:
        return max(
            multiple * _change(_solved(model, boxes, residual, moved), found)
            for multiple, boxes, moved in others
        )
    except ProblemError:  # walls, or the fluid, are between the points of one of them
        return math.inf


def _change(coarse: StaggeredFlow, fine: StaggeredFlow) -> float:
    """Relative to the largest entry of the finer one."""
    change = float(np.abs(fine.tensor - coarse.tensor).max())
    return change / (float(np.abs(fine.tensor).max()) or 1.0)


def _warn_of_residual(residual: float, asked: float) -> None:
    if residual > asked:
        warn_tolerance(
            f"voxel: the solver stopped at the relative residual {residual:.1e}, asked for was"
            f" {asked:.1e}"
        )


def _fields(found: StaggeredFlow, lattice: Lattice) -> tuple[tuple[LagrangeField, ...], ...]:
    """The velocities as functions, with the values of the first nodes at the other ends."""
    values = at_corners(found.velocities)
    closed: Any = np.pad(values, [(0, 0), (0, 0), *[(0, 1)] * lattice.dim], mode="wrap")
    return tuple(
        tuple(LagrangeField(LagrangeGrid(lattice, 1, component[None])) for component in load)
        for load in closed
    )
