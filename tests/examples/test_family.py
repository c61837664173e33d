from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "family.py"


def test_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """a*_11 at p = 0.3, q = 0.2, and its derivative by p, are those of the Fourier backend at
    single parameters.
    """
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(EXAMPLE), run_name="__main__")
    effective = found["family"].effective["A"]
    slope = effective.derivative({found["p"]: 1}, p=0.3, q=0.2)
    assert effective(p=0.3, q=0.2)[0, 0] == pytest.approx(1.9842782139617063, abs=1e-7)
    assert slope[0, 0] == pytest.approx(-0.03808764735326505, abs=1e-6)
    assert (tmp_path / "out" / "family" / "cells.pt2").stat().st_size > 0
