"""Expressions in the place of symbols or functions, everywhere in a lowered form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import sympy as sp

from .forms import (
    CellForm,
    Essential,
    Functional,
    FunctionalTerm,
    InterfaceTerm,
    LoweredCells,
    LoweredEquation,
    Natural,
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
    LoweredEquation,
    Essential,
    Natural,
)


def substituted(value: Any, swap: Mapping[sp.Basic, sp.Expr]) -> Any:
    """`value` with the expressions of `swap` in the place of its keys; `externals` stay."""
    if isinstance(value, sp.Expr):
        return value.xreplace(dict(swap))
    if isinstance(value, tuple):
        items = [substituted(item, swap) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, _HOLDERS):
        held = {f.name: substituted(getattr(value, f.name), swap) for f in fields(value)}
        return replace(value, **held)
    return value
