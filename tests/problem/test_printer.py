"""Figures that another process prints are those that are printed here, and so where it fails."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from matplotlib import rc_context

from nhpinn_sym.problem.pictures import Sheet, curves, field, rates
from nhpinn_sym.problem.printer import Named, Printed, Printer, printed


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def pictures() -> list[Named]:
    sheet = Sheet(1, 3, (3, 2.5))
    x = np.linspace(0, 1, 9)
    curves(sheet.at(0, 0), x, {"$u_0$": x**2, r"$u_\varepsilon$": x}, "u", "$x$")
    rates(sheet.at(0, 1), {"e": ([0.25, 0.125], [0.2, 0.1])}, 1, "rate")
    axes = sheet.at(0, 2)
    sheet.bar(field(axes, [x, x], np.outer(x, x), "", ("", "")), axes)
    return [("sheet", sheet.drawing("sheet", "").figure), ("empty", Sheet(1, 1, (1, 1)).figure)]


def sent(given: list[Named]) -> list[Printed]:
    with Printer() as printer:
        for one in given:
            printer.send(*one)
        return printer.files()


def test_another_process_prints_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the settings of this one."""
    given = pictures()
    with rc_context({"font.size": 13.0, "svg.fonttype": "none"}), Printer() as printer:
        for one in given:
            printer.send(*one)
        expected = [printed(*one) for one in given]
        assert "<text" in expected[0].svg
        assert printer._process is not None
        with monkeypatch.context() as here:
            here.setattr("nhpinn_sym.problem.printer.printed", None)  # none is printed here
            assert printer.files() == expected


@pytest.mark.parametrize("program", ["/nowhere/python", "", None, "/bin/false"])
def test_printed_here_where_no_process_does(
    program: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    given = pictures()
    assert sent(given) == [printed(*one) for one in given]


def test_what_cannot_be_sent_is_printed_here() -> None:
    given = pictures()
    given[0][1].kept = lambda: None
    assert sent(given) == [printed(*one) for one in given]


def test_an_interruption_ends_the_process() -> None:
    with pytest.raises(KeyboardInterrupt), Printer() as printer:
        process = printer._process
        raise KeyboardInterrupt
    assert process is not None and process.returncode is not None
