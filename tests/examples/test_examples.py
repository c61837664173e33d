"""Every example is run as a user runs it, and its figures are checked against the converged values
of the paper's problems.
"""

from __future__ import annotations

import io
import json
import runpy
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
A_STAR_2D = 1.9353592348122903
CONVERGED_E4 = {"elliptic_1d": 0.0050603, "elliptic_2d": 0.011663, "slowly_varying_1d": 0.0051252}
READINGS = {
    "problem_10": (0.00093230, -1 / (16 * np.pi**2)),
    "problem_50": (0.00017940, -1 / (16 * np.pi**2)),
    "as_printed_10": (0.16059, -0.25),
    "as_printed_50": (0.0075116, -0.25),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """results(name): the results.json of each run below out/ of one example."""

    @cache
    def run(name: str) -> dict[str, dict[str, Any]]:
        folder = tmp_path_factory.mktemp(name)
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
            patch.chdir(folder)
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        for text in (
            "Homogenized equation",
            "1. Multiscale equation",
            "cell problems",
            "AGREEMENT",
        ):
            assert text in printed.getvalue()
        found = sorted(folder.glob("out/**/results.json"))
        for path in found:
            pictures = {p.stem for p in path.parent.glob("*.png")}
            assert pictures == {p.stem for p in path.parent.glob("*.svg")}
            assert pictures >= {"coefficient", "cell_functions", "solutions", "error"}
            assert (path.parent / "report.html").stat().st_size < 3e6
        return {path.parent.name: json.loads(path.read_text()) for path in found}

    return run


@pytest.mark.parametrize("name", CONVERGED_E4)
def test_elliptic_errors(results: Any, name: str) -> None:
    (result,) = results(name).values()
    converged = CONVERGED_E4[name]
    assert result["errors"]["e4"] == pytest.approx(converged, rel=0.01)
    assert result["errors"]["e1"] == pytest.approx(converged, rel=0.02)
    assert result["errors"]["e3"] < 1e-4
    assert result["budget"]["reference"] < 0.01 * converged
    assert result["verdict"] == "AGREEMENT"


@pytest.mark.parametrize("run", READINGS)
def test_reaction_diffusion(results: Any, run: str) -> None:
    result = results("reaction_diffusion")[run]
    converged, r_star = READINGS[run]
    assert result["errors"]["e4"] == pytest.approx(converged, rel=0.05)
    assert result["errors"]["e3"] <= 1e-3
    for backend in ("pinn", "fourier"):
        assert abs(result["effective"][backend]["c"] - r_star) < 1e-9


def test_effective_tensor_of_elliptic_2d_on_every_backend(results: Any) -> None:
    (result,) = results("elliptic_2d").values()
    bounds = {"pinn": 1e-9, "fourier": 1e-9, "dolfinx": 1e-6}
    assert set(result["effective"]) == set(bounds)
    for backend, bound in bounds.items():
        assert (
            np.max(np.abs(np.array(result["effective"][backend]["A"]) - A_STAR_2D * np.eye(2)))
            < bound
        )


def test_effective_field_of_slowly_varying_1d(results: Any) -> None:
    (result,) = results("slowly_varying_1d").values()
    x = np.array(result["effective"]["pinn"]["x"])[:, 0]
    exact = np.sqrt((2 + np.sin(x)) ** 2 - 0.25)
    found = np.array(result["effective"]["pinn"]["A"])[:, 0, 0]
    assert np.linalg.norm(found - exact) < 1e-8 * np.linalg.norm(exact)


def test_first_order_approximation_of_elliptic_2d(results: Any) -> None:
    (result,) = results("elliptic_2d").values()
    assert result["first_order"]["L2"] == pytest.approx(0.0040724, rel=0.01)
    assert result["first_order"]["H1"] == pytest.approx(0.05268, rel=0.01)
    assert result["second_order"]["L2 with layers"] < 0.0004
    assert result["second_order"]["H1 with layers"] < 0.004


def test_elasticity_square(results: Any) -> None:
    """A constant shear modulus: lam* + 2 mu is the harmonic mean of lam + 2 mu (Hill 1964); 1.18 %
    is the converged error at eps = 1/8.
    """
    (result,) = results("elasticity_square").values()
    y = np.arange(256) / 256
    modulus = 1 / np.mean(1 / (6 + 3 * np.outer(np.sin(2 * np.pi * y), np.cos(2 * np.pi * y))))
    exact = np.array([[modulus, modulus - 2, 0], [modulus - 2, modulus, 0], [0, 0, 1]])
    for backend in ("pinn", "fourier"):
        assert np.max(np.abs(np.array(result["effective"][backend]["voigt"]) - exact)) < 1e-9
    assert result["errors"]["e4"] == pytest.approx(0.011851, rel=0.01)
    assert result["errors"]["e1"] == pytest.approx(0.011851, rel=0.01)
    assert result["errors"]["e3"] < 2e-4
    assert set(result["info"]["errors by component"]) == {"v_1", "v_2"}
    assert result["verdict"] == "AGREEMENT"


def test_the_papers_own_errors_stand_beside(results: Any) -> None:
    (result,) = results("elliptic_2d").values()
    assert result["paper"]["e1"] == 0.082994
    assert all(isinstance(result["errors"][name], float) for name in ("e1", "e2", "e3", "e4"))
