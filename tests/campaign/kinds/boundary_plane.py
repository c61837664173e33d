"""solve_homogenized and solve_fine in the plane: manufactured and separable solutions, every kind
of condition.
"""

from __future__ import annotations

import math

import numpy as np
import sympy

from ..case import Draft, Random, kind
from ..oracles.boundary import End, stationary
from ..profiles import Profile, harmonic, layers, mean_over, rounded
from .boundary_value import FINE, HOMOGENIZED, Source, fine_panels

FEM = ("skfem", "dolfinx", "")
COUNT = 200
FACES = (("left", 0, 0), ("right", 0, 1), ("bottom", 1, 0), ("top", 1, 1))


def _posed(equation: str, lengths: tuple[float, float], boundary: str, tail: str) -> str:
    return (
        "import numpy as np\n"
        's = nh.Scales(2)\nu = s.unknown("u")\nx1, x2 = s.x\n'
        f"problem = nh.MultiscaleProblem({equation}, scales=s, unknown=u,\n"
        f"    domain=nh.Box((0, {lengths[0]}), (0, {lengths[1]})),\n    boundary={boundary})\n"
        f"x = np.random.default_rng(7).uniform((0.0, 0.0), {lengths}, ({COUNT}, 2))\n"
        + tail.replace("x[:, None]", "x")
    )


def _points(lengths: tuple[float, float]) -> np.ndarray:
    return np.random.default_rng(7).uniform((0.0, 0.0), lengths, (COUNT, 2))


@kind("equation/2D", *FEM, "pinn")
def manufactured(rng: Random) -> Draft:
    """-div(A* grad u) + c u = f with f made for a smooth u, some with a narrow bump; A* of layers
    is in closed form.
    """
    lengths = (
        (1.0, 1.0)
        if rng.random() < 0.5
        else (rounded(rng.uniform(0.5, 2), 3), rounded(rng.uniform(0.5, 2), 3))
    )
    a = harmonic(rng, 4)
    mean = mean_over(a)
    A = np.diag([1 / float(mean(lambda y: 1 / a.value(y))), float(mean(a.value))])
    x1, x2 = sympy.symbols("x1 x2")
    k1, k2, p, q = (rounded(v, 3) for v in rng.uniform((0.5, 0.5, 0, -1), (5, 5, 3, 1)))
    u = sympy.sin(k1 * x1 + p) * sympy.cos(k2 * x2) + q * x1 * x2
    if rng.random() < 0.4:
        thick = rounded(math.exp(rng.uniform(math.log(0.02), math.log(0.3))), 3)
        centre = [rounded(float(rng.uniform(0.2, 0.8)) * n, 3) for n in lengths]
        u += sympy.exp(-((x1 - centre[0]) ** 2 + (x2 - centre[1]) ** 2) / thick**2)
    c = rounded(rng.uniform(0.1, 10)) if rng.random() < 0.5 else 0.0
    flux = [A[0, 0] * sympy.diff(u, x1), A[1, 1] * sympy.diff(u, x2)]
    f = -sympy.diff(flux[0], x1) - sympy.diff(flux[1], x2) + c * u
    boundary = []
    for index, (name, axis, end) in enumerate(FACES):
        at = {(x1, x2)[axis]: end * lengths[axis]}
        normal = (2 * end - 1) * flux[axis].subs(at)
        choice = int(rng.integers(3)) if index else 0
        alpha = rounded(rng.uniform(0.2, 4))
        boundary.append(
            (
                f"nh.Dirichlet({u.subs(at)}, on='{name}')",
                f"nh.Neumann({normal}, on='{name}')",
                f"nh.Robin({alpha}, {normal + alpha * u.subs(at)}, on='{name}')",
            )[choice]
        )
    listed = "[" + ",\n        ".join(boundary) + "]"
    equation = f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)) + {c}*u, {f})"
    for name in ("sin", "cos", "exp"):
        listed, equation = (
            t.replace(f"{name}(", f"sp.{name}(").replace("sp.sp.", "sp.")
            for t in (listed, equation)
        )
    points = _points(lengths)
    wanted = sympy.lambdify((x1, x2), u, "numpy")(*points.T)
    return Draft(_posed(equation, lengths, listed, HOMOGENIZED.replace("{t}", "")), {"u": wanted})


@kind("fine/2D", "skfem", "dolfinx", "")
def separable(rng: Random) -> Draft:
    """Layers across x1, u = v(x1) times a sine or cosine of x2: v by spectral elements on every
    period.
    """
    lengths = (1.0, 1.0)
    a: Profile = layers(rng, 30) if rng.random() < 0.6 else harmonic(rng, 2)
    eps = 1 / int(rng.integers(2, 6))
    wave, cosine = int(rng.integers(1, 3)), bool(rng.random() < 0.5)
    ground, slope = rounded(rng.uniform(-2, 2)), rounded(rng.uniform(-5, 5))
    across = "sp.cos" if cosine else "sp.sin"
    shape = f"{across}({wave}*sp.pi*x2)"
    ends, boundary = [], []
    for name in ("left", "right"):
        choice, value, alpha = (
            int(rng.integers(3)),
            rounded(rng.uniform(-1, 1)),
            rounded(rng.uniform(0.2, 4)),
        )
        ends.append(
            (End("dirichlet", value), End("natural", value), End("natural", value, alpha))[choice]
        )
        boundary.append(
            (
                f"nh.Dirichlet({value}*{shape}, on='{name}')",
                f"nh.Neumann({value}*{shape}, on='{name}')",
                f"nh.Robin({alpha}, {value}*{shape}, on='{name}')",
            )[choice]
        )
    sides = (
        "nh.Neumann(0, on=['bottom', 'top'])" if cosine else "nh.Dirichlet(0, on=['bottom', 'top'])"
    )
    panels = fine_panels(a, 1.0, eps, Source("", lambda x: x))
    points = _points(lengths)
    v = stationary(
        panels,
        (ends[0], ends[1]),
        points[:, 0],
        lambda x: a.value(x / eps % 1.0),
        lambda x: ground + slope * x,
        c=lambda x: a.value(x / eps % 1.0) * (wave * np.pi) ** 2,
    )
    wanted = v * (np.cos if cosine else np.sin)(wave * np.pi * points[:, 1])
    equation = f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)), ({ground} + {slope}*x1)*{shape})"
    text = _posed(
        equation, lengths, f"[{', '.join(boundary)}, {sides}]", FINE.format(eps=repr(eps), t="")
    )
    return Draft(text, {"u": wanted}, doubt=1e-9)
