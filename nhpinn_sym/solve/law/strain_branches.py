"""States of finite strain for a law: those on the branch from no strain, up to the first
instability.
"""

from __future__ import annotations

import numpy as np

from ...problem.errors import SolveError, UnsupportedError
from ...runtime.bloch_waves import Wave
from ...runtime.fourier.states import MacroState, States
from ...runtime.strain_branch import Branch, StrainSpace, follow
from ..interpolation import Array

_SHARES = np.arange(1, 17) / 16
"""Places on the path of an energy at which orientation is looked at."""


def stable_start(space: StrainSpace, macro: MacroState) -> Array:
    """The modes of stable states in a space. UnsupportedError from the first instability
    on, SolveError where a branch ends.
    """
    modes = []
    for k in range(macro.count):
        own = macro.part(slice(k, k + 1))
        branch = follow(space, own)
        if branch.wave is not None:
            raise UnsupportedError(
                f"a strain beyond the first instability, at t = {branch.load:.3g} of the gradient:"
                f" a wave with {_described(branch.wave)} has no positive energy there, and"
                " one cell is an upper bound alone",
                term=_gradient(own),
                remedy="ask for a smaller gradient; nh.stability(law, F) says how stable one is",
            )
        require_end(branch, own)
        modes.append(branch.states.modes)
    return np.concatenate(modes)


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


def require_energy_path(space: StrainSpace, macro: MacroState, states: States) -> None:
    """UnsupportedError where the straight path, along which energies are integrated, leaves the
    deformations that keep orientation.
    """
    if min(space.least_volume(macro, states, share) for share in _SHARES) <= 0:
        raise UnsupportedError(
            "the energy of a state whose straight path from no strain has det(I + grad u) <= 0",
            term=_gradient(macro),
            remedy="turn the gradient back: law.flux and law.tangent are there",
        )


def _described(wave: Wave) -> str:
    k = ", ".join(f"{entry:.3g}" for entry in wave.wavevector)
    if any(wave.fractions):
        return f"k = ({k})"
    along = ", ".join(f"{entry:.3g}" for entry in wave.direction)
    return f"k -> 0 along ({along})"


def _gradient(macro: MacroState) -> str:
    return f"grad = {macro.slopes[:, :, 0].tolist()}"
