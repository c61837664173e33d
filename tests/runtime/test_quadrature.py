"""Gauss points in boxes and on the named parts of their boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.runtime.quadrature import GaussRule, Quadrature

PARTS = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "bottom": (0, -1, 0),
    "top": (0, 1, 0),
    "front": (0, 0, -1),
    "back": (0, 0, 1),
}
LINES = (np.array([0.0, 0.3, 2.0]), np.array([-1.0, 0.5]), np.array([3.0, 3.9, 3.95, 4.0]))


def rule(dim: int, count: int = 3) -> GaussRule:
    parts = {name: normal[:dim] for name, normal in PARTS.items() if any(normal[:dim])}
    return GaussRule(Lattice(LINES[:dim]), count, parts)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_polynomials_are_integrated_exactly(dim: int) -> None:
    found = rule(dim).inside()
    exact = np.prod([(a[-1] ** 6 - a[0] ** 6) / 6 for a in LINES[:dim]])
    assert found.weights @ found.points.prod(axis=1) ** 5 == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_divergence_theorem_holds_for_the_parts(dim: int) -> None:
    """The integral of n . f over the boundary is that of div f, f = (x, y^2, z^3)."""
    powers = np.arange(1, dim + 1)
    found = rule(dim).inside()
    inside = found.weights @ (powers * found.points ** (powers - 1)).sum(axis=1)
    outside = 0.0
    for name in rule(dim).parts:
        there = rule(dim).on(name)
        outside += there.weights @ (there.normals * there.points**powers).sum(axis=1)
    assert outside == pytest.approx(inside, rel=1e-13)


def test_a_part_lies_where_its_normal_points() -> None:
    there = rule(2).on("top")
    assert np.all(there.points[:, 1] == 0.5) and np.all(there.normals == [0, 1])
    assert there.weights.sum() == pytest.approx(2.0)
    with pytest.raises(KeyError):
        rule(2).on("back")


def test_blocks_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nhpinn_sym.runtime.quadrature._BLOCK", 30)
    parts = list(rule(3).blocks())
    assert len(parts) > 3 and max(len(part.weights) for part in parts) <= 30
    whole = rule(3).inside()
    order = np.lexsort(np.concatenate([part.points for part in parts]).T[::-1])
    points = np.concatenate([part.points for part in parts])[order]
    np.testing.assert_array_equal(points, whole.points)
    weights = np.concatenate([part.weights for part in parts])[order]
    np.testing.assert_allclose(weights, whole.weights, rtol=1e-14)


def test_norms_are_those_of_complex_values_too() -> None:
    points = Quadrature(np.zeros((2, 1)), np.array([0.5, 0.5]))
    assert points.norm(np.array([3.0, 4.0j])) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(points.relative(np.ones(2), np.zeros(2)))


def test_an_oblique_normal_belongs_to_no_side() -> None:
    with pytest.raises(ValueError, match="no side"):
        Lattice(LINES[:2]).side((0.6, 0.8))
