from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import ProblemError

UNIT = st.floats(0, 1)


def values(a: sp.Expr, s: nh.Scales, points: np.ndarray) -> np.ndarray:
    """The coefficient at points of the cell."""
    call = sp.lambdify([v.symbol for v in s.y], s.plain(a), "numpy")
    return np.broadcast_to(np.asarray(call(*points.T), dtype=float), len(points))


def grid(dim: int, n: int) -> np.ndarray:
    lines = [(np.arange(n) + 0.5) / n] * dim
    return np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], -1)


@pytest.mark.parametrize(("shape", "area"), [
    (nh.Disk((0.5, 0.5), 0.3), np.pi * 0.09), (nh.Disk((0, 0.1), 0.3), np.pi * 0.09), (nh.Disk((7.3, -2.2), 0.5), np.pi / 4),
    (nh.Ellipse((0.5, 0.5), (0.4, 0.2), sp.pi / 6), np.pi * 0.08), (nh.Ellipse((0.9, 0.5), (0.4, 0.1), 1.2), np.pi * 0.04),
    (nh.Polygon([(0.2, 0.2), (0.8, 0.2), (0.5, 0.5), (0.8, 0.8), (0.2, 0.8)]), 0.27), (nh.Polygon([(0.8, 0.8), (1.2, 0.8), (1, 1.2)]), 0.08),
    (nh.Layer(0, (0.2, 0.5)), 0.3), (nh.Layer(1, (-0.1, 0.1)), 0.2)], ids=str)  # fmt: skip
def test_share_of_plane_shapes(shape: Any, area: float) -> None:
    s = nh.Scales(2)
    found = values(nh.phases(s, {shape: 1}, default=0), s, grid(2, 400)).mean()
    assert found == pytest.approx(area, abs=2e-3)


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        (nh.Ball((0.1, 0.5, 0), 0.3), 4 / 3 * np.pi * 0.027),
        (nh.Cylinder((0.5, 0.9), 0.25, 1), np.pi / 16),
        (nh.Layer(2, (0.25, 0.75)), 0.5),
    ],
    ids=str,
)
def test_share_of_solid_shapes(shape: Any, volume: float) -> None:
    s = nh.Scales(3)
    assert values(nh.phases(s, {shape: 1}, default=0), s, grid(3, 60)).mean() == pytest.approx(
        volume, abs=5e-3
    )


@settings(max_examples=40)
@given(UNIT, UNIT, st.floats(0.05, 0.49), UNIT, UNIT)
def test_a_disk_holds_what_is_near_in_the_torus(
    c1: float, c2: float, radius: float, y1: float, y2: float
) -> None:
    s = nh.Scales(2)
    distance = np.hypot(*((np.array([y1 - c1, y2 - c2]) + 0.5) % 1 - 0.5))
    if abs(distance - radius) > 1e-6 and max(y1, y2) < 1:
        assert values(
            nh.phases(s, {nh.Disk((c1, c2), radius): 1}, default=0), s, np.array([[y1, y2]])
        )[0] == (distance < radius)


def test_the_first_shape_wins_and_values_may_vary() -> None:
    s = nh.Scales(2)
    a = nh.phases(s, {nh.Disk((0.4, 0.5), 0.2): 5, nh.Disk((0.6, 0.5), 0.2): 2 + s.y[1]}, default=1)
    assert values(a, s, np.array([[0.5, 0.5], [0.75, 0.5], [0.1, 0.1]])) == pytest.approx(
        [5, 2.5, 1]
    )


def test_another_cell() -> None:
    s, cell = nh.Scales(2), nh.Cell((0, 2 * sp.pi), (-1, 1))
    a = nh.phases(s, {nh.Disk((0, 0.9), 0.5): 1}, default=0, cell=cell)
    assert values(
        a, s, np.array([[6.0, -0.95], [0.2, 0.9], [3.0, 0.9], [0.2, 0.2]])
    ) == pytest.approx([1, 1, 0, 0])


def test_every_backend_takes_it() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Layer(0, (0.75, 1.25)): 10})
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    assert np.diag(nh.solve_cells(model, "skfem").effective["A"]) == pytest.approx(
        [1 / 0.55, 5.5], rel=1e-6
    )
    assert set(dict(nh.emit(model, "dolfinx").files)) == {"cell_forms.py", "main_cells.py"}
    assert "cases" in nh.emit(model, "latex")["derivation.tex"]


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_finite_elements_of_a_disk(backend: str) -> None:
    """Meshes that do not fit: their own estimate covers the error. Rayleigh's series gives
    1.602941912.
    """
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10})
    cells = nh.solve_cells(
        nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)),
        backend,
        tolerance=2e-2,
    )
    assert (
        np.abs(cells.effective["A"] - 1.602941912 * np.eye(2)).max() < cells.info["estimate"] < 0.04
    )


def test_joined_shapes_are_those_of_all_images() -> None:
    """What is taken away may come in from the other side of the cell."""
    s = nh.Scales(2)
    shape = nh.Disk((0.05, 0.5), 0.1) - nh.Disk((0.98, 0.5), 0.05)
    a = nh.phases(s, {shape | nh.Disk((0.5, 0.5), 0.1): 10, nh.Layer(1, (0, 0.2)): 3}, default=1)
    values = {(0.0, 0.5): 1, (0.09, 0.5): 10, (0.5, 0.5): 10, (0.5, 0.1): 3, (0.96, 0.5): 1}
    values |= {(0.02, 0.58): 10, (0.97, 0.54): 1, (0.3, 0.5): 1}
    for place, value in values.items():
        assert a.subs(dict(zip(s.y, place, strict=True))) == value
    both = nh.phases(s, {nh.Layer(0, (0, 0.5)) & nh.Layer(1, (0.5, 1)): 7})
    assert both.subs(dict(zip(s.y, (0.25, 0.75), strict=True))) == 7
    assert both.subs(dict(zip(s.y, (0.25, 0.25), strict=True))) == 1
    with pytest.raises(ProblemError, match="is joined by - with a shape"):
        shape - 3


BAD: dict[str, tuple[Callable[[nh.Scales], Any], str]] = {
    "radius": (lambda s: nh.Disk((0.5, 0.5), 0), "radius"),
    "negative radius": (lambda s: nh.Ball((0.5, 0.5, 0.5), -1), "radius"),
    "center": (lambda s: nh.Disk((0.5, 0.5, 0.5), 0.2), "2 numbers"),
    "complex": (lambda s: nh.Ellipse((0.5, sp.I), (0.1, 0.1)), "real"),
    "string": (lambda s: nh.Disk("middle", 0.2), "2 numbers"),
    "few vertices": (lambda s: nh.Polygon([(0, 0), (1, 1)]), "three vertices"),
    "crossing": (lambda s: nh.Polygon([(0, 0), (0.5, 0.5), (0.5, 0), (0, 0.3)]), "intersects itself"),
    "bow tie": (lambda s: nh.Polygon([(0, 0), (0.5, 0.5), (0.5, 0), (0, 0.5)]), "intersects itself"),
    "spike": (lambda s: nh.Polygon([(0, 0), (0.5, 0), (0.5, 0.5), (0.5, 0.2), (0, 0.2)]), "intersects itself"),
    "flat": (lambda s: nh.Polygon([(0, 0), (0.2, 0.2), (0.4, 0.4)]), "without area"),
    "layer": (lambda s: nh.Layer(0, (0.5, 0.2)), "lower end first"),
    "axis": (lambda s: nh.Cylinder((0.5, 0.5), 0.1, 3), "axis"),
    "large": (lambda s: nh.phases(s, {nh.Disk((0.5, 0.5), 0.6): 2}), "larger than the cell"),
    "dimension": (lambda s: nh.phases(s, {nh.Ball((0.5, 0.5, 0.5), 0.2): 2}), "2 dimensions"),
    "layer axis": (lambda s: nh.phases(s, {nh.Layer(2, (0.2, 0.4)): 2}), "2 dimensions"),
    "empty": (lambda s: nh.phases(s, {}), "at least one"),
    "no shape": (lambda s: nh.phases(s, {"disk": 2}), "Shape"),
    "no value": (lambda s: nh.phases(s, {nh.Disk((0.5, 0.5), 0.2): "ten"}), "value"),
    "matrix": (lambda s: nh.phases(s, {nh.Disk((0.5, 0.5), 0.2): sp.eye(2)}), "value"),
    "cell": (lambda s: nh.phases(s, {nh.Disk((0.5, 0.5), 0.2): 2}, cell=nh.Cell((0, 1))), "dimension"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    make, words = BAD[name]
    with pytest.raises(ProblemError, match=words):
        make(nh.Scales(2))


def test_what_is_shown_of_a_shape_makes_it_again() -> None:
    for shape in (nh.Box((0, 1), (0, sp.pi), name="a"), nh.Cell((0, 1), (0, 2))):
        assert eval(repr(shape), {"Box": nh.Box, "Cell": nh.Cell, "pi": sp.pi}) == shape
    ring = nh.Disk((0, 0), 2) - nh.Disk((0, 0), 1)
    assert eval(repr(ring), {"Disk": nh.Disk}) == ring
