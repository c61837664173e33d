"""How derived mathematics is written: in text d_x1( a d_x1 u ), in LaTeX with partial signs;
functions without arguments.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import prod
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase
from sympy.printing.latex import LatexPrinter, translate
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from ..operator.table import MultiIndex, differentiate
from ..problem.escaping import latex_name

EPS = sp.Symbol("epsilon", positive=True)


class Mean(sp.Function):
    """<g>: the mean of g over the cell.

    >>> s = nh.Scales(1)
    >>> nh.Mean(sp.sin(s.y[0]))
    <sin(y1)>
    """

    nargs = 1
    is_real = True

    def _sympystr(self, printer: Any) -> str:
        return f"<{text(self.args[0])}>"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        base = rf"\left\langle {latex(self.args[0])} \right\rangle"
        if exp is None:
            return base
        return f"{base}^{{{exp}}}"


class Jump(sp.Function):
    """[g]: the jump of g across an interface, outside less inside."""

    nargs = 1
    is_real = True

    def _sympystr(self, printer: Any) -> str:
        return f"[{text(self.args[0])}]"

    def _latex(self, printer: Any) -> str:
        return rf"\left[ {latex(self.args[0])} \right]"


class WallMean(sp.Function):
    """<g>_(y = p): the mean of g over the plane of the cell where the coordinate y is p; arguments
    g, y, p.
    """

    nargs = 3
    is_real = True

    def _sympystr(self, printer: Any) -> str:
        inner, coordinate, place = self.args
        return f"<{text(inner)}>_({coordinate} = {text(place)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        inner, coordinate, place = self.args
        base = (
            rf"\left\langle {latex(inner)} \right\rangle_{{{latex(coordinate)} = {latex(place)}}}"
        )
        if exp is None:
            return base
        return f"{base}^{{{exp}}}"


class OfOrder(sp.Function):
    """A_k v, the part of the operator of order eps^k; with a third argument i, its row i in a
    system.
    """

    nargs = (2, 3)

    def _sympystr(self, printer: Any) -> str:
        whole = f"A_{self.args[0]} {printer.doprint(self.args[1])}"
        if len(self.args) == 2:
            return whole
        return f"({whole})_{self.args[2]}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        whole = rf"A_{{{self.args[0]}}} {printer.doprint(self.args[1])}"
        if len(self.args) == 2:
            return whole
        return rf"\left( {whole} \right)_{{{self.args[2]}}}"


def _elsewhere(expr: AppliedUndef) -> bool:
    """Whether a function is taken at another point than at the coordinates: then its arguments are
    told.
    """
    return not all(a.is_Symbol or a.is_Function for a in expr.args)


class _Text(StrPrinter):
    def _as_ordered_terms(self, expr: sp.Expr, order: object = None) -> list[sp.Expr]:
        return terms(expr)

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        if expr.name == "epsilon":
            return "eps"
        return str(super()._print_Symbol(expr))

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        marks = " ".join(f"d_{v}" for v, n in expr.variable_count for _ in range(int(n)))
        inner = self.doprint(expr.expr)
        if needs_no_brackets(expr.expr):
            return f"{marks} {inner}"
        return f"{marks}[{inner}]"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        if not isinstance(expr.base, sp.Derivative):
            return str(super()._print_Pow(expr, rational))
        return f"({self.doprint(expr.base)})**{self.parenthesize(expr.exp, PRECEDENCE['Pow'])}"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        branches = [
            f"{self.doprint(value)} {'elsewhere' if where is sp.true else f'where {where}'}"
            for value, where in expr.args
        ]
        return f"{{{'; '.join(branches)}}}"

    def _print_Function(self, expr: sp.Function) -> str:
        if not isinstance(expr, AppliedUndef):
            return str(super()._print_Function(expr))
        elsewhere = ", ".join(map(self.doprint, expr.args)) if _elsewhere(expr) else ""
        return expr.func.__name__ + (f"({elsewhere})" if elsewhere else "")


class _Latex(LatexPrinter):
    def _as_ordered_terms(self, expr: sp.Expr, order: object = None) -> list[sp.Expr]:
        return terms(expr)

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        inner = self._print(expr.expr)
        if needs_no_brackets(expr.expr):
            return f"{self.marks(expr)} {inner}"
        return rf"{self.marks(expr)}\left( {inner} \right)"

    def marks(self, expr: sp.Derivative) -> str:
        """The partial signs of a derivative."""
        powers = ((self._print(v), int(n)) for v, n in expr.variable_count)
        return "".join(rf"\partial_{{{v}}}" + (f"^{{{n}}}" if n > 1 else "") for v, n in powers)

    def _print_Symbol(self, expr: sp.Symbol, **_: Any) -> str:
        return name_in_latex(expr.name)

    def _print_Function(self, expr: sp.Function, exp: str | None = None) -> str:
        if not isinstance(expr, AppliedUndef):
            return super()._print_Function(expr, exp)
        name = name_in_latex(expr.func.__name__)
        if _elsewhere(expr):
            name += rf"\left({', '.join(map(self._print, expr.args))}\right)"
        if exp is None:
            return name
        return rf"\left({name}\right)^{{{exp}}}"


def terms(expr: sp.Expr) -> list[sp.Expr]:
    """The terms of a sum in reading order: by powers of eps; time derivatives first, numbers next,
    derivatives by x and y last.
    """

    def late(part: sp.Expr) -> tuple[int, bool, bool, bool, bool]:
        powers = [
            int(f.exp) if isinstance(f, sp.Pow) else 1
            for f in sp.Mul.make_args(part)
            if f.as_base_exp()[0] == EPS
        ]
        timely = any(str(v) in ("t", "tau") for d in part.atoms(sp.Derivative) for v in d.variables)
        return (
            abs(sum(powers)),
            not timely,
            part.has(sp.Derivative),
            part.has(AppliedUndef),
            not part.is_number,
        )

    return sorted(expr.as_ordered_terms(), key=late)


def needs_no_brackets(expr: sp.Expr) -> bool:
    """Whether a derivative of `expr` needs no brackets."""
    return isinstance(expr, (AppliedUndef, sp.Derivative))


# (letter, level where it is told, source, component of the unknown, own component): N2_12_v1_1.
_CELL_FUNCTION = re.compile(
    r"(N|psi)(\d*)_?([\dtf]*)(?:_([A-Za-z][A-Za-z0-9]*))?(?:_(\d+))?", re.ASCII
)
_EXPANDED = re.compile(r"([A-Za-z]+)(\d+)_(\d+)", re.ASCII)
_OF_LEVEL = re.compile(r"([A-Za-z]+)_(\d*)_?([xyz])", re.ASCII)
_WORD = re.compile(r"([A-Za-z]+?)(\d*)((?:_\w+?)*)", re.ASCII)


def name_in_latex(name: str) -> str:
    r"""N_12_v1_2 as N^{v_1}_{12;2} (component 2 of the function of d_12 v_1), v0_1 as v^{(0)}_1,
    A_11_z as A^z_11, y1 as y_1.
    """
    if cell := _CELL_FUNCTION.fullmatch(name):
        head, level, source, field, component = cell.groups()
        above = []
        if level:
            above.append(f"({level})")
        if field:
            above.append(name_in_latex(field))
        letter = r"\psi" if head == "psi" else head
        below = ";".join(filter(None, (source, component)))
        return letter + _script("^", " ".join(above)) + _script("_", below)
    if expanded := _EXPANDED.fullmatch(name):
        letter, order, axes = expanded.groups()
        return rf"{_letter(letter)}^{{({order})}}_{{{axes}}}"
    if of_level := _OF_LEVEL.fullmatch(name):
        letter, axes, level = of_level.groups()
        return _letter(letter) + _script("^", level) + _script("_", axes)
    if word := _WORD.fullmatch(name):
        letter, number, rest = word.groups()
        below = ", ".join(filter(None, (number, *map(_letter, rest.split("_")))))
        return _letter(letter) + _script("_", below)
    return latex_name(name)


def _script(mark: str, content: str) -> str:
    """A superscript ^{...} or a subscript _{...}; nothing for nothing."""
    if content:
        return f"{mark}{{{content}}}"
    return ""


def _letter(word: str) -> str:
    """A letter or Greek letter as it is, a longer word upright."""
    greek = translate(word)
    if len(word) < 2 or greek != word or word[0].isdigit():
        return greek
    return rf"\mathrm{{{word}}}"


def text(expr: Any) -> str:
    """One line of text for an expression or an equation; the rows of a system are set apart by
    semicolons.
    """
    if isinstance(expr, sp.Equality):
        return "; ".join(f"{text(row.lhs)} = {text(row.rhs)}" for row in rows(expr))
    if isinstance(expr, sp.Expr):
        return _line(expr)
    return str(_Text().doprint(expr))


@lru_cache(maxsize=4096)
def _line(expr: sp.Expr) -> str:
    """Kept, because a law holds the same products of coefficients many times."""
    return str(_Text().doprint(tidy(expr)))


def latex(expr: Any) -> str:
    """LaTeX for an expression or a scalar equation."""
    if isinstance(expr, sp.Equality):
        return f"{latex(expr.lhs)} = {latex(expr.rhs)}"
    return str(_Latex().doprint(tidy(expr)))


def marks(derivative: sp.Derivative) -> str:
    """The partial signs of a derivative in LaTeX."""
    return _Latex().marks(derivative)


def rows(e: sp.Basic) -> tuple[sp.Basic, ...]:
    """The scalar equations of a system; anything else as it is."""
    if isinstance(e, sp.Equality) and isinstance(e.lhs, MatrixBase):
        return tuple(equation(left, right) for left, right in zip(e.lhs, e.rhs, strict=True))
    return (e,)


def tidy(expr: Any) -> Any:
    """For reading: signs stand in front, and one derivative in front of all that is under it, d(a)
    + d(b) = d(a + b).
    """
    if not isinstance(expr, sp.Expr):
        return expr
    sign, positive = _signed(expr)
    return sign * positive


def _signed(e: sp.Expr) -> tuple[int, sp.Expr]:
    """e = sign * positive."""
    if isinstance(e, sp.Add):
        return _sum([_signed(part) for part in e.args])
    if isinstance(e, sp.Mul):
        factors = [_signed(f) for f in e.args]
        return prod(sign for sign, _ in factors), sp.Mul(*[f for _, f in factors])
    if isinstance(e, Mean):
        sign, inner = _signed(e.args[0])
        return sign, Mean(inner)
    if isinstance(e, sp.Derivative):
        sign, inner = _signed(e.expr)
        return sign, sp.Derivative(inner, *e.variable_count, evaluate=False)
    if isinstance(e, (sp.sin, sp.cos)):
        # 2 pi (y1 + y2), which SymPy itself writes pi (2 y1 + 2 y2).
        angle = sp.factor_terms(e.args[0])
        return 1, e.func(angle, evaluate=False)
    if e.is_number and e.is_negative:
        return (-1, -e)
    return (1, e)


def _sum(parts: list[tuple[int, sp.Expr]]) -> tuple[int, sp.Expr]:
    """A sum with equal outer derivatives gathered; negative where every term is."""
    under: dict[Any, list[tuple[int, sp.Expr]]] = {}
    others = []
    for sign, part in parts:
        if isinstance(part, sp.Derivative) and not needs_no_brackets(part.expr):
            under.setdefault(part.variable_count, []).append((sign, part.expr))
        else:
            others.append((sign, part))
    for variables, inner in under.items():
        sign, total = _sum_under_derivative(inner)
        others.append((sign, sp.Derivative(total, *variables, evaluate=False)))
    outer = -1 if all(sign < 0 for sign, _ in others) else 1
    return outer, sp.Add(*[outer * sign * part for sign, part in others])


def _sum_under_derivative(inner: list[tuple[int, sp.Expr]]) -> tuple[int, sp.Expr]:
    """The sum with the sign of the flux in it, which stands in front: -d( a d(u) - b u )."""
    flat = []
    for sign, e in inner:
        for piece in sp.Add.make_args(e):
            own, positive = _signed(piece)
            flat.append((sign * own, positive))
    sign, total = _sum(flat)
    fluxes = [own for own, piece in flat if piece.has(sp.Derivative)]
    if sign > 0 and total.has(sp.Derivative) and all(own < 0 for own in fluxes):
        return -1, -total
    return sign, total


def equation(lhs: sp.Expr, rhs: sp.Expr) -> sp.Equality:
    """An equation that stays one, also where both sides are numbers."""
    return sp.Equality(lhs, rhs, evaluate=False)


def term(
    c: sp.Expr,
    left: MultiIndex,
    function: sp.Expr,
    right: MultiIndex,
    coordinates: tuple[sp.Symbol, ...],
) -> sp.Expr:
    """D^left( c D^right function ), with a leading minus sign of c in front."""
    sign = -1 if c.could_extract_minus_sign() else 1
    return sign * differentiate(
        (sign * c) * differentiate(function, right, coordinates), left, coordinates
    )


def source(c: sp.Expr, left: MultiIndex, coordinates: tuple[sp.Symbol, ...]) -> sp.Expr:
    """D^left( c ), with a leading minus sign of c in front."""
    if c.could_extract_minus_sign():
        return -differentiate(-c, left, coordinates)
    return differentiate(c, left, coordinates)
