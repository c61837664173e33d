"""What every backend says where Newton's method fails, or ends early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..problem.errors import NhpinnError, SolveError, warn_tolerance

# Residual, relative to its parts, up to which a stalled iteration is rounding.
_CONVERGED = 1e-9


@contextmanager
def newton_errors(label: str) -> Iterator[None]:
    """Turns what Newton's method raises into SolveError."""
    try:
        yield
    except NhpinnError:
        raise
    except RuntimeError as cause:
        raise SolveError(
            f"{label}: {cause}",
            remedy="try a finer mesh, smaller data, or a law that is less degenerate",
        ) from cause


def warn_of_rest(label: str, rest: float) -> None:
    """ToleranceWarning for an iteration that ended with this residual, relative to its parts."""
    if rest > _CONVERGED:
        warn_tolerance(
            f"{label}: Newton's method ended with a residual of {rest:.1e} of its parts, which no"
            " step lowers: the law is not smooth, or degenerate, at a state of the solution"
        )
