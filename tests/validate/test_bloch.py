"""The Bloch oracle: an expansion that is wrong does not converge at its rate; the report; where it
does not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import (
    ProblemError,
    SolveError,
    UndeclaredSymbolError,
    UnsupportedError,
)
from nhpinn_sym.solve.cell_solution import CellSolution
from nhpinn_sym.validate.bloch import bloch
from tests.symbolic import Build, C, S, derived, diffusion, problem
from tests.validate.linear_classes import CLASSES


def test_the_paper_in_both_readings() -> None:
    def reading(r: sp.Expr, cell: nh.Cell) -> nh.HomogenizedModel:
        return derived(
            lambda s, u: sp.Eq(s.dt(u) - s.div(2 * s.grad(u)) + r(s.y[0]) * u / s.eps, 0),
            time=True,
            cell=cell,
        )

    for r, cell in ((C, nh.Cell((0, 1))), (sp.cos, nh.Cell((0, 2 * sp.pi)))):
        report = bloch(reading(r, cell), growth=2.0)
        assert report.rate > 1.95


class Tampered(CellSolution):
    """Solved cells with something replaced, also what they compute."""

    def __init__(self, cells: CellSolution, **changes: Any) -> None:
        object.__setattr__(self, "given", (cells, changes))

    def __getattribute__(self, name: str) -> Any:
        cells, changes = object.__getattribute__(self, "given")
        return changes[name] if name in changes else getattr(cells, name)


class Scaled:
    """A cell function times a factor."""

    def __init__(self, function: Any, factor: float) -> None:
        self.function, self.factor, self.level, self.sources = (
            function,
            factor,
            function.level,
            function.sources,
        )

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.factor * self.function(points)


@pytest.fixture(scope="module")
def reacting() -> tuple[Any, Any]:
    """A reaction without symmetry, <r^3> != 0, so that no averaged operator vanishes."""
    reaction = problem(
        lambda s, u: sp.Eq(
            s.dt(u) - s.laplacian(u) + 10 * (S(s.y[0]) + C(2 * s.y[0])) * u / s.eps, 0
        ),
        time=True,
    )
    model = nh.homogenize(reaction, order=2)
    return model, nh.solve_cells(model, hierarchy=True)


def orders_kept(model: Any, cells: Any) -> list[bool]:
    """Which orders of the expansion converge at their rate."""
    report = bloch(model, eps=(1 / 512, 1 / 1024), cells=cells)
    return [report.rates_of(p)[-1] > p + 0.98 for p in report.by_order]


@pytest.mark.parametrize("order", [0, 1, 2])
def test_an_averaged_operator_that_is_one_percent_off_is_found_out(
    reacting: tuple[Any, Any], order: int
) -> None:
    model, cells = reacting
    level = model.homogenized_order + order
    wrong = {**cells.averaged, level: {key: 1.01 * h for key, h in cells.averaged[level].items()}}
    assert orders_kept(model, cells) == [True, True, True]
    assert orders_kept(model, Tampered(cells, averaged=wrong)) == [p < order for p in range(3)]


@pytest.mark.parametrize(("level", "factor"), [(1, 1.01), (2, 1.01), (1, -1)])
def test_a_corrector_that_is_off_is_found_out(
    reacting: tuple[Any, Any], level: int, factor: float
) -> None:
    model, cells = reacting
    functions = [Scaled(f, factor) if f.level == level else f for f in cells.functions]
    assert orders_kept(model, Tampered(cells, functions=functions)) == [p < level for p in range(3)]


@pytest.mark.parametrize(
    ("name", "entry"), [("ground state", "lambda0"), ("drift, moving frame", "drift")]
)
def test_a_transformation_that_is_off_is_found_out(name: str, entry: str) -> None:
    model = nh.homogenize(CLASSES[name].problem, order=1)
    cells = nh.solve_cells(model, hierarchy=True)
    wrong = {**cells.effective, entry: 1.01 * cells.effective[entry]}
    assert bloch(model, cells=cells).rate > 1.9
    assert not bloch(model, cells=Tampered(cells, effective=wrong)).rate > 0.5


def test_the_report_reads_as_a_table() -> None:
    model = nh.homogenize(problem(diffusion(lambda s: 2 + S(s.y[0]))), order=2)
    report = bloch(model, [1.5], eps=(0.25, 0.125), amplitude=-3.0)
    lines = str(report).splitlines()
    assert lines[0].startswith("Bloch oracle: k = (1.5,), s = 0")
    assert lines[1].split() == [
        "eps",
        *(word for p in range(3) for word in ("order", str(p), "rate")),
    ]
    assert len(lines) == 4
    assert report.symbol == pytest.approx(np.sqrt(3) * 1.5**2)
    assert report.errors == report.by_order[2]
    assert (
        report.rate
        == report.rates[0]
        == pytest.approx(np.log2(report.errors[0] / report.errors[1]))
    )
    assert f"{report.errors[1]:.2e} {report.rate:5.2f}" in lines[3]


def test_the_amplitude_is_one_number_or_one_per_equation() -> None:
    model = nh.homogenize(CLASSES["coupled reaction-diffusion"].problem)
    first, second = (bloch(model, amplitude=amplitude) for amplitude in (2.0, [2.0, 2 / 1.3]))
    assert list(first.by_order) == list(second.by_order)
    for order, errors in first.by_order.items():
        assert second.by_order[order] == pytest.approx(errors, rel=1e-6, abs=1e-12)
    assert np.shape(first.symbol) == (2, 2)
    assert bloch(model, amplitude=[0.0, 1.0]).rate > 1.9


def test_constant_coefficients_are_exact_and_have_no_rate() -> None:
    report = bloch(derived(lambda s, u: sp.Eq(-s.laplacian(u) + u, 1)))
    assert max(report.errors) < 1e-12
    assert all(np.isnan(report.rates))
    assert np.isnan(report.rate)
    assert "-" in str(report)


def test_no_rate_is_read_where_the_cells_are_not_accurate_enough(reacting: tuple[Any, Any]) -> None:
    model, cells = reacting
    coarse = bloch(model, cells=Tampered(cells, info={**cells.info, "estimate": 1e-4}))
    exact = bloch(model, cells=cells)
    assert coarse.by_order[0] == pytest.approx(exact.by_order[0])
    assert coarse.rates_of(0) == pytest.approx(exact.rates_of(0))
    assert np.isnan(coarse.rate)
    assert exact.rate > 2.9


def test_parameters_are_given_as_numbers() -> None:
    q = sp.Symbol("q")
    model = derived(diffusion(lambda s: q + S(s.y[0])), parameters={q: (2, 3)})
    report = bloch(model, parameters={q: 2.5})
    assert report.symbol == pytest.approx(np.sqrt(2.5**2 - 1) * 2**2)
    assert report.rate > 1.95


@pytest.mark.parametrize("scales", [{"levels": 2}, {"fast_time": 1}])
def test_scales_that_are_averaged_one_after_the_other_are_refused(scales: dict[str, int]) -> None:
    s = nh.Scales(1, time=True, **scales)
    u = s.unknown("u")
    oscillation = S(s.fast[-1])
    model = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(s.dt(u) - s.div((3 + C(s.y[0]) + oscillation) * s.grad(u)), 1),
            scales=s,
            unknown=u,
        )
    )
    with pytest.raises(UnsupportedError, match="y = x/eps and tau"):
        bloch(model)


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (diffusion(lambda s: 2 + s.x[0] + S(s.y[0])), "do not depend on x"),
        (diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True))), "smooth"),
        (diffusion(lambda s: 2, S(nh.Scales(1).y[0])), "oscillates"),
        (lambda s, u: sp.Eq(-s.laplacian(u), S(s.y[0]) / s.eps), "oscillates"),
    ],
)
def test_where_it_does_not_apply_it_says_why(build: Build, what: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        bloch(derived(build, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)]))
    assert caught.value.term is not None
    assert caught.value.remedy is not None


def test_wrong_arguments() -> None:
    model = derived(diffusion(lambda s: 2 + S(s.y[0])))
    for name, values in {
        "wavevector": ([1, 2], [float("nan")], "k", []),
        "eps": ((0.1,), (0.1, 0.2), (0.1, -0.1), None, "small"),
        "amplitude": (0.0, [1.0, 2.0], float("inf"), "large"),
        "growth": ("fast", None, float("inf")),
    }.items():
        for value in values:
            with pytest.raises(ProblemError, match=name):
                bloch(model, **{name: value})
    with pytest.raises(ProblemError, match="hierarchy=True"):
        bloch(
            nh.homogenize(CLASSES["flow/eps"].problem),
            cells=nh.solve_cells(nh.homogenize(CLASSES["flow/eps"].problem)),
        )
    with pytest.raises(ProblemError, match="not a HomogenizedModel"):
        bloch(model.problem)
    with pytest.raises(SolveError, match="averaged operator vanishes"):
        bloch(model, [0.0])
    with pytest.raises(SolveError, match="averaged operator vanishes"):
        bloch(nh.homogenize(CLASSES["elasticity"].problem), [0.0, 0.0])
    q = sp.Symbol("q")
    with pytest.raises(UndeclaredSymbolError, match="q"):
        bloch(derived(diffusion(lambda s: q + S(s.y[0])), parameters={q: (2, 3)}))
