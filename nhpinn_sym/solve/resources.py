"""What a solve would need, told before it is begun: a typed refusal instead of a killed process or
a run without an end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..problem.errors import SolveError

# The part of the free memory that one solve may take.
_SHARE = 0.8
# Seconds: what would take longer is refused.
_LONGEST = 7 * 86400.0
# Bytes that are taken to be free where the system does not tell.
_UNKNOWN = 2.0**35
_CONTAINERS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def require_affordable(what: str, numbers: float, *, seconds: float = 0.0, remedy: str) -> None:
    """SolveError where so many doubles do not fit into the free memory, or the work would take more
    than a week.

    what: the choice that asks for it, such as "n=1000000000".
    """
    size = 8.0 * numbers
    free = free_memory()
    if size > _SHARE * free:
        raise SolveError(
            f"this solve would need about {readable_bytes(size)} of memory, and"
            f" {readable_bytes(free)} are free",
            term=what,
            remedy=remedy,
        )
    if seconds > _LONGEST:
        raise SolveError(
            f"this solve would take about {seconds / 86400:.0f} days", term=what, remedy=remedy
        )


def free_memory() -> float:
    """Bytes of memory that are free for this process, as the system and the container say; a guess
    where neither does.
    """
    found = [_UNKNOWN]
    table = _text("/proc/meminfo")
    for line in table.splitlines():
        if line.startswith("MemAvailable:"):
            found = [1024.0 * float(line.split()[1])]
    limits = (_text(path).strip() for path in _CONTAINERS)
    return min([*found, *(float(text) for text in limits if text.isdigit())])


@contextmanager
def memory_errors(what: str) -> Iterator[None]:
    """An allocation that fails after all, in NumPy, SciPy or torch, as a SolveError."""
    try:
        yield
    except (MemoryError, RuntimeError) as cause:
        text = str(cause)
        if isinstance(cause, SolveError) or not (
            isinstance(cause, MemoryError) or "allocate" in text or "out of memory" in text
        ):
            raise
        raise SolveError(
            "this solve needs more memory than there is",
            term=what,
            remedy=(
                "ask for fewer unknowns: n=, mesh=, features=, width=, points= or a larger"
                " tolerance"
            ),
        ) from cause


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def readable_bytes(size: float) -> str:
    """A number of them with a unit."""
    power = min(6, max(0, int(math.log(max(size, 1.0), 1000))))
    return f"{size / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB')[power]}"
