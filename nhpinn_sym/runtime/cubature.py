"""Quadratures of few points: some of the points of a whole one, with positive weights.

A sum over q points of r functions is one over r of them at most (Tchakaloff, Caratheodory). Points
are put into groups, and groups left out one by one along vectors of weights that all functions
have no mean with.

Sources: P. J. Davis, Math. Comp. 21 (1967) 578; C. Litterer, T. Lyons, High order recombination,
Ann. Appl. Probab. 22 (2012) 1301.
"""

from __future__ import annotations

import numpy as np

from .arrays import Integers

# Groups of points for each function: half of them are left out.
_GROUPS = 2
# Part of a vector of weights that is rounding.
_NOTHING = 1e-14


def few_points(functions: np.ndarray, weights: np.ndarray) -> tuple[Integers, np.ndarray]:
    """Which points are kept, as many as functions at most, and their positive weights: functions
    (q, r), of which some combination is constant, have the same sums with them as with `weights`
    (q,).
    """
    order = np.random.default_rng(0)
    count = functions.shape[1]
    kept = order.permutation(len(weights))
    own = weights[kept]
    while len(kept) > count:
        size = -(-len(kept) // (_GROUPS * count))
        starts = np.arange(0, len(kept), size)
        sums = np.add.reduceat(functions[kept] * own[:, None], starts, axis=0)
        shares = _left_out(sums)[np.arange(len(kept)) // size]
        if np.all(shares > 0):
            break
        kept, own = kept[shares > 0], (own * shares)[shares > 0]
    return kept, own


def _left_out(sums: np.ndarray) -> np.ndarray:
    """Shares (n,) >= 0 of rows (n, r), r of which at most are not 0, with the same total."""
    n, r = sums.shape
    whole, _ = np.linalg.qr(sums, mode="complete")
    directions = np.ascontiguousarray(whole[:, r:].T)
    shares = np.ones(n)
    for k in range(len(directions)):
        along = directions[k] if directions[k].max() > _NOTHING else -directions[k]
        falls = along > _NOTHING
        length = np.full(n, np.inf)
        length[falls] = shares[falls] / along[falls]
        first = int(np.argmin(length))
        shares = np.maximum(shares - length[first] * along, 0)
        shares[first] = 0
        rest = directions[k + 1 :]
        rest -= np.outer(rest[:, first] / along[first], along)
        rest[:, first] = 0
    return shares
