from itertools import product

import numpy as np
import pytest
from numpy.polynomial import polynomial

from nhpinn_sym.runtime.lagrange_grid import LagrangeGrid
from nhpinn_sym.runtime.lattice import Lattice

BOUNDS = ((0.0, 2.0), (-1.0, 0.5), (3.0, 4.0))
CELLS = (3, 4, 2)


GRADED = Lattice(
    (
        np.array([0.0, 0.1, 1.9, 2.0]),
        np.array([-1.0, -0.9, 0.0, 0.01, 0.5]),
        np.array([3.0, 3.7, 4.0]),
    )
)


def lattice(dim: int, graded: bool) -> Lattice:
    return Lattice(GRADED.lines[:dim]) if graded else Lattice.uniform(BOUNDS[:dim], CELLS[:dim])


def nodes(dim: int, degree: int, graded: bool = False) -> np.ndarray:
    axes = [lattice(dim, graded).nodes(axis, degree) for axis in range(dim)]
    return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)


def value(coefficients: np.ndarray, points: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    """D^index of the polynomial whose coefficient array has one axis per coordinate."""
    for axis, order in enumerate(index):
        coefficients = polynomial.polyder(coefficients, order, axis=axis) if order else coefficients
    result = coefficients
    for k in range(points.shape[1]):
        result = polynomial.polyval(points[:, k], result, tensor=k == 0)
    return result


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(("dim", "degree"), list(product((1, 2, 3), (1, 2))))
def test_reproduces_polynomials_with_all_derivatives(dim, degree, graded):
    rng = np.random.default_rng(dim)
    coefficients = rng.normal(size=(2,) + (degree + 1,) * dim)
    shuffled = rng.permutation(nodes(dim, degree, graded))
    batch = np.array([value(c, shuffled, (0,) * dim) for c in coefficients])
    grid = LagrangeGrid.from_dofs(shuffled, batch, lattice(dim, graded), degree)
    low, high = np.array(BOUNDS[:dim]).T
    points = np.concatenate([low + (high - low) * rng.random((50, dim)), [low, high]])
    for index in product(range(degree + 1), repeat=dim):
        expected = np.array([value(c, points, index) for c in coefficients])
        np.testing.assert_allclose(
            grid.evaluate(points, index),
            expected,
            rtol=0,
            atol=1e-11 * (100 if graded else 4) ** sum(index),
        )


def test_periodic_continuation_wraps_in_every_direction():
    axes = [np.linspace(a, b, 2 * n + 1) for (a, b), n in zip(BOUNDS[:2], CELLS)]
    values = np.sin(np.pi * axes[0])[:, None] * np.cos(2 * np.pi * (axes[1] + 1) / 1.5)
    grid = LagrangeGrid(Lattice.uniform(BOUNDS[:2], CELLS[:2]), 2, values)
    points = np.random.default_rng(0).uniform(0.1, 0.4, (20, 2))
    for shift in ((2.0, 0.0), (-4.0, 3.0), (0.0, -1.5)):
        np.testing.assert_allclose(
            grid.evaluate(points + shift, (1, 0), periodic=True),
            grid.evaluate(points, (1, 0)),
            atol=1e-12,
        )


@pytest.mark.parametrize("points", [[[2.001]], [[-0.001]], [[np.nan]]])
def test_points_outside_are_refused(points):
    grid = LagrangeGrid(Lattice.uniform(BOUNDS[:1], CELLS[:1]), 1, np.arange(4.0))
    with pytest.raises(ValueError, match="outside"):
        grid.evaluate(np.array(points), (0,))


def test_rounding_at_the_faces_is_not_outside():
    grid = LagrangeGrid(Lattice.uniform(BOUNDS[:1], CELLS[:1]), 1, np.arange(4.0))
    np.testing.assert_allclose(
        grid.evaluate(np.array([[2 + 1e-12], [-1e-12]]), (0,)), [3, 0], atol=1e-11
    )


def test_derivatives_beyond_the_degree_are_refused():
    with pytest.raises(ValueError, match="at most 1"):
        LagrangeGrid(Lattice.uniform(BOUNDS[:1], CELLS[:1]), 1, np.arange(4.0)).evaluate(
            np.ones((1, 1)), (2,)
        )


@pytest.mark.parametrize(
    ("change", "message"), [(lambda c: c[1:], "have no dof"), (lambda c: c + 0.01, "not at a node")]
)
def test_dofs_must_fill_the_lattice(change, message):
    coordinates = change(nodes(2, 1))
    with pytest.raises(ValueError, match=message):
        LagrangeGrid.from_dofs(
            coordinates, np.zeros(len(coordinates)), Lattice.uniform(BOUNDS[:2], CELLS[:2]), 1
        )


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="fit together"):
        LagrangeGrid(Lattice.uniform(BOUNDS[:2], CELLS[:2]), 1, np.zeros((4, 4)))
    with pytest.raises(ValueError, match="degree 4"):
        LagrangeGrid(Lattice.uniform(BOUNDS[:1], CELLS[:1]), 4, np.zeros(13))
