"""Expressions in the place of symbols or functions, everywhere in a lowered form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import sympy as sp

from .forms import (
    CellForm,
    Functional,
    FunctionalTerm,
    InterfaceTerm,
    LoweredCells,
    SourceTerm,
    StrongTerm,
    WeakTerm,
)

_HOLDERS = (
    WeakTerm,
    StrongTerm,
    SourceTerm,
    CellForm,
    Functional,
    FunctionalTerm,
    InterfaceTerm,
    LoweredCells,
)


def substituted(value: Any, swap: Mapping[sp.Basic, sp.Expr]) -> Any:
    """`value` with the expressions of `swap` in the place of its keys; `externals` stay."""
    if isinstance(value, sp.Expr):
        return value.xreplace(dict(swap))
    if isinstance(value, tuple):
        return tuple(substituted(item, swap) for item in value)
    if isinstance(value, _HOLDERS):
        held = {f.name: substituted(getattr(value, f.name), swap) for f in fields(value)}
        return replace(value, **held)
    return value
