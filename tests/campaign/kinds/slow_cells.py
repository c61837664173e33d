"""Coefficients a(x, y): effective coefficients as functions of x, with jumps and thin features
along x.
"""

from __future__ import annotations

import numpy as np

from ..case import CELLS, Draft, Random, kind
from ..oracles.spaces import Array
from ..profiles import Profile, harmonic, layers, mean_over, place, positive, rounded, strip

ALL = ("fourier", "skfem", "dolfinx", "")
COUNT = 40


def _features(rng: Random) -> Profile:
    """A profile along x, of which `Layer` knows nothing."""
    return positive(rng, 30, shapes=False)


def _places(profile: Profile) -> Array:
    """Points of the unit interval, some of them beside the features."""
    near = [v + d for v in profile.breaks for d in (-0.01, 0.01)]
    near += [p + d for p, w in profile.marks for d in (0.0, w)]
    generic = np.random.default_rng(3).uniform(0, 1, COUNT)
    found = np.concatenate([generic, [v % 1.0 for v in near]])
    return np.round(np.clip(found, 1e-6, 1 - 1e-6), 6)[: COUNT + 9]


@kind("slow/1D", *ALL, "pinn")
def slow_1d(rng: Random) -> Draft:
    """p(y) q(x) or p(y) + q(x): the harmonic mean at every x."""
    p = layers(rng, 30) if rng.random() < 0.3 else harmonic(rng, 5)
    q = _features(rng)
    at = _places(q)
    mean = mean_over(p)
    if rng.random() < 0.5:
        text = f"{p.at('s.y[0]')}*{q.at('s.x[0]')}"
        wanted = q.value(at) / float(mean(lambda y: 1 / p.value(y)))
    else:
        text = f"{p.at('s.y[0]')} + {q.at('s.x[0]')}"
        wanted = 1 / mean(lambda y: 1 / (p.value(y)[:, None] + q.value(at)))
    return Draft(_posed(1, text, at), {"A": wanted})


@kind("slow/2D", "fourier", "skfem", "")
def slow_2d(rng: Random) -> Draft:
    """p(y1) (1 + q(x2)): along and across at every x."""
    p, q = harmonic(rng, 4), strip(rng, 30) if rng.random() < 0.3 else _features(rng)
    at, mean = _places(q), mean_over(p)
    factor = 1 + q.value(at)
    text = f"{p.at('s.y[0]')}*(1 + {q.at('s.x[1]')})"
    across = factor / float(mean(lambda y: 1 / p.value(y)))
    return Draft(_posed(2, text, at), {"A": across})


def _posed(dim: int, coefficient: str, at: Array) -> str:
    box = ", ".join(["(0, 1)"] * dim)
    point = "x[:, None]" if dim == 1 else "np.stack([0.3 + 0*x, x], 1)"
    return (
        "import numpy as np\n"
        f's = nh.Scales({dim})\nu = s.unknown("u")\n'
        f"a = {coefficient}\n"
        "problem = nh.MultiscaleProblem(sp.Eq(-s.div(a*s.grad(u)), 1), scales=s, unknown=u,\n"
        f"    domain=nh.Box({box}), boundary=[nh.Dirichlet(0)])\n"
        f"x = np.array({at.tolist()})\n" + CELLS + "A = cells.effective['A']\n"
        f"A = A({point}) if callable(A) else np.broadcast_to(A, (len(x), {dim}, {dim}))\n"
        "found = {'A': A[:, 0, 0]}\n"
        'estimate = cells.info["estimate"]\n'
    )


@kind("slow/family", "fourier", "skfem", "")
def drifting_phase(rng: Random) -> Draft:
    """A wave whose phase or depth varies with x: A(x) is smooth."""
    ground, depth = rounded(rng.uniform(1.5, 4)), rounded(rng.uniform(0.3, 0.9))
    speed, turn = rounded(rng.uniform(0.5, 6)), place(rng)
    at = np.round(np.random.default_rng(4).uniform(0, 1, COUNT), 6)
    inner = f"{depth}*sp.sin({speed}*s.x[0])*sp.cos(2*sp.pi*(s.y[0] - {turn} - s.x[0]))"
    # The harmonic mean of g + d cos is sqrt(g^2 - d^2).
    wanted = np.sqrt(ground**2 - (depth * np.sin(speed * at)) ** 2)
    return Draft(_posed(1, f"{ground} + {inner}", at), {"A": wanted})
