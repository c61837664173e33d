import ast

from nhpinn_sym.emit.bundle import RUNTIME, SIBLING, bundle
from nhpinn_sym.emit.skfem_forms import RUNTIME as NAMES


def test_a_bundle_is_its_files_without_sibling_imports():
    text = bundle(*NAMES)
    lines = text.splitlines()
    assert lines.count("from __future__ import annotations") == 1
    assert not SIBLING.search(text)
    kept = [
        line
        for name in NAMES
        for line in SIBLING.sub("", (RUNTIME / f"{name}.py").read_text()).splitlines()
        if "__future__" not in line
    ]
    assert [line for line in lines if line and "__future__" not in line] == [
        line for line in kept if line
    ]


def test_a_bundle_imports_nothing_relative():
    assert all(
        node.level == 0
        for node in ast.walk(ast.parse(bundle(*NAMES)))
        if isinstance(node, ast.ImportFrom)
    )
