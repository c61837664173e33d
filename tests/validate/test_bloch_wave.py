"""The exact solution of the oracle against dense collocation matrices of the same term table."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.operator.parse import parse
from nhpinn_sym.problem.errors import SolveError, ToleranceWarning
from nhpinn_sym.validate import bloch_wave
from nhpinn_sym.validate.bloch_wave import PlaneWave
from tests.validate.dense import Expansion, expansion
from tests.validate.linear_classes import CLASSES, piezo

EPS = 1 / 5
K = (2.0, 1.5, 1.0)


def plane_wave(name: str) -> tuple[PlaneWave, Expansion, np.ndarray]:
    """The same problem twice: in the frame and with the eigenvalue that the dense expansion
    finds.
    """
    case = CLASSES[name]
    op = parse(case.problem)
    s = 1.0 if op.problem.scales.time else 0.0
    dense = expansion(op, K[: case.scales["dim"]], s, 1, case.points)
    force = np.linspace(1, 2, op.components)
    units = np.ones(op.components)
    wave = PlaneWave(
        op,
        {},
        K[: case.scales["dim"]],
        lambda e: s + dense.shift / e - dense.decay / e**2,
        lambda y: force[:, None] * np.ones(len(y)),
        dense.averaged[0],
        units,
        units,
    )
    return wave, dense, force


@pytest.mark.parametrize(
    "name", [name for name in CLASSES if not name.startswith(("ground", "three"))]
)
def test_it_solves_the_matrix(name: str) -> None:
    wave, dense, force = plane_wave(name)
    _, (w,), _ = wave.solve([EPS])
    expected = dense.exact(EPS, force)
    size = np.abs(expected).max()
    assert np.abs(w.mean(axis=1) - expected.mean(axis=1)).max() < 1e-5 * size
    spread, wanted = (np.abs(v - v.mean(axis=1, keepdims=True)) ** 2 for v in (w, expected))
    assert spread.mean(axis=1) == pytest.approx(wanted.mean(axis=1), rel=1e-3, abs=1e-10 * size**2)


@pytest.mark.parametrize("name", ["every term", "elastic wave", "fourth order", "time-periodic"])
def test_krylov_finds_what_elimination_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wave, _, _ = plane_wave(name)
    monkeypatch.setattr(bloch_wave, "_SIZES", {1: (15, 31), 2: (9, 15)})
    monkeypatch.setattr(bloch_wave, "CONVERGED", 1.0)
    monkeypatch.setattr(bloch_wave, "_DENSE", 10**4)
    grid, (direct,), _ = wave.solve([EPS])
    monkeypatch.setattr(bloch_wave, "_DENSE", 0)
    again, (iterated,), _ = wave.solve([EPS])
    assert again.shape == grid.shape
    assert np.abs(iterated - direct).max() < 1e-11 * np.abs(direct).max()


def test_the_units_of_a_system_do_not_matter() -> None:
    """Piezoelectricity in SI units: the entries of the averaged operator differ by 19 orders of
    magnitude.
    """
    waves = []
    for stiffness, permittivity in ((1.0, 1.0), (1e11, 1e-8)):
        units = np.sqrt([stiffness, stiffness, permittivity])
        coupling = float(np.sqrt(stiffness * permittivity))
        op = parse(
            CLASSES["piezoelectric"]
            ._replace(build=lambda s, c=(stiffness, coupling, permittivity): piezo(s, *c))
            .problem
        )
        symbol = np.diag([10.0, 10.0, -10.0]) * np.outer(units, units)
        wave = PlaneWave(
            op,
            {},
            K[:2],
            lambda e: 0.0,
            lambda y, u=units: u[:, None] * np.ones(len(y)),
            symbol,
            units,
            units,
        )
        waves.append(wave.solve([EPS])[1][0])
    assert np.abs(waves[1] - waves[0]).max() < 1e-9 * np.abs(waves[0]).max()


def test_it_says_where_it_cannot_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    wave, _, _ = plane_wave("nonsymmetric tensor")
    monkeypatch.setattr(bloch_wave, "_DENSE", 0)
    with monkeypatch.context() as hopeless:
        hopeless.setattr(bloch_wave, "_REQUIRED", 0.0)
        with pytest.raises(SolveError, match="stalled"):
            wave.solve([EPS])
    monkeypatch.setattr(bloch_wave, "_SIZES", {2: (7, 9)})
    with pytest.warns(ToleranceWarning, match="still changes"):
        wave.solve([EPS])
