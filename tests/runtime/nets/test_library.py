from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nhpinn_sym.runtime.nets.native import library as native
from nhpinn_sym.runtime.nets.native.library import CompilationError
from nhpinn_sym.solve.pinn.objective import Objective
from tests.pinn_rows import LAPLACE, net, rows

TEXT = 'extern "C" REAL twice(REAL x) { return 2 * x; }\n'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "nhpinn_sym"


def test_library_is_compiled_once(cache: Path) -> None:
    native.library(TEXT, "double")
    path = native.library_path(TEXT, "double")
    files = {path.with_suffix(suffix).name for suffix in (".so", ".cpp", ".sha256")}
    assert {p.name for p in cache.iterdir()} == files  # nothing else is left behind
    before = path.stat().st_mtime_ns
    assert (
        native.library(TEXT, "double") is native.library(TEXT, "double")
        and path.stat().st_mtime_ns == before
    )


def test_everything_that_matters_is_in_the_name(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {
        native.library_path(TEXT, "double"),
        native.library_path(TEXT, "float"),
        native.library_path(TEXT + " ", "double"),
    }
    monkeypatch.setattr(native, "_processor", lambda: "another one")
    names.add(native.library_path(TEXT, "double"))
    monkeypatch.setattr(native, "_version", lambda found: "a newer one")
    assert len(names | {native.library_path(TEXT, "double")}) == 5


def test_processes_may_compile_at_once(cache: Path) -> None:
    call = (
        f"from nhpinn_sym.runtime.nets.native.library import library; library({TEXT!r}, 'double');"
        " print('done')"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["done", "done"]
    assert len(list(cache.iterdir())) == 3


def test_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CompilationError, match="there is no C\\+\\+ compiler"):
        native.library(TEXT, "double")
    trial, layers = net(LAPLACE, [8], 1, 0)
    assert Objective(trial, rows(trial, 30, 1, 1, 0, 0), layers, "native").flavour == "torch"


def test_failing_compiler(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 1\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(script))
    with pytest.raises(CompilationError, match="out of order"):
        native.library(TEXT, "double")
    trial, layers = net(LAPLACE, [8], 1, 0)
    assert Objective(trial, rows(trial, 30, 1, 1, 0, 0), layers, "native").flavour == "torch"
    assert not list(cache.iterdir())


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CompilationError, match="XDG_CACHE_HOME"):
        native.library(TEXT, "double")


CALL = f"""
from nhpinn_sym.runtime.nets.native.library import library
twice = library({TEXT!r}, "double").twice
import ctypes
twice.restype, twice.argtypes = ctypes.c_double, (ctypes.c_double,)
print(twice(2.5))
"""


@pytest.mark.parametrize("damage", ["cut", "empty", "bits", "no digest", "other digest"])
def test_a_damaged_library_is_compiled_again(cache: Path, damage: str) -> None:
    """Half a library passes for one until its pages are read: the process would end by SIGBUS."""
    first = subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True, check=True)
    path = native.library_path(TEXT, "double")
    whole = path.read_bytes()
    if damage == "no digest":
        path.with_suffix(".sha256").unlink()
    elif damage == "other digest":
        path.with_suffix(".sha256").write_text("0" * 64)
    else:
        path.write_bytes(
            {
                "cut": whole[: len(whole) // 3],
                "empty": b"",
                "bits": whole[:4096] + b"\xff" * (len(whole) - 4096),
            }[damage]
        )
    again = subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (0, first.stdout) == (0, "5.0\n")
    assert path.stat().st_size == len(whole)


def test_compiler_with_arguments(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in CXX="ccache g++"; they are part of what a library is known by."""
    plain = native.library_path(TEXT, "double")
    command = shlex.join(native.compiler())
    monkeypatch.setenv("CXX", f"env {command} -DUNUSED")
    assert native.library(TEXT, "double").twice and native.library_path(TEXT, "double") != plain
    monkeypatch.setenv("CXX", "no_such_compiler -O2")
    with pytest.raises(CompilationError, match="no_such_compiler -O2"):
        native.library(TEXT, "double")
