"""Emitted text: what the package runs, and what a user reads."""

from __future__ import annotations

import contextlib
import hashlib
import json
import linecache
import os
import platform
import re
import sys
import types
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..problem.errors import OutputPathError
from .standalone import sibling_names, standalone

# Ends the names of files that are being written.
_SCRATCH = ".part"
# Says in a folder which target it holds.
_RECORD = "emitted.json"

NamedTexts = tuple[tuple[str, str], ...]
"""(file name, text) pairs."""


@dataclass(frozen=True)
class Source:
    """Emitted files of one target: named, in reading order.

    Texts import the numerics from `nhpinn_sym.runtime`, and each other by `from .name import ...`:
    the package runs them as they are.

    data: files of arrays that texts read, by name.
    """

    target: str
    files: NamedTexts
    data: tuple[tuple[str, bytes], ...] = ()

    def __getitem__(self, name: str) -> str:
        return dict(self.files)[name]

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in (*self.files, *self.data))
        return f"source for {self.target}: {names}"

    def __str__(self) -> str:
        return "\n".join(f"# ---- {name} ----\n{text}" for name, text in self.files)

    @cached_property
    def signature(self) -> str:
        """sha256 of the text, 16 hexadecimal digits."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write a folder that stands alone: every file, and one copy of the modules of the runtime
        that they need, in `runtime/`; returns the paths of the files.

        Only import lines differ from the texts: `nhpinn_sym.runtime` is `runtime` there. Each file
        is written atomically. OutputPathError where that cannot be, or where the folder holds
        another target.
        """
        below = output_path(folder)
        _require_target(below, self.target)
        write_atomic(below / _RECORD, f"{json.dumps({'target': self.target})}\n".encode())
        for name, text in standalone(self.files):
            write_atomic(below / name, text.encode())
        for name, data in self.data:
            write_atomic(below / name, data)
        return [below / name for name, _ in (*self.files, *self.data)]


def _require_target(folder: Path, target: str) -> None:
    """OutputPathError where a folder holds the files of another target."""
    try:
        before = json.loads((folder / _RECORD).read_text(encoding="utf-8"))["target"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != target:
        own = folder.with_name(target) if folder.name == before else folder / target
        raise OutputPathError(
            f"the folder holds the files of the target {before}",
            term=folder,
            remedy=f'give every target a folder of its own: .save("{own}")',
        )


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
            f"cannot write there: {getattr(cause, 'strerror', None) or cause}",
            term=path,
            remedy="name a folder that can be created and written to, with room left",
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
    """Import emitted text that needs no other emitted file as a module, once per text."""
    return load(Source("", ((f"{name}.py", text),)), name)


def load(source: Source, name: str) -> types.ModuleType:
    """Import the emitted file `name` (without .py), and those that it imports, once per source.

    Tracebacks, debuggers and `inspect` show the lines of the text.
    """
    package = f"nhpinn_sym_emitted_{source.signature}"
    key = f"{package}.{name}"
    if key in sys.modules:
        return sys.modules[key]
    if package not in sys.modules:
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = []
    text = source[f"{name}.py"]
    for sibling in sibling_names(text):
        load(source, sibling)
    module = types.ModuleType(key)
    file = f"<emitted {name} {source.signature}>"
    module.__package__ = package
    module.__file__ = file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), module.__dict__)
    sys.modules[key] = module
    setattr(sys.modules[package], name, module)
    return module
