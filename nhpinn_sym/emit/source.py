"""Emitted text: what the package runs, and what a user reads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path

from ..problem.errors import OutputPathError

_SCRATCH = ".part"
"""Ends the names of files that are being written."""


@dataclass(frozen=True)
class Source:
    """Emitted files of one target: (file name, text) pairs, in reading order."""

    target: str
    files: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        return dict(self.files)[name]

    def __str__(self) -> str:
        return "\n".join(f"# ---- {name} ----\n{text}" for name, text in self.files)

    @property
    def signature(self) -> str:
        """sha256 of the text, 16 hexadecimal digits."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write every file below `folder`, each atomically; returns the paths. OutputPathError
        where that cannot be.
        """
        below = output_path(folder)
        return [write_atomic(below / name, text.encode()) for name, text in self.files]


def output_path(value: object) -> Path:
    """A path to write to, from text or a path; OutputPathError for anything else."""
    if not isinstance(value, (str, os.PathLike)):
        raise OutputPathError(
            "this is no path",
            term=repr(value)[:100],
            remedy='write "folder/name", or a pathlib.Path',
        )
    return Path(value)


def write_atomic(path: Path, data: bytes) -> Path:
    """Write `data` to `path` by a temporary file beside it, so that no half-written file is ever
    seen.
    """
    scratch = path.with_name(f".{path.name}.{_host()}.{os.getpid()}{_SCRATCH}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
        os.replace(scratch, path)
    except (OSError, ValueError) as cause:  # ValueError: a null character in the path
        raise OutputPathError(
            "cannot write there",
            term=path,
            remedy="name a folder that can be created and written to",
        ) from cause
    finally:
        with contextlib.suppress(OSError, ValueError):
            scratch.unlink(missing_ok=True)
    return path


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes of this machine left below `folder`."""
    for scratch in folder.rglob(f".*.{_host()}.*{_SCRATCH}"):
        process = scratch.name.removesuffix(_SCRATCH).rpartition(".")[2]
        if process.isdecimal() and not _runs(int(process)):
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z]", "-", platform.node())


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def run(name: str, text: str) -> types.ModuleType:
    """Import emitted text as a module, once per text."""
    key = f"nhpinn_sym_emitted.{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if key not in sys.modules:
        module = types.ModuleType(key)
        exec(compile(text, f"<emitted {name}>", "exec"), module.__dict__)
        sys.modules[key] = module
    return sys.modules[key]
