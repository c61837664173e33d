"""Parabolic equations with a fast time t/eps^k, k from 1/2 to 4, against Floquet exponents at
finite eps.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..case import CELLS, Draft, Random, kind
from ..oracles.floquet import Fast, Wave, expansion
from ..oracles.spaces import Array
from ..profiles import harmonic, mean_over, place, positive, rounded

POWERS = (
    Fraction(1, 2),
    Fraction(1),
    Fraction(3, 2),
    Fraction(2),
    Fraction(5, 2),
    Fraction(3),
    Fraction(7, 2),
    Fraction(4),
)


@dataclass(frozen=True)
class Travelling:
    """A sum of waves in (y, tau)."""

    text: str
    value: Wave


def travelling(
    rng: Random, amplitude: float, ground: float = 0.0, in_tau: bool = True, in_y: bool = True
) -> Travelling:
    """ground + one or two waves c cos(2 pi (n y + m tau - p)), |c| up to amplitude/2 each."""
    terms = []
    for _ in range(int(rng.integers(1, 3))):
        n = 1 if in_y else 0
        m = int(rng.choice([-1, 1])) if in_tau and (not in_y or rng.random() < 0.8) else 0
        terms.append((rounded(amplitude * rng.uniform(0.2, 0.5)), n, m, place(rng)))
    parts = [f"{c!r}*sp.cos(2*sp.pi*({n}*s.y[0] + {m}*s.tau - {p!r}))" for c, n, m, p in terms]

    def value(y: Array, tau: Array) -> Array:
        waves = [c * np.cos(2 * np.pi * (n * y + m * tau - p)) for c, n, m, p in terms]
        return ground + 0.0 * y + sum(waves)

    return Travelling(" + ".join([repr(ground), *parts]), value)


def _case(
    power: Fraction,
    a: Travelling,
    b: Travelling | None = None,
    first: Travelling | None = None,
    r: Travelling | None = None,
    rho: Travelling | None = None,
) -> Draft:
    more = {"b": b, "first": first, "r": r, "rho": rho}
    found = expansion(
        Fast(power, a.value, **{n: t.value for n, t in more.items() if t is not None})
    )
    terms = f"{f'({rho.text})*' if rho else ''}s.dt(u) - s.div(({a.text})*s.grad(u))"
    terms += f" + ({b.text})*s.grad(u)[0]/s.eps" if b else ""
    terms += f" + ({first.text})*u/s.eps" if first else ""
    terms += f" + ({r.text})*u/s.eps**2" if r else ""
    text = (
        "import numpy as np\n"
        f"k = sp.Rational({power.numerator}, {power.denominator})\n"
        's = nh.Scales(1, time=True, fast_time=k)\nu = s.unknown("u")\n'
        f"problem = nh.MultiscaleProblem(sp.Eq({terms}, 0), scales=s, unknown=u)\n"
        + CELLS
        + "e = cells.effective\nrho = float(np.real(e.get('rho', 1.0)))\n"
        "def entry(name):\n    return float(np.real(np.asarray(e.get(name, 0.0)).ravel()[0]))\n"
        "found = {n: entry(n)/rho for n in ('A', 'b', 'c')}\n"
        "found |= {n: entry(n) for n in ('drift', 'lambda0')}\n"
        'estimate = cells.info["estimate"]\n'
    )
    if found.unbounded:
        return Draft(text, None)
    expected = {"A": found.A, "b": found.b, "drift": found.drift}
    if power != Fraction(5, 2):
        expected |= {"c": found.c, "lambda0": found.lambda0}
    sizes = {"A": 1.0, "b": 1.0, "c": 1.0, "drift": 1.0, "lambda0": 1.0}
    return Draft(text, expected, sizes, 10 * found.doubt)


@kind("fast time/a", "fourier", "skfem", "dolfinx", "")
def diffusion(rng: Random) -> Draft:
    """a(y, tau) alone: for every k."""
    power = POWERS[int(rng.integers(len(POWERS)))]
    return _case(power, travelling(rng, 1.6, 2.0))


@kind("fast time/b", "fourier", "skfem", "")
def drift(rng: Random) -> Draft:
    """b(y, tau)/eps: Stokes's drift for k > 2, a weight that moves for k < 2; unbounded for 1 < k <
    2 and 2 < k < 3.
    """
    power = POWERS[int(rng.integers(len(POWERS)))]
    a = (
        travelling(rng, 1.0, 2.0)
        if rng.random() < 0.5
        else Travelling("1", lambda y, tau: 1.0 + 0.0 * y)
    )
    return _case(power, a, travelling(rng, rounded(rng.uniform(2, 9))))


@kind("fast time/r", "fourier", "skfem", "")
def reaction(rng: Random) -> Draft:
    """r(y, tau)/eps, beside b(y, tau)/eps in some cases."""
    power = POWERS[int(rng.choice([1, 3, 5, 6, 7]))]
    b = travelling(rng, 5.0) if rng.random() < 0.4 else None
    return _case(
        power, travelling(rng, 1.0, 2.0, in_tau=bool(rng.random() < 0.5)), b, travelling(rng, 6.0)
    )


@kind("fast time/eps^-2", "fourier", "skfem", "")
def large_reaction(rng: Random) -> Draft:
    """r(y, tau)/eps^2: Kapitza's coefficient for k > 2, a Floquet exponent for k = 2."""
    power = POWERS[int(rng.choice([3, 5, 6, 7]))]
    b = travelling(rng, 4.0) if rng.random() < 0.3 else None
    return _case(
        power,
        travelling(rng, 1.0, 2.0, in_tau=bool(rng.random() < 0.4)),
        b,
        None,
        travelling(rng, 4.0),
    )


@kind("fast time/rho", "fourier", "skfem", "")
def weight(rng: Random) -> Draft:
    """rho(y, tau) u_t beside a(y, tau): the average is that of E/rho."""
    power = POWERS[int(rng.choice([1, 3, 5, 7]))]
    return _case(power, travelling(rng, 1.0, 2.0), rho=travelling(rng, 0.8, 1.5))


@kind("fast time/waves", "fourier", "skfem", "")
def waves(rng: Random) -> Draft:
    """u_tt with r(y, tau)/eps^2: c = <R^2>, R = int r dtau, for k = 2; 0 above, unbounded below."""
    power = POWERS[int(rng.choice([2, 3, 4, 5]))]
    a = positive(rng, 30) if rng.random() < 0.5 else harmonic(rng, 4)
    terms = [
        (rounded(rng.uniform(2, 20)), int(rng.integers(0, 3)), int(rng.integers(1, 3)), place(rng))
    ]
    if rng.random() < 0.4:
        terms.append((rounded(rng.uniform(2, 20)), 3, int(rng.integers(1, 3)), place(rng)))
    r = " + ".join(
        f"{q!r}*sp.cos(2*sp.pi*{n}*s.y[0])*sp.cos(2*sp.pi*({m}*s.tau - {p!r}))"
        for q, n, m, p in terms
    )
    text = (
        "import numpy as np\n"
        f"k = sp.Rational({power.numerator}, {power.denominator})\n"
        's = nh.Scales(1, time=True, fast_time=k)\nu = s.unknown("u")\n'
        f"left = s.dt(u, 2) - s.div({a.at('s.y[0]')}*s.grad(u)) + ({r})*u/s.eps**2\n"
        "problem = nh.MultiscaleProblem(sp.Eq(left, 0), scales=s, unknown=u)\n"
        + CELLS
        + "c = float(np.real(cells.effective.get('c', 0.0)))\n"
        "found = {'A': cells.effective['A'], 'c': c}\n"
        'estimate = cells.info["estimate"]\n'
    )
    if power < 2:
        return Draft(text, None)
    # The waves of two terms differ in y, so that their squares alone have a mean.
    square = sum(q**2 / (2 * np.pi * m) ** 2 / 2 * (1.0 if n == 0 else 0.5) for q, n, m, _ in terms)
    A = 1 / float(mean_over(a)(lambda y: 1 / a.value(y)))
    return Draft(text, {"A": [[A]], "c": square if power == 2 else 0.0}, {"c": 1.0})
