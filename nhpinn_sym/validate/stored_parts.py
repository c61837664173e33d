"""The parts of a validation on disk: each is written once, atomically, and taken again when a run
is resumed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..emit.source import output_path, sweep, write_atomic
from ..problem.errors import OutputPathError, ProblemError, UnsupportedError
from ..solve.cell_file import unpacked
from ..solve.cell_solution import CellSolution
from ..solve.data_file import Kind, read, write
from .shared_parts import SharedParts, warn_again, warnings_kept

StoredArrays = dict[str, Any]
_PART = Kind("a part of a validation", "validate(..., out=folder)")
T = TypeVar("T")


class Store:
    """Parts below `folder`/parts, valid for one key (a text that says everything that they depend
    on).

    A part that is damaged, or that is not `sound`, is computed again. What is handed out is always
    what was read from the file, so that a resumed run goes on with the same numbers. folder None
    writes nothing. A part that is asked for again is the one of the first time; `taken` are those
    of an earlier run. beside: where another process computes parts too.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        key: str,
        beside: SharedParts | None = None,
    ) -> None:
        self.folder = None if folder is None else output_path(folder)
        self._beside = beside
        self.key = hashlib.sha256(key.encode()).hexdigest()[:16]
        self.taken: list[str] = []
        self._held: dict[str, Any] = {}
        if self.folder is not None:
            check_folder(self.folder)
            sweep(self.folder)

    def arrays(
        self,
        name: str,
        compute: Callable[[], StoredArrays],
        sound: Callable[[StoredArrays], bool] = lambda arrays: True,
    ) -> StoredArrays:
        """The arrays of a part: read where it is done, computed and written otherwise."""
        return self._part(
            name,
            compute,
            lambda path: dict(read(path, _PART)),
            lambda result, path: write(path, _PART, result),
            sound,
        )

    def known(self, name: str) -> StoredArrays | None:
        """The arrays of a part that is done; None where it is not, or damaged."""
        path = self._path(name)
        if path is None or not path.is_file():
            return None
        try:
            found = dict(read(path, _PART))
        except ProblemError:
            return None
        self._take(name)
        return found

    def cells(self, name: str, compute: Callable[[], CellSolution]) -> CellSolution:
        """Solved cell problems, by their own file format."""
        return self._part(name, compute, _cells_in, lambda result, path: result.save(path), finite)

    def _part(
        self,
        name: str,
        compute: Callable[[], T],
        reader: Callable[[Path], T],
        writer: Callable[[T, Path], Path],
        sound: Callable[[T], bool],
    ) -> T:
        if name not in self._held:
            self._held[name] = self._found(name, compute, reader, writer, sound)
        held: T = self._held[name]
        return held

    def _found(
        self,
        name: str,
        compute: Callable[[], T],
        reader: Callable[[Path], T],
        writer: Callable[[T, Path], Path],
        sound: Callable[[T], bool],
    ) -> T:
        path = self._path(name)
        if path is None:
            return compute()
        with self._alone(path):
            if path.is_file():
                try:
                    found = reader(path)
                    if sound(found):
                        self._take(name)
                        return found
                except ProblemError:
                    path.unlink(missing_ok=True)
            result = compute()
            try:
                writer(result, path)
            except UnsupportedError:
                # A formula that has no form in a file: this part is computed by every run.
                return result
            return reader(path)

    @contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """While this process, and no other one, reads or computes a part."""
        if self._beside is None:
            yield
            return
        try:
            with self._beside.held(path), warnings_kept(path):
                yield
        finally:
            warn_again(path)

    def _take(self, name: str) -> None:
        """Note a part of an earlier run, once."""
        if name in self._held or name in self.taken:
            return
        path = self._path(name)
        if self._beside is None or (path is not None and path.name in self._beside.earlier):
            self.taken.append(name)

    def write(self, name: str, data: bytes) -> None:
        """A file of the output folder, atomically."""
        if self.folder is not None:
            write_atomic(self.folder / name, data)

    def _path(self, name: str) -> Path | None:
        file = f"{name}_{self.key}.npz"
        if self._beside is not None:
            return self._beside.folder / file
        return None if self.folder is None else parts_folder(self.folder) / file


def parts_folder(folder: str | os.PathLike[str]) -> Path:
    """Of an output folder."""
    return output_path(folder) / "parts"


def finite(cells: CellSolution) -> bool:
    """Whether every effective entry is a number."""
    return all(bool(np.isfinite(entry.values).all()) for entry in cells.entries.values())


def check_folder(folder: Path) -> None:
    """OutputPathError unless `folder` is, or can become, a folder that files can be written to.
    Creates nothing.
    """
    try:
        existing = next(
            p for p in (folder, *folder.absolute().parents) if p.exists() or p.is_symlink()
        )
    except OSError as cause:  # a name that is too long, a folder that cannot be looked into
        raise OutputPathError(
            "the output path cannot be there", term=folder, remedy="choose another folder"
        ) from cause
    if not existing.is_dir():
        what = "the output path lies below a file"
        if existing == folder:
            what = "the output path is a file"
        raise OutputPathError(what, term=existing, remedy="name a folder, or remove that file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputPathError(
            "the output path cannot be written to", term=existing, remedy="choose another folder"
        )


def json_value(value: Any) -> Any:
    """What JSON holds: lists for arrays and tuples, Python's numbers, null for nan and infinity,
    text for anything else.
    """
    if isinstance(value, Mapping):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return json_value(value.tolist())
    if isinstance(value, (list, tuple)):
        return [json_value(v) for v in value]
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return None
    if isinstance(value, (str, int, bool, type(None))):
        return value
    return str(value)


def json_text(value: Any) -> bytes:
    """Indented JSON; nan and infinity become null."""
    return (json.dumps(json_value(value), indent=2) + "\n").encode()


def _cells_in(path: Path) -> CellSolution:
    cells, _ = unpacked(path)
    return cells
