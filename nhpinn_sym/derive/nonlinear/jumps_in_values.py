"""Storages, fluxes and reactions that jump where an unknown passes a value: the law would have a
set of values there, and Newton's method a tangent without the jump.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from ...operator.numbers.breaks import STEPS
from ...operator.sampling import is_opaque
from ...problem.errors import UnsupportedError
from .state import StateProblem

# Distances on both sides of a value: a difference that stays between them is a jump.
_NEAR = (1e-5, 1e-9)
# Share of it that a kink, even a root, does not keep.
_STAYS = 0.5
# Difference beside the size of the function that is no rounding.
_ROUNDING = 1e-6
# Generic values of everything else.
_PLACES = 3


def refuse_jumps_in_values(state: StateProblem) -> None:
    """UnsupportedError that quotes the term."""
    singular = (*state.cell_source, *(b for row in state.transport for b in row))
    for e in (*state.storage, *state.all_fluxes, *state.reaction, *singular):
        for v in state.values:
            if e.has(v) and not is_opaque(e) and _jumps(e, v):
                raise UnsupportedError(
                    f"a function of the unknown that jumps with {v}",
                    term=e,
                    remedy=(
                        "smooth it over a width delta, for example (1 + tanh(u/delta))/2 in the"
                        " place of a step; kinks are covered"
                    ),
                )


def _jumps(e: sp.Expr, v: sp.Symbol) -> bool:
    others = sorted(e.free_symbols - {v}, key=str)
    rng = np.random.default_rng(3)
    for _ in range(_PLACES):
        place = dict(zip(others, rng.uniform(0.1, 0.9, len(others)).tolist(), strict=True))
        own = e.xreplace({s: sp.Float(value) for s, value in place.items()})
        if any(_jumps_at(own, v, value) for value in _values(own, v)):
            return True
    return False


def _values(e: sp.Expr, v: sp.Symbol) -> Iterator[float]:
    """Where linear conditions and arguments of steps change."""
    relations = {r for p in e.atoms(sp.Piecewise) for _, c in p.args for r in c.atoms(Relational)}
    levels = [r.lhs - r.rhs for r in relations]
    levels += [node.args[0] for node in e.atoms(*STEPS, sp.ceiling)]
    levels += [node.args[0] - 1 for node in e.atoms(sp.floor, sp.ceiling)]
    for level in levels:
        slope = level.diff(v)
        if slope.is_number and slope != 0:
            yield float(-level.xreplace({v: sp.Integer(0)}) / slope)


def _jumps_at(e: sp.Expr, v: sp.Symbol, value: float) -> bool:
    sides = [[e.subs(v, value + sign * h) for sign in (-1, 1)] for h in _NEAR]
    found = np.array([[complex(side) for side in pair] for pair in sides])
    far, near = np.abs(found[:, 1] - found[:, 0])
    return bool(near > _ROUNDING * np.abs(found).max() and near > _STAYS * far)
