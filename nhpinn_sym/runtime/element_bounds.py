"""Bounds on the energy of states in finite element functions: from above by the state itself, from
below by a flux without divergence, which in the plane is that of a stream function of each unknown,
in functions on the same mesh; see `fourier.energies`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array
from .element_states import ElementStates
from .fourier.energies import dual_gap, energy_density, tangents, total_slopes
from .fourier.states import MacroState, States

# From slopes of a stream function to the flux, by dimension: none on the line.
_TURN = {1: np.zeros((1, 1)), 2: np.array([[0.0, 1.0], [-1.0, 0.0]])}
# Share of the mean tangent that each has at least: those of power laws vanish with the slopes.
_LEAST = 1e-6


def element_bounds(space: ElementStates, macro: MacroState, states: States) -> tuple[Array, Array]:
    """Lower and upper bounds (n,) on f* at n states whose equation has no source, on the line or in
    the plane, up to the quadrature of the mesh.
    """
    lower = []
    upper = []
    for k in range(macro.count):
        data = space.data(macro.part(slice(k, k + 1)), states.modes[k].T.ravel())
        slopes = total_slopes(space.forms, data)
        flux = _balanced(space, data, slopes)
        mean = space.assembly.mean
        upper.append(float(mean(energy_density(space.forms, data, slopes))))
        gap = float(dual_gap(space.forms, data, slopes, flux, mean))
        lower.append(upper[-1] - max(gap, 0.0))
    return np.array(lower), np.array(upper)


def _balanced(space: ElementStates, data: dict[str, Any], slopes: Array) -> Array:
    """The flux (m, d, n) = mean + curl psi that is nearest to that of the state, in the norm of the
    inverse tangent: one linear problem.
    """
    assembly = space.assembly
    m, d = space.m, space.d
    found = space.array(space.forms.values(data), "flux", "md")
    mean = np.broadcast_to(assembly.mean(found)[..., None], found.shape)
    if d == 1:
        return mean.copy()
    turn = np.kron(np.eye(m), _TURN[d])
    weights = _inverses(tangents(space.forms, data, slopes))
    by_slopes = np.moveaxis(turn.T @ weights @ turn, 0, -1)
    missing = np.moveaxis((mean - found).reshape(m * d, -1), 0, -1)
    right = (turn.T @ weights @ missing[..., None])[..., 0].T.reshape(m, d, -1)
    count = right.shape[-1]
    arrays = {
        "flux_p": by_slopes.reshape(m, d, m, d, count),
        "flux_u": np.zeros((m, d, m, count)),
        "source_p": np.zeros((m, m, d, count)),
        "source_u": np.zeros((m, m, count)),
    }
    vector, _ = assembly.load(right, np.zeros((m, count)))
    solve, _ = assembly.solver(assembly.matrix(arrays, "flux", "source"), definite=True)
    stream = assembly.extended(-solve(assembly.restricted(vector)))
    _, curl = assembly.fields(stream)
    return mean + (turn @ curl.reshape(m * d, -1)).reshape(m, d, -1)


def _inverses(matrices: Array) -> Array:
    """Of tangents (n, k, k), symmetric and none of them too small."""
    sizes, directions = np.linalg.eigh(matrices)
    least = _LEAST * sizes.mean()
    return np.asarray(
        (directions / np.maximum(sizes, least)[:, None]) @ np.swapaxes(directions, 1, 2)
    )
