"""The tutorials are notebooks kept as text: their cells run, in order, and what they assert holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.md"))


def cells_of(path: Path) -> list[str]:
    """The code of each cell, after as many lines as are above it: tracebacks have its place."""
    text = path.read_text(encoding="utf-8")
    found = re.finditer(r"^```\{code-cell\} python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return ["\n" * text[: match.start(1)].count("\n") + match[1] for match in found]


def test_there_are_tutorials() -> None:
    assert len(TUTORIALS) >= 2


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    cells = cells_of(path)
    assert len(cells) > 4 and sum("assert " in cell for cell in cells) >= 2
    for cell in cells:
        exec(compile(cell, str(path), "exec"), namespace)
