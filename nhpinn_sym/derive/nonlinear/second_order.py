"""What correctors of order 2 rest on: a law of second order, and integrands with two continuous
derivatives along every state.
"""

from __future__ import annotations

import sympy as sp

from ...problem.errors import UnsupportedError
from .state import StateProblem

_FIRST = "write order=1: the law, its tangent and the first corrector are derived"


def check_order(state: StateProblem, order: int) -> None:
    """UnsupportedError for correctors of that order, which quotes the term that forbids them."""
    if order == 1:
        return
    if order > 2:
        raise UnsupportedError(
            f"correctors of order {order} of a nonlinear problem",
            term=f"order={order}",
            remedy="write order=2: correctors up to the second are derived",
        )
    if state.ergodic:
        raise UnsupportedError(
            "correctors of order 2 of a Hamilton-Jacobi equation, whose limit is of first order",
            term=state.reaction[0],
            remedy=_FIRST,
        )
    if state.finite_strain:
        raise UnsupportedError(
            "correctors of order 2 of a problem of finite strain",
            term=state.all_fluxes[0],
            remedy=_FIRST,
        )
    _check_smooth(state)


def _check_smooth(state: StateProblem) -> None:
    for part in state.kinks:
        raise UnsupportedError(
            "correctors of order 2 of a law that is not smooth in u or grad u",
            term=part,
            remedy=_FIRST,
        )
    for e in state.integrands:
        for power in e.atoms(sp.Pow):
            if _singular(power, state):
                raise UnsupportedError(
                    "correctors of order 2 of a law that has no second derivative where the"
                    " gradient vanishes",
                    term=power,
                    remedy=f"regularise it, as (delta**2 + g.dot(g))**(p/2 - 1), or {_FIRST}",
                )


def _singular(power: sp.Pow, state: StateProblem) -> bool:
    """Whether a power of the gradient that is no polynomial vanishes, or blows up, with it."""
    base, exponent = power.as_base_exp()
    if exponent.is_integer and exponent.is_nonnegative:
        return False
    slopes = set(state.all_slopes)
    if not base.free_symbols & slopes:
        return False
    return bool(base.subs(dict.fromkeys(slopes, 0)) == 0)
