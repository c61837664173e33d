"""Every example of examples/classes is run as a user runs it, and one of its numbers is checked
against a closed form or a quadrature.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.special import mathieu_a

import nhpinn_sym as nh

CLASSES = Path(__file__).parents[2] / "examples" / "classes"
Y = (np.arange(64) + 0.5) / 64
S, C = np.sin(2 * np.pi * Y), np.cos(2 * np.pi * Y)

Example = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def example() -> Example:
    """example(name): the variables of the file after it ran as a script."""
    return cache(lambda name: runpy.run_path(str(CLASSES / f"{name}.py"), run_name="__main__"))


def effective(found: dict[str, Any]) -> dict[str, Any]:
    return found["cells"].effective


def test_every_example_is_tested_here() -> None:
    text = Path(__file__).read_text()
    assert all(f'example("{path.stem}")' in text for path in CLASSES.glob("*.py"))


@pytest.mark.parametrize("path", sorted(CLASSES.glob("*.py")), ids=lambda path: path.stem)
def test_importing_an_example_solves_nothing(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = runpy.run_path(str(path))
    assert isinstance(found["problem"], nh.MultiscaleProblem) and found["problem"].name
    assert "cells" not in found and capsys.readouterr().out == ""


def test_elasticity_2d(example: Example) -> None:
    """Layers (Backus 1962), mu = lam: harmonic means across, and along the layers what the lateral
    contraction leaves.
    """
    mu = 1 + C / 2
    modulus = 1 / np.mean(1 / (3 * mu))
    ratio = 1 / 3  # lam/(lam + 2 mu)
    along = np.mean(3 * mu - mu / 3) + modulus * ratio**2
    shear = 1 / np.mean(1 / mu)
    exact = np.array([[modulus, modulus * ratio, 0], [modulus * ratio, along, 0], [0, 0, shear]])
    assert np.max(np.abs(effective(example("elasticity_2d"))["voigt"] - exact)) < 1e-10
    assert (
        np.max(
            np.abs(
                effective(example("elasticity_2d"))["mandel"]
                - exact * np.outer([1, 1, 2**0.5], [1, 1, 2**0.5])
            )
        )
        < 1e-10
    )


def test_elasticity_3d(example: Example) -> None:
    """What crosses the layers is constant: the matrix n.C.n = mu (2 n n + I) of the normal n has a
    harmonic mean.
    """
    n = np.ones(3) / 3**0.5
    found = np.einsum("ikjl,k,l", effective(example("elasticity_3d"))["A"], n, n)
    assert (
        np.max(np.abs(found - (2 * np.outer(n, n) + np.eye(3)) / np.mean(1 / (1 + C / 2)))) < 1e-4
    )
    assert len(example("elasticity_3d")["model"].cell_problems) == 6


def test_thermoelasticity(example: Example) -> None:
    """One-dimensional problems: M G' - beta = -beta*, G the thermal corrector, M = lam + 2 mu."""
    m, beta = 3 * (1 + C / 2), 2 + S
    thermal = np.mean(beta / m) / np.mean(1 / m)
    found = effective(example("thermoelasticity"))
    assert abs(abs(found["beta"][0, 0, 2]) - thermal) < 1e-10
    assert found["rho"][2, 2] == pytest.approx(2 + np.mean(beta * (beta - thermal) / m), abs=1e-10)


def test_piezoelectricity(example: Example) -> None:
    """Layers: what crosses them is constant, so that its matrix has a harmonic mean."""
    mu, p = 2 + C, 1 + S / 2
    zero = np.zeros_like(mu)
    local = np.array([[3 * mu, zero, p], [zero, mu, zero], [p, zero, np.full_like(mu, -3)]])
    found = effective(example("piezoelectricity"))["A"][:, 0, :, 0]
    assert np.max(np.abs(found - harmonic(np.moveaxis(local, -1, 0)))) < 1e-10
    assert not example("piezoelectricity")["model"].definite


def test_coupled_reaction(example: Example) -> None:
    k = np.array([[1, 2], [3, 0]])
    assert (
        np.max(np.abs(effective(example("coupled_reaction"))["c"] + k @ k / (16 * np.pi**2)))
        < 1e-10
    )


def test_large_drift(example: Example) -> None:
    """Reimann et al. 2001: velocity and diffusion of a tilted periodic potential by quadrature."""
    velocity, diffusion = tilted(lambda y: y + np.sin(2 * np.pi * y) / np.pi)
    found = effective(example("large_drift"))
    assert found["drift"][0] == pytest.approx(velocity, abs=1e-9)
    assert found["A"][0, 0] == pytest.approx(diffusion, abs=1e-9)


def test_nondivergence(example: Example) -> None:
    a = 2 + S[:, None] * C[None]
    assert (
        np.max(np.abs(effective(example("nondivergence"))["A"] - np.eye(2) / np.mean(1 / a)))
        < 1e-10
    )


def test_ground_state(example: Example) -> None:
    """The characteristic value of Mathieu's equation."""
    assert effective(example("ground_state"))["lambda0"] == pytest.approx(
        np.pi**2 * mathieu_a(0, 10 / np.pi**2), abs=1e-9
    )


def test_fast_time(example: Example) -> None:
    """k = 1: the harmonic mean; k = 2: with z = y - tau, M = N - C solves a M' + M = -a, and A* =
    -<M>; k = 3: the mean.
    """
    found = example("fast_time")["effective"]
    assert found[1] == pytest.approx(5**0.5, abs=1e-9)
    assert found[2] == pytest.approx(travelling(), abs=1e-7)
    assert found[3] == 3


def test_waves(example: Example) -> None:
    """<N^2> by quadrature of N' = a*/a - 1."""
    y = np.arange(4096) / 4096
    slope = 3**0.5 / (2 + np.sin(2 * np.pi * y)) - 1
    frequencies = 2j * np.pi * np.fft.fftfreq(4096, 1 / 4096)
    n = np.fft.ifft(
        np.divide(
            np.fft.fft(slope), frequencies, out=np.zeros(4096, complex), where=frequencies != 0
        )
    ).real
    waves, k, eps = example("waves")["waves"], 0.5, 1 / 8
    assert waves.B[0, 0, 0, 0] == pytest.approx(-(3**0.5) * np.mean(n**2), abs=1e-10)
    assert waves.frequency([[k]], eps)[0] ** 2 == pytest.approx(
        3**0.5 * k**2 * (1 - (eps * k) ** 2 * np.mean(n**2)), rel=1e-9
    )


def test_reiterated(example: Example) -> None:
    assert np.max(np.abs(effective(example("reiterated"))["A"] - np.diag([3, 4]))) < 1e-9


def test_plate(example: Example) -> None:
    """Bending of layers: M_11 is constant."""
    d, nu = 2 + S, 0.25
    across = 1 / np.mean(1 / d)
    found = effective(example("plate"))["A"]
    assert found[0, 0, 0, 0] == pytest.approx(across, abs=1e-10)
    assert found[1, 1, 1, 1] == pytest.approx((1 - nu**2) * np.mean(d) + nu**2 * across, abs=1e-10)


def test_higher_order(example: Example) -> None:
    report = example("higher_order")["report"]
    assert [report.rates_of(p)[-1] for p in range(4)] == pytest.approx([1, 2, 3, 4], abs=0.05)


def test_complex_layers(example: Example) -> None:
    a = 3 + S + 1j * (1 + C / 2)
    assert (
        np.max(
            np.abs(
                effective(example("complex_layers"))["A"]
                - np.diag([1 / np.mean(1 / a), np.mean(a)])
            )
        )
        < 1e-10
    )


def test_locally_periodic_2d(example: Example) -> None:
    x = np.array([[0.1, 0.9], [0.83, 0.21]])
    found = effective(example("locally_periodic_2d"))["A"](x)
    assert np.max(np.abs(found[:, 0, 0] - np.sqrt((2 + x[:, 1]) ** 2 - x[:, 0] ** 2))) < 1e-9
    assert np.max(np.abs(found[:, 1, 1] - (2 + x[:, 1]))) < 1e-9


def test_opaque(example: Example) -> None:
    """As many correctors as strains, and as first derivatives of them."""
    problems = example("opaque")["model"].cell_problems
    assert [sum(p.order == n for p in problems) for n in (1, 2)] == [6, 18]


def harmonic(local: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m, m): the inverse of the mean inverse."""
    return np.asarray(np.linalg.inv(np.mean(np.linalg.inv(local), axis=0)))


def tilted(force_integral: Callable[[Any], Any]) -> tuple[float, float]:
    """(<psi b>, D) of dX = b dt + sqrt(2) dW with b the derivative of `force_integral`, by the
    trapezoid rule.
    """
    n = 400
    y = np.arange(n) / n
    z = (np.polynomial.legendre.leggauss(60)[0] + 1) / 2
    w = np.polynomial.legendre.leggauss(60)[1] / 2
    plus = np.array([np.sum(w * np.exp(force_integral(x - z) - force_integral(x))) for x in y])
    minus = np.array([np.sum(w * np.exp(force_integral(x) - force_integral(x + z))) for x in y])
    total = force_integral(1.0) - force_integral(0.0)
    return float((1 - np.exp(-total)) / np.mean(plus)), float(
        np.mean(plus**2 * minus) / np.mean(plus) ** 3
    )


def travelling() -> float:
    def slope(z: float, m: NDArray[np.float64]) -> list[float]:
        a = 3 + 2 * np.sin(2 * np.pi * z)
        return [-m[0] / a - 1, -m[1] / a, m[0], m[1]]

    end = solve_ivp(slope, (0, 1), [0, 1, 0, 0], method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    start = end[0] / (1 - end[1])  # the periodic solution: particular + start * homogeneous
    return float(-(end[2] + start * end[3]))
