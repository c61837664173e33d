"""The boundary of a region as a picture."""

from __future__ import annotations

import pytest

import nhpinn_sym as nh


def test_parts_are_named_where_they_are() -> None:
    square = nh.Polygon([(0, 0), (2, 0), (2, 1), (0, 1)])
    picture = (square - nh.Disk((0.5, 0.5), 0.2, name="bolt")).plot()
    (axes,) = picture.figure.axes
    places = {text.get_text(): text.xy for text in axes.texts}
    assert set(places) == {"edge0", "edge1", "edge2", "edge3", "bolt"}
    assert tuple(places["edge0"]) == pytest.approx((1, 0))
    with pytest.raises(nh.UnsupportedError):
        nh.Ball((0, 0, 0), 1).plot()
