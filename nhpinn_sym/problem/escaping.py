r"""Strings that a user writes are data: titles and names as they are put into text of another
language.

A name may hold quotes, newlines, `\input{...}` or control characters; here every language has the
one function by which such a string goes into its texts. No user string reaches C++: its texts are
made of numbers alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter, tex_greek_dictionary

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\^{}",
    "<": "$<$",
    ">": "$>$",
}
_LATEX |= {mark: "\\" + mark for mark in "&%#_${}"}
_GREEK = frozenset(
    {
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
        "varepsilon",
        "vartheta",
        "varpi",
        "varrho",
        "varsigma",
        "varphi",
        "varkappa",
    }
)
_MARKS = r"(?:[_^](?:[A-Za-z0-9*]|\{[A-Za-z0-9,* ]*\}))*"
_LATEX_NAME = re.compile(rf"(?:\\(?P<command>[A-Za-z]+)|[A-Za-z]){_MARKS}", re.ASCII)
_ORDINARY = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
# Characters of a file name at most: systems allow 255 with what is put around it.
_FILE_NAME = 80


def printable(text: str) -> str:
    """One line for a terminal: control characters are written out, so that they have no effect."""
    return "".join(mark if mark.isprintable() else _code(mark) for mark in text)


def _code(mark: str) -> str:
    if mark == "\n":
        return " "
    return mark.encode("unicode_escape").decode("ascii")


def docstring(text: str) -> str:
    """A string literal of Python in triple quotes, whose value is `text`."""
    doubled = text.replace("\\", "\\\\")
    quoted = re.sub(r'"{3,}|"+\Z', lambda found: '\\"' * len(found[0]), doubled)
    return '"""' + "".join(m if m == "\n" or m.isprintable() else _code(m) for m in quoted) + '"""'


def literal(value: Any) -> str:
    """Python text of strings, numbers and None in tuples, lists and dictionaries, with double
    quotes around strings.
    """
    if isinstance(value, str):
        return (
            '"'
            + "".join(
                {"\\": "\\\\", '"': '\\"', "\n": "\\n"}.get(mark) or printable(mark)
                for mark in value
            )
            + '"'
        )
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    return repr(value)


def latex_text(text: str) -> str:
    """Any text for LaTeX, in a paragraph."""
    return "".join(_LATEX.get(mark) or _latex_mark(mark) for mark in text)


def _latex_mark(mark: str) -> str:
    """A character as LaTeX without packages has it: ASCII, Greek letters, and others by their
    number.
    """
    if mark.isascii():
        if mark.isprintable():
            return mark
        return " "
    words = unicodedata.name(mark, "").split()
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"] and len(words) == 4:
        letter = words[3].lower().replace("lamda", "lambda")
        command = letter.capitalize() if words[1] == "CAPITAL" else letter
        if command in _GREEK:
            return rf"$\{command}$"
        if command in tex_greek_dictionary:
            return rf"${tex_greek_dictionary[command]}$"
    return f"U+{ord(mark):04X}"


def latex_name(name: str) -> str:
    r"""The name of a symbol or function, in mathematics: \xi, \alpha_1 or a^* as they are, anything
    else as text.
    """
    found = _LATEX_NAME.fullmatch(name)
    if found and (found["command"] is None or found["command"] in _GREEK):
        return name
    return rf"\text{{{latex_text(name)}}}"


class _Latex(LatexPrinter):
    """SymPy's printer writes names as they are: this one writes ordinary ones so, and any others by
    `latex_name`.
    """

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        if _ORDINARY.fullmatch(expr.name):
            return str(super()._print_Symbol(expr, style))
        return latex_name(expr.name)

    def _print_Function(self, expr: sp.Function, exp: str | None = None) -> str:
        if not isinstance(expr, AppliedUndef) or _ORDINARY.fullmatch(expr.func.__name__):
            return str(super()._print_Function(expr, exp))
        power = "" if exp is None else f"^{{{exp}}}"
        arguments = ", ".join(map(self._print, expr.args))
        return rf"{latex_name(expr.func.__name__)}{power}{{\left({arguments}\right)}}"


def latex_expression(expr: sp.Basic) -> str:
    """An expression as SymPy writes it in LaTeX, whatever its names are."""
    return str(_Latex().doprint(expr))


def file_name(text: str) -> str:
    """A word for the name of a file: letters and digits, whatever the text is."""
    return re.sub("[^0-9A-Za-z]+", "_", text)[:_FILE_NAME] or "_"
