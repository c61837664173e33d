"""Validations in which the coefficient of one solver of boundary value problems is another one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import nhpinn_sym as nh
from nhpinn_sym.derive.homogenize import homogenize_linear
from nhpinn_sym.solve.cells import solve_cells
from nhpinn_sym.solve.equations import solve_fine, solve_homogenized
from nhpinn_sym.validate import settings
from nhpinn_sym.validate.report import Verdict

validation = importlib.import_module("nhpinn_sym.validate.boundary_value_run")
NAMED = {"pinn": Verdict.MACRO_DISAGREES, "skfem": Verdict.FEM_MACRO_DISAGREES}


def reports(
    right: nh.MultiscaleProblem, shifted: nh.MultiscaleProblem, eps: object, **options: Any
) -> Iterator[tuple[nh.Report, Verdict]]:
    """The report, and the verdict that it should have, first where the PINN solves the problem
    `shifted`, then where FEM does; what is solved twice is kept.
    """
    other = homogenize_linear(shifted)
    cells = nh.solve_cells(other, "fourier")
    kept: dict[tuple[object, ...], Any] = {}
    wrong = [""]

    def once(key: tuple[object, ...], solve: Callable[[], Any]) -> Any:
        if key not in kept:
            kept[key] = solve()
        return kept[key]

    def fine(given: nh.MultiscaleProblem, eps: object, backend: str, **options: Any) -> Any:
        used = shifted if backend == wrong[0] else given
        return once((used, eps, backend), lambda: solve_fine(used, eps, backend, **options))

    def mean(model: Any, given: nh.CellSolution, backend: str, **options: Any) -> Any:
        used, own = (other, cells) if backend == wrong[0] else (model, given)
        key = (id(own), options["eps"], backend)
        return once(key, lambda: solve_homogenized(used, own, backend, **options))

    def alone(model: Any, backend: str, **options: Any) -> Any:
        key = ("cells", model.order, backend, options["hierarchy"])
        return once(key, lambda: solve_cells(model, backend, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "solve_cells", alone)
        patch.setattr(validation, "solve_fine", fine)
        patch.setattr(validation, "solve_homogenized", mean)
        for wrong[0], verdict in NAMED.items():
            yield nh.validate(right, eps, fem="skfem", **options), verdict
