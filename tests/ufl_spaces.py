"""A square in UFL alone, for whichever element classes this version has."""

from __future__ import annotations

from functools import cache

import ufl

try:
    import basix.ufl
except ImportError:  # UFL before 2023 has its own elements
    basix = None


@cache
def domain() -> ufl.Mesh:
    if basix is None:
        return ufl.Mesh(ufl.VectorElement("Lagrange", ufl.quadrilateral, 1))
    return ufl.Mesh(basix.ufl.element("Lagrange", "quadrilateral", 1, shape=(2,)))


def scalar_space() -> ufl.FunctionSpace:
    element = (
        ufl.FiniteElement("Lagrange", ufl.quadrilateral, 1)
        if basix is None
        else basix.ufl.element("Lagrange", "quadrilateral", 1)
    )
    return ufl.FunctionSpace(domain(), element)
