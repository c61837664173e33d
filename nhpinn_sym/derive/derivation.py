"""The derivation as it is read: numbered steps of text and equations, printable and as a LaTeX document."""

from __future__ import annotations

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
            body.append(rf"\subsection*{{{number}. {_escape(step.title)}}}")
            body.append(_escape(step.remark))
            if step.equations:
                rows = " \\\\\n".join(row for e in step.equations for row in _rows(e))
                body.append(f"\\begin{{align*}}\n{rows}\n\\end{{align*}}")
        return _PREAMBLE + "\n".join(body) + "\n\\end{document}\n"

    def fragment(self) -> str:
        """The equations of the last step as LaTeX, for a notebook."""
        return "$$" + r" \\ ".join(latex(e) for e in self.steps[-1].equations) + "$$"


def _rows(e: sp.Basic) -> list[str]:
    """An equation as rows of align*, one term per row where it is long."""
    lhs, rhs = e.args if isinstance(e, sp.Equality) else (None, e)
    whole = latex(e)
    if len(whole) < 150:
        return [whole.replace(" = ", " &= ", 1) if lhs is not None else f"& {whole}"]
    rows: list[str] = []
    for side, mark in ((lhs, ""), (rhs, "= ")):
        if side is None:
            continue
        for k, part in enumerate(sp.Add.make_args(side)):
            piece = latex(part)
            lead = mark if k == 0 else ("" if piece.startswith("-") else "+ ")
            rows.append(f"& {lead}{piece}")
    return rows


_LITERAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\^{}", "<": "$<$", ">": "$>$"} | {mark: "\\" + mark for mark in "&%#_${}"}


def _escape(sentence: str) -> str:
    """Plain text for LaTeX."""
    return "".join(_LITERAL.get(mark, mark) for mark in sentence)
