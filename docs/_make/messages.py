"""Every error and its remedies, read from the places that raise it; every verdict."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nhpinn_sym as nh
from nhpinn_sym.problem import errors
from nhpinn_sym.validate.verdict import Verdict

from .markdown import code, escaped, table

PACKAGE = Path(nh.__file__).parent
_SHORTEST = 12
"""Letters of a message that say something by themselves."""


class Message(NamedTuple):
    """What a place in the package raises; braces stand for what is filled in."""

    error: str
    what: str
    remedy: str


def error_classes() -> list[type[Exception]]:
    """Those of the package, the base first."""
    held = [value for value in vars(errors).values() if inspect.isclass(value)]
    kinds = (nh.NhpinnError, nh.ToleranceWarning)
    return [value for value in held if issubclass(value, kinds)]


@cache
def messages() -> tuple[Message, ...]:
    """All of them, by the files that raise them."""
    found = list[Message]()
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "Error(" in text:
            found += _raised(ast.parse(text))
    return tuple(found)


def _raised(tree: ast.Module) -> Iterator[Message]:
    names = {kind.__name__ for kind in error_classes()}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in names or not node.args:
            continue
        what = _text(node.args[0])
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        remedy = _text(given["remedy"]) if "remedy" in given else ""
        if len(what) >= _SHORTEST:
            yield Message(node.func.id, what, remedy)


def _text(node: ast.expr) -> str:
    """A text in the source, with names in braces for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value)
    return "..."


def errors_page() -> str:
    """Each class of errors with its messages and their remedies."""
    held = defaultdict[str, dict[Message, None]](dict)
    for message in messages():
        held[message.error][message] = None
    blocks = []
    for kind in error_classes():
        base = ", ".join(code(b.__name__) for b in kind.__bases__)
        blocks.append(f"### {kind.__name__}")
        about = inspect.cleandoc(kind.__doc__ or "").partition(">>>")[0]  # without its example
        blocks.append(f"{escaped(about)} A subclass of {base}.")
        rows = [(escaped(m.what), escaped(m.remedy)) for m in held[kind.__name__]]
        if rows:
            blocks.append(
                f":::{{dropdown}} {len(rows)} messages\n\n{table(('message', 'remedy'), rows)}\n:::"
            )
    return "\n\n".join(blocks) + "\n"


def verdicts_page() -> str:
    rows = [(code(verdict.name), escaped(verdict.value)) for verdict in Verdict]
    return table(("verdict", "likely cause, and the argument to change"), rows) + "\n"
