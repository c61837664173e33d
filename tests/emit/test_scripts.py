"""Scripts for DeepXDE and PINA: their text, their residuals against ours, that they run, and what
they refuse.
"""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.emit.source import Source
from nhpinn_sym.runtime.effective import Effective
from nhpinn_sym.runtime.pinn_scripts import effective_array

from ..symbolic import C, S, problem
from .script_problems import EXAMPLES, example

ROOT = Path(__file__).parents[2]
TARGETS = ("deepxde", "pina")


@pytest.fixture(scope="module")
def elliptic_2d() -> nh.HomogenizedModel:
    found = runpy.run_path(str(ROOT / "examples" / "elliptic_2d.py"))
    return nh.homogenize(found["problem"])


@pytest.mark.parametrize("target", TARGETS)
def test_text(
    target: str, elliptic_2d: nh.HomogenizedModel, golden: Callable[[str, str], None]
) -> None:
    source = nh.emit(elliptic_2d, target)
    for name, text in source.files:
        golden(f"{target}/elliptic_2d_{name}", text)


@pytest.mark.filterwarnings("ignore:no files for the .* equation")
@pytest.mark.parametrize("name", [*EXAMPLES, "../elasticity_square"])
def test_scripts_of_examples_are_short(name: str) -> None:
    model = nh.homogenize(example(name))
    for target in TARGETS:
        _require_short(nh.emit(model, target))


def test_scripts_of_nonlinear_examples_are_short() -> None:
    _require_short(nh.emit(nh.homogenize(example("../nonlinear/ramberg_osgood")), "pina"))


def _require_short(source: Source) -> None:
    for name, text in source.files:
        lines = [line for line in text.splitlines() if line.strip()]
        assert 35 <= len(lines) <= 80, (name, len(lines))
        assert max(map(len, lines)) <= 100


@pytest.fixture(scope="module")
def run_scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `script_residuals` writes for each target, in processes of its own."""
    folder = tmp_path_factory.mktemp("scripts")
    done = subprocess.run(
        [sys.executable, "-m", "tests.emit.script_residuals", folder, *TARGETS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_residuals_are_ours_and_scripts_run(target: str, run_scripts: Path) -> None:
    differences = json.loads((run_scripts / target / "differences.json").read_text())
    assert len(differences) == {"deepxde": 80, "pina": 54}[target]
    assert max(differences.values()) < 1e-10, differences
    folder = run_scripts / target / "reacting"
    effective = Effective.load(folder / "effective.json")
    assert np.isfinite(effective(("c", (0, 1)), np.zeros((1, 1)), ["x1"])).all()
    for name in ("homogenized", "fine"):
        with np.load(folder / f"{name}.npz") as values:
            assert values["u"].shape == (len(values["points"]), 2)


def test_a_closed_law_needs_no_library(tmp_path: Path) -> None:
    """Constant coefficients: cells.py writes what is known."""
    model = nh.homogenize(problem(lambda s, u: sp.Eq(-s.div(3 * s.grad(u)), 1)))
    nh.emit(model, "deepxde").save(tmp_path)
    subprocess.run([sys.executable, "cells.py"], cwd=tmp_path, check=True, timeout=60)
    effective = Effective.load(tmp_path / "effective.json")
    assert effective(("A", (0, 0)), np.zeros((1, 1)), ["x1"]) == 3


REFUSED = {
    "jump": (
        lambda s, u: sp.Eq(-s.div(sp.Piecewise((1, s.y[0] < 0.5), (2, True)) * s.grad(u)), 1),
        {},
        "jumps",
    ),
    "slow": (
        lambda s, u: sp.Eq(-s.div((3 + s.x[0] + S(s.y[0])) * s.grad(u)), 1),
        {},
        "depends on x",
    ),
    "kernel": (
        lambda s, u: sp.Eq(s.dt(u) - s.div(s.grad(u)) + C(s.y[0]) * u / s.eps**2, 0),
        {"time": True},
        "kernel",
    ),
    "no formula": (
        lambda s, u: sp.Eq(-s.div(sp.Function("a", positive=True)(s.y[0]) * s.grad(u)), 1),
        {},
        "no formula",
    ),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, target: str) -> None:
    build, options, what = REFUSED[name]
    model = nh.homogenize(problem(build, **options))
    with pytest.raises(nh.UnsupportedError, match=what):
        nh.emit(model, target)


def test_arrays_lack_no_more_entries_than_vanish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    held = {("beta", (i, i, 2)): np.array(2.0 + i) for i in range(2)}
    Effective({}, held, {}, {}).save(Path("effective.json"))
    array = effective_array("beta", 3, 2, 3, zeros=16)
    assert array[1, 1, 2] == 3 and array.sum() == 5
    with pytest.raises(SystemExit, match="lacks entries of beta"):
        effective_array("beta", 3, 2, 3, zeros=15)


def test_higher_orders_are_refused() -> None:
    model = nh.homogenize(problem(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1)), 2)
    with pytest.raises(nh.UnsupportedError, match="loses its mean"):
        nh.emit(model, "pina")
