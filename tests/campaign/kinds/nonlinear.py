"""Laws of random monotone operators -div(a(y) phi(|grad u|) grad u), also of systems, in space and
with a part that turns the gradient: layers by one constant flux across them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..case import Draft, Random, kind
from ..oracles.spaces import Array
from ..profiles import Profile, layers, mean_over, rounded, smooth

_HALVINGS = 200
FLUX = "found = {'flux': law.flux(grad=GRAD)}\nestimate = law.info['estimate']\n"
FOUND = (
    "found = {'flux': law.flux(grad=GRAD), 'tangent': law.tangent(grad=GRAD)}\n"
    "estimate = law.info['estimate']\n"
)


@dataclass(frozen=True)
class Response:
    """phi(q), q = |p|^2, as SymPy with q written Q, as a function, and its derivative."""

    text: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def response(rng: Random) -> Response:
    """Growth of fourth order, a power of q (p from 1.2 to 5), or one of q + d, Carreau's or, with a
    small d, total variation.
    """
    kind_of = rng.random()
    if kind_of < 0.3:
        c = rounded(rng.uniform(0.1, 3), 3)
        return Response(f"(1 + {c}*Q)", lambda q: 1 + c * q, lambda q: c + 0 * q)
    if kind_of < 0.5:
        hundredths = int(rng.integers(-40, 151)) or 1
        m = hundredths / 100
        return Response(
            f"(Q)**sp.Rational({hundredths}, 100)", lambda q: q**m, lambda q: m * q ** (m - 1)
        )
    d, least = (1.0, -0.35) if kind_of < 0.8 else (rounded(rng.uniform(0.05, 0.5), 2), -0.5)
    m = rounded(rng.uniform(least, 0.8), 2)
    return Response(f"({d} + Q)**{m}", lambda q: (d + q) ** m, lambda q: m * (d + q) ** (m - 1))


def _law(dim: int, coefficient: str, phi: Response, grad: tuple[float, ...]) -> str:
    return (
        f's = nh.Scales({dim})\nu = s.unknown("u")\ng = s.grad(u)\n'
        f"a = {coefficient}\n"
        f"flux = a*{phi.text.replace('Q', 'g.dot(g)')}*g\n"
        "problem = nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u)\n"
        "law = nh.solve_law(nh.homogenize(problem)@)\n"
    ) + FOUND.replace("GRAD", repr(grad))


def _across(target: Array, along: float, phi: Response) -> Array:
    """p with phi(p^2 + along^2) p = target, which rises with p."""
    size = np.abs(target)
    low = np.zeros_like(size)
    high = np.ones_like(size)
    while np.any(phi.value(high**2 + along**2) * high < size):
        high = high * 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        short = phi.value(middle**2 + along**2) * middle < size
        low = np.where(short, middle, low)
        high = np.where(short, high, middle)
    return np.sign(target) * (low + high) / 2


def _layered(a: Profile, phi: Response, across: float, along: float) -> tuple[Array, Array]:
    """Flux (2,) and tangent (2, 2), across first: its flux and the slope along it are constants."""
    mean = mean_over(a)

    def slope(flux: float) -> float:
        return float(mean(lambda y: _across(flux / a.value(y), along, phi))) - across

    ends = float(mean(a.value)) * phi.value(np.array(across**2 + along**2)) * 50 * abs(across)
    flux = float(brentq(slope, -float(ends), float(ends), xtol=1e-15, rtol=1e-14))

    def parts(y: Array) -> Array:
        p = _across(flux / a.value(y), along, phi)
        q = p**2 + along**2
        value, rate = phi.value(q), phi.slope(q)
        tangent = [value + 2 * rate * p * p, 2 * rate * p * along, value + 2 * rate * along**2]
        t11, t12, t22 = (a.value(y) * t for t in tangent)
        return np.stack([a.value(y) * value * along, 1 / t11, t12 / t11, t22 - t12**2 / t11], -1)

    second, inverse, share, rest = mean(parts)
    first = 1 / inverse
    mixed = share * first
    tangent = np.array([[first, mixed], [mixed, rest + share**2 * first]])
    return np.array([flux, second]), tangent


def _draft_in_the_plane(rng: Random, a: Profile) -> Draft:
    phi = response(rng)
    axis = int(rng.integers(2))
    grad = tuple(rounded(v, 3) for v in rng.uniform(0.2, 2, 2) * rng.choice([-1, 1], 2))
    flux, tangent = _layered(a, phi, grad[axis], grad[1 - axis])
    order = [axis, 1 - axis]
    back = np.argsort(order)
    expected = {"flux": flux[back], "tangent": tangent[np.ix_(back, back)]}
    return Draft(_law(2, a.at(f"s.y[{axis}]"), phi, grad), expected, doubt=a.blur + 1e-12)


def _draft_on_the_line(rng: Random, a: Profile) -> Draft:
    phi = response(rng)
    grad = rounded(rng.uniform(0.1, 3), 3)
    flux, tangent = _layered(a, phi, grad, 0.0)
    expected = {"flux": flux[:1], "tangent": tangent[:1, :1]}
    return Draft(_law(1, a.at("s.y[0]"), phi, (grad,)), expected, doubt=a.blur + 1e-12)


@kind("nonlinear/smooth 1D", "fourier", "pinn", "skfem")
def smooth_1d(rng: Random) -> Draft:
    return _draft_on_the_line(rng, smooth(rng))


@kind("nonlinear/layers 1D", "skfem", "pinn")
def layers_1d(rng: Random) -> Draft:
    """By networks the only right answer is a refusal."""
    return _draft_on_the_line(rng, layers(rng, 100))


@kind("nonlinear/smooth 2D", "fourier", "pinn")
def smooth_2d(rng: Random) -> Draft:
    return _draft_in_the_plane(rng, smooth(rng))


@kind("nonlinear/layers 2D", "skfem")
def layers_2d(rng: Random) -> Draft:
    return _draft_in_the_plane(rng, layers(rng, 100))


def _draft_by_components(rng: Random, a: Profile, dim: int, unknowns: int) -> Draft:
    """A flux that is a number times the gradient: across the layers, and along them, its entries
    are as those of the gradient.
    """
    phi = response(rng)
    axis = int(rng.integers(dim))
    grad = np.round(
        rng.uniform(0.2, 1.5, (unknowns, dim)) * rng.choice([-1, 1], (unknowns, dim)), 3
    )
    across = float(np.linalg.norm(grad[:, axis]))
    along = float(np.linalg.norm(np.delete(grad, axis, axis=1)))
    (first, second), _ = _layered(a, phi, across, along)
    shares = np.full((unknowns, dim), second / along)
    shares[:, axis] = first / across
    square = "sum(v**2 for v in g)"
    expected = {"flux": (shares * grad)[0] if unknowns == 1 else shares * grad}
    given = tuple(grad[0].tolist()) if unknowns == 1 else grad.tolist()
    text = (
        f's = nh.Scales({dim})\nu = s.unknown("u", components={unknowns})\ng = s.grad(u)\n'
        f"a = {a.at(f's.y[{axis}]')}\n"
        f"flux = a*{phi.text.replace('Q', square)}*g\n"
        f"load = {'1' if unknowns == 1 else f'sp.zeros({unknowns}, 1)'}\n"
        "problem = nh.MultiscaleProblem(sp.Eq(-s.div(flux), load), scales=s, unknown=u)\n"
        "law = nh.solve_law(nh.homogenize(problem)@)\n"
    ) + FLUX.replace("GRAD", repr(given))
    return Draft(text, expected, doubt=a.blur + 1e-12)


@kind("nonlinear/smooth 3D", "fourier")
def smooth_3d(rng: Random) -> Draft:
    return _draft_by_components(rng, smooth(rng), 3, 1)


@kind("nonlinear/layers 3D", "skfem")
def layers_3d(rng: Random) -> Draft:
    return _draft_by_components(rng, layers(rng, 20), 3, 1)


@kind("nonlinear/smooth systems", "fourier", "pinn", "skfem")
def smooth_systems(rng: Random) -> Draft:
    return _draft_by_components(rng, smooth(rng), 2, 2)


@kind("nonlinear/layers systems", "", "dolfinx")
def layers_systems(rng: Random) -> Draft:
    return _draft_by_components(rng, layers(rng, 50), 2, 2)


@kind("nonlinear/turned", "fourier", "", "skfem")
def turned(rng: Random) -> Draft:
    """a (phi g + c J g), J a quarter turn: monotone, without a potential."""
    a = smooth(rng) if rng.random() < 0.5 else layers(rng, 20)
    phi = response(rng)
    c = rounded(rng.uniform(-1, 1), 3)
    p1, p2 = (rounded(v, 3) for v in rng.uniform(0.2, 2, 2) * rng.choice([-1, 1], 2))
    mean = mean_over(a)

    def slope(y: Array, flux: float) -> Array:
        return _across(flux / a.value(y) + c * p2, p2, phi)

    far = 50 * float(mean(a.value)) * (phi.value(np.array(p1**2 + p2**2)) * 2 + abs(c * p2) + 1)
    found = brentq(lambda f: float(mean(lambda y: slope(y, f))) - p1, -far, far, xtol=1e-15)

    def second(y: Array) -> Array:
        p = slope(y, found)
        return a.value(y) * (phi.value(p**2 + p2**2) * p2 + c * p)

    text = (
        's = nh.Scales(2)\nu = s.unknown("u")\ng = s.grad(u)\n'
        f"a = {a.at('s.y[0]')}\n"
        f"flux = a*({phi.text.replace('Q', 'g.dot(g)')}*g + {c}*sp.Matrix([-g[1], g[0]]))\n"
        "problem = nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u)\n"
        "law = nh.solve_law(nh.homogenize(problem)@)\n"
    ) + FLUX.replace("GRAD", repr((p1, p2)))
    return Draft(text, {"flux": np.array([found, mean(second)])}, doubt=a.blur + 1e-12)
