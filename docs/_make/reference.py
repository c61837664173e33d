"""The reference: every public name, on the page of its stage, from its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import defaultdict

import nhpinn_sym as nh

STAGES = {
    "problem": "What you write",
    "derive": "Derivation",
    "emit": "Emitted code",
    "solve": "Solving",
    "validate": "Validation",
}
_RESULTS = {
    "solve": ("nhpinn_sym.solve.solution.Solution",),
    "validate": ("nhpinn_sym.validate.report.Report", "nhpinn_sym.validate.verdict.Verdict"),
}
"""What verbs return and no public name makes."""
_ITEM = re.compile(r"^(?P<names>[A-Za-z_*][^:]{0,38}?)\s+: (?P<text>\S.*)$")
"""`name : text`: the space before the sign tells it from a sentence."""
_ALONE = ("Errors:", "Example")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def public() -> dict[str, list[str]]:
    """{stage: names}."""
    held = defaultdict[str, list[str]](list)
    for name in dir(nh):
        value = getattr(nh, name)
        if not name.startswith("_"):
            held[value.__module__.split(".")[1]].append(name)
    return dict(held)


def page(stage: str) -> str:
    """In reStructuredText, as autodoc reads it."""
    package = importlib.import_module(f"nhpinn_sym.{stage}")
    title = STAGES[stage]
    about = "\n".join(docstring((inspect.getdoc(package) or "").splitlines()))
    blocks = [f"{title}\n{'=' * len(title)}", about]
    for name in public()[stage]:
        blocks.append(entry(f"nhpinn_sym.{name}", getattr(nh, name)))
    for path in _RESULTS.get(stage, ()):
        module, _, name = path.rpartition(".")
        blocks.append(entry(path, getattr(importlib.import_module(module), name)))
    return "\n\n".join(blocks) + "\n"


def entry(path: str, value: object) -> str:
    """What autodoc is told of one name."""
    if inspect.isclass(value) and not hasattr(value, "is_Function"):
        return f".. autoclass:: {path}\n   :members:"
    return f".. auto{'class' if inspect.isclass(value) else 'function'}:: {path}"


def docstring(lines: list[str]) -> list[str]:
    """A docstring of this package as reStructuredText: `name : text` is an entry of a list of
    definitions, what stands between single marks is code."""
    done: list[str] = []
    item = verbatim = False
    for line in lines:
        verbatim = line.startswith(">>>") or (verbatim and bool(line.strip()))
        if verbatim or (line.startswith(" ") and not item):
            done.append(line)
            continue
        found = _ITEM.match(line)
        if found:
            if not item:
                done.append("")
            done += [f"``{found['names']}``", f"    {_words(found['text'])}"]
            item = True
            continue
        if item and line.startswith(_ALONE):
            done.append("")
            item = False
        item = item and bool(line.strip())
        done.append(f"    {_words(line.strip())}" if item else _words(line))
    return done


def _words(line: str) -> str:
    parts = _CODE.split(line)
    for k, part in enumerate(parts):
        parts[k] = f"``{part}``" if k % 2 else re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part)
    return "".join(parts)
