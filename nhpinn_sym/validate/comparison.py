"""The numbers of a validation, from its solutions on one quadrature: e1..e4, the error budget, the
errors of the expansion of first order, and the effective coefficients beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import Array
from ..runtime.quadrature import Quadrature
from ..solve.cell_solution import CellSolution
from ..solve.domains import line_points
from .expanded_solution import FIRST, SECOND
from .solution_parts import LAYERED
from .stored_parts import StoredArrays
from .study_orders import LAYERS

# Points of a line through the domain at which coefficients that depend on x are given.
_SAMPLES = 33
# Difference up to which an eps is the one that numbers are printed for.
_SAME_EPS = 1e-12


@dataclass(frozen=True)
class Comparison:
    """Relative L2 errors of the parts of a validation, "p", "w", "v", "u0" and "u_eps"; which is
    solved by what stands in the docstring of `validate.validate`.
    """

    parts: Mapping[str, StoredArrays]
    quadrature: Quadrature

    def values(self, name: str) -> Array:
        """Those of one part at the points of the quadrature."""
        found: Array = self.parts[name]["values"]
        return found

    def from_third(self, other: StoredArrays) -> tuple[float, float]:
        """How far the homogenized solutions by PINN and FEM are from that of a third backend."""
        three = replace(self, parts={**self.parts, "third": other})
        return three.distance("p", "third"), three.distance("w", "third")

    def estimates(self, *names: str) -> float:
        """What some parts say of their errors, added."""
        return sum(float(self.parts[name]["estimate"]) for name in names)

    def distance(self, one: str, other: str) -> float:
        """Of two parts, relative to the reference u_eps."""
        difference = self.values(one) - self.values(other)
        return float(self.quadrature.relative(difference, self.values("u_eps")))

    def errors(self) -> dict[str, float]:
        """e1..e4."""
        return self._errors(*(self.values(name) for name in ("p", "w", "v", "u_eps")))

    def by_component(self, problem: MultiscaleProblem) -> dict[str, dict[str, float]]:
        """The errors of every unknown, in its own norm; nothing for one unknown."""
        if self.values("u_eps").ndim == 1:
            return {}
        found = {}
        for j, u in enumerate(problem.unknowns):
            columns = (self.values(name)[:, j] for name in ("p", "w", "v", "u_eps"))
            found[str(u.func)] = self._errors(*columns)
        return found

    def info(self, problem: MultiscaleProblem) -> dict[str, Any]:
        """What a report says of every part."""
        apart = self.by_component(problem)
        return {
            **({"errors by component": apart} if apart else {}),
            "estimates": {name: float(part["estimate"]) for name, part in self.parts.items()},
            "seconds": {name: float(part["seconds"]) for name, part in self.parts.items()},
        }

    def budget(self) -> dict[str, float]:
        """What each step adds, and what the reference says of its own error."""
        return {
            "homogenization": self.distance("u0", "u_eps"),
            "cell": self.distance("w", "u0"),
            "macro": self.distance("p", "w"),
            "reference": float(self.parts["u_eps"]["estimate"]),
        }

    def first_order(self) -> dict[str, float]:
        """Errors of the expansion of first order, "L2" and "H1", where it was made; with boundary
        layers too.
        """
        return self._of_expansion(FIRST) | self._of_expansion(FIRST, LAYERED, LAYERS)

    def second_order(self) -> dict[str, float]:
        """The same of the expansion of second order with its boundary layers."""
        return self._of_expansion(SECOND, LAYERED, LAYERS)

    def _of_expansion(self, order: str, layered: str = "", title: str = "") -> dict[str, float]:
        if f"{order}_values{layered}" not in self.parts["p"]:
            return {}
        fine = self.parts["u_eps"]
        found = {}
        for what, norm in (("values", "L2"), ("gradient", "H1")):
            difference = self.parts["p"][f"{order}_{what}{layered}"] - fine[what]
            found[norm + title] = self.quadrature.relative(difference, fine[what])
        return found

    def _errors(self, p: Array, w: Array, v: Array, fine: Array) -> dict[str, float]:
        relative = self.quadrature.relative
        return {
            "e1": relative(p - fine, fine),
            "e2": relative(w - fine, fine),
            "e3": relative(p - w, w),
            "e4": relative(v - fine, fine),
        }


def sampled_coefficients(cells: CellSolution, problem: MultiscaleProblem) -> dict[str, Any]:
    """The effective coefficients as numbers; callables at points of a line through the domain,
    listed under "x".
    """
    assert problem.domain is not None
    x = line_points(problem.domain, _SAMPLES)
    table: dict[str, Any] = {}
    for name, value in cells.effective.items():
        if name in ("h", "f", "g"):
            continue
        table[name] = value(x) if callable(value) else value
        if callable(value):
            table["x"] = x
    return table


def printed_errors(problem: MultiscaleProblem, eps: float) -> Mapping[str, float]:
    """What a paper prints for this eps; nothing where it prints none."""
    for known, errors in problem.paper.items():
        if abs(known - eps) < _SAME_EPS:
            return errors
    return {}
