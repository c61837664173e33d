"""Known functions: their derivatives, the equations they solve, and where they vanish."""

from __future__ import annotations

import math

import pytest
import torch
from numpy.polynomial import Polynomial

from nhpinn_sym.solve.pinn.singular import Functions, corner_functions, corner_slopes, modulated, stacked, start_functions, vanishing

TENSOR = torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64)
FACES = [(axis, end) for axis in (0, 1) for end in (0, 1)]
BOUNDS = [(0.0, 1.0), (0.0, 2.0)]
INDICES = [(a, b) for a in range(3) for b in range(3)]


def points(count: int = 40) -> torch.Tensor:
    return 0.1 + 0.8 * torch.rand(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.tensor([1.0, 2.0])


def skew_corner() -> Functions:
    return corner_functions(corner_slopes(TENSOR, [(0, 0), (1, 1)]), (0.0, 2.0))


FAMILIES = {
    "right corner": corner_functions(corner_slopes(torch.eye(2), [(1, 0), (0, 1)]), (1.0, 0.0), first=0),
    "skew corner": skew_corner(),
    "start": start_functions(0, 1.0, -1, 0.7, [(2, 0), (0, 2), (1, 1), (4, 0)]),
    "vanishing": vanishing(skew_corner(), FACES, BOUNDS),
    "modulated": modulated(skew_corner(), 1, (0.0, 2.0), [Polynomial([1.0]), Polynomial([0.5, 0, -2.0, 1.0])]),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_derivatives_by_differences(name: str) -> None:
    family, p, h = FAMILIES[name], points(), 1e-5
    for index in INDICES:
        axis = next((i for i, order in enumerate(index) if order), None)
        if axis is None:
            continue
        lower = (*index[:axis], index[axis] - 1, *index[axis + 1:])
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = h
        difference = (family(p + step, [lower])[lower] - family(p - step, [lower])[lower]) / (2 * h)
        exact = family(p, [index])[index]
        assert (exact - difference).abs().max() < 1e-6 * (1 + exact.abs().max())


def test_corner_functions_solve_the_equation_and_vanish_on_both_faces() -> None:
    d = skew_corner()(points(), INDICES)
    divergence = TENSOR[0, 0] * d[2, 0] + 2 * TENSOR[0, 1] * d[1, 1] + TENSOR[1, 1] * d[0, 2]
    assert divergence.abs().max() < 1e-11 * d[2, 0].abs().max()
    left, top = points(), points()
    left[:, 0], top[:, 1] = 0.0, 2.0
    assert skew_corner()(torch.cat([left, top]), [(0, 0)])[0, 0].abs().max() < 1e-12


def test_the_logarithm_of_a_right_corner() -> None:
    """Im z^2 log z = 2 xi eta log r + (xi^2 - eta^2) theta, up to sign and orientation."""
    family = corner_functions(corner_slopes(torch.eye(2), [(0, 0), (1, 0)]), (0.0, 0.0))
    x, y = points().T
    r, theta = torch.hypot(x, y), torch.atan2(y, x)
    expected = 2 * x * y * torch.log(r) + (x**2 - y**2) * theta
    assert torch.allclose(family(points(), [(0, 0)])[0, 0][:, 0], expected, atol=1e-14)
    corner = family(torch.zeros(1, 2, dtype=torch.float64), [(0, 0), (1, 0), (0, 2)])
    assert all(value.isfinite().all() for value in corner.values())


def test_start_functions_solve_the_heat_equation() -> None:
    family = start_functions(0, 0.0, 1, 0.7, [(0, 0), (2, 0), (5, 0)])
    d = family(points(), INDICES)
    assert torch.allclose(d[0, 1], 0.7 * d[2, 0], atol=1e-13)
    start = torch.tensor([[0.3, 0.0], [0.0, 0.5]], dtype=torch.float64)
    values = family(start, [(0, 0)])[0, 0]
    assert values[0].abs().max() == 0
    assert values[1, :2].tolist() == pytest.approx([1.0, 0.7 * 0.5])  # erfc(0), and 4 D t i^2 erfc(0) = D t
    assert float(family(points(), [(0, 0)])[0, 0][0, 0]) == pytest.approx(math.erfc(float(points()[0, 0]) / math.sqrt(2.8 * float(points()[0, 1]))))


def test_vanishing_on_all_faces() -> None:
    for axis, end in FACES:
        face = points()
        face[:, axis] = BOUNDS[axis][end]
        assert FAMILIES["vanishing"](face, [(0, 0)])[0, 0].abs().max() < 1e-12


def test_stacked() -> None:
    assert stacked([FAMILIES["start"], FAMILIES["skew corner"]])(points(), [(1, 0)])[1, 0].shape == (40, 7)
    assert stacked([])(points(), [(0, 0)])[0, 0].shape == (40, 0)
