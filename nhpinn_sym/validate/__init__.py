"""Cross-validation: error norms, budget, verdict, plots and oracles.

Calling the package is `validate.validate`; open that file first: its docstring lists the stages.
`scope` says what can be compared, `store` keeps the parts of a run on disk, `quadrature` is the
common one for all norms, `findings` gathers evidence that is independent of the solvers, `verdict`
decides, `report` and `plots` show. `bloch.bloch` (with `bloch_wave`) is an oracle that is exact at
every eps.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..problem.callable_module import make_callable


def _verb() -> Callable[..., Any]:
    from .validate import validate

    return validate


def __getattr__(name: str) -> Any:
    if name == "bloch":
        return importlib.import_module(f"{__name__}.bloch")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


make_callable(__name__, _verb, __doc__)
