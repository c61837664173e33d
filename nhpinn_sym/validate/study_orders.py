"""The orders that theory gives to what a study observes."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..operator.parse import parse
from ..problem.conditions import Dirichlet, Periodic, fields_of, values_of
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import parameter_numbers
from ..resolution import Resolution, resolve_cells
from ..solve.slow_variables import slow_box
from .plain import is_plain
from .settings import Settings

DEGREE = 2
"""Of the finite elements."""
_L2 = DEGREE + 1
_H1 = DEGREE
_AVERAGES = 2 * DEGREE

_KINKS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Abs, sp.Max, sp.Min)

ExpectedOrders = Mapping[str, float]


def eps_orders(problem: MultiscaleProblem) -> ExpectedOrders:
    """Orders in eps, by the name of the error; names of which theory says nothing are left out.

    u0: eps in L2. u0 + eps N.u0, where boundary layers arise: eps in L2, eps^(1/2) in H1, but eps
    in one dimension, where a layer is a constant flux; without layers eps in H1, and eps^2 in L2
    where the equation of the mean has no term of order eps (a symmetric operator of one unknown
    with coefficients of y alone). Bensoussan, Lions, Papanicolaou 1978, ch. 1; Jikov, Kozlov,
    Oleinik 1994, sec. 1.4; Allaire, Amar 1999.
    """
    model = homogenize_linear(problem)
    further = len(model.operator.axes) > problem.scales.dim
    if model.homogenized_order != 2 or further or not _first_order(model):
        return {}
    orders = dict.fromkeys(("e1", "e2", "e4"), 1.0)
    if model.frame or model.eigenvalue is not None or problem.time_order > 1:
        return orders
    layered = has_layers(model)
    orders["first order, L2"] = 1.0
    if not layered and _mean_is_even(model):
        orders["first order, L2"] = 2.0
    orders["first order, H1"] = 0.5 if layered and problem.scales.dim > 1 else 1.0
    # Layers in time are those of data; fluxes are met up to the order eps.
    given = all(isinstance(c, (Dirichlet, Periodic)) for c in problem.conditions.values())
    followed = _mean_is_even(model) and not problem.time_order and given
    orders["first order, L2 with layers"] = 2.0 if followed else 1.0
    orders["first order, H1 with layers"] = 1.0
    return orders


def mesh_orders(problem: MultiscaleProblem, settings: Settings) -> ExpectedOrders:
    """Orders in h of elements of degree p: p + 1 in L2, p in H1, 2p of effective coefficients.

    Left out where data jump or kink along more than one axis, or across what is no plane, and of
    solutions in boxes with corners where conditions change or several fields meet.
    """
    orders: dict[str, float] = {}
    numbers = parameter_numbers(settings.parameters, problem.parameters)
    plain = is_plain(problem)
    if not plain:
        model = homogenize_linear(problem)
        lowered = lower_cells(model)
        if not lowered.externals and _full_order(
            resolve_cells(lowered, numbers, slow_box(model, lowered)[0])
        ):
            orders |= {"A*": _AVERAGES, "N, L2": _L2, "N, H1": _H1}
    if problem.domain is not None and _smooth_corners(problem) and (orders or plain):
        name = "u" if plain else "u0"
        orders |= {f"{name}, L2": _L2, f"{name}, H1": _H1}
    return orders


def _first_order(model: HomogenizedModel) -> bool:
    return any(cell.order == 1 for cell in model.cell_problems)


def has_layers(model: HomogenizedModel) -> bool:
    """Whether eps N.u0 misses a condition on a wall: not where it is a multiple of u0 = 0. What a
    ground state was factored out of has no layer that stands still.
    """
    problem = model.problem
    walls = [c for c in problem.conditions.values() if not isinstance(c, Periodic)]
    if not walls or model.homogenized_order != 2 or model.eigenvalue is not None:
        return False
    dim = problem.scales.dim
    for cell in model.cell_problems:
        for (component, alpha), _ in cell.sources:
            if cell.order == 1 and (component is None or any(alpha[:dim])):
                return True
    return not all(isinstance(c, Dirichlet) and _vanishes(c, problem) for c in walls)


def _vanishes(condition: Dirichlet, problem: MultiscaleProblem) -> bool:
    fields = fields_of(condition, problem.unknowns)
    return all(sp.sympify(value) == 0 for value in values_of(condition, "value", fields))


def _mean_is_even(model: HomogenizedModel) -> bool:
    """Whether the averaged operator of the next order vanishes."""
    op = model.operator
    x = op.coordinates[: model.problem.scales.dim]
    varies = any(c.has(*x) for t, c in op.table.items() if t.field is not None)
    return model.symmetric and model.components == 1 and not varies


def _full_order(found: Resolution) -> bool:
    """Whether meshes have lines at all breaks of the data, and these no corners."""
    return found.planar and sum(1 for planes in found.breaks if planes) <= 1


def _smooth_corners(problem: MultiscaleProblem) -> bool:
    operator = parse(problem)
    if any(c.has(*_KINKS) and not c.has(*operator.fast) for c in operator.table.values()):
        return False
    if problem.scales.dim == 1:
        return True
    kinds = {type(c) for c in problem.conditions.values() if not isinstance(c, Periodic)}
    return len(problem.unknowns) == 1 and len(kinds) <= 1
