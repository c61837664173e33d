"""SymPy expressions as functions of numbers: the one place that has SymPy write code from an
expression, and run it.

`sympy.lambdify` prints the names of symbols and of undefined functions into that code as they
stand. Here symbols are renamed, functions with numbers behind them (`_imp_`) too, and functions
without are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.utilities.lambdify import implemented_function

from .errors import UnsupportedError

NOT_EVALUATED = (
    ArithmeticError,
    TypeError,
    NameError,
    NotImplementedError,
    AttributeError,
    SyntaxError,
)
"""What making or calling such a function raises where an expression has no numbers."""
# Functions that are printed for NumPy.
_ELEMENTARY = (
    *(sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2),
    *(sp.sinh, sp.cosh, sp.tanh, sp.asinh, sp.acosh, sp.atanh),
    *(sp.exp, sp.log, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.Min, sp.Max),
    *(sp.Piecewise, sp.Heaviside, sp.re, sp.im, sp.conjugate, sp.arg),
)
_BESSEL = (sp.besselj, sp.bessely)


def is_implemented(function: sp.Basic) -> bool:
    """Whether a function has numbers behind it, as of SymPy's `implemented_function`."""
    return hasattr(function, "_imp_")


def lambdified(
    symbols: Any, expressions: Any, modules: Any, *, cse: bool = False
) -> Callable[..., Any]:
    """The function of `symbols` (one, or a sequence) that computes an expression, or a list or
    tuple of them.

    UnsupportedError where one holds a function without numbers, or a symbol that is not among them.
    """
    given = {symbols} if isinstance(symbols, sp.Symbol) else set(symbols)
    nodes = list(_nodes(expressions))
    for node in nodes:
        for function in node.atoms(AppliedUndef):
            if not is_implemented(function):
                raise UnsupportedError(
                    "a coefficient without a formula has no numbers", term=function
                )
        if not node.free_symbols <= given:
            raise UnsupportedError("an expression has a symbol without a number", term=node)
    named = {function.func for node in nodes for function in node.atoms(AppliedUndef)}
    swaps = [
        (f, implemented_function(f"given_{k}", f._imp_))
        for k, f in enumerate(sorted(named, key=str))
    ]
    if modules == ["scipy", "numpy"] and not any(map(_needs_scipy, nodes)):
        modules = ["numpy"]  # the same text, without the import of SciPy's functions
    elif modules == ["scipy", "numpy"] and any(node.has(*_BESSEL) for node in nodes):
        modules = [_bessel_functions(), *modules]
    names = symbols if isinstance(symbols, sp.Symbol) else tuple(symbols)
    libraries = tuple(modules) if isinstance(modules, list) else modules
    # Functions of one name are equal to SymPy, whatever numbers are behind them.
    if swaps or not _can_be_remembered(expressions, libraries):
        return _written(names, _renamed(expressions, swaps), libraries, cse)
    return _remembered(names, expressions, libraries, cse)


def _can_be_remembered(expressions: Any, libraries: Any) -> bool:
    parts = expressions if isinstance(expressions, tuple) else (expressions,)
    named = libraries if isinstance(libraries, tuple) else (libraries,)
    return all(isinstance(part, sp.Expr) for part in parts) and not any(
        isinstance(library, dict) for library in named
    )


def _written(symbols: Any, expressions: Any, libraries: Any, cse: bool) -> Callable[..., Any]:
    found: Callable[..., Any] = sp.lambdify(symbols, expressions, libraries, cse=cse, dummify=True)
    return found


_remembered = lru_cache(maxsize=1024)(_written)


def _bessel_functions() -> dict[str, Callable[..., Any]]:
    """Those of SciPy by the names of its printer, forty times as fast for real arguments and the
    orders -1, 0 and 1."""
    from scipy import special

    return {
        "jv": _by_order(special.jv, special.j0, special.j1),
        "yv": _by_order(special.yv, special.y0, special.y1),
    }


def _by_order(
    every: Callable[..., Any], zero: Callable[..., Any], one: Callable[..., Any]
) -> Callable[..., Any]:
    known = {-1.0: lambda x: -one(x), 0.0: zero, 1.0: one}

    def call(order: Any, x: Any) -> Any:
        low = np.min(order)
        if np.iscomplexobj(x) or low not in known or np.max(order) != low:
            return every(order, x)
        return known[low](x + 0.0 * order)

    return call


def _needs_scipy(node: sp.Basic) -> bool:
    """Whether it holds a function that NumPy may not have."""
    return any(
        not isinstance(part, _ELEMENTARY) and not isinstance(part, AppliedUndef)
        for part in node.atoms(sp.Function, sp.Integral, sp.Sum, sp.Product)
    )


def _nodes(expressions: Any) -> Iterator[sp.Basic]:
    if isinstance(expressions, (list, tuple)):
        for part in expressions:
            yield from _nodes(part)
    elif isinstance(expressions, (sp.Basic, sp.MatrixBase)):
        yield expressions


def _renamed(expressions: Any, swaps: Iterable[tuple[Any, Any]]) -> Any:
    if isinstance(expressions, (list, tuple)):
        return type(expressions)(_renamed(part, swaps) for part in expressions)
    for function, renamed in swaps:
        expressions = expressions.replace(function, renamed)
    return expressions
