"""The scikit-fem backend: runs the text that `emit.skfem` writes. scikit-fem and pyamg are imported when a solve begins."""

from __future__ import annotations

from .cells import CellSolver
from .equation import solve_equation

__all__ = ["CellSolver", "solve_equation"]
