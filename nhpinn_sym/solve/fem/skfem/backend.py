"""The one place where scikit-fem comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ....problem.errors import BackendMissingError, SolveError


def driver() -> ModuleType:
    """The runtime driver; BackendMissingError where a library that it needs is not installed."""
    try:
        from ....emit.runtime import skfem_driver
    except ModuleNotFoundError as cause:
        raise BackendMissingError(f"the skfem backend needs {cause.name}", remedy="pip install scikit-fem pyamg") from cause
    return skfem_driver


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Turns the driver's RuntimeError (a singular or unsolved system) into SolveError."""
    try:
        yield
    except SolveError:
        raise
    except RuntimeError as cause:
        raise SolveError(f"{what}: {cause}", remedy="check that the data determine the solution; try another mesh (n=, cells=) or backend") from cause
