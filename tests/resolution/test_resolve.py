"""Nothing that stands in the symbols is missed: bumps, layers, jumps, harmonics, wherever they
are."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.resolution import Resolution, resolve

X, Y, Z = sp.symbols("x y z", real=True)
UNIT = (0.0, 1.0)
LINE = [(X, UNIT, True)]
PLANE = [*LINE, (Y, UNIT, True)]


def S(t: sp.Expr) -> sp.Expr:
    return sp.sin(2 * sp.pi * t)


def C(t: sp.Expr) -> sp.Expr:
    return sp.cos(2 * sp.pi * t)


def line(expr: sp.Expr, periodic: bool = True) -> Resolution:
    return resolve([expr], [(X, UNIT, periodic)])


def panel_at(lines: tuple[float, ...], place: float) -> float:
    k = int(np.searchsorted(lines, place)) - 1
    return lines[k + 1] - lines[k]


@settings(max_examples=25)
@given(st.floats(0.02, 0.98), st.floats(-4, -1.5), st.floats(-0.9, 4))
def test_a_bump_is_found_wherever_it_is(place: float, width: float, height: float) -> None:
    w = 10**width
    found = line(1 + height * sp.exp(-(((X - place) / w) ** 2)))
    assert found.unresolved is None
    if abs(height) > 0.25:  # panels are for a thousandth: lower ones are met by wider panels
        assert panel_at(found.axes[0].lines, place) < 4 * w
    assert len(found.axes[0].lines) < 80


@settings(max_examples=15)
@given(
    st.floats(0.01, 0.99), st.floats(1e-4, 0.5), st.floats(-4, 4).filter(lambda c: abs(c) > 1e-3)
)
def test_a_layer_is_found_exactly(start: float, width: float, contrast: float) -> None:
    end = start + width
    s = nh.Scales(1)
    layer = s.plain(nh.phases(s, {nh.Layer(0, (start, end)): 10.0**contrast}))
    y = s.y[0].symbol
    found = resolve([layer], [(y, UNIT, True)])
    expected = sorted({start % 1, end % 1})
    assert found.jumps
    assert found.planar
    assert all(min(abs(b - e) for b in found.breaks[0]) < 1e-14 for e in expected)
    assert set(found.breaks[0]) - {0.0} <= set(found.axes[0].lines)


@pytest.mark.parametrize(
    ("expr", "place", "width"),
    [
        (2 + sp.tanh(500.0 * S(X)), 0.5, 3e-3),
        (1 / (1 + 1000 * sp.exp(-((sp.sin(sp.pi * (X - 0.5)) / (sp.pi * 0.002)) ** 2))), 0.5, 5e-3),
        (1 + 1000 * sp.exp(-(((X - sp.Rational(1, 3)) * 1000) ** 2)), 1 / 3, 3e-3),
        (sp.exp(-(((X - 0.123) / 1e-5) ** 2)), 0.123, 3e-5),
        (1 / (1.0001 + S(X)), 0.75, 2e-2),
    ],
)
def test_sharp_features(expr: sp.Expr, place: float, width: float) -> None:
    found = line(expr)
    assert found.unresolved is None and not found.jumps
    assert panel_at(found.axes[0].lines, place + 1e-9) < width
    assert found.axes[0].feature < width
    assert 4 <= len(found.axes[0].lines) < 60


def test_harmonics_are_read_from_the_arguments() -> None:
    found = line(2 + C(135 * X))
    assert found.axes[0].harmonics == 135
    assert found.axes[0].feature == pytest.approx(1 / 270)
    assert np.allclose(np.diff(found.axes[0].lines), 1 / 270)
    assert line(1 + S(X) ** 3 * C(2 * X + 1)).axes[0].harmonics == 5
    assert line(sp.exp(S(X))).axes[0].harmonics is None
    both = resolve([2 + S(X) * sp.exp(S(Y))], PLANE)
    assert [axis.harmonics for axis in both.axes] == [1, None]
    assert resolve([2 + S(X)], PLANE).axes[1].harmonics == 0
    assert resolve([1 + sp.I * S(3 * X)], LINE).axes[0].harmonics == 3


def test_smooth_data_ask_for_few_panels() -> None:
    for expr in (2 + S(X), sp.exp(S(X)), 1 / (2 + S(X)), 1 + 0.2 * S(X) + 0.3 * C(2 * X)):
        found = line(expr)
        assert 5 <= len(found.axes[0].lines) <= 9
        assert not found.jumps and not found.breaks[0] and found.planar


@pytest.mark.parametrize(
    ("expr", "breaks", "jumps"),
    [
        (sp.Piecewise((1, X < 0.5017), (10, True)), (0, 0.5017), True),
        (sp.Abs(S(X)) + 1, (0, 0.5), False),
        (sp.Max(S(X), 0.5), (1 / 12, 5 / 12), False),
        (
            sp.Piecewise((1, sp.And(X > 0.25, sp.Or(X < 0.5, X > 0.75))), (3, True)),
            (0, 0.25, 0.5, 0.75),
            True,
        ),
        (2 + sp.Heaviside(X - 0.3) - sp.Heaviside(X - 0.7), (0.3, 0.7), True),
        (3 + sp.sign(S(X) - 0.5), (1 / 12, 5 / 12), True),
        (1 + sp.Mod(X, sp.Rational(1, 4)), (0, 0.25, 0.5, 0.75), True),
        (sp.Piecewise((1, (X - 0.5) ** 2 < 0.01), (2, True)), (0.4, 0.6), True),
        (1 + X, (0,), True),
        (1 + X * (1 - X), (0,), False),
        (sp.Piecewise((1, X - sp.floor(X + 0.3) + 0.3 < 0.5), (2, True)), (0.2, 0.7), True),
    ],
)
def test_breaks_are_exact(expr: sp.Expr, breaks: tuple[float, ...], jumps: bool) -> None:
    found = line(expr)
    assert len(found.breaks[0]) == len(breaks)
    assert np.allclose(found.breaks[0], breaks, atol=1e-14)
    assert found.jumps is jumps


def test_a_break_in_the_middle_of_a_panel_of_another_datum() -> None:
    found = resolve([2 + S(X), sp.Piecewise((1, X < 0.5017), (2, X < 0.52), (1, True))], LINE)
    assert {0.5017, 0.52} <= set(found.axes[0].lines)


def test_polygons_along_the_axes_are_planes_and_disks_are_curves() -> None:
    s = nh.Scales(2)
    axes = [(v.symbol, UNIT, True) for v in s.y]
    square = s.plain(
        nh.phases(s, {nh.Polygon([(0.2, 0.3), (0.6, 0.3), (0.6, 0.7), (0.2, 0.7)]): 10})
    )
    found = resolve([square], axes)
    assert found.planar and found.jumps
    assert np.allclose(found.breaks[0], (0.2, 0.6)) and np.allclose(found.breaks[1], (0.3, 0.7))
    disk = resolve([s.plain(nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}))], axes)
    assert not disk.planar and disk.jumps and len(disk.curved) == 1
    kink = resolve([sp.Abs(S(X + Y))], PLANE)
    assert not kink.planar and not kink.jumps
    away = resolve([sp.Piecewise((10, (X - 5) ** 2 + Y**2 < 1), (1, True))], PLANE)
    assert away.planar and not away.jumps


def test_features_beside_a_curved_interface() -> None:
    inside = 2 + sp.tanh(300 * (X - 0.5))
    found = resolve(
        [sp.Piecewise((inside, (X - 0.5) ** 2 + (Y - 0.5) ** 2 < 0.09), (1, True))], PLANE
    )
    assert panel_at(found.axes[0].lines, 0.5001) < 1e-2
    assert len(found.axes[1].lines) < 6


@pytest.mark.parametrize("width", [1e-2, 2e-3])
def test_a_curved_layer_is_resolved(width: float) -> None:
    r = sp.sqrt((X - 0.5) ** 2 + (Y - 0.5) ** 2)
    found = resolve([1 + 9 * (1 + sp.tanh((0.3 - r) / width)) / 2], PLANE)
    assert found.unresolved is None
    assert all(panel_at(axis.lines, 0.5 + 0.3001) < 4 * width for axis in found.axes)


def test_what_cannot_be_resolved_is_said() -> None:
    r = sp.sqrt((X - 0.5) ** 2 + (Y - 0.5) ** 2)
    found = resolve([1 + 9 * (1 + sp.tanh((0.3 - r) / 1e-7)) / 2], PLANE)
    assert found.unresolved is not None and "less than" in found.unresolved


def test_a_bump_in_two_dimensions() -> None:
    for coupling in (0, sp.Rational(1, 50)):
        expr = 1 + 100 * sp.exp(
            -(((X - 0.3) ** 2 + coupling * (X - 0.3) * (Y - 0.6) + (Y - 0.6) ** 2) * 10**6)
        )
        found = resolve([expr], PLANE)
        assert found.unresolved is None
        assert (
            panel_at(found.axes[0].lines, 0.3001) < 4e-3
            and panel_at(found.axes[1].lines, 0.6001) < 4e-3
        )


def test_a_feature_that_moves_with_another_variable() -> None:
    expr = 2 + sp.tanh((S(X) - Z) * 50)
    for value in (0.0, 0.8):
        found = resolve([expr], LINE, {Z: value})
        place = np.arcsin(value) / (2 * np.pi)
        assert panel_at(found.axes[0].lines, place + 1e-4) < 0.05
    over = resolve([expr], LINE, {Z: (0.0, 0.9)})
    assert all(
        panel_at(over.axes[0].lines, np.arcsin(v) / (2 * np.pi) + 1e-6) < 0.05
        for v in (0.0, 0.4, 0.8)
    )
    moving = sp.Piecewise((1, X < 0.3 + Z / 10), (2, True))
    assert not resolve([moving], LINE, {Z: (0, 1)}).planar
    assert resolve([moving], LINE, {Z: 1}).breaks[0][-1] == pytest.approx(0.4, abs=1e-15)


def test_roots_of_data_that_are_singular_at_an_end() -> None:
    found = line(sp.sqrt(X), periodic=False)
    assert found.unresolved is None and not found.jumps
    assert found.axes[0].feature < 1e-3


@pytest.mark.parametrize(
    "expr", [1 / X, 1 / (X - 0.3), sp.tan(sp.pi * X), sp.log(X - 0.5)], ids=str
)
def test_singular_data_are_not_resolved(expr: sp.Expr) -> None:
    assert line(expr, periodic=False).unresolved is not None


@pytest.mark.parametrize("radius", [0.03, 0.003])
def test_a_jump_that_random_points_miss(radius: float) -> None:
    """A ball of a ten-thousandth, or a ten-millionth, of the cell."""
    x = sp.symbols("y1:4", real=True)
    inside = sum((v - c) ** 2 for v, c in zip(x, (0.5, 0.4, 0.6), strict=True)) < radius**2
    ball = sp.Piecewise((10, inside), (1, True))
    found = resolve([ball], [(v, (0, 1), True) for v in x])
    assert found.jumps
    assert found.curved
