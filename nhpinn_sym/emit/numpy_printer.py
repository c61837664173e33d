"""SymPy expressions as numpy text that broadcasts: every argument may be an array or a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

import sympy as sp
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.numpy import SciPyPrinter
from sympy.printing.precedence import precedence

from ..problem.errors import UnsupportedError


class BroadcastPrinter(SciPyPrinter):
    """Prints with bare function names (`sin`, not `numpy.sin`); `imports` says where they come
    from. Complex numbers only where `imaginary`.
    """

    def __init__(self, imaginary: bool = False) -> None:
        super().__init__(
            {"fully_qualified_modules": False, "allow_unknown_functions": False, "strict": True}
        )
        self.imaginary = imaginary

    @property
    def imports(self) -> list[str]:
        """The import lines that the printed text needs."""
        return [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self.module_imports.items())
            if names
        ]

    def expression(self, expr: sp.Expr) -> str:
        """The text of an expression; UnsupportedError quotes what numpy does not have."""
        expr = sp.sympify(expr)
        if expr.has(sp.I) and not self.imaginary:
            raise UnsupportedError(
                "only real coefficients can be emitted for the finite element backends", term=expr
            )
        try:
            return str(self.doprint(expr))
        except PrintMethodNotImplementedError as cause:
            raise UnsupportedError(
                "numpy has no such function",
                term=expr,
                remedy="write the coefficient with elementary functions",
            ) from cause

    def reduced(
        self, exprs: Sequence[sp.Expr], prefix: str = "s", *, real: bool = True
    ) -> tuple[list[str], list[str]]:
        """Lines that compute what the expressions share, under names of that prefix, and the text
        of each expression after them.

        real : what is shared is; SymPy would simplify |s0| and sqrt(s0^2) of a complex one wrongly
        """
        taken = {s.name for expr in exprs for s in expr.free_symbols}
        assumed = {"real": True} if real else {}
        fresh = (s for s in sp.numbered_symbols(prefix, **assumed) if s.name not in taken)
        # No optimizations: they would rewrite sums and products, and with them their rounding.
        shared, reduced = sp.cse(list(exprs), symbols=fresh, optimizations=[])
        lines = [f"{self.expression(v)} = {self.expression(e)}" for v, e in shared]
        return lines, [self.expression(e) for e in reduced]

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return re.sub(r"\W", "_", super()._print_Symbol(expr))

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_Pi(self, expr: sp.Expr) -> str:
        return str(self._module_format("numpy.pi"))

    def _print_Pow(self, expr: sp.Pow, **options: object) -> str:
        if expr.exp == -1:
            return f"1/{self.parenthesize(expr.base, precedence(expr))}"
        return str(super()._print_Pow(expr, **options))

    def _print_Relational(self, expr: sp.core.relational.Relational) -> str:
        return f"({self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)})"

    def _print_And(self, expr: sp.And) -> str:
        return "(" + " & ".join(self._print(arg) for arg in expr.args) + ")"

    def _print_Or(self, expr: sp.Or) -> str:
        return "(" + " | ".join(self._print(arg) for arg in expr.args) + ")"

    def _print_Not(self, expr: sp.Not) -> str:
        return f"(~{self._print(expr.args[0])})"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        *branches, (value, condition) = expr.args
        if condition != sp.true:
            raise UnsupportedError(
                "a Piecewise needs a value everywhere",
                term=expr,
                remedy="end it with (value, True)",
            )
        where = self._module_format("numpy.where")
        text = self._print(value)
        for value, condition in reversed(branches):
            text = f"{where}({self._print(condition)}, {self._print(value)}, {text})"
        return str(text)

    def _print_Integral(self, expr: sp.Integral) -> str:
        raise PrintMethodNotImplementedError("scipy integrates numbers, not arrays")

    def _print_LambertW(self, expr: sp.LambertW) -> str:
        """SciPy's numbers are complex; those of real arguments are real, or refused before."""
        text = str(super()._print_LambertW(expr))
        if expr.has(sp.I):
            return text
        return f"{self._module_format('numpy.real')}({text})"

    def _fold(self, name: str, expr: sp.Expr) -> str:
        function = self._module_format(f"numpy.{name}")
        return reduce(
            lambda rest, arg: f"{function}({rest}, {self._print(arg)})",
            expr.args[1:],
            self._print(expr.args[0]),
        )

    def _print_Max(self, expr: sp.Max) -> str:
        return self._fold("maximum", expr)

    def _print_Min(self, expr: sp.Min) -> str:
        return self._fold("minimum", expr)
