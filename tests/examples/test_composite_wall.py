"""The example of a PDE without fast variables, whose coefficient jumps."""

from __future__ import annotations

import runpy
from pathlib import Path

import nhpinn_sym as nh
from nhpinn_sym.validate.report import Verdict

EXAMPLE = Path(__file__).parents[2] / "examples" / "composite_wall.py"


def test_composite_wall() -> None:
    found = runpy.run_path(str(EXAMPLE))
    report = nh.validate(found["problem"], exact=found["exact"], fem="skfem")
    assert report.verdict is Verdict.AGREEMENT
    assert max(report.errors.values()) < 1e-9
