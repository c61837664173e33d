"""validate: PINN against FEM on one problem, at one eps; without eps `validate_cells`, for a
problem without fast variables `plain`.

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
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from .. import __version__
from ..derive.homogenize import homogenize_linear
from ..emit.source import Source, output_path
from ..lower.walls import lower_walls
from ..problem.errors import ProblemError, SolveError, UnsupportedError
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance, parameter_numbers
from ..runtime.arrays import Array
from ..solve.backends import other_elements
from ..solve.boundary_layers import with_layers
from ..solve.cell_solution import CellSolution
from ..solve.cells import solve_cells
from ..solve.domains import line_points
from ..solve.equations import (
    number_expression,
    positive_eps,
    shortest_periods,
    solve_fine,
    solve_homogenized,
)
from ..solve.ground_states import without_growth
from ..solve.progress import Progress
from ..solve.reconstruct import Reconstruction, first_order, leading_term
from ..solve.solution import Solution
from .evidence import coarse_reference, fewest_periods, larger_eps
from .page import Content, keep_pictures, page, require_page_libraries
from .plain import is_plain, validate_plain
from .quadrature import plot_points, resolving, value_and_gradient
from .report import Report
from .settings import Settings, problem_key
from .stored_parts import Store, StoredArrays, check_folder, to_json
from .study_orders import has_layers
from .supported import covered_domain
from .validate_cells import (
    ComparedCells,
    cell_report,
    cell_stage,
    emitted,
    validate_cells,
)
from .verdict import Findings, cell_evidence, evidence, falls, judge_all, needs_third
from .versions import versions

_KINKS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Abs, sp.Max, sp.Min)
_ENCLOSED = 1e-6
"""Width of the enclosure of A* that the judgement of jumping coefficients asks for."""
_MACRO_TOLERANCE = {False: 1e-6, True: 1e-4}
"""Relative L2 accuracy of the FEM solutions of homogenized equations (True: of systems, whose
corners are singular): far below any homogenization
error of interest."""


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
    progress: Progress | None = None,
) -> Report:
    """Cross-validate PINN and FEM on `problem`: its cell problems and expansion, for every class;
    with `eps` also the boundary value problem, with the errors e1..e4 of NH-PINN and of
    homogenization (`Report`), in L2 (at the final time). A problem without fast variables is solved
    itself.

    out        : folder for report.html, results.json, report.txt, derivation.tex, emitted sources,
    plots and the parts a resumed run takes; None writes nothing.
    fem        : "auto" (DOLFINx where it is importable, else scikit-fem), "dolfinx" or "skfem".
    pinn       : options of the PINN solves (method, seed, width, depth, device, ...), for both, or
    apart as {"cells": {...}, "equation": {...}}.
    per_period : mesh cells per period and axis of the fine solution.
    tolerance  : for the cell problems of every backend (default: each backend's own).
    exact      : the solution of a problem without fast variables, SymPy in s.x and s.t, where it is
    known; of a system one expression for each unknown.
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
    settings = Settings.read(problem, fem, pinn, per_period, tolerance, parameters, progress)
    if out is not None:
        require_page_libraries()
    plain = is_plain(problem)
    if exact is not None and not plain:
        raise ProblemError(
            "exact= is the solution of a problem without fast variables, on a domain",
            term=exact,
            remedy="leave exact= out: the Bloch oracle is exact for the expansion",
        )
    if plain and (eps is None or exact is not None):
        return validate_plain(problem, settings, exact, out)
    if eps is None:
        return validate_cells(problem, settings, out)
    return _Run(problem, eps, out, settings).report()


def validate_at(
    problem: MultiscaleProblem, eps: object, settings: Settings, cells: ComparedCells
) -> Report:
    """`validate` at one eps of several, whose cell problems were compared before."""
    return _Run(problem, eps, None, settings, cells).report()


class _Run:
    """One validation; its methods are the numbered steps."""

    def __init__(
        self,
        problem: MultiscaleProblem,
        eps: object,
        out: str | os.PathLike[str] | None,
        settings: Settings,
        compared: ComparedCells | None = None,
    ) -> None:
        self.compared = compared
        self.model = homogenize_linear(problem)
        domain = covered_domain(self.model)
        self.problem, self.settings = problem, settings
        self.eps = positive_eps(eps)
        self.exact = number_expression(eps)
        self.label = str(eps if isinstance(eps, float) else sp.nsimplify(self.exact))
        self.oracle = ""
        self.fem = settings.fem
        self.growth = 0.0
        self.fine_problem = problem
        self.parameters = settings.parameters
        self.progress = settings.progress
        self.quadrature = resolving(domain, shortest_periods(problem, self.eps))
        self.plot_points, self.plot_shape = plot_points(domain)
        self.sources: tuple[Source, ...] = ()
        if out is not None:
            check_folder(output_path(out))
            self.sources = emitted(self.model, ("torch", self.fem, "numpy"))
        self.store = Store(out, self._key())

    def _key(self) -> str:
        """Everything that the parts depend on."""
        return repr(
            (
                versions(self.fem),
                [source.signature for source in self.sources],
                self.quadrature.points.shape,
                self.eps,
                problem_key(self.problem),
                self.label,
                self.settings.key(),
            )
        )

    def report(self) -> Report:
        compared = self.compared or cell_stage(self.model, self.settings, self.store)
        found, self.expansion = compared
        self.solved, self.cells = found.solutions, found.as_dict()
        if {"pinn", self.fem} & {*found.failed}:
            return cell_report(
                self.model, self.settings, self.store, self.cells, self.expansion, self.label
            )
        cells = {name: self._cells(name) for name in ("pinn", self.fem)}
        oracle, self.oracle = self._oracle()
        cells["oracle"] = cells[self.fem] if oracle is None else oracle
        if self.model.eigenvalue is not None and self.problem.time_order:
            self.growth = float(cells["oracle"].effective["lambda0"])
            self.fine_problem = without_growth(self.model.operator, self.growth)
        fine = self._part("u_eps", lambda: self._fine(self.exact), reference=True)
        if not np.any(fine["values"]):
            raise SolveError(
                "the solution of the multiscale problem is zero, and relative errors mean nothing",
                term=self.problem,
                remedy="give a source, or boundary or initial data, other than zero",
            )
        p = self._part("p", lambda: self._macro(cells["pinn"], "pinn"), corrector=cells["oracle"])
        w = self._part("w", lambda: self._macro(cells["pinn"], self.fem))
        v = self._part("v", lambda: self._macro(cells[self.fem], self.fem))
        best = self._part("u0", lambda: self._macro(cells["oracle"], self.fem))
        parts = {"p": p, "w": w, "v": v, "u0": best, "u_eps": fine}
        report = self._compare(parts, cells, self._larger(cells["oracle"], best, fine))
        self._write(report, parts, cells)
        return report

    def _cells(self, backend: str) -> CellSolution:
        known = self.solved.get(backend)
        return known or self.settings.solve_cells(self.model, backend, self.store)

    def _oracle(self) -> tuple[CellSolution | None, str]:
        """What is independent of both that are judged, and its name: Fourier where the data are
        smooth, the enclosure by
        energies where they jump; None where neither applies. No solver's estimate of itself has a
        part in this."""
        op = self.model.operator
        if not any(c.has(*op.fast) and c.has(*_KINKS) for c in op.table.values()):
            return self._cells("fourier"), "a third method, Fourier"
        if self.model.problem.scales.dim == 3:  # the bounds of three dimensions are wide
            return None, ""
        try:
            enclosed = self.store.cells(
                "cells_energy",
                lambda: solve_cells(
                    self.model,
                    "pinn",
                    method="energy",
                    tolerance=_ENCLOSED,
                    parameters=self.parameters,
                    progress=self.progress,
                ),
            )
        except UnsupportedError:
            return None, ""
        return enclosed, "bounds, the enclosure by energies"

    def _fine(self, eps: sp.Expr) -> Solution:
        return solve_fine(
            self.fine_problem,
            eps,
            self.fem,
            per_period=self.settings.per_period,
            parameters=self.parameters,
            progress=self.progress,
        )

    def _macro(self, cells: CellSolution, backend: str, eps: sp.Expr | None = None) -> Solution:
        options = self.settings.equation
        if backend != "pinn":
            options = {"tolerance": _MACRO_TOLERANCE[self.model.components > 1]}
        here = self.exact if eps is None else eps
        solution = solve_homogenized(
            self.model,
            cells,
            backend,
            eps=here,
            parameters=self.parameters,
            progress=self.progress,
            **options,
        )
        return leading_term(solution, cells, float(here), self.growth)

    def _larger(
        self, cells: CellSolution, best: StoredArrays, fine: StoredArrays
    ) -> tuple[tuple[str, float], ...]:
        """(eps, homogenization error) of larger eps, a second one where the first does not tell:
        these solves are cheaper.
        """
        relative = self.quadrature.relative
        here = relative(best["values"] - fine["values"], fine["values"])
        budget = {"homogenization": here, "reference": float(fine["estimate"])}
        found: list[tuple[str, float]] = []
        for k, eps in enumerate(larger_eps(self.model, self.exact)):
            mean = best
            try:
                other = self._part(f"u_larger_{k}", partial(self._fine, eps))["values"]
                oscillates = self.model.frame or self.model.eigenvalue is not None
                if oscillates or lower_walls(self.model)[1]:
                    solve = partial(self._macro, cells, self.fem, eps)
                    mean = self._part(f"u0_larger_{k}", solve)
            except (UnsupportedError, SolveError):
                break  # a wall along a flow at some eps alone; a resonance
            found.append((sp.sstr(eps, full_prec=False), relative(mean["values"] - other, other)))
            if falls(budget, Findings(larger=tuple(found))) is not False:
                break
        return tuple(found)

    def _part(
        self,
        name: str,
        solve: Callable[[], Solution],
        corrector: CellSolution | None = None,
        reference: bool = False,
    ) -> StoredArrays:
        """Values, gradients and plot values of one solution, and what it says of itself."""

        def compute() -> StoredArrays:
            solution = solve()
            values, gradient = value_and_gradient(solution, self.quadrature.points)
            arrays = {
                "values": values,
                "gradient": gradient,
                "plot": np.real(solution(self.plot_points)),
                "estimate": np.array(float(solution.info.get("estimate", np.nan))),
                "method": np.array(f"{solution.backend}: {solution.method}"),
                "seconds": np.array(float(solution.info.get("seconds", np.nan))),
            }
            if corrector is not None:
                mean = solution.fields[0] if isinstance(solution, Reconstruction) else solution
                arrays |= self._first_order(mean, corrector)
            if reference:
                arrays["coarse"] = np.array(
                    coarse_reference(self.model, solution, self.eps, self._numbers())
                )
            return arrays

        return self.store.arrays(
            name, compute, lambda part: self._sound(part, corrector is not None, reference)
        )

    def _first_order(self, mean: Solution, cells: CellSolution) -> StoredArrays:
        """The expansion of first order; nothing where its cell functions depend on a fast time."""
        try:
            corrected = first_order(mean, cells, self.eps, self.growth)
        except UnsupportedError:
            return {}
        values, gradient = value_and_gradient(corrected, self.quadrature.points)
        found = {"first_values": values, "first_gradient": gradient}
        return found | self._with_layers(corrected, values, gradient)

    def _with_layers(self, expansion: Solution, values: Array, gradient: Array) -> StoredArrays:
        """The expansion, whose values are given, with its boundary layers, where it has some and
        they are covered.
        """
        if not has_layers(self.model):
            return {}
        try:
            layered = with_layers(
                expansion,
                self.problem,
                self.eps,
                self.settings.per_period,
                self.parameters,
                self.progress,
            )
        except UnsupportedError:
            return {}
        more, slopes = value_and_gradient(layered.layer, self.quadrature.points)
        return {"layered_values": values + more, "layered_gradient": gradient + slopes}

    def _numbers(self) -> dict[str, float]:
        return parameter_numbers(self.parameters, self.problem.parameters)

    def _sound(self, part: StoredArrays, corrected: bool, reference: bool) -> bool:
        """Whether a part that was read has all that `_part` writes: finite, and at as many
        points.
        """
        nodes, dim = self.quadrature.points.shape
        counts = {"values": nodes, "gradient": nodes, "plot": len(self.plot_points)}
        if corrected and "first_values" in part:
            counts |= {"first_values": nodes, "first_gradient": nodes}
        needed = {*counts, "estimate", "method", "seconds"}
        if reference:
            needed.add("coarse")
        if not needed <= set(part):
            return False
        for name, count in counts.items():
            array = np.asarray(part[name])
            if len(array) != count or not np.isfinite(array).all():
                return False
            if "gradient" in name and array.shape[-1] != dim:
                return False
        return True

    def _compare(
        self,
        parts: Mapping[str, StoredArrays],
        cells: Mapping[str, CellSolution],
        larger: tuple[tuple[str, float], ...],
    ) -> Report:
        relative = self.quadrature.relative
        p, w, v, best, fine = (parts[name]["values"] for name in ("p", "w", "v", "u0", "u_eps"))
        errors = self._errors(p, w, v, fine)
        budget = {
            "homogenization": relative(best - fine, fine),
            "cell": relative(w - best, fine),
            "macro": relative(p - w, fine),
            "reference": float(parts["u_eps"]["estimate"]),
        }
        slopes = parts["u_eps"]["gradient"]
        first = {}
        if "first_values" in parts["p"]:
            first["L2"] = relative(parts["p"]["first_values"] - fine, fine)
            first["H1"] = relative(parts["p"]["first_gradient"] - slopes, slopes)
        if "layered_values" in parts["p"]:
            first["L2 with layers"] = relative(parts["p"]["layered_values"] - fine, fine)
            first["H1 with layers"] = relative(parts["p"]["layered_gradient"] - slopes, slopes)
        methods = {
            "PINN cells": f"pinn: {cells['pinn'].method}",
            "PINN u0": str(parts["p"]["method"]),
            "FEM cells": f"{self.fem}: {cells[self.fem].method}",
            "FEM u0": str(parts["v"]["method"]),
            "oracle cells": (
                f"{cells['oracle'].backend}: {cells['oracle'].method}" if self.oracle else "none"
            ),
            "u_eps": str(parts["u_eps"]["method"]),
        }
        info = {
            **({"errors by component": self._by_component(p, w, v, fine)} if fine.ndim > 1 else {}),
            "estimates": {name: float(part["estimate"]) for name, part in parts.items()},
            "seconds": {name: float(part["seconds"]) for name, part in parts.items()},
            "cells": {name: {k: c.info[k] for k in c.info} for name, c in cells.items()},
            "resumed": list(self.store.taken),
            "version": __version__,
        }
        effective = {
            name: _sampled(c, self.problem)
            for name, c in (
                ("pinn", cells["pinn"]),
                (self.fem, cells[self.fem]),
                (cells["oracle"].backend, cells["oracle"]),
            )
        }
        findings = Findings(
            self.oracle,
            relative(v - best, fine),
            relative(w - v, fine),
            float(fewest_periods(self.model, self.exact)),
            str(parts["u_eps"]["coarse"]),
            larger,
            errors["e1"],
            errors["e2"],
        )
        if needs_third(budget, findings):
            findings = self._asked_third(findings, cells["pinn"], p, w, fine)
        published = next(
            (errors_ for eps, errors_ in self.problem.paper.items() if abs(eps - self.eps) < 1e-12),
            {},
        )
        return Report(
            self.problem.name or "problem",
            self.label,
            errors,
            budget,
            first,
            effective,
            methods,
            info,
            published,
            judge_all(budget, findings, self.cells, self.expansion, self.fem),
            self.store.folder,
            (
                *evidence(budget, findings, self.label),
                *cell_evidence(self.cells, self.expansion),
            ),
            self.cells,
            self.expansion,
            {**asdict(findings), "fem": self.fem},
        )

    def _asked_third(
        self, findings: Findings, cells: CellSolution, p: Array, w: Array, fine: Array
    ) -> Findings:
        """The findings with what another FEM backend says of the homogenized solution."""
        third = other_elements(self.fem)
        if third is None:
            return findings
        other = self._part("w_third", lambda: self._macro(cells, third))["values"]
        relative = self.quadrature.relative
        return replace(
            findings,
            third=third,
            pinn_third=relative(p - other, fine),
            fem_third=relative(w - other, fine),
        )

    def _errors(self, p: Array, w: Array, v: Array, fine: Array) -> dict[str, float]:
        relative = self.quadrature.relative
        return {
            "e1": relative(p - fine, fine),
            "e2": relative(w - fine, fine),
            "e3": relative(p - w, w),
            "e4": relative(v - fine, fine),
        }

    def _by_component(self, *values: Array) -> dict[str, dict[str, float]]:
        """The errors of every unknown, in its own norm."""
        return {
            str(u.func): self._errors(*(v[:, j] for v in values))
            for j, u in enumerate(self.problem.unknowns)
        }

    def _write(
        self, report: Report, parts: Mapping[str, StoredArrays], cells: Mapping[str, CellSolution]
    ) -> None:
        if self.store.folder is None:
            return
        from .plots import draw, draw_rates

        for source in self.sources:
            source.save(Path(self.store.folder) / "emitted" / source.target)
        self.store.write("derivation.tex", self.model.derivation.latex().encode())
        self.store.write("derivation.txt", f"{self.model}\n".encode(errors="backslashreplace"))
        drawings = chain(
            draw(
                self.model,
                self.eps,
                self.parameters,
                cells["pinn"],
                parts,
                self.plot_points,
                self.plot_shape,
            ),
            draw_rates(report.eps, report.budget, report.findings, report.expansion),
        )
        pictures = keep_pictures(self.store, drawings, self.progress)
        self.store.write("report.txt", str(report).encode(errors="backslashreplace"))
        self.store.write("results.json", to_json(report.as_dict()))
        content = Content(report, self.problem, self.settings, self.model, pictures, self.sources)
        self.store.write("report.html", page(content))


def _sampled(cells: CellSolution, problem: MultiscaleProblem) -> dict[str, Any]:
    """The effective coefficients as numbers; callables at 33 points of a line through the domain,
    listed under "x".
    """
    assert problem.domain is not None
    x = line_points(problem.domain, 33)
    table: dict[str, Any] = {}
    for name, value in cells.effective.items():
        if name in ("h", "f", "g"):
            continue
        table[name] = value(x) if callable(value) else value
        if callable(value):
            table["x"] = x
    return table
