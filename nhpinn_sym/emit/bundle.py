"""Runtime files put together into one text that stands alone."""

from __future__ import annotations

import re
from pathlib import Path

RUNTIME = Path(__file__).parents[1] / "runtime"
SIBLING = re.compile(r"from \.[\w.]+ import (?:\([^)]*\)|[^\n(]*)  # sibling\n")
"""Imports in runtime files that a bundle replaces by the file itself."""

_FUTURE = "from __future__ import annotations"


def bundle(*names: str) -> str:
    """The texts of the runtime files `names` (without .py), one below the other, as one module.

    Imports marked as those of a sibling are left out (the sibling must come earlier in `names`),
    as are all but the first `from __future__` line; nothing else is changed.
    """
    parts = []
    for position, name in enumerate(names):
        text = SIBLING.sub("", (RUNTIME / f"{name}.py").read_text(encoding="utf-8"))
        if position:
            text = text.replace(f"{_FUTURE}\n", "")
        parts.append(text.strip() + "\n")
    return "\n\n".join(parts)
