"""The errors of the package: each quotes the offending term and says what to do about it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import FrameType

# Of a term that a message quotes: about ten lines of a terminal.
_LONGEST = 800
# Beyond it a text is a report of its own, such as a derivation: its title is enough.
# Letters of a term that a message quotes.
_MOST_LINES = 8


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

    >>> try:
    ...     nh.Box((1, 0))
    ... except nh.NhpinnError as error:
    ...     print(error)
    an interval needs two numbers, the lower one first
      term:   (1, 0)
      remedy: write (0, 1)
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
    """What the user wrote is not a problem that the package can read.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> try:
    ...     nh.MultiscaleProblem(s.laplacian(u), scales=s, unknown=u)
    ... except nh.ProblemError as error:
    ...     print(error.what)
    an equation is sp.Eq(lhs, rhs) or a pair (lhs, rhs)
    """


class FileError(ProblemError):
    """A file is damaged, of another kind, or of another version of the format.

    >>> try:
    ...     nh.load("nowhere.npz")
    ... except nh.FileError as error:
    ...     print(error.what)
    this file cannot be read
    """


class EquationError(ProblemError):
    """The equation is not an equation (a boolean, unequal shapes, nan)."""


class NonlinearTermError(ProblemError):
    """A term is not linear in the unknowns.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> problem = nh.MultiscaleProblem(sp.Eq(s.laplacian(u) ** 2, 1), scales=s, unknown=u)
    >>> try:
    ...     nh.homogenize(problem)
    ... except nh.NonlinearTermError as error:
    ...     print(error.what)
    a term is not linear in second derivatives, ...
    """


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
    """The two-scale expansion has no solution in this form: a Fredholm condition is violated.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> equation = sp.Eq(-s.div(a * s.grad(u)) + u / s.eps, 1)
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u)
    >>> try:
    ...     nh.homogenize(problem)
    ... except nh.SolvabilityError as error:
    ...     print(error)
    a reaction of order 1/eps has the mean 1 over the cell, and must have none
      term:   u(x1)/epsilon
      remedy: subtract its mean over the cell, or scale the mean part without 1/eps
    """


class UnsupportedError(NhpinnError):
    """The problem is a valid one that this version does not cover.

    >>> s = nh.Scales(1, levels=2)
    >>> u = s.unknown("u")
    >>> a = 3 + sp.sin(2 * sp.pi * s.y[0]) + sp.sin(2 * sp.pi * s.z[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> try:
    ...     nh.homogenize(problem, order=2)
    ... except nh.UnsupportedError as error:
    ...     print(error.what)
    correctors of order 2 with a scale that is averaged separately
    """


class UnknownBackendError(NhpinnError, ValueError):
    """No backend or target has this name."""


class BackendMissingError(NhpinnError, ImportError):
    """The backend's library is not installed.

    >>> issubclass(nh.BackendMissingError, ImportError)
    True
    """


class SolveError(NhpinnError, RuntimeError):
    """A numerical solve did not give a usable answer.

    >>> issubclass(nh.SolveError, RuntimeError)
    True
    """


class OutputPathError(NhpinnError, OSError):
    """Nothing can be written to the path that was given."""


class ToleranceWarning(UserWarning):
    """The answer is there, but its estimated error is above the tolerance that was asked for.

    >>> import warnings
    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     cells = nh.solve_cells(model, "fourier", n=9, tolerance=1e-12)
    >>> {w.category for w in seen} == {nh.ToleranceWarning}
    True
    """


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
    inner = (__name__.partition(".")[0], "functools")  # which calls what is chosen by a type
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in inner:
        frame = frame.f_back
        level += 1
    warnings.warn(ToleranceWarning(text), stacklevel=level)
