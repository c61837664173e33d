"""Which operator cells and mean fields belong to. Two operators are the same where their
coefficients have the same numbers, however these are written; sources that do not oscillate and
domains have no part in it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..operator.table import Operator
from ..problem.errors import UnsupportedError, shortened, warn_tolerance
from ..problem.images import ImageFunction
from ..problem.numeric import NOT_EVALUATED, is_implemented, lambdified
from .solution import Array

KEY = "operator"
"""In the info of cells and mean fields: the digest of their operator."""
# Random points at which coefficients are asked, and weighted sums of what they are there: fewer
# numbers to round than points.
_POINTS = 4096
_SUMS = 4
_DIGITS = 8


def operator_digest(op: Operator) -> str:
    """Equal for the same coefficients, cell, holes and contacts."""
    kept = {t: c for t, c in op.table.items() if t.field is not None or c.has(*op.fast)}
    problem = op.problem
    parts = [repr(op.cell), str(problem.holes), str(problem.contacts)]
    terms = sorted(kept, key=str)
    parts += [str(tuple(term)) for term in terms]
    coefficients = [kept[term] for term in terms]
    try:
        parts += [f"{total:.{_DIGITS}e}" for total in _sums(op, coefficients)]
    except (UnsupportedError, *NOT_EVALUATED):  # derivatives of what has no formula
        parts += map(str, coefficients)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def warn_of_other_operator(
    info: Mapping[str, Any], op: Operator, remedy: str = "solve_cells(model) gives its own"
) -> None:
    """ToleranceWarning where `info` is that of another operator; files of old hold none.

    No error: to put the cells of a changed coefficient into an equation shows what the change does.
    """
    known = info.get(KEY)
    if known is not None and known != operator_digest(op):
        equation = shortened(op.problem.equations[0])
        warn_tolerance(f"the cells are those of another operator than that of {equation}: {remedy}")


def warn_of_other_cells(mean: Mapping[str, Any], cells: Mapping[str, Any]) -> None:
    """ToleranceWarning where a mean field was solved for with the cells of another operator."""
    if mean.get(KEY, cells.get(KEY)) != cells.get(KEY, mean.get(KEY)):
        warn_tolerance(
            "u0 was solved for with the cells of another operator: use those that it was solved "
            "with"
        )


def _sums(op: Operator, coefficients: Sequence[sp.Expr]) -> Array:
    """Weighted sums over random points of the cell: real parts, then imaginary ones."""
    rng = np.random.default_rng(0)
    parameters = sorted(op.problem.parameters, key=str)
    symbols = (*op.slow, *op.fast, *parameters)
    columns = dict(zip(symbols, rng.random((len(symbols), _POINTS)), strict=True))
    for symbol, (low, high) in zip(op.fast, op.cell.bounds, strict=True):
        columns[symbol] = float(low) + float(high - low) * columns[symbol]
    weights = rng.random((_POINTS, _SUMS))
    given = {f: sp.Dummy() for c in coefficients for f in _without_numbers(c)}
    stand = [_of_function(f, columns) for f in given]
    call = lambdified(
        (*columns, *given.values()),
        [c.xreplace(given) for c in coefficients],
        ["scipy", "numpy"],
        cse=True,
    )
    with np.errstate(all="ignore"):
        found = [np.broadcast_to(v, _POINTS) for v in call(*columns.values(), *stand)]
    values = np.array(found, dtype=complex)
    values[~np.isfinite(values)] = 0
    total = (values @ weights).ravel()
    # Rounding beside the largest is no difference.
    size = np.abs(total).max(initial=1e-300)
    parts = np.concatenate([[size], total.real / size, total.imag / size])
    return np.asarray(np.where(np.abs(parts) < 10.0**-_DIGITS, 0.0, parts))


def _without_numbers(coefficient: sp.Expr) -> set[AppliedUndef]:
    return {f for f in coefficient.atoms(AppliedUndef) if not is_implemented(f)}


def _of_function(function: AppliedUndef, columns: Mapping[sp.Symbol, Array]) -> Array:
    """An image by its numbers, what has no formula by its name."""
    if isinstance(function, ImageFunction):
        return function.image(*(columns[argument] for argument in function.args))
    return np.full(_POINTS, zlib.crc32(str(function).encode()) / 2**32)
