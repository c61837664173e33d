"""nhpinn: derive, emit, cells, validate, doctor.

Exit codes: 0 done (validate: PINN and FEM agree), 1 an error that says what to do, 2 wrong usage, 3
validate's verdict is not agreement, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

import sympy as sp

from .. import __version__
from ..derive.homogenize import homogenize
from ..problem.errors import NhpinnError, ProblemError
from ..problem.user_input import number_from_text
from ..solve.bars import Bars
from .files import load_problem

_RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "GROUP_RANK", "LOCAL_RANK")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    warnings.showwarning = _show_warning
    if _silent():  # ranks other than the first
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        return int(arguments.run(arguments))
    except NhpinnError as error:
        print(f"error: {error}", file=sys.stderr)
        return _failed(1)
    except KeyboardInterrupt:
        print(
            "interrupted: finished parts are kept, and the same command goes on from them",
            file=sys.stderr,
        )
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
    return any(int(os.environ.get(name, "0")) > 0 for name in _RANK_VARIABLES)


def _derive(arguments: argparse.Namespace) -> int:
    model = homogenize(load_problem(arguments.file, arguments.problem), arguments.order)
    print(model.derivation.latex() if arguments.latex else model)
    return 0


def _emit(arguments: argparse.Namespace) -> int:
    from ..emit.emit import emit

    source = emit(
        homogenize(load_problem(arguments.file, arguments.problem), arguments.order),
        arguments.target,
    )
    for path in source.save(arguments.output):
        print(path)
    return 0


def _cells(arguments: argparse.Namespace) -> int:
    from ..solve.cells import solve_cells
    from .tables import cells_table

    problem = load_problem(arguments.file, arguments.problem)
    cells = solve_cells(
        homogenize(problem, arguments.order),
        arguments.backend,
        tolerance=arguments.tolerance,
        parameters=_parameters(problem, arguments.set),
        progress=Bars(),
        **_pinn_options(arguments, arguments.backend),
        **_processes(arguments, arguments.backend),
    )
    cells_table(cells, problem)
    if arguments.output and not _silent():
        print(f"saved to {cells.save(arguments.output)}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from ..validate.report import Verdict
    from ..validate.validate import validate

    problem = load_problem(arguments.file, arguments.problem)
    report = validate(
        problem,
        _number(arguments.eps, "--eps"),
        arguments.output,
        fem=arguments.fem,
        pinn=_pinn_options(arguments, "pinn"),
        per_period=arguments.per_period,
        tolerance=arguments.tolerance,
        parameters=_parameters(problem, arguments.set),
        progress=Bars(),
    )
    console = Console()
    for table in report.tables():
        console.print(table)
    console.print(f"{report.verdict.name}: {report.verdict.value}", highlight=False)
    for line in report.evidence:
        console.print(f"- {line}", highlight=False, markup=False)
    if report.info["resumed"]:
        console.print(
            f"taken from an earlier run: {', '.join(report.info['resumed'])}", highlight=False
        )
    if report.out:
        console.print(
            f"results.json, report.txt, derivation, emitted sources and plots: {report.out}",
            highlight=False,
            soft_wrap=True,
            markup=False,
            emoji=False,
        )
    return 0 if report.verdict is Verdict.AGREEMENT else 3


def _doctor(arguments: argparse.Namespace) -> int:
    from .doctor import print_doctor

    return 0 if print_doctor() else 1


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
            f"{', '.join('--' + name for name in chosen)} are for the pinn backend", term=backend
        )
    return chosen


def _processes(arguments: argparse.Namespace, backend: str) -> dict[str, Any]:
    """The processes of torchrun share the rows of a PINN."""
    if backend != "pinn":
        return {}
    from ..solve.pinn.distributed import torchrun_group

    group = torchrun_group(arguments.device or "cpu")
    return {} if group is None else {"group": group}


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
        chosen[symbols[name]] = float(_number(value, "--set"))
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nhpinn",
        description=(
            "Homogenize a linear multiscale PDE or system written in SymPy, and cross-validate PINN"
            " against FEM."
        ),
        epilog=(
            "exit codes: 0 done, 1 error, 2 usage, 3 verdict other than agreement, 130 interrupted"
        ),
    )
    parser.add_argument("--version", action="version", version=f"nhpinn_sym {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    derive = _command(
        commands,
        "derive",
        _derive,
        "print the derivation: transformations, cell problems, effective formulas, homogenized"
        " equation",
    )
    derive.add_argument("--latex", action="store_true", help="as a LaTeX document")
    emit = _command(commands, "emit", _emit, "write a folder of source files that stands alone")
    emit.add_argument(
        "--target",
        required=True,
        metavar="TARGET",
        help="torch, dolfinx, skfem, numpy, deepxde, pina or latex",
    )
    emit.add_argument("-o", "--output", required=True, metavar="DIR", help="folder to write to")
    text = (
        "solve the cell problems, print the effective coefficients; with --order above 1 the"
        " averaged operators too"
    )
    cells = _command(commands, "cells", _cells, text)
    cells.add_argument(
        "--backend",
        default="auto",
        metavar="NAME",
        help="pinn, dolfinx, skfem, fourier, or auto: what suits the coefficients (default: auto)",
    )
    cells.add_argument("-o", "--output", metavar="FILE", help="save the solved cells to FILE.npz")
    validate = _command(
        commands,
        "validate",
        _validate,
        "cross-validate PINN against FEM at one eps (real, of second order, in a box)",
    )
    validate.add_argument("--eps", required=True, help="the period, such as 1/8")
    validate.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="folder for results, plots and resumable parts (default: nothing is written)",
    )
    validate.add_argument(
        "--fem", default="auto", metavar="NAME", help="auto, dolfinx or skfem (default: auto)"
    )
    validate.add_argument(
        "--per-period",
        type=int,
        metavar="N",
        help="mesh cells per period and axis of the fine solution",
    )
    for command in (derive, emit, cells):
        command.add_argument(
            "--order",
            type=int,
            default=1,
            metavar="N",
            help="order of the expansion: correctors up to eps^N (default: 1)",
        )
    for command in (cells, validate):
        command.add_argument(
            "--tolerance",
            type=float,
            help="bound on the estimated error of the effective coefficients",
        )
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="value of a declared parameter (repeatable)",
        )
        command.add_argument("--method", help="pinn: auto, residual, energy or nh-pinn")
        command.add_argument(
            "--solver",
            help="pinn: auto, random-features, varpro, lm, gauss-newton, ssbfgs, lbfgs or adam",
        )
        command.add_argument("--seed", type=int, help="pinn: random seed")
        command.add_argument("--device", help="pinn: cpu or cuda")
    commands.add_parser(
        "doctor",
        help=(
            "which backends, versions, ranks and devices are there, and how to get the missing ones"
        ),
    ).set_defaults(run=_doctor)
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("file", metavar="FILE", help="Python file that defines `problem`")
    parser.add_argument(
        "--problem",
        default="problem",
        metavar="NAME",
        help="the name of the problem in FILE (default: problem)",
    )
    parser.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
