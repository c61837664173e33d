from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_family(tmp_path: Path) -> None:
    """a*_11 at p = 0.3, q = 0.2, and its derivative by p, are those of the Fourier backend at
    single parameters.
    """
    done = subprocess.run(
        [sys.executable, EXAMPLES / "family.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    value, slope = (
        float(re.search(rf"{re.escape(name)} = \[\[\s*([-\d.e+]+)", done.stdout)[1])  # type: ignore[index]
        for name in ("a*", "d a*/dp")
    )
    assert value == pytest.approx(1.9842782139617063, abs=1e-7)
    assert slope == pytest.approx(-0.03808764735326505, abs=1e-6)
    assert (tmp_path / "out" / "family" / "cells.pt2").stat().st_size > 0
