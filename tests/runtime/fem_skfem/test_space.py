from itertools import product

import numpy as np
import pytest
import skfem
from skfem.models.poisson import laplace

from nhpinn_sym.runtime.fem_skfem.space import Space
from nhpinn_sym.runtime.lattice import Lattice

BOUNDS = ((0.0, 2.0), (-1.0, 0.5), (3.0, 4.0))
CELLS = (3, 4, 2)
weight = skfem.LinearForm(lambda v, w: 1.0 * v)
normal = skfem.LinearForm(lambda v, w: sum(w.n) * v)
SPACES = [(dim, degree) for dim in (1, 2, 3) for degree in (1, 2)]
GRADED = tuple(a + (b - a) * np.linspace(0, 1, n + 1) ** 2 for (a, b), n in zip(BOUNDS, CELLS))


def sides(dim):
    """Outward normals by axis and end, as "01"."""
    return {
        f"{axis}{end}": tuple((2 * end - 1) * (k == axis) for k in range(dim))
        for axis, end in product(range(dim), (0, 1))
    }


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(("dim", "degree"), SPACES)
def test_the_mapping_gives_the_matrix_of_scikit_fem(dim, degree, graded):
    even = Lattice.uniform(BOUNDS[:dim], CELLS[:dim])
    space = Space(Lattice(GRADED[:dim]) if graded else even, degree)
    gradients = space.basis.basis[0][0].grad
    assert gradients.shape[1] == (space.basis.nelems if graded and dim > 0 else 1)
    plain = skfem.Basis(space.basis.mesh, space.basis.elem, intorder=space.order)
    difference = laplace.assemble(space.basis) - laplace.assemble(plain)
    assert abs(difference).max() < 1e-13


@pytest.mark.parametrize(("dim", "degree"), SPACES)
def test_unknowns_are_numbered_along_the_lattice(dim, degree):
    space = Space(Lattice.uniform(BOUNDS[:dim], CELLS[:dim]), degree, (), sides(dim))
    np.testing.assert_allclose(
        space.prolongation @ space.nodes.T, space.basis.doflocs.T, atol=1e-14
    )
    for axis, end in product(range(dim), (0, 1)):
        found = space.nodes[axis, space.unknowns_on([f"{axis}{end}"])]
        np.testing.assert_allclose(found, BOUNDS[axis][end])


@pytest.mark.parametrize(("dim", "degree"), SPACES)
def test_periodic_functions_agree_on_opposite_faces(dim, degree):
    space = Space(Lattice.uniform(BOUNDS[:dim], CELLS[:dim]), degree, tuple(range(dim)))
    values = np.random.default_rng(0).normal(size=(2, space.nodes.shape[1]))
    lattice = space.grid(values).values
    assert lattice.shape == (2, *(n * degree + 1 for n in CELLS[:dim]))
    for axis in range(1, dim + 1):
        np.testing.assert_array_equal(np.take(lattice, 0, axis), np.take(lattice, -1, axis))
    constant = space.matrix(laplace, space.basis, {}) @ np.ones(values.shape[1])
    assert np.abs(constant).max() < 1e-12


@pytest.mark.parametrize(("dim", "degree"), SPACES)
def test_parts_have_their_area_and_outward_normal(dim, degree):
    space = Space(Lattice.uniform(BOUNDS[:dim], CELLS[:dim]), degree, (), sides(dim))
    lengths = [b - a for a, b in BOUNDS[:dim]]
    for axis in range(dim):
        area = np.prod([length for k, length in enumerate(lengths) if k != axis])
        both = space.boundary_basis([f"{axis}0", f"{axis}1"])
        assert space.vector(weight, both, {}).sum() == pytest.approx(2 * area)
        upper = space.boundary_basis([f"{axis}1"])
        assert space.vector(normal, upper, {}).sum() == pytest.approx(area)


@pytest.mark.parametrize("gap", np.geomspace(1e-6, 1e-5, 8))
def test_faces_of_thin_elements(gap):
    """Newton's iteration for the points of their faces comes to no end on most of these."""
    lines = (np.array([0.0, 0.3137, 0.3137 + gap, 1.0]), np.array([0.0, 0.2, 0.2 + gap / 3, 1.0]))
    space = Space(Lattice(lines), 2, (), sides(2))
    boundary = space.boundary_basis(["00", "11", "01", "10"])
    assert float(boundary.dx.sum()) == pytest.approx(4.0, abs=1e-12)
