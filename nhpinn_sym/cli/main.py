"""nhpinn: derive, emit, cells, validate, study, doctor, new, completion.

On stdout stands the result and nothing else; progress, remarks and warnings go to stderr.

Exit codes: 0 done (validate: PINN and FEM agree), 1 an error that says what to do, 2 wrong usage, 3
validate's verdict is not agreement, or a rate of study is below the expected one, 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import sympy as sp

from ..derive.homogenize import homogenize
from ..problem.errors import NhpinnError, OutputPathError, ProblemError
from ..problem.user_input import number_from_text
from ..solve.workers import RANK_VARIABLES
from .files import load_problem, read_file
from .options import build_parser

# Of three generations of objects. Collections of the oldest walk through all that torch and SymPy
# hold: ten times as many, Python's default, take a twentieth to a tenth of a validation.
_COLLECTED = (700, 10, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = build_parser(_RUNS)
    arguments = parser.parse_args(argv)
    warnings.showwarning = _show_warning
    gc.set_threshold(*_COLLECTED)
    # At the end all objects go at once: to look for cycles among them takes a second.
    atexit.register(gc.freeze)
    if _silent():  # ranks other than the first
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        return int(arguments.run(arguments))
    except NhpinnError as error:
        print(f"error: {error}", file=sys.stderr)
        return _failed(1)
    except KeyboardInterrupt:
        kept = "finished parts are kept, and the same command goes on from them"
        resumes = arguments.run in (_validate, _study) and arguments.output
        print(f"interrupted: {kept if resumes else 'nothing is kept'}", file=sys.stderr)
        return _failed(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _failed(1)
    except Exception:
        traceback.print_exc()
        return _failed(1)


def _failed(code: int) -> int:
    """The exit code of a failure. Under mpirun it ends all ranks: the others would wait for this
    one without an end.
    """
    mpi: Any = sys.modules.get("mpi4py.MPI")
    if (
        mpi is not None
        and mpi.Is_initialized()
        and not mpi.Is_finalized()
        and mpi.COMM_WORLD.size > 1
    ):
        sys.stderr.flush()
        mpi.COMM_WORLD.Abort(code)
    return code


def _silent() -> bool:
    """Whether this is not the first of the processes of mpirun or torchrun."""
    return any(int(os.environ.get(name, "0")) > 0 for name in RANK_VARIABLES)


def _derive(arguments: argparse.Namespace) -> int:
    model = homogenize(load_problem(arguments.file, arguments.problem), arguments.order)
    print(model.derivation.latex() if arguments.latex else model)
    return 0


def _emit(arguments: argparse.Namespace) -> int:
    from ..emit.emit import emit

    model: Any = homogenize(load_problem(arguments.file, arguments.problem), arguments.order)
    for path in emit(model, arguments.target).save(arguments.output):
        print(path)
    return 0


def _cells(arguments: argparse.Namespace) -> int:
    from ..solve.cells import solve_cells
    from .tables import print_cells

    problem, coefficients = read_file(arguments.file, arguments.problem)
    _check_cell_file(arguments.output)
    model: Any = homogenize(problem, arguments.order)
    cells = solve_cells(
        model,
        arguments.backend,
        tolerance=arguments.tolerance,
        parameters=_parameters(problem, arguments.set),
        coefficients=coefficients,
        progress=_progress(arguments),
        **_pinn_options(arguments, arguments.backend),
        **_processes(arguments, arguments.backend),
    )
    if arguments.json:
        from ..solve.cell_exports import effective_record

        print(json.dumps(effective_record(cells), indent=1))
    else:
        print_cells(cells, problem)
    if arguments.output is not None and not _silent():
        _remark(arguments, f"saved to {cells.save(arguments.output)}")
    return 0


def _check_cell_file(given: str | None) -> None:
    """OutputPathError, before anything is solved, where cells cannot be saved."""
    if given is None:
        return
    from ..validate.stored_parts import check_folder

    path = Path(given)
    if path.suffix != ".npz" or path.is_dir():
        raise OutputPathError(
            "cells are saved to a file that ends with .npz",
            term=given,
            remedy="write -o cells.npz; --json prints the effective coefficients",
        )
    check_folder(path.parent)


def _validate(arguments: argparse.Namespace) -> int:
    from ..validate.report import Verdict
    from ..validate.validate import validate

    problem, coefficients = read_file(arguments.file, arguments.problem)
    report = validate(
        problem,
        None if arguments.eps is None else _number(arguments.eps, "--eps"),
        arguments.output,
        fem=arguments.fem,
        pinn=_pinn_options(arguments, "pinn"),
        per_period=arguments.per_period,
        tolerance=arguments.tolerance,
        parameters=_parameters(problem, arguments.set),
        coefficients=coefficients,
        progress=_progress(arguments),
        jobs=arguments.jobs,
    )
    if arguments.json:
        from ..validate.stored_parts import json_text

        print(json_text(report.as_dict()).decode())
    else:
        _print_report(report)
    if report.info["resumed"]:
        _remark(arguments, f"taken from an earlier run: {', '.join(report.info['resumed'])}")
    if report.out:
        _remark(arguments, f"the page of it: {os.path.join(report.out, 'report.html')}")
    if report.verdict is Verdict.AGREEMENT:
        return 0
    return 3


def _study(arguments: argparse.Namespace) -> int:
    from ..validate.study import study
    from .side_by_side import processes

    problem, coefficients = read_file(arguments.file, arguments.problem)
    with processes(arguments.jobs) as executor:
        found = study(
            problem,
            **_swept(arguments),
            out=arguments.output,
            executor=executor,
            fem=arguments.fem,
            pinn=_pinn_options(arguments, "pinn"),
            per_period=arguments.per_period,
            tolerance=arguments.tolerance,
            parameters=_parameters(problem, arguments.set),
            coefficients=coefficients,
            progress=_progress(arguments),
        )
    if arguments.json:
        from ..validate.stored_parts import json_text

        print(json_text(found.as_dict()).decode())
    else:
        from rich.console import Console

        found.print_to(Console())
    if found.info["resumed"]:
        _remark(arguments, f"taken from an earlier run: {', '.join(found.info['resumed'])}")
    if found.out:
        _remark(arguments, f"study.csv, study.json and plots: {found.out}")
    if found.below:
        _remark(arguments, f"below the expected rate: {'; '.join(found.below)}")
    if found.agrees:
        return 0
    return 3


def _swept(arguments: argparse.Namespace) -> dict[str, Any]:
    """The values of a study, by their kind."""
    for kind in ("eps", "h"):
        given = getattr(arguments, kind)
        if given is not None:
            return {kind: [_number(text, f"--{kind}") for text in given.split(",")]}
    numbers = [_number(text, "--features") for text in arguments.features.split(",")]
    return {"features": [int(n) if n.is_Integer else n for n in numbers]}


def _print_report(report: Any) -> None:
    from rich.console import Console

    console = Console()
    for table in report.tables():
        console.print(table)
    verdict = f"{report.verdict.name}: {report.verdict_text}"
    console.print(verdict, highlight=False, markup=False)
    for line in report.evidence:
        console.print(f"- {line}", highlight=False, markup=False)


def _new(arguments: argparse.Namespace) -> int:
    from .new_problem import write_problem

    print(write_problem(arguments.name))
    return 0


def _completion(arguments: argparse.Namespace) -> int:
    from .completion import completion

    print(completion(build_parser(_RUNS), arguments.shell))
    return 0


def _progress(arguments: argparse.Namespace) -> Any:
    """Bars on stderr; nothing where the user wants it quiet."""
    if arguments.quiet:
        from ..solve.progress import silent

        return silent
    from ..solve.bars import Bars

    return Bars()


def _remark(arguments: argparse.Namespace, text: str) -> None:
    """What is no result."""
    if not arguments.quiet:
        print(text, file=sys.stderr)


def _doctor(arguments: argparse.Namespace) -> int:
    from .doctor import print_doctor

    if print_doctor():
        return 0
    return 1


def _pinn_options(arguments: argparse.Namespace, backend: str) -> dict[str, Any]:
    given = {
        "method": arguments.method,
        "solver": arguments.solver,
        "seed": arguments.seed,
        "device": arguments.device,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if chosen and backend != "pinn":
        raise ProblemError(
            f"the pinn backend alone takes {', '.join('--' + name for name in chosen)}",
            term=backend,
            remedy="leave that out, or write --backend pinn",
        )
    return chosen


def _processes(arguments: argparse.Namespace, backend: str) -> dict[str, Any]:
    """The processes of torchrun share the rows of a PINN."""
    from ..solve.backends import available

    if backend != "pinn" or not available("pinn"):
        return {}
    from ..solve.pinn.distributed import torchrun_group

    group = torchrun_group(arguments.device or "cpu")
    if group is None:
        return {}
    return {"group": group}


def _parameters(problem: Any, settings: Sequence[str]) -> dict[sp.Symbol, float]:
    """name=value pairs for the declared parameters."""
    symbols = {str(symbol): symbol for symbol in problem.parameters}
    chosen = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in symbols:
            raise ProblemError(
                "the problem declares no parameter of this name",
                term=setting,
                remedy=f"declared: {', '.join(symbols) or 'none'}",
            )
        if symbols[name] in chosen:
            raise ProblemError(
                "a parameter has two values", term=setting, remedy="give --set of each name once"
            )
        chosen[symbols[name]] = float(_number(value, f"--set {name}="))
    return chosen


def _number(text: str, option: str) -> sp.Expr:
    try:
        return number_from_text(text)
    except (TypeError, ValueError, ZeroDivisionError) as cause:
        raise ProblemError(
            f"{option} takes a number such as 1/8 or 0.125",
            term=text,
            remedy="write digits, a point or a slash",
        ) from cause


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"warning: {message}", file=sys.stderr)


_RUNS = {
    "derive": _derive,
    "emit": _emit,
    "cells": _cells,
    "validate": _validate,
    "study": _study,
    "doctor": _doctor,
    "new": _new,
    "completion": _completion,
}


if __name__ == "__main__":
    sys.exit(main())
