from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.phases import Phases, cut_into_phases
from nhpinn_sym.operator.zero_test import jumps
from nhpinn_sym.problem.errors import SolveError, UnsupportedError

from ..symbolic import derived, diffusion

HALF = sp.Rational(1, 2)
y1, y2 = sp.symbols("y1 y2", real=True)


def phases(a: Callable[[nh.Scales], Any], dim: int = 2, **options: Any) -> Phases:
    return cut_into_phases(lower_cells(derived(diffusion(a), dim, **options)), {})


def coefficients(found: Phases) -> list[sp.Expr]:
    return [cells.bilinear[0].coefficient for cells in found.cells]


def test_laminate() -> None:
    found = phases(lambda s: sp.Piecewise((2 + s.y[1] * (1 - s.y[1]), s.y[0] < HALF), (7, True)))
    assert coefficients(found) == [2 + y2 * (1 - y2), 7]
    assert found.levels == (y1 - HALF,)
    assert list(found.labels(np.array([[0.2, 0.1], [0.7, 0.1], [1.2, -3.1]]))) == [0, 1, 0]
    smooth = found.cells[0]
    assert not smooth.jumps and not any(jumps(t.coefficient) for t in smooth.bilinear)
    terms = {t.right: t.coefficient for t in smooth.strong}  # -div(a grad u), carried out
    assert terms[2, 0] == -2 - y2 * (1 - y2) and sp.expand(terms[0, 1] - (2 * y2 - 1)) == 0


def test_inclusions_of_one_material_are_phases_of_their_own() -> None:
    found = phases(
        lambda s: nh.phases(s, {nh.Disk((0.25, 0.5), 0.15): 10, nh.Disk((0.7, 0.5), 0.2): 10})
    )
    assert coefficients(found) == [10, 10, 1]
    assert len(set(found.labels(np.array([[0.25, 0.5], [0.7, 0.5], [0.48, 0.5]])))) == 3


def test_images_of_one_inclusion_are_one_phase() -> None:
    found = phases(lambda s: nh.phases(s, {nh.Disk((0, 0), 0.3): 10}))
    assert coefficients(found) == [10, 1] and len(found.levels) == 4
    assert set(found.labels(np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]]))) == {0}


def test_branches_of_several_coefficients_are_combined() -> None:
    found = phases(
        lambda s: sp.diag(
            sp.Piecewise((2, s.y[0] < HALF), (1, True)), sp.Piecewise((3, s.y[1] < HALF), (1, True))
        )
    )
    assert len(found.cells) == 4
    assert {tuple(t.coefficient for t in c.bilinear) for c in found.cells} == {
        (2, 3),
        (2, 1),
        (1, 3),
        (1, 1),
    }


def test_nested_conditions_and_kinks() -> None:
    found = phases(
        lambda s: sp.Piecewise(
            (sp.Piecewise((5, s.y[1] < HALF), (3, True)), abs(s.y[0] - HALF) < sp.Rational(1, 4)),
            (1, True),
        )
    )
    assert sorted(coefficients(found)) == [1, 3, 5]
    assert {y1 - sp.Rational(3, 4), -y1 + sp.Rational(1, 4), y2 - HALF} <= set(found.levels)


def test_signs_are_jumps_too() -> None:
    found = phases(lambda s: 2 + sp.sign(sp.sin(2 * sp.pi * s.y[0]) * sp.sin(2 * sp.pi * s.y[1])))
    assert sorted(coefficients(found)) == [1, 1, 3, 3]


def test_what_layers_leave_between_them_are_phases_of_their_own() -> None:
    """The gaps of two layers; the second goes on across the boundary of the cell."""
    layers = {nh.Layer(0, (0.1, 0.2)): 5, nh.Layer(0, (0.4, 0.5)): 7}
    for dim in (1, 2):
        found = phases(lambda s: nh.phases(s, layers), dim)
        assert sorted(coefficients(found)) == [1, 1, 5, 7]
        at = np.full((4, dim), 0.3)
        at[:, 0] = (0.05, 0.3, 0.45, 0.95)
        first, gap, layer, last = found.labels(at)
        assert first == last and len({first, gap, layer}) == 3


def test_a_thin_band_is_a_phase() -> None:
    """Far thinner than the grid on which phases are looked for."""
    found = phases(lambda s: nh.phases(s, {nh.Layer(0, (0.4, 0.40001)): 5}))
    outside, inside = found.labels(np.array([[0.3, 0.1], [0.400005, 0.1]]))
    assert outside != inside


def test_parameters_get_their_values() -> None:
    q = sp.Symbol("q", positive=True)
    lowered = lower_cells(
        derived(
            diffusion(lambda s: sp.Piecewise((2, s.y[0] < q), (1, True))),
            parameters={q: (0.1, 0.9)},
        )
    )
    assert list(cut_into_phases(lowered, {"q": 0.3}).labels(np.array([[0.2], [0.4]]))) == [0, 1]
    with pytest.raises(UnsupportedError, match="moves with q"):
        cut_into_phases(lowered, {})


@pytest.mark.parametrize(("a", "words"), [
    (lambda s: sp.Piecewise((2, s.y[0] < HALF + s.x[0] / 4), (1, True)), "moves with x1"),
    (lambda s: sp.Piecewise((2, sp.Mod(s.y[0], HALF) < sp.Rational(1, 4)), (1, True)), "condition that jumps"),
    (lambda s: 2 + sp.frac(2 * s.y[0]), "not given as a Piecewise")])  # fmt: skip
def test_refusals(a: Callable[[nh.Scales], Any], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        phases(a, 1, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)])


@pytest.mark.parametrize(
    ("background", "same"),
    [
        (lambda y: 1 + y, False),
        (lambda y: 1 + y * (1 - y), True),
        (lambda y: 1 + sp.Piecewise((y, y < HALF), (2 * y, True)), True),
    ],
    ids=["jump", "kink", "interface"],
)
def test_a_jump_between_opposite_faces_is_not_hidden(
    background: Callable[[Any], Any], same: bool
) -> None:
    def a(s: nh.Scales) -> Any:
        return sp.Piecewise(
            (10, (s.y[0] - HALF) ** 2 + (s.y[1] - HALF) ** 2 < sp.Rational(1, 25)),
            (background(s.y[0]), True),
        )

    if same:
        assert phases(a).labels(np.array([[0.5, 0.5]])).size
    else:
        with pytest.raises(UnsupportedError, match="between the faces y1 = 0 and y1 = 1"):
            phases(a)


def test_a_phase_that_was_missed_is_an_error() -> None:
    found = phases(lambda s: nh.phases(s, {nh.Disk((0.5003, 0.5003), 0.0005): 10}))
    with pytest.raises(SolveError, match="too small"):
        found.labels(np.array([[0.5003, 0.5003]]))
