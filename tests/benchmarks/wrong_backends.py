"""The examples, each with a coefficient that is 1 % off in one solver: does the verdict name that
solver?

    python -m tests.benchmarks.wrong_backends                    # cells of every example
    python -m tests.benchmarks.wrong_backends waves disk         # these alone
    python -m tests.benchmarks.wrong_backends --eps              # boundary value problems in 2D, 3D

Of cells each backend of the comparison is wrong in its turn, with both finite element backends:
once it solves for a flux that is 1 % larger, and once each of its effective coefficients is.
Prints a row for each example, and the verdicts that are others; ends with 1 where there are some.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.cli.files import load_problem, read_file
from nhpinn_sym.solve.cells import solve_cells
from nhpinn_sym.validate import settings, validate_own
from nhpinn_sym.validate.cell_tables import NOT_COEFFICIENTS
from nhpinn_sym.validate.plain import is_plain
from nhpinn_sym.validate.verdict import Verdict
from tests.validate.test_bloch import Tampered
from tests.validate.wrong_backends import reports

from .classes import examples, middle

EPS = {"elasticity_3d": sp.Rational(1, 2)}
"""Where it is not 1/4."""
NAMES = (
    "locally_periodic_2d",
    "elasticity_2d",
    "elasticity_square",
    "piezoelectricity",
    "elasticity_3d",
)
WRONG = sp.Rational(101, 100)
TOLERANCE = {1: 1e-5, 2: 1e-5}
"""By the dimension; in space the default."""
FEM = ("dolfinx", "skfem")
VERDICTS = {"pinn": Verdict.CELLS_DISAGREE, "fem": Verdict.FEM_CELLS_DISAGREE}


def main() -> int:
    names = [name for name in sys.argv[1:] if name != "--eps"]
    if "--eps" in sys.argv:
        return int(sum(boundary_value_problems(names)) > 0)
    return int(sum(cells(names)) > 0)


def boundary_value_problems(names: list[str]) -> Iterator[int]:
    """How many verdicts are others than they should be, by example."""
    paths = {path.stem: path for path in examples()}
    for name in names or NAMES:
        problem = load_problem(str(paths[name]))
        eps = EPS.get(name, sp.Rational(1, 4))
        start = time.process_time()
        for report, verdict in reports(problem, shifted(problem), eps):
            seconds = time.process_time() - start
            print(f"{name}: {report.verdict.name}, {verdict.name} expected, {seconds:.0f} s")
            yield int(report.verdict is not verdict)


def cells(names: list[str]) -> Iterator[int]:
    """The same of cell problems."""
    for path in examples():
        problem, functions = read_file(str(path))
        if (names and path.stem not in names) or is_plain(problem):
            continue
        start = time.process_time()
        held, missed = 0, 0
        asked: dict[str, None] = {}
        for wrong, changed, report, verdict in cell_reports(problem, functions):
            asked |= dict.fromkeys(report.cells["methods"])
            held += 1
            if report.verdict is not verdict:
                missed += 1
                print(
                    f"  {wrong}, {changed}: {report.verdict.name}", *report.evidence, sep="\n    "
                )
        seconds = time.process_time() - start
        print(f"| `{path.stem}` | {', '.join(asked)} | {held - missed} of {held} | {seconds:.0f} |")
        sys.stdout.flush()
        yield missed


def cell_reports(
    problem: nh.MultiscaleProblem, functions: Any
) -> Iterator[tuple[str, str, nh.Report, Verdict]]:
    """(wrong backend, what is 1 % larger, the report, the verdict that it should have)."""
    solvers = Solvers(nh.homogenize(shifted(problem, still=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "solve_cells", solvers)
        patch.setattr(validate_own, "solve_cells", solvers)

        def report(fem: str) -> nh.Report:
            return nh.validate(
                problem,
                fem=fem,
                tolerance=TOLERANCE.get(problem.scales.dim),
                parameters=middle(problem) or None,
                coefficients=functions,
            )

        for fem in FEM:
            solvers.wrong, solvers.changed = "", ""
            found = report(fem)
            yield "", "nothing", found, agreement(found)
            for solvers.wrong in found.cells["methods"]:
                kind = "fem" if solvers.wrong == fem else solvers.wrong
                verdict = VERDICTS.get(kind, Verdict.THIRD_CELLS_DISAGREE)
                for solvers.changed in ("flux", *coefficients(found)):
                    yield f"{solvers.wrong} ({fem})", solvers.changed, report(fem), verdict


def agreement(report: nh.Report) -> Verdict:
    """Without a wrong backend."""
    if "pinn" in report.cells["methods"]:
        return Verdict.AGREEMENT
    return Verdict.NOT_COMPARED


def coefficients(report: nh.Report) -> list[str]:
    """The effective coefficients, and sources, that do not vanish."""
    return [
        name
        for name, table in report.cells.items()
        if name not in NOT_COEFFICIENTS
        and any(np.any(table[b]) for b in report.cells["methods"] if b in table)
    ]


class Solvers:
    """`solve_cells`, wrong in one backend; what is solved twice is kept."""

    def __init__(self, other: Any) -> None:
        self.other = other
        self.kept: dict[tuple[object, ...], Any] = {}
        self.wrong, self.changed = "", ""

    def __call__(self, model: Any, backend: str, **options: Any) -> Any:
        wrong = backend == self.wrong
        used = self.other if wrong and self.changed == "flux" else model
        key = (used is self.other, backend, options.get("hierarchy"))
        if key not in self.kept:
            self.kept[key] = solve_cells(used, backend, **options)
        found = self.kept[key]
        if not wrong or used is self.other:
            return found
        value = larger(found.effective[self.changed])
        return Tampered(found, effective={**found.effective, self.changed: value})


def larger(value: Any) -> Any:
    """By 1 %."""
    if callable(value):
        return scaled(value)
    return float(WRONG) * value


def scaled(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *x: float(WRONG) * function(*x)


def shifted(problem: nh.MultiscaleProblem, still: bool = False) -> nh.MultiscaleProblem:
    """The problem with all coefficients 1 % larger, and its sources; `still`: not those of
    derivatives in time."""
    nothing = dict.fromkeys(problem.unknowns, 0)
    other = copy.copy(problem)
    sources = [residual.subs(nothing).doit() for residual in problem.equations]
    seen = [in_space(residual, problem) if still else residual for residual in problem.equations]
    other.equations = tuple(
        residual + (WRONG - 1) * (part - source)
        for residual, part, source in zip(problem.equations, seen, sources, strict=True)
    )
    return other


def in_space(residual: sp.Expr, problem: nh.MultiscaleProblem) -> sp.Expr:
    """Without derivatives in time."""
    if not problem.scales.time:
        return residual
    constant = {u: sp.Function(f"{u.func}_0")(*problem.scales.x) for u in problem.unknowns}
    return residual.xreplace(constant).xreplace({v: u for u, v in constant.items()})


if __name__ == "__main__":
    sys.exit(main())
