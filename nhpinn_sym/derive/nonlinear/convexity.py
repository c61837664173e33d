"""Whether a Hamiltonian is convex in the slope and grows on both sides, asked on samples."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ...operator.sampling import SlowPoint, generic_points, sampler, slow_samples
from ...operator.table import Operator
from ...problem.errors import UnsupportedError
from ...runtime.arrays import Array
from .state import StateProblem

_FAR = 1e6
_LARGEST = 40.0
# Slopes on either side; points of the cell; places of parameters, values and coordinates.
_SLOPES = 90
_POINTS = 40
_PLACES = 5
# Share of the largest chord by which the next one may be less.
_ROUNDING = 1e-9


def check_convex(state: StateProblem, op: Operator) -> None:
    """For one slope; op: the operator with values and slopes among its parameters.
    UnsupportedError quotes the Hamiltonian.
    """
    (slope,) = state.all_slopes
    hamiltonian = state.reaction[0]
    values = sampler([hamiltonian], op)
    points = generic_points(op, _POINTS, 5)
    half = np.sinh(np.linspace(0, np.arcsinh(_LARGEST), _SLOPES)[1:])
    slopes = np.concatenate([-half[::-1], [0.0], half])

    def at(place: SlowPoint, p: float) -> Array:
        return values(points, {**place, slope: p})[0]

    for place in slow_samples(op, [hamiltonian.subs(slope, 1)])[:_PLACES]:
        table = np.stack([at(place, float(p)) for p in slopes])
        with np.errstate(all="ignore"):
            chords = np.diff(table, axis=0) / np.diff(slopes)[:, None]
            bent = np.diff(chords, axis=0)
            size = np.abs(chords[1:]) + np.abs(chords[:-1])
        fall = np.argwhere(bent < -_ROUNDING * (1 + size))
        if len(fall):
            raise _refusal(hamiltonian, slope, f"not convex near {slopes[fall[0, 0] + 1]:.3g}")
        if not all(np.all(at(place, p) > at(place, 0.0)) for p in (-_FAR, _FAR)):
            raise _refusal(hamiltonian, slope, "not coercive")


def _refusal(hamiltonian: sp.Expr, slope: sp.Symbol, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"a Hamilton-Jacobi equation without diffusion whose Hamiltonian is {what}: the formula of"
        " its roots holds for those that are convex in the slope and grow on both sides",
        term=hamiltonian,
        remedy=f"add the diffusion -s.eps*mu*s.laplacian(u), or make it convex in {slope}",
    )
