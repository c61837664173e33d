"""validate: PINN against FEM on one problem, at one eps; without eps `validate_cells`, for flow,
plates and others with a law of their own `validate_own`, for a problem without fast variables
`plain`, for a nonlinear one `nonlinear_run`.

1. derive        the model (derive/)
2. cells         compared and judged by themselves (`cell_comparison`), and the expansion; by the
   PINN, by FEM, and by an oracle that is independent of both (Fourier where the coefficients are
   smooth, else bounds by energies; where neither applies, none)
3. macro         the leading terms of u. p: PINN cells + PINN, w: PINN cells + FEM, v: FEM cells +
   FEM, u0*: oracle cells + FEM
4. fine          u_eps by FEM, with the estimate of its own error, its mesh against its data; also
   at a larger eps
5. compare       e1..e4, the error budget, the first-order approximation, on one quadrature; the
   verdict (validate/verdict)
6. write         report.html, results.json, report.txt, derivation, emitted sources, plots
Each solve is a part that is written when it is done: an interrupted run resumes from the parts that
are there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from ..derive.homogenize import homogenize_own
from ..operator.parse import parse_nonlinear
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance
from ..solve.progress import Progress
from .boundary_value_run import BoundaryValueRun
from .nonlinear_run import NonlinearRun, validate_laws
from .page import require_page_libraries
from .plain import is_plain, validate_plain
from .report import Report
from .second_process import second_process
from .settings import Settings
from .validate_cells import ComparedCells, cells_ahead, validate_cells
from .validate_own import validate_own


def validate(
    problem: MultiscaleProblem,
    eps: object = None,
    out: str | os.PathLike[str] | None = None,
    *,
    fem: str = "auto",
    pinn: Mapping[str, Any] | None = None,
    per_period: int | None = None,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    exact: object = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
) -> Report:
    """Cross-validate PINN and FEM on `problem`: its cell problems and expansion, for every class;
    with `eps` also the boundary value problem, with the errors e1..e4 of NH-PINN and of
    homogenization (`Report`), in L2 (at the final time). A problem without fast variables is solved
    itself; of a nonlinear one the law stands in the place of the cells. Of flow, plates, double
    porosity and unknowns held at walls the cells are compared, which no PINN covers: without eps.

    out        : folder for report.html, results.json, report.txt, derivation.tex, emitted sources,
                 plots and the parts a resumed run takes; None writes nothing.
    fem        : "auto" (DOLFINx where it is importable, else scikit-fem), "dolfinx" or "skfem".
    pinn       : options of the PINN solves (method, seed, width, depth, device, ...), for both, or
                 apart as {"cells": {...}, "equation": {...}}.
    per_period : mesh cells per period and axis of the fine solution.
    tolerance  : for the cell problems of every backend (default: each backend's own).
    exact      : the solution of a problem without fast variables, SymPy in s.x and s.t, where it is
                 known; of a system one expression for each unknown.
    coefficients : {"a": function} for every coefficient a(...) of a linear problem without a
                 formula, as for `solve_cells`; for the PINN it is called with tensors of torch,
                 which have to be differentiated, for the others with arrays.
    jobs       : 2 computes by two processes on one machine: cells, and solutions at eps, that need
                 no net in a second one. The numbers are the same; functions, ranks of MPI, laws
                 without eps and problems without fast variables stay in one.
    Errors: those of `homogenize` and of the solves; with eps UnsupportedError for what has no
    comparison yet (moving frames, ...); OutputPathError before anything is solved.

    Example, for a problem in a box with conditions on its faces:

        report = nh.validate(problem, eps=sp.Rational(1, 8), out="out/mine")
        report.errors["e1"]  # u0 by PINN against the resolved solution
        report.verdict, report.evidence

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> report = nh.validate(problem, fem="skfem")
    >>> report.verdict.name, report.expansion["expected"]
    ('AGREEMENT', 2)
    """
    problem = instance(
        problem,
        MultiscaleProblem,
        "the problem",
        "write problem = MultiscaleProblem(equation, ...)",
    )
    settings = Settings.read(
        problem, fem, pinn, per_period, tolerance, parameters, progress, coefficients
    )
    if out is not None:
        require_page_libraries()
    plain = is_plain(problem)
    op = parse_nonlinear(problem)
    linear = op.linear
    if exact is not None and not plain:
        raise ProblemError(
            "exact= is the solution of a problem without fast variables, on a domain",
            term=exact,
            remedy="leave exact= out: the Bloch oracle is exact for the expansion",
        )
    if coefficients and not linear:
        raise UnsupportedError(
            "coefficients without a formula in the comparison of a nonlinear problem",
            term=shortened(coefficients),
            remedy="give their formulas",
        )
    if plain and (eps is None or exact is not None):
        return validate_plain(problem, settings, exact, out)
    own = None if plain or eps is not None else homogenize_own(op)
    if own is not None:
        return validate_own(own, settings, out)
    if not linear and eps is None:
        return validate_laws(problem, settings, out)
    if eps is None:
        with second_process(jobs, cells_ahead, (problem,), settings, out) as own_settings:
            return validate_cells(problem, own_settings, out)
    with second_process(jobs, ahead, (problem, eps), settings, out) as own_settings:
        return _run(problem, eps, out, own_settings).report()


def ahead(
    problem: MultiscaleProblem,
    eps: object,
    out: str | os.PathLike[str] | None,
    settings: Settings,
) -> None:
    """What a second process computes of `validate` at one eps."""
    _run(problem, eps, out, settings).ahead()


def _run(
    problem: MultiscaleProblem,
    eps: object,
    out: str | os.PathLike[str] | None,
    settings: Settings,
) -> BoundaryValueRun | NonlinearRun:
    if parse_nonlinear(problem).linear:
        return BoundaryValueRun(problem, eps, out, settings)
    return NonlinearRun(problem, eps, out, settings)


def validate_at(
    problem: MultiscaleProblem, eps: object, settings: Settings, cells: ComparedCells
) -> Report:
    """`validate` at one eps of several, whose cell problems were compared before."""
    return BoundaryValueRun(problem, eps, None, settings, cells).report()
