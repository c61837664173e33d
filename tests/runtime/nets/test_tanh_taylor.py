from __future__ import annotations

import pytest
import sympy as sp

from nhpinn_sym.runtime.nets.native.tanh_taylor import adjoint, monomials, slopes, streams
from tests.pinn_rows import SETS

X, Y = sp.symbols("x y")


@pytest.mark.parametrize(
    "index", [(0, 0), (1, 0), (2, 0), (1, 1), (3, 0), (2, 1), (4, 0), (1, 3), (2, 2)]
)
def test_monomials_are_faa_di_brunos(index: tuple[int, int]) -> None:
    z, t = sp.sin(X + 2 * Y) + X * Y**2, sp.Symbol("t")
    s = 1 - t**2
    f = [
        (t ** int(k % 2 == 0) * sum(c * s ** (n + 1) for n, c in enumerate(p))).subs(t, sp.tanh(z))
        for k, p in enumerate(slopes(4), 1)
    ]
    terms = monomials(index).items()
    found = sum(
        factor
        * (f[len(m) - 1] if m else sp.tanh(z))
        * sp.prod([sp.diff(z, X, a, Y, b) for a, b in m])
        for m, factor in terms
    )
    expected = sp.diff(sp.tanh(z), X, index[0], Y, index[1])
    assert sp.N(
        (found - expected).subs({X: sp.Rational(1, 3), Y: sp.Rational(2, 5)}), 30
    ) == pytest.approx(0, abs=1e-25)


def test_derivatives_that_no_other_needs_are_joined() -> None:
    chosen = streams(SETS["Laplace"], scalar=True)
    assert [SETS["Laplace"][a] for a in chosen.kept] == [
        (0, 0),
        (1, 0),
        (0, 1),
    ] and chosen.count == 4
    assert chosen.tables[-1] == {1: [(1, None, (3,))], 2: [(1, 3, (1, 1)), (1, 4, (2, 2))]}
    assert streams(SETS["Laplace"], scalar=False).count == 5
    assert streams(SETS["third order"], scalar=True).joined == ()


def test_adjoint_is_the_derivative() -> None:
    tables = streams(SETS["fourth order"], scalar=True).tables
    count = len(tables) + 1
    z, d, w, f = (sp.symbols(f"{name}0:20") for name in "zdwf")

    def monomial(factor: int, weight: int | None, numbers: tuple[int, ...]) -> sp.Expr:
        return factor * (1 if weight is None else w[weight]) * sp.prod([z[b] for b in numbers])

    total = sum(
        d[s] * f[k] * monomial(*term)
        for s, table in enumerate(tables, 1)
        for k, terms in table.items()
        for term in terms
    )
    found = adjoint(tables)
    for b in range(1, count):
        expected = sum(
            f[k] * d[s] * monomial(*term) for k, terms in found[b].items() for s, term in terms
        )
        assert sp.expand(sp.diff(total, z[b]) - expected) == 0
