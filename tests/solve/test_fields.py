"""Every class of cell functions answers the same questions, and files name each by its kind."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from nhpinn_sym.problem.errors import FileError
from nhpinn_sym.solve.fields import _KINDS, CellField, InterpolatedField, field_data, read_field
from nhpinn_sym.solve.fourier.cells import FourierField

FIELD = FourierField(((0.0, 1.0),), (np.array([0.0, 0.5, 0.5]), np.array([1.0, 0.5, 0.5])))
"""cos 2 pi y, and 1 more, at two slow points."""


@pytest.mark.parametrize("kind", _KINDS)
def test_the_table_names_the_class_that_names_the_kind(kind: str) -> None:
    module, name = _KINDS[kind]
    own = getattr(importlib.import_module(f"nhpinn_sym.solve.{module}"), name)
    assert issubclass(own, CellField)
    assert own.kind == kind


def test_a_field_at_slow_points_between() -> None:
    basis = np.array([[0.25, 0.75]])
    found = FIELD.restricted(basis, np.zeros((1, 1)))
    again = read_field(field_data(found))
    y = np.array([[0.1], [0.4]])
    expected = np.cos(2 * np.pi * y[:, 0]) + 0.75
    assert isinstance(again, InterpolatedField)
    assert np.allclose(again.derivative(y, (0,))[0], expected)
    assert again.lines == ()


def test_a_kind_of_another_version() -> None:
    with pytest.raises(FileError, match="no cell function"):
        read_field({"kind": "spline"})
