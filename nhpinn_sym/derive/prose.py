"""Sentences about a derivation: words and formulas, each formula with its text and its LaTeX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from ..problem.escaping import latex_text
from .notation import latex, text


class Formula(str):
    """A formula inside of a sentence: its value is the text, `tex` its LaTeX, without dollars."""

    tex: str

    def __new__(cls, written: str, tex: str) -> Formula:
        made = super().__new__(cls, written)
        made.tex = tex
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """What a copy in another process is made from."""
        return str(self), self.tex


class Prose(str):
    """A sentence: its value is the text; `latex()` is made from the same parts.

    Parts are words, `Formula`, SymPy expressions, and other prose.
    """

    parts: tuple[str, ...]

    def __new__(cls, *parts: str | sp.Basic) -> Prose:
        flat = tuple(piece for part in parts for piece in _pieces(part))
        made = super().__new__(cls, "".join(flat))
        made.parts = flat
        return made

    def __getnewargs__(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.parts

    def __add__(self, other: str) -> Prose:
        return Prose(self, other)

    def latex(self) -> str:
        """The sentence for LaTeX, its formulas in mathematics."""
        return "".join(
            f"${part.tex}$" if isinstance(part, Formula) else latex_text(part)
            for part in self.parts
        )


def latex_prose(sentence: str) -> str:
    """Any sentence for LaTeX."""
    if isinstance(sentence, Prose):
        return sentence.latex()
    return latex_text(sentence)


def formula(expr: sp.Basic) -> Formula:
    """A SymPy expression or equation inside of a sentence."""
    return Formula(text(expr), latex(expr))


def eps_power(power: Any) -> Formula:
    """eps^-2."""
    return Formula(f"eps^{power}", rf"\epsilon^{{{latex(sp.sympify(power))}}}")


def fast_of_slow(fast: str, slow: str, power: Any = 1) -> Formula:
    """y = x/eps, tau = t/eps^2."""
    exponent = "" if power == 1 else f"^{power}"
    tex = "" if power == 1 else f"^{{{latex(sp.sympify(power))}}}"
    left = latex(sp.Symbol(fast))
    return Formula(f"{fast} = {slow}/eps{exponent}", rf"{left} = {slow}/\epsilon{tex}")


def box(intervals: Iterable[tuple[sp.Expr, sp.Expr]], written: object) -> Formula:
    """(0, 1) x (0, 1)."""
    tex = r" \times ".join(f"({latex(a)}, {latex(b)})" for a, b in intervals)
    return Formula(str(written), tex)


def joined(parts: Iterable[str], between: str) -> Prose:
    """Parts with words between them."""
    pieces: list[str] = []
    for part in parts:
        pieces += [between, part] if pieces else [part]
    return Prose(*pieces)


def _pieces(part: str | sp.Basic) -> tuple[str, ...]:
    if isinstance(part, Prose):
        return part.parts
    if isinstance(part, sp.Basic):
        return (formula(part),)
    return (part,)
