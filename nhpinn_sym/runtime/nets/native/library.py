"""Shared libraries from C++ texts: made by the compiler of the system, once, and kept in the user's
cache, as DOLFINx does with its forms.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

_NAMES = ("c++", "g++", "clang++")
# Characters of what a compiler says that are worth showing.
_SHOWN = 500
_FLAGS = ("-std=gnu++17", "-O3", "-march=native", "-ffp-contract=fast", "-fPIC", "-shared")
_REMEDY = 'install g++ or clang++, name one in the environment variable CXX, or use flavour="torch"'
_ELSEWHERE = "name a folder for programs in the environment variable XDG_CACHE_HOME"


class CompilationError(RuntimeError):
    """There is no library: no compiler, one that fails, or no folder to write to."""


def compiler() -> tuple[str, ...]:
    """The command that CXX holds ("g++", "ccache g++ -m64"), else the first of c++, g++ and clang++
    that there is.

    CompilationError where there is none.
    """
    asked = shlex.split(os.environ.get("CXX", ""))
    commands = [asked] if asked else [[name] for name in _NAMES]
    for name, *arguments in commands:
        found = shutil.which(name)
        if found is not None:
            return found, *arguments
    names = " or ".join(map(shlex.join, commands))
    raise CompilationError(f"there is no C++ compiler {names}: {_REMEDY}")


def cache_folder() -> Path:
    """Where compiled libraries are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nhpinn_sym"


def library(text: str, real: str) -> ctypes.CDLL:
    """The library of `text` with REAL as `real`, from the cache where it is there and whole.

    CompilationError without a compiler, or where it fails, or where the library cannot be
    written or loaded.
    """
    return _loaded(library_path(text, real), text, real)


def library_path(text: str, real: str) -> Path:
    """The file of a library: its name holds a hash of all that the machine code depends on."""
    command = compiler()
    key = "\n".join([text, real, *_FLAGS, *command[1:], _version(command), _processor()])
    return cache_folder() / f"kernel_{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"


@lru_cache
def _loaded(path: Path, text: str, real: str) -> ctypes.CDLL:
    if not _whole(path):
        _compile(text, real, path)
    try:
        return ctypes.CDLL(str(path))
    except OSError as cause:
        raise CompilationError(
            f"a compiled library cannot be loaded ({cause}): delete it, or {_ELSEWHERE}"
        ) from cause


def _whole(path: Path) -> bool:
    """Whether the library is the one that was compiled: half of one would end the process that
    loads it.
    """
    try:
        return _digest_path(path).read_text(encoding="ascii") == _digest(path)
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _compile(text: str, real: str, path: Path) -> None:
    """In a folder of its own, so that processes that compile the same text do not meet; the last
    one wins, with the same library.

    The digest is moved in last: a library without it, or with an earlier one, is compiled again.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            source = Path(scratch, path.stem + ".cpp")
            made = Path(scratch, path.name)
            source.write_text(text, encoding="utf-8")
            command = [*compiler(), *_FLAGS, f"-DREAL={real}", str(source), "-o", str(made)]
            subprocess.run(command, check=True, capture_output=True, text=True)
            _digest_path(made).write_text(_digest(made), encoding="ascii")
            for file in (source, made, _digest_path(made)):
                os.replace(file, path.with_suffix(file.suffix))
    except OSError as cause:
        raise CompilationError(
            f"a compiled library cannot be written to {cache_folder()}: {_ELSEWHERE}"
        ) from cause
    except subprocess.CalledProcessError as cause:
        raise CompilationError(
            f"the C++ compiler fails: {cause.stderr.strip()[:_SHOWN]}; {_REMEDY}"
        ) from cause


@lru_cache
def _version(command: tuple[str, ...]) -> str:
    return subprocess.run(
        [*command, "--version"], capture_output=True, text=True, check=False
    ).stdout


@lru_cache
def _processor() -> str:
    """What -march=native looks at: the flags of the processor where the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return "\n".join([platform.machine(), platform.processor(), *told])
