"""The states at which a law is tried when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...derive.nonlinear.model import NonlinearModel
from ...runtime.fourier.states import MacroState
from ...runtime.nonlinear_arrays import CORRECTOR, MACRO, SLOPE, VALUE, dense, named, off_zero
from ..interpolation import Array
from .cell_frame import CellFrame

_SIZES = (0.3, 1.0)
"""Gradients at which a law is tried, in the units of the problem."""
_STRAINS = (0.003, 0.01)
"""The same of finite strain, which may be unstable soon."""
_SHARES = (0.3, 0.8)
"""Places in the ranges of values at which it is tried."""
_SHARES_TRIED = tuple(float(10 ** (-k / 2)) for k in range(13))
"""What these gradients are multiplied by where a law is far from linear at them."""
_SMALL = (1e-9, 1e-8)
"""Shares at which a law is linear, if it is anywhere."""
_LINEAR = 1.01
"""Factor of the tangents there, at most."""
_FACTOR = 8.0
"""The same of the states that are tried and those at small gradients."""
_NOTHING = 1e-12
_PLACES = 64


def tried_states(model: NonlinearModel, forms: Any, parameters: Mapping[str, float]) -> MacroState:
    """A few states of the ranges of values and places, and of gradients of order one, or of those
    up to which the law is nearly linear where these are smaller: a strain at yield.
    """
    state = model.state
    m = state.components
    d = state.dim
    rng = np.random.default_rng(3)
    ranges = model.problem.ranges
    ends = [ranges.get(u, (-1, 1)) for u in model.problem.unknowns]
    bounds = np.array([[float(a), float(b)] for a, b in ends])
    tried = _STRAINS if model.finite_strain else _SIZES
    count = len(tried) * len(_SHARES)
    directions = rng.normal(size=(m, d, count))
    directions /= np.sqrt(np.sum(directions**2, axis=(0, 1)))
    if m == d:
        directions = (directions + np.swapaxes(directions, 0, 1)) / 2
    sizes = np.tile(tried, len(_SHARES))
    shares = np.repeat(_SHARES, len(tried))
    values = bounds[:, :1] + (bounds[:, 1:] - bounds[:, :1]) * shares
    others: dict[str, Any] = dict(parameters)
    domain = model.problem.domain
    for name in forms.SLOW:
        low, high = (0.0, float(model.problem.final_time or 1.0))
        if name.startswith("x"):
            low, high = (0.0, 1.0) if domain is None else domain.bounds[int(name[1:]) - 1]
        others[name] = low + (high - low) * shares
    frame = CellFrame.of(model.problem.cell)
    macro = frame.in_shares(MacroState(values, sizes * directions, others))
    if model.finite_strain:
        return macro
    return macro.with_slopes(macro.slopes * _scale(forms, macro))


def _scale(forms: Any, macro: MacroState) -> float:
    """The largest of 1, 10^-1/2, ... at which the tangents of the flux are, at random points of the
    cell and with these gradients, within a factor of what they are at small ones; 1 where they
    have no limit there, as those of power laws.
    """
    at_rest, nearly = (_tangents(forms, macro, share) for share in _SMALL)
    if not _factor(at_rest, nearly) <= _LINEAR:
        return 1.0
    shares = (s for s in _SHARES_TRIED if _factor(at_rest, _tangents(forms, macro, s)) <= _FACTOR)
    return next(shares, 1.0)


def _factor(one: Array, other: Array) -> float:
    """The largest by which symmetric parts (..., k, k) differ in some direction, nan where they are
    no numbers; directions in which the first does nothing are left out, as rotations.
    """
    if not (np.all(np.isfinite(one)) and np.all(np.isfinite(other))):
        return np.nan
    sizes, directions = np.linalg.eigh((one + np.swapaxes(one, -1, -2)) / 2)
    alive = sizes > _NOTHING * sizes[..., -1:]
    roots = np.where(alive, 1 / np.sqrt(np.where(alive, sizes, 1.0)), 0.0)
    scaled = directions * roots[..., None, :]
    relative = np.swapaxes(scaled, -1, -2) @ other @ scaled
    relative = relative + (~alive)[..., None] * np.eye(alive.shape[-1])
    found = np.linalg.eigvalsh((relative + np.swapaxes(relative, -1, -2)) / 2)
    if found.min() <= 0:
        return np.inf
    return float(max(found.max(), 1 / found.min()))


def _tangents(forms: Any, macro: MacroState, share: float) -> Array:
    """(q, n, m d, m d) of the flux at q points of the cell and n states, their slopes times a share
    and no corrector.
    """
    m, d, n = macro.slopes.shape
    low, high = np.transpose(forms.CELL)
    rng = np.random.default_rng(5)
    places = low + (high - low) * rng.random((_PLACES, d))
    points = places.T[..., None]
    data = {
        **dict(zip(forms.COORDINATES, points)),
        **dict(zip(getattr(forms, "MIDDLES", ()), points)),
        **macro.others,
        **named(VALUE, macro.values, 1),
        **named(MACRO, share * macro.slopes, 2),
        **named(CORRECTOR, np.zeros_like(macro.values), 1),
        **named(SLOPE, off_zero(share * macro.slopes), 2),
    }
    with np.errstate(all="ignore"):
        found = dense(forms.slopes(data), "flux_p", (m, d, m, d), (_PLACES, n))
    return np.moveaxis(found.reshape(m * d, m * d, _PLACES, n), (0, 1), (-2, -1))
