"""SymPy expressions as UFL text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp
from sympy.core.relational import Relational

from ..problem.errors import UnsupportedError
from .scalar_printer import ScalarPrinter

_UNARY = {
    sp.sin: "ufl.sin",
    sp.cos: "ufl.cos",
    sp.tan: "ufl.tan",
    sp.asin: "ufl.asin",
    sp.acos: "ufl.acos",
    sp.atan: "ufl.atan",
    sp.sinh: "ufl.sinh",
    sp.cosh: "ufl.cosh",
    sp.tanh: "ufl.tanh",
    sp.exp: "ufl.exp",
    sp.log: "ufl.ln",
    sp.erf: "ufl.erf",
    sp.Abs: "abs",
    sp.sign: "ufl.sign",
    sp.frac: "fraction",
}
_RECIPROCAL = {
    sp.sec: sp.cos,
    sp.csc: sp.sin,
    sp.cot: sp.tan,
    sp.sech: sp.cosh,
    sp.csch: sp.sinh,
    sp.coth: sp.tanh,
}
_COMPARISONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
# Integers beyond it overflow in the C code that FFCx writes.
_INT_LIMIT = 2**31

HELPERS = {
    "fraction": (
        '''def fraction(z):
    """z - floor(z), which UFL does not have; at the integers themselves it may be 0 or 1."""
    return 0.5 + atan2(-ufl.sin(2*ufl.pi*z), -ufl.cos(2*ufl.pi*z))/(2*ufl.pi)'''
    ),
    "atan2": (
        'atan2 = getattr(ufl, "atan2", None) or ufl.atan_2  # the name depends on UFL\'s version'
    ),
}
"""Text that a file needs above its functions where the printer used these names; users before what
they use.
"""


class UflPrinter(ScalarPrinter):
    """Prints real scalar expressions; `names` holds the text of each symbol.

    Subexpressions without symbols become Python floats. UnsupportedError quotes what has no UFL
    counterpart. `used` collects the names of the `HELPERS` that the text needs.
    """

    library = "UFL"
    pi = "ufl.pi"
    sqrt = "ufl.sqrt"

    def __init__(self, names: Mapping[sp.Symbol, str]) -> None:
        super().__init__()
        self.names = names
        self.used = set[str]()

    def _call(self, function: str, *arguments: sp.Basic) -> str:
        self.used |= {"fraction", "atan2"} if function == "fraction" else {function} & {"atan2"}
        return f"{function}({', '.join(self._print(a) for a in arguments)})"

    def _fold(self, function: str, arguments: Sequence[sp.Basic]) -> str:
        first, *rest = arguments
        if rest:
            return f"{function}({self._print(first)}, {self._fold(function, rest)})"
        return str(self._print(first))

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        if expr not in self.names:
            raise UnsupportedError(
                "this symbol has no value in the emitted forms",
                term=expr,
                remedy="declare it in parameters=",
            )
        return self.names[expr]

    _print_Dummy = _print_Symbol

    def _print_Integer(self, expr: sp.Integer) -> str:
        if abs(expr) < _INT_LIMIT:
            return str(int(expr))
        return repr(float(expr))

    def _print_Rational(self, expr: sp.Rational) -> str:
        if max(abs(expr.p), expr.q) < _INT_LIMIT:
            return f"{expr.p}/{expr.q}"
        return repr(float(expr))

    def _print_Function(self, expr: sp.Function) -> str:
        if expr.is_number:
            return self._number(expr)
        if type(expr) in _UNARY:
            return self._call(_UNARY[type(expr)], expr.args[0])
        if type(expr) in _RECIPROCAL:
            return f"(1/{self._print(_RECIPROCAL[type(expr)](expr.args[0]))})"
        if isinstance(expr, (sp.asinh, sp.acosh, sp.atanh)):
            return f"({self._print(expr.rewrite(sp.log))})"
        return self._print_not_supported(expr)

    # SymPy's Python printers name these directly, so that they would not reach _print_Function
    _print_sign = _print_Abs = _print_exp = _print_log = _print_frac = _print_Function

    def _print_floor(self, expr: sp.floor) -> str:
        if expr.is_number:
            return self._number(expr)
        return f"({self._print(expr.args[0])} - {self._call('fraction', expr.args[0])})"

    def _print_ceiling(self, expr: sp.ceiling) -> str:
        if expr.is_number:
            return self._print_not_supported(expr)
        return f"(-{self._print(sp.floor(-expr.args[0]))})"

    def _print_Mod(self, expr: sp.Mod) -> str:
        value, period = expr.args
        if expr.is_number:
            return self._number(expr)
        return f"({self._print(period)})*{self._call('fraction', value / period)}"

    def _print_atan2(self, expr: sp.atan2) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._call("atan2", *expr.args)

    def _print_Min(self, expr: sp.Min) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._fold("ufl.min_value", list(sp.ordered(expr.args)))

    def _print_Max(self, expr: sp.Max) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._fold("ufl.max_value", list(sp.ordered(expr.args)))

    def _print_ITE(self, expr: sp.ITE) -> str:
        return str(self._print(expr.to_nnf()))

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        *cases, (last, condition) = expr.args
        if condition != sp.true:
            raise UnsupportedError(
                "this Piecewise does not say what it is elsewhere",
                term=expr,
                remedy="end it with (value, True)",
            )
        text = str(self._print(last))
        for value, condition in reversed(cases):
            text = f"ufl.conditional({self._print(condition)}, {self._print(value)}, {text})"
        return text

    def _print_Relational(self, expr: Relational) -> str:
        return self._call(f"ufl.{_COMPARISONS[expr.rel_op]}", expr.lhs, expr.rhs)

    def _print_And(self, expr: sp.And) -> str:
        return self._fold("ufl.And", list(sp.ordered(expr.args)))

    def _print_Or(self, expr: sp.Or) -> str:
        return self._fold("ufl.Or", list(sp.ordered(expr.args)))

    def _print_Not(self, expr: sp.Not) -> str:
        return self._call("ufl.Not", expr.args[0])

    _print_NaN = ScalarPrinter._print_not_supported
