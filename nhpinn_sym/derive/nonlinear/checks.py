"""What the limit of a nonlinear operator rests on, asked on samples: finite and periodic data,
means that vanish for every value, a monotone flux, a storage that does not decrease.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import sympy as sp

from ...operator.sampling import (
    SlowPoint,
    generic_points,
    is_opaque,
    sampled_mean,
    sampler,
    slow_samples,
)
from ...operator.table import Operator, Term, unit
from ...operator.zero_test import is_zero
from ...problem.errors import CoefficientError, SolvabilityError, UnsupportedError
from ...runtime.arrays import Array
from ..coefficient_checks import check_coefficients
from .convexity import check_convex
from .jumps_in_jets import refuse_jumps
from .state import StateProblem

# Slopes at which data are checked: away from 0, where a power law may be singular.
_SLOPES = (sp.Rational(1, 4), sp.Rational(5, 4))
# The same of finite strain, where an energy may end at a strain of 1.
_STRAINS = (sp.Rational(-1, 20), sp.Rational(1, 20))
# Sizes of the gradients at which monotonicity is sampled.
_SIZES = (0.03, 0.3, 1.0, 4.0)
# Directions in the space of gradients, a quarter of them for each size; points of the cell.
_DIRECTIONS = 12
_POINTS = 40
# Places in the range of an unknown at which it is sampled.
_SHARES = (0.03, 0.31, 0.5, 0.77, 0.98)
# Share of the largest entry below which an eigenvalue, or an action on rotations, is rounding.
_ROUNDING = 1e-10
# Smallest over largest stiffness below which the flux does not grow with the gradient at all.
_DEGENERATE = 1e-13
_REGULARISE = "regularise it, for example by sqrt(delta**2 + g.dot(g)) in the place of |g|"
# Share of the largest value up to which a mean that has to vanish may be rounding.
_MEANS = 1e-9


def check_real(op: Operator) -> None:
    """UnsupportedError for what holds the imaginary unit: convexity, energies and the emitted texts
    are those of real fields.
    """
    given = [
        getattr(condition, name, 0)
        for condition in (*op.problem.boundary, *op.problem.initial)
        for name in ("value", "alpha")
    ]
    parts = [value if isinstance(value, (list, tuple)) else [value] for value in given]
    data = [sp.sympify(part) for own in parts for part in own]
    for e in (*op.fluxes.values(), *op.table.values(), *data):
        if e.has(sp.I):
            raise UnsupportedError(
                "a complex term in a nonlinear problem",
                term=e,
                remedy=(
                    "write u = v + I*w as a system of the real unknowns v and w, and what is real"
                    " without I"
                ),
            )


def check_state(state: StateProblem) -> None:
    """All of them; typed errors quote the term."""
    op = jets_as_parameters(state)
    refuse_jumps(state)
    check_coefficients(replace(op, table=dict(linearized_table(state))))
    _check_means(state, op)
    if state.first_order:
        check_convex(state, op)
    elif not state.finite_strain:
        check_monotone(state)


def jets_as_parameters(state: StateProblem) -> Operator:
    """The operator with the values and slopes of the unknowns among its parameters."""
    problem = copy.copy(state.operator.problem)
    problem.parameters = {
        **problem.parameters,
        **state.ranges,
        **dict.fromkeys(state.all_slopes, _STRAINS if state.finite_strain else _SLOPES),
    }
    return replace(state.operator, problem=problem, fluxes={}, jets={})


def linearized_table(state: StateProblem) -> Iterator[tuple[Term, sp.Expr]]:
    """What multiplies small changes of the unknown: the table of the linearized operator."""
    d = state.dim
    size = d + 1
    zero = (0,) * size
    sources = zip(state.cell_source, state.load, strict=True)
    for i, (cell_source, load) in enumerate(sources):
        if cell_source != 0:
            yield Term(i, zero, None, zero, -1), cell_source
        if load != 0:
            yield Term(i, zero, None, zero, 0), -load
    for i, j in product(range(state.components), repeat=2):
        u = state.values[j]
        parts: dict[Term, sp.Expr] = {
            Term(i, zero, j, unit(d, size), 0): sp.diff(state.storage[i], u),
            Term(i, zero, j, zero, 0): sp.diff(state.reaction[i], u),
            Term(i, zero, j, zero, -1): sp.diff(state.cell_source[i], u),
        }
        for k in range(d):
            left = unit(k, size)
            parts[Term(i, left, j, zero, 0)] = -sp.diff(state.flux[i][k], u)
            parts[Term(i, left, j, zero, -1)] = -sp.diff(state.transport[i][k], u)
            parts[Term(i, zero, j, left, 0)] = sp.diff(state.reaction[i], state.slopes[j][k])
            for m in range(d):
                slope = sp.diff(state.flux[i][k], state.slopes[j][m])
                parts[Term(i, left, j, unit(m, size), 0)] = -slope
        yield from ((t, c) for t, c in parts.items() if c != 0)


def _check_means(state: StateProblem, op: Operator) -> None:
    """<g>, <dB/du> and <div_x B> vanish for every value of u."""
    x = op.coordinates
    eps = op.problem.scales.eps
    for i, g in enumerate(state.cell_source):
        drift = sp.Add(*[sp.diff(b, v) for b, v in zip(state.transport[i], x)])
        value = _nonzero_mean(g - drift, op)
        if value is not None:
            raise SolvabilityError(
                f"a reaction or source of order 1/eps has the mean {value:.6g} over the cell for"
                " some value of the unknown, and must have none for every value",
                term=g / eps,
                remedy="subtract its mean over the cell, or scale the mean part without 1/eps",
            )
        for j, k in product(range(state.components), range(state.dim)):
            b = sp.diff(state.transport[i][k], state.values[j])
            value = _nonzero_mean(b, op)
            if value is not None:
                raise SolvabilityError(
                    f"a drift of order 1/eps has the mean {value:.6g} over the cell",
                    term=state.transport[i][k] / eps,
                    remedy=(
                        "subtract the mean drift: where it is not linear in u, characteristics"
                        " cross at times of order eps, and no moving frame removes it"
                    ),
                )


def _nonzero_mean(e: sp.Expr, op: Operator) -> float | None:
    """The largest mean over the cell that is not rounding, of those at sampled values."""
    if e == 0 or is_opaque(e) or is_zero(e):
        return None
    found = [sampled_mean(e, op, slow) for slow in slow_samples(op, [e])]
    value, doubt, largest = max(found, key=lambda m: abs(m[0]) - 3 * m[1])
    if abs(value) > 3 * doubt + _MEANS * largest:
        return float(np.real(value))
    return None


def check_monotone(state: StateProblem) -> None:
    """(A(p) - A(q)).(p - q) > 0, by the symmetric part of dA/dp on samples; for linear fluxes the
    ellipticity of the linearized model is asked instead.
    """
    if state.frozen or any(is_opaque(e) for e in state.tangent):
        return
    op = jets_as_parameters(state)
    size = state.components * state.dim
    values = sampler(list(state.tangent), op)
    points = generic_points(op, _POINTS, 5)
    least = np.inf
    most = 0.0
    for slow in _states(state, op):
        matrices = np.stack(values(points, slow), -1).reshape(-1, size, size)
        _require_numbers(state, matrices, slow)
        symmetric = (matrices + np.swapaxes(matrices, 1, 2)) / 2
        eigenvalues = np.linalg.eigvalsh(_on_strains(symmetric, state))
        largest = np.abs(eigenvalues).max(axis=1)
        worst = float((eigenvalues[:, 0] / np.where(largest > 0, largest, 1)).min())
        if worst < -_ROUNDING:
            raise UnsupportedError(
                "a flux that is not monotone in the gradient: there may be several limits, and one"
                " cell gives an upper bound alone",
                term=_quoted(state),
                remedy=(
                    "dA/d(grad u) must be positive (a convex energy); its least eigenvalue relative"
                    f" to the largest is {worst:.2g} at {_place(slow, state)}"
                ),
            )
        least = min(least, worst)
        most = max(most, float(largest.max()))
    if most == 0 or least < _DEGENERATE:
        raise UnsupportedError(
            "a flux that does not grow with the gradient in some direction (p = 1, total variation"
            " without a smoothing, perfect plasticity)",
            term=_quoted(state),
            remedy=_REGULARISE,
        )


def _states(state: StateProblem, op: Operator) -> Iterator[SlowPoint]:
    """Slow points with values and slopes of the unknowns."""
    rng = np.random.default_rng(11)
    entries = list(state.tangent)
    base = slow_samples(op, [e.subs(dict.fromkeys(state.all_slopes, 1)) for e in entries])[:4]
    count = len(state.all_slopes)
    for share, size in product(_SHARES, _SIZES):
        values = {}
        for v in state.values:
            low, high = (float(end) for end in op.problem.parameters[v])
            values[v] = low + share * (high - low)
        for direction in rng.normal(size=(_DIRECTIONS // 4, count)):
            slopes = size * direction / np.linalg.norm(direction)
            chosen = base[int(rng.integers(len(base)))]
            yield {**chosen, **values, **dict(zip(state.all_slopes, slopes.tolist()))}
        if not state.depends_on_values and share != _SHARES[0]:
            return


def _require_numbers(state: StateProblem, matrices: Array, slow: Mapping[sp.Symbol, float]) -> None:
    if np.isrealobj(matrices) and np.all(np.isfinite(matrices)):
        return
    names = ", ".join(map(str, state.operator.problem.unknowns))
    raise CoefficientError(
        f"a nonlinear flux has no real numbers at {_place(slow, state)}",
        term=_quoted(state),
        remedy=f"declare the values that the unknown takes: ranges={{{names}: (lower, upper)}}",
    )


def _on_strains(matrices: Array, state: StateProblem) -> Array:
    """The quadratic forms on symmetric gradients alone, where they are blind to rotations."""
    d = state.dim
    if state.components != d or d == 1:
        return matrices
    basis = []
    for i, j in product(range(d), repeat=2):
        if i <= j:
            e = np.zeros((d, d))
            e[i, j] = e[j, i] = 1.0
            basis.append((e / np.linalg.norm(e)).ravel())
    strains = np.array(basis)
    rotations = np.array(
        [(np.outer(a, b) - np.outer(b, a)).ravel() for a in np.eye(d) for b in np.eye(d)]
    )
    blind = np.abs(matrices @ rotations.T).max() <= _ROUNDING * np.abs(matrices).max()
    if not blind:
        return matrices
    return np.asarray(strains @ matrices @ strains.T)


def _quoted(state: StateProblem) -> sp.Expr:
    return max(state.all_fluxes, key=lambda a: a.count_ops())


def _place(slow: Mapping[sp.Symbol, float], state: StateProblem) -> str:
    shown = (*state.values, *state.all_slopes) if state.depends_on_values else state.all_slopes
    return ", ".join(f"{v} = {slow[v]:.3g}" for v in shown)
