"""The Bloch oracle: an expansion that is right converges at its order, one that is wrong does not."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import ProblemError, SolveError, UndeclaredSymbolError, UnsupportedError
from nhpinn_sym.validate.bloch import BlochReport, bloch
from tests.symbolic import Build, C, S, derived, diffusion

SMALL = 1e-6
"""Errors below this are not asked for their rate."""

eighths = st.integers(-3, 3).map(lambda n: sp.Rational(n, 8))
modes = st.tuples(st.integers(-2, 2), st.integers(-2, 2), eighths, eighths)
trigonometric = st.lists(modes, min_size=1, max_size=2)
options = st.fixed_dictionaries({"dim": st.integers(1, 2), "diagonal": st.lists(trigonometric, min_size=2, max_size=2), "off": trigonometric,
                                 "reaction": st.none() | trigonometric, "rho": st.none() | trigonometric, "c": st.none() | trigonometric})


def series(y: tuple[sp.Expr, ...], terms: list[tuple[int, int, sp.Rational, sp.Rational]]) -> sp.Expr:
    """A trigonometric polynomial of zero mean, of size at most 3/4 per term."""
    phases = [(sum(n * v for n, v in zip(wave, y, strict=False)), p, q) for *wave, p, q in terms]
    return sp.Add(*[p * S(phase) + q * C(phase) for phase, p, q in phases if phase != 0])


def symmetric_operator(choice: dict[str, Any]) -> Build:
    """rho u_t - div(a grad u) + r u/eps + c u, all symmetric, a positive definite by diagonal dominance."""
    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        off = series(s.y, choice["off"]) if s.dim == 2 else 0
        a = sp.Matrix(s.dim, s.dim, lambda i, j: 4 + series(s.y, choice["diagonal"][i]) if i == j else off)
        total = -s.div(a * s.grad(u))
        if choice["rho"] is not None:
            total += (2 + series(s.y, choice["rho"])) * s.dt(u)
        if choice["reaction"] is not None:
            total += series(s.y, choice["reaction"]) * u / s.eps
        if choice["c"] is not None:
            total += (2 + series(s.y, choice["c"])) * u
        return sp.Eq(total, 1)

    return build


def converges(report: BlochReport, name: str, order: int) -> bool:
    errors = getattr(report, name)
    return bool(errors[-1] < SMALL or report.rates[name][-1] > order - 0.1)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(options)
def test_symmetric_scalar_operators(choice: dict[str, Any]) -> None:
    """Order 1 converges at rate 2: U_1 = 0 since h_3 = 0. A reaction of order 1/eps brings a U_1; what oscillates is of order 2 all the same."""
    model = derived(symmetric_operator(choice), choice["dim"], time=choice["rho"] is not None)
    report = bloch(model, eps=(1 / 16, 1 / 32))
    assert report.leading[-1] < 0.05
    assert converges(report, "leading", 1)
    assert converges(report, "shape", 2)
    assert choice["reaction"] is not None or converges(report, "first", 2)


FLOW = {"curl": lambda s: sp.Matrix([C(s.y[1]), S(s.y[0])]), "shear": lambda s: sp.Matrix([C(s.y[1]), 0])}
OTHERS: dict[str, tuple[Build, int, bool]] = {
    "nonsymmetric tensor": (diffusion(lambda s: sp.Matrix([[2 + S(s.y[0]), C(s.y[1]) / 2], [S(s.y[0] + s.y[1]) / 3, 2]])), 2, False),
    "flow/eps": (lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)) + (FLOW["curl"](s).T * s.grad(u))[0] / s.eps, 0), 2, False),
    "flow/eps in divergence form": (lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + s.div(FLOW["curl"](s) * u) / s.eps, 0), 2, True),
    "every term": (lambda s, u: sp.Eq((2 + S(s.y[0])) * s.dt(u) - s.div((2 + C(s.y[1])) * s.grad(u)) + (FLOW["shear"](s).T * s.grad(u))[0] / s.eps
                                      + s.div(sp.Matrix([S(s.y[0]), 1 + C(s.y[0])]) * u) + 3 * S(s.y[0] + s.y[1]) * u / s.eps
                                      + C(s.y[1]) ** 2 * u, 0), 2, True),
    "terms of order eps": (lambda s, u: sp.Eq(-s.div((2 + S(s.y[0]) + s.eps * C(s.y[0])) * s.grad(u)) + s.eps * S(s.y[0]) * u, 0), 1, False),
    "three dimensions": (diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1]) + C(s.y[2]) / 2), 3, False)}


@pytest.mark.parametrize("name", OTHERS)
def test_operators_that_are_not_symmetric(name: str) -> None:
    build, dim, time = OTHERS[name]
    report = bloch(derived(build, dim, time), eps=(1 / 16, 1 / 32))
    assert converges(report, "leading", 1)
    assert converges(report, "shape", 2)
    assert report.leading[-1] < 0.02


def test_the_paper_in_both_readings() -> None:
    def reading(r: sp.Expr, cell: nh.Cell) -> nh.HomogenizedModel:
        return derived(lambda s, u: sp.Eq(s.dt(u) - s.div(2 * s.grad(u)) + r(s.y[0]) * u / s.eps, 0), time=True, cell=cell)

    for r, cell in ((C, nh.Cell((0, 1))), (sp.cos, nh.Cell((0, 2 * sp.pi)))):
        report = bloch(reading(r, cell), growth=2.0)
        assert converges(report, "first", 2)  # <r^3> = 0: no U_1 for a cosine


def test_a_wrong_law_is_found_out() -> None:
    """1% in A, or a corrector of the wrong sign, and the rate is lost."""
    model = derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2)
    cells = nh.solve_cells(model)
    entries = {key: dataclasses.replace(e, values=1.01 * e.values) if key == ("A", (0, 0)) else e for key, e in cells.entries.items()}
    wrong_law = bloch(model, cells=dataclasses.replace(cells, entries=entries))
    fields = tuple(dataclasses.replace(f, modes=tuple(-m for m in f.modes)) for f in cells.fields)
    wrong_sign = bloch(model, cells=dataclasses.replace(cells, fields=fields))
    assert wrong_law.rates["leading"][-1] < 0.5
    assert wrong_sign.rates["shape"][-1] < 1.1
    assert bloch(model, cells=cells).rates["first"][-1] > 1.95


def test_the_report_reads_as_a_table() -> None:
    report = bloch(derived(diffusion(lambda s: 2 + S(s.y[0]))), [1.5], eps=(0.25, 0.125), amplitude=-3.0)
    lines = str(report).splitlines()
    assert lines[0].startswith("Bloch oracle: k = (1.5,), s = 0")
    assert lines[1].split()[:3] == ["eps", "u0", "rate"]
    assert len(lines) == 4
    assert report.symbol == pytest.approx(np.sqrt(3) * 1.5**2)
    assert f"{report.first[1]:.2e}" in lines[3]


def test_constant_coefficients_are_exact_and_have_no_rate() -> None:
    report = bloch(derived(lambda s, u: sp.Eq(-s.laplacian(u) + u, 1)))
    assert max(report.leading) < 1e-12
    assert all(np.isnan(report.rates["leading"]))
    assert "-" in str(report)


@pytest.mark.parametrize(("build", "what"), [
    (diffusion(lambda s: 2 + s.x[0] + S(s.y[0])), "do not depend on x"),
    (diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True))), "smooth"),
    (diffusion(lambda s: 2, S(nh.Scales(1).y[0])), "oscillates"),
    (lambda s, u: sp.Eq(-s.laplacian(u), S(s.y[0]) / s.eps), "oscillates")])
def test_where_it_does_not_apply_it_says_why(build: Build, what: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        bloch(derived(build, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)]))
    assert caught.value.term is not None
    assert caught.value.remedy is not None


def test_wrong_arguments() -> None:
    model = derived(diffusion(lambda s: 2 + S(s.y[0])))
    for wrong in ([1, 2], [float("nan")]):
        with pytest.raises(ProblemError, match="wavevector"):
            bloch(model, wrong)
    for wrong_eps in ((0.1,), (0.1, 0.2), (0.1, -0.1)):
        with pytest.raises(ProblemError, match="eps"):
            bloch(model, eps=wrong_eps)
    with pytest.raises(SolveError, match="averaged operator vanishes"):
        bloch(model, [0.0])
    q = sp.Symbol("q")
    with pytest.raises(UndeclaredSymbolError, match="q"):
        bloch(derived(diffusion(lambda s: q + S(s.y[0])), parameters={q: (2, 3)}))
