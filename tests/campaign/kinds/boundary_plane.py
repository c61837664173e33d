"""solve_homogenized and solve_fine in the plane: manufactured and separable solutions, every kind
of condition.
"""

from __future__ import annotations

import math

import numpy as np
import sympy

from ..case import Draft, Random, kind
from ..oracles.boundary import End, stationary
from ..oracles.spaces import edges, gauss
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


@kind("equation/2D edge", *FEM, "pinn")
def edge_data(rng: Random) -> Draft:
    """-div(A* grad u) = 0, zero on three sides, and on the left side a bump or a gate of x2, as
    value or flux: the sine series.
    """
    a = harmonic(rng, 4)
    mean = mean_over(a)
    A1, A2 = 1 / float(mean(lambda y: 1 / a.value(y))), float(mean(a.value))
    centre = rounded(rng.uniform(0.2, 0.8))
    thick = rounded(math.exp(rng.uniform(math.log(3e-3), math.log(0.2))), 3)
    given, gate = bool(rng.random() < 0.5), bool(rng.random() < 0.4)
    low, high = max(centre - thick / 2, 0.0), min(centre + thick / 2, 1.0)
    bump = f"sp.exp(-((x2 - {centre})/{thick})**2)"
    gated = f"sp.Piecewise((1, (x2 > {low!r}) & (x2 < {high!r})), (0, True))"
    condition = f"nh.{'Dirichlet' if given else 'Neumann'}({gated if gate else bump}, on='left')"
    points = _points((1.0, 1.0))
    # The points next to the edge decide how many sines there are: exp(-n pi ratio x1) < 1e-13.
    ratio = math.sqrt(A2 / A1)
    points = points[points[:, 0] > 0.01 / ratio]
    n = np.arange(1, 1001)
    waves = n * math.pi
    if gate:
        shares = 2 * (np.cos(waves * low) - np.cos(waves * high)) / waves
    else:
        y, weights = gauss(edges(0.0, 1.0, (), [(centre, thick)], 400))
        shares = 2 * np.sin(waves[:, None] * y) @ (weights * np.exp(-(((y - centre) / thick) ** 2)))
    decay = ratio * waves
    depth = points[:, 0][:, None]
    fade = np.exp(-decay * depth)
    back = np.exp(-decay * (2 - depth))
    if given:
        profile = (fade - back) / (1 - np.exp(-2 * decay))
    else:
        profile = (fade - back) / (A1 * decay * (1 + np.exp(-2 * decay)))
    wanted = np.sum(shares * profile * np.sin(points[:, 1][:, None] * waves), axis=1)
    tail = HOMOGENIZED.replace("{t}", "").replace(
        "u0(x[:, None])", f"u0(x[x[:, 0] > {0.01 / ratio!r}])"
    )
    rest = "nh.Dirichlet(0, on=['right', 'bottom', 'top'])"
    text = _posed(
        f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)), 0)", (1.0, 1.0), f"[{condition}, {rest}]", tail
    )
    return Draft(text, {"u": wanted}, doubt=1e-11)
