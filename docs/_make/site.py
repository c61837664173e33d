"""A Sphinx extension: writes the pages that are made, and sets formulas in MathML, which browsers
show without a program from elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from nhpinn_sym.validate.mathml import mathml

from . import examples, messages, reference, results

GENERATED = Path(__file__).parents[1] / "generated"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", lambda *_: write_pages())
    app.connect("autodoc-process-docstring", _docstring, priority=100)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(folder: Path = GENERATED) -> None:
    """All pages, in `folder`."""
    kinds = {"classes": examples.class_examples(), "examples": examples.other_examples()}
    kinds["nonlinear"] = examples.nonlinear_examples()
    for kind, held in kinds.items():
        for example in held:
            _write(folder / kind / f"{example.name}.md", examples.page(example))
        _write(folder / f"{kind}.md", examples.gallery(held, kind))
    for stage in reference.STAGES:
        _write(folder / "reference" / f"{stage}.rst", reference.page(stage))
    _write(folder / "errors.md", messages.errors_page())
    _write(folder / "verdicts.md", messages.verdicts_page())
    _write(folder / "overview.md", results.overview())
    _write(folder / "choice.md", results.choice())
    _write(folder / "sizes.md", results.sizes())


def _write(path: Path, text: str) -> None:
    """Only what changed: Sphinx reads pages anew by their times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _docstring(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    lines[:] = reference.docstring(lines)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="equations">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode
