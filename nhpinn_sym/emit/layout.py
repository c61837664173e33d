"""How emitted text is laid out: statements, comments and docstrings in lines of at most WIDTH
columns.
"""

from __future__ import annotations

import io
import textwrap
import tokenize
from collections.abc import Iterator, Sequence

WIDTH = 100
# Characters of a bracketed group, such as [("A", (1, 1))], up to which it stands in one line.
_WHOLE = 28
_OPENING = "([{"
_CLOSING = ")]}"
_OPERATORS = ("+", "-", "*", "/", "&", "|")
_LAYOUT = (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT)
_HEADS = ("def ", "return ", "from ")


def statement(line: str, indent: int = 0) -> list[str]:
    """One statement, or one item of a display, from `indent` on, in as many lines as it needs.

    A value that is too long is put between brackets; lines end between tokens, and not inside of
    short bracketed groups. Indentation of the line itself is kept.
    """
    text = line.strip()
    margin = " " * (indent + len(line) - len(line.lstrip()))
    if not text or len(margin) + len(text) <= WIDTH:
        if text:
            return [margin + text]
        return [""]
    head, value = _split(text)
    if head is None:
        return _filled(text, margin, margin + "    ")
    inner = margin + "    "
    opened, value, closed = _unwrapped(value)
    return [f"{margin}{head}{opened}", *_filled(value, inner, inner + "    "), f"{margin}{closed}"]


def block(lines: Sequence[str], indent: int = 0) -> list[str]:
    """Statements, one after the other."""
    return [part for line in lines for part in statement(line, indent)]


def paragraph(text: str, indent: str = "", hanging: str = "    ") -> list[str]:
    """A line of a docstring, or of a comment with indent="# ", broken between words.

    Text that stands further to the right is broken to the right of its own beginning.
    """
    own = indent + text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.strip(),
        WIDTH,
        initial_indent=own,
        subsequent_indent=own + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]


def prose(text: str, indent: str = "") -> str:
    """Lines of a docstring, each broken where it is too long; indented ones (formulas) hang."""
    lines = []
    for line in text.split("\n"):
        lines += paragraph(line, indent, "    " if line.startswith(" ") else "")
    return "\n".join(line.rstrip() for line in lines)


def _split(text: str) -> tuple[str | None, str]:
    """What stands before a value that brackets may be put around, and the value; (None, text) where
    there is no such value.
    """
    if text.startswith("return "):
        return "return ", text.removeprefix("return ")
    if text.startswith("from ") and not text.endswith(")"):
        head, _, names = text.partition(" import ")
        return f"{head} import ", names
    if text.startswith(_HEADS):
        return None, text
    for token, start, depth in _tokens(text):
        if token == "=" and depth == 0:
            return text[:start] + "= ", text[start + 1 :].strip()
        if depth == 0 and not (token.isidentifier() or token in (",", ".", "[", "]")):
            break
    return None, text


def _unwrapped(value: str) -> tuple[str, str, str]:
    """The brackets around a value and what is inside of them; new ones where it has none."""
    whole = (0, len(value)) in _groups(value)
    if whole:
        return (value[0], value[1:-1].strip(), value[-1])
    return ("(", value, ")")


def _filled(text: str, first: str, later: str) -> list[str]:
    """The text in lines; it must stand inside of brackets, or hold them around what is broken."""
    lines: list[str] = []
    current = first
    for unit in _units(text, WIDTH - len(later)):
        piece = unit if current.strip() else unit.lstrip()
        if current.strip() and len(current) + len(piece.rstrip()) > WIDTH:
            lines.append(current.rstrip())
            current = later
            piece = unit.lstrip()
        current += piece
    return [*lines, current.rstrip()]


def _units(text: str, room: int) -> list[str]:
    """The text in parts between which a line may end: at the spaces of its outer levels, and
    between tokens where a part would not fit into `room` columns.
    """
    parts = _cut(text, spaces_only=True)
    fitting: list[str] = []
    for part in parts:
        fitting += [part] if len(part.strip()) <= room else _cut(part, spaces_only=False)
    return fitting


def _cut(text: str, spaces_only: bool) -> list[str]:
    """The text in parts that end before operators and after commas, but not in short groups."""
    inside = bytearray(len(text) + 1)
    for a, b in _groups(text):
        if b - a <= _WHOLE:
            inside[a + 1 : b] = b"1" * (b - a - 1)
    cuts = []
    before = ""
    for token, start, _ in _tokens(text):
        space = start > 0 and text[start - 1] == " "
        if start and not inside[start] and before not in (*_OPERATORS, ":"):
            tight = before in (*_OPENING, ",") or (token in _OPERATORS and before not in _OPENING)
            if space or (tight and not spaces_only):
                cuts.append(start)
        before = token
    ends = [*cuts, len(text)]
    return [text[a:b] for a, b in zip([0, *cuts], ends) if text[a:b]]


def _groups(text: str) -> Iterator[tuple[int, int]]:
    """Where brackets open and close again."""
    stack: list[int] = []
    for token, start, _ in _tokens(text):
        if token in _OPENING:
            stack.append(start)
        elif token in _CLOSING and stack:
            yield stack.pop(), start + 1


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """(token, position, depth of brackets) of one logical line."""
    found = []
    depth = 0
    try:
        for kind, token, (row, start), _, _ in tokenize.generate_tokens(io.StringIO(text).readline):
            if row == 1 and kind not in _LAYOUT:
                depth -= token in _CLOSING
                found.append((token, start, depth))
                depth += token in _OPENING
    except tokenize.TokenError:  # the text opens a bracket that a later line closes
        pass
    return found
