"""Progress where there is no terminal."""

import pytest

from nhpinn_sym.solve import bars


def test_sparse_lines_with_the_rest_of_the_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task of 100 s that says so every second: lines after 1, 10, 20, 40 and 80 s, and its
    end."""
    now = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    with bars.Bars()("fine [solution]") as task:
        for second in range(101):
            now[0] = float(second)
            task.update(second / 100, "64 cells")
    said = capsys.readouterr().err.splitlines()
    assert said[:3] == [
        "fine [solution]: 1% in 1 s, about 99 s left; 64 cells",
        "fine [solution]: 10% in 10 s, about 90 s left; 64 cells",
        "fine [solution]: 20% in 20 s, about 80 s left; 64 cells",
    ]
    assert len(said) == 6 and said[-1] == "fine [solution]: 100.0 s"
