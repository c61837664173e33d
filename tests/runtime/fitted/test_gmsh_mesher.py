"""Meshes of gmsh: every one is checked by itself, for it tiles its cell; volumes are known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from nhpinn_sym.runtime.arrays import Array, Integers
from nhpinn_sym.runtime.fitted.gmsh_mesher import meshes
from nhpinn_sym.runtime.fitted.kernel_shapes import MeshingFailed
from nhpinn_sym.runtime.fitted.quadrics import (
    BooleanRegion,
    Quadric,
    UnknownQuadric,
    classified,
)

FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
MIDDLE = (0.5, 0.5, 0.5)


def ellipsoid(center: Sequence[float], radii: Sequence[float]) -> Quadric:
    middle = np.array(center)
    matrix = np.diag(1.0 / np.array(radii) ** 2)
    return Quadric(matrix, -2 * matrix @ middle, float(middle @ matrix @ middle - 1))


def half(normal: Sequence[float], offset: float) -> Quadric:
    return Quadric(np.zeros((len(normal),) * 2), np.array(normal), -offset)


def images(center: Sequence[float], radius: float, vectors: Array) -> BooleanRegion:
    dim = len(vectors)
    shifts = np.array(list(itertools.product((0, 1), repeat=dim))) @ vectors
    balls = [ellipsoid((center + shift).tolist(), (radius,) * dim) for shift in shifts]
    return BooleanRegion("or", tuple(balls))


def without(one: Quadric, other: Quadric) -> BooleanRegion:
    return BooleanRegion("and", (one, BooleanRegion("not", (other,))))


def holds(region: Quadric | BooleanRegion, points: Array) -> Array:
    if isinstance(region, Quadric):
        bent = np.einsum("ni,ij,nj->n", points, region.matrix, points)
        return np.asarray(bent + points @ region.slope + region.constant < 0)
    parts = [holds(part, points) for part in region.parts]
    return np.asarray(
        {"and": np.all, "or": np.any, "not": lambda p, axis: ~p[0]}[region.kind](parts, axis=0)
    )


@pytest.mark.parametrize(
    ("region", "vectors", "volume"),
    [
        (images((0, 0), 0.3, np.eye(2)), np.eye(2), 0.09 * np.pi),
        (ellipsoid((0.5, 0.5), (0.4, 0.2)), np.eye(2), 0.08 * np.pi),
        (without(ellipsoid((0.5, 0.5), (0.4, 0.4)), half((1, 1), 0.9)), np.eye(2), None),
        (images((0, 0, 0), 0.3, np.eye(3)), np.eye(3), 0.036 * np.pi),
        (images((0.1, 0.4, 0.55), 0.3, np.diag([1, 5, 5])), np.eye(3), 0.036 * np.pi),
        (images((0, 0, 0), 0.2, FCC), FCC, 0.032 / 3 * np.pi),
        (ellipsoid(MIDDLE, (0.4, 0.2, 0.3)), np.eye(3), 0.032 * np.pi),
        (ellipsoid(MIDDLE, (0.3, np.inf, 0.3)), np.eye(3), 0.09 * np.pi),
        (ellipsoid(MIDDLE, (np.inf, 0.2, 0.4)), np.eye(3), 0.08 * np.pi),
        (ellipsoid(MIDDLE, (np.inf, np.inf, 0.2)), np.eye(3), 0.4),
        (
            without(ellipsoid(MIDDLE, (0.4,) * 3), ellipsoid(MIDDLE, (0.3,) * 3)),
            np.eye(3),
            4 / 3 * np.pi * (0.064 - 0.027),
        ),
    ],
)
def test_volumes(region: Quadric | BooleanRegion, vectors: Array, volume: float | None) -> None:
    def label(points: Array) -> Integers:
        shares = points @ np.linalg.inv(vectors)
        return holds(region, (shares - np.floor(shares)) @ vectors).astype(int)

    mesh = next(meshes([region], label, vectors, np.zeros(len(vectors)), 4))
    assert mesh.quality > 2
    if volume is not None:
        found = mesh.volumes[mesh.phases == 1].sum()
        assert found == pytest.approx(volume, rel=3e-3)
    # As another basis of coordinates has it: the same shape.
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=vectors.shape))[0]
    points = np.random.default_rng(1).random((50, len(vectors)))
    moved = region.moved_to(turned)
    assert np.array_equal(holds(moved, points @ turned.T), holds(region, points))


def test_balls_that_touch_are_refused() -> None:
    balls = [ellipsoid((x, 0.5, 0.5), (0.25,) * 3) for x in (0.25, 0.75)]
    region = BooleanRegion("or", tuple(balls))
    label = lambda points: holds(region, points % 1.0).astype(int)  # noqa: E731
    with pytest.raises(MeshingFailed):
        next(meshes([region], label, np.eye(3), np.zeros(3), 4))


@pytest.mark.parametrize(
    ("diagonal", "slope"),
    [((1, -1, 0), (0, 0, 0)), ((1, 1, 0), (0, 0, 1)), ((-1, 0, 0), (0, 0, 0))],
)
def test_surfaces_that_are_not_known(diagonal: Sequence[float], slope: Sequence[float]) -> None:
    with pytest.raises(UnknownQuadric):
        classified(Quadric(np.diag(np.array(diagonal, float)), np.array(slope, float), 1.0))


def test_quadrics_that_are_everything_or_nothing() -> None:
    whole = Quadric(np.eye(2), np.zeros(2), 1.0)
    assert classified(whole) is False
    assert classified(Quadric(-whole.matrix, whole.slope, -1.0)) is True
