"""Problem files: Python files that define a `MultiscaleProblem`."""

from __future__ import annotations

import contextlib
import runpy
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sympy.core.function import AppliedUndef

from ..problem.errors import NhpinnError, ProblemError
from ..problem.images import ImageFunction
from ..problem.problem import MultiscaleProblem


class ProblemFile(NamedTuple):
    """What the commands take from a file. coefficients: a mapping of that name, with functions for
    the coefficients without a formula; None where the problem has none of these.
    """

    problem: MultiscaleProblem
    coefficients: Mapping[str, Callable[..., Any]] | None


def load_problem(path: str, name: str = "problem") -> MultiscaleProblem:
    """The problem of `read_file`."""
    return read_file(path, name).problem


def read_file(path: str, name: str = "problem") -> ProblemFile:
    """The problem called `name` in the Python file at `path`, and its `coefficients`.

    ProblemError where there is no such file or name, or where the file itself fails (the line that
    failed is quoted).
    """
    file = Path(path)
    if not file.is_file():
        raise ProblemError(
            "this is a folder, and no file" if file.is_dir() else "there is no such file",
            term=path,
            remedy="give a Python file that defines `problem`, such as examples/elliptic_2d.py",
        )
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what it prints is no result
            found = runpy.run_path(str(file), run_name="nhpinn_problem")
    except NhpinnError:
        raise
    except (Exception, SystemExit) as cause:
        frames = [f for f in traceback.extract_tb(cause.__traceback__) if f.filename == str(file)]
        if frames:
            where = f"line {frames[-1].lineno}: {frames[-1].line}"
        else:
            # A syntax error has no frame in the file, but the line that it is about.
            where = str(getattr(cause, "text", "") or "").strip() or str(path)
        raise ProblemError(
            f"the file {path} fails with {type(cause).__name__}: {cause}",
            term=where,
            remedy="run it with python to see the whole traceback",
        ) from cause
    problem = found.get(name)
    if not isinstance(problem, MultiscaleProblem):
        others = [k for k, v in found.items() if isinstance(v, MultiscaleProblem)]
        raise ProblemError(
            f"the file defines no MultiscaleProblem called {name}",
            term=path,
            remedy=f"write --problem {' or '.join(others)}"
            if others
            else f"write {name} = nh.MultiscaleProblem(...) there; nhpinn new makes such a file",
        )
    given = found.get("coefficients")
    functions = {f for e in problem.equations for f in e.atoms(AppliedUndef)}
    known = {f for f in functions if isinstance(f, ImageFunction)} | {*problem.unknowns}
    if isinstance(given, Mapping) and functions - known:
        return ProblemFile(problem, given)
    return ProblemFile(problem, None)
