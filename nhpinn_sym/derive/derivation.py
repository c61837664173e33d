"""The derivation as it is read: numbered steps of text and equations, printable and as a LaTeX document."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy as sp

from .notation import latex, text

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[a4paper, landscape, margin=2cm]{geometry}
\usepackage{amsmath}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\begin{document}
"""


@dataclass(frozen=True)
class Step:
    """One step: a title, a sentence, and the equations (an sp.Equality, or any expression)."""

    title: str
    remark: str
    equations: tuple[sp.Basic, ...] = ()


@dataclass(frozen=True)
class Derivation:
    """The steps from the multiscale equation to the homogenized one."""

    title: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [self.title, "=" * len(self.title)]
        for number, step in enumerate(self.steps, 1):
            lines += ["", f"{number}. {step.title}", *([f"   {step.remark}"] if step.remark else []), *(f"      {text(e)}" for e in step.equations)]
        return "\n".join(lines)

    def latex(self) -> str:
        """A complete LaTeX document (article, amsmath); long sums are broken at their terms."""
        body = [rf"\section*{{{_escape(self.title)}}}"]
        for number, step in enumerate(self.steps, 1):
            body.append(rf"\subsection*{{{number}. {_prose(step.title)}}}")
            body.append(_prose(step.remark))
            if step.equations:
                rows = " \\\\\n".join(row for e in step.equations for row in _rows(e))
                body.append(f"\\begin{{align*}}\n{rows}\n\\end{{align*}}")
        return _PREAMBLE + "\n".join(body) + "\n\\end{document}\n"

    def fragment(self) -> str:
        """The equations of the last step as LaTeX, for a notebook."""
        return "$$" + r" \\ ".join(latex(e) for e in self.steps[-1].equations) + "$$"


def _rows(e: sp.Basic) -> list[str]:
    """An equation as rows of align*, one term per row where it is long."""
    if not isinstance(e, sp.Equality):
        return [f"& {latex(e)}"]
    whole = f"{latex(e.lhs)} &= {latex(e.rhs)}"
    if len(whole) < 150:
        return [whole]
    left, right = _terms(e.lhs), _terms(e.rhs)
    head = [f"{left[0]} &= {right[0]}"] if len(left) == 1 else [f"& {left[0]}", *(rf"&\quad {t}" for t in left[1:]), f"&= {right[0]}"]
    return [*head, *(rf"&\quad {t}" for t in right[1:])]


def _terms(side: sp.Expr) -> list[str]:
    """The terms of a sum, each with its sign but the first's plus."""
    first, *others = (latex(part) for part in side.as_ordered_terms())
    return [first, *(piece if piece.startswith("-") else f"+ {piece}" for piece in others)]


_LITERAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\^{}", "<": "$<$", ">": "$>$"} | {mark: "\\" + mark for mark in "&%#_${}"}
_FORMULAS = ((r"eps\^(-?\w+)", r"$\\epsilon^{\1}$"), (r"\beps\b(?!\^)", r"$\\epsilon$"), (r"\bd_([xy])i\b", r"$\\partial_{\1_i}$"),
             (r"\bA_(-?\w+)", r"$A_{\1}$"), (r"\b([uxy])(\d)\b", r"$\1_\2$"), (r"<", r"$\\langle$"), (r">", r"$\\rangle$"))


def _escape(sentence: str) -> str:
    """Any text for LaTeX."""
    return "".join(_LITERAL.get(mark, mark) for mark in sentence)


def _prose(sentence: str) -> str:
    """A title or remark of a step for LaTeX, its formulas in mathematics."""
    for pattern, formula in _FORMULAS:
        sentence = re.sub(pattern, formula, sentence)
    parts = sentence.split("$")
    return "$".join(part if k % 2 else _escape(part) for k, part in enumerate(parts))
