"""What is kept of the solutions of a validation: their values, gradients and plot values, and those
of expansions.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..problem.errors import SolveError, UnsupportedError
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array
from ..runtime.fem_skfem.factors import shared_factors
from ..runtime.quadrature import Quadrature
from ..solve.backends import other_elements
from ..solve.solution import Solution
from .evidence import coarse_reference, larger_eps
from .expanded_solution import FIRST, SECOND, ExpandedSolution
from .quadrature import value_and_gradient
from .settings import Settings
from .stored_parts import Store, StoredArrays
from .study_orders import has_layers

FineVerb = Callable[[sp.Expr, str], Solution]
"""(eps, backend) -> the fine solution."""
LAYERED = "_layered"
"""At the end of the names of what has boundary layers."""
# The backend that checks fine solutions of another one: it compiles nothing.
_QUICK = "skfem"


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
        expand: Callable[[Solution], Solution] | None = None,
        reference: bool = False,
    ) -> StoredArrays:
        """Values, gradients and plot values of one solution, and what it says of itself.

        expand    : makes its expansion of first order, which is kept too
        reference : whether it resolves the periods; then what its mesh misses of the data is kept
        """

        def compute() -> StoredArrays:
            solution = solve()
            first = None if expand is None else expand(solution)
            arrays = self._evaluated(FIRST, first) | self._arrays(solution)
            if reference:
                numbers = parameter_numbers(self.settings.parameters, self.model.problem.parameters)
                missed = coarse_reference(self.model, solution, self.eps, numbers)
                arrays["coarse"] = np.array(missed)
            return arrays

        return self.store.arrays(name, compute, lambda part: self._sound(part, reference))

    def fine(self, solve: Callable[[], Solution]) -> StoredArrays:
        """The solution that resolves the periods, which errors are relative to."""
        found = self.get("u_eps", solve, reference=True)
        if not np.any(found["values"]):
            raise SolveError(
                "the solution of the multiscale problem is zero, and relative errors mean nothing",
                term=self.model.problem,
                remedy="give a source, or boundary or initial data, other than zero",
            )
        return found

    def expanded(self, name: str, expanded: ExpandedSolution) -> StoredArrays:
        """The same of a solution with its expansions, whose boundary layers `layers` adds."""

        def compute() -> StoredArrays:
            arrays: StoredArrays = {}
            # Before the rest, the longest one first: it takes most derivatives of what is kept.
            with suppress(UnsupportedError, SolveError):
                arrays = self._evaluated(SECOND, expanded.second)
            arrays |= self._evaluated(FIRST, expanded.first)
            return arrays | self._arrays(expanded.solution)

        return self.store.arrays(name, compute, lambda part: self._sound(part, False))

    def layers(self, name: str, expanded: ExpandedSolution, part: StoredArrays) -> StoredArrays:
        """The expansions of `part`, made by `expanded`, with their boundary layers; nothing of a
        model that has none."""
        if not has_layers(expanded.model):
            return {}

        def compute() -> StoredArrays:
            arrays: StoredArrays = {}
            # One operator, and often one mesh: only the data on the walls differ.
            with shared_factors():
                for order in (FIRST, SECOND):
                    if f"{order}_values" in part:
                        layer = self._evaluated(order, expanded.layer(order))
                        arrays |= {f"{key}{LAYERED}": part[key] + layer[key] for key in layer}
            return arrays

        return self.store.arrays(name, compute, self._finite)

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

    def _evaluated(self, kind: str, expansion: Solution | None) -> StoredArrays:
        """An expansion at the points of the quadrature."""
        if expansion is None:
            return {}
        values, gradient = value_and_gradient(expansion, self.quadrature.points)
        return {f"{kind}_values": values, f"{kind}_gradient": gradient}

    def _sound(self, part: StoredArrays, reference: bool) -> bool:
        """Whether a part that was read has all that `get` writes."""
        needed = {"values", "gradient", "plot", "estimate", "method", "seconds"}
        if reference:
            needed.add("coarse")
        if not needed <= set(part) or len(part["plot"]) != len(self.plot_points):
            return False
        # Outside of the domain pictures have no numbers.
        return bool(np.isfinite(part["plot"]).any()) and self._finite(part)

    def _finite(self, part: StoredArrays) -> bool:
        """Whether values and gradients are finite, and at as many points."""
        nodes, dim = self.quadrature.points.shape
        for name, array in part.items():
            gradient = "gradient" in name
            if not (gradient or "values" in name):
                continue
            if len(array) != nodes or not np.isfinite(array).all():
                return False
            if gradient and array.shape[-1] != dim:
                return False
        return True
