"""Validations by two processes: the same numbers, errors and warnings as by one, whatever happens to
the second one.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import warn_tolerance
from nhpinn_sym.solve.progress import Task, silent
from nhpinn_sym.validate import second_process as module
from nhpinn_sym.validate.boundary_value_run import BoundaryValueRun
from nhpinn_sym.validate.report import Report
from nhpinn_sym.validate.settings import Settings
from nhpinn_sym.validate.shared_parts import SharedParts
from nhpinn_sym.validate.stored_parts import Store, json_text
from nhpinn_sym.validate.validate import ahead
from nhpinn_sym.validate.validate_cells import cells_ahead, validate_cells

from .kill_resume import differences, problem, without_times

EPS = sp.Rational(1, 2)


def shared(folder: Path, *earlier: str) -> SharedParts:
    return SharedParts(folder / "parts", frozenset(earlier), silent)


def numbers(report: Report) -> Any:
    """Of a report, without what takes time and what was there."""
    return without_times(json.loads(json_text(report.as_dict())))


@pytest.fixture(scope="module")
def alone() -> Any:
    """What one process finds."""
    return numbers(nh.validate(problem(), EPS, fem="skfem"))


@pytest.mark.parametrize("command", [None, "import os; os.kill(os.getpid(), 9)"])
def test_the_same_numbers(command: str | None, alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if command is not None:
        monkeypatch.setattr(module, "_COMMAND", command)
    report = nh.validate(problem(), EPS, fem="skfem", jobs=2)
    assert not differences(alone, numbers(report))
    assert not report.info["resumed"] and report.out is None


def test_what_is_computed_ahead_is_taken(alone: Any, tmp_path: Path) -> None:
    """All but nets and what they make of u0, where that does not take long."""
    settings = Settings.read(problem(), "skfem", None, None, None, None, silent)
    ahead(problem(), EPS, None, replace(settings, beside=shared(tmp_path)))
    files = [path.name for path in tmp_path.glob("parts/*.npz")]
    known = {"cells_skfem", "cells_fourier", "u_eps", "u0", "v"}
    assert {name.rpartition("_")[0] for name in files} == known
    later = replace(settings, beside=shared(tmp_path, *files))
    report = BoundaryValueRun(problem(), EPS, None, later).report()
    assert known == {*report.info["resumed"]} and not differences(alone, numbers(report))


def test_cells_of_elements_are_computed_ahead_without_eps(tmp_path: Path) -> None:
    settings = Settings.read(problem(), "skfem", None, None, None, None, silent)
    cells_ahead(problem(), None, replace(settings, beside=shared(tmp_path)))
    files = [path.name for path in tmp_path.glob("parts/*.npz")]
    later = replace(settings, beside=shared(tmp_path, *files))
    report = validate_cells(problem(), later, None)
    assert report.info["resumed"] == ["cells_skfem"]
    assert not differences(numbers(nh.validate(problem(), fem="skfem", jobs=2)), numbers(report))


def test_errors_are_those_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND", "1 / 0")
    zero = problem(source=0)
    with pytest.raises(nh.SolveError, match="the multiscale problem is zero"):
        nh.validate(zero, EPS, fem="skfem", jobs=2)
    with pytest.raises(nh.ProblemError, match="jobs"):
        nh.validate(zero, EPS, jobs=0)


def test_warnings_go_with_their_part(tmp_path: Path) -> None:
    def coarse() -> dict[str, Any]:
        warn_tolerance("too coarse")
        return {"v": np.ones(1)}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Store(tmp_path, "key", shared(tmp_path)).arrays("u", coarse)
    with pytest.warns(nh.ToleranceWarning, match="too coarse") as told:
        store = Store(tmp_path, "key", shared(tmp_path))
        store.arrays("u", coarse)
        store.arrays("u", coarse)
    assert len(told) == 1 and not store.taken  # by this run


def test_a_part_in_work_is_waited_for(tmp_path: Path) -> None:
    labels = []
    begun, done = threading.Event(), threading.Event()

    @contextmanager
    def progress(label: str) -> Iterator[Task]:
        labels.append(label)
        done.set()
        with silent(label) as task:
            yield task

    def slow() -> dict[str, Any]:
        begun.set()
        done.wait(60)
        return {"v": np.ones(1)}

    other = Store(tmp_path, "key", shared(tmp_path))
    thread = threading.Thread(target=other.arrays, args=("u", slow))
    thread.start()
    begun.wait(60)
    store = Store(tmp_path, "key", replace(shared(tmp_path), progress=progress))
    assert store.arrays("u", lambda: {"v": np.zeros(1)})["v"] == 1
    thread.join()
    assert labels == ["u, by the second process"]


def test_it_ends_with_the_first() -> None:
    read, write = os.pipe()
    if os.fork() == 0:
        started = module._started(pickle.dumps((time.sleep, (600,))))
        os.write(write, str(started.pid).encode())
        os._exit(0)
    process = int(os.read(read, 20))
    os.wait()
    deadline = time.monotonic() + 120
    try:
        while time.monotonic() < deadline:
            os.kill(process, 0)
            time.sleep(0.05)
        os.kill(process, signal.SIGKILL)
        pytest.fail("it goes on alone")
    except ProcessLookupError:
        pass
