"""Coefficients without a formula that are given as functions: the same numbers as with the
formula.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.emit.unknown_functions import Opaque, derivative_of
from nhpinn_sym.problem.errors import CoefficientError, PeriodError, ProblemError, UnsupportedError
from nhpinn_sym.runtime.nets.derivatives import derivative

PI = np.pi
A = sp.Function("a")


def model(
    make: Callable[[nh.Scales], sp.Expr], dim: int = 2, source: object = 1
) -> nh.HomogenizedModel:
    s = nh.Scales(dim)
    u, box = s.unknown("u"), nh.Box(*((0, 1),) * dim)
    f = source(s) if callable(source) else source
    return nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(make(s) * s.grad(u)), f),
            scales=s,
            unknown=u,
            domain=box,
            boundary=[nh.Dirichlet(0)],
        )
    )


def opaque(s: nh.Scales) -> sp.Expr:
    return A(*s.y)


def formula(s: nh.Scales) -> sp.Expr:
    return 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])


def values(library: Any) -> Callable[..., Any]:
    return lambda y, z: 2 + library.sin(2 * PI * y) * library.cos(2 * PI * z)


def test_a_function_gives_what_its_formula_gives() -> None:
    given, written = (
        nh.solve_cells(model(opaque), "pinn", coefficients={"a": values(torch)}),
        nh.solve_cells(model(formula), "pinn"),
    )
    y = np.random.default_rng(0).random((20, 2))
    assert np.allclose(given.effective["A"], written.effective["A"], rtol=0, atol=1e-12)
    assert np.allclose(given.functions[0](y), written.functions[0](y), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("backend", "within"), [("fourier", 1e-12), ("skfem", 1e-6)])
def test_functions_of_arrays_for_other_backends(backend: str, within: float) -> None:
    given = nh.solve_cells(model(opaque), backend, coefficients={"a": values(np)})
    assert np.allclose(
        given.effective["A"],
        nh.solve_cells(model(formula), "fourier").effective["A"],
        rtol=0,
        atol=within,
    )


@pytest.mark.parametrize("backend", ["pinn", "fourier"])
def test_a_function_of_x_and_y(backend: str) -> None:
    """a* = sqrt((2 + x)^2 - 1/4)."""
    library: Any = torch if backend == "pinn" else np
    given = nh.solve_cells(
        model(lambda s: A(s.x[0], s.y[0]), 1),
        backend,
        coefficients={"a": lambda x, y: 2 + x + library.sin(2 * PI * y) / 2},
    )
    x = np.linspace(0, 1, 9)
    assert np.allclose(
        given.effective["A"](x[:, None])[:, 0, 0], np.sqrt((2 + x) ** 2 - 0.25), rtol=0, atol=1e-8
    )


def test_a_function_of_a_combination_of_coordinates() -> None:
    """a(2 y) has the period 1/2, and its derivative is written with Subs."""
    given = nh.solve_cells(
        model(lambda s: 3 + A(2 * s.y[0]), 1),
        "pinn",
        coefficients={"a": lambda z: torch.sin(2 * PI * z)},
    )
    assert given.effective["A"][0, 0] == pytest.approx(np.sqrt(8), abs=1e-9)


def test_functions_in_the_boundary_value_problems() -> None:
    """-u'' = f on (0, 1) with f = pi^2 sin(pi x) without a formula, by solve_homogenized and by
    solve_fine.
    """
    f = sp.Function("f")
    opaque_source = model(lambda s: sp.Integer(1), 1, lambda s: f(s.x[0]))
    given: dict[str, Any] = {"f": lambda x: PI**2 * torch.sin(PI * x)}
    cells, x = (
        nh.solve_cells(opaque_source, "pinn", coefficients=given),
        np.linspace(0, 1, 11)[:, None],
    )
    u = nh.solve_homogenized(opaque_source, cells, "pinn", coefficients=given)
    assert np.allclose(u(x), np.sin(PI * x[:, 0]), rtol=0, atol=1e-7)


def test_nested_derivatives_by_autograd() -> None:
    x, y = torch.rand(2, 6, dtype=torch.float64)

    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(2 * a) * b**3

    assert torch.allclose(derivative(function, (x, y), (2, 1)), 12 * torch.exp(2 * x) * y**2)
    assert torch.equal(
        derivative(lambda a, b: torch.ones_like(a), (x, y), (1, 1)),
        torch.zeros(6, dtype=torch.float64),
    )
    with torch.no_grad():
        assert torch.allclose(
            derivative(function, (x, torch.tensor(2.0, dtype=torch.float64)), (0, 4)),
            torch.zeros(6, dtype=torch.float64),
        )


def test_derivatives_are_read() -> None:
    x, y = sp.symbols("x y")
    assert derivative_of(A(x, y).diff(x, 2, y)) == Opaque("a", (x, y), (2, 1))
    (inner,) = A(2 * x).diff(x).atoms(sp.Subs)
    assert derivative_of(inner) == Opaque("a", (2 * x,), (1,))
    with pytest.raises(UnsupportedError, match="cannot take"):
        derivative_of(sp.Derivative(A(x, x), x))


@pytest.mark.parametrize(("given", "error", "message"), [
    ({}, UnsupportedError, 'coefficients={"a"'), ({"a": values(torch), "b": values(torch)}, ProblemError, "no coefficient without a formula"),
    ({"a": 3.0}, ProblemError, "is not a function"), ({"a": lambda y, z: torch.ones(3)}, ProblemError, "gave values of shape"),
    ({"a": lambda y, z: -values(torch)(y, z)}, CoefficientError, "not positive definite"),
    ({"a": lambda y, z: 2 + y}, PeriodError, "period"), ({"a": lambda y, z: 2 + 1 / (z - z)}, CoefficientError, "not a finite number"),
    ([values(torch)], ProblemError, "are a dictionary"), ({"a": lambda y: 2 + y}, ProblemError, "raised TypeError"),
    ({"a": lambda y, z: 1 / 0}, ProblemError, "raised ZeroDivisionError"), ({"a": lambda y, z: values(torch)(y, z) + 1j}, ProblemError, "not real"),
    ({"a": values(np)}, ProblemError, "cannot differentiate"),
    ({"a": lambda y, z: values(torch)(y.detach(), z.detach())}, ProblemError, "not those of its values"),
    ({"a": lambda y, z: torch.where((y % 1 - 0.5).abs() < 0.2, 1.0, 2.0) + 0 * y}, ProblemError, "not those of its values"),
])  # fmt: skip
def test_values_are_checked(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        nh.solve_cells(model(opaque), "pinn", coefficients=given)


def test_a_function_outside_of_the_divergence() -> None:
    """-a u'': the adjoint kernel is 1/a, and the equation of it holds derivatives of a; a* is the
    harmonic mean.
    """
    s = nh.Scales(1)
    u = s.unknown("u")
    derived = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-A(s.y[0]) * s.laplacian(u), 1), scales=s, unknown=u)
    )
    found = nh.solve_cells(derived, "pinn", coefficients={"a": lambda y: 2 + torch.sin(2 * PI * y)})
    assert found.effective["A"][0, 0] == pytest.approx(np.sqrt(3), abs=1e-9)
    with pytest.raises(UnsupportedError, match="derivative of a coefficient"):
        nh.solve_cells(derived, "fourier", coefficients={"a": lambda y: 2 + np.sin(2 * PI * y)})


def test_complex_values_are_not_cut_off() -> None:
    with pytest.raises(ProblemError, match="not real"):
        nh.solve_cells(
            model(opaque), "fourier", coefficients={"a": lambda y, z: values(np)(y, z) + 1j}
        )


@pytest.mark.parametrize("y_scale", [1, 6])
def test_steep_and_oscillating_functions_pass_the_check_of_derivatives(y_scale: int) -> None:
    """1 + exp(30 (cos - 1)) falls over a tenth of the cell."""
    given = nh.solve_cells(
        model(lambda s: A(y_scale * s.y[0]), 1),
        "pinn",
        tolerance=1e-4,
        coefficients={"a": lambda y: 1 + torch.exp(30 * (torch.cos(2 * PI * y) - 1))},
    )
    y = np.arange(4096) / 4096
    assert given.effective["A"][0, 0] == pytest.approx(
        1 / np.mean(1 / (1 + np.exp(30 * (np.cos(2 * PI * y) - 1)))), abs=1e-3
    )


def test_a_function_that_is_not_smooth_by_elements() -> None:
    """Layers of 1 + |y - 1/2|: the harmonic mean across, the mean along them."""
    found = nh.solve_cells(
        model(opaque),
        "skfem",
        tolerance=1e-4,
        coefficients={"a": lambda y, z: 1 + np.abs(y - np.floor(y) - 0.5)},
    )
    expected = np.diag([1 / (2 * np.log(1.5)), 1.25])
    np.testing.assert_allclose(found.effective["A"], expected, atol=2e-4)
