"""Arguments of the paper as experiments without networks: coarse elements (section 2.2), e2 < e4
(section 5.2.1), and where its e4 comes from. Every function returns plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cases import Array, Case, grid, relative
from scipy.linalg import solve_banded

COARSE = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Numbers of linear elements on (0, pi) for the experiment of section 2.2; the coefficient has
PERIODS periods there.
"""
PERIODS = 64
_REFERENCE = 2**16
_NODES = 101
_FINEST = 1024
_GAUSS_POINTS = 8
_FACTORS = (0.97, 1.03, 121)
"""Multiples of a* that are tried: range and number."""


def coarse_elements() -> dict[str, Any]:
    """Linear elements for a = 15 sin^2(x/eps) + 1, f = sin x: the error against u_eps over the
    number of elements.

    Integrated exactly, an element of whole periods sees the mean 8.5 of a instead of its harmonic
    mean 4.
    """

    def a(x: Array) -> Array:
        return np.asarray(15 * np.sin(PERIODS * x) ** 2 + 1)

    nodes, exact = linear_elements(a, np.sin, (0.0, np.pi), _REFERENCE)
    errors = []
    for count in COARSE:
        x, u = linear_elements(a, np.sin, (0.0, np.pi), count)
        errors.append(relative(np.interp(nodes, x, u) - exact, exact))
    places = (np.arange(4096) + 0.5) * np.pi / 4096
    values = 15 * np.sin(places) ** 2 + 1
    return {
        "elements": list(COARSE),
        "errors": errors,
        "mean": float(values.mean()),
        "harmonic": float(1 / (1 / values).mean()),
    }


def linear_elements(
    a: Callable[[Array], Array],
    f: Callable[[Array], Array],
    bounds: tuple[float, float],
    count: int,
    rule: str = "gauss",
) -> tuple[Array, Array]:
    """Nodes and values of P1 elements for -(a u')' = f with zero boundary values; rule: "gauss" (to
    rounding) or "ends" (trapezoid) for a.
    """
    x = np.linspace(*bounds, count + 1)
    h = x[1] - x[0]
    if rule == "ends":
        stiffness = (a(x[1:]) + a(x[:-1])) / 2
    else:
        stiffness = _means(a, x, max(1, _FINEST // count))
    from_left = _means(lambda s: f(s) * (s - x[:-1, None]) / h, x, 1)
    from_right = _means(lambda s: f(s) * (x[1:, None] - s) / h, x, 1)
    load = h * (from_left[:-1] + from_right[1:])
    inner = solve_banded((1, 1), _bands(stiffness / h), load)
    return x, np.concatenate([[0.0], inner, [0.0]])


def _means(function: Callable[[Array], Array], x: Array, pieces: int) -> Array:
    """The mean over every interval between the nodes x, by Gauss points on equal pieces; `function`
    takes (intervals, points).
    """
    places, weights = np.polynomial.legendre.leggauss(_GAUSS_POINTS)
    unit = ((np.arange(pieces)[:, None] + (places + 1) / 2) / pieces).ravel()
    values = function(x[:-1, None] + np.diff(x)[:, None] * unit)
    return np.asarray(values @ np.tile(weights / 2, pieces) / pieces)


def _bands(edges: Array) -> Array:
    """The rows of solve_banded of sum over edges of edge * (u_i - u_{i+1})^2, inner nodes only."""
    bands = np.zeros((3, len(edges) - 1))
    bands[1] = edges[:-1] + edges[1:]
    bands[0, 1:] = bands[2, :-1] = -edges[1:-1]
    return bands


def effective_2d(case: Case) -> dict[str, Any]:
    """a*_11 of section 5.2 from a converged chi_1 on 101 x 101 nodes, in four ways, with the error
    of the solution that belongs to it.

    Derivatives by finite differences (second order) or exactly; the mean by a sum over all nodes
    times h^2, which counts the end lines of the cell twice, or by the trapezoid rule. A* is a
    multiple of the identity, so that u0 is inversely proportional to it.
    """
    points = grid(np.array([[0.0, 1.0], [0.0, 1.0]]), _NODES)
    h = 1 / (_NODES - 1)
    chi = case.cells.functions[0]
    a = 2 + np.sin(2 * np.pi * points[:, 0]) * np.cos(2 * np.pi * points[:, 1])
    on_grid = chi(points).reshape(_NODES, _NODES)
    slopes = {
        "differences": np.gradient(on_grid, h, axis=0, edge_order=2),
        "exact": chi.derivative(points, (1, 0)).reshape(_NODES, _NODES),
    }
    ends = np.full(_NODES, h)
    ends[[0, -1]] /= 2
    rules = {"sum": np.full(_NODES, h), "trapezoid": ends}
    true = float(case.cells.effective["A"][0, 0])
    u0 = case.homogenized(case.points)
    fine = case.fine(case.points)
    found: dict[str, Any] = {"true": true}
    for slope, derivative in slopes.items():
        density = a.reshape(_NODES, _NODES) * (1 + derivative)
        for rule, weights in rules.items():
            value = float(weights @ density @ weights)
            found[f"a {slope} {rule}"] = value
            found[f"e {slope} {rule}"] = relative(u0 * true / value - fine, fine)
    factors = np.linspace(*_FACTORS)
    errors = np.array([relative(u0 / factor - fine, fine) for factor in factors])
    best = int(np.argmin(errors))
    return {**found, "best factor": float(factors[best]), "e of best factor": float(errors[best])}


def reference_of_elements(case: Case) -> dict[str, Any]:
    """e4 of section 5.3 where u_eps itself comes from few linear elements."""
    counts = (100, 150, 200, 300, 400, 1600)
    (bounds,) = case.bounds.tolist()

    def a(x: Array) -> Array:
        return case.oscillating(x.reshape(-1, 1)).reshape(x.shape)

    errors: dict[str, list[float]] = {"ends": [], "gauss": []}
    for rule, found in errors.items():
        for count in counts:
            x, fine = linear_elements(a, np.sin, (bounds[0], bounds[1]), count, rule)
            found.append(relative(case.homogenized(x[:, None]) - fine, fine))
    return {"elements": list(counts), **errors}


def differences_in_time(case: Case) -> dict[str, Any]:
    """e4 of section 5.4 with u_eps and u0 both by finite differences on the 201 points on which the
    paper takes errors; floor: the size of the first corrector, eps rms(N), where u0 is smooth.
    """
    (x,) = case.points.T
    r_star = float(case.cells.effective["c"])
    fine = _parabolic(x, case.oscillating(case.points) / float(case.eps))
    coarse = _parabolic(x, np.full(len(x), r_star))
    corrector = case.cells.functions[0](case.cell_points)[:-1]
    return {
        "e4": relative(coarse - fine, fine),
        "r*": r_star,
        "floor": float(case.eps) * float(np.sqrt(np.mean(corrector**2))),
        "points per period": case.period * (case.test_nodes - 1) / (x[-1] - x[0]),
    }


def _parabolic(x: Array, q: Array, steps: int = 1000) -> Array:
    """u_t - 2 u_xx + q u = sin(2 pi x), zero initial and boundary values, at t = 1/2: central
    differences, Crank-Nicolson.
    """
    h = x[1] - x[0]
    dt = 0.5 / steps
    bands = _bands(np.full(len(x) - 1, 2 / h**2))
    bands[1] += q[1:-1]
    implicit = dt / 2 * bands
    implicit[1] += 1
    source = np.sin(2 * np.pi * x[1:-1])
    u = np.zeros(len(x) - 2)
    for _ in range(steps):
        applied = bands[1] * u
        applied[:-1] += bands[0, 1:] * u[1:]
        applied[1:] += bands[2, :-1] * u[:-1]
        u = solve_banded((1, 1), implicit, u - dt / 2 * applied + dt * source)
    return np.concatenate([[0.0], u, [0.0]])
