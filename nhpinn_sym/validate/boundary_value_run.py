"""One validation of a boundary value problem at one eps: `BoundaryValueRun.report` goes through the
steps that the docstring of `validate.validate` lists.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import sympy as sp

from .. import __version__
from ..derive.homogenize import homogenize_linear
from ..emit.source import Source, output_path
from ..lower.walls import lower_walls
from ..problem.domain import Box
from ..problem.errors import SolveError, UnsupportedError
from ..problem.pictures import Drawing
from ..problem.problem import MultiscaleProblem
from ..runtime.quadrature import Quadrature
from ..solve.backends import other_elements
from ..solve.cell_solution import CellSolution
from ..solve.cells import solve_cells
from ..solve.equations import solve_fine, solve_homogenized
from ..solve.ground_states import without_growth
from ..solve.perforated_domain import around_holes
from ..solve.periods import number_expression, positive_eps, shortest_periods
from ..solve.reconstruct import leading_term
from ..solve.solution import Solution
from .budget_verdict import Findings, evidence, falls, largest_share, needs_third
from .comparison import Comparison, printed_errors, sampled_coefficients
from .evidence import data_breaks, fewest_periods, larger_eps
from .expanded_solution import ExpandedSolution
from .page import Content, write_page
from .picture_files import PictureFiles
from .quadrature import plot_points, remembered, resolving
from .report import Report
from .settings import Settings, problem_key
from .solution_parts import SolutionParts
from .stored_parts import Store, StoredArrays, check_folder
from .supported import covered_domain
from .validate_cells import ComparedCells, cell_report, cell_stage, emitted, keep_texts
from .verdict import cell_evidence, judge_all
from .versions import versions

_KINKS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Abs, sp.Max, sp.Min)
# Width of the enclosure of A* that the judgement of jumping coefficients asks for.
_ENCLOSED = 1e-6
# Relative L2 accuracy of the FEM solutions of homogenized equations, by the dimension, and of
# systems, whose corners are singular: far below any homogenization error of interest.
_MACRO_TOLERANCE = {1: 1e-6, 2: 1e-5, 3: 1e-5}
_SYSTEM_TOLERANCE = 1e-4
# Seconds of a solve for which a second process reads nets: it would import torch for less.
_LONG = 2.0


class BoundaryValueRun:
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
        self.problem, self.settings = problem, settings
        self.eps = positive_eps(eps)
        self.exact = number_expression(eps)
        self.label = str(eps if isinstance(eps, float) else sp.nsimplify(self.exact))
        self.oracle = ""
        self.fem = settings.fem
        self.growth = 0.0
        self.fine_problem = problem
        self.points, self.plot_shape = plot_points(covered_domain(self.model))
        quadrature = self._quadrature(eps)
        self.sources: tuple[Source, ...] = ()
        if out is not None:
            check_folder(output_path(out))
            self.sources = emitted(self.model, ("torch", self.fem, "numpy"))
        self.store = Store(out, self._key(quadrature.points.shape), settings.beside)
        self.solved: Mapping[str, CellSolution] = {}
        self.parts = self._parts(quadrature)

    def _quadrature(self, eps: object) -> Quadrature:
        """Of the domain, or of what the holes of that eps leave of it."""
        domain = around_holes(self.problem, eps).domain
        assert domain is not None
        number = positive_eps(eps)
        breaks: tuple[tuple[float, ...], ...] = ()
        if domain is self.problem.domain:
            breaks = data_breaks(self.model, number, self.settings.parameters)
        return resolving(domain, shortest_periods(self.problem, number), breaks)

    def _parts(self, quadrature: Quadrature) -> SolutionParts:
        held = self.model, self.eps, self.settings, self.store
        return SolutionParts(*held, quadrature, self.points)

    def _parts_at(self, eps: sp.Expr) -> SolutionParts:
        """Where solutions at another eps are compared: the same points, if there are no holes."""
        return self._parts(self._quadrature(eps)) if self.problem.holes else self.parts

    def _key(self, points: tuple[int, ...]) -> str:
        """Everything that the parts depend on."""
        return repr(
            (
                versions(self.fem),
                [source.signature for source in self.sources],
                points,
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
        # What nets do not cover they are given: the equation is compared all the same.
        own = self.fem if "pinn" in found.refused else "pinn"
        cells = {"pinn": self._cells(own), **self._judges()}
        with PictureFiles(self.store, self.settings.progress) as files:
            return self._judged(cells, files)

    def ahead(self) -> None:
        """The parts that need no net, for the same run in another process."""
        self._cells(self.fem)
        if not self._grows:
            self._reference()
        cells = self._judges()
        best = self._by_fem("u0", cells["oracle"])
        fine = self._resolved(self._reference(), best)
        v = self._by_fem("v", cells[self.fem])
        self._larger(cells["oracle"], best, fine)
        self._other_fine()
        if float(v["seconds"]) > _LONG:
            self._by_fem("w", self._cells("pinn"))

    def _judges(self) -> dict[str, CellSolution]:
        """The cells by FEM and by the oracle; the growth that is factored out of fine solutions."""
        cells = {self.fem: self._cells(self.fem)}
        oracle, self.oracle = self._oracle()
        cells["oracle"] = cells[self.fem] if oracle is None else oracle
        if self._grows:
            self.growth = float(cells["oracle"].effective["lambda0"])
            self.fine_problem = without_growth(self.model.operator, self.growth)
        return cells

    @property
    def _grows(self) -> bool:
        return self.model.eigenvalue is not None and bool(self.problem.time_order)

    def _reference(self) -> StoredArrays:
        return self.parts.fine(partial(self._fine, self.exact, self.fem))

    def _by_fem(self, name: str, cells: CellSolution) -> StoredArrays:
        return self.parts.get(name, lambda: self._macro(cells, self.fem))

    def _judged(self, cells: Mapping[str, CellSolution], files: PictureFiles) -> Report:
        """What is compared at eps. Its pictures are printed while the rest is computed."""
        files.add(self._coefficient(cells["pinn"]))
        expanded = self._expanded(cells)
        p = self.parts.expanded("p", expanded)
        fine = self._reference()
        w = self._by_fem("w", cells["pinn"])
        v = self._by_fem("v", cells[self.fem])
        best = self._by_fem("u0", cells["oracle"])
        fine = self._resolved(fine, best)
        parts = {"p": p, "w": w, "v": v, "u0": best, "u_eps": fine}
        files.add(self._solutions(parts))
        parts["p"] = p | self.parts.layers("p_layers", expanded, p)
        report = self._compare(parts, cells, self._larger(cells["oracle"], best, fine))
        self._write(report, files)
        return report

    def _expanded(self, cells: Mapping[str, CellSolution]) -> ExpandedSolution:
        """The solution by PINN, and what the oracle's cells make of it."""
        return ExpandedSolution(
            self.model,
            self.eps,
            self.settings,
            self.store,
            cells["oracle"],
            self.growth,
            partial(self._macro, cells["pinn"], "pinn"),
        )

    def _cells(self, backend: str) -> CellSolution:
        known = self.solved.get(backend)
        return known or self.settings.solve_cells(self.model, backend, self.store)

    def _oracle(self) -> tuple[CellSolution | None, str]:
        """What is independent of both that are judged, and its name: Fourier where the data are
        smooth, the enclosure by energies where they jump; None where neither applies. No solver's
        estimate of itself has a part in this."""
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
                    **self.settings.shared,
                ),
            )
        except UnsupportedError:
            return None, ""
        return enclosed, "bounds, the enclosure by energies"

    def _resolved(self, fine: StoredArrays, best: StoredArrays) -> StoredArrays:
        """The fine solution; in a region on finer triangles, where its estimate is too large to
        judge others: that is the error of the coarser mesh, many times its own."""
        relative = self.parts.quadrature.relative
        limit = largest_share(relative(best["values"] - fine["values"], fine["values"]))
        judges = float(fine["estimate"]) <= limit or self.settings.per_period is not None
        if judges or isinstance(self.problem.domain, Box):
            return fine
        finer = partial(self._fine, self.exact, self.fem, tolerance=limit / 2)
        return self.parts.get("u_eps_finer", finer, reference=True)

    def _fine(self, eps: sp.Expr, backend: str, **options: Any) -> Solution:
        return solve_fine(
            self.fine_problem,
            eps,
            backend,
            per_period=self.settings.per_period,
            **self.settings.shared,
            **options,
        )

    def _macro(self, cells: CellSolution, backend: str, eps: sp.Expr | None = None) -> Solution:
        options = self.settings.equation
        if backend != "pinn":
            options = {"tolerance": _MACRO_TOLERANCE[self.problem.scales.dim]}
            if self.model.components > 1:
                options = {"tolerance": _SYSTEM_TOLERANCE}
        here = self.exact if eps is None else eps
        solution = solve_homogenized(
            self.model,
            cells,
            backend,
            eps=here,
            **self.settings.shared,
            **options,
        )
        return leading_term(remembered(solution), cells, float(here), self.growth)

    def _larger(
        self, cells: CellSolution, best: StoredArrays, fine: StoredArrays
    ) -> tuple[tuple[str, float], ...]:
        """(eps, homogenization error) of larger eps, a second one where the first does not tell:
        these solves are cheaper."""
        here = self.parts.quadrature.relative(best["values"] - fine["values"], fine["values"])
        budget = {"homogenization": here, "reference": float(fine["estimate"])}
        found: list[tuple[str, float]] = []
        for k, eps in enumerate(larger_eps(self.model, self.exact)):
            mean, parts = best, self._parts_at(eps)
            try:
                other = parts.get(f"u_larger_{k}", partial(self._fine, eps, self.fem))["values"]
                oscillates = self.model.frame or self.model.eigenvalue is not None
                if oscillates or self.problem.holes or lower_walls(self.model)[1]:
                    solve = partial(self._macro, cells, self.fem, eps)
                    mean = parts.get(f"u0_larger_{k}", solve)
            except (UnsupportedError, SolveError):
                break  # a wall along a flow at some eps alone; a resonance
            apart = parts.quadrature.relative(mean["values"] - other, other)
            found.append((sp.sstr(eps, full_prec=False), apart))
            if falls(budget, Findings(larger=tuple(found))) is not False:
                break
        return tuple(found)

    def _compare(
        self,
        parts: Mapping[str, StoredArrays],
        cells: Mapping[str, CellSolution],
        larger: tuple[tuple[str, float], ...],
    ) -> Report:
        compared = Comparison(parts, self.parts.quadrature)
        errors = compared.errors()
        budget = compared.budget()
        findings = Findings(
            self.oracle,
            compared.distance("v", "u0"),
            compared.distance("w", "v"),
            float(fewest_periods(self.model, self.exact)),
            str(parts["u_eps"]["coarse"]),
            larger,
            errors["e1"],
            errors["e2"],
            macro_estimates=compared.estimates("p", "w"),
            **self._other_fine(),
        )
        if needs_third(budget, findings):
            findings = self._asked_third(findings, cells["pinn"], compared)
        return Report(
            self.problem.name or "problem",
            self.label,
            errors,
            budget,
            compared.first_order(),
            {c.backend: sampled_coefficients(c, self.problem) for c in cells.values()},
            self._methods(parts, cells),
            self._info(compared, cells),
            printed_errors(self.problem, self.eps),
            judge_all(budget, findings, self.cells, self.expansion, self.fem),
            self.store.folder,
            (
                *evidence(budget, findings, self.label),
                *cell_evidence(self.cells, self.expansion),
            ),
            self.cells,
            self.expansion,
            {**asdict(findings), "fem": self.fem},
            compared.second_order(),
        )

    def _other_fine(self) -> dict[str, Any]:
        """What another backend says of the fine solution at the next larger eps."""
        larger = next(larger_eps(self.model, self.exact), None)
        parts = self.parts if larger is None else self._parts_at(larger)
        return parts.other_fine(self._fine, self.exact)

    def _asked_third(
        self, findings: Findings, cells: CellSolution, compared: Comparison
    ) -> Findings:
        """The findings with what another FEM backend says of the homogenized solution."""
        third = other_elements(self.fem)
        if third is None:
            return findings
        other = self.parts.get("w_third", lambda: self._macro(cells, third))
        pinn, fem = compared.from_third(other)
        return replace(findings, third=third, pinn_third=pinn, fem_third=fem)

    def _methods(
        self, parts: Mapping[str, StoredArrays], cells: Mapping[str, CellSolution]
    ) -> dict[str, str]:
        """What solved which part."""
        oracle = cells["oracle"]
        return {
            "PINN cells": f"{cells['pinn'].backend}: {cells['pinn'].method}",
            "PINN u0": str(parts["p"]["method"]),
            "FEM cells": f"{self.fem}: {cells[self.fem].method}",
            "FEM u0": str(parts["v"]["method"]),
            "oracle cells": f"{oracle.backend}: {oracle.method}" if self.oracle else "none",
            "u_eps": str(parts["u_eps"]["method"]),
        }

    def _info(self, compared: Comparison, cells: Mapping[str, CellSolution]) -> dict[str, Any]:
        return {
            **compared.info(self.problem),
            "cells": {
                name: {k: c.info[k] for k in c.info}
                for name, c in cells.items()
                if name in (c.backend, "oracle")
            },
            "resumed": list(self.store.taken),
            "version": __version__,
        }

    def _coefficient(self, cells: CellSolution) -> Iterator[Drawing]:
        """Pictures of the coefficient and of cell functions."""
        from .plots import draw_cell_pictures, draw_coefficient_at

        numbers = self.settings.parameters
        yield from draw_coefficient_at(self.model, self.eps, numbers, self.points, self.plot_shape)
        yield from draw_cell_pictures(self.model, numbers, cells)

    def _solutions(self, parts: Mapping[str, StoredArrays]) -> Iterator[Drawing]:
        from .plots import draw_solutions

        return draw_solutions(self.problem, self.eps, parts, self.points, self.plot_shape)

    def _write(self, report: Report, files: PictureFiles) -> None:
        if self.store.folder is None:
            return
        from .plots import draw_rates

        files.add(draw_rates(report.eps, report.budget, report.findings, report.expansion))
        keep_texts(self.store, report, self.model, self.sources)
        content = Content(report, self.problem, self.settings, self.model, sources=self.sources)
        write_page(content, self.store, files)
