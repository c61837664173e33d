"""Random media: inclusions that do not overlap, on any face, with the share that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S2 = nh.Scales(2)
S3 = nh.Scales(3)


def least_distance(medium: nh.RandomMedium, lengths: Any) -> float:
    gaps = np.abs(medium.centres[:, None] - medium.centres[None])
    gaps = np.minimum(gaps, np.asarray(lengths) - gaps)
    distances = np.sqrt((gaps**2).sum(axis=-1))
    return float(distances[~np.eye(len(distances), dtype=bool)].min())


@pytest.mark.parametrize(
    ("scales", "axis", "fraction"), [(S2, None, 0.4), (S3, None, 0.25), (S3, 1, 0.4)]
)
def test_inclusions_do_not_overlap_and_fill_their_share(
    scales: nh.Scales, axis: int | None, fraction: float
) -> None:
    medium = nh.rve(scales, fraction, 12, seed=3, gap=0.1, axis=axis)
    across = medium.centres.shape[1]
    assert least_distance(medium, [1] * across) >= 2.1 * medium.radius * (1 - 1e-12)
    labels = medium.labels(96)
    assert labels.mean() == pytest.approx(fraction, abs=0.01)
    assert (nh.rve(scales, fraction, 12, seed=3, gap=0.1, axis=axis).labels(96) == labels).all()
    assert (nh.rve(scales, fraction, 12, seed=4, gap=0.1, axis=axis).labels(96) != labels).any()


def test_shapes_are_the_labels() -> None:
    cell = nh.Cell((-1, 1), (0, 1))
    medium = nh.rve(S2, 0.3, 5, seed=2, cell=cell)
    a = nh.phases(S2, dict.fromkeys(medium.shapes, 7), default=1, cell=cell)
    y = sp.symbols("y1 y2", real=True)
    value = sp.lambdify(y, a.xreplace(dict(zip(S2.y, y, strict=True))), "numpy")
    labels = medium.labels(20)
    assert labels.shape == (20, 10)
    i, j = np.indices(labels.shape)
    assert (value(-1 + (i + 0.5) / 10, (j + 0.5) / 10) == 1 + 6 * labels).all()


def test_fibres_run_along_their_axis() -> None:
    labels = nh.rve(S3, 0.3, 4, axis=0).labels(24)
    assert (labels == labels[:1]).all()
    assert not (labels == labels[:, :1]).all()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nh.rve(S2, 0.8, 30), "no free place"),
        (lambda: nh.rve(S2, 0.9, 1), "own image"),
        (lambda: nh.rve(S2, 1.2, 3), "fill more"),
        (lambda: nh.rve(S2, -0.1, 3), "fraction"),
        (lambda: nh.rve(S2, 0.3, 0), "count"),
        (lambda: nh.rve(S2, 0.3, 3, axis=0), "fibres run along"),
        (lambda: nh.rve(nh.Scales(1), 0.3, 3), "one dimension"),
        (lambda: nh.rve(S3, 0.1, 3, cell=nh.Cell((0, 1))), "dimension"),
    ],
)
def test_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(nh.ProblemError, match=text):
        make()
