"""The second corrector in the plane by its own definition: the strong residual of the expansion, in
two scales, with derivatives by FFT along y and by differences along x, has order eps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.emit import nonlinear_text
from nhpinn_sym.emit.source import load
from nhpinn_sym.lower.nonlinear import lower_state
from nhpinn_sym.runtime.fourier.grid import Grid
from nhpinn_sym.runtime.fourier.law_levels import solve_states
from nhpinn_sym.runtime.fourier.states import MacroState, StateSolver
from nhpinn_sym.runtime.second_corrector import GridSpace, second_order

S = nh.Scales(2)
U = S.unknown("u")
X1, X2 = S.x
Y1, Y2 = (2 * sp.pi * y for y in S.y)
A = 2 + sp.sin(Y1) * sp.cos(Y2) + sp.sin(Y1 + 1) / 2 + sp.cos(Y1 + Y2 + 1) / 3
N = 31
STEP = 1e-3
CURVATURE = np.array([[1.0, 0.5], [0.5, -0.3]])

# flux(u, p), and a reaction(u) of size 1/eps.
CASES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]] = {
    "monotone": (lambda u, p: A * (1 + p.dot(p)) * p, lambda u: sp.Integer(0)),
    "of x and u, not symmetric, with a reaction": (
        lambda u, p: (
            A * (1 + X1 * X2 / 2 + u**2 * sp.cos(Y2 + X1) ** 2 + p.dot(p)) * p
            + sp.sin(Y1 + Y2) / 3 * sp.Matrix([-p[1], p[0]])
        ),
        lambda u: 3 * sp.cos(Y2 + 1) * (u + u**2) + sp.sin(Y1) * u,
    ),
}


class Jet:
    """Where u0 is at x = at + shift: its value, slopes and the point itself, by its own Taylor
    polynomial.
    """

    def __init__(self, shift: Any = (0.0, 0.0)) -> None:
        h = np.asarray(shift)
        slopes = np.array([0.7, 0.2])
        self.x = np.array([0.3, 0.6]) + h
        self.u = 0.4 + slopes @ h + h @ CURVATURE @ h / 2
        self.slopes = slopes + CURVATURE @ h

    @property
    def macro(self) -> MacroState:
        others = {f"x{k + 1}": np.array([c]) for k, c in enumerate(self.x)}
        return MacroState(np.array([[self.u]]), self.slopes.reshape(1, 2, 1), others)


def along(f: Any, axis: int) -> Any:
    waves = 2j * np.pi * np.fft.fftfreq(N, 1 / N)
    shape = (-1, 1) if axis == 0 else (1, -1)
    return np.fft.ifft(waves.reshape(shape) * np.fft.fft(f, axis=axis), axis=axis).real


def gradient(f: Any) -> Any:
    return np.stack([along(f, 0), along(f, 1)])


def divergence(q: Any) -> Any:
    return along(q[0], 0) + along(q[1], 1)


@pytest.mark.parametrize("name", CASES)
def test_the_second_corrector_leaves_a_residual_that_is_free_of_y(name: str) -> None:
    flux, reaction = CASES[name]
    equation = -S.div(flux(U, S.grad(U))) + reaction(U) / S.eps
    problem = nh.MultiscaleProblem(sp.Eq(equation, 1), scales=S, unknown=U, ranges={U: (-1, 1)})
    model = nh.homogenize(problem, order=2)
    assert isinstance(model, nh.NonlinearModel)
    forms = load(nonlinear_text.state(lower_state(model.state, "cell", order=2)), "state_numpy")
    solver = StateSolver(forms, Grid(forms.CELL, N))
    names = sp.symbols("u p1 p2")
    numbers = (*S.x, *S.y, *names)
    emitted = sp.lambdify(numbers, list(flux(names[0], sp.Matrix(names[1:]))))
    source = sp.lambdify(numbers, reaction(names[0]))
    y = np.meshgrid(np.arange(N) / N, np.arange(N) / N, indexing="ij")

    def jets(own: Jet, corrected: Any) -> Any:
        return (*own.x, *y, *corrected)

    def at(own: Jet) -> tuple[Any, Any]:
        """N, and the jets of order 0: u0 and grad u0 + grad_y N."""
        n = solver.grid.backward(solve_states(solver, own.macro)[1].modes)[0, 0]
        zero = np.stack([np.full((N, N), own.u), *(own.slopes[:, None, None] + gradient(n))])
        return n, zero

    here = Jet()
    n, zero = at(here)
    cell = -divergence(emitted(*jets(here, zero))) + source(*jets(here, zero))
    assert np.abs(cell).max() < 1e-8
    slow = []
    changed = np.zeros((N, N))
    for k in range(2):
        sides = [Jet(sign * STEP * np.eye(2)[k]) for sign in (1, -1)]
        (ahead, jets_ahead), (behind, jets_behind) = (at(own) for own in sides)
        slow.append((ahead - behind) / (2 * STEP))
        fluxes = [
            emitted(*jets(own, j))[k]
            for own, j in zip(sides, (jets_ahead, jets_behind), strict=True)
        ]
        changed += (fluxes[0] - fluxes[1]) / (2 * STEP)
    modes = solve_states(solver, here.macro)[1].modes
    found = second_order(GridSpace(forms, solver, here.macro, modes), CURVATURE[None, :, :, None])
    second = found.second.values[0, 0].reshape(N, N)
    # u - u0 = eps N + eps^2 N2: the jets of order eps, along which fluxes change.
    one = np.stack([n, *(np.stack(slow) + gradient(second))])
    either = [jets(here, zero + sign * STEP * one) for sign in (1, -1)]
    flux_1 = (np.array(emitted(*either[0])) - np.array(emitted(*either[1]))) / (2 * STEP)
    source_1 = (source(*either[0]) - source(*either[1])) / (2 * STEP)
    residual = -changed - divergence(flux_1) + source_1
    assert np.abs(residual - residual.mean()).max() < 1e-4 * np.abs(changed - changed.mean()).max()
    assert found.arrays["flux"].ravel() == pytest.approx(flux_1.mean(axis=(1, 2)), abs=1e-5)
