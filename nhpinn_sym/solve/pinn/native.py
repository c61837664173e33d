"""The C++ engine: loss, gradient and Jacobian rows of tanh nets on the processor, by shared
libraries that are compiled once for each set of derivatives.

The compiler of the system makes them; they are kept in the user's cache, as DOLFINx does with its
forms.
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from ...problem.errors import BackendMissingError
from ...runtime.nets.native.kernel import ROWS, kernel

if TYPE_CHECKING:
    from .objective import Residuals

_NAMES = ("c++", "g++", "clang++")
_FLAGS = ("-std=gnu++17", "-O3", "-march=native", "-ffp-contract=fast", "-fPIC", "-shared")
_REMEDY = 'install g++ or clang++, name one in the environment variable CXX, or use flavour="torch"'
_ELSEWHERE = "name a folder for programs in the environment variable XDG_CACHE_HOME"


def compiler() -> tuple[str, ...]:
    """The command that CXX holds ("g++", "ccache g++ -m64"), else the first of c++, g++ and clang++
    that there is.

    BackendMissingError where there is none.
    """
    asked = shlex.split(os.environ.get("CXX", ""))
    commands = [asked] if asked else [[name] for name in _NAMES]
    for name, *arguments in commands:
        found = shutil.which(name)
        if found is not None:
            return found, *arguments
    raise BackendMissingError(
        "there is no C++ compiler", term=" or ".join(map(shlex.join, commands)), remedy=_REMEDY
    )


def cache_folder() -> Path:
    """Where compiled libraries are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nhpinn_sym"


def library(text: str, real: str) -> ctypes.CDLL:
    """The library of `text` with REAL as `real`, from the cache where it is there and whole.

    BackendMissingError without a compiler, or where it fails, or where the library cannot be
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
        raise BackendMissingError(
            "a compiled library cannot be loaded", term=cause, remedy=f"delete it, or {_ELSEWHERE}"
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
        raise BackendMissingError(
            "a compiled library cannot be written", term=cache_folder(), remedy=_ELSEWHERE
        ) from cause
    except subprocess.CalledProcessError as cause:
        raise BackendMissingError(
            "the C++ compiler fails", term=cause.stderr.strip()[:500], remedy=_REMEDY
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


if TYPE_CHECKING:
    from .objective import Residuals

_REAL = {torch.float64: "double", torch.float32: "float"}
_PER_THREAD = 256
"""Points that are worth a thread."""
Result = TypeVar("Result")
_TYPES: dict[str, Any] = {
    "long": ctypes.c_long,
    "const long*": ctypes.POINTER(ctypes.c_long),
    "const T*": ctypes.c_void_p,
}


class _Rows(ctypes.Structure):
    """`Rows` of the emitted file."""

    _fields_ = [(name, _TYPES[kind]) for name, kind in ROWS.items()]


@dataclass(frozen=True)
class _Part:
    """The points of one thread; `held` are the tensors that `rows` points to."""

    rows: _Rows
    held: tuple[Tensor, ...]
    count: int


class Native:
    """Points are shared out to as many threads as torch uses."""

    name = "native"

    def __init__(self, residuals: Residuals) -> None:
        """BackendMissingError where no C++ compiler does it, and for tensors elsewhere than in the
        memory of the processor.
        """
        if residuals.rows.points.device.type != "cpu":
            raise BackendMissingError(
                "compiled residuals run on the processor",
                term=residuals.rows.points.device,
                remedy='use flavour="torch"',
            )
        self._residuals = residuals
        self._dtype = residuals.rows.points.dtype
        self._library = library(kernel(residuals.streams), _REAL[self._dtype])
        self._library.sum_of_squares.argtypes = (ctypes.POINTER(_Rows), *(ctypes.c_void_p,) * 2)
        self._library.jacobian_rows.argtypes = (ctypes.POINTER(_Rows), *(ctypes.c_void_p,) * 3)
        self._library.sum_of_squares.restype = ctypes.c_double
        self._library.jacobian_rows.restype = None
        *inner, _ = residuals.sizes
        self._sizes = (ctypes.c_long * len(inner))(*inner)
        threads = max(1, min(torch.get_num_threads(), len(residuals.rows.points) // _PER_THREAD))
        self._parts = [
            self._part(chunk) for chunk in torch.arange(len(residuals.rows.points)).chunk(threads)
        ]

    def sum_of_squares(self, x: Tensor) -> float:
        x = self._require_size(x)
        return sum(self._map(lambda k: self._run(k, x, None)))

    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        x = self._require_size(x)
        gradients = x.new_empty(len(self._parts), len(x))
        total = sum(self._map(lambda k: self._run(k, x, gradients[k])))
        return total, gradients.sum(0) if len(self._parts) > 1 else gradients[0]

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self._require_size(x)
        counts = [part.count for part in self._parts]
        residual = x.new_empty(sum(counts))
        jacobian = x.new_empty(sum(counts), len(x))
        pieces = list(zip(residual.split(counts), jacobian.split(counts)))

        def run(k: int) -> None:
            self._library.jacobian_rows(
                self._parts[k].rows, x.data_ptr(), *(piece.data_ptr() for piece in pieces[k])
            )

        self._map(run)
        return residual, jacobian

    def _run(self, k: int, x: Tensor, gradient: Tensor | None) -> float:
        return self._library.sum_of_squares(
            self._parts[k].rows, x.data_ptr(), None if gradient is None else gradient.data_ptr()
        )

    def _map(self, call: Callable[[int], Result]) -> list[Result]:
        if len(self._parts) == 1:
            return [call(0)]
        with ThreadPoolExecutor(len(self._parts)) as pool:
            return list(pool.map(call, range(len(self._parts))))

    def _require_size(self, x: Tensor) -> Tensor:
        """Memory that the library may read: it does not know how many numbers there are."""
        if x.shape != (self._residuals.parameters,):
            raise ValueError(
                f"{self._residuals.parameters} parameters are needed, not {tuple(x.shape)}"
            )
        return x.detach().to(self._dtype).contiguous()

    def _part(self, chunk: Tensor) -> _Part:
        part = slice(int(chunk[0]), int(chunk[-1]) + 1)
        rows = self._residuals.rows
        held = tuple(
            t.contiguous()
            for t in (
                self._residuals.inputs[:, part],
                rows.weights[part],
                rows.extra[part],
                rows.target[part],
            )
        )
        equations, components = rows.weights.shape[1:3]
        numbers = (len(chunk), len(self._sizes) - 1, equations, components, rows.extra.shape[2])
        return _Part(
            _Rows(*numbers, self._sizes, *(t.data_ptr() for t in held)),
            held,
            len(chunk) * equations,
        )
