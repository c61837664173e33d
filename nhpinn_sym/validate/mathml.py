"""LaTeX, as the package writes it, in MathML, which browsers render by themselves."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree as ET

from latex2mathml.converter import convert_to_element
from markupsafe import Markup, escape

from ..derive.derivation import Derivation
from ..derive.prose import Formula, Prose

# What latex2mathml does not read, and what stands for it.
_OUTSIDE = (
    (r"\\\\\[[^\]]*\]", r"\\\\"),  # the distance of lines is the style sheet's
    (r"\\(begin|end)\{(?:aligned|gathered)\}", r"\\\1{align*}"),
    (r"\\big[lr]\\([lr]angle)", r"\\\1"),
)
_TEXT = re.compile(r"\\text\{((?:[^{}\\]|\\.|\{\})*)\}")
_MARKS = re.compile(r"\\(?:(textbackslash|textasciitilde|\^)\{\}|([&%#_${}]))")
_NAMED = {"textbackslash": "\\", "textasciitilde": "~", "^": "^"}
# Where characters of \text{...} stand while the library reads it.
_PRIVATE = 0xE000
_BRACKETS = ("\u27e8", "\u27e9")
# Operators without space around them: a partial derivative, a quotient in a line.
_TIGHT = ("\u2202", "/")


def mathml(latex: str, block: bool = False) -> Markup:
    """A formula; `block` puts it on lines of its own. Whatever names it holds, it is one element
    `math`, its texts escaped."""
    for found, put in _OUTSIDE:
        latex = re.sub(found, put, latex)
    latex = _TEXT.sub(lambda found: rf"\text{{{_MARKS.sub(_hidden, found[1])}}}", latex)
    element = convert_to_element(latex, display="block" if block else "inline")
    for node in element.iter():
        _mend(node)
    return Markup(ET.tostring(element, encoding="unicode"))


def aligned(body: str) -> Markup:
    """Equations as LaTeX has them in align*."""
    return mathml(rf"\begin{{align*}}{body}\end{{align*}}", block=True)


def sentence(text: str) -> Markup:
    """A sentence of a derivation, its formulas in mathematics."""
    parts = text.parts if isinstance(text, Prose) else (text,)
    return Markup("").join(
        mathml(part.tex) if isinstance(part, Formula) else escape(part) for part in parts
    )


def derivation_steps(derivation: Derivation) -> list[tuple[Markup, Markup, Markup]]:
    """(title, remark, equations) of each step."""
    return [
        (
            sentence(step.title),
            sentence(step.remark),
            aligned(step.aligned) if step.equations else Markup(""),
        )
        for step in derivation.steps
    ]


def _hidden(found: re.Match[str]) -> str:
    return chr(_PRIVATE + ord(_NAMED.get(found[1]) or found[2]))


def _shown(mark: str) -> str:
    if 0 <= ord(mark) - _PRIVATE < 128:
        return chr(ord(mark) - _PRIVATE)
    return mark


def _mend(node: ET.Element) -> None:
    """Characters for their references, which the library writes as text; classes for attributes
    that browsers leave aside."""
    if node.text:
        node.text = "".join(_shown(mark) for mark in html.unescape(node.text))
    if node.tag == "mi" and node.text in _BRACKETS:
        node.tag = "mo"
        node.set("stretchy", "false")
    elif node.tag == "mo" and node.text in _TIGHT:
        node.tag = "mi"
        node.set("mathvariant", "normal")
    side = node.attrib.pop("columnalign", "")
    if side:
        node.set("class", side)
