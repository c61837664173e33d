"""The comparison for a problem without fast variables: the PDE itself, by PINN and by FEM.

1. fem        on three meshes, and refined until its estimate is small: the reference where there is
   no exact solution
2. pinn       to a loose tolerance, and as well as it can
3. compare    with the exact solution or the finest FEM, and with each other, on one quadrature
4. third      another FEM backend, where the two disagree and there is no exact solution
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from .. import __version__
from ..operator.parse import parse_nonlinear
from ..problem.errors import ProblemError, SolveError, ToleranceWarning, UnsupportedError
from ..problem.numeric import lambdified
from ..problem.pictures import Drawing
from ..problem.problem import MultiscaleProblem
from ..problem.scales import Fast
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array
from ..runtime.quadrature import Quadrature
from ..solve.backends import other_elements
from ..solve.equations import solve_fine
from ..solve.solution import Solution
from .evidence import data_breaks
from .page import Content, write_page
from .picture_files import PictureFiles
from .quadrature import plot_points, resolving
from .report import Report
from .settings import Settings, problem_key
from .stored_parts import Store, json_text
from .verdict import judge_plain, plain_evidence
from .versions import versions

# Mesh cells along an axis on which the convergence of FEM is seen, by the dimension.
_MESHES = {1: (16, 32, 64), 2: (8, 16, 32), 3: (4, 8, 12)}
# Estimated relative error of the finest FEM solution.
_FINE = 1e-6
# Tolerance of the first PINN solution.
_LOOSE = 1e-2
# Relative L2 error, or difference, up to which solutions agree where no tolerance is given.
_LIMIT = 1e-3
# eps of a problem that does not hold it.
_UNUSED = 1


def is_plain(problem: MultiscaleProblem) -> bool:
    """Whether a problem has a domain and no fast variable, nor eps."""
    held = any(e.atoms(Fast) or e.has(problem.scales.eps) for e in problem.equations)
    return problem.domain is not None and not held


def validate_plain(
    problem: MultiscaleProblem,
    settings: Settings,
    exact: object,
    out: str | os.PathLike[str] | None,
) -> Report:
    """`validate` of a problem without fast variables. `exact`: its solution in s.x and s.t (of a
    system one for each unknown), or None.

    Errors: those of the FEM solves; ProblemError for an `exact` that has no numbers. What the PINN
    does not cover, or fails at, is kept: errors["pinn"] is not a number then.
    """
    assert problem.domain is not None
    breaks: Sequence[Sequence[float]] = ()
    if parse_nonlinear(problem).linear:
        breaks = data_breaks(problem, _UNUSED, settings.parameters)
    quadrature = resolving(problem.domain, (1.0,) * problem.domain.dim, breaks)
    run = _Plain(problem, settings, quadrature)
    known = None if exact is None else run.exact(exact, quadrature.points)
    store = Store(
        out, repr((versions(settings.fem), problem_key(problem), settings.key(), str(exact)))
    )
    report = run.report(known, store)
    if store.folder is not None:
        with PictureFiles(store, settings.progress) as files:
            files.add(run.pictures(exact, report))
            store.write("report.txt", str(report).encode(errors="backslashreplace"))
            store.write("results.json", json_text(report.as_dict()))
            write_page(Content(report, problem, settings), store, files)
    return report


class _Plain:
    """One comparison."""

    def __init__(
        self, problem: MultiscaleProblem, settings: Settings, quadrature: Quadrature
    ) -> None:
        self.problem, self.settings, self.quadrature = problem, settings, quadrature
        assert problem.domain is not None
        self.methods: dict[str, str] = {}
        self.estimates: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.drawn: dict[str, Array] = {}
        self.plot_points, self.plot_shape = plot_points(problem.domain)

    def exact(self, given: object, points: Array) -> Array:
        """Values of the exact solution at points, at the final time."""
        problem = self.problem
        numbers = parameter_numbers(self.settings.parameters, problem.parameters)
        values = {v: numbers[str(v)] for v in problem.parameters}
        if problem.final_time is not None:
            values[problem.scales.t] = float(problem.final_time)
        remedy = "write exact=sp.sin(sp.pi*s.x[0]), one expression for each unknown"
        try:
            entries = list(given) if isinstance(given, (sp.MatrixBase, list, tuple)) else [given]
            exprs = [sp.sympify(e, strict=True).xreplace(values) for e in entries]
            call = lambdified(list(problem.scales.x), exprs, ["scipy", "numpy"])
            columns = [np.broadcast_to(np.asarray(v), (len(points),)) for v in call(*points.T)]
            found = np.stack([c.astype(np.result_type(c, float)) for c in columns], axis=-1)
        except Exception as cause:  # of any kind: it is the user's expression
            raise ProblemError(
                "exact= has no numbers on the domain", term=given, remedy=remedy
            ) from cause
        if len(exprs) != len(problem.unknowns) or not np.all(np.isfinite(found)):
            raise ProblemError(
                f"exact= is not {len(problem.unknowns)} finite functions of x",
                term=given,
                remedy=remedy,
            )
        if len(exprs) > 1:
            return found
        return found[:, 0]

    def report(self, exact: Array | None, store: Store) -> Report:
        fem = self.settings.fem
        meshes = _MESHES[self.problem.scales.dim]
        with warnings.catch_warnings():  # of solutions that are meant to be coarse
            warnings.simplefilter("ignore", ToleranceWarning)
            coarse = {n: self._values(fem, store, f"{fem}_{n}", mesh=n) for n in meshes}
        finest = self._values(fem, store, fem, tolerance=self.settings.tolerance or _FINE)
        refused = ""
        loose = pinn = None
        try:
            loose = self._pinn(store, "pinn_loose", _LOOSE)
            pinn = self._pinn(store, "pinn", self.settings.tolerance)
        except (UnsupportedError, SolveError) as cause:
            refused = str(cause).splitlines()[0]
        reference = finest if exact is None else exact
        relative = self.quadrature.relative
        if not np.any(reference):
            raise SolveError(
                "the solution is zero, and relative errors mean nothing",
                term=self.problem,
                remedy="give a source, or boundary or initial data, other than zero",
            )
        by_mesh = {n: relative(values - reference, reference) for n, values in coarse.items()}
        errors = {
            "pinn": math.nan if pinn is None else relative(pinn - reference, reference),
            "fem": by_mesh[meshes[-1]] if exact is None else relative(finest - exact, exact),
            "difference": math.nan if pinn is None else relative(pinn - finest, reference),
        }
        findings: dict[str, Any] = {
            "kind": "plain",
            "fem": fem,
            "exact": exact is not None,
            "limit": max(_LIMIT, 10 * (self.settings.tolerance or 0.0)),
            "refused": refused,
            "reference": self.estimates[fem],
            **self._third(errors, pinn, finest, reference, store),
        }
        convergence: dict[str, Any] = {"fem": by_mesh, "rate": _rate(by_mesh)}
        if loose is not None:
            convergence["pinn"] = {"loose": relative(loose - reference, reference)}
            convergence["pinn"]["full"] = errors["pinn"]
        return Report(
            self.problem.name or "problem",
            "",
            errors,
            {name: self.estimates[name] for name in ("pinn", fem) if name in self.estimates},
            {},
            {},
            self.methods,
            {
                "convergence": convergence,
                "estimates": dict(self.estimates),
                "seconds": dict(self.seconds),
                "resumed": list(store.taken),
                "version": __version__,
            },
            {},
            judge_plain(errors, findings),
            store.folder,
            tuple(plain_evidence(errors, findings)),
            findings=findings,
        )

    def pictures(self, exact: object, report: Report) -> Iterator[Drawing]:
        """Of the solutions that were compared, the reference first."""
        from .plots import draw_plain

        held = {"FEM": self.drawn[self.settings.fem]}
        if exact is not None:
            held = {"exact": self.exact(exact, self.plot_points), **held}
        if "pinn" in self.drawn:
            held["PINN"] = self.drawn["pinn"]
        by_mesh = report.info["convergence"]["fem"]
        return draw_plain(self.problem, held, by_mesh, self.plot_points, self.plot_shape)

    def _third(
        self,
        errors: Mapping[str, float],
        pinn: Array | None,
        finest: Array,
        reference: Array,
        store: Store,
    ) -> dict[str, Any]:
        """What another FEM backend says, where the two disagree and nothing exact is known."""
        name = other_elements(self.settings.fem)
        if pinn is None or name is None or errors["difference"] <= _LIMIT:
            return {"third": "", "pinn_third": None, "fem_third": None}
        other = self._values(name, store, name, tolerance=self.settings.tolerance or _FINE)
        return {
            "third": name,
            "pinn_third": self.quadrature.relative(pinn - other, reference),
            "fem_third": self.quadrature.relative(finest - other, reference),
        }

    def _pinn(self, store: Store, part: str, tolerance: float | None) -> Array:
        return self._values(
            "pinn", store, part, **{"tolerance": tolerance, **self.settings.equation}
        )

    def _values(self, backend: str, store: Store, part: str, **options: Any) -> Array:
        """Values of a solution at the points of the quadrature, at the final time."""

        def compute() -> dict[str, Any]:
            solution: Solution = solve_fine(
                self.problem,
                _UNUSED,
                backend,
                **self.settings.shared,
                **options,
            )
            return {
                "values": solution(self.quadrature.points),
                "plot": solution.sampled(self.plot_points),
                "estimate": np.array(float(solution.info["estimate"])),
                "method": np.array(f"{solution.backend}: {solution.method}"),
                "seconds": np.array(float(solution.info["seconds"])),
            }

        found = store.arrays(part, compute, lambda known: {"plot", "seconds"} <= set(known))
        self.drawn[part] = np.asarray(found["plot"])
        self.methods[part] = str(found["method"])
        self.estimates[part] = float(found["estimate"])
        self.seconds[part] = float(found["seconds"])
        return np.asarray(found["values"])


def _rate(errors: Mapping[int, float]) -> float | None:
    """The observed order of the last two meshes; None where an error is rounding."""
    (n, coarse), (m, fine) = list(errors.items())[-2:]
    if min(coarse, fine) > 1e-13:
        return math.log(coarse / fine) / math.log(m / n)
    return None
