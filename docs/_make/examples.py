"""A page for each example: its equation, its derivation, conventions, numbers, and what is tested;
and a gallery of all.

The words are those of the example's own docstring, its references among them.
"""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nhpinn_sym as nh
from nhpinn_sym.solve.cell_exports import CONVENTIONS, EQUATION

from . import results
from .markdown import code, escaped, steps, table

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
TESTS = ROOT / "tests" / "examples"
_ORDER = re.compile(r"homogenize\(\w+, order=(\d+)\)")
_REFERENCES = re.compile(r"^References?: ", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One file of examples/ that defines `problem`."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def place(self) -> str:
        """Its path in the project."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def text(self) -> str:
        """The docstring, without its references."""
        return _REFERENCES.split(self._docstring)[0].strip()

    @cached_property
    def references(self) -> str:
        """What the docstring refers to, or ""."""
        return " ".join("; ".join(_REFERENCES.split(self._docstring)[1:]).split())

    @property
    def _docstring(self) -> str:
        return ast.get_docstring(ast.parse(self.source)) or ""

    @cached_property
    def problem(self) -> nh.MultiscaleProblem:
        found: nh.MultiscaleProblem = runpy.run_path(str(self.path))["problem"]
        return found

    @property
    def title(self) -> str:
        title = self.problem.name or self.name.replace("_", " ")
        return title[0].upper() + title[1:]

    @property
    def plain(self) -> bool:
        """Whether there is nothing to homogenize."""
        return not any(e.has(*self.problem.scales.y) for e in self.problem.equations)

    @cached_property
    def model(self) -> nh.HomogenizedModel:
        written = _ORDER.search(self.source)
        return nh.homogenize(self.problem, order=int(written[1]) if written else 1)


def class_examples() -> list[Example]:
    """One for each class of PDE."""
    return [Example(path) for path in sorted((FOLDER / "classes").glob("*.py"))]


def other_examples() -> list[Example]:
    """The linear others, in boxes and regions."""
    return _with_problems(FOLDER)


def nonlinear_examples() -> list[Example]:
    """Those with a law in the place of coefficients."""
    return _with_problems(FOLDER / "nonlinear")


def _with_problems(folder: Path) -> list[Example]:
    paths = sorted(folder.glob("*.py"))
    return [Example(path) for path in paths if "problem = " in path.read_text(encoding="utf-8")]


def page(example: Example) -> str:
    """The page of one example."""
    blocks = [f"# {escaped(example.title)}", *_paragraphs(example.text)]
    blocks += [
        f"The whole example, `{example.place}`:",
        f"```{{literalinclude}} ../../../{example.place}\n:language: python\n```",
    ]
    if not example.plain:
        blocks += _pictures(example)
        blocks += ["## Derivation", "`nh.homogenize` finds, and `print(model)` shows:"]
        blocks += steps(example.model.derivation.steps)
        if isinstance(example.model, nh.HomogenizedModel):
            blocks += _conventions(example.model)
    blocks += _numbers(example)
    blocks += _tested(example)
    if example.references:
        blocks += ["## References", escaped(example.references)]
    return "\n\n".join(blocks) + "\n"


def _paragraphs(text: str) -> list[str]:
    return [escaped(part) for part in text.split("\n\n")]


def _pictures(example: Example) -> list[str]:
    held = (("coefficient", "The coefficient over two periods."), ("cells", "The cell functions."))
    return [
        f"```{{figure}} ../../results/pictures/{place.name}\n:alt: {said}\n\n{said}\n```"
        for place, said in ((results.picture(example.name, kind), said) for kind, said in held)
        if place.exists()
    ]


def _conventions(model: nh.HomogenizedModel) -> list[str]:
    rows = [
        (code(name), escaped(CONVENTIONS[name])) for name in model.effective if name in CONVENTIONS
    ]
    return [
        "## Conventions",
        f"Signs are those of `{EQUATION}`.",
        table(("`cells.effective[...]`", "meaning"), rows),
    ]


def _numbers(example: Example) -> Iterator[str]:
    """What the committed results hold of it."""
    found = results.of(example.name)
    if found is None:
        return
    yield "## Measured"
    yield results.sentence(found)
    yield from results.tables(found)


def _tested(example: Example) -> list[str]:
    """The tests of this example, with what they say."""
    blocks = []
    for path, name, text in _tests_of(example):
        said = f" {escaped(text)}" if text else ""
        blocks.append(f"`{name}` in `{path.relative_to(ROOT).as_posix()}`.{said}")
        blocks.append(
            f"```{{literalinclude}} ../../../{path.relative_to(ROOT).as_posix()}\n"
            f":language: python\n:pyobject: {name}\n```"
        )
    return ["## What is tested", *blocks] if blocks else []


def _tests_of(example: Example) -> Iterator[tuple[Path, str, str]]:
    """(file, name, docstring) of every test that is about an example."""
    for path in (TESTS / "test_classes.py", TESTS / f"test_{example.name}.py"):
        if not path.exists():
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            if path.stem != "test_classes" or node.name == f"test_{example.name}":
                yield path, node.name, ast.get_docstring(node) or ""


def gallery(examples: list[Example], folder: str) -> str:
    """Cards with pictures, for a page in docs/; `folder` is that of their pages."""
    cards = []
    for example in examples:
        drawn = results.picture(example.name, "coefficient")
        image = f":img-top: results/pictures/{drawn.name}\n" if drawn.exists() else ""
        first = escaped(example.text.split("\n\n")[0])
        cards.append(
            f":::{{grid-item-card}} {escaped(example.title)}\n"
            f":link: generated/{folder}/{example.name}\n:link-type: doc\n{image}\n{first}\n:::"
        )
    inside = "\n".join(cards)
    return f"::::{{grid}} 1 2 2 3\n:gutter: 3\n\n{inside}\n::::\n"
