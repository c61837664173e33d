"""Finite strain: the flux of an energy W(y, I + grad u) that is not convex, of as many unknowns as
there are dimensions, near the state without strain.

The limit of the energy is an infimum over cells of any number of periods (S. Mueller, Arch. Ration.
Mech. Anal. 99, 1987), for which one period is an upper bound. Near no strain, and until a solution
of one period bifurcates into longer ones, the branch of one period from there is a local minimum
(Geymonat, Mueller, Triantafyllidis, Arch. Ration. Mech. Anal. 122, 1993).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...operator.sampling import generic_points, is_opaque, sampler, slow_samples
from ...problem.errors import CoefficientError, UnsupportedError
from ...runtime.arrays import Array
from .checks import check_monotone, jets_as_parameters
from .model import NonlinearModel
from .state import StateProblem

# Points of the cell, and directions, at which the acoustic tensor is looked at.
_POINTS = 40
_DIRECTIONS = 24
# Its least eigenvalue over its largest, below which it counts as singular.
_SINGULAR = 1e-10


def with_finite_strain(state: StateProblem) -> StateProblem:
    """The state problem, marked where its energy is not convex but strongly elliptic at no
    strain.
    """
    if not _may_be_of_strain(state):
        return state
    try:
        check_monotone(state)
    except (CoefficientError, UnsupportedError):
        marked = replace(state, finite_strain=True)
        return marked if _strongly_elliptic(marked) else state
    return state


def refuse_finite_strain(model: NonlinearModel, what: str) -> None:
    """UnsupportedError for what is not derived, or not solved, for finite strain."""
    if model.finite_strain:
        raise UnsupportedError(
            f"{what} of a problem of finite strain",
            term=model.title,
            remedy=(
                'law = solve_law(model, "fourier"), or "skfem" where data jump, gives flux, tangent'
                " and energy up to the first instability, and nh.stability(law, F)"
            ),
        )


def _may_be_of_strain(state: StateProblem) -> bool:
    square = state.components == state.dim > 1
    if not square or state.frozen or state.ergodic or state.cell_depends_on_values:
        return False
    if any(g != 0 for g in state.cell_source):
        return False
    return not any(is_opaque(e) for e in state.tangent) and state.potential


def _strongly_elliptic(state: StateProblem) -> bool:
    """Whether n_k T_ikjl n_l is positive definite for every n, where there is no strain."""
    op = jets_as_parameters(state)
    d = state.dim
    values = sampler(list(state.tangent), op)
    points = generic_points(op, _POINTS, 5)
    directions = np.random.default_rng(7).normal(size=(_DIRECTIONS, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    still = dict.fromkeys(state.all_slopes, 0.0)
    for slow in slow_samples(op, list(state.tangent)):
        entries: Array = np.stack(values(points, {**slow, **still}), -1).reshape(-1, d, d, d, d)
        if not (np.isrealobj(entries) and np.all(np.isfinite(entries))):
            return False
        acoustic = np.einsum("nk,pikjl,nl->npij", directions, entries, directions)
        eigenvalues = np.linalg.eigvalsh(acoustic)
        if not np.all(eigenvalues[..., 0] > _SINGULAR * np.abs(eigenvalues).max(axis=-1)):
            return False
    return True
