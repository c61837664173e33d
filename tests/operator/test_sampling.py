"""Numbers from coefficients."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy.utilities.lambdify import implemented_function

import nhpinn_sym as nh
from nhpinn_sym.operator.sampling import (
    cell_grid,
    face_gap,
    folded,
    has_period,
    in_cell,
    range_grid,
    sampled_mean,
    sampler,
    slow_samples,
)
from nhpinn_sym.operator.table import Operator
from nhpinn_sym.problem.errors import UnsupportedError
from tests.symbolic import C, S, diffusion, table, y_symbols

Y1, Y2 = y_symbols(2)
Q = sp.Symbol("q")


@pytest.fixture(scope="module")
def op() -> Operator:
    return table(
        diffusion(lambda s: 2),
        2,
        cell=nh.Cell((0, 1), (-1, 2)),
        domain=nh.Box((0, 1), (0, 4)),
        boundary=[nh.Dirichlet(0)],
        parameters={Q: (1, 3)},
    )


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (S(Y1) ** 2, 0.5),
        (C(128 * Y1), 0.0),
        (C(187 * Y1), 0.0),
        (sp.exp(sp.cos(2 * sp.pi * Y2 / 3)), 1.2660658777520084),
        (sp.Integer(3), 3.0),
        (1 / (2 + S(Y1)), 1 / 3**0.5),
        (sp.Abs(S(Y1)), 2 / np.pi),
        (sp.Piecewise((1, sp.Lt(Y1, sp.Rational(1, 3))), (0, True)), 1 / 3),
        (sp.Max(0, S(Y1)), 1 / np.pi),
        (1 + 1000 * sp.exp(-(((Y1 - sp.Rational(1, 3)) * 1000) ** 2)), 1 + np.pi**0.5),
        (
            sp.Piecewise(
                (1, sp.And(sp.Rational(4137, 10000) < Y1, sp.Rational(4147, 10000) > Y1)), (0, True)
            ),
            1e-3,
        ),
    ],
)
def test_means_are_exact(op: Operator, expr: sp.Expr, value: float) -> None:
    """Of narrow features and of jumps as well."""
    found, uncertainty, largest = sampled_mean(expr, op, slow_samples(op, [expr])[0])
    assert abs(found - value) <= uncertainty + 1e-13 * largest
    assert 0 <= uncertainty < 1e-10 * largest


def test_slow_samples_cover_the_domain_and_its_corners(op: Operator) -> None:
    x1, x2, _ = op.coordinates
    samples = slow_samples(op, [x1 * x2 + Q])
    assert len(samples) == 4 + 8
    assert min(s[x2] for s in samples) < 1e-8
    assert max(s[x2] for s in samples) > 4 - 1e-8
    assert {round(s[Q], 6) for s in samples}.issuperset({1.0, 3.0})
    assert len(slow_samples(op, [Y1])) == 1


def test_samplers_return_nan_and_refuse_what_has_no_numbers(op: Operator) -> None:
    slow = slow_samples(op, [])[0]
    values = sampler([1 / S(Y1), sp.sqrt(-1 - Y1**2), sp.erf(Y2), sp.Integer(1)], op)(
        range_grid(op), slow
    )
    assert [np.all(np.isfinite(v)) for v in values] == [False, False, True, True]
    with pytest.raises(UnsupportedError, match="cannot be evaluated"):
        sampler([sp.polylog(2, Y1)], op)


def test_functions_of_one_name_keep_their_own_numbers(op: Operator) -> None:
    slow = slow_samples(op, [])[0]
    found = []
    for number in (2.0, 3.0):
        function = implemented_function("f", lambda y, number=number: number + 0 * y)
        found.append(sampler([function(Y1)], op)([np.zeros(1)] * 2, slow)[0].item())
    assert found == pytest.approx([2.0, 3.0])


def test_a_piecewise_is_continued_from_the_cell(op: Operator) -> None:
    step = sp.Piecewise((5, Y2 < 0), (7, True))
    values = sampler([folded(step + Y1, op)], op)
    y2 = np.array([-0.5, 0.5, 2.5, 3.5, -1.5])
    assert np.allclose(values([np.zeros(5), y2], slow_samples(op, [])[0])[0], [5, 7, 5, 7, 7])


def test_grids_stay_in_the_cell(op: Operator) -> None:
    nodes = cell_grid(op, 3, 0.0)
    assert nodes[0].shape == (9,)
    assert (nodes[1].min(), nodes[1].max()) == (-1.0, 1.0)


def test_a_formula_given_on_one_cell_is_continued_as_a_whole(op: Operator) -> None:
    tent = 1 - sp.Abs(2 * Y1 - 1)
    values = sampler([folded(tent, op)], op)
    y1 = np.array([0.25, 1.25, -0.75, 5.75])
    assert np.allclose(values([y1, np.zeros(4)], slow_samples(op, [])[0])[0], 0.5)
    assert folded(2 + S(Y1), op) == 2 + S(Y1)


def test_the_period_is_compared_off_the_interfaces(op: Operator) -> None:
    for place in (0.59, 0.5017, 1 / 3):
        step = in_cell(sp.Piecewise((1, place > Y1), (10, True)), op)
        assert has_period(step, op, 0)
    assert not has_period(2 + sp.sin(2.002 * sp.pi * Y1), op, 0)
    assert not has_period(2 + Y1, op, 0)
    assert face_gap(2 + Y1, op, 0) > 0.1
    assert face_gap(2 + Y1 * (1 - Y1), op, 0) < 1e-8
