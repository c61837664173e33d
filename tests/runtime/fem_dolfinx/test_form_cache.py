"""The cache of compiled forms after a process was killed while it wrote there."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from nhpinn_sym.runtime.fem_dolfinx.form_cache import CompiledFiles, guarded, whole

NAME = "libffcx_forms_1"


class LookUp:
    """FFCx's `get_cached_module`: the library where it is ready, (None, None) for the one that is
    to compile, else a vain wait.
    """

    def __init__(self) -> None:
        self.waits = 0

    def __call__(
        self, module_name: str, object_names: Any, cache_dir: Any, timeout: int
    ) -> tuple[Any, Any]:
        source = Path(cache_dir, f"{module_name}.c")
        try:
            source.open("x").close()
        except FileExistsError:
            if Path(cache_dir, f"{module_name}.c.cached").exists():
                return "objects", "module"
            self.waits += 1
            raise TimeoutError from None
        return None, None


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import _ctypes

    return Path(_ctypes.__file__).read_bytes()


def finished(folder: Path, content: bytes) -> CompiledFiles:
    files = CompiledFiles(folder, NAME)
    files.source.touch()
    (folder / f"{NAME}{EXTENSION_SUFFIXES[0]}").write_bytes(content)
    files.ready.touch()
    return files


def found(folder: Path) -> tuple[Any, LookUp]:
    look_up = LookUp()
    return guarded(look_up)(NAME, [], folder, 10)[0], look_up


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_is_finished_is_taken_and_what_is_not_there_is_compiled(
    tmp_path: Path, library: bytes
) -> None:
    assert found(tmp_path)[0] is None  # this process compiles
    assert CompiledFiles(tmp_path, NAME).owner.exists()
    finished(tmp_path, library)
    assert found(tmp_path)[0] == "objects"


def test_a_finished_module_is_loaded_by_its_name(tmp_path: Path, library: bytes) -> None:
    """Without FFCx's look through the whole folder."""
    name = "_ctypes"
    for end in (".c", ".c.cached"):
        (tmp_path / f"{name}{end}").touch()
    (tmp_path / f"{name}{EXTENSION_SUFFIXES[0]}").write_bytes(library)

    def never(*arguments: Any) -> tuple[Any, Any]:
        raise AssertionError(arguments)

    objects, module = guarded(never)(name, [], tmp_path, 10)
    assert objects == [] and module.__file__.startswith(str(tmp_path))


def test_what_a_killed_process_left_is_compiled_again_without_waiting(tmp_path: Path) -> None:
    found(tmp_path)
    files = CompiledFiles(tmp_path, NAME)
    machine = files.owner.read_text().split("\n")[0]
    files.owner.write_text(f"{machine}\n{dead_process()}")
    objects, look_up = found(tmp_path)
    assert objects is None and look_up.waits == 0


def test_what_nobody_claims_is_compiled_again_after_one_wait(tmp_path: Path) -> None:
    CompiledFiles(tmp_path, NAME).source.touch()
    objects, look_up = found(tmp_path)
    assert objects is None and look_up.waits == 1


def test_a_process_at_work_is_waited_for(tmp_path: Path, library: bytes) -> None:
    files = CompiledFiles(tmp_path, NAME)
    files.source.touch()
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        files.claim()
        files.owner.write_text(files.owner.read_text().split("\n")[0] + f"\n{worker.pid}")
        assert files.owner_state() == "alive"

        class Slow(LookUp):
            def __call__(self, *arguments: Any) -> tuple[Any, Any]:
                if self.waits == 2:
                    finished(tmp_path, library)
                return super().__call__(*arguments)

        look_up = Slow()
        assert guarded(look_up)(NAME, [], tmp_path, 10)[0] == "objects" and look_up.waits == 2
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize("part", [0, 10, 63, 0.5, 0.999])
def test_half_a_library_is_compiled_again(tmp_path: Path, library: bytes, part: float) -> None:
    length = int(part if part in (0, 10, 63) else part * len(library))
    finished(tmp_path, library[:length])
    assert found(tmp_path)[0] is None and not list(tmp_path.glob("*.so"))


def test_a_library_that_is_gone_is_compiled_again(tmp_path: Path, library: bytes) -> None:
    finished(tmp_path, library)
    next(tmp_path.glob("*.so")).unlink()
    assert found(tmp_path)[0] is None


def test_whole_libraries(tmp_path: Path, library: bytes) -> None:
    file = tmp_path / "a.so"
    for content, expected in (
        (library, True),
        (library[:-1], False),
        (b"\xcf\xfa\xed\xfe other systems", True),
        (b"", False),
    ):
        file.write_bytes(content)
        assert whole(file) is expected
