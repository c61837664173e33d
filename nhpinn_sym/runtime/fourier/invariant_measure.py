"""The invariant measure of a Hamilton-Jacobi cell: the kernel of the adjoint of its linearized
operator, -div( T grad w ) + H_p . grad w.
"""

from __future__ import annotations

import numpy as np

from .states import MacroState, States, StateSolver

_SOLVED = 1e-12


def invariant_measure(solver: StateSolver, macro: MacroState, states: States) -> np.ndarray:
    """m > 0 with <m> = 1 at the points of the grid, at n states: (n, *grid).

    m = 1 - w, where the adjoint of w, of zero mean, is the adjoint of 1.
    """
    grid = solver.grid
    operator = solver.operator(macro, states.modes).transposed()
    one = grid.forward(np.ones((1, macro.count, 1, *grid.shape)))
    right = operator.apply(one, shifted=False)
    right[grid.zero] = 0
    w, _, _ = operator.solve(right, np.zeros_like(right), _SOLVED)
    w[grid.zero] = 0
    return np.asarray(grid.backward(one - w)[0, :, 0])


def mean_drift(solver: StateSolver, macro: MacroState, states: States) -> np.ndarray:
    """The derivative <m H_p> of the law by the slopes of u0: (d, n)."""
    tables = solver.forms.slopes(solver.data(macro, states.modes))
    drift = solver.array(tables, "reaction_p", "mmd", macro.count)[0, 0]
    measure = invariant_measure(solver, macro, states)
    return np.asarray(solver.grid.mean(measure * drift))
