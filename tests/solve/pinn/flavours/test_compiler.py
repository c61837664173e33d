from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nhpinn_sym.problem.errors import BackendMissingError
from nhpinn_sym.solve.pinn.flavours import compiler
from nhpinn_sym.solve.pinn.objective import Objective
from tests.pinn_rows import LAPLACE, net, rows

TEXT = 'extern "C" REAL twice(REAL x) { return 2 * x; }\n'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "nhpinn_sym"


def test_library_is_compiled_once(cache: Path) -> None:
    compiler.library(TEXT, "double")
    path = compiler.library_path(TEXT, "double")
    assert {p.name for p in cache.iterdir()} == {path.name, path.with_suffix(".cpp").name}  # nothing else is left behind
    before = path.stat().st_mtime_ns
    assert compiler.library(TEXT, "double") is compiler.library(TEXT, "double") and path.stat().st_mtime_ns == before


def test_everything_that_matters_is_in_the_name(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {compiler.library_path(TEXT, "double"), compiler.library_path(TEXT, "float"), compiler.library_path(TEXT + " ", "double")}
    monkeypatch.setattr(compiler, "_processor", lambda: "another one")
    names.add(compiler.library_path(TEXT, "double"))
    monkeypatch.setattr(compiler, "_version", lambda found: "a newer one")
    assert len(names | {compiler.library_path(TEXT, "double")}) == 5


def test_processes_may_compile_at_once(cache: Path) -> None:
    call = f"from nhpinn_sym.solve.pinn.flavours.compiler import library; library({TEXT!r}, 'double'); print('done')"
    running = [subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in running] == ["done", "done"]
    assert len(list(cache.iterdir())) == 2


def test_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(BackendMissingError, match="there is no C\\+\\+ compiler"):
        compiler.library(TEXT, "double")
    trial, layers = net(LAPLACE, [8], 1, 0)
    assert Objective(trial, rows(trial, 30, 1, 1, 0, 0), layers, "native").flavour == "torch"


def test_failing_compiler(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 1\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(script))
    with pytest.raises(BackendMissingError, match="out of order"):
        compiler.library(TEXT, "double")
    trial, layers = net(LAPLACE, [8], 1, 0)
    assert Objective(trial, rows(trial, 30, 1, 1, 0, 0), layers, "native").flavour == "torch"
    assert not list(cache.iterdir())


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BackendMissingError, match="XDG_CACHE_HOME"):
        compiler.library(TEXT, "double")


def test_library_that_cannot_be_loaded(cache: Path) -> None:
    path = compiler.library_path(TEXT, "float")
    path.parent.mkdir()
    path.write_bytes(b"half a library")
    with pytest.raises(BackendMissingError, match="delete it"):
        compiler.library(TEXT, "float")


def test_compiler_with_arguments(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in CXX="ccache g++"; they are part of what a library is known by."""
    plain = compiler.library_path(TEXT, "double")
    command = shlex.join(compiler.compiler())
    monkeypatch.setenv("CXX", f"env {command} -DUNUSED")
    assert compiler.library(TEXT, "double").twice and compiler.library_path(TEXT, "double") != plain
    monkeypatch.setenv("CXX", "no_such_compiler -O2")
    with pytest.raises(BackendMissingError, match="no_such_compiler -O2"):
        compiler.library(TEXT, "double")
