"""Data that depend on time, and starts with thin features: modes of the interval, by Duhamel."""

from __future__ import annotations

import math

import numpy as np

from ..case import Draft, Random, kind
from ..oracles.boundary import NONE, ONE, End, heat
from ..oracles.spaces import Array, edges
from ..profiles import Profile, mean_over, positive, rounded
from .boundary_value import FINE, points, posed, source

BACKENDS = ("skfem", "dolfinx", "", "pinn")


def _scaled(profile: Profile, mean: float) -> tuple[str, float]:
    """Text in the time s.t, of period 1, with about this mean; and the mean that it has."""
    found = float(mean_over(profile)(profile.value))
    factor = rounded(mean / found)
    return f"{factor!r}*{profile.at('s.t')}", factor * found


def _in_unit_time(equation: str, boundary: str, start: str, final: float = 1.0) -> str:
    return posed(
        equation,
        1.0,
        boundary,
        FINE.format(eps="1", t=f", {final}"),
        f", initial=[nh.Initial({start})], final_time={final}",
    )


@kind("fine/heat coefficient in time", *BACKENDS)
def coefficient_in_time(rng: Random) -> Draft:
    """u_t - a(t) u'' + c(t) u = 0 from a mode: the exponential of the means of a and c."""
    a, c = positive(rng, 100, shapes=False), positive(rng, 100, shapes=False)
    m = int(rng.integers(1, 3))
    a_text, a_mean = _scaled(a, rng.uniform(0.2, 2) / (m * math.pi) ** 2)
    c_text, c_mean = _scaled(c, rng.uniform(0.2, 2))
    equation = f"sp.Eq(s.dt(u) - {a_text}*s.laplacian(u) + {c_text}*u, 0)"
    text = _in_unit_time(equation, "[nh.Dirichlet(0)]", f"sp.sin({m}*sp.pi*s.x[0])")
    factor = math.exp(-a_mean * (m * math.pi) ** 2 - c_mean)
    wanted = factor * np.sin(m * np.pi * points(1.0))
    return Draft(text, {"u": wanted}, doubt=1e-11 + a.blur + c.blur)


@kind("fine/heat condition in time", *BACKENDS)
def condition_in_time(rng: Random) -> Draft:
    """k u_t - u'' = 0 from rest; for t < .9 the left end has u = p(t) or the flux p(t), then 0: at
    t = 1 the modes of the interval have decayed.
    """
    p = positive(rng, 100, shapes=False)
    capacity = rounded(rng.uniform(0.1, 1))
    p_text = p.at("(s.t/0.9)")
    given = bool(rng.random() < 0.5)
    condition = "Dirichlet" if given else "Neumann"
    boundary = (
        f"[nh.{condition}(sp.Piecewise(({p_text}, s.t < 0.9), (0, True)), on='left'), "
        "nh.Dirichlet(0, on='right')]"
    )
    x = points(1.0)
    wanted = np.zeros_like(x)
    for n in range(200):
        root = (n + 1 if given else n + 0.5) * math.pi
        rate = root**2 / capacity
        if rate * 0.1 > 45:
            break
        push = 0.9 * float(mean_over(p)(lambda t, r=rate: p.value(t) * np.exp(-r * (1 - 0.9 * t))))
        wanted += 2 / capacity * push * (root * np.sin(root * x) if given else np.cos(root * x))
    text = _in_unit_time(f"sp.Eq({capacity}*s.dt(u) - s.laplacian(u), 0)", boundary, "0")
    return Draft(text, {"u": wanted}, doubt=1e-9 + p.blur)


@kind("fine/heat start", *BACKENDS)
def thin_start(rng: Random) -> Draft:
    """u_t - u'' = 0 from data with a bump, a gate or waves, that need not fit the condition."""
    f = source(rng, 1.0)
    final = rounded(math.exp(rng.uniform(math.log(1e-4), math.log(0.2))))
    ends: Array = edges(0.0, 1.0, f.breaks, [*f.marks, (0.0, 1e-3), (1.0, 1e-3)], 12)
    at = points(1.0)
    dirichlet = (End("dirichlet"), End("dirichlet"))
    found = [
        heat(ends, dirichlet, at, final, ONE, NONE, f.value, degree=degree) for degree in (7, 9)
    ]
    doubt = float(abs(found[0] - found[1]).max() / abs(found[1]).max())
    equation = "sp.Eq(s.dt(u) - s.laplacian(u), 0)"
    text = _in_unit_time(equation, "[nh.Dirichlet(0)]", f.text, final)
    return Draft(text, {"u": found[1]}, doubt=doubt + 1e-9)
