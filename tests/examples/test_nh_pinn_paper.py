"""examples/nh_pinn_paper: its smallest case is run, and its rules and its page are checked."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nhpinn_sym as nh

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "nh_pinn_paper"
MODULES = [path.stem for path in FOLDER.glob("*.py")]
SMALLEST = "elliptic_1d_classical"


@pytest.fixture(scope="module")
def study() -> Iterator[dict[str, ModuleType]]:
    """The modules of the example by name, as its script sees them."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            del sys.modules[name]


def test_the_smallest_case_runs_and_is_not_run_again(
    study: dict[str, ModuleType],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--quick", "--out", str(tmp_path / "out"), "--only", SMALLEST]
    assert study["run"].main(arguments) == 0
    assert f"{SMALLEST}: classical 0.98" in capsys.readouterr().out
    path = tmp_path / "out" / "results" / f"{SMALLEST}.json"
    found = json.loads(path.read_text())
    assert found["settings"]["training"]["epochs"] == 400
    assert found["errors"]["classical"] == pytest.approx(0.987, abs=0.02)
    assert found["seconds"]["cpu"] > 0
    page = (tmp_path / "out" / "RESULTS.md").read_text()
    assert "| classical PINN on the multiscale equation | 0.987471 | 0.98" in page
    assert "| elliptic_2d_classical | not run yet | not run yet |" in page
    assert (tmp_path / "out" / "figures" / "elliptic_1d_classical.png").is_file()
    before = path.stat().st_mtime_ns
    assert study["run"].main(arguments) == 0
    assert f"{SMALLEST}: taken" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == before


def test_other_settings_are_another_run(study: dict[str, ModuleType], tmp_path: Path) -> None:
    parts = study["parts"]
    part = parts.all_parts(quick=True, seed=0)[SMALLEST]
    path = tmp_path / f"{SMALLEST}.json"
    path.write_text(json.dumps({"settings": part.settings, "errors": {}}))
    assert parts.load(part, tmp_path) is not None
    assert parts.load(parts.all_parts(quick=True, seed=1)[SMALLEST], tmp_path) is None
    assert parts.load(parts.all_parts(quick=False, seed=0)[SMALLEST], tmp_path) is None


def test_committed_results_are_those_of_the_settings(study: dict[str, ModuleType]) -> None:
    parts = study["parts"].all_parts(quick=False, seed=0)
    committed = {path.stem for path in (FOLDER / "results").glob("*.json")}
    assert committed <= parts.keys()
    for key in committed:
        assert study["parts"].load(parts[key], FOLDER / "results") is not None, key


def test_the_readme_holds_what_is_committed(study: dict[str, ModuleType]) -> None:
    parts = study["parts"].all_parts(quick=False, seed=0)
    block = study["report"].readme_block(parts, FOLDER / "results", quick=False)
    assert block in (ROOT / "README.md").read_text()


def test_parts_come_with_what_they_need(study: dict[str, ModuleType]) -> None:
    parts = study["parts"].all_parts(quick=True, seed=0)
    selected = study["run"]._selected(parts, ["elliptic_2d_transfer"])
    assert list(selected) == [
        f"elliptic_2d_{name}" for name in ("cells", "homogenized", "transfer")
    ]
    settings = selected["elliptic_2d_transfer"].settings
    assert settings["homogenized"]["cells"] == parts["elliptic_2d_cells"].settings
    assert study["run"].main(["--quick", "--only", "nothing"]) == 2


def test_printed_epochs_and_rates(study: dict[str, ModuleType]) -> None:
    """Those that the paper prints for the classical PINN; quick runs are nowhere longer."""
    trainings = study["settings"].trainings
    printed = {
        "elliptic_1d": (2000, 1e-4),
        "elliptic_2d": (4000, 1e-4),
        "slowly_varying_1d": (1000, 1e-4),
        "reaction_diffusion_10": (10000, 0.015),
        "reaction_diffusion_printed_50": (10000, 0.05),
    }
    for key, epochs_and_rate in printed.items():
        full = trainings(key, quick=False)
        quick = trainings(key, quick=True)
        classical = full["classical"]
        assert (classical.epochs, classical.learning_rate) == epochs_and_rate
        for name, training in full.items():
            assert quick[name].epochs <= training.epochs and quick[name].nodes <= training.nodes
            assert training.weights is None or sum(training.weights) == pytest.approx(1)


def test_the_examples_hold_the_same_printed_numbers(study: dict[str, ModuleType]) -> None:
    for case in study["cases"].cases().values():
        (held,) = (dict(e) for eps, e in case.problem.paper.items() if eps == float(case.eps))
        assert held.pop("converged_e4") == case.converged_e4
        assert held.pop("classical_pinn", case.printed["classical"]) == case.printed["classical"]
        assert held.items() <= case.printed.items()


def test_effective_values_survive_a_results_file(study: dict[str, ModuleType]) -> None:
    case = study["cases"].cases()["slowly_varying_1d"]
    values = study["experiments"]._effective_values(case, case.cells)
    again = study["experiments"].with_effective(case.cells, json.loads(json.dumps(values)))
    x = case.points
    exact = study["experiments"].closed_form(x)
    assert again.effective["A"](x)[:, 0, 0] == pytest.approx(exact, abs=1e-9)
    u0 = nh.solve_homogenized(case.model, again, "skfem", tolerance=1e-6)
    wanted = np.arccosh(2 * (2 + np.sin(x[:, 0]))) - np.arccosh(4)
    assert study["cases"].relative(u0(x) - wanted, wanted) < 1e-6


def test_weights_survive_a_results_file(study: dict[str, ModuleType]) -> None:
    weights = np.random.default_rng(0).standard_normal(50)
    experiments = study["experiments"]
    assert experiments._decoded(experiments._encoded(weights)) == pytest.approx(weights, rel=1e-6)


def test_linear_elements_are_exact_at_the_nodes(study: dict[str, ModuleType]) -> None:
    """For a constant coefficient and an exact load; -u'' = sin x has the solution sin x."""
    x, u = study["arguments"].linear_elements(np.ones_like, np.sin, (0.0, np.pi), 7)
    assert u == pytest.approx(np.sin(x), abs=1e-12)


def test_coarse_elements_see_the_mean(study: dict[str, ModuleType]) -> None:
    table = study["arguments"].coarse_elements()
    assert table["mean"] == pytest.approx(8.5, abs=1e-12)
    assert table["harmonic"] == pytest.approx(4, abs=1e-12)
    errors = dict(zip(table["elements"], table["errors"], strict=True))
    assert errors[64] == pytest.approx(9 / 17, abs=2e-4) and errors[2048] < 0.01
    assert all(check.agrees for check in study["checks"].coarse_checks(table))


def test_the_quadrature_explains_e4_of_the_2d_equation(study: dict[str, ModuleType]) -> None:
    case = study["cases"].cases()["elliptic_2d"]
    table = study["arguments"].effective_2d(case)
    assert table["a exact trapezoid"] == pytest.approx(1.9353592348122903, abs=1e-12)
    assert table["a exact sum"] / table["true"] == pytest.approx(1.01**2, rel=1e-3)
    assert table["e differences sum"] == pytest.approx(case.printed["e4"], rel=0.01)
    assert table["e exact trapezoid"] == pytest.approx(case.converged_e4, rel=1e-3)


@pytest.mark.parametrize("key", ["reaction_diffusion_10", "reaction_diffusion_printed_50"])
def test_differences_in_time(study: dict[str, ModuleType], key: str) -> None:
    """r* = -1/(8 pi^2 D) or -1/(2 D), D = 2; the printed e4 comes out with the first reading
    alone.
    """
    case = study["cases"].cases()[key]
    table = study["arguments"].differences_in_time(case)
    literal = "printed" in key
    exact = -1 / 4 if literal else -1 / (16 * np.pi**2)
    assert table["r*"] == pytest.approx(exact, rel=1e-9)
    floor = float(case.eps) / 2**0.5 / (2 if literal else 8 * np.pi**2)
    assert table["floor"] == pytest.approx(floor, rel=1e-6)
    assert (abs(table["e4"] / case.printed["e4"] - 1) < 0.02) == (not literal)


@pytest.fixture
def like_the_paper(study: dict[str, ModuleType]) -> Any:
    """like_the_paper(**changed): a run of the 2D equation that finds what the paper prints, but for
    e4 and e2, with some errors changed.
    """
    case = study["cases"].cases()["elliptic_2d"]
    trainings = study["settings"].trainings(case.key, quick=False)

    def results(**changed: float) -> Any:
        errors = {**case.printed, "e4": case.converged_e4, "e2": 0.999 * case.converged_e4}
        errors |= changed
        part_of = {"e1": "homogenized", "e2": "homogenized", "e3": "homogenized"}
        part_of |= {"e4": "reference", "cell_1 plain": "plain", "cell_2 plain": "plain"}
        part_of |= {"cell_1": "cells", "cell_2": "cells"}
        parts: dict[str, Any] = {
            "arguments": {
                "values": {"e differences sum": 0.02114, "e differences trapezoid": 0.01166}
            }
        }
        for name, error in errors.items():
            part = parts.setdefault(part_of.get(name, name), {"errors": {}})
            part["errors"][name] = error
        parts["transfer"]["values"] = {"start": 0.083}
        return study["checks"].CaseResults(case, parts, trainings)

    return results


def by_quantity(study: dict[str, ModuleType], results: Any) -> dict[str, Any]:
    return {number.quantity: number for number in study["checks"].numbers(results)}


def test_a_run_like_the_paper_agrees_with_it(
    study: dict[str, ModuleType], like_the_paper: Any
) -> None:
    numbers = by_quantity(study, like_the_paper())
    assert {name for name, number in numbers.items() if not number.reached} == {"e4"}
    assert [cause.code for cause in numbers["e4"].causes] == ["end lines twice"]
    assert all(check.agrees for check in study["checks"].checks(like_the_paper()))


@pytest.mark.parametrize(
    ("name", "value", "claim"),
    [
        ("classical", 0.3, "classical PINN fails"),
        ("cell_1", 0.2, "oversampling helps"),
        ("e1", 0.95, "NH-PINN is better"),
        ("e3", 0.001, "the larger share"),
        ("e2", 0.012, "e2 < e4"),
        ("transfer", 0.1, "transfer loses"),
    ],
)
def test_a_statement_that_does_not_hold_is_found(
    study: dict[str, ModuleType], like_the_paper: Any, name: str, value: float, claim: str
) -> None:
    found = study["checks"].checks(like_the_paper(**{name: value}))
    assert {check.claim for check in found if not check.agrees} == {claim}


@pytest.mark.parametrize(
    ("part", "entry", "code"),
    [
        ("homogenized", {"medians": {"e1": 0.02}}, "peaks"),
        ("homogenized", {"values": {"boundary": 0.29}}, "boundary"),
        ("homogenized", {"falls": {"e1": 0.04}}, "falling"),
        ("homogenized", {}, "stands"),
    ],
)
def test_causes_are_read_from_the_numbers(
    study: dict[str, ModuleType], like_the_paper: Any, part: str, entry: dict[str, Any], code: str
) -> None:
    results = like_the_paper(e1=0.3)
    results.parts[part].update(entry)
    number = by_quantity(study, results)["e1"]
    assert number.reached is False
    assert code in [cause.code for cause in number.causes]


def test_smaller_errors_are_reached_and_smaller_failures_are_not(
    study: dict[str, ModuleType], like_the_paper: Any
) -> None:
    numbers = by_quantity(study, like_the_paper(e1=0.012, classical=0.02))
    assert numbers["e1"].reached and not numbers["classical"].reached


def test_shares_are_printed_without_exponents(study: dict[str, ModuleType]) -> None:
    percent = study["report"].percent
    assert [percent(share) for share in (1.8249, 0.1, 0.0052)] == ["182 %", "10 %", "0.5 %"]


def test_what_was_not_run_is_open(study: dict[str, ModuleType]) -> None:
    case = study["cases"].cases()["elliptic_2d"]
    trainings = study["settings"].trainings(case.key, quick=False)
    results = study["checks"].CaseResults(case, {}, trainings)
    assert [number.reached for number in study["checks"].numbers(results)] == [None] * 10
    assert list(study["checks"].checks(results)) == []


def test_every_figure_of_the_paper_has_a_case(study: dict[str, ModuleType]) -> None:
    shown = {n for case in study["cases"].cases().values() for n in case.figures.values()}
    in_one_picture = {5, 7}  # the second cell function, the field of the error
    assert shown | in_one_picture == set(range(1, 24))
