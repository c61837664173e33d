"""Storages, fluxes and reactions that jump where an unknown or a slope passes a value: the law
would have a set of values there, and Newton's method a tangent without the jump.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from ...operator.numbers.breaks import find_breaks
from ...operator.numbers.data import DataSpace, in_data_symbols
from ...operator.sampling import is_opaque
from ...problem.errors import UnsupportedError
from ...runtime.arrays import Array
from .state import StateProblem

# Distances on both sides of a value: a difference that stays between them is a jump.
_NEAR = (1e-3, 1e-12)
# Share of it that a kink, even a root, does not keep.
_STAYS = 0.5
# Difference beside the size of the function that is no rounding.
_ROUNDING = 1e-6
# Generic values of everything else.
_PLACES = 5
# How far values are looked at, the nearest first: steps far away may be too many to be found.
_REACHES = (2.0, 100.0)


def refuse_jumps(state: StateProblem) -> None:
    """UnsupportedError that quotes the term."""
    jets = (*state.values, *state.all_slopes)
    for e in state.integrands:
        for v in jets:
            if e.has(v) and not is_opaque(e) and _jumps(e, v, jets):
                raise UnsupportedError(
                    f"a function that jumps with {v}: the law would have a set of values",
                    term=e,
                    remedy=(
                        "regularise it over a width delta, for example (1 + tanh(u/delta))/2 in the"
                        " place of a step, g/sqrt(delta**2 + g.dot(g)) in that of g/|g|; kinks are"
                        " covered"
                    ),
                )


def _jumps(e: sp.Expr, v: sp.Symbol, jets: Sequence[sp.Symbol]) -> bool:
    others = sorted(e.free_symbols - {v}, key=str)
    rng = np.random.default_rng(3)
    spaces = [DataSpace((v,), ((-reach, reach),), 1) for reach in _REACHES]
    for k in range(_PLACES):
        signs = [rng.choice([-1, 1]) if k and other in jets else 1 for other in others]
        numbers = np.array(signs) * rng.uniform(0.1, 0.9, len(others))
        place = dict(zip(others, numbers.tolist(), strict=True))
        own = in_data_symbols(e, place, spaces[0])
        if any(np.any(_jump_at(own, v, find_breaks([own], s).points[0])) for s in spaces):
            return True
    return False


def _jump_at(e: sp.Expr, v: sp.Symbol, values: Array) -> Array:
    """Whether the function jumps at each of the values where it breaks."""
    function = np.vectorize(sp.lambdify(v, e, "numpy"), otypes=[complex])
    with np.errstate(all="ignore"):
        sides = np.array([[function(values + sign * h) for sign in (-1, 1)] for h in _NEAR])
    far, near = np.abs(sides[:, 1] - sides[:, 0])
    size = np.abs(sides).max(axis=(0, 1))
    return np.asarray((near > _ROUNDING * size) & (near > _STAYS * far))
