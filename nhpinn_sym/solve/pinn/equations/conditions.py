"""Linear conditions on a net at points, and the data that nets cannot meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp
from sympy.core.function import AppliedUndef
from torch import Tensor

from ....lower.forms import LoweredEquation
from ....operator.domain_filter import DomainFilter
from ....operator.numbers.data import DataAxis
from ....operator.zero_test import jumps
from ....problem.errors import UnsupportedError
from ....resolution import resolve, resolve_along
from ....runtime.nets.least_squares import safe_divisor
from ..collocation import Rows, row_strengths
from ..network import TrialSpace


@dataclass(frozen=True)
class LinearConditions:
    """Equations at points: weights (n, equations, components, derivatives), extra (n, equations,
    known functions),
    data, and what the lift makes of it (n, equations)."""

    points: Tensor
    weights: Tensor
    extra: Tensor
    data: Tensor
    lifted: Tensor

    def rows(self, factors: Tensor) -> Rows:
        """Every equation times its factor."""
        data = factors * self.data
        lifted = factors * self.lifted
        size = data.square().mean().sqrt() + lifted.square().mean().sqrt()
        return Rows(
            self.points,
            factors[:, None, None] * self.weights,
            factors[:, None] * self.extra,
            (data - lifted)[..., None],
            size[None],
        )

    def scale_to(self, strength: float, trial: TrialSpace) -> Rows:
        """Every equation, but for empty ones, as strong as `strength`."""
        return self.rows(strength / safe_divisor(row_strengths(self.weights, trial).sum(1)))

    def scale(self, columns: Tensor) -> LinearConditions:
        """For components in multiples of `columns`."""
        return replace(self, weights=self.weights * columns[:, None])


def _may_jump(value: sp.Expr) -> bool:
    """Whether it is worth to look for jumps: special functions take long."""
    return jumps(value) or bool(value.has(sp.atan2, AppliedUndef))


def require_continuous(equation: LoweredEquation, parameters: Mapping[str, float]) -> None:
    """UnsupportedError for data whose jumps no residual sees: of conditions that a net is made to
    satisfy, with which the ansatz would jump inside, and of sources under a divergence; and for
    coefficients that jump in time, at which a net would need a kink.
    """
    axes = [
        (v, ends, False)
        for v, ends in zip(equation.coordinates, equation.domain.bounds, strict=True)
    ]
    times: list[DataAxis] = []
    if equation.time is not None:
        times = [(equation.time, (0.0, float(sp.sympify(equation.final_time))), False)]
    axes += times
    numbers = {v: float(parameters[str(v)]) for v in equation.parameters if str(v) in parameters}
    domain = DomainFilter.of(equation.domain, equation.coordinates)
    data = [("initial", value) for value in equation.initial]
    data += [("divergence", t.coefficient) for t in equation.linear if any(t.left)]
    if domain is None:
        data += [("Dirichlet", e.value) for e in equation.essential]
    refused = []
    for kind, value in data:
        if _may_jump(value) and resolve([value], axes, numbers, domain).jumps:
            refused.append((f"{kind} data that jump", value))
    for e in equation.essential if domain is not None else ():
        along = resolve_along(e.value, e.parts, equation, numbers, times)
        if any(found.jumps for found in along):
            refused.append(("Dirichlet data that jump", e.value))
    if equation.time is not None:
        coefficients = [t.coefficient for t in (*equation.bilinear, *equation.mass)]
        for value in (*coefficients, *(n.alpha for n in equation.natural)):
            if not _may_jump(value):
                continue
            found = resolve([value], axes, numbers, domain)
            if found.jumps and found.axes[-1].breaks:
                refused.append(("a coefficient that jumps in time", value))
    for what, value in refused:
        raise UnsupportedError(
            f"a boundary value problem by nets with {what}",
            term=value,
            remedy='finite elements take it: "dolfinx" or "skfem"',
        )
