"""How derived mathematics is written: in text d_x1( a d_x1 u ), in LaTeX with partial signs; functions without arguments."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from ..operator.table import MultiIndex, differentiate


class Mean(sp.Function):
    """<g>: the mean of g over the cell."""

    nargs = 1
    is_real = True

    def _sympystr(self, printer: Any) -> str:
        return f"<{printer.doprint(self.args[0])}>"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        base = rf"\left\langle {printer.doprint(self.args[0])} \right\rangle"
        return base if exp is None else f"{base}^{{{exp}}}"


class OfOrder(sp.Function):
    """A_k v: the part of the operator of order eps^k."""

    nargs = 2

    def _sympystr(self, printer: Any) -> str:
        return f"A_{self.args[0]} {printer.doprint(self.args[1])}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"A_{{{self.args[0]}}} {printer.doprint(self.args[1])}"


class _Text(StrPrinter):
    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return "eps" if expr.name == "epsilon" else str(super()._print_Symbol(expr))

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        marks = " ".join(f"d_{v}" for v, n in expr.variable_count for _ in range(int(n)))
        inner = self.doprint(expr.expr)
        return f"{marks} {inner}" if isinstance(expr.expr, (AppliedUndef, sp.Derivative)) else f"{marks}[{inner}]"

    def _print_Function(self, expr: sp.Function) -> str:
        return expr.func.__name__ if isinstance(expr, AppliedUndef) else super()._print_Function(expr)


class _Latex(LatexPrinter):
    def _print_Derivative(self, expr: sp.Derivative) -> str:
        marks = "".join(rf"\partial_{{{self._print(v)}}}" for v, n in expr.variable_count for _ in range(int(n)))
        inner = self._print(expr.expr)
        return f"{marks} {inner}" if isinstance(expr.expr, (AppliedUndef, sp.Derivative)) else rf"{marks}\left( {inner} \right)"

    def _print_Function(self, expr: sp.Function, exp: str | None = None) -> str:
        if not isinstance(expr, AppliedUndef):
            return super()._print_Function(expr, exp)
        name = self._print(sp.Symbol(expr.func.__name__))
        return name if exp is None else f"{{{name}}}^{{{exp}}}"


def text(expr: Any) -> str:
    """One line of text for an expression or an equation."""
    if isinstance(expr, sp.Equality):
        return f"{text(expr.lhs)} = {text(expr.rhs)}"
    return str(_Text().doprint(expr))


def latex(expr: Any) -> str:
    """LaTeX for an expression or an equation."""
    if isinstance(expr, sp.Equality):
        return f"{latex(expr.lhs)} = {latex(expr.rhs)}"
    return str(_Latex().doprint(expr))


def equation(lhs: sp.Expr, rhs: sp.Expr) -> sp.Equality:
    """An equation that stays one, also where both sides are numbers."""
    return sp.Equality(lhs, rhs, evaluate=False)


def term(c: sp.Expr, left: MultiIndex, function: sp.Expr, right: MultiIndex, coordinates: tuple[sp.Symbol, ...]) -> sp.Expr:
    """D^left( c D^right function ), with a leading minus sign of c in front."""
    sign = -1 if c.could_extract_minus_sign() else 1
    return sign * differentiate((sign * c) * differentiate(function, right, coordinates), left, coordinates)


def source(c: sp.Expr, left: MultiIndex, coordinates: tuple[sp.Symbol, ...]) -> sp.Expr:
    """D^left( c ), with a leading minus sign of c in front."""
    return -differentiate(-c, left, coordinates) if c.could_extract_minus_sign() else differentiate(c, left, coordinates)
