"""The commands of `nhpinn` and their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from .. import __version__
from ..solve.workers import processors

SHELLS = ("bash", "zsh", "fish")
Run = Callable[[argparse.Namespace], int]


def build_parser(runs: Mapping[str, Run]) -> argparse.ArgumentParser:
    """The parser; `runs` are the functions of the commands, by name."""
    parser = argparse.ArgumentParser(
        prog="nhpinn",
        description=(
            "Homogenize a multiscale PDE or system written in SymPy, and cross-validate PINN"
            " against FEM."
        ),
        epilog=(
            "exit codes: 0 done, 1 error, 2 usage, 3 verdict other than agreement or a rate below"
            " the expected one, 130 interrupted"
        ),
    )
    parser.add_argument("--version", action="version", version=f"nhpinn_sym {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    derive = _add_derive(commands, runs["derive"])
    emit = _add_emit(commands, runs["emit"])
    cells = _add_cells(commands, runs["cells"])
    validate = _add_validate(commands, runs["validate"])
    study = _add_study(commands, runs["study"])
    for command in (validate, study):
        _add_elements(command)
    for command in (derive, emit, cells):
        command.add_argument(
            "--order",
            type=int,
            default=1,
            metavar="N",
            help="order of the expansion: correctors up to eps^N (default: 1)",
        )
    for command in (cells, validate, study):
        _add_solving(command)
    _add_without_problem(commands, runs)
    return parser


def _add_derive(commands: Any, run: Run) -> argparse.ArgumentParser:
    text = (
        "print the derivation: transformations, cell problems, effective formulas, homogenized"
        " equation"
    )
    derive = _command(commands, "derive", run, text)
    derive.add_argument("--latex", action="store_true", help="as a LaTeX document")
    return derive


def _add_emit(commands: Any, run: Run) -> argparse.ArgumentParser:
    text = "write a folder of source files that stands alone"
    emit = _command(commands, "emit", run, text)
    emit.add_argument(
        "--target",
        required=True,
        metavar="TARGET",
        help="torch, dolfinx, skfem, numpy, deepxde, pina, latex or tests",
    )
    emit.add_argument("-o", "--output", required=True, metavar="DIR", help="folder to write to")
    return emit


def _add_cells(commands: Any, run: Run) -> argparse.ArgumentParser:
    text = (
        "solve the cell problems, print the effective coefficients; with --order above 1 the"
        " averaged operators too"
    )
    cells = _command(commands, "cells", run, text)
    cells.add_argument(
        "--backend",
        default="auto",
        metavar="NAME",
        help="pinn, dolfinx, skfem, fourier, voxel, or auto: what suits the data (default: auto)",
    )
    cells.add_argument(
        "-o", "--output", metavar="FILE", help="save the solved cells to FILE, which ends with .npz"
    )
    return cells


def _add_validate(commands: Any, run: Run) -> argparse.ArgumentParser:
    text = (
        "cross-validate PINN against FEM on cells (of nonlinear problems: laws) and expansion; with"
        " --eps, or without fast variables, the boundary value problem too"
    )
    validate = _command(commands, "validate", run, text)
    validate.add_argument(
        "--eps", help="the period, such as 1/8: the boundary value problem too (default: cells)"
    )
    validate.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="folder for results, plots and resumable parts (default: nothing is written)",
    )
    validate.add_argument(
        "--jobs",
        type=int,
        default=min(2, processors()),
        metavar="N",
        help="1: one process; 2: finite elements in a second one (default: 2 on two processors)",
    )
    return validate


def _add_study(commands: Any, run: Run) -> argparse.ArgumentParser:
    text = "how errors fall with eps, the mesh size or the number of features: rates and plots"
    study = _command(commands, "study", run, text)
    values = study.add_mutually_exclusive_group(required=True)
    values.add_argument("--eps", metavar="LIST", help="periods, such as 1/4,1/8,1/16,1/32")
    values.add_argument("--h", metavar="LIST", help="mesh sizes, such as 1/8,1/16,1/32")
    values.add_argument(
        "--features", metavar="LIST", help="numbers of features of the nets, such as 50,100,200"
    )
    study.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="folder for CSV, JSON, plots and points, which are not computed again (default:"
        " nothing is written)",
    )
    study.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="points side by side (default: 1)"
    )
    return study


def _add_elements(command: argparse.ArgumentParser) -> None:
    """The options of the finite element reference."""
    command.add_argument(
        "--fem", default="auto", metavar="NAME", help="auto, dolfinx or skfem (default: auto)"
    )
    command.add_argument(
        "--per-period",
        type=int,
        metavar="N",
        help="mesh cells per period and axis of the fine solution",
    )


def _add_solving(command: argparse.ArgumentParser) -> None:
    """The options of what solves: what is printed, tolerance, parameters, and those of nets."""
    command.add_argument(
        "-q", "--quiet", action="store_true", help="no progress and no remarks on stderr"
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
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
    command.add_argument("--method", help="pinn: auto, residual, energy, nh-pinn or classical")
    command.add_argument(
        "--solver",
        help="pinn: auto, random-features, varpro, lm, gauss-newton, ssbfgs, lbfgs or adam",
    )
    command.add_argument("--seed", type=int, help="pinn: random seed")
    command.add_argument("--device", help="pinn: cpu or cuda")


def _add_without_problem(commands: Any, runs: Mapping[str, Run]) -> None:
    """The commands that read no file of a problem."""
    commands.add_parser(
        "doctor",
        help=(
            "which backends, versions, ranks and devices are there, and how to get the missing ones"
        ),
    ).set_defaults(run=runs["doctor"])
    new = commands.add_parser(
        "new",
        help="write a commented problem file to start from",
        description="write NAME.py, a commented problem that runs, to start from",
    )
    new.add_argument("name", metavar="NAME", help="name of the file, .py may be left out")
    new.set_defaults(run=runs["new"])
    shell = commands.add_parser(
        "completion",
        help="print the script that completes this command line in a shell",
        description="print the script that completes this command line: source it in your shell",
    )
    shell.add_argument("shell", choices=SHELLS)
    shell.set_defaults(run=runs["completion"])


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument(
        "file",
        metavar="FILE",
        help="Python file that defines `problem`, `coefficients` too where they have no formula;"
        " nhpinn new writes one",
    )
    parser.add_argument(
        "--problem",
        default="problem",
        metavar="NAME",
        help="the name of the problem in FILE (default: problem)",
    )
    parser.set_defaults(run=run)
    return parser
