"""Effective coefficients as users get them: what is absorbed where, averaged operators, averages
over a frozen time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import SolveError, UnsupportedError
from nhpinn_sym.solve.effective import effective_dict
from nhpinn_sym.solve.effective_entries import Entry, require
from nhpinn_sym.solve.effective_view import EffectiveCoefficients
from nhpinn_sym.solve.interpolation import Nodes
from tests.symbolic import C, S, derived, diffusion, solved

BOX = {"domain": nh.Box((0, 1)), "boundary": [nh.Dirichlet(0)]}
X = sp.Symbol("x1", real=True)
ZERO = (0, 0)


def closed(
    value: Any, left: tuple[int, ...] = ZERO, right: tuple[int, ...] = ZERO, sign: int = 1
) -> Entry:
    return Entry(Nodes((), 0), (), np.zeros(1), (sign, 0, left, 0, right), sp.sympify(value), (X,))


def test_a_closed_entry_is_its_formula_and_derivatives() -> None:
    entry = closed(sp.sin(X) * X)
    x = np.linspace(0, 1, 7)[:, None]
    assert not entry.constant
    assert np.allclose(entry(x), np.sin(x[:, 0]) * x[:, 0])
    assert np.allclose(entry(x, (2,)), 2 * np.cos(x[:, 0]) - x[:, 0] * np.sin(x[:, 0]))
    assert closed(3).constant
    assert np.allclose(closed(3)(x, (1,)), 0)
    assert closed(2 + sp.I).number == 2 + 1j


def test_an_entry_at_nodes_differentiates_along_its_own_columns() -> None:
    """Values on Chebyshev nodes of x2, in a problem of two coordinates."""
    nodes = Nodes(((0.0, 2.0),), 16)
    entry = Entry(nodes, (1,), np.exp(nodes.points[:, 0]), (1, 0, (0, 0, 0), 0, (0, 0, 0)))
    x = np.stack([np.linspace(0, 1, 5), np.linspace(0, 2, 5)], axis=-1)
    assert np.allclose(entry(x), np.exp(x[:, 1]))
    assert np.allclose(entry(x, (0, 1)), np.exp(x[:, 1]), atol=1e-9)
    assert np.array_equal(entry(x, (1, 0)), np.zeros(5))


def test_a_conservative_part_is_counted_as_drift_and_potential() -> None:
    """div(beta u) = beta.grad u + (div beta) u, and -G u'' = -(G u')' + G' u'."""
    entries = {
        ("A", (0, 0)): closed(2, (1, 0), (1, 0), -1),
        ("beta", (0,)): closed(X**2, (1, 0)),
        ("G", (0, 0)): closed(sp.sin(X), ZERO, (2, 0), -1),
        ("b", (0,)): closed(5, ZERO, (1, 0)),
        ("c", ()): closed(7),
    }
    table = effective_dict(1, 1, 2, entries)
    x = np.linspace(0, 1, 9)[:, None]
    assert np.allclose(table["A"](x)[:, 0, 0], 2 + np.sin(x[:, 0]))
    assert np.allclose(table["b"](x)[:, 0], 5 + x[:, 0] ** 2 + np.cos(x[:, 0]))
    assert np.allclose(table["c"](x), 7 + 2 * x[:, 0])
    assert not {"beta", "G"} & set(table)


def test_an_entry_of_another_model_is_refused() -> None:
    with pytest.raises(SolveError, match="do not have an effective coefficient"):
        require({}, ("A", (0, 0)))


def test_averaged_operators_hold_the_whole_law_with_its_signs() -> None:
    cells = solved(
        lambda s, u: sp.Eq(
            (2 + S(s.y[0])) * s.dt(u)
            - s.div((2 + S(s.y[0])) * s.grad(u))
            + 3 * u.diff(s.x[0])
            + 5 * u,
            1,
        ),
        time=True,
        order=2,
    )
    level = cells.averaged[2]
    assert {key: m[0, 0] for key, m in level.items()} == {
        ((1, 0), (1, 0)): pytest.approx(-np.sqrt(3)),
        ((0, 0), (0, 1)): pytest.approx(2),
        ((0, 0), (1, 0)): pytest.approx(3),
        ((0, 0), (0, 0)): pytest.approx(5),
    }
    assert set(cells.averaged) == {2, 3, 4}


def test_averaged_operators_that_depend_on_x_have_no_table() -> None:
    cells = solved(diffusion(lambda s: 2 + s.x[0] + S(s.y[0])), order=2, **BOX)
    with pytest.raises(UnsupportedError, match="depend on x"):
        _ = cells.averaged
    assert "h" not in cells.effective


def test_shapes_of_systems() -> None:
    """A[i, k, j, l], b[i, j, l], c[i, j], rho[i, j], f[i]; beta is kept beside b."""

    def build(s: nh.Scales, u: Any) -> Any:
        a = sp.diag(2 + S(s.y[0]), 3 + C(s.y[1]), 4)
        return s.dt(u) - s.div(a * s.grad(u)) + s.div(
            sp.Matrix(3, 2, lambda i, k: (2 + i + k) * u[i])
        ) + sp.ones(3, 3) * u, sp.Matrix([1, 2, 3])

    effective = solved(build, 2, time=True, components=3).effective
    assert {name: np.shape(effective[name]) for name in ("A", "beta", "b", "c", "rho", "f")} == {
        "A": (3, 2, 3, 2),
        "beta": (3, 2, 3),
        "b": (3, 3, 2),
        "c": (3, 3),
        "rho": (3, 3),
        "f": (3,),
    }
    assert np.allclose(effective["beta"][2, 1], [0, 0, 5])
    assert np.allclose(effective["b"], effective["beta"].transpose(0, 2, 1))
    assert np.allclose(effective["f"], [1, 2, 3])
    assert "voigt" not in effective


def test_a_parameter_stands_in_closed_forms_too() -> None:
    q = sp.Symbol("q")
    model = derived(
        lambda s, u: sp.Eq(-s.div((q + S(s.y[0])) * s.grad(u)) + q**2 * u, q * s.x[0]),
        parameters={q: (2, 3)},
        **BOX,
    )
    effective = nh.solve_cells(model, parameters={q: 2.5}).effective
    assert effective["c"] == pytest.approx(6.25)
    assert np.allclose(effective["f"]([[0.2], [1.0]]), [0.5, 2.5])
    assert effective["A"][0, 0] == pytest.approx(np.sqrt(2.5**2 - 1))


def test_complex_numbers_stay_where_they_are() -> None:
    effective = solved(
        lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)) + sp.I * (3 + C(s.y[0])) * u, 1)
    ).effective
    assert not np.iscomplexobj(effective["A"]) or np.allclose(effective["A"].imag, 0)
    assert effective["c"] == pytest.approx(3j)


def test_a_name_that_is_none_is_quoted_beside_those_that_are() -> None:
    known = EffectiveCoefficients({"A": np.eye(2), "c": 1.0}, {}, 2)
    with pytest.raises(nh.ProblemError, match=r"a\n  remedy: the names are A, c"):
        known["a"]
    assert known.get("a") is None and "a" not in known
