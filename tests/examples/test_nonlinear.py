"""The nonlinear examples as a user runs them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nhpinn_sym as nh

EXAMPLES = Path(__file__).parents[2] / "examples" / "nonlinear"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def run_example(name: str) -> dict[str, Any]:
        found = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        assert Path(f"out/{name}/u0.svg").is_file()
        return found

    return run_example


def test_conduction(run: Any) -> None:
    errors = run("conduction")["errors"]
    assert errors[8][0] == pytest.approx(3.404e-2, rel=2e-3)
    assert errors[16][0] == pytest.approx(1.660e-2, rel=2e-3)
    assert errors[16][1] < 0.5 * errors[8][1] < 0.025


def test_richards(run: Any) -> None:
    law = run("richards")["law"]
    y = np.arange(400) / 400
    harmonic = 1 / np.mean(np.exp(-np.sin(2 * np.pi * y)))
    assert law.storage(u=0.5) == pytest.approx(0.5 + 0.125 / 3)
    assert law.effective("A", u=0.5) == pytest.approx(np.array([[1.25 * harmonic]]))


def test_ramberg_osgood() -> None:
    """Finite elements and Fourier on the smooth interphase; the whole example takes a minute."""
    found = runpy.run_path(str(EXAMPLES / "ramberg_osgood.py"))
    model = nh.homogenize(found["problem"])
    strain = found["STRAIN"]
    stress = nh.solve_law(model, n=31).flux(strain=strain)
    elements = nh.solve_law(model, "skfem", tolerance=1e-2)
    assert elements.flux(strain=strain) == pytest.approx(stress, rel=2e-4)
    assert stress == pytest.approx(stress.T, rel=1e-10)


def test_reaction(run: Any) -> None:
    found = run("reaction")
    assert found["law"].reaction(u=0.7) == pytest.approx(-(0.7**3) / (0.4 * np.pi**2), rel=1e-9)
    x = np.array([[0.3]])
    assert found["u0"](x) == pytest.approx(np.sin(0.3 * np.pi), rel=1e-6)
    errors = found["errors"]
    assert errors[16][0] < 0.6 * errors[8][0] < 0.02
    assert errors[16][1] < 0.4 * errors[8][1] < 0.005


def test_hamilton_jacobi(run: Any) -> None:
    found = run("hamilton_jacobi")
    for grad in (0.0, 2.0):
        exact = found["hopf_cole"](grad)
        assert found["law"].hamiltonian(grad=grad) == pytest.approx(exact, rel=1e-9)
    assert found["errors"][8] < 0.6 * found["errors"][4]
    assert found["errors"][8] == pytest.approx(0.101, rel=0.1)


def test_p_laplacian(run: Any) -> None:
    found = run("p_laplacian")
    assert found["double"] == pytest.approx(4 * found["flux"], rel=1e-6)
    assert found["back"] == pytest.approx([1, 0.5], rel=1e-6)
    assert found["learned"] == pytest.approx(found["flux"], rel=1e-4)
