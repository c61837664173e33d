"""What the printers of single real expressions share: exact numbers, powers, and typed refusals."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.precedence import precedence
from sympy.printing.pycode import AbstractPythonCodePrinter

from ..problem.errors import UnsupportedError


class ScalarPrinter(AbstractPythonCodePrinter):
    """Subexpressions without symbols become Python floats; a subclass names its library, and its pi
    and square root.
    """

    library: str
    pi: str
    sqrt: str

    def __init__(self) -> None:
        super().__init__({"precision": 17})

    def doprint(self, expr: sp.Basic, assign_to: None = None) -> str:
        return str(self._print(sp.sympify(expr)))

    def _number(self, expr: sp.Expr) -> str:
        value = complex(expr.evalf(20))
        if value.imag != 0:
            raise UnsupportedError(
                f"only real numbers can be emitted for {self.library}", term=expr
            )
        return repr(value.real)

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_NumberSymbol(self, expr: sp.NumberSymbol) -> str:
        if expr == sp.pi:
            return self.pi
        return self._number(expr)

    _print_Pi = _print_Exp1 = _print_NumberSymbol

    def _print_Pow(self, expr: sp.Pow, **_: Any) -> str:
        if expr.is_number:
            return self._number(expr)
        base = expr.base
        exponent = expr.exp
        level = precedence(expr)
        if abs(exponent) == sp.S.Half:
            root = f"{self.sqrt}({self._print(base)})"
            if exponent > 0:
                return root
            return f"1/{root}"
        if exponent == -1:
            return f"1/{self.parenthesize(base, level, strict=True)}"
        # A power in its own operand, which may be printed as a quotient, stands in brackets.
        return "**".join(self.parenthesize(e, level, strict=False) for e in (base, exponent))

    def _print_Heaviside(self, expr: sp.Heaviside) -> str:
        return str(self._print(expr.rewrite(sp.Piecewise)))

    def _print_not_supported(self, expr: sp.Basic) -> str:
        raise UnsupportedError(
            f"this has no counterpart in {self.library}",
            term=expr,
            remedy="write it with elementary functions, or use a backend that takes its values",
        )

    _print_Derivative = _print_Integral = _print_Sum = _print_Product = _print_Subs = (
        _print_not_supported
    )
    _print_ImaginaryUnit = _print_Infinity = _print_NegativeInfinity = _print_ComplexInfinity = (
        _print_not_supported
    )
    _print_AppliedUndef = emptyPrinter = _print_not_supported
