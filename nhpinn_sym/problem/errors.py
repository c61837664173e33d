"""The errors of the package: each quotes the offending term and says what to do about it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import FrameType

# Of a term that a message quotes: about ten lines of a terminal.
_LONGEST = 800
# Beyond it a text is a report of its own, such as a derivation: its title is enough.
_MOST_LINES = 8
"""Letters of a term that a message quotes."""


def shortened(value: object, text: Callable[[object], str] = repr) -> str:
    """How a message quotes a value: not at full length, and whatever its own text raises."""
    try:
        found = text(value)
    except Exception as cause:  # of any kind: the value may be the user's
        return f"a {type(value).__name__} ({type(cause).__name__} when it is printed)"
    lines = found.splitlines()
    cut = lines[0] if len(lines) > _MOST_LINES else found[:_LONGEST]
    if cut == found:
        return found
    return f"{cut}... ({len(found)} letters)"


class NhpinnError(Exception):
    """Base of every error that nhpinn_sym raises on purpose.

    Parameters: `what` is wrong, the offending `term` (anything printable) and the `remedy`, both
    optional.
    """

    def __init__(self, what: str, *, term: object = None, remedy: str | None = None) -> None:
        self.what = what
        self.term = term
        self.remedy = remedy
        lines = [what]
        if term is not None:
            lines.append(f"  term:   {shortened(term, str)}")
        if remedy is not None:
            lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


class ProblemError(NhpinnError, ValueError):
    """What the user wrote is not a problem that the package can read."""


class FileError(ProblemError):
    """A file is damaged, of another kind, or of another version of the format."""


class EquationError(ProblemError):
    """The equation is not an equation (a boolean, unequal shapes, nan)."""


class NonlinearTermError(ProblemError):
    """A term is not linear in the unknowns."""


class UndeclaredSymbolError(ProblemError):
    """A coefficient contains a symbol that nobody declared."""


class EpsilonError(ProblemError):
    """eps stands where only integer powers of it may stand."""


class JumpError(ProblemError):
    """A derivative was taken of a coefficient that jumps."""


class CoefficientError(ProblemError):
    """A coefficient is not finite, or not positive definite, on the cell."""


class PeriodError(ProblemError):
    """A coefficient is not periodic on the cell."""


class BoundaryConditionError(ProblemError):
    """A part of the boundary has no condition, or more than one; or there is no such part."""


class InitialConditionError(ProblemError):
    """An initial condition is missing, double or out of place."""


class SolvabilityError(NhpinnError):
    """The two-scale expansion has no solution in this form: a Fredholm condition is violated."""


class UnsupportedError(NhpinnError):
    """The problem is a valid one that this version does not cover."""


class UnknownBackendError(NhpinnError, ValueError):
    """No backend or target has this name."""


class BackendMissingError(NhpinnError, ImportError):
    """The backend's library is not installed."""


class SolveError(NhpinnError, RuntimeError):
    """A numerical solve did not give a usable answer."""


class OutputPathError(NhpinnError, OSError):
    """Nothing can be written to the path that was given."""


class ToleranceWarning(UserWarning):
    """The answer is there, but its estimated error is above the tolerance that was asked for."""


def _show_place_alone(formatted: Callable[..., str]) -> Callable[..., str]:
    """`warnings.formatwarning` that leaves out the line of source below a ToleranceWarning: the
    message says all, its place where. Other warnings are shown as before.
    """

    def formatwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        shown = "" if issubclass(category, ToleranceWarning) else line
        return formatted(message, category, filename, lineno, shown)

    return formatwarning


warnings.formatwarning = _show_place_alone(warnings.formatwarning)


def warn_tolerance(text: str) -> None:
    """Issue a `ToleranceWarning` at the line, outside of the package, that asked for the answer."""
    package = __name__.partition(".")[0]
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame = frame.f_back
        level += 1
    warnings.warn(ToleranceWarning(text), stacklevel=level)
