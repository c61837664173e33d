from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ellipe

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.solve.level_set_quadrature import Partition, make_partition

from ..symbolic import derived, diffusion

HALF, QUARTER, PI = sp.Rational(1, 2), sp.Rational(1, 4), np.pi


def partition(a: Callable[[nh.Scales], Any], dim: int = 2, **options: Any) -> Partition:
    return make_partition(lower_cells(derived(diffusion(a), dim, **options)), {})


def of(*shapes: Any, dim: int = 2) -> Partition:
    return partition(lambda s: nh.phases(s, {shape: 10 + k for k, shape in enumerate(shapes)}), dim)


PLANE: dict[str, tuple[Callable[[], Partition], list[float], float]] = {
    "disk": (lambda: of(nh.Disk((0.5, 0.5), 0.3)), [PI * 0.09], PI * 0.6),
    "disk over a corner": (lambda: of(nh.Disk((0, 0.1), 0.3)), [PI * 0.09], PI * 0.6),
    "overlapping disks": (lambda: of(nh.Disk((0.4, 0.5), 0.2), nh.Disk((0.6, 0.5), 0.2)), [PI * 0.04], PI * 0.8 - 0.4 * PI / 3),
    "ellipse": (lambda: of(nh.Ellipse((0.5, 0.5), (0.3, 0.15), 0.5)), [PI * 0.045], 1.2 * ellipe(0.75)),
    "polygon": (lambda: of(nh.Polygon([(0.2, 0.2), (0.8, 0.2), (0.5, 0.5), (0.8, 0.8), (0.2, 0.8)])), [0.27], 1.8 + 0.6 * 2**0.5),
    "layer": (lambda: of(nh.Layer(0, (0.8, 1.2))), [0.4], 2),
    "laminate": (lambda: partition(lambda s: sp.Piecewise((10, s.y[0] < HALF), (1, True))), [0.5], 2),
    "diamond": (lambda: partition(lambda s: sp.Piecewise((10, abs(s.y[0] - HALF) + abs(s.y[1] - HALF) < QUARTER), (1, True))), [0.125], 2**0.5),
    "checkerboard": (lambda: partition(lambda s: 2 + sp.sign(sp.sin(2 * sp.pi * s.y[0]) * sp.sin(2 * sp.pi * s.y[1]))), [0.25] * 4, 4),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANE)
def test_areas_and_lengths(name: str) -> None:
    make, areas, length = PLANE[name]
    cut = make()
    q, found = cut.quadrature(24), cut.interfaces(40)
    assert q.weights.sum() == pytest.approx(1, abs=1e-13)
    assert [q.weights[q.labels == k].sum() for k in range(len(areas))] == pytest.approx(
        areas, abs=1e-11
    )
    assert np.array_equal(cut.labels(q.points), q.labels)
    assert found.weights.sum() == pytest.approx(length, abs=1e-9)
    assert np.linalg.norm(found.normals, axis=1) == pytest.approx(np.ones(len(found.points)))


@pytest.mark.parametrize("name", ["disk", "overlapping disks", "polygon", "laminate", "layer"])
def test_labels_beside_an_interface(name: str) -> None:
    cut = PLANE[name][0]()
    found = cut.interfaces(7)
    for sign, label in ((-1, found.minus), (1, found.plus)):
        assert np.array_equal(cut.labels(found.points + sign * 1e-7 * found.normals), label)
    assert cut.labels.folded(found.before + 1e-9) == pytest.approx(
        cut.labels.folded(found.points + 1e-9), abs=1e-12
    )


def test_divergence_theorem() -> None:
    """int over a phase of div F is the flux through its interface: points, normals and weights
    together.
    """
    cut = of(nh.Ellipse((0.45, 0.5), (0.35, 0.2), 0.7))
    q, found = cut.quadrature(24), cut.interfaces(32)
    inside, p = q.labels == 0, q.points
    divergence = q.weights[inside] @ (
        2 * p[inside, 0] * p[inside, 1] + np.cos(3 * p[inside, 1]) * 3
    )
    field = np.stack(
        [found.points[:, 0] ** 2 * found.points[:, 1], np.sin(3 * found.points[:, 1])], -1
    )
    sign = np.where(found.minus == 0, 1, -1)
    assert found.weights @ (sign * (field * found.normals).sum(1)) == pytest.approx(
        divergence, abs=1e-10
    )


@settings(max_examples=8)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 0.45))
@example(
    0.0, 0.0546875, 0.056640625
)  # a cap across the boundary that no point of the search grid hits
def test_any_disk(c1: float, c2: float, radius: float) -> None:
    q = of(nh.Disk((c1, c2), radius)).quadrature(24)
    assert q.weights[q.labels == 0].sum() == pytest.approx(PI * radius**2, abs=1e-8)


@pytest.mark.parametrize(
    ("shape", "volume", "area"),
    [
        (nh.Ball((0.5, 0.5, 0.5), 0.3), 0.036 * PI, 0.36 * PI),
        (nh.Cylinder((0.5, 0.4), 0.3, 1), 0.09 * PI, 0.6 * PI),
    ],
    ids=str,
)
def test_solid_shapes(shape: Any, volume: float, area: float) -> None:
    cut = of(shape, dim=3)
    q, found = cut.quadrature(10), cut.interfaces(10)
    assert q.weights[q.labels == 0].sum() == pytest.approx(volume, abs=1e-10)
    assert found.weights.sum() == pytest.approx(area, abs=1e-9)


def test_one_dimension_and_other_cells() -> None:
    cell = nh.Cell((-1, 2))
    cut = partition(lambda s: sp.Piecewise((3, s.y[0] < HALF), (1, True)), 1, cell=cell)
    q, found = cut.quadrature(5), cut.interfaces(1)
    assert q.weights.sum() == pytest.approx(3) and q.weights[q.labels == 0].sum() == pytest.approx(
        1.5
    )
    assert sorted(found.points[:, 0]) == pytest.approx([-1, 0.5])
    assert sorted(found.before[:, 0]) == pytest.approx([0.5, 2])


def test_without_jumps_the_trapezoid_rule() -> None:
    cut = partition(lambda s: 2 + sp.sin(2 * sp.pi * s.y[0]))
    q = cut.quadrature(16)
    assert cut.count == 1 and len(q.points) == 256 and len(cut.interfaces(4).points) == 0
    assert q.weights @ np.exp(np.sin(2 * PI * q.points[:, 0])) == pytest.approx(
        1.2660658777520084, abs=1e-14
    )  # I_0(1)
