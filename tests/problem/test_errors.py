"""Warnings about accuracy."""

from __future__ import annotations

from functools import singledispatch

import pytest

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import warn_tolerance


def test_a_warning_names_the_line_that_asked() -> None:
    """Also where the package chose by a type what answers."""

    @singledispatch
    def answer(value: object) -> None:
        warn_tolerance("about 1e-3")

    with pytest.warns(nh.ToleranceWarning) as found:
        answer(1)
    assert found[0].filename == __file__
