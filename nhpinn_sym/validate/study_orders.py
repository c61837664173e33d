"""The orders that theory gives to what a study observes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import sympy as sp

from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..operator.parse import parse
from ..operator.table import Operator
from ..problem.conditions import Dirichlet, Periodic, fields_of, values_of
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import parameter_numbers
from ..resolution import Resolution, resolve_cells
from ..solve.cells import solve_cells
from ..solve.slow_variables import slow_box
from .plain import is_plain
from .settings import Settings

DEGREE = 2
"""Of the finite elements."""
_L2 = DEGREE + 1
_H1 = DEGREE
_AVERAGES = 2 * DEGREE

_KINKS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Abs, sp.Max, sp.Min)

LAYERS = " with layers"
"""In the names of errors: of expansions with their boundary layers."""
# Averaged operators below this, beside A, are rounding.
_VANISHING = 1e-9


class Order(NamedTuple):
    """That of an error: `least` for small eps or h. Where powers up to `most` have a part in it,
    slopes lie between the two."""

    least: float
    most: float


ExpectedOrders = Mapping[str, Order]


def eps_orders(
    problem: MultiscaleProblem, parameters: Mapping[sp.Symbol, float] | None = None
) -> ExpectedOrders:
    """Orders in eps, by the name of the error; names of which theory says nothing are left out.

    u0: eps in L2, with parts of order eps^2 where no layers arise. u0 + eps N.u0, where boundary
    layers arise: eps in L2 by what is left of them far from the walls, and eps^(3/2) beside the
    walls; eps^(1/2) in H1, but eps in one dimension, where a layer is a constant flux; without
    layers eps in H1, and eps^2 in L2 where the equation of the mean has no term of order eps.
    Bensoussan, Lions, Papanicolaou 1978, ch. 1; Jikov, Kozlov, Oleinik 1994, sec. 1.4; Allaire,
    Amar 1999. docs/theory.md has the argument for those with layers added.
    """
    model = homogenize_linear(problem)
    further = len(model.operator.axes) > problem.scales.dim
    if model.homogenized_order != 2 or further or not _first_order(model):
        return {}
    one, two = Order(1, 1), Order(2, 2)
    orders = dict.fromkeys(("e1", "e2", "e4"), one)
    if model.frame or model.eigenvalue is not None:
        return orders
    if problem.time_order > 1:
        orders |= {f"first order, L2{LAYERS}": Order(1, 2), f"first order, H1{LAYERS}": one}
        return orders
    layered = has_layers(model)
    if not layered:  # eps N.u0 with the terms beyond, where eps is no small number
        orders |= dict.fromkeys(orders, Order(1, 2))
    even = _mean_is_even(model, parameters)
    line = problem.scales.dim == 1
    bare, slopes = (two if even else Order(1, 2)), one
    if layered:
        bare, slopes = (one, one) if line else (Order(1, 1.5), Order(0.5, 1))
    orders |= {"first order, L2": bare, "first order, H1": slopes}
    # Layers in time are those of data; in the plane fluxes are met up to the order eps.
    given = all(isinstance(c, (Dirichlet, Periodic)) for c in problem.conditions.values())
    straight = line and _only_fluxes(model.operator)
    followed = not problem.time_order and (straight or (even and given))
    orders[f"first order, L2{LAYERS}"] = two if followed else Order(1, 2)
    orders[f"first order, H1{LAYERS}"] = one
    orders[f"second order, L2{LAYERS}"] = Order(3, 3) if straight else Order(2, 3)
    orders[f"second order, H1{LAYERS}"] = two
    return orders


def mesh_orders(problem: MultiscaleProblem, settings: Settings) -> ExpectedOrders:
    """Orders in h of elements of degree p: p + 1 in L2, p in H1, 2p of effective coefficients.

    Left out where data jump or kink along more than one axis, or across what is no plane, and of
    solutions in boxes with corners where conditions change or several fields meet.
    """
    found: dict[str, float] = {}
    numbers = parameter_numbers(settings.parameters, problem.parameters)
    plain = is_plain(problem)
    if not plain:
        model = homogenize_linear(problem)
        lowered = lower_cells(model)
        if not lowered.externals and _full_order(
            resolve_cells(lowered, numbers, slow_box(model, lowered)[0])
        ):
            found |= {"A*": _AVERAGES, "N, L2": _L2, "N, H1": _H1}
    if problem.domain is not None and _smooth_corners(problem) and (found or plain):
        name = "u" if plain else "u0"
        found |= {f"{name}, L2": _L2, f"{name}, H1": _H1}
    return {name: Order(order, order) for name, order in found.items()}


def _first_order(model: HomogenizedModel) -> bool:
    return any(cell.order == 1 for cell in model.cell_problems)


def has_layers(model: HomogenizedModel) -> bool:
    """Whether eps N.u0 misses a condition on a wall: not where it is a multiple of u0 = 0."""
    problem = model.problem
    walls = [c for c in problem.conditions.values() if not isinstance(c, Periodic)]
    if not walls or model.homogenized_order != 2:
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


def _mean_is_even(model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None) -> bool:
    """Whether the averaged operator of the next order vanishes: for a symmetric operator of one
    unknown with coefficients of y it holds odd powers of eps alone, so none but for terms in 1/eps.
    """
    op = model.operator
    x = op.coordinates[: model.problem.scales.dim]
    varies = any(c.has(*x) for t, c in op.table.items() if t.field is not None)
    if not model.symmetric or model.components > 1 or varies:
        return False
    if all(t.power >= 0 for t in op.table if t.field is not None):
        return True
    try:
        further = homogenize_linear(model.problem, order=2)
        averaged = solve_cells(further, "fourier", parameters=parameters).averaged
    except UnsupportedError:
        return False
    least, following = (averaged.get(n, {}).values() for n in (2, 3))
    size = max(float(np.abs(h).max()) for h in least)
    return all(np.abs(h).max() <= _VANISHING * size for h in following)


def _only_fluxes(op: Operator) -> bool:
    """Whether the equation is -div(a grad u) = f(x)."""
    fluxes = all(any(t.left) and any(t.right) for t in op.table if t.field is not None)
    sources = (c for t, c in op.table.items() if t.field is None)
    return fluxes and not any(c.has(*op.fast) for c in sources)


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
