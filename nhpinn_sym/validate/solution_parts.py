"""What is kept of the solutions of a validation: their values, gradients and plot values, and what
the leading term makes with correctors and boundary layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..problem.errors import SolveError, UnsupportedError
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array
from ..runtime.fem_skfem.factors import shared_factors
from ..runtime.quadrature import Quadrature
from ..solve.backends import other_elements
from ..solve.cell_solution import CellSolution
from ..solve.ground_states import without_growth
from ..solve.hierarchy import further_fields
from ..solve.reconstruct import Reconstruction, first_order, layered, second_order
from ..solve.solution import Solution
from .evidence import coarse_reference, larger_eps
from .quadrature import value_and_gradient
from .settings import Settings
from .stored_parts import Store, StoredArrays
from .study_orders import has_layers

Expand = Callable[[Solution], Solution]
FineVerb = Callable[[sp.Expr, str], Solution]
"""(eps, backend) -> the fine solution."""
# The backend of smooth cells, whose correctors of second order are smooth too.
_SMOOTH = "fourier"
# The backend that checks fine solutions of another one, and solves cells of second order that jump:
# it compiles nothing.
_QUICK = "skfem"


class _Evaluated(NamedTuple):
    """An expansion at the points of the quadrature."""

    expansion: Solution
    values: Array
    gradient: Array


@dataclass(frozen=True)
class SolutionParts:
    """The solutions of one problem at one eps, each a part that is written when it is done.

    plot_points : where pictures take their values
    """

    model: HomogenizedModel | NonlinearModel
    eps: float
    settings: Settings
    store: Store
    quadrature: Quadrature
    plot_points: Array

    def get(
        self,
        name: str,
        solve: Callable[[], Solution],
        corrector: CellSolution | Expand | None = None,
        growth: float = 0.0,
        reference: bool = False,
    ) -> StoredArrays:
        """Values, gradients and plot values of one solution, and what it says of itself.

        corrector : the cells, or the verb, with which it makes the expansion of first order, which
                    is kept too;
        growth    : lambda0 of what was factored out of u
        reference : whether it resolves the periods; then what its mesh misses of the data is kept
        """

        def compute() -> StoredArrays:
            solution = solve()
            first = second = None
            # Before the rest, the longest one first: it takes most derivatives of what is kept.
            # Cells of second order at all slow points would take minutes.
            if isinstance(corrector, CellSolution) and not corrector.slow:
                second = self._second_order(solution, corrector.backend)
            if corrector is not None:
                first = self._evaluated(self._expansion(solution, corrector, growth))
            arrays: StoredArrays = {}
            if first is not None:
                arrays |= {"first_values": first.values, "first_gradient": first.gradient}
            arrays |= self._arrays(solution)
            # One operator, and often one mesh: only the data on the walls differ.
            with shared_factors():
                for kind, expansion in {"layered": first, "second": second}.items():
                    if expansion is not None:
                        arrays |= self._with_layers(kind, expansion)
            if reference:
                numbers = parameter_numbers(self.settings.parameters, self.model.problem.parameters)
                missed = coarse_reference(self.model, solution, self.eps, numbers)
                arrays["coarse"] = np.array(missed)
            return arrays

        return self.store.arrays(
            name, compute, lambda part: self._sound(part, corrector is not None, reference)
        )

    def other_fine(self, solve: FineVerb, eps: sp.Expr) -> dict[str, Any]:
        """`Findings` on the fine solution at a larger eps by a backend that checks it: how far it
        is from that, beyond what both say of their errors. Nothing where none checks it."""
        larger = next(larger_eps(self.model, eps), None)
        fem = self.settings.fem
        if larger is None or other_elements(fem) != _QUICK:
            return {}
        try:
            own = self.get("u_larger_0", partial(solve, larger, fem))
            other = self.get("u_larger_other", partial(solve, larger, _QUICK))
        except (UnsupportedError, SolveError):
            return {}
        admitted = float(own["estimate"]) + float(other["estimate"])
        apart = self.quadrature.relative(own["values"] - other["values"], own["values"])
        return {
            "other_fine": max(0.0, apart - admitted),
            "checked": _QUICK,
            "fine_estimates": admitted,
        }

    def _arrays(self, solution: Solution) -> StoredArrays:
        values, gradient = value_and_gradient(solution, self.quadrature.points)
        return {
            "values": values,
            "gradient": gradient,
            "plot": solution.sampled(self.plot_points),
            "estimate": np.array(float(solution.info.get("estimate", np.nan))),
            "method": np.array(f"{solution.backend}: {solution.method}"),
            "seconds": np.array(float(solution.info.get("seconds", np.nan))),
            "law": np.array(float(solution.info.get("law", 0.0))),
        }

    def _expansion(
        self, solution: Solution, cells: CellSolution | Expand, growth: float
    ) -> Solution | None:
        """The expansion of first order; None where its cell functions depend on a fast time."""
        if not isinstance(cells, CellSolution):
            return cells(solution)
        mean = solution.fields[0] if isinstance(solution, Reconstruction) else solution
        try:
            return first_order(mean, cells, self.eps, growth)
        except UnsupportedError:
            return None

    def _evaluated(self, expansion: Solution | None) -> _Evaluated | None:
        if expansion is None:
            return None
        return _Evaluated(expansion, *value_and_gradient(expansion, self.quadrature.points))

    def _second_order(self, solution: Solution, backend: str) -> _Evaluated | None:
        """The expansion of second order, where it is derived and has layers: for stationary
        problems whose cells are smooth enough for Fourier, or on a line, where meshes have nodes at
        all jumps.
        """
        problem = self.model.problem
        line = problem.scales.dim == 1
        if not (backend == _SMOOTH or line) or problem.time_order or not self._layered:
            return None
        backend = backend if backend == _SMOOTH else _QUICK
        try:
            model = homogenize_linear(problem, order=2)
            cells = self.settings.solve_cells(model, backend, self.store)
            u0, u1 = further_fields(
                model,
                cells,
                solution,
                1,
                "pinn",
                eps=self.eps,
                parameters=self.settings.parameters,
                progress=self.settings.progress,
                **self.settings.equation,
            )
            return self._evaluated(second_order((u0, u1), cells, self.eps))
        except (UnsupportedError, SolveError):
            return None

    @property
    def _layered(self) -> bool:
        """Whether the expansion has boundary layers."""
        return isinstance(self.model, HomogenizedModel) and has_layers(self.model)

    def _with_layers(self, kind: str, evaluated: _Evaluated) -> StoredArrays:
        """An expansion with its boundary layers, where it has some and they are covered."""
        expansion, values, gradient = evaluated
        if not (self._layered and isinstance(expansion, Reconstruction)):
            return {}
        problem = self.model.problem
        if expansion.growth:
            problem = without_growth(self.model.operator, expansion.growth)
        try:
            found = layered(
                expansion,
                problem,
                self.eps,
                self.settings.per_period,
                self.settings.parameters,
                self.settings.progress,
            )
        except UnsupportedError:
            return {}
        more, slopes = value_and_gradient(found.layer, self.quadrature.points)
        return {f"{kind}_values": values + more, f"{kind}_gradient": gradient + slopes}

    def _sound(self, part: StoredArrays, corrected: bool, reference: bool) -> bool:
        """Whether a part that was read has all that `get` writes: finite, and at as many
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
            finite = np.isfinite(array)
            known = finite.any() if name == "plot" else finite.all()  # pictures: nan is outside
            if len(array) != count or not known:
                return False
            if "gradient" in name and array.shape[-1] != dim:
                return False
        return True
