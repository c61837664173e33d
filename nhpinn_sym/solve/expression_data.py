"""SymPy expressions as plain data and back: nested lists whose heads are names of one table.

An expression in a file is data: a reader that calls `sympify` would run it. Here every node is
built by the class that the table has for its name, without evaluation, so that the tree that comes
back is the one that was written; whatever is not in the table is refused, by the writer
(UnsupportedError) and by the reader (FileError).

    ["Integer", "2"]   ["Rational", "1", "3"]   ["Float", "0.5", 53]   ["Symbol", "x1", {"real":
    true}] ["pi"]             ["Add", a, b]            ["Piecewise", ["Pair", value, condition],
    ...]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from ..problem.errors import FileError, UnsupportedError

_CONSTANTS: dict[str, sp.Basic] = {
    "pi": sp.pi,
    "E": sp.E,
    "I": sp.I,
    "EulerGamma": sp.EulerGamma,
    "GoldenRatio": sp.GoldenRatio,
    "Catalan": sp.Catalan,
    "infinity": sp.oo,
    "-infinity": -sp.oo,
    "true": sp.true,
    "false": sp.false,
}
_CLASSES: tuple[Any, ...] = (
    sp.Add,
    sp.Mul,
    sp.Pow,
    sp.exp,
    sp.log,
    sp.LambertW,
    sp.Abs,
    sp.sign,
    sp.floor,
    sp.ceiling,
    sp.frac,
    sp.Mod,
    sp.sin,
    sp.cos,
    sp.tan,
    sp.cot,
    sp.sec,
    sp.csc,
    sp.sinc,
    sp.asin,
    sp.acos,
    sp.atan,
    sp.acot,
    sp.asec,
    sp.acsc,
    sp.atan2,
    sp.sinh,
    sp.cosh,
    sp.tanh,
    sp.coth,
    sp.sech,
    sp.csch,
    sp.asinh,
    sp.acosh,
    sp.atanh,
    sp.acoth,
    sp.asech,
    sp.acsch,
    sp.erf,
    sp.erfc,
    sp.erfi,
    sp.erfinv,
    sp.gamma,
    sp.loggamma,
    sp.Heaviside,
    sp.Max,
    sp.Min,
    sp.besselj,
    sp.bessely,
    sp.besseli,
    sp.besselk,
    sp.elliptic_k,
    sp.elliptic_e,
    sp.elliptic_f,
    sp.re,
    sp.im,
    sp.conjugate,
    sp.arg,
    sp.Piecewise,
    sp.ITE,
    sp.And,
    sp.Or,
    sp.Not,
    sp.Equality,
    sp.Unequality,
    sp.StrictLessThan,
    sp.LessThan,
    sp.StrictGreaterThan,
    sp.GreaterThan,
)
_NODES: dict[str, Any] = {node.__name__: node for node in _CLASSES}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d{1,4})?|[+-]?\.\d+(e[+-]?\d{1,4})?")
_INTEGER = re.compile(r"[+-]?\d{1,4000}")
# Of a whole number that an expression makes when it is computed: more would not end.
_MOST_BITS = 100_000
_PRECISION = 10_000
_NAME_LENGTH = 10_000


def expression_data(expr: sp.Basic) -> list[Any]:
    """The nested lists of an expression; UnsupportedError quotes a node that the table does not
    have.
    """
    for name, constant in _CONSTANTS.items():
        if expr == constant and type(expr) is type(constant):
            return [name]
    if type(expr) is sp.Symbol:
        known = {
            fact: value
            for fact, value in sorted(expr.assumptions0.items())
            if isinstance(value, bool)
        }
        return ["Symbol", expr.name, known]
    if isinstance(expr, sp.Integer):
        return ["Integer", str(int(expr))]
    if isinstance(expr, sp.Rational):
        return ["Rational", str(int(expr.p)), str(int(expr.q))]
    if isinstance(expr, sp.Float):
        return ["Float", _float_text(expr), int(expr._prec)]
    if isinstance(expr, ExprCondPair):
        return ["Pair", *map(expression_data, expr.args)]
    if _NODES.get(type(expr).__name__) is type(expr):
        return [type(expr).__name__, *map(expression_data, expr.args)]
    raise UnsupportedError(
        "a formula with this part has no form in a file",
        term=expr,
        remedy="keep the solved cells in memory, or write the problem with other functions",
    )


def _float_text(expr: sp.Float) -> str:
    """The shortest decimal number that reads as the same Float, as SymPy's own `srepr` has it."""
    found = re.match(r"Float\('([^']*)'", sp.srepr(expr))
    if found is None or not _NUMBER.fullmatch(found[1]):
        raise UnsupportedError(
            "a number with so large an exponent has no form in a file", term=expr
        )
    return found[1]


def read_expression(data: Any) -> sp.Basic:
    """The expression that `expression_data` wrote; FileError for anything else."""
    return _read(data)[0]


def read_formula(data: Any, coordinates: Sequence[sp.Symbol]) -> sp.Expr:
    """A scalar expression in no other symbols than `coordinates`."""
    expr = read_expression(data)
    if not isinstance(expr, sp.Expr) or not expr.free_symbols <= set(coordinates):
        raise _refused(data)
    return expr


def read_symbols(data: Any) -> tuple[sp.Symbol, ...]:
    """Distinct symbols."""
    symbols = tuple(read_expression(entry) for entry in _listed(data))
    if not all(isinstance(v, sp.Symbol) for v in symbols) or len(set(symbols)) < len(symbols):
        raise _refused(data)
    return symbols


def _read(data: Any) -> tuple[sp.Basic, int]:
    """The expression, and how many bits a whole number has that it makes at most."""
    head, *rest = _listed(data) or [None]
    if isinstance(head, str) and head in _LEAVES:
        size, read = _LEAVES[head]
        if len(rest) != size:
            raise _refused(data)
        leaf = read(rest)
        return leaf, int(leaf.p).bit_length() if isinstance(leaf, sp.Rational) else 64
    if isinstance(head, str) and head in _CONSTANTS and not rest:
        return _CONSTANTS[head], 64
    if head != "Pair" and (not isinstance(head, str) or head not in _NODES):
        raise _refused(data)
    parts = [_read(entry) for entry in rest]
    arguments = [part for part, _ in parts]
    bits = _bits(head, parts)
    if bits > _MOST_BITS:
        raise _refused(data)
    return _built(head, arguments, data), bits


def _built(head: str, arguments: list[sp.Basic], data: Any) -> sp.Basic:
    expected = _ARGUMENTS.get(head, (sp.Expr,) * len(arguments))
    kinds = expected * len(arguments) if len(expected) == 1 else expected
    if len(arguments) != len(kinds) or not all(map(isinstance, arguments, kinds)):
        raise _refused(data)
    try:
        if head == "Pair":
            return ExprCondPair(*arguments)
        return _NODES[head](*arguments, evaluate=False)
    except (TypeError, ValueError, AttributeError, ArithmeticError) as cause:
        raise _refused(data) from cause


# What other nodes than functions of numbers have as arguments; of one kind, any number of them.
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Pair": (sp.Expr, Boolean),
    "Piecewise": (ExprCondPair,),
    "ITE": (Boolean, Boolean, Boolean),
    "And": (Boolean,),
    "Or": (Boolean,),
    "Not": (Boolean,),
}


def _bits(head: str, parts: list[tuple[sp.Basic, int]]) -> int:
    sizes = [bits for _, bits in parts]
    if head == "Mul":
        return sum(sizes)
    if head == "Pow" and len(parts) == 2 and isinstance(parts[1][0], sp.Integer):
        if not parts[0][0].free_symbols:
            return sizes[0] * max(1, abs(int(parts[1][0])))
        return 64
    return max(sizes, default=0) + len(sizes)


def _symbol(rest: list[Any]) -> sp.Symbol:
    name, facts = rest
    ordinary = isinstance(name, str) and len(name) <= _NAME_LENGTH and isinstance(facts, dict)
    if not ordinary or not all(
        fact in _FACTS and isinstance(value, bool) for fact, value in facts.items()
    ):
        raise _refused(rest)
    try:
        return sp.Symbol(name, **facts)
    except ValueError as cause:  # facts that exclude each other
        raise _refused(rest) from cause


_FACTS = frozenset(sp.Symbol("x", positive=True).assumptions0) | frozenset(
    sp.Symbol("x", integer=True).assumptions0
)


def _integer(rest: list[Any]) -> sp.Integer:
    (text,) = rest
    return sp.Integer(int(_matched(_INTEGER, text)))


def _rational(rest: list[Any]) -> sp.Rational:
    over, under = (int(_matched(_INTEGER, text)) for text in rest)
    if under <= 0:
        raise _refused(rest)
    return sp.Rational(over, under)


def _float(rest: list[Any]) -> sp.Float:
    text, precision = rest
    if (
        not isinstance(precision, int)
        or not 1 <= precision <= _PRECISION
        or len(str(text)) > _PRECISION
    ):
        raise _refused(rest)
    return sp.Float(_matched(_NUMBER, text), precision=precision)


# How many entries follow the name, and what reads them.
_LEAVES: dict[str, tuple[int, Callable[[list[Any]], sp.Basic]]] = {
    "Symbol": (2, _symbol),
    "Integer": (1, _integer),
    "Rational": (2, _rational),
    "Float": (2, _float),
}


def _matched(pattern: re.Pattern[str], text: Any) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise _refused(text)
    return text


def _listed(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise _refused(data)
    return data


def _refused(data: Any) -> FileError:
    quoted = repr(data)
    return FileError(
        "this is no formula",
        term=quoted if len(quoted) < 200 else f"{quoted[:200]}...",
        remedy="give a file that the package wrote",
    )
