"""Packages that are named like their one verb: `nhpinn_sym.emit(model, ...)` calls,
`nhpinn_sym.emit.source` is a module.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any


def make_callable(name: str, verb: Callable[[], Callable[..., Any]], doc: str | None) -> None:
    """Calling the module `name` calls the function that `verb()` gives (imported when it is first
    needed).
    """

    class CallableModule(types.ModuleType):
        __doc__ = doc

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return verb()(*args, **kwargs)

    sys.modules[name].__class__ = CallableModule
