"""The second process of a validation: it computes the parts that need no net, while the first one
trains nets, and takes those when it comes to them.

Whatever happens to it, the first process computes what is missing: results are the same.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

from ..problem.user_input import positive_integer
from ..solve.progress import silent
from ..solve.workers import RANK_VARIABLES, thread_shares
from .settings import Settings
from .shared_parts import SharedParts
from .stored_parts import check_folder, parts_folder

# With the places of modules of the process that sends the work, whatever the folder it is in.
_COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from nhpinn_sym.validate.second_process import work; work(int(sys.argv[2]))"
)
_PROCESSES = 2
# Seconds between two looks at whether the first process is there.
_LOOK = 0.2


@contextmanager
def second_process(
    jobs: int,
    ahead: Callable[..., None],
    given: tuple[Any, ...],
    settings: Settings,
    out: str | os.PathLike[str] | None,
) -> Iterator[Settings]:
    """Settings for the block; where `jobs` is above 1 another process runs `ahead(*given, out,
    settings)` meanwhile, a function of a module. None is started under mpirun, whose ranks compute
    together, nor for functions, which are no data.
    """
    if positive_integer(jobs, "jobs") == 1 or settings.coefficients or _cannot():
        yield settings
        return
    with ExitStack() as stack:
        if out is None:
            folder = parts_folder(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder = parts_folder(out)
            check_folder(folder)
        earlier = frozenset(path.name for path in folder.glob("*.npz"))
        shared = SharedParts(folder, earlier, settings.progress)
        stack.callback(shared.clear)
        sent = replace(settings, beside=replace(shared, progress=silent), progress=silent)
        stack.enter_context(_running(ahead, (*given, out, sent)))
        yield replace(settings, beside=shared)


def _cannot() -> bool:
    """Whether this is a process of several, or files have no locks."""
    return not {*RANK_VARIABLES}.isdisjoint(os.environ) or not importlib.util.find_spec("fcntl")


@contextmanager
def _running(ahead: Callable[..., None], given: tuple[Any, ...]) -> Iterator[None]:
    """The other process, while the block runs; nothing where it cannot be started or what it is
    given cannot be sent."""
    process = None
    with suppress(OSError, pickle.PicklingError, TypeError, AttributeError):
        process = _started(pickle.dumps((ahead, given)))
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def _started(work: bytes) -> subprocess.Popen[bytes]:
    places = json.dumps([str(place) for place in sys.path])
    command = [sys.executable or "", "-I", "-c", _COMMAND, places, str(os.getpid())]
    with tempfile.TemporaryFile() as file:
        file.write(work)
        file.seek(0)
        return subprocess.Popen(
            command,
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **thread_shares(_PROCESSES)},
        )


def work(first: int) -> None:
    """What the second process does; `first` is the other one."""
    threading.Thread(target=_end_with, args=(first,), daemon=True).start()
    ahead, given = pickle.load(sys.stdin.buffer)
    with suppress(Exception):  # of any kind: the first process meets it again, and raises it
        ahead(*given)


def _end_with(first: int) -> None:
    while os.getppid() == first:
        time.sleep(_LOOK)
    os._exit(1)
