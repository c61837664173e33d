"""Holes of the cell, and the conditions at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from .conditions import Condition, Dirichlet, Neumann, Robin
from .domain import Cell
from .errors import ProblemError, UnsupportedError, shortened
from .images import ImageFunction
from .joined_shapes import Shape
from .pores import outside
from .scales import Scales
from .shapes import phases

Holes = dict[Shape | ImageFunction, Condition]
"""Shapes, or one image that is 1 in the holes and 0 elsewhere."""


def check_holes(holes: Any) -> Holes:
    """Shapes, or an image, with Neumann or Robin conditions, or Dirichlet(0); ProblemError for
    what is none, UnsupportedError for other conditions.
    """
    if holes is None:
        return {}
    if not isinstance(holes, Mapping):
        raise ProblemError(
            "holes are a dictionary of shapes",
            term=shortened(holes),
            remedy="write holes={nh.Disk((0.5, 0.5), 0.3): nh.Neumann(0)}",
        )
    for shape, condition in holes.items():
        if not isinstance(condition, Condition):
            raise ProblemError(
                "a hole has a boundary condition",
                term=shortened(condition),
                remedy="write nh.Neumann(0)",
            )
        if not isinstance(condition, (Dirichlet, Neumann, Robin)) or (
            condition.on is not None or (isinstance(condition, Dirichlet) and condition.value != 0)
        ):
            raise UnsupportedError(
                "another condition than Neumann, Robin or Dirichlet(0) at a hole",
                term=f"{shape}: {condition}",
                remedy="write nh.Neumann(0), or nh.Robin(s.eps*beta, s.eps*g)",
            )
        if not isinstance(condition, Dirichlet) and condition.unknown is not None:
            raise UnsupportedError(
                "conditions at a hole for some of the unknowns",
                term=f"{shape}: {condition}",
                remedy="leave unknown= out",
            )
    if len({isinstance(condition, Dirichlet) for condition in holes.values()}) > 1:
        raise UnsupportedError(
            "holes with conditions of two kinds",
            term=shortened(list(holes.values())),
            remedy="give all of them one",
        )
    if any(isinstance(shape, ImageFunction) for shape in holes):
        _check_image(holes)
    return dict(holes)


def _check_image(holes: Mapping[Any, Condition]) -> None:
    """UnsupportedError for an image beside other holes, or with data that go through its pixels."""
    if len(holes) > 1 or any(map(any, map(surface_data, holes.values()))):
        raise UnsupportedError(
            "an image of holes beside other holes, or with data at them",
            term=shortened(dict(holes)),
            remedy="write holes={nh.image(s, labels, {0: 0, 1: 1}): nh.Neumann(0)}",
        )


def surface_data(condition: Condition) -> tuple[sp.Expr, sp.Expr]:
    """alpha and value of n . q + alpha u = value at a hole."""
    alpha = condition.alpha if isinstance(condition, Robin) else 0
    value = getattr(condition, "value", 0)
    return sp.sympify(alpha), sp.sympify(value)


def are_walls(holes: Holes) -> bool:
    """Whether unknowns are held at the holes."""
    return any(isinstance(condition, Dirichlet) for condition in holes.values())


def solid_part(holes: Holes, scales: Scales, cell: Cell) -> sp.Expr | None:
    """1 outside of the holes, and 0 in them, in plain symbols; None without holes."""
    if not holes:
        return None
    if scales.dim == 1:
        raise UnsupportedError(
            "holes in one dimension, where nothing goes around them",
            term=next(iter(holes)),
            remedy="take two or three dimensions",
        )
    image = next(iter(holes))
    if isinstance(image, ImageFunction):
        return scales.plain(outside(image))
    return scales.plain(phases(scales, dict.fromkeys(holes, 0), default=1, cell=cell))
