"""The examples of stationary linear problems in two and three dimensions, each with a coefficient
that is 1 % off in one solver: does the verdict name that solver?

    python -m tests.benchmarks.wrong_backends                    # all
    python -m tests.benchmarks.wrong_backends elasticity_square  # these alone

Ends with 1 where a verdict is another one.
"""

from __future__ import annotations

import copy
import sys
import time

import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.cli.files import load_problem
from tests.validate.wrong_backends import reports

from .classes import examples

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


def main() -> int:
    paths = {path.stem: path for path in examples()}
    missed = 0
    for name in sys.argv[1:] or NAMES:
        problem = load_problem(str(paths[name]))
        eps = EPS.get(name, sp.Rational(1, 4))
        start = time.process_time()
        for report, verdict in reports(problem, shifted(problem), eps):
            seconds = time.process_time() - start
            print(f"{name}: {report.verdict.name}, {verdict.name} expected, {seconds:.0f} s")
            missed += report.verdict is not verdict
    return int(missed > 0)


def shifted(problem: nh.MultiscaleProblem) -> nh.MultiscaleProblem:
    """The problem with all coefficients 1 % larger, and its sources."""
    nothing = dict.fromkeys(problem.unknowns, 0)
    other = copy.copy(problem)
    sources = [residual.subs(nothing).doit() for residual in problem.equations]
    other.equations = tuple(
        WRONG * (residual - source) + source
        for residual, source in zip(problem.equations, sources, strict=True)
    )
    return other


if __name__ == "__main__":
    sys.exit(main())
