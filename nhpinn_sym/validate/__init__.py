"""Cross-validation: error norms, budget, verdict, plots and oracles. Calling the package is `validate.validate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..problem.callable_module import make_callable


def _verb() -> Callable[..., Any]:
    from .validate import validate

    return validate


make_callable(__name__, _verb, __doc__)
