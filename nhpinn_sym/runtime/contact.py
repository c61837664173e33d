"""Imperfect contact on a mesh of a cell: its facets between elements on two sides of an interface,
and the form int K [u] [v] over them, for whatever library the elements are of.

Emitted forms say where the interfaces are and what K is: `sides(points, data)` has for each contact
1 at the points (d, ...) inside of its shape, `contacts(points, data)` has K[c, i, j] at the points
(2 d, ...) of cell and normal. The side of an element is the number whose binary digits these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from .arrays import Array, Integers
from .fitted.cell_mesh import facets_of
from .fitted.domain_mesh import across_facets, on_facets
from .fitted.elements import nodal_polynomials, rule
from .fitted.functions import FittedMesh
from .lattice import Lattice
from .mesh import Mesh
from .tensor_grids import tensor_points, tensor_weights, unit_gauss

# More points along a facet than polynomials of the degree need: K may vary, and edges are curved.
_MORE = 3
# Share of the largest eigenvalue of K below which it may be negative by rounding.
_ROUNDING = 1e-12


class NegativeContact(RuntimeError):
    """A contact that is not positive, which no condition at an interface may be."""


@dataclass(frozen=True)
class JumpFacets:
    """The facets between elements on different sides.

    nodes   : (f, k, d) of the elements on the facets, the same for both
    sides   : (f, 2) of the elements
    points  : (f, q, d) of a quadrature
    normals : (f, q, d) into the second element, times the weights, in coordinates of the mesh
    shapes  : (q, k) the polynomials of the nodes at the points
    """

    nodes: Array
    sides: Integers
    points: Array
    normals: Array
    shapes: Array


def element_sides(forms: Any, places: Array, data: Mapping[str, Any]) -> Integers:
    """The side of elements with these middles (n, d)."""
    held = forms.sides(places.T, data)
    codes = np.zeros(len(places), dtype=np.int64)
    for k in range(len(held)):
        codes += np.broadcast_to(np.asarray(held[str(k)]), codes.shape).astype(np.int64) << k
    return codes


@singledispatch
def element_middles(mesh: Mesh) -> Array:
    """A point (n, d) in each element, in the cell. TypeError for a mesh that is not registered."""
    raise TypeError(f"no contacts are known on {type(mesh).__name__}")


@element_middles.register
def _(mesh: FittedMesh) -> Array:
    return mesh.middles


@element_middles.register
def _(mesh: Lattice) -> Array:
    return tensor_points([(line[1:] + line[:-1]) / 2 for line in mesh.lines])


@singledispatch
def jump_facets(mesh: Mesh, sides: Integers, degree: int) -> JumpFacets:
    """The facets between elements on different `sides` (elements,), across the faces of the cell
    too."""
    raise TypeError(f"no contacts are known on {type(mesh).__name__}")


def _lagrange(degree: int, places: Array) -> Array:
    """The polynomials (n, degree + 1) of equally spaced nodes on (0, 1) at places (n,)."""
    knots = np.linspace(0, 1, degree + 1)
    return np.asarray(np.vander(places, degree + 1) @ np.linalg.inv(np.vander(knots, degree + 1)))


@jump_facets.register
def _(mesh: FittedMesh, sides: Integers, degree: int) -> JumpFacets:
    own, dim = mesh.mesh, mesh.dim
    facets = facets_of(own.cells)
    # A facet is known by its middles: each has two elements.
    middles = np.sort(own.originals[facets[:, dim:]], axis=1)
    one, other = np.lexsort(middles.T).reshape(-1, 2).T
    found = np.stack([sides[one // (dim + 1)], sides[other // (dim + 1)]], axis=1)
    apart = found[:, 0] != found[:, 1]
    x = own.points[facets[one[apart]]]
    count = degree + 1 + _MORE
    points, normals = across_facets(x, count)
    shapes = (
        _lagrange(degree, unit_gauss(count)[0])
        if dim == 2
        else nodal_polynomials(degree, rule(count, 2)[0])
    )
    return JumpFacets(on_facets(x, degree), found[apart], mesh.wrapped(points), normals, shapes)


@jump_facets.register
def _(mesh: Lattice, sides: Integers, degree: int) -> JumpFacets:
    shaped = sides.reshape(mesh.cells)
    parts = [_across(mesh, shaped, axis, degree) for axis in range(mesh.dim)]
    return JumpFacets(
        np.concatenate([p.nodes for p in parts]),
        np.concatenate([p.sides for p in parts]),
        np.concatenate([p.points for p in parts]),
        np.concatenate([p.normals for p in parts]),
        parts[0].shapes,
    )


def _across(mesh: Lattice, sides: Integers, axis: int, degree: int) -> JumpFacets:
    """The facets across one axis: each is the upper face of its first cell."""
    after = np.roll(sides, -1, axis)
    cells = np.argwhere(sides != after)
    others = [k for k in range(mesh.dim) if k != axis]
    t, w = unit_gauss(degree + 1 + _MORE)
    low = np.stack([mesh.lines[k][cells[:, k]] for k in range(mesh.dim)], axis=1)
    high = np.stack([mesh.lines[k][cells[:, k] + 1] for k in range(mesh.dim)], axis=1)

    def on_face(line: Array) -> Array:
        shares = np.ones((len(line) ** len(others), mesh.dim))
        shares[:, others] = tensor_points([line] * len(others))
        return low[:, None] + shares * (high - low)[:, None]

    area = np.prod((high - low)[:, others], axis=1)
    points = on_face(t)
    normals = np.zeros_like(points)
    normals[..., axis] = area[:, None] * tensor_weights([w] * len(others))
    shapes = np.ones((1, 1))
    for _ in others:
        shapes = np.kron(shapes, _lagrange(degree, t))
    found = np.stack([sides[tuple(cells.T)], after[tuple(cells.T)]], axis=1)
    return JumpFacets(on_face(np.linspace(0, 1, degree + 1)), found, points, normals, shapes)


def contact_entries(
    forms: Any, facets: JumpFacets, data: Mapping[str, Any], numbers: Integers
) -> tuple[Integers, Integers, Array]:
    """Rows, columns and values of int K [u] [v]; unknowns are numbered node by node, and `numbers`
    (f, 2, k) are those of the nodes of the facets on both sides.

    NegativeContact where K has a negative eigenvalue.
    """
    count = forms.COMPONENTS
    # y = xi V, and the normal is a covector: n ds / |det V| = V^-1 nu ds.
    frame = np.linalg.inv(np.array(forms.VECTORS)) if forms.VECTORS else np.eye(forms.DIM)
    scaled = facets.normals @ frame.T
    weights = np.linalg.norm(scaled, axis=-1)
    unit = scaled / weights[..., None]
    stiffness = _stiffness(forms, facets, unit, data)
    signed = np.concatenate([facets.shapes, -facets.shapes], axis=1)
    local = np.einsum("ijfq,fq,qa,qb->faibj", stiffness, weights, signed, signed)
    flat = numbers.reshape(len(numbers), -1)
    unknowns = (flat[..., None] * count + np.arange(count)).reshape(len(flat), -1)
    size = unknowns.shape[1]
    rows = np.repeat(unknowns, size, axis=1).ravel()
    columns = np.tile(unknowns, (1, size)).ravel()
    return rows, columns, local.ravel()


def _stiffness(forms: Any, facets: JumpFacets, normals: Array, data: Mapping[str, Any]) -> Array:
    """K (m, m, f, q): the sum over the contacts whose shape one of the two elements lies in."""
    places = np.moveaxis(np.concatenate([facets.points, normals], axis=-1), -1, 0)
    held = forms.contacts(places, data)
    count = forms.COMPONENTS
    apart = facets.sides[:, 0] ^ facets.sides[:, 1]
    found = np.zeros((count, count, *facets.points.shape[:2]))
    for name, values in held.items():
        c, i, j = map(int, name.split("_"))
        acts = (apart >> c) & 1
        found[i, j] += acts[:, None] * np.asarray(values)
    least = np.linalg.eigvalsh(np.moveaxis(found, (0, 1), (-2, -1)))
    if least.size and not least.min() >= -_ROUNDING * np.abs(least).max():
        place = np.unravel_index(int(np.argmin(least[..., 0])), least.shape[:2])
        where = ", ".join(f"{x:.4g}" for x in facets.points[place])
        raise NegativeContact(
            f"a contact must not be negative, it is {least.min():.3g} near ({where})"
        )
    return found
