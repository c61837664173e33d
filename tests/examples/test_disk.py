from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_disk(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / "disk.py"], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    nets, elements = (float(re.search(rf"{name}:\n\[\[\s*([\d.e+]+)", done.stdout)[1])  # type: ignore[index]
                      for name in ("one net per phase", "finite elements"))
    assert nets == pytest.approx(1.602941912, abs=1e-7)
    assert elements == pytest.approx(1.602941912, abs=0.01)
    assert {"cell_residual_phase_0.py", "cell_residual_phase_1.py"} <= {p.name for p in (tmp_path / "out" / "disk").iterdir()}
