"""What a user hands in, read as what it should be, or refused with a typed error that quotes it."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from .errors import NhpinnError, ProblemError, UndeclaredSymbolError, shortened

T = TypeVar("T")

_COORDINATE = re.compile(r"([xyz]\d*|t|tau|epsilon)$")
_EFFECTIVE = re.compile(r"((A|beta|b|c|rho|f|g)(_.*)?|N_\w+|wall_\w+)$")
_NUMBER = "write a number, or a SymPy expression in the coordinates of the scales"
_CODE = {
    "pi",
    "e",
    "E",
    "I",
    "sin",
    "cos",
    "tan",
    "exp",
    "log",
    "sqrt",
    "abs",
    "sign",
    "floor",
    "where",
    "minimum",
    "maximum",
    "range",
    "sum",
}


# Nodes that stand for no number at a point.
_NOT_NUMBERS = (
    sp.Lambda,
    sp.Order,
    sp.AccumBounds,
    sp.Limit,
    sp.Wild,
    sp.MatrixExpr,
    sp.matrices.expressions.matexpr.MatrixElement,
    sp.Indexed,
)
_HELD_BACK = (sp.UnevaluatedExpr, sp.Subs, sp.Integral, sp.Sum, sp.Product)
# The largest size of a number that is taken: double precision ends at 1.8e308, and arithmetic needs
# some room.
_LARGEST = 1e300


def scalar(
    value: object,
    error: type[ProblemError],
    what: str,
    *,
    quote: object = None,
    remedy: str | None = None,
) -> sp.Expr:
    """`value` as a finite scalar SymPy expression in commuting symbols; `error` says that `what` is
    not one.

    Sums, integrals, UnevaluatedExpr and Subs are carried out, and numbers that are complex are
    written with I.
    """
    quote = shortened(value) if quote is None else quote
    if isinstance(value, str):
        raise error(
            f"{what} is a string",
            term=quote,
            remedy="write SymPy expressions in s.x, s.y, s.t, without quotes",
        )
    remedy = remedy or _NUMBER
    try:
        expr = sp.sympify(value, strict=True)  # strict: a string inside a list would be run
    except Exception as cause:  # of any kind: SymPy asks the methods of a foreign object
        raise error(f"{what} is not a SymPy expression", term=quote, remedy=remedy) from cause
    if not isinstance(expr, sp.Expr):
        raise error(f"{what} is not a scalar SymPy expression", term=quote, remedy=remedy)
    for node in sp.preorder_traversal(expr):
        if isinstance(node, _NOT_NUMBERS) or _is_quantity(node):
            raise error(
                f"{what} holds a {type(node).__name__}, which is no number",
                term=quote,
                remedy=remedy,
            )
        if isinstance(node, sp.Symbol) and not node.is_commutative:
            raise error(
                f"{what} holds a symbol that does not commute",
                term=node,
                remedy="use sp.Symbol(name)",
            )
    expr = _evaluated(expr)
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise error(f"{what} contains nan or infinity", term=quote, remedy=remedy)
    extreme = next((n for n in expr.atoms(sp.Rational, sp.Float) if abs(n) > _LARGEST), None)
    if extreme is not None:
        raise error(
            f"{what} holds a number that is too large to compute with in double precision",
            term=extreme.evalf(3),
            remedy="measure in other units, so that sizes lie between 1e-150 and 1e150",
        )
    return expr


def _is_quantity(node: object) -> bool:
    """Whether it is a physical unit of SymPy, whose module takes longer to import than the rest."""
    units = sys.modules.get("sympy.physics.units")
    return units is not None and isinstance(node, units.Quantity)


def _evaluated(expr: sp.Expr) -> sp.Expr:
    """Sums, integrals and what else holds evaluation back carried out; complex numbers such as
    (-1)**(1/3) in their two parts.
    """
    if expr.has(*_HELD_BACK):
        expr = expr.replace(lambda e: isinstance(e, _HELD_BACK), _carried_out)
    return expr.replace(_is_complex_number, _with_parts)


def _carried_out(expr: sp.Expr) -> sp.Expr:
    """The value: a number where there is one, even if it has no closed form."""
    done = expr.doit()
    if done.has(*_HELD_BACK) and done.is_number:
        return done.evalf(17)
    return done


def _is_complex_number(expr: sp.Basic) -> bool:
    """Whether this is a number that is not real although it is written without I."""
    kinds = (sp.Pow, sp.Function)
    return (
        isinstance(expr, kinds)
        and bool(expr.is_number)
        and not expr.has(sp.I)
        and expr.is_real is False
    )


def _with_parts(number: sp.Expr) -> sp.Expr:
    real, imaginary = number.evalf(30).as_real_imag()
    return real + sp.I * imaginary


def positive_number(
    value: object, error: type[ProblemError], what: str, remedy: str | None = None
) -> sp.Expr:
    """`value` as a positive finite number."""
    number = scalar(value, error, what, remedy=remedy)
    if not (number.is_number and number.is_real and float(number) > 0):
        raise error(
            f"{what} is not a positive number",
            term=shortened(value),
            remedy=remedy or "write a positive number",
        )
    return number


_NUMBER_TEXT = re.compile(
    r"\s*[+-]?(\d{1,400}(/\d{1,400})?|(\d{1,400}(\.\d{0,400})?|\.\d{1,400})(e[+-]?\d{1,3})?)\s*",
    re.ASCII | re.IGNORECASE,
)


def number_from_text(text: str) -> sp.Rational:
    """The number that a text such as 1/8, 0.125 or 1e-3 is; ValueError for any other text, which is
    not run.
    """
    if not _NUMBER_TEXT.fullmatch(text):
        raise ValueError("no number")
    return sp.Rational(text)


def positive_integer(
    value: object,
    name: str,
    *,
    least: int = 1,
    most: int = 10**18,
    error: type[NhpinnError] = ProblemError,
) -> int:
    """`value` as an int from `least` to `most`; Python's and NumPy's integers are taken, booleans
    are not.
    """
    integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not integer or not least <= value <= most:  # type: ignore[operator]
        limit = f"not above {most}" if integer and value > most else f"not below {least}"  # type: ignore[operator]
        raise error(
            f"{name} is an integer {limit}",
            term=f"{name}={shortened(value)}",
            remedy=f"leave it out, or write for example {name}={max(least, 2)}",
        )
    return int(value)  # type: ignore[call-overload]


def published_errors(table: object) -> dict[float, dict[str, float]]:
    """{eps: {name of an error: number}} of what was published for a problem."""
    remedy = 'write paper={sp.Rational(1, 8): {"e1": 0.01}}'
    found: dict[float, dict[str, float]] = {}
    for eps, row in _mapping({} if table is None else table, "paper", remedy).items():
        errors = _mapping(row, f"paper[{shortened(eps)}]", remedy)
        key = float(positive_number(eps, ProblemError, "a key of paper", remedy))
        found[key] = {
            str(name): _number(value, f"the published error {name}", remedy)
            for name, value in errors.items()
        }
    return found


def _mapping(value: object, what: str, remedy: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ProblemError(f"{what} is not a dictionary", term=shortened(value), remedy=remedy)
    return value


def _number(value: object, what: str, remedy: str) -> float:
    number = scalar(value, ProblemError, what, remedy=remedy)
    if not (number.is_number and number.is_real):
        raise ProblemError(f"{what} is not a real number", term=shortened(value), remedy=remedy)
    return float(number)


def instance(value: Any, kind: type[T], what: str, remedy: str) -> T:
    """`value`, if it is a `kind`; a value of another kind may say itself what to do `instead`."""
    if not isinstance(value, kind):
        remedy = getattr(value, "instead", remedy)
        raise ProblemError(f"{what} is not a {kind.__name__}", term=shortened(value), remedy=remedy)
    return value


def listed(value: object, what: str, remedy: str) -> tuple[Any, ...]:
    """`value` as a tuple, if it is a list or a tuple."""
    if not isinstance(value, (list, tuple)):
        raise ProblemError(f"{what} is not a list", term=shortened(value), remedy=remedy)
    return tuple(value)


def parameter_numbers(
    given: Any, declared: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]
) -> dict[str, float]:
    """A number inside its range for every declared parameter, by name."""
    if given is not None and not isinstance(given, Mapping):
        raise ProblemError(
            "the values of parameters are a dictionary",
            term=shortened(given),
            remedy="pass parameters={q: number}",
        )
    values = {
        str(symbol) if isinstance(symbol, (sp.Basic, str)) else shortened(symbol): value
        for symbol, value in (given or {}).items()
    }
    for name in values.keys() - {str(symbol) for symbol in declared}:
        raise UndeclaredSymbolError(
            "the problem declares no parameter of this name",
            term=name,
            remedy=f"its parameters are: {list(declared)}",
        )
    numbers = {}
    for symbol, (lower, upper) in declared.items():
        name = str(symbol)
        if name not in values:
            raise UndeclaredSymbolError(
                f"the parameter {name} has no value",
                term=name,
                remedy=f"pass parameters={{{name}: number}}, in a terminal --set {name}=NUMBER",
            )
        number = scalar(
            values[name],
            ProblemError,
            f"the value of {name}",
            remedy=f"pass parameters={{{name}: number}}",
        )
        if not (number.is_number and number.is_real and lower <= number <= upper):
            raise ProblemError(
                f"the value of {name} is not a number in its range"
                f" ({float(lower):g}, {float(upper):g})",
                term=f"{name} = {shortened(values[name])}",
                remedy=(
                    "the coefficients were checked in that range: declare a wider one in the"
                    " problem"
                ),
            )
        numbers[name] = float(number)
    return numbers


def check_unknown_name(name: object) -> None:
    """An unknown is named by an identifier that is no coordinate."""
    if not isinstance(name, str) or not name.isidentifier() or _COORDINATE.match(name):
        raise ProblemError(
            "an unknown is named by a word that is no coordinate",
            term=shortened(name),
            remedy='write s.unknown("u")',
        )


def check_parameter(symbol: object) -> None:
    """A parameter is a symbol whose name is free: neither a coordinate, an effective coefficient,
    nor a word of the emitted code.
    """
    if not isinstance(symbol, sp.Symbol):
        raise ProblemError(
            "parameters are keyed by symbols",
            term=shortened(symbol),
            remedy="write parameters={q: (lower, upper)}, q a sp.Symbol",
        )
    name = symbol.name
    if (
        not name.isidentifier()
        or keyword.iskeyword(name)
        or unicodedata.normalize("NFKC", name) != name
    ):
        raise ProblemError(
            "a parameter is named by an identifier of Python",
            term=name,
            remedy="rename it, for example lambda to lam",
        )
    for pattern, what in (
        (_COORDINATE, "a coordinate"),
        (_EFFECTIVE, "an effective coefficient or a cell function"),
    ):
        if pattern.match(name):
            raise ProblemError(
                f"a parameter has the name of {what}",
                term=name,
                remedy=f"rename it, for example {name} to {name}_value",
            )
    if name in _CODE:
        raise ProblemError(
            "a parameter has the name of a function or constant of the emitted code",
            term=name,
            remedy="rename it",
        )


def check_unknowns(unknowns: Iterable[object], coordinates: tuple[sp.Symbol, ...]) -> None:
    """Unknowns are applied functions of the coordinates, each once."""
    seen = set()
    for u in unknowns:
        if not isinstance(u, AppliedUndef):
            raise ProblemError(
                "this is not an unknown",
                term=shortened(u),
                remedy='write u = s.unknown("u") and unknown=u',
            )
        check_unknown_name(u.func.__name__)
        if u.args != coordinates:
            raise ProblemError(
                f"the unknown is not a function of ({', '.join(map(str, coordinates))})",
                term=u,
                remedy="make it by unknown() of the same scales",
            )
        if u in seen:
            raise ProblemError(
                "an unknown is listed twice", term=u, remedy="list each unknown once"
            )
        seen.add(u)
