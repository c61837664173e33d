"""The pages that are made for docs/ hold all that they are about. (docs/build.sh builds them.)"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nhpinn_sym.validate.verdict import Verdict

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])


def test_every_error_has_its_messages_and_remedies() -> None:
    from _make import messages

    page = messages.errors_page()
    for kind in messages.error_classes():
        assert f"### {kind.__name__}\n" in page
    held = messages.messages()
    assert len(held) > 300
    assert sum(bool(m.remedy) for m in held) > 0.9 * len(held)


def test_every_verdict_has_its_next_step() -> None:
    from _make import messages

    page = messages.verdicts_page()
    validation = (DOCS / "validation.md").read_text(encoding="utf-8")
    for verdict in Verdict:
        assert f"`{verdict.name}`" in page and f"`{verdict.name}`" in validation


def test_a_page_of_a_class_has_its_mathematics_and_its_tests() -> None:
    from _make import examples

    (drift,) = [e for e in examples.class_examples() if e.name == "large_drift"]
    page = examples.page(drift)
    for said in (
        "### Ansatz",
        "### Homogenized equation",
        "X = x - drift t/eps",
        "`test_large_drift` in `tests/examples/test_classes.py`. Reimann et al. 2001",
    ):
        assert said in page, said


def test_every_class_has_a_row_of_errors_or_says_why_not() -> None:
    from _make import examples, results

    for example in examples.class_examples():
        found = results.of(example.name)
        assert found is not None, example.name
        assert found["errors"].keys() == {"e1", "e2", "e3", "e4"} or found["refused"]


def test_a_row_without_errors_says_why() -> None:
    from _make import results

    (row,) = [r for r in results.overview().splitlines() if r.startswith("| [elasticity_3d]")]
    found = results.of("elasticity_3d")
    assert found is not None and found["eps"] is None and found["refused"] in row
    cells = max(found["cells"].values())
    assert f"| {cells:.2g} | {found['rate']:.2f} (2) | `AGREEMENT` |" in row


def test_what_an_unknown_costs_stays_the_same() -> None:
    from _make import results

    cost: dict[str, list[float]] = {}
    for row in json.loads((results.FOLDER / "dofs.json").read_text(encoding="utf-8")):
        if row["unknowns"] > 30_000:
            cost.setdefault(row["case"], []).append(row["seconds"] / row["unknowns"])
    assert len(cost) > 3
    assert all(max(each) < 2 * min(each) for each in cost.values())
    assert results.sizes().count("elastic ball") > 2


def test_docstrings_are_definitions() -> None:
    from _make.reference import docstring

    shown = docstring(["`a` of *b*.", "", "eps  : the period,", "       small", "Errors: none"])
    assert shown == [
        "``a`` of \\*b\\*.",
        "",
        "",
        "``eps``",
        "    the period,",
        "    small",
        "",
        "Errors: none",
    ]
