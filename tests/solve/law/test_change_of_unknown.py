"""-div( a grad phi(y,u) ) against closed forms for v = phi(y,u), and its fine solutions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(1)
T = nh.Scales(1, time=True)
WAVE = sp.sin(2 * sp.pi * S.y[0])
A, C = 2 + sp.cos(2 * sp.pi * S.y[0]), 2 + WAVE
DATA: dict[str, Any] = {"domain": nh.Box((0, 1)), "boundary": [nh.Dirichlet(0)]}


def pose(write: Any, scales: nh.Scales = S, low: float = 0.0, **data: Any) -> Any:
    u = scales.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(write(u), 1), scales=scales, unknown=u, ranges={u: (low, 1)}, **data
    )


def test_what_is_left_is_linear_in_v() -> None:
    """-(a (c u^3)')' = 1: v0 = x (1 - x) / (2 sqrt 3), u0 = (v0/c)^(1/3); fine solutions converge."""
    problem = pose(lambda u: -S.div(A * S.grad(C * u**3)), **DATA)
    model = nh.homogenize(problem)
    assert model.change.value == (C * model.change.symbols[0] ** 3).subs(
        S.y[0], model.change.fast[0]
    )
    assert str(model).index("v = (2 + sin(2*pi*y1))*u**3") < str(model).index("Multiscale")
    assert r"\sqrt[3]{v_{0}}" in model.derivation.latex()
    law = nh.solve_law(model, n=63)
    v0 = nh.solve_homogenized(model, law, "skfem", mesh=8)
    x = np.array([[0.2], [0.55]])
    v = x[:, 0] * (1 - x[:, 0]) / (2 * np.sqrt(3))
    assert v0(x) == pytest.approx(v, rel=1e-9)
    errors = []
    for n in (4, 8):
        fine = nh.solve_fine(problem, eps=1 / n, backend="skfem", per_period=16)
        grid = np.linspace(0.01, 0.99, 99)[:, None]
        assert fine(x) ** 3 * (2 + np.sin(2 * np.pi * n * x[:, 0])) == pytest.approx(v, rel=0.2)
        errors.append(np.abs(nh.reconstruct(v0, law, eps=1 / n)(grid) - fine(grid)).max())
    assert errors[1] < 0.6 * errors[0] < 0.05
    step = 1e-5
    ends = fine([[0.2 + step], [0.2 - step]])
    assert fine.derivative([0.2], (1,)) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)


def test_storage_of_the_given_unknown(tmp_path: Path) -> None:
    problem = pose(lambda u: T.dt(u) - T.div(A * T.grad(C * u**2)), T, 0.1)
    law = nh.solve_law(nh.homogenize(problem), n=63)
    y = np.arange(400) / 400
    wanted = np.mean(np.sqrt(0.5 / (2 + np.sin(2 * np.pi * y))))
    assert law.storage(u=0.5) == pytest.approx(wanted, rel=1e-9)
    assert law.flux(grad=1, u=0.5) == pytest.approx([np.sqrt(3)], rel=1e-9)
    with pytest.raises(nh.UnsupportedError, match="no place for phi"):
        law.save(tmp_path / "law.npz")
    in_v = nh.solve_law(nh.homogenize(law.model.problem), n=63)
    loaded = nh.load_law(in_v.save(tmp_path / "law.npz"))
    assert loaded.storage(u=0.5) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"boundary": [nh.Dirichlet(1)]}, "oscillates"),
        ({"boundary": [nh.Robin(1)]}, "holds u"),
        ({"low": -1.0}, "no inverse"),
    ],
)
def test_data_that_do_not_go_with_v_are_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(nh.UnsupportedError, match=match):
        nh.homogenize(pose(lambda u: -S.div(S.grad(C * u**4)), **{**DATA, **change}))


def test_kirchhoff_is_said() -> None:
    u = S.unknown("u")
    equation = sp.Eq(-S.div(A * (1 + u**2) * S.grad(u)), 1)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=u))
    assert "for u0**3/3 + u0 the limit is linear (Kirchhoff)" in str(model)
