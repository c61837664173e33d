"""Constants, rotations, and what a matrix does not see of them."""

import numpy as np
import pytest

from nhpinn_sym.runtime.rigid_modes import motions, null_combinations, pivots

BOX = ((0.0, 2.0), (-1.0, 3.0), (0.0, 1.0))


def alone(item):
    return [item]


@pytest.mark.parametrize(
    ("dim", "components", "count"),
    [(1, 1, 1), (1, 3, 3), (2, 1, 1), (2, 2, 3), (2, 3, 3), (3, 3, 6), (3, 4, 4)],
)
def test_rigid_motions_have_no_strain(dim, components, count):
    """Differences of the displacement are orthogonal to those of the points."""
    low, high = np.array(BOX[:dim]).T
    points = low + (high - low) * np.random.default_rng(0).random((40, dim))
    found = motions(points, BOX[:dim], components)
    assert (
        found.shape == (40 * components, count)
        and np.linalg.matrix_rank(found) == count
        and np.abs(found).max() <= 1
    )
    if components == dim:
        shifts = found.reshape(40, dim, count)[1:] - found.reshape(40, dim, count)[:-1]
        np.testing.assert_allclose(
            np.einsum("nd,ndk->nk", np.diff(points, axis=0), shifts), 0, atol=1e-12
        )


def test_combinations_that_vanish():
    candidates = np.random.default_rng(1).random((50, 4))
    kernel = np.array([[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 1.0, 0.0]]).T
    images = candidates @ (np.eye(4) - kernel @ np.linalg.pinv(kernel))
    found = null_combinations(images, 1.0, alone)
    assert found.shape == (4, 2) and np.linalg.matrix_rank(np.hstack([found, kernel])) == 2
    assert null_combinations(candidates, 1.0, alone).shape == (4, 0)
    assert null_combinations(0 * candidates, 1.0, alone).shape == (4, 4)


def test_one_constant_is_left_as_it_is():
    np.testing.assert_array_equal(null_combinations(np.zeros((9, 1)), 1.0, alone), [[1.0]])


def test_the_parts_of_several_ranks_are_put_together():
    """The gathered triangles of both halves have the singular values of the whole; one rank may own
    nothing.
    """
    candidates = np.random.default_rng(1).random((50, 2)) @ np.array([[1.0, 2.0], [2.0, 4.0]])
    halves = [candidates[:20], candidates[20:], candidates[:0]]
    triangles = [np.linalg.qr(half, mode="r") for half in halves]
    answers = iter([triangles, [np.zeros(2)] * 3])
    found = null_combinations(halves[0], 1.0, lambda item: next(answers))
    assert np.abs(candidates @ found).min(axis=1).max() < 1e-12


def test_no_combination_vanishes_at_the_pivots():
    points = np.stack(
        [
            g.ravel()
            for g in np.meshgrid(np.linspace(0, 2, 5), np.linspace(-1, 3, 7), indexing="ij")
        ],
        axis=1,
    )
    kernel = motions(points, BOX[:2], 2)
    places = pivots(kernel, 100, alone)
    assert len(set(places)) == 3 and abs(np.linalg.det(kernel[np.array(places) - 100])) > 0.3
    assert pivots(np.ones((7, 1)), 0, alone) == [0]
