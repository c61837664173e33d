"""The validation of a nonlinear problem: its law by every backend, and at one eps the boundary
value problem.

1. laws       compared and judged by themselves (`law_comparison`)
2. macro      p: law by PINN + PINN (where it does not solve the equation, the other FEM), w: law by
              PINN + FEM, u0*: law by Fourier (where data jump, by FEM) + FEM; v is u0*
3. fine       u_eps by FEM, also at a larger eps
4. compare    as for linear problems, with the law's own error as one more share of the budget
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import sympy as sp

from .. import __version__
from ..derive.homogenize import homogenize
from ..derive.nonlinear.finite_strain import refuse_finite_strain
from ..derive.nonlinear.model import NonlinearModel
from ..emit.source import output_path
from ..problem.errors import SolveError, ToleranceWarning, UnsupportedError
from ..problem.pictures import Drawing
from ..problem.problem import MultiscaleProblem
from ..solve.backends import other_elements
from ..solve.equations import solve_fine, solve_homogenized
from ..solve.law.law_solution import LawSolution
from ..solve.law.solve_law import solve_law
from ..solve.periods import number_expression, positive_eps, shortest_periods
from ..solve.reconstruct import reconstruct
from ..solve.solution import Solution
from .budget_verdict import Findings, evidence, falls, needs_third
from .comparison import Comparison, printed_errors
from .evidence import data_breaks, fewest_periods, larger_eps
from .law_comparison import LawComparison, compare_laws
from .page import Content, write_page
from .picture_files import PictureFiles
from .quadrature import plot_points, remembered, resolving
from .report import Report
from .settings import Settings, problem_key
from .solution_parts import SolutionParts
from .stored_parts import Store, StoredArrays, check_folder
from .supported import required_domain
from .validate_cells import emitted, keep_texts, report_of_cells, store_of
from .verdict import cell_evidence, judge_all
from .versions import versions

# Relative accuracy of laws, and of FEM solutions of homogenized equations, by the dimension: far
# below any homogenization error of interest.
_LAW = {1: 1e-6, 2: 1e-5, 3: 1e-4}
_MACRO = {1: 1e-6, 2: 5e-4, 3: 2e-3}
_MACRO_IN_TIME = {**_MACRO, 1: 1e-5}
# Meshes that are tried before one is refined, which takes three of them and of numbers of steps:
# every point asks for a state of the law.
_FIRST_MESHES = {1: (), 2: (16, 32), 3: (8,)}


def validate_laws(
    problem: MultiscaleProblem, settings: Settings, out: str | os.PathLike[str] | None
) -> Report:
    """`validate` without eps."""
    model = _model(problem)
    store = store_of(problem, settings, out)
    compared = _compared(model, settings, store)
    return _law_report(model, settings, store, compared.as_dict(), "")


def _model(problem: MultiscaleProblem) -> NonlinearModel:
    model = homogenize(problem)
    assert isinstance(model, NonlinearModel)
    model.state.require_diffusion("a comparison of backends, which share one formula for the law,")
    refuse_finite_strain(model, "the validation")
    return model


def _solve_law(model: NonlinearModel, settings: Settings, backend: str) -> LawSolution:
    return solve_law(
        model,
        backend,
        tolerance=settings.tolerance or _LAW[model.state.dim],
        parameters=settings.parameters,
        progress=settings.progress,
    )


def _compared(model: NonlinearModel, settings: Settings, store: Store) -> LawComparison:
    return compare_laws(
        model,
        partial(_solve_law, model, settings),
        settings.fem,
        settings.parameters,
        settings.tolerance,
        store,
    )


def _law_report(
    model: NonlinearModel, settings: Settings, store: Store, cells: dict[str, Any], eps: str
) -> Report:
    """The report on laws alone."""
    report = report_of_cells(model.problem.name, settings, store, cells, _expansion(), eps)
    _write(report, model, settings, store, ())
    return report


def _expansion() -> dict[str, Any]:
    """Waves of one frequency do not solve a nonlinear problem."""
    return {"rate": None, "expected": None, "refused": "the problem is not linear"}


def _write(
    report: Report,
    model: NonlinearModel,
    settings: Settings,
    store: Store,
    drawings: Iterable[Drawing],
) -> None:
    if store.folder is None:
        return
    with PictureFiles(store, settings.progress) as files:
        files.add(drawings)
        sources = emitted(model, ("torch", settings.fem, "numpy"))
        keep_texts(store, report, model, sources)
        write_page(Content(report, model.problem, settings, model, sources=sources), store, files)


class NonlinearRun:
    """One validation at one eps."""

    def __init__(
        self,
        problem: MultiscaleProblem,
        eps: object,
        out: str | os.PathLike[str] | None,
        settings: Settings,
    ) -> None:
        self.model = _model(problem)
        if self.model.hamiltonian:
            raise UnsupportedError(
                "the comparison of PINN and FEM for a Hamilton-Jacobi equation at one eps",
                term=self.model.title,
                remedy="validate(problem) compares its laws",
            )
        if self.model.change is not None:
            problem = self.model.change.problem
        domain = required_domain(self.model)
        self.problem, self.settings = problem, settings
        self.fem = settings.fem
        self.eps = positive_eps(eps)
        self.exact = number_expression(eps)
        self.label = str(eps if isinstance(eps, float) else sp.nsimplify(self.exact))
        breaks = data_breaks(self.model, self.eps, settings.parameters)
        quadrature = resolving(domain, shortest_periods(problem, self.eps), breaks)
        points, self.plot_shape = plot_points(domain)
        if out is not None:
            check_folder(output_path(out))
        key = (versions(self.fem), problem_key(problem), self.label, settings.key())
        self.store = Store(out, repr((*key, quadrature.points.shape)), settings.beside)
        self.parts = SolutionParts(self.model, self.eps, settings, self.store, quadrature, points)
        self.laws: dict[str, LawSolution] = {}
        self.best = "fourier"

    def report(self) -> Report:
        compared = _compared(self.model, self.settings, self.store)
        cells = compared.as_dict()
        if "fourier" in compared.failed or not {"fourier", self.fem} & {*compared.known}:
            return _law_report(self.model, self.settings, self.store, cells, self.label)
        learned = self._chosen(compared)
        p = self._learned(learned)
        fine = self._reference()
        best = self._best()
        w = best
        if learned == "pinn":
            w = self.parts.get("w", partial(self._macro, learned, self.fem))
        kept = [name for name in best if name.startswith("first_")]
        parts = {
            "p": {**p, **{name: best[name] for name in kept}},
            "w": w,
            "v": best,
            "u0": best,
            "u_eps": fine,
        }
        report = self._compare(parts, compared, cells, self._larger(best, fine))
        _write(report, self.model, self.settings, self.store, self._drawings(report, parts))
        return report

    def ahead(self) -> None:
        """The parts that need no net, for the same run in another process."""
        fine = self._reference()
        self.parts.other_fine(self._fine, self.exact)
        self._chosen(_compared(self.model, self.settings, self.store))
        self._larger(self._best(), fine)

    def _chosen(self, compared: LawComparison) -> str:
        """Where data jump there is neither a law by Fourier nor one by nets."""
        self.best = "fourier" if "fourier" in compared.known else self.fem
        return "pinn" if "pinn" in compared.known else self.best

    def _reference(self) -> StoredArrays:
        return self.parts.fine(partial(self._fine, self.exact, self.fem))

    def _best(self) -> StoredArrays:
        return self.parts.get("u0", partial(self._macro, self.best, self.fem), self._expanded)

    def law(self, backend: str) -> LawSolution:
        """Solved when a part asks for it."""
        if backend not in self.laws:
            self.laws[backend] = _solve_law(self.model, self.settings, backend)
        return self.laws[backend]

    def _learned(self, law: str) -> StoredArrays:
        """u0 by PINN; where it does not solve the equation by the other FEM, or the same."""
        try:
            return self.parts.get("p", partial(self._macro, law, "pinn"))
        except UnsupportedError:
            other = other_elements(self.fem) or self.fem
            return self.parts.get("p_elements", partial(self._macro, law, other))

    def _macro(self, law: str, backend: str) -> Solution:
        allowed = _MACRO if self.problem.final_time is None else _MACRO_IN_TIME
        wanted = allowed[self.problem.scales.dim]
        if backend == "pinn":
            return self._solved(law, backend, {"tolerance": wanted, **self.settings.equation})
        for mesh in _FIRST_MESHES[self.problem.scales.dim]:
            with warnings.catch_warnings():  # of a mesh that may be too coarse
                warnings.simplefilter("ignore", ToleranceWarning)
                found = self._solved(law, backend, {"mesh": mesh})
            if found.info["estimate"] <= wanted:
                return found
        return self._solved(law, backend, {"tolerance": wanted})

    def _solved(self, law: str, backend: str, options: Mapping[str, Any]) -> Solution:
        solution = solve_homogenized(
            self.model,
            self.law(law),
            backend,
            parameters=self.settings.parameters,
            progress=self.settings.progress,
            **options,
        )
        return remembered(solution)

    def _expanded(self, solution: Solution) -> Solution:
        return reconstruct(solution, self.law(self.best), self.eps)

    def _fine(self, eps: sp.Expr, backend: str) -> Solution:
        return solve_fine(
            self.problem,
            eps,
            backend,
            per_period=self.settings.per_period,
            parameters=self.settings.parameters,
            progress=self.settings.progress,
        )

    def _larger(self, best: StoredArrays, fine: StoredArrays) -> tuple[tuple[str, float], ...]:
        """(eps, homogenization error) of larger eps."""
        relative = self.parts.quadrature.relative
        here = relative(best["values"] - fine["values"], fine["values"])
        budget = {"homogenization": here, "reference": float(fine["estimate"])}
        found: list[tuple[str, float]] = []
        for k, eps in enumerate(larger_eps(self.model, self.exact)):
            try:
                solve = partial(self._fine, eps, self.fem)
                other = self.parts.get(f"u_larger_{k}", solve)["values"]
            except SolveError:  # data of order 1/eps may be too large for the method there
                break
            found.append((sp.sstr(eps, full_prec=False), relative(best["values"] - other, other)))
            if falls(budget, Findings(larger=tuple(found))) is not False:
                break
        return tuple(found)

    def _compare(
        self,
        parts: Mapping[str, StoredArrays],
        laws: LawComparison,
        cells: dict[str, Any],
        larger: tuple[tuple[str, float], ...],
    ) -> Report:
        compared = Comparison(parts, self.parts.quadrature)
        errors = compared.errors()
        by_law = [float(parts[name]["law"]) for name in ("p", "w", "u0")]
        budget = {**compared.budget(), "law": max(by_law)}
        third_law = laws.third(self.fem)
        apart = laws.between(self.fem, third_law) if third_law else float("nan")
        findings = Findings(
            f"a third method, {'Fourier' if third_law == 'fourier' else third_law}",
            apart,
            max(laws.between(self.fem, "pinn"), apart) if "pinn" in laws.known else apart,
            float(fewest_periods(self.model, self.exact)),
            str(parts["u_eps"]["coarse"]),
            larger,
            errors["e1"],
            errors["e2"],
            macro_estimates=compared.estimates("p", "w"),
            **self.parts.other_fine(self._fine, self.exact),
        )
        third = other_elements(self.fem)
        if third is not None and needs_third(budget, findings):
            law = "pinn" if "pinn" in laws.known else self.best
            other = self.parts.get("w_third", partial(self._macro, law, third))
            pinn, fem = compared.from_third(other)
            findings = replace(findings, third=third, pinn_third=pinn, fem_third=fem)
        expansion = _expansion()
        return Report(
            self.problem.name or "problem",
            self.label,
            errors,
            budget,
            compared.first_order(),
            {name: {"A": held["A"], "flux": held["flux"]} for name, held in laws.known.items()},
            self._methods(parts, laws),
            self._info(compared),
            printed_errors(self.problem, self.eps),
            judge_all(budget, findings, cells, expansion, self.fem),
            self.store.folder,
            (
                *self._instead(parts),
                *evidence(budget, findings, self.label),
                *cell_evidence(cells, expansion),
            ),
            cells,
            expansion,
            {**asdict(findings), "fem": self.fem},
        )

    def _instead(self, parts: Mapping[str, StoredArrays]) -> Iterator[str]:
        """What stands for a homogenized solution that the PINN does not give."""
        method = str(parts["p"]["method"])
        if not method.startswith("pinn"):
            yield f"no homogenized solution by PINN: with its law it is solved by {method}"

    def _methods(self, parts: Mapping[str, StoredArrays], laws: LawComparison) -> dict[str, str]:
        return {
            **{f"law by {name}": str(held["method"]) for name, held in laws.known.items()},
            "PINN u0": str(parts["p"]["method"]),
            "FEM u0": str(parts["v"]["method"]),
            "u_eps": str(parts["u_eps"]["method"]),
        }

    def _info(self, compared: Comparison) -> dict[str, Any]:
        return {
            **compared.info(self.problem),
            "law": {name: float(compared.parts[name]["law"]) for name in ("p", "w", "u0")},
            "resumed": list(self.store.taken),
            "version": __version__,
        }

    def _drawings(self, report: Report, parts: Mapping[str, StoredArrays]) -> Iterator[Drawing]:
        from .plots import LAW_BY_PINN, PINN, draw_rates, draw_solutions

        points, shape = self.parts.plot_points, self.plot_shape
        learned = PINN if str(parts["p"]["method"]).startswith("pinn") else LAW_BY_PINN
        yield from draw_solutions(self.problem, self.eps, parts, points, shape, learned)
        yield from draw_rates(report.eps, report.budget, report.findings, report.expansion)
