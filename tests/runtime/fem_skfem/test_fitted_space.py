"""Meshes of triangles as those of scikit-fem."""

from __future__ import annotations

import numpy as np

from nhpinn_sym.runtime.fem_skfem.fitted_space import skfem_simplices
from nhpinn_sym.runtime.fem_skfem.region_space import RegionSpace
from nhpinn_sym.runtime.fitted.domain_mesh import DomainMesh, RegionMesh, boundary_of


def triangles(n: int, corner: float = 0.0, size: float = 1.0) -> RegionMesh:
    """A square of n x n squares, cut along a diagonal, with the nodes of order 2."""
    number = np.arange((2 * n + 1) ** 2).reshape(2 * n + 1, 2 * n + 1)
    a, b, c, d = number[:-1:2, :-1:2], number[2::2, :-1:2], number[2::2, 2::2], number[:-1:2, 2::2]
    ab, bc, ca = number[1::2, :-1:2], number[2::2, 1::2], number[1::2, 1::2]
    cd, da = number[1::2, 2::2], number[:-1:2, 1::2]
    cells = np.concatenate(
        [
            np.stack(nodes, axis=-1).reshape(-1, 6)
            for nodes in ((a, b, c, ab, bc, ca), (a, c, d, ca, cd, da))
        ]
    )
    places = np.stack(np.meshgrid(*[np.linspace(0, 1, 2 * n + 1)] * 2, indexing="ij"), axis=-1)
    facets = boundary_of(cells)
    none = np.zeros(len(cells), int)
    parts = np.zeros(len(facets), int)
    points = corner + size * places.reshape(-1, 2)
    return RegionMesh(DomainMesh(points, cells, none, facets, parts, ("rim",)))


def test_edges_of_more_corners_than_products_of_32_bits_allow_keep_their_middles() -> None:
    mesh = skfem_simplices(triangles(216))
    assert len(np.unique(mesh.t)) > np.sqrt(2**31)
    own = mesh.doflocs[:, mesh.dofs.facet_dofs[0]]
    assert np.allclose(own, mesh.p[:, mesh.facets].mean(axis=1), rtol=0, atol=1e-12)


def test_edges_of_triangles_as_small_as_rounding_allows_are_found() -> None:
    size = 1e-9
    basis = RegionSpace(triangles(1, 3.0, size), 2).boundary_basis(["rim"])
    assert abs(basis.dx.sum() - 4 * size) < 1e-5 * size
