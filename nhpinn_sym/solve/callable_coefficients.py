"""Coefficients without a formula that are given as functions when problems are solved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.utilities.lambdify import implemented_function

from ..derive.coefficient_checks import check_coefficients
from ..derive.ellipticity import check_ellipticity
from ..derive.model import HomogenizedModel
from ..emit.unknown_functions import derivative_of, function_names, opaque_nodes
from ..lower.forms import LoweredEquation, MultiIndex
from ..operator.perforated import solid_operator, without_holes
from ..operator.table import Operator
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.images import ImageFunction, images_in, pixel_values
from .backends import BACKENDS
from .cell_solution import CellFunction
from .external_fields import checked_function
from .solution import Array, Solution

UserFunctions = Mapping[str, Callable[..., Any]]
Known = Mapping[str, Callable[[MultiIndex], Any]]
"""By name of a function without a formula, its derivatives as functions of SymPy with numbers
behind them.
"""
# Combinations of the values of images for which ellipticity is looked at.
_MOST_ROWS = 24


def cell_functions(
    model: HomogenizedModel, coefficients: UserFunctions | None, backend: str
) -> dict[str, Callable[..., Any]]:
    """A function for every coefficient of the cell problems without a formula, by name; their
    values are checked on samples.

    UnsupportedError where one is missing, ProblemError where one is no function of arrays or
    belongs to no coefficient, and the errors of `homogenize` where values are not finite, periodic
    or elliptic.
    """
    given, known = _given(model.operator, None, coefficients, backend)
    op = solid_operator(with_numbers(model.cell_operator, known))
    leading = without_holes(op.problem, {t: _put(c, known) for t, c in model.leading.items()})
    for label in labels_of(leading.values()) if known or images_of(model.operator) else ():
        table = {t: c.xreplace(label) for t, c in op.table.items()}
        chosen = {t: c.xreplace(label) for t, c in leading.items()}
        if label and not any(chosen.values()) and BACKENDS[backend].voids:
            continue  # a void: nothing is there
        check_ellipticity(replace(op, table=table), chosen, model.homogenized_order)
    return given | {node.func.__name__: node.func.image for node in images_of(model.operator)}


def finer_functions(
    finer: HomogenizedModel, coefficients: UserFunctions | None, backend: str
) -> UserFunctions | None:
    """Those of the functions that stand in a finer level, which arrays go through."""
    held = names_in_table(finer.operator)
    if not isinstance(coefficients, Mapping) or not BACKENDS[backend].differentiates:
        return coefficients
    from .pinn import callables as tensors  # needs torch

    return {str(k): tensors.on_arrays(f) for k, f in coefficients.items() if str(k) in held}


def names_in_table(op: Operator) -> set[str]:
    """The functions without a formula in the terms of an operator, by name."""
    return {f.func.__name__ for c in op.table.values() for f in c.atoms(AppliedUndef)}


def images_of(op: Operator) -> tuple[ImageFunction, ...]:
    """The images in the coefficients of a problem."""
    found = dict.fromkeys(f for c in op.table.values() for f in images_in(c))
    return tuple(found)


def labels_of(exprs: Iterable[sp.Expr]) -> Iterator[dict[sp.Expr, sp.Expr]]:
    """The numbers that images in some expressions have together in a pixel, some of them where
    they are very many; one empty choice without images.
    """
    nodes = list(dict.fromkeys(f for e in exprs for f in images_in(e)))
    if not nodes:
        yield {}
        return
    images = [node.func.image for node in nodes]
    rows, _ = pixel_values(images)
    for row in rows[np.unique(np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(int))]:
        yield {node: sp.Float(float(v), 17) for node, v in zip(nodes, row, strict=True)}


def equation_functions(
    op: Operator, lowered: LoweredEquation, coefficients: UserFunctions | None, backend: str
) -> dict[str, Any]:
    """The same for a boundary value problem: for every coefficient that stands in it."""
    needed = function_names(lowered)
    images = {node.func.__name__: node for node in images_of(op)}
    # what effective coefficients are averages of is for the mesh alone
    solved = function_names(replace(lowered, averaged=(), two_scale=()))
    shown = next((images[name] for name in solved if name in images), None)
    needed = tuple(name for name in needed if name not in images)
    if shown is not None:
        raise UnsupportedError(
            "an image in a boundary value problem: it is a coefficient of cell problems",
            term=shown,
            remedy="solve_homogenized takes the effective coefficients of solve_cells",
        )
    return _given(op, needed, coefficients, backend)[0]


def _given(
    op: Operator, needed: tuple[str, ...] | None, coefficients: UserFunctions | None, backend: str
) -> tuple[dict[str, Callable[..., Any]], Known]:
    """The functions, and what stands for them in expressions that are sampled; needed: None is
    all.
    """
    nodes = _functions_in(op)
    _require_images(op, {f.func.__name__: f for f in nodes}, backend)
    given = _named(nodes, needed, coefficients)
    tensors: ModuleType | None = None
    if given and BACKENDS[backend].differentiates:
        from .pinn import callables as tensors  # needs torch
    given = {name: _of_coordinates(name, f, tensors) for name, f in given.items()}
    if tensors:
        given = {name: tensors.without_own_graph(f) for name, f in given.items()}
    known = {name: cache(partial(_implemented, name, f, tensors)) for name, f in given.items()}
    if known:
        check_coefficients(with_numbers(op, known))
    if tensors:
        for node in nodes:
            if node.func.__name__ in given:
                tensors.require_derivatives(given[node.func.__name__], node, op)
    return given, known


def nonlinear_functions(
    op: Operator, coefficients: UserFunctions | None
) -> tuple[dict[str, Callable[..., Any]], Known]:
    """The same for a nonlinear problem, whose integrands every backend asks at points alone."""
    image = next((f for c in _coefficients(op) for f in images_in(c)), None)
    if image is not None:
        raise UnsupportedError(
            "an image in a nonlinear problem",
            term=image,
            remedy='give coefficients={"a": a function of arrays}',
        )
    found = _named(_functions_in(op), None, coefficients)
    given = {name: _of_coordinates(name, f, None) for name, f in found.items()}
    return given, {name: cache(partial(_implemented, name, f, None)) for name, f in given.items()}


def _coefficients(op: Operator) -> tuple[sp.Expr, ...]:
    return (*op.table.values(), *op.fluxes.values())


def _functions_in(op: Operator) -> list[sp.Expr]:
    """The functions without a formula in a problem, images aside."""
    found = {f for c in _coefficients(op) for f in c.atoms(AppliedUndef)}
    return sorted(found - set(images_of(op)), key=str)


def _named(
    nodes: Iterable[sp.Expr], needed: tuple[str, ...] | None, coefficients: UserFunctions | None
) -> dict[str, Callable[..., Any]]:
    """What was given for them, by name."""
    held = {f.func.__name__: f for f in nodes}
    if coefficients is not None and not isinstance(coefficients, Mapping):
        raise ProblemError(
            "coefficients are a dictionary of functions",
            term=shortened(coefficients),
            remedy='write coefficients={"a": function}',
        )
    given = {str(name): function for name, function in (coefficients or {}).items()}
    for name in given.keys() - held.keys():
        raise ProblemError(
            "no coefficient without a formula has this name",
            term=name,
            remedy=f"those of this problem are: {sorted(held)}",
        )
    for name, node in held.items():
        if name not in given and (needed is None or name in needed):
            raise UnsupportedError(
                "a coefficient without a formula has no numbers",
                term=node,
                remedy=f'give its formula, or coefficients={{"{name}": a function of arrays}}',
            )
        if name in given and not callable(given[name]):
            raise ProblemError(
                f"coefficients[{name!r}] is not a function",
                term=shortened(given[name]),
                remedy=f"give a function that computes {node}",
            )
    return given


def _of_coordinates(
    name: str, function: Callable[..., Any], tensors: ModuleType | None
) -> Callable[..., Any]:
    """A function of one array (tensor) for each coordinate: solutions and cell functions, which are
    functions of points, are seen as such.
    """
    if not isinstance(function, (Solution, CellFunction)):
        return function
    if isinstance(function, Solution) and function.final_time is not None:
        raise UnsupportedError(
            "the solution of a problem in time as a coefficient",
            term=f"coefficients={{{name!r}: {function!r}}}",
            remedy="give a function of the coordinates that takes it at one time",
        )

    if tensors:
        return tensors.differentiable(lambda index, points: function.derivative(points, index))

    def values(*columns: Array) -> Array:
        points = np.stack([np.ravel(column) for column in columns], axis=-1)
        return function.derivative(points, (0,) * len(columns)).reshape(columns[0].shape)

    return values


def _require_images(op: Operator, held: Mapping[str, Any], backend: str) -> None:
    """UnsupportedError for a backend that does not take images; ProblemError where two images, or
    an image and a function, have one name.
    """
    names: dict[str, Any] = {name: f.func for name, f in held.items()}
    for node in images_of(op):
        if not BACKENDS[backend].images:
            reason = "needs coefficients that are smooth, or jump across few curves"
            raise UnsupportedError(
                f"a coefficient is an image, and the {backend} backend {reason}",
                term=node,
                remedy='use backend="voxel", "skfem" or "dolfinx"',
            )
        if names.setdefault(node.func.__name__, node.func) != node.func:
            raise ProblemError(
                "two coefficients without a formula have one name",
                term=node.func.__name__,
                remedy="give images names of their own: nh.image(..., name=)",
            )


def _implemented(name: str, function: Callable[..., Any], tensors: Any, index: MultiIndex) -> Any:
    """D^index of a given function."""
    if any(index) and tensors is None:
        raise UnsupportedError(
            "a derivative of a coefficient without a formula",
            term=f"D^{index} {name}",
            remedy='use backend="pinn", which differentiates it',
        )
    numbers = checked_function(name, tensors.on_arrays(function, index) if tensors else function)
    return implemented_function(f"{name}_{'_'.join(map(str, index))}", numbers)


def with_numbers(op: Operator, known: Known) -> Operator:
    """The operator with numbers behind the functions in it."""
    table = {t: _put(c, known) for t, c in op.table.items()}
    return replace(op, table=table, fluxes={k: _put(c, known) for k, c in op.fluxes.items()})


def _put(c: sp.Expr, known: Known) -> sp.Expr:
    """The expression with numbers behind the functions in it."""
    nodes = {node: derivative_of(node) for node in opaque_nodes(c)}
    return c.xreplace(
        {node: known[o.name](o.index)(*o.arguments) for node, o in nodes.items() if o.name in known}
    )
