from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "random_disks.py"


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_random_disks() -> None:
    """Twelve cells of four disks; the mean lies above Hashin's and Shtrikman's bound."""
    found = runpy.run_path(str(EXAMPLE))
    values = found["statistics"](4)
    assert 1.6506 < values.mean() < 1.8
    assert 0 < values.std(ddof=1) < 0.1
