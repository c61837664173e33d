import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nhpinn_sym.runtime.lattice import Lattice

GRADED = Lattice((np.array([0.0, 0.1, 0.5, 0.5 + 1e-7, 2.0]), np.array([-1.0, 3.0])))
EVEN = Lattice.uniform(((0.0, 2.0), (-1.0, 3.0)), (4, 1))


def test_what_a_lattice_has():
    assert GRADED.cells == EVEN.cells == (4, 1) and GRADED.bounds == EVEN.bounds
    assert GRADED.equal == (False, True) and EVEN.equal == (True, True)
    assert GRADED.count(2) == 27 and str(GRADED) == "4x1"
    assert GRADED.halved().cells == (8, 2)
    np.testing.assert_allclose(GRADED.nodes(0, 2)[:5], [0, 0.05, 0.1, 0.3, 0.5])


def test_equal_lines_make_equal_lattices():
    same = Lattice(tuple(lines.copy() for lines in GRADED.lines))
    assert same == GRADED and hash(same) == hash(GRADED) and GRADED != EVEN


@pytest.mark.parametrize("lines", [[0.0], [0.0, 0.0, 1.0], [1.0, 0.0], [0.0, np.nan]])
def test_lines_increase(lines):
    with pytest.raises(ValueError, match="along axis 0"):
        Lattice((np.array(lines),))


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=30), st.data())
def test_points_are_located_between_their_lines(gaps, data):
    lattice = Lattice((np.cumsum([-0.5, *gaps]),))
    n = len(gaps)
    cells = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=9)))
    places = np.linspace(0.01, 0.99, len(cells))
    points = lattice.lines[0][cells] + places * np.array(gaps)[cells]
    found, local, lengths = lattice.locate(0, points)
    np.testing.assert_array_equal(found, cells)
    np.testing.assert_allclose(local, places, atol=1e-9)
    np.testing.assert_allclose(np.broadcast_to(lengths, len(cells)), np.array(gaps)[cells])
    period = float(np.sum(gaps))
    shifted, _, _ = lattice.locate(0, points + 3 * period, periodic=True)
    np.testing.assert_array_equal(shifted, cells)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_nodes_are_found_again_in_thin_cells(degree):
    nodes = GRADED.nodes(0, degree)
    found = GRADED.numbers(0, nodes + 1e-13, degree)
    np.testing.assert_array_equal(found, np.arange(len(nodes)))
    with pytest.raises(ValueError, match="not at a node"):
        GRADED.numbers(0, np.array([0.5 + 3e-8]), 1)


def test_fitted_lattices_have_lines_at_the_breaks():
    lattice = Lattice.fitted(((0.0, 1.0), (0.0, 1.0)), (10, 10), ((0.4137, 0.4147), (0.5,)))
    assert lattice.equal == (False, True) and lattice.cells == (11, 10)
    assert {0.4137, 0.4147} <= set(lattice.lines[0])
    assert Lattice.fitted(((0.0, 1.0),), (3,)) == Lattice.uniform(((0.0, 1.0),), (3,))
