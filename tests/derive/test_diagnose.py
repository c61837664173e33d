"""What must pass the diagnosis (what must not is in tests/problem/test_bad_input.py)."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.symbolic import Build, C, S, derived, diffusion

HALF = sp.Rational(1, 2)


def steps(s: nh.Scales) -> sp.Expr:
    return sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (-HALF, True))


@pytest.mark.parametrize("build", [
    diffusion(lambda s: sp.Piecewise((s.y[0], s.y[0] < HALF), (1 - s.y[0], True)) + 1),  # a tent, given on one cell
    diffusion(lambda s: 1 + sp.frac(s.y[0])),
    diffusion(lambda s: 2 + sp.sign(S(s.y[0]))),
    diffusion(lambda s: 1 + sp.Abs(S(s.y[0]))),
    diffusion(lambda s: 1.0001 + sp.cos(2 * sp.pi * s.y[0])),
    diffusion(lambda s: sp.exp(8 * S(s.y[0]))),
    diffusion(lambda s: 1e30 * (2 + S(s.y[0]))),
    diffusion(lambda s: s.x[0] + S(s.y[0]) * s.x[0] / 2),  # degenerates at the boundary of the domain only
    lambda s, u: sp.Eq(-s.laplacian(u) + steps(s) * u / s.eps, 1),
    lambda s, u: sp.Eq(-s.laplacian(u) + (sp.Abs(S(s.y[0])) - 2 / sp.pi) * u / s.eps, 1),
    lambda s, u: sp.Eq(-s.laplacian(u) + C(128 * s.y[0]) * u / s.eps, 1),
    lambda s, u: sp.Eq(-s.laplacian(u), sp.log(s.x[0])),
    lambda s, u: sp.Eq(-s.laplacian(u) + sp.Function("r")(s.y[0]) * u / s.eps, 1),
    lambda s, u: sp.Eq(-s.div((1 + s.eps * S(s.y[0])) * s.grad(u)) + s.eps**2 * u, s.eps)])
def test_sound_problems_pass(build: Build) -> None:
    assert derived(build).law


def test_a_rotating_flow_passes_in_either_form() -> None:
    """b = (d_2 psi, -d_1 psi) is divergence free."""
    def flow(s: nh.Scales) -> sp.Matrix:
        y1, y2 = s.y
        psi = sp.sin(2 * sp.pi * y1) * sp.sin(2 * sp.pi * y2)
        return sp.Matrix([psi.diff(y2), -psi.diff(y1)])

    for form in (lambda s, u: (flow(s).T * s.grad(u))[0], lambda s, u: s.div(flow(s) * u)):
        model = derived(lambda s, u, form=form: sp.Eq(-s.laplacian(u) + form(s, u) / s.eps, 1), 2)
        assert nh.solve_cells(model).effective["A"][0, 0] > 1


def test_the_mean_of_a_jump_is_known_well_enough_to_refuse_one_percent() -> None:
    with pytest.raises(nh.SolvabilityError, match="a reaction of order 1/eps has the mean 0"):
        derived(lambda s, u: sp.Eq(-s.laplacian(u) + (steps(s) + sp.Rational(1, 100)) * u / s.eps, 1))
