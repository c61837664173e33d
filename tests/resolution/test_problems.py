"""The data of whole problems: cells, slow variables, fine and homogenized equations, time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.equation import lower_fine, lower_homogenized
from nhpinn_sym.lower.forms import LoweredEquation
from nhpinn_sym.resolution import (
    Resolution,
    resolve_cells,
    resolve_equation,
    resolve_slow,
    resolve_time,
)
from nhpinn_sym.resolution.problems import combined_lines
from tests.symbolic import C, S, derived, diffusion, problem, table

UNIT = (0.0, 1.0)
BOX = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Dirichlet(0)]}
EPS = {"epsilon": 1 / 64}


def fine(a: Any, source: Any = 1, dim: int = 2, **options: Any) -> LoweredEquation:
    return lower_fine(table(diffusion(a, source), dim, **{**BOX, **options}))


def panel_at(found: Resolution, axis: int, place: float) -> float:
    lines = found.axes[axis].lines
    k = int(np.searchsorted(lines, place)) - 1
    return lines[k + 1] - lines[k]


def test_all_coefficients_of_the_cells_count() -> None:
    def build(s: nh.Scales, u: Any) -> sp.Eq:
        bump = sp.exp(-(((s.y[0] - 0.3) * 1000) ** 2))
        return sp.Eq(-s.laplacian(u) + (bump - 0.0017724538509055) * u / s.eps, 1)

    found = resolve_cells(lower_cells(derived(build)), {})
    assert panel_at(found, 0, 0.3001) < 4e-3


def test_cells_over_a_slow_box_and_at_a_point() -> None:
    cells = lower_cells(
        derived(diffusion(lambda s: 2 + sp.tanh((S(s.y[0]) - s.x[0]) * 50)), 2, **BOX)
    )
    over = resolve_cells(cells, {}, [UNIT])
    at = resolve_cells(cells, {}, [(0.8, 0.8)])
    assert len(at.axes[0].lines) < len(over.axes[0].lines)
    assert over.axes[1].harmonics == 0
    slow = resolve_slow(cells, {}, [UNIT])
    assert slow.axes[0].symbol == cells.slow[0] and slow.axes[0].feature < 0.05


def test_a_bump_in_a_slow_variable() -> None:
    bumped = diffusion(lambda s: 2 + S(s.y[0]) * sp.exp(-(((s.x[0] - 0.312) * 1000) ** 2)))
    cells = lower_cells(derived(bumped, **{**BOX, "domain": nh.Box((0, 1))}))
    found = resolve_slow(cells, {}, [UNIT])
    assert panel_at(found, 0, 0.3121) < 4e-3
    jump = diffusion(lambda s: 2 + S(s.y[0]) * sp.Piecewise((1, s.x[0] < 0.3), (0, True)))
    cells = lower_cells(derived(jump, **{**BOX, "domain": nh.Box((0, 1))}))
    found = resolve_slow(cells, {}, [UNIT])
    assert found.jumps and found.breaks[0] == (0.3,)


def test_one_period_is_resolved_and_repeated() -> None:
    found = resolve_equation(fine(lambda s: 2 + S(s.y[0]) * C(s.y[1])), EPS)
    assert [axis.harmonics for axis in found.axes] == [64, 64]
    assert [len(axis.lines) for axis in found.axes] == [257, 257]


def test_layers_stand_in_every_period() -> None:
    layer = lambda s: nh.phases(s, {nh.Layer(0, (0.4137, 0.4147)): 1e-4})  # noqa: E731
    found = resolve_equation(fine(layer), EPS)
    expected = np.sort(((np.arange(64)[:, None] + [0.4137, 0.4147]) / 64).ravel())
    assert np.allclose(found.breaks[0], expected, rtol=0, atol=1e-15)
    assert set(found.breaks[0]) <= set(found.axes[0].lines)
    assert found.breaks[1] == () and found.jumps


def test_periods_that_end_outside_of_the_domain_are_cut() -> None:
    layer = lambda s: nh.phases(s, {nh.Layer(0, (0.25, 0.75)): 2})  # noqa: E731
    found = resolve_equation(fine(layer, dim=1, domain=nh.Box((0, sp.pi))), {"epsilon": 1.0})
    assert np.allclose(found.breaks[0], [0.25, 0.75, 1.25, 1.75, 2.25, 2.75])
    assert found.axes[0].lines[-1] == pytest.approx(np.pi)


def test_other_periods_of_the_cell() -> None:
    step = lambda s: sp.Piecewise((1, s.y[0] < 2), (3, True))  # noqa: E731
    cell = nh.Cell((0, 2 * sp.pi))
    found = resolve_equation(
        fine(step, dim=1, domain=nh.Box((0, sp.pi)), cell=cell), {"epsilon": 0.25}
    )
    assert np.allclose(found.breaks[0], [0.5, np.pi / 2, np.pi / 2 + 0.5])


def test_sources_and_boundary_data_count() -> None:
    def source(s: nh.Scales, u: Any) -> sp.Eq:
        return sp.Eq(-s.laplacian(u), sp.exp(-(((s.x[0] - 0.37) * 10**4) ** 2)))

    sharp = nh.Dirichlet(sp.tanh(1000 * (sp.Symbol("x2", real=True) - 0.6)))
    lowered = lower_fine(table(source, 2, **{**BOX, "boundary": [sharp]}))
    found = resolve_equation(lowered, EPS)
    assert panel_at(found, 0, 0.37001) < 4e-4 and panel_at(found, 1, 0.6001) < 4e-3


def test_features_of_both_scales() -> None:
    found = resolve_equation(
        fine(lambda s: 2 + S(s.y[0]) + sp.exp(-(((s.x[0] - 0.3) * 10**4) ** 2))), EPS
    )
    lines = np.array(found.axes[0].lines)
    assert panel_at(found, 0, 0.30001) < 4e-4
    assert np.diff(lines).max() <= 1.5 / 256
    assert len(lines) < 350


def test_the_homogenized_equation_has_the_data_of_x() -> None:
    model = derived(
        diffusion(lambda s: 2 + S(s.y[0]), sp.Heaviside(sp.Symbol("x1", real=True) - 0.3)), 2, **BOX
    )
    found = resolve_equation(lower_homogenized(model), {})
    assert found.breaks == ((0.3,), ())


def test_the_homogenized_equation_has_the_breaks_of_what_its_coefficients_average() -> None:
    def thin(s: nh.Scales) -> sp.Expr:
        return (2 + S(s.y[0])) * (1 + sp.Piecewise((9, abs(s.x[0] - 0.4) < 1e-4), (0, True)))

    found = resolve_equation(lower_homogenized(derived(diffusion(thin), 2, **BOX)), {})
    assert found.breaks[0] == pytest.approx((0.3999, 0.4, 0.4001)) and found.breaks[1] == ()


def test_time() -> None:
    def build(s: nh.Scales, u: Any) -> sp.Eq:
        return sp.Eq(
            s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), sp.exp(-(((s.t - 0.2) * 1000) ** 2))
        )

    options = {
        "domain": nh.Box((0, 1)),
        "boundary": [nh.Dirichlet(0)],
        "initial": [nh.Initial(sp.Abs(sp.Symbol("x1", real=True) - 0.4))],
        "final_time": 0.5,
    }
    lowered = lower_fine(table(build, 1, True, **options))
    times = resolve_time(lowered, EPS)
    assert times.axes[0].interval == (0, 0.5)
    assert panel_at(times, 0, 0.2001) < 4e-3
    assert 0.4 in resolve_equation(lowered, EPS).axes[0].lines


def test_too_many_lines_are_said() -> None:
    layer = lambda s: nh.phases(s, {nh.Layer(0, (0.25, 0.75)): 2})  # noqa: E731
    found = resolve_equation(fine(layer, dim=1, domain=nh.Box((0, 1))), {"epsilon": 1e-7})
    assert found.unresolved is not None and "periods" in found.unresolved


def test_many_variables_are_looked_at_at_generic_values() -> None:
    v = sp.symbols("v1:4", real=True)
    y = sp.symbols("y1:4", real=True)
    expr = 1 / (
        2 + sp.sin(2 * sp.pi * y[0] + v[0] * v[1]) * sp.cos(2 * sp.pi * (y[1] + y[2])) * v[2]
    )
    from nhpinn_sym.resolution import resolve

    found = resolve([expr], [(w, UNIT, True) for w in y], dict.fromkeys(v, UNIT))
    assert found.unresolved is None
    assert all(4 <= len(axis.lines) - 1 <= 16 for axis in found.axes)


def test_combined_lines_keep_breaks_and_have_no_slivers() -> None:
    one, other = np.linspace(0, 1, 9), np.linspace(0, 1, 101)
    breaks = np.array([0.3333, 0.8001])
    found = combined_lines(one, other, breaks)
    assert set(breaks) <= set(found)
    assert np.diff(found).max() <= 0.016
    inner = np.diff(found)[~np.isin(found[1:], breaks) & ~np.isin(found[:-1], breaks)]
    assert inner.min() >= 0.0049


def test_an_undeclared_problem_has_no_trouble() -> None:
    plain = problem(diffusion(lambda s: 2), 1, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)])
    found = resolve_equation(lower_homogenized(nh.homogenize(plain)), {})
    assert found.axes[0].lines == (0.0, 1.0) and found.axes[0].harmonics == 0
