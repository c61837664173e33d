"""Odd values in every place where a user writes something: a typed error with a term and a remedy,
or a right result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.special import lambertw
from sympy.physics.units import meter

import nhpinn_sym as nh
from nhpinn_sym.problem import errors as E
from tests.symbolic import S

S1, TIMELY, SQUARE = nh.Scales(1), nh.Scales(1, time=True), nh.Scales(2)
U, UT = S1.unknown("u"), TIMELY.unknown("u")
X, T = S1.x[0], TIMELY.t
Q = sp.Symbol("q")
DOMAIN, FIXED = nh.Box((0, 1)), (nh.Dirichlet(0),)
SMOOTH = 2 + S(S1.y[0])


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Unsympifiable:
    def _sympy_(self) -> object:
        raise KeyError("no value")


def with_coefficient(a: Any) -> object:
    return nh.homogenize(nh.MultiscaleProblem((-S1.div(a * S1.grad(U)), 1), scales=S1, unknown=U))


def with_source(f: Any) -> object:
    return nh.homogenize(stationary(f))


def stationary(f: Any = 1, boundary: Any = FIXED, **more: Any) -> nh.MultiscaleProblem:
    return nh.MultiscaleProblem(
        (-S1.div(SMOOTH * S1.grad(U)), f),
        scales=S1,
        unknown=U,
        domain=DOMAIN,
        boundary=list(boundary),
        **more,
    )


def started(initial: Any, boundary: Any = FIXED) -> object:
    equation = (TIMELY.dt(UT) - TIMELY.div(2 * TIMELY.grad(UT)), 0)
    problem = nh.MultiscaleProblem(
        equation,
        scales=TIMELY,
        unknown=UT,
        domain=DOMAIN,
        boundary=list(boundary),
        initial=[initial],
        final_time=1,
    )
    return nh.solve_fine(problem, 1, mesh=8, steps=4)


def on_left(condition: Callable[[Any], Any]) -> Callable[[Any], object]:
    """A boundary value problem with the condition for a value, solved at eps = 1."""

    def solve(value: Any) -> object:
        conditions = [condition(value), nh.Dirichlet(0, on="right")]
        return nh.solve_fine(stationary(boundary=conditions), 1, mesh=8)

    return solve


ODD: dict[str, Any] = {
    "None": None,
    "True": True,
    "nan": float("nan"),
    "infinity": -float("inf"),
    "10**400": 10**400,
    "string": "1",
    "bytes": b"1",
    "list": [1],
    "nested list": [[1, 2], [3]],
    "empty": (),
    "dictionary": {Q: 1},
    "set": {1},
    "generator": (k for k in range(2)),
    "array": np.array([1.0]),
    "matrix array": np.ones((2, 2)),
    "array of objects": np.array([None]),
    "object": object(),
    "unprintable": Unprintable(),
    "unsympifiable": Unsympifiable(),
    "function": lambda y: y,
    "class": int,
    "true": sp.true,
    "equation": sp.Eq(Q, 1),
    "inequality": Q < 1,
    "zoo": sp.zoo,
    "undeclared": Q,
    "not commuting": sp.Symbol("q", commutative=False),
    "wild": sp.Wild("w"),
    "function class": sp.Function("f"),
    "Lambda": sp.Lambda(Q, 2 * Q),
    "matrix": sp.Matrix([1, 2]),
    "matrix symbol": sp.MatrixSymbol("M", 1, 1)[0, 0],
    "N-dimensional array": sp.Array([1, 2]),
    "interval": sp.Interval(0, 1),
    "unit": 2 * meter,
    "1e500": sp.Float("1e500"),
    "limit": sp.Limit(1 / Q, Q, sp.oo),
    "order": sp.O(Q),
    "bounds": sp.AccumBounds(1, 2),
    "indexed": sp.IndexedBase("b")[0],
    "x of another dimension": SQUARE.x[1],
    "divergent sum": sp.Sum(1 / Q, (Q, 1, sp.oo)),
    "box": DOMAIN,
    "condition": nh.Dirichlet(0),
}
PLACES: dict[str, Callable[[Any], object]] = {
    "coefficient": with_coefficient,
    "source": with_source,
    "Dirichlet": on_left(lambda v: nh.Dirichlet(v, on="left")),
    "Neumann": on_left(lambda v: nh.Neumann(v, on="left")),
    "Robin": on_left(lambda v: nh.Robin(v, 1, on="left")),
    "Initial": lambda v: started(nh.Initial(v)),
    "phase": lambda v: nh.phases(S1, {nh.Layer(0, (0, 0.5)): v}),
    "end of an interval": lambda v: nh.Box((0, v)),
    "radius": lambda v: nh.Disk((0.5, 0.5), v),
    "center": lambda v: nh.Disk((v, 0.5), 0.3),
    "eps": lambda v: nh.solve_fine(stationary(), v),
    "range of a parameter": lambda v: stationary(parameters={Q: (0, v)}),
    "order in time": lambda v: TIMELY.dt(UT, v),
    "period of tau": lambda v: stationary(tau_period=v),
    "published error": lambda v: stationary(paper={0.1: {"e1": v}}),
    "published eps": lambda v: stationary(paper={v: {"e1": 1}} if v.__hash__ else v),
    "components": lambda v: S1.unknown("u", v),
    "dimension": nh.Scales,
    "dimension of a cell": nh.Cell.unit,
    "order": lambda v: nh.homogenize(stationary(), v),
    "time": lambda v: nh.Scales(1, time="yes" if v is True else v),
}
RIGHT = {
    *((place, "list") for place in ("source", "Dirichlet", "Neumann", "Robin", "Initial")),
    *(("phase", name) for name in ("undeclared", "x of another dimension")),
    ("eps", "string"),
}
"""One component as a list; eps as text; a phase whose symbols the problem declares."""


@pytest.mark.parametrize("place", PLACES)
def test_an_odd_value_is_refused_with_a_term_and_a_remedy(place: str) -> None:
    strange = {}
    for name, value in ODD.items():
        try:
            PLACES[place](value)
        except nh.NhpinnError as error:
            if error.term is None or not error.remedy or len(str(error)) > 1500:
                strange[name] = f"{type(error).__name__}: {error}"
        except Exception as error:
            if place != "coefficient" or not raised_by_sympy(error):
                strange[name] = f"{type(error).__name__}: {error}"
        else:
            if (place, name) not in RIGHT:
                strange[name] = "taken"
    assert not strange


def raised_by_sympy(error: Exception) -> bool:
    """Whether the user's own product of the value and a gradient failed, before the package saw
    it.
    """
    frame = error.__traceback__
    names = []
    while frame is not None:
        names.append(frame.tb_frame.f_code.co_filename)
        frame = frame.tb_next
    return not any("nhpinn_sym/" in name and "/tests/" not in name for name in names)


def test_what_only_looks_odd_is_computed() -> None:
    """Wrappers, sums and numbers that SymPy keeps unevaluated; a real value of a function that
    SciPy computes with complex numbers.
    """
    q = sp.Symbol("q")
    kept = [
        sp.UnevaluatedExpr(SMOOTH),
        sp.Subs(SMOOTH + q, q, 0),
        SMOOTH + sp.Sum(q, (q, 1, 3)) - 6,
        SMOOTH * sp.Integral(sp.exp(sp.sin(q)), (q, 0, 1)) / sp.Float("1.6318696084180515"),
    ]
    for a in kept:
        assert nh.solve_cells(with_coefficient(a)).effective["A"][0, 0] == pytest.approx(3**0.5)  # type: ignore[arg-type]
    w = nh.solve_cells(with_coefficient(sp.LambertW(2 + S(S1.y[0])))).effective["A"][0, 0]  # type: ignore[arg-type]
    y = (np.arange(200) + 0.5) / 200
    assert w == pytest.approx(1 / np.mean(1 / lambertw(2 + np.sin(2 * np.pi * y)).real), abs=1e-9)


def test_numbers_that_are_complex_without_an_i() -> None:
    cells = nh.solve_cells(with_coefficient(4 + sp.root(-1, 3) * S(S1.y[0])))  # type: ignore[arg-type]
    y = (np.arange(400) + 0.5) / 400
    assert cells.effective["A"][0, 0] == pytest.approx(
        1 / np.mean(1 / (4 + (-1 + 0j) ** (1 / 3) * np.sin(2 * np.pi * y)))
    )
    with pytest.raises(nh.NhpinnError, match=r"complex|finite"):
        with_coefficient(3 + sp.LambertW(-1 + S(S1.y[0]) / 2))


@pytest.mark.parametrize("backend", ["fourier", "skfem", "pinn"])
def test_complex_coefficients_of_two_levels(backend: str) -> None:
    s = nh.Scales(1, levels=2)
    u = s.unknown("u")
    a = (1 + sp.I / 2) * (2 + S(s.y[0])) * (2 + S(s.z[0]))
    model = nh.homogenize(nh.MultiscaleProblem((-s.div(a * s.grad(u)), 1), scales=s, unknown=u))
    assert nh.solve_cells(model, backend).effective["A"][0, 0] == pytest.approx(3 + 1.5j, abs=1e-5)


def test_a_coefficient_of_x_and_t_says_what_it_takes() -> None:
    a = 2 + TIMELY.x[0] + TIMELY.t + S(TIMELY.y[0])
    problem = nh.MultiscaleProblem(
        (TIMELY.dt(UT) - TIMELY.div(a * TIMELY.grad(UT)), 0),
        scales=TIMELY,
        unknown=UT,
        domain=DOMAIN,
        boundary=list(FIXED),
        initial=[nh.Initial(0)],
        final_time=1,
    )
    found = nh.solve_cells(nh.homogenize(problem)).effective["A"]
    assert found([[0.5, 0.5]])[0, 0, 0] == pytest.approx(8**0.5)
    with pytest.raises(nh.ProblemError, match=r"shape \(n, 2\)"):
        found([[0.5]])


def test_a_trainable_net_as_coefficient() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(1, 1).double()

    def a(y: Any) -> Any:
        return 3 + 0.01 * torch.tanh(net(torch.cos(2 * torch.pi * y).reshape(-1, 1))).reshape(
            y.shape
        )

    model = with_coefficient(sp.Function("a")(S1.y[0]))
    found = nh.solve_cells(model, "pinn", coefficients={"a": a}).effective["A"][0, 0]  # type: ignore[arg-type]
    y = torch.linspace(0, 1, 401, dtype=torch.float64)[:-1]
    assert found == pytest.approx(1 / float((1 / a(y)).mean()))


SINGULAR: dict[str, tuple[Callable[[], object], type[nh.NhpinnError], str]] = {
    "Initial 1/x": (lambda: started(nh.Initial(1 / X)), E.InitialConditionError, "x1 = 0"),
    "Initial tan": (
        lambda: started(nh.Initial(sp.tan(sp.pi * X))),
        E.InitialConditionError,
        "x1 = 0.5",
    ),
    "Initial root": (
        lambda: started(nh.Initial(sp.sqrt(X - sp.Rational(1, 2)))),
        E.InitialConditionError,
        "no finite real|not a finite real",
    ),
    "Dirichlet 1/t": (
        lambda: started(nh.Initial(0), [nh.Dirichlet(1 / T)]),
        E.BoundaryConditionError,
        "t = 0",
    ),
    "Dirichlet 1/x": (
        lambda: nh.solve_fine(stationary(boundary=[nh.Dirichlet(1 / X)]), 1),
        E.BoundaryConditionError,
        "this part of the boundary",
    ),
    "source 1/x": (lambda: with_source(1 / X), E.CoefficientError, "x1 = 0"),
    "source tan": (lambda: with_source(sp.tan(sp.pi * X)), E.CoefficientError, "x1 = 0.5"),
    "source log": (lambda: with_source(sp.log(X - 2)), E.CoefficientError, "finite"),
    "reaction": (
        lambda: nh.homogenize(
            nh.MultiscaleProblem(
                (-S1.div(SMOOTH * S1.grad(U)) + U / (X - sp.Rational(1, 3)) ** 2, 1),
                scales=S1,
                unknown=U,
                domain=DOMAIN,
                boundary=list(FIXED),
            )
        ),
        E.CoefficientError,
        "x1 = 0.333333",
    ),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_data_are_refused_with_the_place(name: str) -> None:
    call, kind, where = SINGULAR[name]
    with pytest.raises(kind, match=where) as caught:
        call()
    assert caught.value.term is not None
    assert caught.value.remedy


def test_a_source_with_an_integrable_singularity_warns() -> None:
    with pytest.warns(nh.ToleranceWarning, match="x1 = 0"):
        with_source(sp.log(X))


def test_options_that_have_no_effect_on_a_fine_solve() -> None:
    with pytest.raises(nh.ProblemError, match="no effect"):
        nh.solve_fine(stationary(), 1, "pinn", per_period=8)
    with pytest.raises(nh.ProblemError, match="tolerance"):
        nh.solve_fine(stationary(), 1, tolerance=float("nan"))


def test_expansions_of_second_order_of_a_homogeneous_medium() -> None:
    """No cell function and no further averaged operator: the expansion is u0."""
    problem = nh.MultiscaleProblem(
        (-S1.div(2 * S1.grad(U)), 1), scales=S1, unknown=U, domain=DOMAIN, boundary=list(FIXED)
    )
    model = nh.homogenize(problem, order=2)
    cells = nh.solve_cells(model)
    fields = nh.solve_hierarchy(model, cells, "skfem")
    assert nh.reconstruct(fields, cells, 0.1)([[0.3]]) == pytest.approx(0.3 * 0.7 / 4)


def test_a_report_that_is_no_solution_is_quoted_by_its_title() -> None:
    model = nh.homogenize(
        nh.MultiscaleProblem((-S1.div(SMOOTH * S1.grad(U)), 1), scales=S1, unknown=U)
    )
    with pytest.raises(nh.ProblemError) as error:
        nh.solve_homogenized(model, model)
    assert len(str(error.value).splitlines()) == 3
