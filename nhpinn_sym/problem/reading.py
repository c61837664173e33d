"""What a user hands in, read as what it should be, or refused with a typed error that quotes it."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from .errors import ProblemError, UndeclaredSymbolError

T = TypeVar("T")

_COORDINATE = re.compile(r"([xyz]\d*|t|tau|epsilon)$")
_EFFECTIVE = re.compile(r"((A|beta|b|c|rho|f|g)(_.*)?|N_\w+|wall_\w+)$")
_CODE = {"pi", "e", "E", "I", "sin", "cos", "tan", "exp", "log", "sqrt", "abs", "sign", "floor", "where", "minimum", "maximum", "range", "sum"}


def scalar(value: object, error: type[ProblemError], what: str, *, quote: object = None, remedy: str | None = None) -> sp.Expr:
    """`value` as a finite scalar SymPy expression; `error` says that `what` is not one."""
    quote = _short(value) if quote is None else quote
    if isinstance(value, str):
        raise error(f"{what} is a string", term=quote, remedy="write SymPy expressions in s.x, s.y, s.t, without quotes")
    try:
        expr = sp.sympify(value, strict=True)  # strict: a string inside a list would be run
    except (sp.SympifyError, TypeError, ValueError, AttributeError) as cause:
        raise error(f"{what} is not a SymPy expression", term=quote, remedy=remedy) from cause
    if not isinstance(expr, sp.Expr):
        raise error(f"{what} is not a scalar SymPy expression", term=quote, remedy=remedy)
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise error(f"{what} contains nan or infinity", term=quote, remedy=remedy)
    return expr


def positive_number(value: object, error: type[ProblemError], what: str, remedy: str | None = None) -> sp.Expr:
    """`value` as a positive finite number."""
    number = scalar(value, error, what, remedy=remedy)
    if not (number.is_number and number.is_real and number > 0):
        raise error(f"{what} is not a positive number", term=repr(value), remedy=remedy)
    return number


_NUMBER = re.compile(r"\s*[+-]?(\d{1,400}(/\d{1,400})?|(\d{1,400}(\.\d{0,400})?|\.\d{1,400})(e[+-]?\d{1,3})?)\s*", re.ASCII | re.I)


def number_from_text(text: str) -> sp.Rational:
    """The number that a text such as 1/8, 0.125 or 1e-3 is; ValueError for any other text, which is not run."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    return sp.Rational(text)


def instance(value: Any, kind: type[T], what: str, remedy: str) -> T:
    """`value`, if it is a `kind`."""
    if not isinstance(value, kind):
        raise ProblemError(f"{what} is not a {kind.__name__}", term=_short(value), remedy=remedy)
    return value


def listed(value: object, what: str, remedy: str) -> tuple[Any, ...]:
    """`value` as a tuple, if it is a list or a tuple."""
    if not isinstance(value, (list, tuple)):
        raise ProblemError(f"{what} is not a list", term=_short(value), remedy=remedy)
    return tuple(value)


def parameter_numbers(given: Any, declared: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]) -> dict[str, float]:
    """A number inside its range for every declared parameter, by name."""
    if given is not None and not isinstance(given, Mapping):
        raise ProblemError("the values of parameters are a dictionary", term=_short(given), remedy="pass parameters={q: number}")
    values = {str(symbol): value for symbol, value in (given or {}).items()}
    for name in values.keys() - {str(symbol) for symbol in declared}:
        raise UndeclaredSymbolError("the problem declares no parameter of this name", term=name, remedy=f"its parameters are: {list(declared)}")
    numbers = {}
    for symbol, (lower, upper) in declared.items():
        name = str(symbol)
        if name not in values:
            raise UndeclaredSymbolError(f"the parameter {name} has no value", term=name, remedy=f"pass parameters={{{name}: number}}")
        number = scalar(values[name], ProblemError, f"the value of {name}", remedy=f"pass parameters={{{name}: number}}")
        if not (number.is_number and number.is_real and lower <= number <= upper):
            raise ProblemError(f"the value of {name} is not a number in its range ({lower}, {upper})", term=f"{name} = {number}",
                               remedy="the coefficients were checked in that range: declare a wider one in the problem")
        numbers[name] = float(number)
    return numbers


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}..."


def check_unknown_name(name: object) -> None:
    """An unknown is named by an identifier that is no coordinate."""
    if not isinstance(name, str) or not name.isidentifier() or _COORDINATE.match(name):
        raise ProblemError("an unknown is named by a word that is no coordinate", term=repr(name), remedy='write s.unknown("u")')


def check_parameter(symbol: object) -> None:
    """A parameter is a symbol whose name is free: neither a coordinate, an effective coefficient, nor a word of the emitted code."""
    if not isinstance(symbol, sp.Symbol):
        raise ProblemError("parameters are keyed by symbols", term=repr(symbol), remedy="write parameters={q: (lower, upper)}, q a sp.Symbol")
    name = symbol.name
    if not name.isidentifier() or keyword.iskeyword(name) or unicodedata.normalize("NFKC", name) != name:
        raise ProblemError("a parameter is named by an identifier of Python", term=name, remedy="rename it, for example lambda to lam")
    for pattern, what in ((_COORDINATE, "a coordinate"), (_EFFECTIVE, "an effective coefficient or a cell function")):
        if pattern.match(name):
            raise ProblemError(f"a parameter has the name of {what}", term=name, remedy=f"rename it, for example {name} to {name}_value")
    if name in _CODE:
        raise ProblemError("a parameter has the name of a function or constant of the emitted code", term=name, remedy="rename it")


def check_unknowns(unknowns: Iterable[object], coordinates: tuple[sp.Symbol, ...]) -> None:
    """Unknowns are applied functions of the coordinates, each once."""
    seen = set()
    for u in unknowns:
        if not isinstance(u, AppliedUndef):
            raise ProblemError("this is not an unknown", term=repr(u), remedy='write u = s.unknown("u") and unknown=u')
        check_unknown_name(u.func.__name__)
        if u.args != coordinates:
            raise ProblemError(f"the unknown is not a function of ({', '.join(map(str, coordinates))})", term=u,
                               remedy="make it by unknown() of the same scales")
        if u in seen:
            raise ProblemError("an unknown is listed twice", term=u, remedy="list each unknown once")
        seen.add(u)

