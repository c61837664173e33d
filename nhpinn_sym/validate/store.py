"""The parts of a validation on disk: each is written once, atomically, and taken again when a run is resumed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..emit.source import write_atomic
from ..problem.errors import OutputPathError, ProblemError
from ..solve.cell_file import load
from ..solve.cell_solution import CellSolution

Arrays = dict[str, Any]


class Store:
    """Parts below `folder`/parts, valid for one key (a text that says everything that they depend on); folder None keeps nothing."""

    def __init__(self, folder: str | os.PathLike[str] | None, key: str) -> None:
        self.folder = None if folder is None else Path(folder)
        self.key = hashlib.sha256(key.encode()).hexdigest()[:16]
        self.taken: list[str] = []
        if self.folder is not None:
            check_folder(self.folder)

    def arrays(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a part: read where it is done, computed and written otherwise."""
        path = self._path(name)
        if path is not None and path.is_file():
            try:
                with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                    found = {entry: file[entry] for entry in file.files}
            except (OSError, ValueError, zipfile.BadZipFile):
                found = {}
            if found:
                self.taken.append(name)
                return found
        result = compute()
        if path is not None:
            buffer = io.BytesIO()
            np.savez(buffer, **result)
            write_atomic(path, buffer.getvalue())
        return result

    def cells(self, name: str, compute: Callable[[], CellSolution]) -> CellSolution:
        """Solved cell problems, by their own file format."""
        path = self._path(name)
        if path is not None and path.is_file():
            try:
                found = load(path)
            except ProblemError:
                found = None
            if found is not None:
                self.taken.append(name)
                return found
        result = compute()
        if path is not None:
            result.save(path)
        return result

    def write(self, name: str, data: bytes) -> None:
        """A file of the output folder, atomically."""
        if self.folder is not None:
            write_atomic(self.folder / name, data)

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / "parts" / f"{name}_{self.key}.npz"


def check_folder(folder: Path) -> None:
    """OutputPathError unless `folder` is, or can become, a folder that files can be written to. Creates nothing."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists() or p.is_symlink())
    if not existing.is_dir():
        what = "the output path is a file" if existing == folder else "the output path lies below a file"
        raise OutputPathError(what, term=existing, remedy="name a folder, or remove that file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputPathError("the output path cannot be written to", term=existing, remedy="choose another folder")


def plain(value: Any) -> Any:
    """numpy values as plain JSON ones."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def to_json(value: Any) -> bytes:
    """Indented JSON; nan and infinity become null."""
    return (json.dumps(_finite(plain(value)), indent=2) + "\n").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
