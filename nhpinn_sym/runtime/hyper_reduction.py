"""Laws reduced once more: on few points of the cell, with positive weights.

What the law is made of at solved states is integrated there as on the whole quadrature, so that
reduced energies stay convex, and flux and tangent derivatives of one energy; they are no longer
above the true one.

Source: J. A. Hernandez, M. A. Caicedo, A. Ferrer, Dimensional hyper-reduction of nonlinear finite
element models via empirical cubature, CMAME 313 (2017) 687.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .cubature import few_points
from .fourier.states import MacroState
from .nonlinear_arrays import LAW_AXES
from .reduced_law import ReducedLaw

# Random combinations of integrands that are tried, and numbers of an array of them over all points.
_COUNTS = (25, 50, 100, 200, 400, 800)
_NUMBERS = 2**25
# Share of them that has to be superfluous: all integrands are among them then.
_SPARE = 0.1
# Combinations that are made at once.
_AT_ONCE = 32
# Least share of the points that is worth to be left out.
_WORTH = 4
# Share of a typical change of u0 and its slopes, for differences of integrands.
_STEP = 1e-3


def on_few_points(
    law: ReducedLaw, macro: MacroState, spread: np.ndarray, tolerance: float
) -> ReducedLaw:
    """The law on points that are enough at n states, where integrands smaller than the tolerance,
    relative, do not count; the law itself where many points are needed.

    spread : (m + m d,), by how much values and slopes of u0 change
    """
    if not law.basis.count:  # states without a slope do not say what others need
        return law
    most = min(_NUMBERS // law.q, law.q // _WORTH)
    integrands = _integrands(law, macro, spread)
    functions = np.empty((law.q, 0))
    for count in _COUNTS:
        if count > most:
            return law
        more = _combinations(law, integrands, count - functions.shape[1], seed=count)
        functions = np.concatenate([functions, more], axis=1)
        sizes, mix = np.linalg.eigh(functions.T @ (functions * law.weights[:, None]))
        kept = sizes > tolerance**2 * sizes[-1]
        if np.count_nonzero(kept) <= (1 - _SPARE) * count:
            break
    else:
        return law
    span = functions @ (mix[:, kept] / np.sqrt(sizes[kept]))
    chosen, weights = few_points(np.column_stack([np.ones(law.q), span]), law.weights)
    basis = replace(
        law.basis,
        values=law.basis.values[..., chosen],
        slopes=law.basis.slopes[..., chosen],
        points=law.basis.points[:, chosen],
        middles=law.basis.middles[:, chosen],
        weights=weights,
    )
    return ReducedLaw(law.forms, basis)


def _combinations(
    law: ReducedLaw, integrands: tuple[np.ndarray, np.ndarray], count: int, seed: int
) -> np.ndarray:
    """Random combinations (q, count) of the integrands at states and along their derivatives: of
    what has the law as its means, and of the state problem tested by modes, which count as much as
    one mean together.
    """
    tested, means = integrands
    k = law.basis.count
    modes = np.concatenate([law.basis.values, law.basis.slopes.reshape(k, -1, law.q)], axis=1)
    random = np.random.default_rng(seed)
    found = np.empty((law.q, count))
    for start in range(0, count, _AT_ONCE):
        own = min(_AT_ONCE, count - start)
        mix = random.standard_normal((own, len(tested)))
        tests = np.tensordot(random.standard_normal((own, k)) / k, modes, axes=1)
        shares = random.standard_normal((own, means.shape[1]))
        total = np.einsum("leq,leq->lq", np.tensordot(mix, tested, axes=1), tests)
        total += np.einsum("leq,le->lq", np.tensordot(mix, means, axes=1), shares)
        found[:, start : start + own] = total.T
    return found


def _integrands(
    law: ReducedLaw, macro: MacroState, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At states and along their derivatives, (s, entries, q) each: source and flux of the state
    problem relative to the flux, and all arrays of the law relative to themselves.
    """
    _, c = law(macro)
    by_state = law.columns(macro, c)
    m = law.m
    first = law.integrands(macro, c)
    parts = [first]
    for k in np.flatnonzero(spread):
        change = np.zeros(len(spread))
        change[k] = _STEP * spread[k]
        values = macro.values + change[:m, None]
        slopes = macro.slopes + change[m:].reshape(m, law.d, 1)
        moved = replace(macro, values=values, slopes=slopes)
        after = law.integrands(moved, c + change[k] * by_state[..., k])
        parts.append({name: (after[name] - first[name]) / _STEP for name in first})
    held = {name: np.concatenate([part[name] for part in parts]) for name in first}
    sizes = {name: np.abs(first[name]).max(initial=0.0) or 1.0 for name in first}
    tested = np.concatenate([held["source"], held["flux"]], axis=1) / sizes["flux"]
    means = np.concatenate([held[name] / sizes[name] for name in LAW_AXES], axis=1)
    return tested, means
