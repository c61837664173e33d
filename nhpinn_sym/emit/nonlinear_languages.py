"""The languages of nonlinear integrands: one row each, numpy, torch and UFL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sympy as sp

from .numpy_printer import BroadcastPrinter
from .torch_printer import argument_name, statements
from .ufl_printer import HELPERS, UflPrinter


class TablePrinter(Protocol):
    """What prints the entries of tables. `imports` and `helpers` are known after it has printed;
    `always` are symbols that every function reads.
    """

    always: Sequence[sp.Symbol]

    @property
    def imports(self) -> list[str]: ...

    @property
    def helpers(self) -> list[str]: ...

    def name(self, symbol: sp.Symbol) -> str: ...

    def reduced(self, exprs: Sequence[sp.Expr], prefix: str) -> tuple[list[str], list[str]]:
        """Lines that compute what the expressions share, and the text of each after them."""


class _Numpy:
    def __init__(self, coordinate: sp.Symbol) -> None:
        self.always: Sequence[sp.Symbol] = ()
        self.helpers: list[str] = []
        self._printer = BroadcastPrinter()

    @property
    def imports(self) -> list[str]:
        return self._printer.imports

    def name(self, symbol: sp.Symbol) -> str:
        return self._printer.expression(symbol)

    def reduced(self, exprs: Sequence[sp.Expr], prefix: str) -> tuple[list[str], list[str]]:
        return self._printer.reduced(exprs, prefix)


class _Torch:
    """Constants are shaped after a coordinate."""

    imports = ("import math", "", "import torch")

    def __init__(self, coordinate: sp.Symbol) -> None:
        self.always = (coordinate,)
        self.helpers: list[str] = []

    def name(self, symbol: sp.Symbol) -> str:
        return argument_name(symbol)

    def reduced(self, exprs: Sequence[sp.Expr], prefix: str) -> tuple[list[str], list[str]]:
        taken = sorted({v for e in exprs for v in e.free_symbols}, key=str)
        return statements(exprs, argument_name(self.always[0]), taken)


class _Ufl:
    imports = ("import ufl",)

    def __init__(self, coordinate: sp.Symbol) -> None:
        self.always: Sequence[sp.Symbol] = ()
        self._used: set[str] = set()

    @property
    def helpers(self) -> list[str]:
        return [HELPERS[name] for name in HELPERS if name in self._used]

    def name(self, symbol: sp.Symbol) -> str:
        return re.sub(r"\W", "_", symbol.name)

    def reduced(self, exprs: Sequence[sp.Expr], prefix: str) -> tuple[list[str], list[str]]:
        taken = {v.name for e in exprs for v in e.free_symbols}
        fresh = (s for s in sp.numbered_symbols(prefix, real=True) if s.name not in taken)
        shared, rest = sp.cse(list(exprs), symbols=fresh, optimizations=[])
        symbols = {v for e in exprs for v in e.free_symbols} | {v for v, _ in shared}
        printer = UflPrinter({v: self.name(v) for v in symbols})
        lines = [f"{self.name(v)} = {printer.doprint(e)}" for v, e in shared]
        found = [str(printer.doprint(e)) for e in rest]
        self._used |= printer.used
        return lines, found


_FORMS = '''def residual(v, data, dx):
    """The state problem, as a form of a test function v."""
    found = values(data)
    flux = [c * slope(v, i, k) for (i, k), c in found.get("flux", {}).items()]
    source = [c * value(v, i) for (i,), c in found.get("source", {}).items()]
    return sum([*flux, *source]) * dx


def tangent(w, v, data, dx):
    """The derivative of `residual` by N in the direction w, as a form of w and v."""
    found = slopes(data)
    by_slopes = found.get("flux_p", {}).items()
    terms = [c * slope(w, j, m) * slope(v, i, k) for (i, k, j, m), c in by_slopes]
    by_values = found.get("flux_N", {}).items()
    terms += [c * value(w, j) * slope(v, i, k) for (i, k, j), c in by_values]
    return sum(terms) * dx


def state(N, u0, slopes_of_u0, x, others):
    """What `values` and `slopes` are called with, for a corrector N; u0[j], slopes_of_u0[j][k] and
    others (by name) are numbers or functions, x the coordinates.
    """
    data = {**dict(zip(COORDINATES, x)), **others}
    for j in range(COMPONENTS):
        data[f"N_u_{j}"] = u0[j]
        data[f"N_N_{j}"] = value(N, j)
        for k in range(DIM):
            data[f"N_xi_{j}_{k}"] = slopes_of_u0[j][k]
            data[f"N_p_{j}_{k}"] = slopes_of_u0[j][k] + slope(N, j, k)
    return data


def value(v, i):
    return v if COMPONENTS == 1 else v[i]


def slope(v, i, k):
    return ufl.grad(v)[k] if COMPONENTS == 1 else ufl.grad(v)[i, k]'''


@dataclass(frozen=True)
class Language:
    """name: of files; library: in sentences; more: functions of a state beside the two."""

    name: str
    library: str
    printer: Callable[[sp.Symbol], Any]
    more: Sequence[str] = ()


LANGUAGES: Mapping[str, Language] = {
    "numpy": Language("numpy", "numpy", _Numpy),
    "torch": Language("torch", "torch", _Torch),
    "ufl": Language("ufl", "UFL", _Ufl, _FORMS.split("\n\n\n")),
}
"""The one table of them."""
