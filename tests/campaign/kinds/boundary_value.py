"""solve_homogenized and solve_fine: stationary problems and heat equations in one dimension, every
kind of condition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..case import Draft, Random, kind
from ..oracles.boundary import End, Function, constant, heat, stationary_with_doubt
from ..oracles.spaces import Array, Mark, edges
from ..profiles import (
    Profile,
    ends_of,
    harmonic,
    layers,
    mean_over,
    positive,
    rounded,
    strip,
    tanh_layers,
)

FEM = ("skfem", "dolfinx", "")
COUNT = 200


@dataclass(frozen=True)
class Source:
    """A right-hand side f(x): text in s.x[0], values, and the marks of narrow bumps."""

    text: str
    value: Function
    marks: tuple[Mark, ...] = ()
    breaks: tuple[float, ...] = ()


def source(rng: Random, length: float) -> Source:
    """A smooth source, a narrow bump, or one that jumps."""
    ground, height = rounded(rng.uniform(-2, 2)), rounded(math.exp(rng.uniform(0, math.log(1000))))
    centre, choice = round(float(rng.uniform(0.05, 0.95)) * length, 4), rng.random()
    if choice < 0.4:
        wave = rounded(rng.uniform(1, 8))
        return Source(
            f"{ground!r} + {height!r}*sp.sin({wave!r}*s.x[0])",
            lambda x: ground + height * np.sin(wave * x),
        )
    thick = rounded(math.exp(rng.uniform(math.log(3e-4), math.log(0.1))) * length, 3)
    if choice < 0.75:
        text = f"{ground!r} + {height!r}*sp.exp(-((s.x[0] - {centre!r})/{thick!r})**2)"
        return Source(
            text,
            lambda x: ground + height * np.exp(-(((x - centre) / thick) ** 2)),
            ((centre, thick), (centre - 3 * thick, thick), (centre + 3 * thick, thick)),
        )
    inner = f"({ground!r}, s.x[0] < {centre!r}), ({height!r}, s.x[0] < {centre + thick!r})"
    text = f"sp.Piecewise({inner}, ({ground!r}, True))"
    return Source(
        text,
        lambda x: np.where((x >= centre) & (x < centre + thick), height, ground),
        (),
        (centre, centre + thick),
    )


def conditions(rng: Random) -> tuple[str, tuple[End, End]]:
    """Text of the conditions at both ends, one of them at least not of pure Neumann kind."""
    ends, texts = [], []
    for name in ("left", "right"):
        choice = int(rng.integers(3))
        value, alpha = rounded(rng.uniform(-2, 2)), rounded(rng.uniform(0.2, 5))
        if choice == 1 and any(e.kind == "natural" and e.alpha == 0 for e in ends):
            choice = 0
        ends.append(
            (End("dirichlet", value), End("natural", value), End("natural", value, alpha))[choice]
        )
        texts.append(
            (
                f'nh.Dirichlet({value}, on="{name}")',
                f'nh.Neumann({value}, on="{name}")',
                f'nh.Robin({alpha}, {value}, on="{name}")',
            )[choice]
        )
    return f"[{', '.join(texts)}]", (ends[0], ends[1])


def points(length: float) -> Array:
    """The places where solutions are compared; the text draws the same."""
    return np.random.default_rng(7).uniform(0.0, length, COUNT)


def posed(equation: str, length: float, boundary: str, tail: str, time: str = "") -> str:
    """The text of a problem on (0, length)."""
    return (
        "import numpy as np\n"
        f's = nh.Scales(1{", time=True" if time else ""})\nu = s.unknown("u")\n'
        f"problem = nh.MultiscaleProblem({equation}, scales=s, unknown=u,\n"
        f"    domain=nh.Box((0, {length})), boundary={boundary}{time})\n"
        f"x = np.random.default_rng(7).uniform(0.0, {length}, {COUNT})\n" + tail
    )


HOMOGENIZED = (
    "model = nh.homogenize(problem)\ncells = nh.solve_cells(model)\n"
    "u0 = nh.solve_homogenized(model, cells@)\nfound = {'u': u0(x[:, None]{t})}\n"
    'estimate = cells.info["estimate"] + u0.info["estimate"]\n'
)
FINE = (
    "fine = nh.solve_fine(problem, {eps}@)\nfound = {{'u': fine(x[:, None]{t})}}\n"
    'estimate = fine.info["estimate"]\n'
)


def _panels(
    length: float, marks: tuple[Mark, ...], breaks: tuple[float, ...], pieces: int = 24
) -> Array:
    return edges(0.0, length, breaks, marks, pieces)


def fine_panels(profile: Profile, length: float, eps: float, more: Source) -> Array:
    """The panels of every period, and of the source."""
    cell = ends_of(profile)
    periods = np.arange(math.ceil(length / eps - 1e-9) + 1)
    marks = edges(0.0, length, more.breaks, more.marks, 8)
    return edges(0.0, length, [*(eps * (periods[:, None] + cell)).ravel(), *marks], (), 1)


def _length(rng: Random) -> float:
    return 1.0 if rng.random() < 0.5 else rounded(rng.uniform(0.5, 3), 3)


@kind("equation/1D", *FEM, "pinn")
def homogenized_1d(rng: Random) -> Draft:
    """-(a u')' + b u' + c u = f: u0 with the harmonic mean."""
    length, a = _length(rng), harmonic(rng, 5)
    f = source(rng, length)
    text, ends = conditions(rng)
    reaction = rounded(rng.uniform(0, 20)) if rng.random() < 0.5 else 0.0
    if reaction > 1.0 and rng.random() < 0.3:
        text, ends = "[nh.Periodic()]", None
    A = 1 / float(mean_over(a)(lambda y: 1 / a.value(y)))
    wanted, doubt = stationary_with_doubt(
        _panels(length, f.marks, f.breaks),
        ends,
        points(length),
        constant(A),
        f.value,
        c=constant(reaction),
    )
    equation = f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)) + {reaction}*u, {f.text})"
    return Draft(
        posed(equation, length, text, HOMOGENIZED.replace("{t}", "")),
        {"u": wanted},
        doubt=doubt + 1e-11,
    )


@kind("equation/1D slow", *FEM, "pinn")
def slow_1d(rng: Random) -> Draft:
    """a(x, y) = p(y) (1 + q(x)): A*(x) has the bump or jump of q."""
    length, p = 1.0, harmonic(rng, 4)
    q = (
        (strip, tanh_layers, layers)[int(rng.integers(3))](rng, 30)
        if rng.random() < 0.6
        else harmonic(rng, 4)
    )
    f, (text, ends) = source(rng, length), conditions(rng)
    A = 1 / float(mean_over(p)(lambda y: 1 / p.value(y)))
    panels = edges(0.0, 1.0, [*ends_of(q), *edges(0.0, 1.0, f.breaks, f.marks, 16)], (), 1)
    wanted, doubt = stationary_with_doubt(
        panels, ends, points(length), lambda x: A * (1 + q.value(x)), f.value
    )
    slow = q.text.replace("Y", "s.x[0]") if "Layer" not in q.text else None
    if slow is None:
        return slow_1d(rng)
    equation = f"sp.Eq(-s.div({p.at('s.y[0]')}*(1 + {slow})*s.grad(u)), {f.text})"
    return Draft(
        posed(equation, length, text, HOMOGENIZED.replace("{t}", "")),
        {"u": wanted},
        doubt=doubt + 1e-10,
    )


@kind("equation/1D layers", *FEM, "pinn")
def boundary_layers_1d(rng: Random) -> Draft:
    """-e (a u')' + b u' + c u = f with a small e: layers at the ends, of which the data do not tell."""
    a, f = harmonic(rng, 4), source(rng, 1.0)
    text, ends = conditions(rng)
    small = rounded(math.exp(rng.uniform(math.log(1e-6), math.log(0.1))))
    flow = (0.0, 1.0, -1.0)[int(rng.integers(3))]
    reaction = rounded(rng.uniform(0.2, 5)) if flow == 0 or rng.random() < 0.5 else 0.0
    A = small / float(mean_over(a)(lambda y: 1 / a.value(y)))
    thin = A if flow else math.sqrt(A / reaction)
    marks = [*f.marks, (0.0, thin / 4), (1.0, thin / 4)]
    wanted, doubt = stationary_with_doubt(
        edges(0.0, 1.0, f.breaks, marks, 24),
        ends,
        points(1.0),
        constant(A),
        f.value,
        b=constant(flow),
        c=constant(reaction),
    )
    left = f"-s.div({small}*{a.at('s.y[0]')}*s.grad(u)) + {flow}*s.grad(u)[0] + {reaction}*u"
    return Draft(
        posed(f"sp.Eq({left}, {f.text})", 1.0, text, HOMOGENIZED.replace("{t}", "")),
        {"u": wanted},
        doubt=doubt + 1e-11,
    )


@kind("equation/1D flux", *FEM, "pinn")
def source_of_flux(rng: Random) -> Draft:
    """-(a u' + g)' + c u = f: a source under the divergence, which may jump."""
    a, f, g = harmonic(rng, 4), source(rng, 1.0), source(rng, 1.0)
    text, ends = conditions(rng)
    reaction = rounded(rng.uniform(0, 20)) if rng.random() < 0.5 else 0.0
    A = 1 / float(mean_over(a)(lambda y: 1 / a.value(y)))
    wanted, doubt = stationary_with_doubt(
        edges(0.0, 1.0, [*f.breaks, *g.breaks], [*f.marks, *g.marks], 24),
        ends,
        points(1.0),
        constant(A),
        f.value,
        c=constant(reaction),
        g=g.value,
    )
    flux = f"{a.at('s.y[0]')}*s.grad(u) + sp.Matrix([{g.text}])"
    equation = f"sp.Eq(-s.div({flux}) + {reaction}*u, {f.text})"
    return Draft(
        posed(equation, 1.0, text, HOMOGENIZED.replace("{t}", "")),
        {"u": wanted},
        doubt=doubt + 1e-11,
    )


@kind("fine/1D", *FEM)
def fine_1d(rng: Random) -> Draft:
    """u_eps itself, with jumps and thin features in every period."""
    length = _length(rng)
    a = positive(rng, 100)
    f, (text, ends) = source(rng, length), conditions(rng)
    eps = (
        rounded(length / int(rng.integers(3, 12)), 12)
        if rng.random() < 0.7
        else rounded(rng.uniform(0.08, 0.4), 3)
    )
    reaction = rounded(rng.uniform(0, 20)) if rng.random() < 0.3 else 0.0
    wanted, doubt = stationary_with_doubt(
        fine_panels(a, length, eps, f),
        ends,
        points(length),
        lambda x: a.value(x / eps % 1.0),
        f.value,
        c=constant(reaction),
    )
    equation = f"sp.Eq(-s.div({a.at('s.y[0]')}*s.grad(u)) + {reaction}*u, {f.text})"
    return Draft(
        posed(equation, length, text, FINE.format(eps=eps, t="")),
        {"u": wanted},
        doubt=doubt + 1e-10,
    )


@kind("equation/heat 1D", *FEM, "pinn")
def heat_1d(rng: Random) -> Draft:
    """rho u_t - (a u')' + c u = f(x) from smooth data that fit the conditions."""
    a, rho, f = harmonic(rng, 4), harmonic(rng, 4), source(rng, 1.0)
    reaction, final = (
        rounded(rng.uniform(0, 3)),
        rounded(math.exp(rng.uniform(math.log(0.05), math.log(2)))),
    )
    A, mean = 1 / float(mean_over(a)(lambda y: 1 / a.value(y))), float(mean_over(rho)(rho.value))
    bound = (End("dirichlet"), End("dirichlet"))
    wanted = heat(
        _panels(1.0, f.marks, f.breaks, 12),
        bound,
        points(1.0),
        final,
        constant(A),
        f.value,
        lambda x: np.sin(np.pi * x),
        constant(reaction),
        constant(mean),
    )
    left = f"{rho.at('s.y[0]')}*s.dt(u) - s.div({a.at('s.y[0]')}*s.grad(u)) + {reaction}*u"
    equation = f"sp.Eq({left}, {f.text})"
    start = f", initial=[nh.Initial(sp.sin(sp.pi*s.x[0]))], final_time={final}"
    text = posed(
        equation, 1.0, "[nh.Dirichlet(0)]", HOMOGENIZED.replace("{t}", f", {final}"), start
    )
    return Draft(text, {"u": wanted}, doubt=1e-9)


@kind("fine/heat 1D", "skfem", "dolfinx", "")
def fine_heat_1d(rng: Random) -> Draft:
    """The heat equation in layers, every period resolved."""
    a, f, eps = layers(rng, 30), source(rng, 1.0), 1 / int(rng.integers(2, 6))
    final = rounded(math.exp(rng.uniform(math.log(0.02), math.log(0.5))))
    panels = fine_panels(a, 1.0, eps, f)
    wanted = heat(
        panels,
        (End("dirichlet"), End("natural")),
        points(1.0),
        final,
        lambda x: a.value(x / eps % 1.0),
        f.value,
        lambda x: np.sin(np.pi * x / 2),
        degree=5,
    )
    equation = f"sp.Eq(s.dt(u) - s.div({a.at('s.y[0]')}*s.grad(u)), {f.text})"
    start = f", initial=[nh.Initial(sp.sin(sp.pi*s.x[0]/2))], final_time={final}"
    tail = FINE.format(eps=repr(eps), t=f", {final}")
    text = posed(
        equation, 1.0, '[nh.Dirichlet(0, on="left"), nh.Neumann(0, on="right")]', tail, start
    )
    return Draft(text, {"u": wanted}, doubt=1e-7)


def _pulsed(rng: Random, order: int) -> Draft:
    """D_t^order u - u'' = sin(m pi x) p(t) from rest, p with jumps, bumps or waves in time: one mode,
    by Duhamel's integral.
    """
    p = positive(rng, 100, shapes=False)
    final, m = rounded(rng.uniform(0.2, 1.5), 3), int(rng.integers(1, 3))
    root = m * np.pi
    response = {1: lambda t: np.exp(-(root**2) * t), 2: lambda t: np.sin(root * t) / root}[order]
    mode = final * float(mean_over(p)(lambda t: p.value(t) * response(final * (1 - t))))
    size = final * float(mean_over(p)(lambda t: p.value(t) * np.abs(response(final * (1 - t)))))
    left = f"s.dt(u{'' if order == 1 else ', 2'}) - s.laplacian(u)"
    equation = f"sp.Eq({left}, sp.sin({m}*sp.pi*s.x[0])*{p.at(f'(s.t/{final})')})"
    rest = "nh.Initial(0)" + (", nh.Initial(0, order=1)" if order == 2 else "")
    text = posed(
        equation,
        1.0,
        "[nh.Dirichlet(0)]",
        FINE.format(eps="1", t=f", {final}"),
        f", initial=[{rest}], final_time={final}",
    )
    wanted = mode * np.sin(m * np.pi * points(1.0))
    return Draft(text, {"u": wanted}, {"u": size}, doubt=1e-10 + p.blur)


@kind("fine/heat pulse", "skfem", "dolfinx", "", "pinn")
def heat_pulse(rng: Random) -> Draft:
    return _pulsed(rng, 1)


@kind("fine/wave pulse", "skfem", "dolfinx", "", "pinn")
def wave_pulse(rng: Random) -> Draft:
    return _pulsed(rng, 2)
