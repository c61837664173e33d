"""What the solved cell problems must satisfy for the expansion to exist; what is said where they do
not.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.time_averages import ORDERED
from ..problem.errors import SolvabilityError
from .solution import CellBatch

# Fredholm multipliers below this are rounding, on whichever backend.
_LEAST_MULTIPLIER = 1e-6
# Multipliers are known to so many times the tolerance and the residual of the solver.
_TIMES_TOLERANCE = 1e3
# The residual of an iterative solve may show in a mean, several times.
_TIMES_RESIDUAL = 10
# Relative variation over tau of a mean drift that is rounding, or an error of the cell functions.
_STEADY = 1e-6
# Eigenvalues of a ground state below this are zero up to the error of the solve.
_STATIONARY = 1e-6


def require_expansion(model: HomogenizedModel, batch: CellBatch, tolerance: float) -> None:
    """SolvabilityError where the solved cells show that the expansion has no such solution."""
    _require_solvable(model, batch, tolerance)
    _require_stationary_ground_state(model, batch)
    _require_steady_frame(model, batch)


def _require_solvable(model: HomogenizedModel, batch: CellBatch, tolerance: float) -> None:
    """The Fredholm multiplier of every cell problem vanishes, to the accuracy that the backend says
    it has reached.
    """
    reached = max(
        _LEAST_MULTIPLIER,
        _TIMES_TOLERANCE * tolerance,
        _TIMES_RESIDUAL * float(batch.info.get("residual", 0.0)),
        float(batch.info.get("multiplier_error", 0.0)),
    )
    for name, value in batch.info.get("multipliers", {}).items():
        if value > reached:
            what = (
                f"the right-hand side of the cell problem {name} has the mean {value:.2e} relative"
                " to its size, and must have none"
            )
            raise explain_unsolvable(model, name, what)


def explain_unsolvable(model: HomogenizedModel, name: str, what: str) -> SolvabilityError:
    """A violated Fredholm condition, with the cell problem and what its macroscopic source says
    about the cause.
    """
    problem = next((p for p in model.cell_problems if p.name == name), None)
    if problem is None:
        return SolvabilityError(what, term=name)
    field, alpha = problem.key
    kind = "source"
    if field is not None:
        kind = ("reaction", "drift", "term of higher order")[min(sum(alpha), 2)]
    power = model.recursion.lowest + model.recursion.power(problem.cell_function.level)
    cause = f"this is a mean {kind} of the size eps^{power}, weighted by psi, without a limit"
    ordered = any(t.title == ORDERED for t in model.transformations)
    cause += ", to which the time-ordered averages of the fast time belong" if ordered else ""
    return SolvabilityError(what, term=problem, remedy=f"{cause}: {_remedy(model, kind, power)}")


def _remedy(model: HomogenizedModel, kind: str, power: sp.Expr) -> str:
    """What helps against a mean of a negative power."""
    simple = {
        "source": "subtract its mean, or scale it without the negative power of eps",
        "reaction": "subtract its mean, or scale it without the negative power of eps",
        "term of higher order": (
            "divide the equation by the power of eps at which this term stands, or subtract its"
            " mean"
        ),
    }
    if kind != "drift":
        return simple[kind]
    if not model.problem.time_order:
        return "add s.dt(u), then the moving frame is found; or subtract the mean"
    if model.components > 1:
        return "the mean drifts of the fields differ, or depend on x: subtract the mean"
    return (
        "a moving frame is there for rho u_t, coefficients in y alone and the power eps^-1:"
        " subtract the mean"
    )


def _require_steady_frame(model: HomogenizedModel, batch: CellBatch) -> None:
    """A mean drift at frozen tau that is the same at every tau."""
    for j in range(len(model.frame) if model.cell_operator.frozen else 0):
        values = np.asarray(batch.effective.get(("drift", (j,)), 0.0))
        if float(np.ptp(values)) > _STEADY * (1 + float(np.abs(values).max())):
            raise SolvabilityError(
                f"the mean drift of order 1/eps depends on tau: from {values.min():.4g} to"
                f" {values.max():.4g}",
                term=model.frame[j].velocity,
                remedy=(
                    "it moves u to and fro without a limit: subtract its "
                    "oscillation, or use fast_time=2 or above"
                ),
            )


def _require_stationary_ground_state(model: HomogenizedModel, batch: CellBatch) -> None:
    """Without a time derivative nothing balances lambda0 eps^-2."""
    if model.eigenvalue is None or model.problem.time_order:
        return
    value = float(np.abs(batch.effective["lambda0", ()]).max())
    if value > _STATIONARY:
        raise SolvabilityError(
            f"the ground state of the cell operator has the eigenvalue {value:.6g}, and must have 0"
            " in a stationary problem",
            term=model.writer.kernel_equations()[0],
            remedy="add s.dt(u), or shift the reaction of order eps^-2 by its eigenvalue",
        )
