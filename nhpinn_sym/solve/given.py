"""Coefficients without a formula that are given as functions when problems are solved."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.utilities.lambdify import implemented_function

from ..derive.diagnose import check_coefficients
from ..derive.ellipticity import check_ellipticity
from ..derive.model import HomogenizedModel
from ..emit.unknown_functions import function_names, opaque_nodes, read
from ..lower.forms import External, LoweredCells, LoweredEquation, MultiIndex
from ..operator.table import Operator
from ..problem.errors import ProblemError, UnsupportedError, shortened
from ..problem.numeric import lambdified
from .iterated import Field, swapped
from .solution import Array

Functions = Mapping[str, Callable[..., Any]]
Known = Mapping[str, Callable[[MultiIndex], Any]]
"""By name of a function without a formula, its derivatives as functions of SymPy with numbers
behind them.
"""


def cell_functions(
    model: HomogenizedModel, coefficients: Functions | None, backend: str
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
    op: Operator, lowered: LoweredEquation, coefficients: Functions | None, backend: str
) -> dict[str, Any]:
    """The same for a boundary value problem, where the PINN backend alone takes functions."""
    needed = function_names(lowered)
    if needed and backend != "pinn":
        raise UnsupportedError(
            "a function without a formula in a boundary value problem",
            term=needed[0],
            remedy='give its formula, or use backend="pinn" with coefficients={...}',
        )
    return _given(op, needed, coefficients, backend)[0]


def _given(
    op: Operator, needed: tuple[str, ...] | None, coefficients: Functions | None, backend: str
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
    tensors: Any = (
        importlib.import_module("nhpinn_sym.solve.pinn.autograd_check")
        if given and backend == "pinn"
        else None
    )
    if tensors:
        given = {name: tensors.without_own_graph(f) for name, f in given.items()}
    known = {name: cache(partial(_implemented, name, f, tensors)) for name, f in given.items()}
    if known:
        check_coefficients(_with_numbers(op, known))
    for node in nodes if tensors else ():
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
    numbers = _checked(name, tensors.on_arrays(function, index) if tensors else function)
    return implemented_function(f"{name}_{'_'.join(map(str, index))}", numbers)


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Array]:
    """The function of arrays of one shape, or numbers; ProblemError where it raises, or its values
    are not real or have another shape.
    """

    def values(*arguments: Any) -> Array:
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))
        try:
            found = np.asarray(function(*arrays))
        except Exception as cause:  # of any kind: the function is the user's
            raise ProblemError(
                f"the function {name} raised {type(cause).__name__}: {cause}",
                term=f"{name} at {len(arrays)} arrays",
                remedy=(
                    "give a function of arrays, of tensors for pinn, with one argument for each of"
                    " the coefficient's"
                ),
            ) from cause
        if found.dtype.kind not in "fiu":
            raise ProblemError(
                f"the function {name} gave values that are not real numbers",
                term=found.dtype,
                remedy="return one real number for each point",
            )
        if found.shape != arrays[0].shape:
            raise ProblemError(
                f"the function {name} gave values of shape {found.shape} at arguments of shape"
                f" {arrays[0].shape}",
                term=name,
                remedy="return one value for each point",
            )
        return found.astype(float)

    return values


def _with_numbers(op: Operator, known: Known) -> Operator:
    return replace(op, table={t: _put(c, known) for t, c in op.table.items()})


def _put(c: sp.Expr, known: Known) -> sp.Expr:
    """The expression with numbers behind the functions in it."""
    nodes = {node: read(node) for node in opaque_nodes(c)}
    return c.xreplace(
        {node: known[o.name](o.index)(*o.arguments) for node, o in nodes.items() if o.name in known}
    )


@dataclass(frozen=True)
class GivenFields:
    """The given functions as fields of the cell: {name of a field: (function, its arguments)}."""

    nodes: Mapping[str, tuple[Callable[..., Array], tuple[sp.Expr, ...]]]
    what: str = "functions without a formula"

    def field(self, name: str, coordinates: tuple[str, ...], slow: Mapping[str, float]) -> Field:
        """One of them at one slow point: points (n, d) of the cell of y -> (n,)."""
        function, arguments = self.nodes[name]
        symbols = sorted(set().union(*(a.free_symbols for a in arguments)), key=str)
        call = lambdified(symbols, arguments, "numpy")

        def values(y: Array) -> Array:
            columns = {**slow, **dict(zip(coordinates, y.T, strict=True))}
            return function(
                *(np.broadcast_to(a, (len(y),)) for a in call(*(columns[str(v)] for v in symbols)))
            )

        return values


def as_externals(
    cells: LoweredCells, functions: Functions, values: Mapping[str, float]
) -> tuple[LoweredCells, GivenFields]:
    """The cell problems with external fields in the place of given functions, for backends that
    read weak forms.

    UnsupportedError where these hold derivatives of the functions, which the numbers of a function
    do not give.
    """
    weak = replace(
        cells, strong=(), functions=tuple(replace(f, source=()) for f in cells.functions)
    )
    numbers = {v: sp.Float(values[str(v)], 17) for v in cells.parameters}
    swap, fields = {}, {}
    for k, node in enumerate(opaque_nodes(weak)):
        if not isinstance(node, AppliedUndef):
            raise UnsupportedError(
                "a derivative of a coefficient without a formula",
                term=node,
                remedy='use backend="pinn", which differentiates it',
            )
        name = node.func.__name__
        swap[node] = sp.Symbol(f"{name}_given_{k}", real=True)
        fields[str(swap[node])] = (
            _checked(name, functions[name]),
            tuple(a.xreplace(numbers) for a in node.args),
        )
    externals = tuple(
        External(symbol, str(symbol), (), (0,) * cells.cell.dim) for symbol in swap.values()
    )
    return replace(swapped(weak, swap), externals=externals), GivenFields(fields)
