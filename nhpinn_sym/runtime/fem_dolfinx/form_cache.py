"""FFCx keeps compiled forms on disk, and takes a file there for another process at work: what a
killed process left is compiled again.

A `.c` file without its `.c.cached` makes FFCx wait, and then fail with TimeoutError in every later
process; half a shared library ends the process that loads it. Beside each module that is being
compiled stands `.owner`, with the machine and the process.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Callable, Iterable
from functools import wraps
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

# How often FFCx's own waiting (10 s) is repeated while the process that compiles is alive.
_ROUNDS = 30


def guarded(look_up: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    """`ffcx.codegeneration.jit.get_cached_module`, which gives (None, None) where the caller is to
    compile.
    """

    @wraps(look_up)
    def looked_up(
        module_name: str, object_names: Any, cache_dir: Any, timeout: int
    ) -> tuple[Any, Any]:
        files = CompiledFiles(Path(cache_dir), module_name)
        files.discard_broken()
        known = files.loaded(object_names)
        if known is not None:
            return known
        for _ in range(_ROUNDS):
            try:
                found = look_up(module_name, object_names, cache_dir, timeout)
                break
            except TimeoutError:
                if files.owner_state() != "alive":
                    files.discard()
        else:
            found = look_up(module_name, object_names, cache_dir, timeout)
        if found[0] is None:
            files.claim()
        return found

    return looked_up


class CompiledFiles:
    """The files of one compiled module."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.source, self.ready, self.owner = (
            folder / f"{name}{end}" for end in (".c", ".c.cached", ".owner")
        )

    def discard_broken(self) -> None:
        """Remove what a dead process left unfinished, and libraries that are cut off."""
        if self.ready.exists():
            libraries = self.libraries()
            if not libraries or not all(map(whole, libraries)):
                self.discard()
        elif self.source.exists() and self.owner_state() == "dead":
            self.discard()

    def libraries(self) -> list[Path]:
        """What Python would import. Looked for by name: a folder that has grown for months takes
        long to list, and this is asked for every form.
        """
        files = [self.folder / f"{self.name}{suffix}" for suffix in EXTENSION_SUFFIXES]
        return [file for file in files if file.exists()]

    def loaded(self, object_names: Iterable[str]) -> tuple[list[Any], Any] | None:
        """The objects of a finished module, and the module, as FFCx loads them; None where it is
        not there. FFCx lists the whole folder to find it: 20 ms for each form on a machine whose
        folder has grown for months.
        """
        if not self.ready.exists():
            return None
        for library in self.libraries():
            spec = spec_from_file_location(self.name, library)
            if spec is None or spec.loader is None:
                continue
            try:
                module = module_from_spec(spec)
                spec.loader.exec_module(module)
            except ImportError:  # FFCx says what is wrong with it
                return None
            return [getattr(module.lib, name) for name in object_names], module
        return None

    def discard(self) -> None:
        """Remove all of them; the source last, as it is what stops others from compiling."""
        for file in (self.ready, *self.folder.glob(f"{self.name}.*o"), self.owner, self.source):
            file.unlink(missing_ok=True)

    def claim(self) -> None:
        """This process compiles."""
        self.owner.write_text(f"{platform.node()}\n{os.getpid()}")

    def owner_state(self) -> str:
        """ "alive", "dead", or "unknown" where nobody has claimed the module, or somebody on
        another machine.
        """
        try:
            machine, process = self.owner.read_text().split("\n")
            if machine != platform.node():
                return "unknown"
            os.kill(int(process), 0)
        except ProcessLookupError:
            return "dead"
        except PermissionError:
            return "alive"
        except (OSError, ValueError):
            return "unknown"
        if int(process) != os.getpid():
            return "alive"
        return "dead"


def whole(library: Path) -> bool:
    """Whether a shared library of ELF has its end, the table of sections; libraries of other
    systems are not looked at.
    """
    with library.open("rb") as file:
        head = file.read(64)
    if len(head) == 64 and head[:5] == b"\x7fELF\x02":
        order = "<" if head[5] == 1 else ">"
        (table,) = struct.unpack(f"{order}Q", head[40:48])
        size, count = struct.unpack(f"{order}HH", head[58:62])
        return bool(library.stat().st_size >= table + size * count)
    return head[:4] not in (b"", b"\x7fELF") or len(head) == 64
