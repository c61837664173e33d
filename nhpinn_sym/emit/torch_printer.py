"""SymPy expressions as torch text."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

import sympy as sp

from .scalar_printer import ScalarPrinter
from .unknown_functions import Opaque, derivative_of, opaque_nodes

_UNARY = {
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.asin: "asin",
    sp.acos: "acos",
    sp.atan: "atan",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.tanh: "tanh",
    sp.asinh: "asinh",
    sp.acosh: "acosh",
    sp.atanh: "atanh",
    sp.exp: "exp",
    sp.log: "log",
    sp.Abs: "abs",
    sp.sign: "sign",
    sp.floor: "floor",
    sp.ceiling: "ceil",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.erfinv: "erfinv",
    sp.loggamma: "lgamma",
}
_RECIPROCAL = {
    sp.sec: "cos",
    sp.csc: "sin",
    sp.cot: "tan",
    sp.sech: "cosh",
    sp.csch: "sinh",
    sp.coth: "tanh",
}
_TAKEN = {
    "torch",
    "math",
    "points",
    "d",
    "mean",
    "u",
    "v",
    "values",
    "known",
    "full",
    "stack",
    "column",
    "columns",
    "COMPONENTS",
    "loads",
    "bilinear",
    "derivative",
    "weights",
    "averaged",
}
# Characters of a name: a statement has to fit into a line with it.
_LONGEST = 60


def argument_name(symbol: sp.Symbol) -> str:
    """The Python name of a symbol: its own where that is a free identifier, otherwise changed as
    little as possible.
    """
    name = re.sub(r"\W", "_", symbol.name)[:_LONGEST]
    name = f"_{name}" if not name or name[0].isdigit() else name
    if keyword.iskeyword(name) or name in _TAKEN or re.fullmatch(r"(loads|function)_\d+", name):
        return f"{name}_"
    return name


class Slot(sp.Symbol):
    """A symbol whose name is Python text, such as d[(1, 0)], and is printed as it stands."""


class TorchPrinter(ScalarPrinter):
    """Prints real scalar expressions over float64 tensors; `like` is the name of a tensor that
    constants are shaped after.

    Subexpressions without symbols become Python floats. UnsupportedError quotes what has no torch
    counterpart.
    """

    library = "torch"
    pi = "math.pi"
    sqrt = "torch.sqrt"

    def __init__(self, like: str) -> None:
        super().__init__()
        self.like = like

    def called(self, value: Opaque) -> str:
        """A derivative of a function that is given as an argument."""
        name = argument_name(sp.Symbol(value.name))
        arguments = "".join(f"{self._tensor(a)}, " for a in value.arguments)
        if any(value.index):
            return f"derivative({name}, ({arguments.rstrip()}), {value.index})"
        return f"{name}({arguments.rstrip(', ')})"

    def _tensor(self, expr: sp.Expr) -> str:
        if expr.is_number:
            return f"torch.full_like({self.like}, {self._print(expr)})"
        return str(self._print(expr))

    def _fold(self, function: str, arguments: Sequence[sp.Expr]) -> str:
        first, *rest = arguments
        if rest:
            return f"torch.{function}({self._tensor(first)}, {self._fold(function, rest)})"
        return self._tensor(first)

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return argument_name(expr)

    def _print_Slot(self, expr: Slot) -> str:
        return expr.name

    def _print_Function(self, expr: sp.Function) -> str:
        if expr.is_number:
            return self._number(expr)
        if type(expr) in _UNARY:
            return f"torch.{_UNARY[type(expr)]}({self._print(expr.args[0])})"
        if type(expr) in _RECIPROCAL:
            return f"(1/torch.{_RECIPROCAL[type(expr)]}({self._print(expr.args[0])}))"
        return str(self._print_not_supported(expr))

    # SymPy's Python printers name these directly, so that they would not reach _print_Function
    _print_sign = _print_Function
    _print_Abs = _print_Function
    _print_exp = _print_Function
    _print_log = _print_Function
    _print_floor = _print_Function
    _print_ceiling = _print_Function

    def _print_sinc(self, expr: sp.sinc) -> str:
        return f"torch.sinc({self._print(expr.args[0] / sp.pi)})"

    def _print_atan2(self, expr: sp.atan2) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._fold("atan2", expr.args)

    def _print_Min(self, expr: sp.Min) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._fold("minimum", expr.args)

    def _print_Max(self, expr: sp.Max) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._fold("maximum", expr.args)

    def _print_Mod(self, expr: sp.Mod) -> str:
        if expr.is_number:
            return self._number(expr)
        return self._fold("remainder", expr.args)

    def _print_frac(self, expr: sp.frac) -> str:
        return str(self._print(sp.Mod(expr.args[0], 1, evaluate=False)))

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        text = f"torch.full_like({self.like}, math.nan)"
        for value, condition in reversed(expr.args):
            if condition == sp.true:
                text = self._tensor(value)
            else:
                text = f"torch.where({self._print(condition)}, {self._print(value)}, {text})"
        return text

    def _print_ITE(self, expr: sp.ITE) -> str:
        return str(self._print(expr.rewrite(sp.Piecewise)))

    def _print_Relational(self, expr: sp.core.relational.Relational) -> str:
        return f"({self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)})"

    def _print_And(self, expr: sp.And) -> str:
        return "(" + " & ".join(self._print(a) for a in sp.ordered(expr.args)) + ")"

    def _print_Or(self, expr: sp.Or) -> str:
        return "(" + " | ".join(self._print(a) for a in sp.ordered(expr.args)) + ")"

    def _print_Not(self, expr: sp.Not) -> str:
        return f"(~{self._print(expr.args[0])})"


def statements(
    expressions: Sequence[sp.Expr], like: str, taken: Sequence[sp.Symbol]
) -> tuple[list[str], list[str]]:
    """Common subexpressions as assignments, and the text of each expression that uses them.

    taken: symbols whose names the new variables must not use. Functions without a formula are
    called by their names.
    """
    printer = TorchPrinter(like)
    names = {argument_name(s) for s in taken}
    free = (s for s in sp.numbered_symbols("s") if s.name not in names)
    exact = [sp.sympify(e) for e in expressions]
    called = {node: next(free) for node in opaque_nodes(tuple(exact))}
    lines = [f"{symbol} = {printer.called(derivative_of(node))}" for node, symbol in called.items()]
    shared, reduced = sp.cse([e.xreplace(called) for e in exact], symbols=free)
    inlined: dict[sp.Symbol, sp.Expr] = {}
    for symbol, value in shared:
        value = value.xreplace(inlined)
        if value.is_number:
            inlined[symbol] = value
        else:
            lines.append(f"{symbol} = {printer.doprint(value)}")
    return lines, [printer.doprint(e.xreplace(inlined)) for e in reduced]
