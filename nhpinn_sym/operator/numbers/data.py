"""Data as real expressions with numbers in them: the parameters put in, what has no formula
taken out, real and imaginary parts apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from ...problem.numeric import is_implemented
from ..domain_filter import DomainFilter

Interval = tuple[float, float]
DataAxis = tuple[sp.Symbol, Interval, bool]
"""A coordinate, its interval, and whether data have the interval for a period."""


@dataclass(frozen=True)
class DataSpace:
    """The symbols that data depend on, with their intervals: the first `axes` of them are asked
    for, the others only range over theirs. domain: what of the box counts, None for all of it."""

    symbols: tuple[sp.Symbol, ...]
    intervals: tuple[Interval, ...]
    axes: int
    domain: DomainFilter | None = None

    def of(self, expr: sp.Expr) -> tuple[int, ...]:
        """The positions of the symbols in `expr`."""
        return tuple(k for k, v in enumerate(self.symbols) if v in expr.free_symbols)

    def along(self, places: Sequence[int]) -> DataSpace:
        """The space of the symbols at these positions alone, all of them asked for."""
        symbols = tuple(self.symbols[k] for k in places)
        intervals = tuple(self.intervals[k] for k in places)
        return DataSpace(symbols, intervals, len(places), self.domain)

    def length(self, k: int) -> float:
        a, b = self.intervals[k]
        return b - a


def real_data(
    exprs: Iterable[sp.Expr], numbers: Mapping[sp.Symbol, float], space: DataSpace
) -> tuple[sp.Expr, ...]:
    """Each datum once, without numeric factors, opaque functions and other symbols counting as
    1; constants are left out."""
    found: dict[sp.Expr, None] = {}
    for expr in exprs:
        for part in _real_parts(in_data_symbols(expr, numbers, space)):
            if space.of(part):
                found.setdefault(part.as_coeff_Mul()[1])
    return tuple(found)


def in_data_symbols(expr: sp.Expr, numbers: Mapping[sp.Symbol, float], space: DataSpace) -> sp.Expr:
    """The expression in the symbols of the space alone; Mod, frac and ceiling are written with
    floor."""
    expr = sp.sympify(expr)
    nodes = expr.atoms(AppliedUndef, sp.Derivative)
    expr = expr.xreplace({node: sp.Integer(1) for node in nodes if not is_implemented(node)})
    swap: dict[sp.Symbol, sp.Expr] = {}
    for v in expr.free_symbols - set(space.symbols):
        swap[v] = number(numbers[v]) if v in numbers else sp.Integer(1)
    expr = expr.xreplace(swap)
    if expr.has(sp.Mod, sp.frac, sp.ceiling):
        expr = expr.replace(sp.Mod, lambda p, q: p - q * sp.floor(p / q))
        expr = expr.replace(sp.frac, lambda p: p - sp.floor(p))
        expr = expr.replace(sp.ceiling, lambda p: -sp.floor(-p))
    return expr


def number(value: float) -> sp.Expr:
    """A number without loss."""
    if float(value).is_integer():
        return sp.Integer(int(value))
    return sp.Float(float(value), 17)


def _real_parts(expr: sp.Expr) -> Sequence[sp.Expr]:
    if expr.has(sp.I):
        return real_imaginary(expr)
    return (expr,)


def real_imaginary(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Real and imaginary part for real symbols. Nothing is expanded: exp(-(1e5 y - 3e4)^2) written
    out is a number that underflows times one that overflows."""
    if not expr.has(sp.I):
        return expr, sp.Integer(0)
    if isinstance(expr, sp.Add):
        real, imaginary = zip(*map(real_imaginary, expr.args), strict=True)
        return sp.Add(*real), sp.Add(*imaginary)
    if isinstance(expr, sp.Mul):
        return _parts_of_product(expr.args)
    if isinstance(expr, sp.exp):
        p, q = real_imaginary(expr.args[0])
        return sp.exp(p) * sp.cos(q), sp.exp(p) * sp.sin(q)
    if isinstance(expr, sp.Piecewise):
        branches = [real_imaginary(e) for e, _ in expr.args]
        conditions = [c for _, c in expr.args]
        real, imaginary = zip(*branches, strict=True)
        return (
            sp.Piecewise(*zip(real, conditions, strict=True)),
            sp.Piecewise(*zip(imaginary, conditions, strict=True)),
        )
    found: tuple[sp.Expr, sp.Expr] = expr.as_real_imag()
    return found


def _parts_of_product(factors: Sequence[sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    real = sp.Integer(1)
    imaginary = sp.Integer(0)
    for factor in factors:
        p, q = real_imaginary(factor)
        product = real * q + imaginary * p
        real = real * p - imaginary * q
        imaginary = product
    return real, imaginary
