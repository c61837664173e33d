"""The expansion against solutions that are exact at every eps, as a report holds it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sympy as sp

from ..derive.model import HomogenizedModel
from ..problem.errors import SolveError, UnsupportedError
from ..solve.cell_solution import CellSolution
from .bloch import bloch

EPS = (1 / 8, 1 / 16, 1 / 32)


def check_expansion(
    model: HomogenizedModel,
    parameters: Mapping[sp.Symbol, float] | None,
    cells: CellSolution | None = None,
) -> dict[str, Any]:
    """{"rate", "expected", "eps", "errors", "floor"}: the observed order of the approximation by
    `cells` (default: by the fourier backend) against the Bloch oracle. The rate is None where all
    errors are rounding. {"refused": why} where the oracle does not cover the model.
    """
    try:
        found = bloch(model, eps=EPS, cells=cells, parameters=parameters)
    except (UnsupportedError, SolveError) as cause:
        return {"rate": None, "expected": None, "refused": str(cause).splitlines()[0]}
    return {
        "rate": found.rate if math.isfinite(found.rate) else None,
        "expected": model.order + 1,
        "eps": list(found.eps),
        "errors": list(found.errors),
        "floor": list(found.floor),
        "wavevector": list(found.wavevector),
        "cells": "fourier" if cells is None else cells.backend,
    }
