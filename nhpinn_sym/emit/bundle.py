"""Runtime files put together into one text that stands alone."""

from __future__ import annotations

from pathlib import Path

RUNTIME = Path(__file__).parent / "runtime"
SIBLING = "# sibling"
"""Ends the import lines of runtime files that a bundle replaces by the file itself."""

_FUTURE = "from __future__ import annotations"


def bundle(*names: str) -> str:
    """The texts of the runtime files `names` (without .py), one below the other, as one module.

    Lines that end with the `SIBLING` marker are left out (the sibling must come earlier in
    `names`), as are all but the first `from __future__` line; nothing else is changed.
    """
    parts = []
    for position, name in enumerate(names):
        lines = (RUNTIME / f"{name}.py").read_text(encoding="utf-8").splitlines()
        kept = [
            line
            for line in lines
            if not line.endswith(SIBLING) and not (position and line == _FUTURE)
        ]
        parts.append("\n".join(kept).strip() + "\n")
    return "\n\n".join(parts)
