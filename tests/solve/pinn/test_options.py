"""Options of the PINN backend: wrong values, and those that would have no effect, are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nhpinn_sym as nh
from nhpinn_sym.solve.pinn.classical.training import CellOptions, training_options
from nhpinn_sym.solve.pinn.methods import split_method
from nhpinn_sym.solve.pinn.options import collocation_options, read_options


@pytest.mark.parametrize("options", [
    {"dtype": "float32"}, {"points": 300}, {"iterations": 5}, {"flavour": "native"}, {"checkpoint": "folder"},
    {"solver": "random-features", "width": 8}, {"solver": "random-features", "depth": 3}, {"solver": "lm", "features": 100},
    {"width": 8, "features": 100},
], ids=str)  # fmt: skip
def test_an_option_without_effect_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(nh.UnsupportedError, match="does not heed"):
        collocation_options(options)


@pytest.mark.parametrize("options", [
    {"width": True}, {"width": 0}, {"depth": 1.5}, {"features": None}, {"features": float("nan")}, {"seed": -1}, {"seed": 2**70},
    {"seed": "one"}, {"scale": 0}, {"scale": float("inf")}, {"scale": "1"}, {"device": "abacus"}, {"device": 3.5}, {"device": "meta"},
    {"dtype": float}, {"solver": ["lm"]}, {"checkpoint": 3, "width": 4}, {"group": "all"}, {"flavour": None}, {"unknown": 1},
], ids=str)  # fmt: skip
def test_a_wrong_value_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(nh.ProblemError) as caught:
        read_options(options)
    assert caught.value.term is not None
    assert caught.value.remedy


@pytest.mark.parametrize("options", [
    {"epochs": None}, {"epochs": 0}, {"learning_rate": float("nan")}, {"weights": (1, 2)}, {"weights": "w"}, {"nodes": 2},
    {"form": "weak"}, {"seed": -1}, {"device": "abacus"}, {"oversampling": -1}, {"width": 1.5},
], ids=str)  # fmt: skip
def test_a_wrong_value_of_the_classical_methods_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(nh.ProblemError) as caught:
        training_options(CellOptions, options, lambda o: 2)
    assert caught.value.term is not None
    assert caught.value.remedy


def test_numbers_of_numpy_are_taken_and_what_is_trained_heeds_its_options() -> None:

    found = read_options(
        {
            "width": np.int64(6),
            "scale": np.float32(0.5),
            "points": 50,
            "dtype": "float32",
            "iterations": 3,
        }
    )
    assert (found.width, found.scale, found.points) == (6, 0.5, 50)


def test_a_method_names_one_solver() -> None:
    assert split_method({"method": "lm"}) == ("auto", {"solver": "lm"})
    with pytest.raises(nh.ProblemError, match="two solvers"):
        split_method({"method": "lm", "solver": "adam"})
    with pytest.raises(nh.ProblemError, match="no method"):
        split_method({"method": ["residual"]})
