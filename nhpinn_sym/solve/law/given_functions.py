"""Functions without a formula in nonlinear problems, coefficients={"a": function}: laws and
equations ask the emitted text at points alone, where the functions are evaluated beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from ...derive.model import HomogenizedModel
from ...derive.nonlinear.checks import check_state
from ...derive.nonlinear.hamilton_jacobi import read_state
from ...derive.nonlinear.model import NonlinearModel
from ...derive.nonlinear.state import StateProblem
from ...emit.source import Source, load
from ...emit.unknown_functions import opaque_nodes
from ...lower.forms import LoweredEquation
from ...lower.nonlinear import IndexTable, Integrands, LoweredNonlinearEquation, LoweredState
from ...lower.substitution import substituted
from ...problem.errors import UnsupportedError
from ...problem.numeric import lambdified
from ..callable_coefficients import (
    UserFunctions,
    cell_functions,
    names_in_table,
    nonlinear_functions,
    with_numbers,
)
from ..external_fields import checked_function


@dataclass(frozen=True)
class _Given:
    """A function, and its arguments as a function of some of the data."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    arguments: Callable[..., Any]

    def __call__(self, data: Mapping[str, Any]) -> Any:
        return self.function(*self.arguments(*(data[name] for name in self.names)))


@dataclass(frozen=True)
class GivenForms:
    """Emitted integrands whose data hold values of given functions.

    forms     : the module of the emitted text        functions : by name, as the user gave them
    given     : by the names of the data
    """

    forms: Any
    functions: Mapping[str, Callable[..., Any]]
    given: Mapping[str, _Given]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forms, name)

    def values(self, data: Mapping[str, Any]) -> Any:
        """Those of the text."""
        return self.forms.values(self._filled(data))

    def slopes(self, data: Mapping[str, Any]) -> Any:
        """Those of the text."""
        return self.forms.slopes(self._filled(data))

    def _filled(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {**data, **{name: given(data) for name, given in self.given.items()}}


def load_forms(
    state: StateProblem,
    lowered: LoweredState | LoweredNonlinearEquation,
    write: Callable[[Any], Source],
    coefficients: UserFunctions | None,
) -> tuple[Any, Source]:
    """The module of the integrands and its text. UnsupportedError for a function without numbers,
    a derivative of one, and one of the unknown.
    """
    functions, known = nonlinear_functions(state.operator, coefficients)
    integrands = lowered.integrands
    tables = (*integrands.values.values(), *integrands.derivatives.values())
    nodes = opaque_nodes(tuple(e for table in tables for e in table.values()))
    if not nodes:
        return _loaded(write(lowered))
    for node in nodes:
        if not isinstance(node, AppliedUndef):
            raise UnsupportedError(
                "a derivative of a coefficient without a formula",
                term=node,
                remedy="give its formula, or a function of the coordinates alone",
            )
    check_state(read_state(with_numbers(state.operator, known)))
    symbols = {
        node: sp.Symbol(f"{node.func.__name__}_given_{k}", real=True)
        for k, node in enumerate(nodes)
    }
    forms, source = _loaded(write(replace(lowered, integrands=_put(integrands, symbols))))
    given = {symbol.name: _given(node, functions) for node, symbol in symbols.items()}
    return GivenForms(forms, functions, given), source


def _loaded(source: Source) -> tuple[Any, Source]:
    ((name, _),) = source.files
    return load(source, name.removesuffix(".py")), source


def functions_of(forms: Any) -> dict[str, Callable[..., Any]]:
    """What was given for the functions of a law, by name."""
    return dict(forms.functions) if isinstance(forms, GivenForms) else {}


def held_functions(forms: Any, linear: HomogenizedModel) -> dict[str, Callable[..., Any]]:
    """Those that the linearized model of a law holds."""
    names = names_in_table(linear.operator)
    return {name: f for name, f in functions_of(forms).items() if name in names}


def check_linearized(forms: Any, model: NonlinearModel) -> None:
    """The errors of `homogenize` for a flux that is linear in the gradient and not elliptic with
    the numbers of the functions.
    """
    if model.frozen and functions_of(forms):
        linear = model.linearized
        cell_functions(linear, held_functions(forms, linear), "fourier")


def _given(node: sp.Expr, functions: Mapping[str, Callable[..., Any]]) -> _Given:
    name = node.func.__name__
    symbols = sorted(node.free_symbols, key=str)
    arguments = lambdified(symbols, list(node.args), "numpy")
    return _Given(checked_function(name, functions[name]), tuple(map(str, symbols)), arguments)


def _put(integrands: Integrands, swap: Mapping[sp.Basic, sp.Expr]) -> Integrands:
    def put(tables: Mapping[str, IndexTable]) -> Mapping[str, IndexTable]:
        return {
            name: {index: e.xreplace(dict(swap)) for index, e in table.items()}
            for name, table in tables.items()
        }

    return Integrands(put(integrands.values), put(integrands.derivatives))


def without_functions(reference: LoweredEquation) -> LoweredEquation:
    """The linear problem beside a nonlinear one, where Newton's method starts, with 1 for what it
    takes from functions.
    """
    found: LoweredEquation = substituted(
        reference, dict.fromkeys(opaque_nodes(reference), sp.Integer(1))
    )
    return found
