"""What rows leave open, of operators whose null space is known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from nhpinn_sym.lower.forms import MultiIndex
from nhpinn_sym.solve.pinn.collocation import Rows, operator_weights
from nhpinn_sym.solve.pinn.equations.null_space import NullSpace, find_null_space
from nhpinn_sym.solve.pinn.network import TrialSpace

BOUNDS = [(0.0, 1.0), (1.0, 4.0)]
INDICES: tuple[MultiIndex, ...] = ((0, 0), (1, 0), (0, 1))
AXES = tuple(("scaled", a, b) for a, b in BOUNDS)
Table = Mapping[tuple[int, int], Mapping[MultiIndex, float]]
STRAIN: Table = {(0, 0): {(1, 0): 1.0}, (1, 1): {(0, 1): 1.0}}
SHEAR: Table = {(0, 0): {(0, 1): 1.0}, (0, 1): {(1, 0): 1.0}}
VALUES: Table = {(0, 0): {(0, 0): 1.0}, (1, 1): {(0, 0): 1.0}}


class Space(TrialSpace):
    indices = INDICES  # type: ignore[assignment]


def null_space(*tables: Table) -> NullSpace:
    """Of rows with these operators at random points, components in units of 2 and 3."""
    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor(BOUNDS, dtype=torch.float64).T
    points = low + (high - low) * torch.rand(40, 2, generator=generator, dtype=torch.float64)
    scales = torch.tensor([2.0, 3.0], dtype=torch.float64)
    blocks = [operator_weights(points, table, 2, INDICES) * scales[:, None] for table in tables]
    weights = torch.cat(blocks)
    nothing = weights.new_zeros(len(weights), 2, 0)
    rows = Rows(points.repeat(len(tables), 1), weights, nothing, nothing, weights.new_ones(0))
    return find_null_space(rows, Space("", None, AXES), BOUNDS, (0, 1), scales)


@pytest.mark.parametrize(
    ("tables", "constants", "rotations"),
    [((STRAIN, SHEAR), 2, 1), ((STRAIN, SHEAR, VALUES), 0, 0), ((SHEAR,), 2, 3)],
)
def test_rigid_motions_are_counted(
    tables: tuple[Table, ...], constants: int, rotations: int
) -> None:
    """Of a strain: both translations and one rotation. Of the shear alone also two stretchings."""
    found = null_space(*tables)
    assert (found.count, found.turns) == (constants, rotations)


def test_a_rotation_is_one_and_the_gauge_pins_all_motions() -> None:
    found = null_space(STRAIN, SHEAR)
    points = torch.tensor([[0.2, 1.5], [0.7, 3.0]], dtype=torch.float64)
    u, v = (part(points, INDICES) for part in found.family())
    assert torch.allclose(u[0, 1], -v[1, 0]) and u[0, 1].abs().min() > 1e-3
    assert u[1, 0].abs().max() < 1e-12 and v[0, 1].abs().max() < 1e-12
    assert torch.allclose(u[0, 0][1] - u[0, 0][0], 1.5 * u[0, 1][0])

    corners, components = found.gauge()
    rotation = torch.stack([part(corners, [(0, 0)])[0, 0][:, 0] for part in found.family()], 1)
    translations = torch.eye(2, dtype=torch.float64).expand(3, 2, 2)
    motions = torch.cat([translations, rotation[..., None]], -1)
    pinned = torch.stack([motions[k, j] for k, j in enumerate(components)])
    assert torch.linalg.matrix_rank(pinned) == 3


def test_motions_are_taken_off_by_quadrature() -> None:
    found = null_space(STRAIN, SHEAR)
    generator = torch.Generator().manual_seed(1)
    points = 1 + torch.rand(50, 2, generator=generator, dtype=torch.float64)
    weights = torch.rand(50, generator=generator, dtype=torch.float64)
    shift = torch.tensor([0.3, -0.7], dtype=torch.float64)
    rotation = torch.cat([part(points, [(0, 0)])[0, 0] for part in found.family()], 1)
    constant, turned = found.components(points, weights, shift + 0.4 * rotation)
    assert torch.allclose(constant, shift) and torch.allclose(turned, turned.new_tensor([[0.4]]))
