"""What a solve costs, estimated before anything is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...problem.errors import SolveError

_ROW = {1: 3, 2: 4}
"""Nonzero entries of a row along one axis, by degree: the mean over all nodes."""
_ENTRY = 16
"""Bytes of an entry of a sparse matrix."""
_COPIES = 3
"""Of a matrix that exist at a time: with its periodic form, and its factors or coarser levels."""
_SECONDS = {1: 5e-6, 2: 5e-5, 3: 3e-4}
"""Per unknown, by dimension: measured on one core."""
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_REMEDY = "take fewer cells (n=, mesh=, per_period=, max_dofs=)"


def require_memory(
    cells: Sequence[int], degree: int, components: int, by_elements: bool = False
) -> None:
    """SolveError where a mesh needs more memory than the machine has.

    by_elements: the entries of all element matrices stand beside each other before they are summed.
    """
    dim = len(cells)
    nodes = math.prod(n * degree + 1 for n in cells)
    entries = nodes * _ROW[degree] ** dim * components**2
    needed = float(_COPIES * _ENTRY * entries)
    if by_elements:
        needed += _COPIES * _ENTRY * math.prod(cells) * float((degree + 1) ** (2 * dim))
    there = memory()
    if needed > there:
        seconds = nodes * components**2 * _SECONDS[dim]
        raise SolveError(
            f"a mesh of {'x'.join(map(str, cells))} cells needs about {needed / 2**30:.3g} GiB of memory",
            term=f"{nodes * components} unknowns, {there / 2**30:.3g} GiB are there; "
                 f"it would take about {seconds:.2g} s",
            remedy=_REMEDY,
        )


def memory() -> float:
    """Bytes of memory of this machine, or of the container that this process runs in."""
    try:
        found = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf
    try:
        return min(found, float(_CGROUP.read_text()))
    except (OSError, ValueError):
        return found


@contextmanager
def memory_errors(what: str) -> Iterator[None]:
    """MemoryError as SolveError."""
    try:
        yield
    except MemoryError as cause:
        raise SolveError(f"{what}: there is not enough memory", term=cause, remedy=_REMEDY) from cause
