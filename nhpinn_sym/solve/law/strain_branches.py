"""States of finite strain for a law: those on the branch from no strain, up to the first
instability.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...problem.errors import SolveError, UnsupportedError
from ...runtime.fourier.bloch_stability import Wave
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.law_levels import FIRST, Start
from ...runtime.fourier.refinement import grid_sizes
from ...runtime.fourier.states import MacroState, States, StateSolver
from ...runtime.fourier.strain_branch import Branch, follow, least_volume
from ..interpolation import Array

_SHARES = np.arange(1, 17) / 16
"""Places on the path of an energy at which orientation is looked at."""


def stable_start(forms: Any, macro: MacroState, n: int | None, least: int) -> Start:
    """The stable states on the coarsest grid of a law. UnsupportedError from the first instability
    on, SolveError where a branch ends.
    """
    solver = first_solver(forms, n, least)
    modes = []
    for k in range(macro.count):
        own = macro.part(slice(k, k + 1))
        branch = follow(solver, own)
        if branch.wave is not None:
            periods = np.array([b - a for a, b in solver.grid.bounds])
            raise UnsupportedError(
                f"a strain beyond the first instability, at t = {branch.load:.3g} of the gradient:"
                f" a wave with {_described(branch.wave, periods)} has no positive energy there, and"
                " one cell is an upper bound alone",
                term=_gradient(own),
                remedy="ask for a smaller gradient; nh.stability(law, F) says how stable one is",
            )
        require_end(branch, own)
        modes.append(branch.states.modes)
    return np.concatenate(modes), solver.grid


def require_end(branch: Branch, macro: MacroState) -> None:
    """SolveError where a branch has no state at its end."""
    if branch.load < 1:
        why = "det(I + grad u) is not positive in the cell" if branch.crossed else "it is not found"
        raise SolveError(
            f"the branch of states from no strain ends at t = {branch.load:.3g} of the gradient:"
            f" beyond it {why}",
            term=_gradient(macro),
            remedy="ask for a smaller gradient",
        )


def require_energy_path(solver: StateSolver, macro: MacroState, states: States) -> None:
    """UnsupportedError where the straight path, along which energies are integrated, leaves the
    deformations that keep orientation.
    """
    if min(least_volume(solver, macro, states, share) for share in _SHARES) <= 0:
        raise UnsupportedError(
            "the energy of a state whose straight path from no strain has det(I + grad u) <= 0",
            term=_gradient(macro),
            remedy="turn the gradient back: law.flux and law.tangent are there",
        )


def first_solver(forms: Any, n: int | None, least: int) -> StateSolver:
    """The coarsest grid that a law is solved on: branches are followed there."""
    return first_solvers(forms, n, least)[0]


def first_solvers(forms: Any, n: int | None, least: int) -> tuple[StateSolver, ...]:
    """The two coarsest grids of a law."""
    sizes = grid_sizes(forms, n, least, FIRST)[:2]
    return tuple(StateSolver(forms, Grid(forms.CELL, size)) for size in sizes)


def wavevector(wave: Wave, periods: Array) -> tuple[float, ...]:
    """k in the units of 1/y."""
    return tuple((2 * np.pi * np.array(wave.fractions) / periods).tolist())


def _described(wave: Wave, periods: Array) -> str:
    k = ", ".join(f"{entry:.3g}" for entry in wavevector(wave, periods))
    if any(wave.fractions):
        return f"k = ({k})"
    along = ", ".join(f"{entry:.3g}" for entry in wave.direction)
    return f"k -> 0 along ({along})"


def _gradient(macro: MacroState) -> str:
    return f"grad = {macro.slopes[:, :, 0].tolist()}"
