"""Lines of emitted text: short, and of the same meaning."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from nhpinn_sym.emit.layout import WIDTH, prose, statement

NAMES = st.sampled_from(
    ["alpha", "x1", 'k["A", (0, 1)]', "d[(1, 0)][..., 0]", "ufl.sin(2*ufl.pi*x1)", "-q", "3.25"]
)
EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " - ", "*", "/"]), inner).map(
            "({0[0]}{0[1]}{0[2]})".format
        ),
        st.lists(inner, min_size=1, max_size=4).map(lambda a: f"f({', '.join(a)})"),
    ),
    max_leaves=40,
)


def same(text: str, lines: list[str]) -> bool:
    return ast.dump(ast.parse(text)) == ast.dump(ast.parse("\n".join(lines)))


@given(EXPRESSIONS, st.sampled_from(["value = {}", "a[0] = {}", "f({})"]))
def test_a_statement_keeps_its_meaning(expression: str, form: str) -> None:
    text = form.format(expression)
    lines = statement(text)
    assert same(text, lines) and all(len(line) <= WIDTH for line in lines)
    assert 'k["A", (0, 1)]' in "\n".join(lines) or "k[" not in text


@given(EXPRESSIONS)
def test_a_returned_value_keeps_its_meaning(expression: str) -> None:
    text = f"return {expression}"
    lines = statement(text, 4)
    whole = "def f():\n    " + text
    assert same(whole, ["def f():", *lines]) and all(len(line) <= WIDTH for line in lines)


def test_imports_and_heads() -> None:
    names = ", ".join(f"name_{k}" for k in range(20))
    for text in (f"from .module import {names}", f"def function({names}): pass"):
        assert same(text, statement(text)) and max(map(len, statement(text))) <= WIDTH


def test_docstrings_are_broken_between_words() -> None:
    words = " ".join(["word"] * 50)
    broken = prose(f"{words}\n    {words}")
    assert max(map(len, broken.split("\n"))) <= WIDTH and broken.split() == ["word"] * 100
    assert "\n        word" in broken
