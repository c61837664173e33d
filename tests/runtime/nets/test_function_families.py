"""Known functions: their derivatives, the equations they solve, and where they vanish."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from nhpinn_sym.runtime.nets.corners import Edge, characteristics, singular_functions, singularities
from nhpinn_sym.runtime.nets.function_families import (
    JetsOfFamily,
    modulate,
    products_of,
    stack_functions,
    start_functions,
    vanish_on_parts,
    wall_polynomials,
)

GIVEN = Edge(np.zeros(1, int), np.eye(1), np.zeros((1, 1)))
FLUX = Edge(np.ones(1, int), np.eye(1), np.zeros((1, 1)))
NORMALS = [(-1, 0), (1, 0), (0, -1), (0, 1)]
BOUNDS = ((0.0, 1.0), (0.0, 2.0))
INDICES = [(a, b) for a in range(3) for b in range(3)]


def points(count: int = 40) -> torch.Tensor:
    return 0.1 + 0.8 * torch.rand(
        count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ) * torch.tensor([1.0, 2.0])


def corner(skew: float, second: Edge = GIVEN) -> JetsOfFamily:
    """At the upper left corner of the box."""
    of = characteristics(np.array([[[2.0]], [[-2 * skew]], [[1.0]]]))
    assert of is not None
    (part,) = singular_functions(
        of, singularities(of, (GIVEN, second), [False]), (0, 1), (0.0, 2.0), (1, -1), [[]]
    )
    return part


START = start_functions(0, 1.0, -1, 0.7, [(2, 0), (0, 2), (1, 1), (4, 0)])
FAMILIES = {
    "corner": corner(0.3),
    "start": START,
    "vanishing": vanish_on_parts(corner(0.3), NORMALS, BOUNDS),
    "modulated": modulate(corner(0.3), 1, (0.0, 2.0), wall_polynomials(3, [-1.0], False)),
    "waves": modulate(corner(0.3), 1, (0.0, 2.0), wall_polynomials(4, [], True)),
    "product": products_of(START, corner(0.3)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_derivatives_by_differences(name: str) -> None:
    family, p, h = FAMILIES[name], points(), 1e-5
    for index in INDICES:
        axis = next((i for i, order in enumerate(index) if order), None)
        if axis is None:
            continue
        lower = (*index[:axis], index[axis] - 1, *index[axis + 1 :])
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = h
        difference = (family(p + step, [lower])[lower] - family(p - step, [lower])[lower]) / (2 * h)
        exact = family(p, [index])[index]
        assert (exact - difference).abs().max() < 1e-6 * (1 + exact.abs().max())


def test_a_function_whose_flux_has_no_limit_still_vanishes_on_the_part() -> None:
    """r log r between a given value and a given flux: less its values on one side its flux on the
    other is the same everywhere.

    At the corner itself it has no limit, and is finite. Which of the two parts, real or imaginary,
    has the flux depends on the phase of a null vector, which is free.
    """
    family = vanish_on_parts(corner(0.0, FLUX), [(0, 1)], BOUNDS)
    side, top = points(), points()
    side[:, 0], top[:, 1] = 0.0, 2.0
    side[0, 1] = 2.0  # the corner itself
    assert family(top, [(0, 0)])[0, 0].abs().max() < 1e-14
    slopes = family(side, [(1, 0)])[1, 0]
    parts = slopes[:, [0, slopes.shape[1] // 2]]
    assert slopes.isfinite().all()
    assert (parts[1:] - parts[1]).abs().max() < 1e-10
    assert parts[1].abs().max() > 1


def test_start_functions_solve_the_heat_equation() -> None:
    family = start_functions(0, 0.0, 1, 0.7, [(0, 0), (2, 0), (5, 0)])
    d = family(points(), INDICES)
    assert torch.allclose(d[0, 1], 0.7 * d[2, 0], atol=1e-13)
    start = torch.tensor([[0.3, 0.0], [0.0, 0.5]], dtype=torch.float64)
    values = family(start, [(0, 0)])[0, 0]
    assert values[0].abs().max() == 0
    assert values[1, :2].tolist() == pytest.approx(
        [1.0, 0.7 * 0.5]
    )  # erfc(0), and 4 D t i^2 erfc(0) = D t
    assert float(family(points(), [(0, 0)])[0, 0][0, 0]) == pytest.approx(
        math.erfc(float(points()[0, 0]) / math.sqrt(2.8 * float(points()[0, 1])))
    )


def test_vanishing_on_all_parts() -> None:
    for axis, end in product((0, 1), repeat=2):
        there = points()
        there[:, axis] = BOUNDS[axis][end]
        assert FAMILIES["vanishing"](there, [(0, 0)])[0, 0].abs().max() < 1e-12


def test_stacked() -> None:
    width = FAMILIES["corner"](points(), [(1, 0)])[1, 0].shape[1]
    assert stack_functions([FAMILIES["start"], FAMILIES["corner"]])(points(), [(1, 0)])[
        1, 0
    ].shape == (
        40,
        4 + width,
    )
    assert stack_functions([])(points(), [(0, 0)])[0, 0].shape == (40, 0)


def test_shapes_vanish_at_their_roots_or_are_periodic() -> None:
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    assert all(
        float(shape(ends, 0).abs().max()) < 1e-15
        for shape in wall_polynomials(5, [-1.0, 1.0], False)
    )
    assert (
        len(wall_polynomials(5, [-1.0, 1.0], False)) == 4
        and len(wall_polynomials(8, [], True)) == 9
    )
    for shape in wall_polynomials(8, [], True):
        for order in range(3):
            low, high = shape(ends, order).tolist()
            assert low == pytest.approx(high, abs=1e-9)
