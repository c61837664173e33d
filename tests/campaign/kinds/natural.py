"""Sources and reactions of order 1/eps beside natural conditions: the wall's phase enters the
limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..case import Draft, Random, kind
from ..oracles.boundary import End, constant, stationary
from ..oracles.spaces import antiderivative, edges
from ..profiles import Profile, ends_of, harmonic, mean_over, rounded, wave_sum
from .boundary_value import conditions, points, posed

FEM = ("skfem", "dolfinx", "")
TAIL = (
    "model = nh.homogenize(problem)\ncells = nh.solve_cells(model)\n"
    "u0 = nh.solve_homogenized(model, cells@{eps})\nfound = {{'u': u0(x[:, None])}}\n"
    'estimate = cells.info["estimate"] + u0.info["estimate"]\n'
)


@dataclass(frozen=True)
class Primitive:
    """Of a function w of zero mean beside a: values at a place, its mean, and its mean weighted by
    1/a.
    """

    profile: Profile
    mean: float
    weighted: float

    def at(self, place: float) -> float:
        """The integral of w from 0 to the place, by Gauss's rule."""
        if place == 0.0:
            return 0.0
        points_, weights = _rule(place)
        return float(weights @ self.profile.value(points_))


def _rule(end: float) -> tuple[np.ndarray, np.ndarray]:
    from ..oracles.spaces import gauss

    return gauss(np.linspace(0.0, end, 17))


def primitive(w: Profile, a: Profile) -> Primitive:
    """`Primitive` of w beside a."""
    places, weights, values = antiderivative(w.value, ends_of(a, w))
    inverse = weights / a.value(places)
    return Primitive(w, float(weights @ values), float(inverse @ values / inverse.sum()))


def phases(length: float, eps: float) -> tuple[float, float]:
    """y at both walls."""
    return 0.0, (length / eps) % 1.0


def limit_of_source(
    a: Profile, w: Profile, slope: float, f: float, length: float, eps: float, ends: tuple[End, End]
) -> np.ndarray:
    """u0 of -(a u')' = f + (1 + slope x) w(y)/eps: the wall's flux A u0' - (W(y_wall) - W_a) g is
    what is given.
    """
    A, W = 1 / float(mean_over(a)(lambda y: 1 / a.value(y))), primitive(w, a)
    moved = []
    for end, wall, sign, y in zip(ends, (0.0, length), (-1, 1), phases(length, eps), strict=True):
        extra = sign * (W.at(y) - W.weighted) * (1 + slope * wall)
        moved.append(
            end if end.kind == "dirichlet" else End("natural", end.value + extra, end.alpha)
        )
    right = f + slope * (W.weighted - W.mean)
    return stationary(
        edges(0.0, length, (), (), 16),
        (moved[0], moved[1]),
        points(length),
        constant(A),
        constant(right),
    )


def limit_of_reaction(
    a: Profile, r: Profile, c: float, f: float, length: float, eps: float, ends: tuple[End, End]
) -> np.ndarray:
    """u0 of -(a u')' + (c + r(y)/eps) u = f: the wall's flux is A u0' + (R(y_wall) - R_a) u0."""
    from .large_terms import reaction_coefficient

    A, R = 1 / float(mean_over(a)(lambda y: 1 / a.value(y))), primitive(r, a)
    moved = []
    for end, sign, y in zip(ends, (-1, 1), phases(length, eps), strict=True):
        extra = sign * (R.at(y) - R.weighted)
        moved.append(
            end if end.kind == "dirichlet" else End("natural", end.value, end.alpha + extra)
        )
    total = constant(c + reaction_coefficient(a, r))
    return stationary(
        edges(0.0, length, (), (), 16),
        (moved[0], moved[1]),
        points(length),
        constant(A),
        constant(f),
        c=total,
    )


def _given(rng: Random) -> tuple[str, float]:
    """The argument eps= (in most cases) and its value."""
    eps = rounded(rng.uniform(0.03, 0.2), 3)
    return (f", eps={eps}" if rng.random() < 0.7 else ""), eps


@kind("natural/source", *FEM)
def natural_source(rng: Random) -> Draft:
    """f + g(x) w(y)/eps: with walls of all kinds; without eps only Dirichlet data have a limit."""
    a, w, length = harmonic(rng, 3), wave_sum(rng, 8.0, 3), rounded(rng.uniform(0.5, 2), 3)
    slope, f = (
        (rounded(rng.uniform(-2, 2)) if rng.random() < 0.5 else 0.0),
        rounded(rng.uniform(-2, 2)),
    )
    text, ends = conditions(rng)
    argument, eps = _given(rng)
    right = f"{f} + (1 + {slope}*s.x[0])*({w.at('s.y[0]')})/s.eps"
    equation = f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)), {right})"
    walls = any(e.kind == "natural" for e in ends)
    if walls and not argument:
        return Draft(posed(equation, length, text, TAIL.format(eps="")), None)
    wanted = limit_of_source(a, w, slope, f, length, eps, ends)
    return Draft(
        posed(equation, length, text, TAIL.format(eps=argument if walls else "")),
        {"u": wanted},
        doubt=1e-9,
    )


@kind("natural/reaction", *FEM)
def natural_reaction(rng: Random) -> Draft:
    """(c + r(y)/eps) u: c large enough that the limit has a solution."""
    a, r, length = harmonic(rng, 3), wave_sum(rng, 5.0, 3), rounded(rng.uniform(0.5, 2), 3)
    c, f = rounded(rng.uniform(1, 20)), rounded(rng.uniform(-2, 2))
    text, ends = conditions(rng)
    argument, eps = _given(rng)
    equation = (
        f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)) + ({c} + ({r.at('s.y[0]')})/s.eps)*u, {f})"
    )
    walls = any(e.kind == "natural" for e in ends)
    if walls and not argument:
        return Draft(posed(equation, length, text, TAIL.format(eps="")), None)
    wanted = limit_of_reaction(a, r, c, f, length, eps, ends)
    return Draft(
        posed(equation, length, text, TAIL.format(eps=argument if walls else "")),
        {"u": wanted},
        doubt=1e-9,
    )
