"""Coefficients without a formula that are given as functions when problems are solved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from types import ModuleType
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.utilities.lambdify import implemented_function

from ..derive.coefficient_checks import check_coefficients
from ..derive.ellipticity import check_ellipticity
from ..derive.model import HomogenizedModel
from ..emit.unknown_functions import function_names, opaque_nodes, read
from ..lower.forms import LoweredEquation, MultiIndex
from ..operator.table import Operator
from ..problem.errors import ProblemError, UnsupportedError, shortened
from .backends import BACKENDS
from .external_fields import checked_function

UserFunctions = Mapping[str, Callable[..., Any]]
Known = Mapping[str, Callable[[MultiIndex], Any]]
"""By name of a function without a formula, its derivatives as functions of SymPy with numbers
behind them.
"""


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
    if known:
        op = _with_numbers(model.cell_operator, known)
        check_ellipticity(
            op, {t: _put(c, known) for t, c in model.leading.items()}, model.homogenized_order
        )
    return given


def equation_functions(
    op: Operator, lowered: LoweredEquation, coefficients: UserFunctions | None, backend: str
) -> dict[str, Any]:
    """The same for a boundary value problem, where the PINN backend alone takes functions."""
    needed = function_names(lowered)
    if needed and not BACKENDS[backend].differentiates:
        raise UnsupportedError(
            "a function without a formula in a boundary value problem",
            term=needed[0],
            remedy='give its formula, or use backend="pinn" with coefficients={...}',
        )
    return _given(op, needed, coefficients, backend)[0]


def _given(
    op: Operator, needed: tuple[str, ...] | None, coefficients: UserFunctions | None, backend: str
) -> tuple[dict[str, Callable[..., Any]], Known]:
    """The functions, and what stands for them in expressions that are sampled; needed: None is
    all.
    """
    nodes = sorted({f for c in op.table.values() for f in c.atoms(AppliedUndef)}, key=str)
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
    tensors: ModuleType | None = None
    if given and BACKENDS[backend].differentiates:
        from .pinn import callables as tensors  # needs torch
    if tensors:
        given = {name: tensors.without_own_graph(f) for name, f in given.items()}
    known = {name: cache(partial(_implemented, name, f, tensors)) for name, f in given.items()}
    if known:
        check_coefficients(_with_numbers(op, known))
    if tensors:
        for node in nodes:
            if node.func.__name__ in given:
                tensors.require_derivatives(given[node.func.__name__], node, op)
    return given, known


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


def _with_numbers(op: Operator, known: Known) -> Operator:
    return replace(op, table={t: _put(c, known) for t, c in op.table.items()})


def _put(c: sp.Expr, known: Known) -> sp.Expr:
    """The expression with numbers behind the functions in it."""
    nodes = {node: read(node) for node in opaque_nodes(c)}
    return c.xreplace(
        {node: known[o.name](o.index)(*o.arguments) for node, o in nodes.items() if o.name in known}
    )
