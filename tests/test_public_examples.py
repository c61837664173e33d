"""Every public name shows how it is used, and what it shows is so."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

NAMES = [name for name in dir(nh) if not name.startswith("_")]


def example(name: str) -> doctest.DocTest | None:
    """What stands behind >>> in the docstring; `nh`, `np` and `sp` are imported."""
    text = inspect.getdoc(getattr(nh, name)) or ""
    known: dict[str, Any] = {"nh": nh, "np": np, "sp": sp}
    found = doctest.DocTestParser().get_doctest(text, known, f"nh.{name}", None, None)
    return found if found.examples else None


def test_every_name_has_an_example() -> None:
    assert [name for name in NAMES if example(name) is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_example(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trailing digits are as printed: values are rounded where they are computed."""
    monkeypatch.chdir(tmp_path)
    shown = example(name)
    assert shown is not None
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed = runner.run(shown, out=report.append).failed
    assert not failed, "".join(report)
