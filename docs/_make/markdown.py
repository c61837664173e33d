"""Pieces of MyST pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nhpinn_sym.derive.derivation import Step
from nhpinn_sym.derive.prose import Formula, Prose

_MARKS = re.compile(r"([\\`*_\[\]<>|$#])")
_MOST_EQUATIONS = 4
"""Of a step that are shown: anisotropic elasticity has 82 in one."""


def escaped(text: object) -> str:
    """Text that Markdown shows as it is, also in a table."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Text in letters of a terminal, also in a table."""
    return f"`{str(text).replace('|', chr(92) + '|')}`"


def prose(sentence: str) -> str:
    """A sentence of a derivation, its formulas in mathematics."""
    parts = sentence.parts if isinstance(sentence, Prose) else (sentence,)
    return "".join(f"${p.tex}$" if isinstance(p, Formula) else escaped_words(p) for p in parts)


def escaped_words(text: str) -> str:
    """Like `escaped`, with the spaces at its ends."""
    return _MARKS.sub(r"\\\1", text)


def equations(body: str) -> str:
    """What stands in align*, as a block of mathematics."""
    return f"```{{math}}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\n```"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose entries are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def steps(derived: Iterable[Step], level: str = "###") -> list[str]:
    """A derivation, its longest lists of equations cut."""
    blocks = []
    for step in derived:
        blocks.append(f"{level} {prose(step.title)}")
        if step.remark:
            blocks.append(prose(step.remark))
        if not step.equations:
            continue
        shown = Step(step.title, step.remark, step.equations[:_MOST_EQUATIONS])
        blocks.append(equations(shown.aligned))
        left = len(step.equations) - len(shown.equations)
        if left:
            blocks.append(f"... and {left} more, which `print(model)` shows.")
    return blocks
