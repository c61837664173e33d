"""solve_hierarchy: the mean fields U_0, ..., U_n of U = U_0 + eps U_1 + ... + eps^n U_n, one after
the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..lower.equation import symbols_of
from ..lower.forms import External, LoweredEquation
from ..lower.hierarchy import entry_and_slope, lower_mean_field
from ..problem.errors import UnsupportedError
from ..problem.user_input import instance, parameter_numbers
from .backends import equation_solver
from .cell_solution import CellSolution
from .derivative_recovery import recover_derivatives
from .effective_entries import require
from .equations import solve_homogenized
from .law.law_solution import LawSolution
from .law.mean_fields import mean_fields
from .mean_field import MeanField, ZeroSolution
from .periods import number_expression
from .progress import Progress, shown
from .provenance import warn_of_other_operator
from .solution import Array, Coefficients, Solution
from .walls import settle_walls

# Size of an entry of h, beside A, that is rounding; random points of the domain where it is looked
# at.
_ROUNDING = 1e-13
_PROBES = 64


def solve_hierarchy(
    model: HomogenizedModel | NonlinearModel,
    cells: CellSolution | LawSolution,
    backend: str = "pinn",
    *,
    eps: object = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> MeanField:
    """Solve for U_0, ..., U_order on "pinn", "dolfinx" or "skfem"; `options` go to every equation.

    Every equation is h_m U_k = - sum_{c=1..k} h_{m+c} U_{k-c} with homogeneous data for k >= 1
    (`lower_mean_field`). A term whose h is smaller than the error estimate of `cells` counts as
    zero. Derivatives of U_k are exact for a network, those of a global fit for finite elements.
    Boundary layers are not part of the expansion: order n + 1 in eps is for periodic problems, and
    for those whose correctors vanish on the boundary. eps: as for `solve_homogenized`, where
    natural conditions hold the phase of their wall.

    A nonlinear model of order 2 has U_0 and U_1, whose equation is linear, from its law in the
    place of cells; also in time.

    Errors: UnsupportedError for linear problems in time; SolveError where `cells` were solved
    without `hierarchy`; those of `solve_homogenized`.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1),
    ...     scales=s,
    ...     unknown=u,
    ...     domain=nh.Box((0, 1)),
    ...     boundary=[nh.Dirichlet(0)],
    ... )
    >>> model = nh.homogenize(problem, order=2)
    >>> mean = nh.solve_hierarchy(model, nh.solve_cells(model, "fourier"), "skfem")
    >>> [round(float(field(0.5)), 4) for field in mean.fields]
    [0.0722, 0.0, 0.0]
    """
    if isinstance(model, NonlinearModel):
        return _with_law(model, cells, backend, parameters, progress, options)
    model = instance(
        model, HomogenizedModel, "the model", "write model = homogenize(problem, order=2)"
    )
    cells = instance(cells, CellSolution, "cells", "write cells = solve_cells(model)")
    warn_of_other_operator(cells.info, model.operator)
    if model.problem.time_order:
        raise UnsupportedError(
            "the mean fields beyond U_0 of a time-dependent problem",
            term=model.equation,
            remedy="solve_homogenized gives U_0; for waves see nh.dispersion",
        )
    leading = solve_homogenized(
        model, cells, backend, eps=eps, parameters=parameters, progress=progress, **options
    )
    further = further_fields(
        model,
        cells,
        leading,
        model.order,
        backend,
        eps=eps,
        parameters=parameters,
        progress=progress,
        **options,
    )
    return MeanField(further)


def further_fields(
    model: HomogenizedModel,
    cells: CellSolution,
    leading: Solution,
    last: int,
    backend: str,
    *,
    eps: object = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[Solution, ...]:
    """U_0, which is given, and U_1, ..., U_last by a backend."""
    lowered = [lower_mean_field(model, k) for k in range(1, last + 1)]
    numbers = parameter_numbers(parameters, model.problem.parameters)
    fields = [recover_derivatives(leading, lowered[0].periodic)]
    known = _Known(cells, cells.coefficients, fields, model.problem.scales.dim)
    for raw in lowered:
        equation, known.coefficients = settle_walls(
            model, raw, cells, eps if eps is None else number_expression(eps), numbers
        )
        remaining = _without(equation, known.vanishing(equation))
        if remaining.sources[0] == 0:
            info = {"estimate": 0.0, "size": 0, "seconds": 0.0}
            known.fields.append(ZeroSolution(backend, "zero data", info, leading.extent))
        else:
            solution = equation_solver(backend)(
                remaining, known, numbers, shown(progress), **options
            )
            known.fields.append(recover_derivatives(solution, equation.periodic))
    return tuple(known.fields)


def _with_law(
    model: NonlinearModel,
    law: object,
    backend: str,
    parameters: Mapping[sp.Symbol, float] | None,
    progress: Progress | None,
    options: Mapping[str, Any],
) -> MeanField:
    """U_0 and U_1 of a nonlinear model."""
    model.require_second("the mean field U_1")
    law = instance(law, LawSolution, "the law", "write law = solve_law(model)")
    leading = solve_homogenized(
        model, law, backend, parameters=parameters, progress=progress, **options
    )
    numbers = parameter_numbers(parameters, model.problem.parameters)
    return MeanField(mean_fields(model, law, leading, numbers, shown(progress), options))


@dataclass
class _Known:
    """Values of the externals of a mean field's equation: effective coefficients, entries of h, and
    the fields before it.
    """

    cells: CellSolution
    coefficients: Coefficients
    fields: list[Solution]
    dim: int

    def __call__(self, external: External, points: Array) -> Array:
        if external.name.startswith("U"):
            return self.fields[int(external.name[1:])].derivative(points, external.index)
        if external.name != "h":
            return self.coefficients(external, points)
        index, slope = entry_and_slope(external, self.dim)
        return require(self.cells.entries, ("h", index))(points, slope)

    def vanishing(self, equation: LoweredEquation) -> set[sp.Symbol]:
        """The fields that are zero, and the entries of h below the error of the cells, by their
        size next to A.
        """
        low, high = np.array(equation.domain.bounds).T
        points = low + (high - low) * np.random.default_rng(0).random((_PROBES, self.dim))
        size = max(
            np.abs(entry(points)).max()
            for (name, _), entry in self.cells.entries.items()
            if name == "A"
        )
        least = max(_ROUNDING, float(self.cells.info["estimate"])) * size
        zero = {
            e.symbol
            for e in equation.externals
            if e.name.startswith("U") and isinstance(self.fields[int(e.name[1:])], ZeroSolution)
        }
        return zero | {
            e.symbol
            for e in equation.externals
            if e.name == "h" and np.abs(self(e, points)).max() <= least
        }


def _without(equation: LoweredEquation, symbols: Iterable[sp.Symbol]) -> LoweredEquation:
    """The equation with some of its externals put to zero."""
    swap = dict.fromkeys(symbols, sp.Integer(0))
    source = equation.sources[0].xreplace(swap)
    kept = replace(
        equation,
        sources=(source,),
        linear=tuple(replace(t, coefficient=source) for t in equation.linear),
    )
    needed = symbols_of(kept, source=True) | symbols_of(kept, source=False)
    return replace(kept, externals=tuple(e for e in equation.externals if e.symbol in needed))
