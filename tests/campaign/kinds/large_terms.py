"""Cell problems with terms of order 1/eps and eps^-2: drifts, reactions, ground states; weights
rho; non-divergence form.
"""

from __future__ import annotations

import math

import numpy as np

from ..case import CELLS, Draft, Random, kind
from ..oracles.bloch import Law, law
from ..oracles.spaces import Array, Space, antiderivative, edges, line, periodic_edges, plane
from ..profiles import (
    Profile,
    centred,
    ends_of,
    harmonic,
    layers,
    mean_over,
    place,
    positive,
    rounded,
    wave_sum,
)

ALL = ("fourier", "skfem", "dolfinx", "")


ROUNDING = 1e-11
"""Of eigenvalues of spectral elements."""


def parabolic(dim: int, terms: str, names: tuple[str, ...], rho: str = "1") -> str:
    """The text of rho u_t + terms = 0; `found` is divided by the effective rho."""
    found = "e = dict(cells.effective)\nfound = {}\n"
    for name in names:
        zero = {
            "A": f"np.zeros(({dim}, {dim}))",
            "drift": f"np.zeros({dim})",
            "b": f"np.zeros({dim})",
        }.get(name, "0.0")
        share = "/e.get('rho', 1.0)" if name in ("A", "b", "c") else ""
        found += f"found['{name}'] = np.asarray(e.get('{name}', {zero})){share}\n"
    return (
        "import numpy as np\n"
        f's = nh.Scales({dim}, time=True)\nu = s.unknown("u")\n'
        f"problem = nh.MultiscaleProblem(sp.Eq({rho}*s.dt(u) + {terms}, 0), scales=s, unknown=u)\n"
        + CELLS
        + found
        + 'estimate = cells.info["estimate"]\n'
    )


def _space(degree: int, *profiles: Profile) -> Space:
    """Spectral elements that resolve the profiles and layers of a drift of some size."""
    return line(edges(0.0, 1.0, [*ends_of(*profiles), *np.linspace(0, 1, 25)], (), 1), degree)


def _values(profile: Profile | float, space: Space) -> Array | float:
    return profile.value(space.points[:, 0]) if isinstance(profile, Profile) else profile


def law_1d(
    a: Profile | float,
    b: Profile | float = 0.0,
    r: Profile | float = 0.0,
    first: Profile | float = 0.0,
    rho: Profile | float = 1.0,
) -> tuple[Law, float]:
    """The law by spectral elements, and its relative doubt by another degree."""
    parts = [p for p in (a, b, r, first, rho) if isinstance(p, Profile)]
    found = []
    for degree in (7, 9):
        space = _space(degree, *parts)
        found.append(law(space, *(_values(p, space) for p in (a, b, r, first, rho))))
    change = [abs(found[0].A - found[1].A).max() / abs(found[1].A).max()]
    for name in ("drift", "b", "c", "lambda0"):
        old, new = (np.asarray(getattr(f, name)) for f in found)
        change.append(abs(old - new).max() / max(1.0, abs(new).max()))
    return found[1], float(max(change)) + ROUNDING


@kind("drift/1D", *ALL, "pinn")
def drift_1d(rng: Random) -> Draft:
    """Any b(y)/eps: a mean drift <psi b> and diffusion in the moving frame."""
    a = positive(rng, 10) if rng.random() < 0.3 else harmonic(rng, 4)
    strength = math.exp(rng.uniform(0, math.log(12)))
    b = layers(rng, 10) if rng.random() < 0.25 else wave_sum(rng, strength)
    mean = rounded(rng.uniform(-3, 3)) if rng.random() < 0.6 else 0.0
    b = b.combined(f"{mean!r} + {b.text}", lambda y, old=b: mean + old.value(y))
    found, doubt = law_1d(a, b)
    terms = f"-s.div({a.at('s.y[0]')}*s.grad(u)) + ({b.at('s.y[0]')})*s.grad(u)[0]/s.eps"
    return Draft(
        parabolic(1, terms, ("A", "drift")),
        {"A": found.A.real, "drift": found.drift.real},
        {"drift": 1.0},
        doubt,
    )


@kind("drift/gradient", *ALL)
def gradient_drift(rng: Random) -> Draft:
    """b = grad V with V = V1(y1) + V2(y2): Lifson and Jackson's formula along each axis."""
    parts = [wave_sum(rng, 1.5), wave_sum(rng, 1.5)]
    dim = int(rng.integers(1, 3))
    diagonal = []
    for v in parts[:dim]:
        mean = mean_over(v)
        diagonal.append(
            1
            / float(
                mean(lambda y, v=v: np.exp(v.value(y))) * mean(lambda y, v=v: np.exp(-v.value(y)))
            )
        )
    potential = " + ".join(v.at(f"s.y[{k}]") for k, v in enumerate(parts[:dim]))
    flow = " + ".join(f"sp.diff(V, s.y[{k}])*s.grad(u)[{k}]" for k in range(dim))
    text = parabolic(dim, f"-s.laplacian(u) + ({flow})/s.eps", ("A", "drift"))
    return Draft(
        text.replace("problem =", f"V = {potential}\nproblem =", 1),
        {"A": np.diag(diagonal), "drift": np.zeros(dim)},
        {"drift": 1.0},
    )


@kind("drift/shear", *ALL)
def shear(rng: Random) -> Draft:
    """A flow along the first axis that depends on the second, with or without a mean."""
    p = layers(rng, 100) if rng.random() < 0.4 else wave_sum(rng, 20.0, 30)
    w = centred(rng, p, rounded(math.exp(rng.uniform(0, math.log(50)))))
    mean, diffusion = (
        (rounded(rng.uniform(-2, 2)) if rng.random() < 0.4 else 0.0),
        rounded(rng.uniform(0.3, 3)),
    )
    space = _space(9, w)
    y = space.points[:, 0]
    # D N'' = w; the dispersion is D <N'^2>.
    found = law(space, diffusion, 0.0, 0.0, w.value(y))
    taylor = -float(np.real(found.c))
    terms = f"-{diffusion}*s.laplacian(u) + ({mean} + {w.at('s.y[1]')})*s.grad(u)[0]/s.eps"
    return Draft(
        parabolic(2, terms, ("A", "drift")),
        {"A": np.diag([diffusion + taylor, diffusion]), "drift": [mean, 0.0]},
        {"drift": 1.0},
        ROUNDING,
    )


@kind("drift/cellular", "fourier", "skfem", "")
def cellular(rng: Random) -> Draft:
    """A divergence-free flow of a stream function, with a mean wind."""
    strength, wind = rounded(math.exp(rng.uniform(-1, 1.5))), rounded(rng.uniform(-2, 2))
    phase = place(rng)
    stream = f"{strength}*sp.sin(2*sp.pi*s.y[0])*sp.cos(2*sp.pi*(s.y[1] - {phase}))"
    found = []
    for degree in (6, 8):
        lines = line(periodic_edges(pieces=4), degree)
        space = plane(lines, lines)
        y1, y2 = 2 * np.pi * space.points.T
        turn = 2 * np.pi * phase
        flow = (
            2
            * np.pi
            * strength
            * np.array([-np.sin(y1) * np.sin(y2 - turn), -np.cos(y1) * np.cos(y2 - turn)])
        )
        flow[0] += wind
        found.append(law(space, 1.0, list(flow)))
    doubt = float(abs(found[0].A - found[1].A).max())
    terms = f"-s.laplacian(u) + ({wind} + sp.diff(W, s.y[1]))*s.grad(u)[0]/s.eps"
    terms += " - sp.diff(W, s.y[0])*s.grad(u)[1]/s.eps"
    text = parabolic(2, terms, ("A", "drift")).replace("problem =", f"W = {stream}\nproblem =", 1)
    return Draft(text, {"A": found[1].A.real, "drift": [wind, 0.0]}, {"drift": 1.0}, doubt)


@kind("reaction/eps^-1", *ALL, "pinn")
def reaction(rng: Random) -> Draft:
    """r(y)/eps of zero mean beside a(y), with jumps: c = -<a N'^2>."""
    a = positive(rng, 100)
    r = centred(
        rng,
        layers(rng, 100) if rng.random() < 0.5 else positive(rng, 100),
        rounded(rng.uniform(1, 20)),
    )
    dim = int(rng.integers(1, 3))
    c = reaction_coefficient(a, r)
    mean = mean_over(a)
    A = np.diag([1 / float(mean(lambda y: 1 / a.value(y))), float(mean(a.value))])[:dim, :dim]
    terms = f"-s.div({a.at('s.y[0]')}*s.grad(u)) + ({r.at('s.y[0]')})*u/s.eps"
    return Draft(
        parabolic(dim, terms, ("A", "b", "c")),
        {"A": A, "b": np.zeros(dim), "c": c},
        {"b": 1.0, "c": 1e-3},
    )


def reaction_coefficient(a: Profile, r: Profile) -> float:
    """c = -(<R^2/a> - <R/a>^2/<1/a>), R a primitive of r: the flux a N' is R and a constant."""
    points, weights, primitive = antiderivative(r.value, ends_of(a, r))
    inverse = weights / a.value(points)
    return -float(inverse @ primitive**2 - (inverse @ primitive) ** 2 / np.sum(inverse))


@kind("reaction/drift", *ALL)
def reaction_and_drift(rng: Random) -> Draft:
    """b/eps and r/eps with <psi r> = 0 and <psi b> = 0 not asked for: r is shifted to its weighted
    mean.
    """
    a, b = harmonic(rng, 3), wave_sum(rng, 4.0)
    raw = wave_sum(rng, 6.0)
    space = _space(9, a, b)
    y = space.points[:, 0]
    at_one = law(space, a.value(y), b.value(y), 0.0, 0.0, 1.0, raw.value(y))
    shift = float(np.real(at_one.c))
    r = raw.combined(f"{raw.text} - {shift!r}", lambda t: raw.value(t) - shift)
    found, doubt = law_1d(a, b, 0.0, r)
    terms = (
        f"-s.div({a.at('s.y[0]')}*s.grad(u)) + ({b.at('s.y[0]')})*s.grad(u)[0]/s.eps"
        f" + ({r.at('s.y[0]')})*u/s.eps"
    )
    names = ("A", "drift", "b", "c")
    expected = {n: np.real(getattr(found, n)) for n in names}
    return Draft(parabolic(1, terms, names), expected, {"drift": 1.0, "b": 1.0, "c": 1.0}, doubt)


@kind("ground state/1D", *ALL, "pinn")
def ground_state(rng: Random) -> Draft:
    """r/eps^2, sometimes with b/eps, a weight rho, or jumps."""
    a = positive(rng, 10) if rng.random() < 0.3 else harmonic(rng, 3)
    strength = rounded(math.exp(rng.uniform(0, math.log(60))))
    r = centred(rng, layers(rng, 20), strength) if rng.random() < 0.3 else wave_sum(rng, strength)
    b: Profile | float = wave_sum(rng, 3.0) if rng.random() < 0.4 else 0.0
    rho: Profile | float = harmonic(rng, 2) if rng.random() < 0.3 else 1.0
    found, doubt = law_1d(a, b, r, 0.0, rho)
    terms = f"-s.div({a.at('s.y[0]')}*s.grad(u)) + ({r.at('s.y[0]')})*u/s.eps**2"
    if isinstance(b, Profile):
        terms += f" + ({b.at('s.y[0]')})*s.grad(u)[0]/s.eps"
    weight = rho.at("s.y[0]") if isinstance(rho, Profile) else "1"
    expected = {
        "A": found.A.real,
        "drift": found.drift.real,
        "lambda0": float(np.real(found.lambda0)),
    }
    return Draft(
        parabolic(1, terms, ("A", "drift", "lambda0"), weight),
        expected,
        {"drift": 1.0, "lambda0": 1.0},
        doubt,
    )


@kind("ground state/2D", "fourier", "skfem", "")
def ground_state_2d(rng: Random) -> Draft:
    """r1(y1) + r2(y2): the sum of two eigenvalues, each with its own diffusion."""
    parts = [wave_sum(rng, rounded(math.exp(rng.uniform(0, 3)))) for _ in range(2)]
    laws = [law_1d(1.0, 0.0, r) for r in parts]
    reaction_text = " + ".join(r.at(f"s.y[{k}]") for k, r in enumerate(parts))
    expected = {
        "A": np.diag([float(one.A[0, 0].real) for one, _ in laws]),
        "lambda0": float(sum(np.real(one.lambda0) for one, _ in laws)),
    }
    terms = f"-s.laplacian(u) + ({reaction_text})*u/s.eps**2"
    return Draft(
        parabolic(2, terms, ("A", "lambda0")), expected, {"lambda0": 1.0}, sum(d for _, d in laws)
    )


@kind("weight", *ALL)
def weight(rng: Random) -> Draft:
    """rho(y) u_t or rho(y) u_tt: the mean of rho, beside the harmonic mean of a."""
    a, rho = positive(rng, 100), positive(rng, 100)
    order = int(rng.integers(1, 3))
    mean_a, mean_rho = mean_over(a), mean_over(rho)
    expected = {
        "A": [[1 / float(mean_a(lambda y: 1 / a.value(y)))]],
        "rho": float(mean_rho(rho.value)),
    }
    text = (
        's = nh.Scales(1, time=True)\nu = s.unknown("u")\n'
        f"problem = nh.MultiscaleProblem(sp.Eq({rho.at('s.y[0]')}*s.dt(u, {order})"
        f" - s.div({a.at('s.y[0]')}*s.grad(u)), 0), scales=s, unknown=u)\n"
        + CELLS
        + 'found = {n: cells.effective[n] for n in ("A", "rho")}\n'
        + 'estimate = cells.info["estimate"]\n'
    )
    return Draft(text, expected)


@kind("non-divergence", *ALL, "pinn")
def non_divergence(rng: Random) -> Draft:
    """a_ij(y1) d_ij: the invariant measure is (1/a_11)/<1/a_11>."""
    p = positive(rng, 100) if rng.random() < 0.5 else harmonic(rng, 10)
    dim = int(rng.integers(1, 3))
    if dim == 1:
        value = 1 / float(mean_over(p)(lambda y: 1 / p.value(y)))
        body, expected = f"-{p.at('s.y[0]')}*s.laplacian(u)", np.array([[value]])
    else:
        q = harmonic(rng, 10)
        off = rounded(rng.uniform(0.0, 0.4))
        mean = mean_over(p, q)
        inverse = float(mean(lambda y: 1 / p.value(y)))
        second = float(mean(lambda y: (1 + q.value(y)) / p.value(y))) / inverse
        body = (
            f"-{p.at('s.y[0]')}*s.hessian(u)[0, 0] - 2*{off}*s.hessian(u)[0, 1]"
            f" - (1 + {q.at('s.y[0]')})*s.hessian(u)[1, 1]"
        )
        expected = np.array([[1 / inverse, off], [off, second]])
        low = float(np.min(p.value(np.linspace(0, 1, 2001)))) * 1.0
        if low <= 2 * off**2:
            return non_divergence(rng)
    text = (
        f's = nh.Scales({dim})\nu = s.unknown("u")\n'
        f"problem = nh.MultiscaleProblem(sp.Eq({body}, 1), scales=s, unknown=u)\n"
        + CELLS
        + 'found = {"A": cells.effective["A"]}\nestimate = cells.info["estimate"]\n'
    )
    return Draft(text, {"A": expected})
