"""The table of effective coefficients: interpolation, its file, what it says of what is missing."""

from pathlib import Path

import numpy as np
import pytest

from nhpinn_sym.runtime.command_line import numbers, write_effective
from nhpinn_sym.runtime.effective import Effective, label

KEY = ("A", (0, 0))
X = np.random.default_rng(0).random((6, 2)) * [1, 2] + [0, -1]


def table() -> Effective:
    """exp(x1) cos(x2), and a constant, over (0, 1) x (-1, 1)."""
    return Effective.sampled(
        lambda p: {KEY: np.exp(p["x1"]) * np.cos(p["x2"]), ("c", ()): 2.0},
        {"x1": (0.0, 1.0), "x2": (-1.0, 1.0)},
        {"q": 1.5},
        {("rho", (0,)): 3.0, ("f", ()): "x1 + 1"},
    )


def test_values_and_derivatives_between_the_nodes() -> None:
    found, (x, y) = table(), X.T
    assert np.allclose(found(KEY, X, ("x1", "x2")), np.exp(x) * np.cos(y), rtol=0, atol=1e-7)
    slope = found((*KEY, (1, 1)), X, ("x1", "x2"))
    assert np.allclose(slope, -np.exp(x) * np.sin(y), rtol=0, atol=1e-4)
    assert np.array_equal(found((*KEY, (0, 0, 1)), X, ("x1", "x2", "x3")), np.zeros(6))
    assert np.allclose(found(KEY, X[:, ::-1], ("x2", "x1")), np.exp(x) * np.cos(y), atol=1e-7)
    assert found.interpolation < 1e-6


def test_its_file_holds_everything(tmp_path: Path) -> None:
    found = table()
    found.save(tmp_path / "effective.json")
    again = Effective.load(tmp_path / "effective.json")
    assert again.slow == found.slow and again.parameters == {"q": 1.5}
    assert again.known == found.known and again.change(found) == 0
    assert str(again) == str(found)
    assert np.array_equal(again(("rho", (0,)), X, ("x1", "x2")), np.full(6, 3.0))


def test_complex_values_keep_their_parts(tmp_path: Path) -> None:
    Effective({}, {KEY: np.array(1 + 2j)}, {}, {}).save(tmp_path / "effective.json")
    again = Effective.load(tmp_path / "effective.json")
    assert again(KEY, X, ("x1", "x2"))[0] == 1 + 2j


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"run main_cells.py first"):
        Effective.load(tmp_path / "effective.json")
    field = table().field(("x1", "x2"))
    with pytest.raises(SystemExit, match=r"does not hold A\[1, 1\]"):
        field(("A", (1, 1)), X)
    with pytest.raises(SystemExit, match=r"f = x1 \+ 1 is a formula"):
        field(("f", ()), X)
    with pytest.raises(SystemExit, match="it depends on x2"):
        table().field(("x1",))(KEY, X)


def test_labels() -> None:
    assert label(KEY) == "A[0, 0]" and label(("c", ())) == "c"
    assert label((*KEY, (2, 1))) == "A[0, 0]_x112"


def test_arguments_are_numbers() -> None:
    assert numbers(["n=8", "q=1/4"], {"q": 1.0}, n=64) == {"n": 8.0, "q": 0.25}
    with pytest.raises(SystemExit, match=r"p: there is only n=\.\.\., q=\.\.\."):
        numbers(["p=1"], {"q": 1.0}, n=64)
    with pytest.raises(SystemExit, match="rename it"):
        numbers([], {"n": 1.0}, n=64)
    for wrong in ("n=x", "n=1/0", "n"):
        with pytest.raises(SystemExit, match="no number"):
            numbers([wrong], {}, n=64)


def test_what_has_not_converged_is_told_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def rough(given: dict[str, float]) -> Effective:
        return Effective.sampled(lambda slow: {KEY: 1 + 1 / given["n"]}, {}, {}, {})

    write_effective(rough, {"n": 1000.0})
    assert capsys.readouterr().err == ""
    write_effective(rough, {"n": 10.0})
    assert capsys.readouterr().err == "NOT CONVERGED, it may be 9% off: raise n=\n"
