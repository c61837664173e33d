"""The folder in which two processes compute the parts of one validation, each part once."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..emit.source import sweep, write_atomic
from ..problem.errors import ToleranceWarning, warn_tolerance
from ..solve.progress import Progress


@dataclass(frozen=True)
class SharedParts:
    """earlier: the names of files that an earlier run left in `folder`."""

    folder: Path
    earlier: frozenset[str]
    progress: Progress

    @contextmanager
    def held(self, part: Path) -> Iterator[None]:
        """The file of a part for this process alone; while the other one has it, that is waited
        for. A process that ends, however it does, has nothing any more."""
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True)
        with part.with_name(f".{part.stem}.lock").open("w") as lock, ExitStack() as waiting:
            with suppress(OSError):  # a file system without locks: both compute it
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    name = part.stem.rpartition("_")[0]
                    waiting.enter_context(self.progress(f"{name}, by the second process"))
                    fcntl.flock(lock, fcntl.LOCK_EX)
            waiting.close()
            yield

    def clear(self) -> None:
        """Remove what the other process, which has ended, may have left."""
        for lock in self.folder.glob(".*.lock"):
            lock.unlink(missing_ok=True)
        sweep(self.folder)


@contextmanager
def warnings_kept(part: Path) -> Iterator[None]:
    """Keep the accuracy warnings of the block beside the file of a part, for `warn_again`."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToleranceWarning)
            yield
    finally:
        texts = [str(w.message) for w in caught if issubclass(w.category, ToleranceWarning)]
        if texts:
            write_atomic(_told(part), json.dumps(texts).encode())
        for other in caught:
            if not issubclass(other.category, ToleranceWarning):
                warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


def warn_again(part: Path) -> None:
    """Issue what was kept."""
    with suppress(OSError, ValueError):
        for text in json.loads(_told(part).read_bytes()):
            warn_tolerance(text)


def _told(part: Path) -> Path:
    return part.with_name(f"{part.stem}.warnings.json")
