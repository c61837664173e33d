"""Arguments of the paper as experiments without networks: coarse elements (section 2.2), e2 < e4
(section 5.2.1), and where its e4 comes from.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import solve_banded

from ...solve.solution import Array
from ..store import Arrays
from .cases import Case, relative

COARSE = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Numbers of linear elements on (0, pi) for the experiment of section 2.2; the coefficient has
PERIODS periods there.
"""
PERIODS = 64
_REFERENCE = 2**16
_NODES = 101
_FINEST = 1024


def coarse_elements() -> Arrays:
    """Linear elements for a = 15 sin^2(x/eps) + 1, f = sin x: the error against u_eps over the
    number of elements.

    Integrated exactly, an element of whole periods sees the mean 8.5 of a instead of its harmonic
    mean 4.
    """

    def a(x: Array) -> Array:
        return np.asarray(15 * np.sin(PERIODS * x) ** 2 + 1)

    grid, exact = linear_elements(a, np.sin, (0.0, np.pi), _REFERENCE)
    errors, curves = [], {}
    for count in COARSE:
        x, u = linear_elements(a, np.sin, (0.0, np.pi), count)
        errors.append(relative(np.interp(grid, x, u) - exact, exact))
        if count in (32, COARSE[-1]):
            curves[f"u_{count}"] = np.interp(grid[::64], x, u)
    nodes = (np.arange(4096) + 0.5) * np.pi / 4096
    values = 15 * np.sin(nodes) ** 2 + 1
    return {
        "elements": np.array(COARSE),
        "errors": np.array(errors),
        "x": grid[::64],
        "u_eps": exact[::64],
        **curves,
        "mean": np.array(values.mean()),
        "harmonic": np.array(1 / (1 / values).mean()),
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
    stiffness = (
        (a(x[1:]) + a(x[:-1])) / 2 if rule == "ends" else _means(a, x, max(1, _FINEST // count))
    )
    load = h * (
        _means(lambda s: f(s) * (s - x[:-1, None]) / h, x, 1)[:-1]
        + _means(lambda s: f(s) * (x[1:, None] - s) / h, x, 1)[1:]
    )
    return x, np.concatenate([[0.0], solve_banded((1, 1), _bands(stiffness / h), load), [0.0]])


def _means(function: Callable[[Array], Array], x: Array, pieces: int) -> Array:
    """The mean over every interval between the nodes x, by Gauss points on equal pieces; `function`
    takes (intervals, points).
    """
    places, weights = np.polynomial.legendre.leggauss(8)
    unit = ((np.arange(pieces)[:, None] + (places + 1) / 2) / pieces).ravel()
    values = function(x[:-1, None] + np.diff(x)[:, None] * unit)
    return np.asarray(values @ np.tile(weights / 2, pieces) / pieces)


def _bands(edges: Array) -> Array:
    """The rows of solve_banded of sum over edges of edge * (u_i - u_{i+1})^2, inner nodes only."""
    bands = np.zeros((3, len(edges) - 1))
    bands[1] = edges[:-1] + edges[1:]
    bands[0, 1:] = bands[2, :-1] = -edges[1:-1]
    return bands


def effective_2d(case: Case) -> Arrays:
    """a*_11 of section 5.2 from a converged chi_1 on 101 x 101 nodes, in four ways, with the error
    of the solution that belongs to it.

    Derivatives by finite differences (second order) or exactly; the mean by a sum over all nodes
    times h^2, which counts the end lines of the cell twice, or by the trapezoid rule. A* is a
    multiple of the identity, so that u0 is inversely proportional to it.
    """
    line = np.linspace(0, 1, _NODES)
    h, chi = line[1] - line[0], case.cells.functions[0]
    points = np.stack([g.ravel() for g in np.meshgrid(line, line, indexing="ij")], axis=-1)
    a = (2 + np.sin(2 * np.pi * points[:, 0]) * np.cos(2 * np.pi * points[:, 1])).reshape(
        _NODES, _NODES
    )
    slopes = {
        "differences": np.gradient(chi(points).reshape(_NODES, _NODES), h, axis=0, edge_order=2),
        "exact": chi.derivative(points, (1, 0)).reshape(_NODES, _NODES),
    }
    ends = np.full(_NODES, h)
    ends[[0, -1]] /= 2
    rules = {"sum": np.full(_NODES, h), "trapezoid": ends}
    true = float(case.cells.effective["A"][0, 0])
    u0, fine = case.homogenized(case.points), case.fine(case.points)
    result: Arrays = {"true": np.array(true)}
    for slope, derivative in slopes.items():
        for rule, weights in rules.items():
            value = float(np.einsum("i,j,ij", weights, weights, a * (1 + derivative)))
            result |= {
                f"a {slope} {rule}": np.array(value),
                f"e {slope} {rule}": np.array(relative(u0 * true / value - fine, fine)),
            }
    factors = np.linspace(0.97, 1.03, 241)
    return {
        **result,
        "factors": factors,
        "e of factor": np.array([relative(u0 / s - fine, fine) for s in factors]),
    }


def reference_of_elements(case: Case) -> Arrays:
    """e4 of section 5.3 where u_eps itself comes from few linear elements."""
    counts, rules = (100, 150, 200, 300, 400, 1600), ("ends", "gauss")
    (bounds,) = case.bounds
    errors = np.zeros((len(rules), len(counts)))
    for i, rule in enumerate(rules):
        for j, count in enumerate(counts):
            x, fine = linear_elements(
                lambda s: case.oscillating(s.reshape(-1, 1)).reshape(s.shape),
                np.sin,
                (bounds[0], bounds[1]),
                count,
                rule,
            )
            errors[i, j] = relative(case.homogenized(x[:, None]) - fine, fine)
    return {"elements": np.array(counts), "ends": errors[0], "gauss": errors[1]}


def differences_in_time(case: Case) -> Arrays:
    """e4 of section 5.4 with u_eps and u0 both by finite differences on the 201 points on which the
    paper takes errors.
    """
    (x,) = case.points.T
    r_star = float(case.cells.effective["c"])
    fine = _parabolic(x, case.oscillating(case.points) / float(case.eps))
    coarse = _parabolic(x, np.full(len(x), r_star))
    shift = case.cells.functions[0](case.cell_points)
    return {
        "e4": np.array(relative(coarse - fine, fine)),
        "r*": np.array(r_star),
        "floor": np.array(float(case.eps) * np.sqrt(np.mean(shift[:-1] ** 2))),
    }


def _parabolic(x: Array, q: Array, steps: int = 1000) -> Array:
    """u_t - 2 u_xx + q u = sin(2 pi x), zero initial and boundary values, at t = 1/2: central
    differences, Crank-Nicolson.
    """
    h, dt = x[1] - x[0], 0.5 / steps
    bands = _bands(np.full(len(x) - 1, 2 / h**2))
    bands[1] += q[1:-1]
    implicit = dt / 2 * bands
    implicit[1] += 1
    source, u = np.sin(2 * np.pi * x[1:-1]), np.zeros(len(x) - 2)
    for _ in range(steps):
        applied = bands[1] * u
        applied[:-1] += bands[0, 1:] * u[1:]
        applied[1:] += bands[2, :-1] * u[:-1]
        u = solve_banded((1, 1), implicit, u - dt / 2 * applied + dt * source)
    return np.concatenate([[0.0], u, [0.0]])
