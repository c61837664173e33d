"""Emitted texts in a folder without the package: what they need of the runtime, and their
imports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

RUNTIME = Path(__file__).parents[1] / "runtime"

_IMPORT = re.compile(r"^( *)from nhpinn_sym\.runtime([\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)
_SIBLING = re.compile(r"^( *)from \.(\w*) import (\([^)]*\)|.*)$", re.MULTILINE)

_RELATIVE = re.compile(r"^ *from (\.+)([\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)


def standalone(files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The files with the imports that they have in a folder, and the modules of the runtime."""
    needed: dict[Path, None] = {}
    for name, text in files:
        for module in _imported(text):
            _collect(module, needed)
        yield name, _renamed(text)
    for path in needed:
        yield f"runtime/{path.relative_to(RUNTIME).as_posix()}", path.read_text(encoding="utf-8")


def sibling_names(text: str) -> list[str]:
    """The emitted files that an emitted text imports."""
    found: list[str] = []
    for _, module, names in _SIBLING.findall(text):
        found += [module] if module else re.findall(r"(\w+)(?: as \w+)?", names)
    return found


def _renamed(text: str) -> str:
    """`nhpinn_sym.runtime` is `runtime` in a folder, and other files are beside this one."""
    text = _SIBLING.sub(
        lambda m: f"{m[1]}from {m[2]} import {m[3]}" if m[2] else f"{m[1]}import {m[3]}", text
    )
    return re.sub(r"^( *)from nhpinn_sym\.runtime\b", r"\1from runtime", text, flags=re.MULTILINE)


def _imported(text: str) -> list[Path]:
    """The modules of the runtime that an emitted text imports from."""
    found = []
    for _, dotted, names in _IMPORT.findall(text):
        found += _modules(RUNTIME.joinpath(*dotted.split(".")[1:]), re.findall(r"\w+", names))
    return found


def _modules(place: Path, names: Iterable[str]) -> list[Path]:
    """The files behind `from place import names`: a name may be a module."""
    if place.with_suffix(".py").is_file():
        return [place.with_suffix(".py")]
    files = [place / f"{name}.py" for name in names]
    return [path for path in files if path.is_file()] or [place / "__init__.py"]


def _collect(module: Path, found: dict[Path, None]) -> None:
    """A module of the runtime with all that it imports, and the packages on the way to it."""
    if module in found:
        return
    found[module] = None
    for folder in module.relative_to(RUNTIME).parents:
        found[RUNTIME / folder / "__init__.py"] = None
    for needed in _relative_imports(module):
        _collect(needed, found)


@cache
def _relative_imports(module: Path) -> tuple[Path, ...]:
    found: list[Path] = []
    for dots, dotted, names in _RELATIVE.findall(module.read_text(encoding="utf-8")):
        place = module.parents[len(dots) - 1].joinpath(*dotted.split("."))
        found += _modules(place, re.findall(r"(\w+)(?: as \w+)?", names))
    return tuple(found)
