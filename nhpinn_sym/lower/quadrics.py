"""The conditions of coefficients that jump as regions between quadrics, for libraries that mesh
solids."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import sympy as sp
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan

from ..problem.errors import UnsupportedError
from ..runtime.fitted.quadrics import (
    BooleanRegion,
    Quadric,
    UnknownQuadric,
    classified,
)
from .interfaces import CellInterfaces

_KINDS = {sp.And: "and", sp.Or: "or", sp.Not: "not"}


def quadric_regions(interfaces: CellInterfaces) -> list[Quadric | BooleanRegion]:
    """One for each condition, in the coordinates of the cell. UnsupportedError for others than
    planes, balls, ellipsoids and cylinders."""
    found = []
    for node in interfaces.jumps:
        if not isinstance(node, sp.Piecewise):
            raise _unsupported(node)
        for _, condition in node.args:
            if condition not in (sp.true, sp.false):
                found.append(_region(condition, interfaces.coordinates))
    return found


def _region(condition: sp.Basic, coordinates: Sequence[sp.Symbol]) -> Quadric | BooleanRegion:
    for kind, name in _KINDS.items():
        if isinstance(condition, kind):
            parts = tuple(_region(part, coordinates) for part in condition.args)
            return BooleanRegion(name, parts)  # type: ignore[arg-type]
    if isinstance(condition, (StrictLessThan, LessThan)):
        return _quadric(condition.lhs - condition.rhs, coordinates)
    if isinstance(condition, (StrictGreaterThan, GreaterThan)):
        return _quadric(condition.rhs - condition.lhs, coordinates)
    raise _unsupported(condition)


def _quadric(level: sp.Expr, coordinates: Sequence[sp.Symbol]) -> Quadric:
    """Where a polynomial of second degree is negative."""
    try:
        polynomial = sp.Poly(level, *coordinates)
        coefficients = {powers: float(c) for powers, c in polynomial.terms()}
    except (sp.PolynomialError, TypeError) as cause:
        raise _unsupported(level) from cause
    if polynomial.total_degree() > 2:
        raise _unsupported(level)
    dim = len(coordinates)
    matrix = np.zeros((dim, dim))
    units = [tuple(row) for row in np.eye(dim, dtype=int).tolist()]
    for i, j in itertools.product(range(dim), repeat=2):
        powers = tuple(a + b for a, b in zip(units[i], units[j], strict=True))
        matrix[i, j] = coefficients.get(powers, 0.0) / (1 if i == j else 2)
    slope = np.array([coefficients.get(unit, 0.0) for unit in units])
    found = Quadric(matrix, slope, coefficients.get((0,) * dim, 0.0))
    try:
        classified(found)
    except UnknownQuadric as cause:
        raise _unsupported(level) from cause
    return found


def _unsupported(term: sp.Basic) -> UnsupportedError:
    return UnsupportedError(
        "gmsh and netgen are given interfaces that are planes, spheres, ellipsoids or cylinders,"
        " and lines or ellipses in the plane",
        term=term,
        remedy='write mesh="own" or "lattice", or give a mesh: mesh="cell.msh"',
    )
