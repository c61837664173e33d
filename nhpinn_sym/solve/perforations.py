"""The part of a cell outside of its holes: meshes that fit it, and whether it is one."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..problem.errors import UnsupportedError
from ..problem.images import images_in
from ..problem.problem import MultiscaleProblem
from ..resolution.interface_meshes import FIRST
from ..runtime.arrays import Flags
from ..runtime.fitted.cell_mesh import CellMesh
from ..runtime.fitted.functions import FittedMesh
from ..runtime.fitted.parts import UnconnectedParts, require_connected
from .fem.fitted_layout import FittedLayout, layout_around


def meshes_around(problem: MultiscaleProblem, part: sp.Expr, mesher: str = "own") -> FittedLayout:
    """The meshes that fit a part of a cell: a Piecewise, 1 there and 0 elsewhere."""
    y = tuple(v.symbol for v in problem.scales.y)
    return layout_around([part], y, problem.cell, mesher)


def inside(layout: FittedLayout, mesh: FittedMesh) -> Flags:
    """Which elements are in the part: the last branch of the Piecewise."""
    (node,) = layout.meshes.interfaces.jumps
    return np.asarray(layout.meshes.label(mesh) == len(node.args) - 1)


def in_whole_cell(layout: FittedLayout, limit: int) -> int:
    """How many nodes a mesh of the cell has, about, of which so many are in the part."""
    return int(limit / inside(layout, layout.meshes.mesh(FIRST, 0)).mean())


def require_one_solid(problem: MultiscaleProblem) -> None:
    """UnsupportedError where a part of the solid floats in a hole of a plane cell: nothing holds
    it, and what it does is not seen from outside. In images such pixels do nothing."""
    if problem.solid is None or problem.scales.dim != 2 or images_in(problem.solid):
        return
    layout = meshes_around(problem, problem.solid)
    mesh = layout.meshes.mesh(FIRST, 0)
    require_held(mesh.mesh, inside(layout, mesh))


def require_held(mesh: CellMesh, solid: Flags) -> None:
    """UnsupportedError where elements of the solid float in a hole."""
    try:
        require_connected(mesh, solid)
    except UnconnectedParts as cause:
        raise UnsupportedError(
            "a part of the solid that floats in a hole",
            term=cause,
            remedy="leave it out: let the shapes of the holes cover it",
        ) from cause
