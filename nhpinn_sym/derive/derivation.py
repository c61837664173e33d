"""The derivation as it is read: numbered steps of text and equations, printable and as a LaTeX
document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from html import escape

import sympy as sp

from ..problem.escaping import latex_text, printable
from ..problem.html_text import html_line
from .notation import Mean, latex, marks, rows, terms, text, tidy
from .prose import latex_prose

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[a4paper, landscape, margin=2cm]{geometry}
\usepackage{amsmath}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\begin{document}
"""
HOMOGENIZED = "Homogenized equation"
"""The title of the step that ends with it."""


@dataclass(frozen=True)
class Step:
    """One step: a title, a sentence, and the equations (an sp.Equality, or any expression).

    Title and remark are `prose.Prose` where they hold formulas.
    """

    title: str
    remark: str
    equations: tuple[sp.Basic, ...] = ()

    @cached_property
    def aligned(self) -> str:
        """The equations as the body of align*, long sums broken at their terms."""
        return _aligned(self.equations)


@dataclass(frozen=True)
class Derivation:
    """The steps from the multiscale equation to the homogenized one."""

    title: str
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"derivation in {len(self.steps)} steps: {self.title}"

    def __str__(self) -> str:
        lines = [self.title, "=" * len(self.title)]
        for number, step in enumerate(self.steps, 1):
            lines += [
                "",
                f"{number}. {step.title}",
                *([f"   {step.remark}"] if step.remark else []),
            ]
            lines += [f"      {text(row)}" for e in step.equations for row in rows(e)]
        return "\n".join(map(printable, lines))

    def latex(self) -> str:
        """A complete LaTeX document (article, amsmath); long sums are broken at their terms."""
        body = [rf"\section*{{{latex_text(self.title)}}}"]
        for number, step in enumerate(self.steps, 1):
            body.append(rf"\subsection*{{{number}. {latex_prose(step.title)}}}")
            body.append(latex_prose(step.remark))
            if step.equations:
                body.append(f"\\begin{{align*}}\n{step.aligned}\n\\end{{align*}}")
        return _PREAMBLE + "\n".join(body) + "\n\\end{document}\n"

    def _repr_html_(self) -> str:
        """All steps, for a notebook."""
        parts = [f"<h3>{escape(self.title)}</h3>"]
        for number, step in enumerate(self.steps, 1):
            parts.append(f"<h4>{number}. {escape(latex_prose(step.title))}</h4>")
            parts.append(html_line(latex_prose(step.remark)))
            if step.equations:
                body = escape(step.aligned)
                parts.append(rf"$$\begin{{aligned}} {body} \end{{aligned}}$$")
        return "\n".join(parts)

    def fragment(self) -> str:
        """The equations of the last step as LaTeX, for a notebook."""
        return rf"$$\begin{{aligned}} {self.steps[-1].aligned} \end{{aligned}}$$"


# Characters that fit into a line of a landscape page, about.
_WIDTH = 105


def _aligned(equations: tuple[sp.Basic, ...]) -> str:
    """The body of align* for equations (of a system: for each of its own), at their equality signs
    where the left sides are short.
    """
    blocks = [[_sides(row) for row in rows(whole)] for whole in equations]
    every = [sides for block in blocks for sides in block]
    widest = max(_width(" ".join(sides[0])) for sides in every)
    short = widest < _WIDTH / 4 and all(len(sides) == 2 for sides in every)
    texts = []
    several = False
    for block in blocks:
        lines = []
        for sides in block:
            lines += _at_sign(sides[0], sides[1], widest) if short else _flowing(*sides)
        several |= len(lines) > 1
        texts.append(" \\\\\n".join(lines))
    gap = " \\\\[1ex]\n" if several else " \\\\\n"
    return gap.join(texts)


def _sides(row: sp.Basic) -> list[list[str]]:
    """The two sides of an equation in pieces, or the one of anything else."""
    sides = row.args if isinstance(row, sp.Equality) else (row,)
    return [_pieces(side) for side in sides]


def _at_sign(left: list[str], right: list[str], widest: int) -> list[str]:
    first, *others = _filled(right, _WIDTH - widest)
    return [f"{' '.join(left)} &= {first}", *(rf"&\quad {line}" for line in others)]


def _flowing(left: list[str], right: list[str] | None = None) -> list[str]:
    pieces = left if right is None else [*left, f"= {right[0]}", *right[1:]]
    first, *others = _filled(pieces, _WIDTH)
    return [f"& {first}", *(rf"&\quad {line}" for line in others)]


def _filled(pieces: list[str], limit: int) -> list[str]:
    """Pieces joined to lines."""
    lines = pieces[:1]
    for piece in pieces[1:]:
        if _width(lines[-1]) + _width(piece) <= limit:
            lines[-1] += " " + piece
        else:
            lines.append(piece)
    return lines


def _width(formula: str) -> int:
    """About the number of characters that are seen."""
    seen = re.sub(r"\\(left|right|bigl|bigr|mathrm|cdot|quad|frac)|\\,|[{}_^& ]", "", formula)
    return len(re.sub(r"\\(?!sin|cos|exp|log)[a-z]+", "a", seen))


def _pieces(side: sp.Expr) -> list[str]:
    """A sum as pieces that are not broken, each with its sign but the first's plus; the long ones
    opened at their brackets.
    """
    found: list[str] = []
    for part in terms(tidy(side)):
        own = _opened(part) if _width(latex(part)) > _WIDTH else [latex(part)]
        found += own if not found or own[0].startswith("-") else [f"+ {own[0]}", *own[1:]]
    return found


def _opened(part: sp.Expr) -> list[str]:
    """D( a + b + ... ) or < a + b + ... > as pieces."""
    factors = sp.Mul.make_args(part)
    inner = next((f for f in factors if _holds_sum(f)), None)
    if inner is None:
        return [latex(part)]
    scale = sp.Mul(*[f for f in factors if f is not inner])
    front = {1: "", -1: "-"}.get(scale, latex(scale))
    if isinstance(inner, Mean):
        head, tail = r"\bigl\langle", r"\bigr\rangle"
    else:
        head, tail = rf"{marks(inner)}\bigl(", r"\bigr)"
    first, *others = _pieces(inner.args[0])
    whole = [f"{front}{head} {first}", *others]
    return [*whole[:-1], f"{whole[-1]} {tail}"]


def _holds_sum(factor: sp.Expr) -> bool:
    return isinstance(factor, (Mean, sp.Derivative)) and isinstance(factor.args[0], sp.Add)
