"""Source text from lowered forms: torch, DOLFINx (UFL), scikit-fem, numpy, LaTeX. Calling the
package is `emit.emit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..problem.callable_module import make_callable


def _verb() -> Callable[..., Any]:
    from .emit import emit

    return emit


make_callable(__name__, _verb, __doc__)
