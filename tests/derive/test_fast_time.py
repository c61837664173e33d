"""Fast times t/eps^k off resonance against Floquet exponents of the whole problem, which share no
code with the package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.floquet import Floquet, predicted
from tests.symbolic import Array, C, S, derived, solved

XI = np.array([1.3])
HALF = sp.Rational(1, 2)


def sin(z: Array) -> Array:
    return np.sin(2 * np.pi * z)


def cos(z: Array) -> Array:
    return np.cos(2 * np.pi * z)


class Data:
    """Coefficients written once, for SymPy and for numpy: functions of (y, tau, S, C, exp)."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def symbolic(self, name: str, s: nh.Scales, default: int = 0) -> Any:
        part = self.parts.get(name)
        return part(s.y[0], s.tau, S, C, sp.exp) if part else sp.Integer(default)

    def numeric(self, name: str, default: float = 0.0) -> Any:
        part = self.parts.get(name)
        return (lambda y, tau: part(y, tau, sin, cos, np.exp) + 0 * y) if part else default

    def equation(self, s: nh.Scales, u: Any) -> Any:
        value, slope = self.symbolic, u.diff(s.x[0])
        order = 2 if "waves" in self.parts else 1
        rho = value("rho", s, 1)
        left = s.dt(rho * u) if "conservative" in self.parts else rho * s.dt(u, order)
        left += value("damping", s) * s.dt(u) - s.div(value("a", s, 1) * s.grad(u))
        left += value("b", s) * slope / s.eps + s.div(sp.Matrix([value("beta", s) * u])) / s.eps
        return sp.Eq(left + value("r", s) * u / s.eps + value("r2", s) * u / s.eps**2, 1)

    def floquet(self, k: Any, n: int = 11) -> Floquet:
        value = self.numeric
        return Floquet(
            1,
            float(k),
            n,
            n,
            rho=value("rho", 1.0),
            a=value("a", 1.0),
            b=(value("b"),),
            beta=(value("beta"),),
            r=value("r"),
            r2=value("r2"),
            damping=value("damping"),
            conservative="conservative" in self.parts,
            waves="waves" in self.parts,
        )


def errors(data: Data, k: Any, eps: tuple[float, float], n: int = 11) -> tuple[float, float]:
    """|Lambda - that of the law| at two eps."""
    effective = solved(data.equation, 1, time=True, fast_time=k).effective
    device = data.floquet(k, n)
    found = [abs(device.exponent(e, XI) - predicted(effective, e, XI)) for e in eps]
    return found[0], found[1]


def yes(*_: Any) -> bool:
    return True


# ---- quoted values


def test_stokes_drift() -> None:
    """u_t - u_xx + 5 S(y - tau) u_x/eps, k = 3: b = <xi b_y> with xi the displacement: 25/2."""
    found = solved(
        Data(b=lambda y, t, S, C, e: 5 * S(y - t)).equation, 1, time=True, fast_time=3
    ).effective
    assert found["b"] == pytest.approx(12.5, abs=1e-12)
    assert found["A"] == pytest.approx(1, abs=1e-12)


def test_the_pendulum_of_kapitza() -> None:
    """2 C(y) C(tau) u/eps^2, k = 3: c = -<R_y^2>, R = C(y) S(tau)/pi."""
    kapitza = Data(r2=lambda y, t, S, C, e: 2 * C(y) * C(t))
    assert solved(kapitza.equation, 1, time=True, fast_time=3).effective["c"] == pytest.approx(
        -1, abs=1e-12
    )
    assert solved(kapitza.equation, 1, time=True, fast_time=4).effective["c"] == pytest.approx(
        0, abs=1e-12
    )


def test_drift_and_reaction_of_order_one_over_eps() -> None:
    """k = 3: c = <b R_y> up to its sign."""
    both = Data(b=lambda y, t, S, C, e: 5 * S(y - t), r=lambda y, t, S, C, e: -3 * S(y - t))
    found = solved(both.equation, 1, time=True, fast_time=3).effective
    assert (found["b"].item(), found["c"]) == (
        pytest.approx(12.5, abs=1e-12),
        pytest.approx(-7.5, abs=1e-12),
    )


def test_a_wave_of_an_oscillating_spring() -> None:
    """u_tt + q C(y) C(tau) u/eps^2, k = 2: c = <R^2> = q^2/(16 pi^2)."""
    spring = Data(waves=yes, r2=lambda y, t, S, C, e: 20 * C(y) * C(t))
    assert solved(spring.equation, 1, time=True, fast_time=2).effective["c"] == pytest.approx(
        400 / (16 * np.pi**2), abs=1e-12
    )


def test_reaction_alone_is_minus_the_energy_of_its_primitive() -> None:
    """r(y, tau)/eps^2 beside a constant a, k = 3: c = -<a R_y^2>, of two waves."""
    data = Data(
        a=lambda y, t, S, C, e: 2 + 0 * y,
        r2=lambda y, t, S, C, e: 4 * S(t) * C(y) + 3 * C(2 * y - t),
    )
    found = solved(data.equation, 1, time=True, fast_time=3).effective
    assert found["c"] == pytest.approx(-2 * (16 / 4 + 36 / 2), abs=1e-12)


def test_a_frozen_adjoint_kernel_moves() -> None:
    """10 S(y - tau) u_x/eps, k = 1: b gets <<psi d_tau N>>; k < 1 nothing; 1 < k < 2 no limit."""
    data = Data(b=lambda y, t, S, C, e: 10 * S(y - t))
    assert solved(data.equation, 1, time=True, fast_time=1).effective["b"] == pytest.approx(
        0.67003, abs=1e-5
    )
    assert solved(data.equation, 1, time=True, fast_time=HALF).effective["b"] == pytest.approx(
        0, abs=1e-10
    )
    with pytest.raises(nh.UnsupportedError, match="adjoint kernel psi that depends on tau"):
        derived(data.equation, 1, time=True, fast_time=sp.Rational(3, 2))


# ---- Floquet exponents

CASES: dict[str, tuple[Data, list[tuple[Any, tuple[float, float]]]]] = {
    "drift that travels": (
        Data(b=lambda y, t, S, C, e: 3 * S(y - t)),
        [
            (HALF, (1 / 8, 1 / 64)),
            (1, (1 / 8, 1 / 64)),
            (2, (1 / 8, 1 / 64)),
            (3, (1 / 8, 1 / 64)),
            (4, (1 / 8, 1 / 32)),
        ],
    ),
    "drift that stands": (
        Data(b=lambda y, t, S, C, e: 3 * S(y) * C(t)),
        [(sp.Rational(5, 2), (1 / 256, 1 / 4096)), (3, (1 / 8, 1 / 64))],
    ),
    "in divergence form": (
        Data(beta=lambda y, t, S, C, e: 2 * S(y - t) + C(y)),
        [(3, (1 / 8, 1 / 64)), (sp.Rational(7, 2), (1 / 8, 1 / 64))],
    ),
    "diffusivity": (
        Data(a=lambda y, t, S, C, e: 2 + S(y) * C(t) / 2 + C(y - t) / 2),
        [
            (HALF, (1 / 8, 1 / 64)),
            (sp.Rational(3, 2), (1 / 8, 1 / 256)),
            (sp.Rational(5, 2), (1 / 64, 1 / 1024)),
            (3, (1 / 8, 1 / 64)),
        ],
    ),
    "mean drift and diffusivity": (
        Data(a=lambda y, t, S, C, e: 2 + S(y - t), b=lambda y, t, S, C, e: 1 + S(y)),
        [(3, (1 / 16, 1 / 128))],
    ),
    "reaction of order one over eps": (
        Data(a=lambda y, t, S, C, e: 2 + S(y - t), r=lambda y, t, S, C, e: 2 * C(y - t)),
        [(1, (1 / 8, 1 / 64)), (3, (1 / 8, 1 / 64))],
    ),
    "standing reaction": (
        Data(a=lambda y, t, S, C, e: 2 + C(t), r2=lambda y, t, S, C, e: 4 * S(t) * C(y)),
        [(3, (1 / 32, 1 / 512))],
    ),
    "reaction of order eps^-2": (
        Data(a=lambda y, t, S, C, e: 2 + S(y - t), r2=lambda y, t, S, C, e: 2 * C(y - t)),
        [(3, (1 / 16, 1 / 128)), (sp.Rational(7, 2), (1 / 8, 1 / 64))],
    ),
    "ground state": (
        Data(
            a=lambda y, t, S, C, e: 2 + S(y - t), r2=lambda y, t, S, C, e: 3 * S(y) + 2 * C(y + t)
        ),
        [(4, (1 / 8, 1 / 32))],
    ),
    "reaction and drift": (
        Data(b=lambda y, t, S, C, e: 2 * S(y - t), r2=lambda y, t, S, C, e: 2 * C(y - t)),
        [(4, (1 / 8, 1 / 32))],
    ),
    "capacity of tau": (
        Data(rho=lambda y, t, S, C, e: 2 + C(t), a=lambda y, t, S, C, e: 2 + S(y) * C(t) / 2),
        [(3, (1 / 8, 1 / 64))],
    ),
    "capacity of y": (
        Data(rho=lambda y, t, S, C, e: 2 + S(y), b=lambda y, t, S, C, e: 2 * S(y - t)),
        [(HALF, (1 / 8, 1 / 64)), (3, (1 / 8, 1 / 64))],
    ),
    "capacity of both": (
        Data(rho=lambda y, t, S, C, e: 3 + S(y - t)),
        [(1, (1 / 8, 1 / 64)), (3, (1 / 8, 1 / 64))],
    ),
    "not a polynomial in tau": (
        Data(b=lambda y, t, S, C, e: e(S(t)) * S(y) + C(y - t)),
        [(3, (1 / 8, 1 / 64))],
    ),
    "waves": (
        Data(
            waves=yes, a=lambda y, t, S, C, e: 2 + S(y - t), r2=lambda y, t, S, C, e: 2 * C(y - t)
        ),
        [(2, (1 / 8, 1 / 64)), (3, (1 / 8, 1 / 32))],
    ),
    "damped waves": (
        Data(
            waves=yes,
            damping=lambda y, t, S, C, e: 1 + C(y - t),
            r2=lambda y, t, S, C, e: 2 * C(y) * S(t),
        ),
        [(2, (1 / 8, 1 / 64))],
    ),
    "waves of tau and y": (
        Data(
            waves=yes,
            rho=lambda y, t, S, C, e: 2 + C(t),
            a=lambda y, t, S, C, e: 2 + S(y) * C(t) / 2,
        ),
        [(HALF, (1 / 8, 1 / 64))],
    ),
}


@pytest.mark.parametrize(
    ("name", "k", "eps"), [(n, k, eps) for n, (_, ks) in CASES.items() for k, eps in ks]
)
def test_the_law_is_that_of_the_floquet_exponents(
    name: str, k: Any, eps: tuple[float, float]
) -> None:
    """The difference falls with eps: a constant that is missing or wrong would stay."""
    first, second = errors(CASES[name][0], k, eps)
    assert second < 0.62 * first or second < 2e-4


def test_two_dimensions() -> None:
    """Stokes drift of a flow that rotates, k = 3, and its kernel frozen, k = 1."""

    def equation(s: nh.Scales, u: Any) -> Any:
        y, t = s.y, s.tau
        flow = sp.Matrix([2 * S(y[0] - t) * C(y[1]), 2 * C(y[0] + t)])
        return sp.Eq(
            s.dt(u) - s.laplacian(u) + (flow.T * s.grad(u))[0] / s.eps + C(y[1] - t) * u / s.eps, 1
        )

    device = Floquet(
        2,
        3.0,
        5,
        5,
        b=(lambda y, z, t: 2 * sin(y - t) * cos(z), lambda y, z, t: 2 * cos(y + t)),
        r=lambda y, z, t: cos(z - t),
    )
    xi = np.array([1.1, -0.7])
    effective = solved(equation, 2, time=True, fast_time=3).effective
    far, near = (
        abs(device.exponent(e, xi) - predicted(effective, e, xi)) for e in (1 / 16, 1 / 128)
    )
    assert near < 0.3 * far
    assert np.abs(effective["b"]).max() > 0.5


# ---- what has no limit, or cannot be proved


@pytest.mark.parametrize(
    ("data", "k", "what"),
    [
        (
            Data(b=lambda y, t, S, C, e: 5 * S(y - t)),
            sp.Rational(5, 2),
            "a drift of order eps\\^-1/2",
        ),
        (
            Data(r2=lambda y, t, S, C, e: 2 * C(y) * C(t)),
            sp.Rational(5, 2),
            "a reaction of order 1/eps",
        ),
        (
            Data(waves=yes, r2=lambda y, t, S, C, e: 2 * C(y) * C(t)),
            sp.Rational(3, 2),
            "a reaction of order 1/eps",
        ),
        (
            Data(b=lambda y, t, S, C, e: S(y) * C(t)),
            sp.Rational(13, 6),
            "time-ordered averages may act",
        ),
        (Data(b=lambda y, t, S, C, e: sp.Abs(S(y)) * C(t)), 3, "jumps, has kinks"),
        (
            Data(r2=lambda y, t, S, C, e: 1 / (2 + S(y - t)) - 1 / sp.sqrt(3)),
            3,
            "no sum of products",
        ),
        (Data(rho=lambda y, t, S, C, e: 2 + S(y - t), conservative=yes), 3, "substitute w = rho u"),
        (Data(r2=lambda y, t, S, C, e: 3 * S(y) + C(t)), 1, "a ground state that depends on tau"),
        (Data(b=lambda y, t, S, C, e: S(t)), 1, "moves u by eps\\^0 to and fro"),
        (
            Data(waves=yes, b=lambda y, t, S, C, e: 3 * S(y - t)),
            sp.Rational(3, 4),
            "adjoint kernel psi that depends on tau",
        ),
    ],
)
def test_what_is_refused(data: Data, k: Any, what: str) -> None:
    with pytest.raises(nh.NhpinnError, match=what) as caught:
        solved(data.equation, 1, time=True, fast_time=k)
    assert caught.value.remedy
    assert caught.value.term is not None


def test_what_is_seen_to_diverge_when_the_cells_are_solved() -> None:
    """r/eps^2 beside a drift with divergence, k = 3: c is of the size eps^-1, and its mean is
    weighted by psi.
    """
    data = Data(b=lambda y, t, S, C, e: 2 * S(y) + S(y - t), r2=lambda y, t, S, C, e: 2 * S(y - t))
    with pytest.raises(nh.SolvabilityError, match="time-ordered averages"):
        solved(data.equation, 1, time=True, fast_time=3)


def test_a_mean_drift_that_depends_on_tau_may_vanish_with_eps() -> None:
    """c(tau)/eps at k = 3/2 moves u by eps^(1/2): the frame goes with the mean of c."""
    data = Data(b=lambda y, t, S, C, e: 1 + S(t) / 2, a=lambda y, t, S, C, e: 2 + S(y) * C(t) / 2)
    assert solved(data.equation, 1, time=True, fast_time=sp.Rational(3, 2)).effective[
        "drift"
    ] == pytest.approx(1)
    first, second = errors(data, sp.Rational(3, 2), (1 / 8, 1 / 128))
    assert second < 0.5 * first


def test_equations_of_different_order_in_time() -> None:
    """1 < k < 2 is fast for u_tt and slow for v_t."""

    def equation(s: nh.Scales, u: Any) -> Any:
        a = 2 + S(s.y[0]) * C(s.tau)
        rows = [s.dt(u[0], 2) - s.div(a * s.grad(u[0])) + u[1], s.dt(u[1]) - s.laplacian(u[1])]
        return sp.Matrix(rows), sp.ones(2, 1)

    with pytest.raises(nh.UnsupportedError, match="between the natural powers"):
        derived(equation, 1, time=True, fast_time=sp.Rational(3, 2), components=2)


def test_tau_in_an_equation_without_a_time_derivative() -> None:
    """-div(a(y, tau) grad u) = v has no average over tau."""

    def equation(s: nh.Scales, u: Any) -> Any:
        a = 2 + S(s.y[0]) * C(s.tau)
        return sp.Matrix(
            [-s.div(a * s.grad(u[0])) + u[1], s.dt(u[1]) - s.laplacian(u[1])]
        ), sp.ones(2, 1)

    with pytest.raises(nh.UnsupportedError, match="without a time derivative"):
        derived(equation, 1, time=True, fast_time=3, components=2)


# ---- closed coefficients, words


def test_coefficients_without_y_are_averaged_over_a_frozen_tau() -> None:
    """a(tau), c(tau) and f(tau), k = 1: their means."""
    found = solved(
        lambda s, u: sp.Eq(
            s.dt(u) - (2 + C(s.tau)) * s.laplacian(u) + S(s.tau) ** 2 * u, 3 + C(s.tau)
        ),
        1,
        time=True,
        fast_time=1,
    ).effective
    assert (found["A"][0, 0], found["c"], found["f"]) == (
        pytest.approx(2),
        pytest.approx(0.5),
        pytest.approx(3),
    )


def test_what_was_added_is_told() -> None:
    model = derived(Data(b=lambda y, t, S, C, e: 5 * S(y - t)).equation, 1, time=True, fast_time=3)
    assert [t.title for t in model.transformations] == [
        "Fast oscillation in time",
        "Time-ordered averages",
    ]
    for text in (str(model), model.derivation.latex()):
        assert "time-ordered average of order 2" in text
    assert "G_1 = 25*d_x1 v/2" in str(model)
    frozen = derived(Data(b=lambda y, t, S, C, e: 5 * S(y - t)).equation, 1, time=True, fast_time=1)
    assert "is added to the law" in str(frozen)
    assert "psi*d_tau N_1" in str(frozen)
    assert r"\partial_{\tau} N_{1}" in frozen.derivation.latex()
    plain = derived(Data(a=lambda y, t, S, C, e: 2 + S(y - t)).equation, 1, time=True, fast_time=3)
    assert "vanish with eps" in str(plain)


# ---- at random

PARTS: dict[str, list[Any]] = {
    "rho": [None, None, lambda y, t, S, C, e: 2 + S(y), lambda y, t, S, C, e: 2 + C(t)],
    "a": [
        None,
        lambda y, t, S, C, e: 2 + S(y) / 2,
        lambda y, t, S, C, e: 2 + S(y) * C(t) / 2,
        lambda y, t, S, C, e: 2 + S(y - t) / 2,
    ],
    "b": [
        None,
        lambda y, t, S, C, e: 2 * S(y) * C(t),
        lambda y, t, S, C, e: 2 * S(y - t),
        lambda y, t, S, C, e: 1 + S(y) / 2,
    ],
    "beta": [None, None, lambda y, t, S, C, e: C(y - t), lambda y, t, S, C, e: S(y)],
    "r": [None, None, lambda y, t, S, C, e: C(y) * S(t), lambda y, t, S, C, e: S(y)],
    "r2": [None, None, lambda y, t, S, C, e: 2 * C(y + t), lambda y, t, S, C, e: S(y) * C(t)],
}
POWERS = [HALF, 1, 2, sp.Rational(5, 2), 3, sp.Rational(7, 2), 4]
STEPS = {HALF: (1 / 8, 1 / 64), sp.Rational(5, 2): (1 / 256, 1 / 4096), 4: (1 / 8, 1 / 32)}


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_random_data_have_their_floquet_exponent_or_are_refused(seed: int) -> None:
    """Any sum of terms of the orders eps^0, eps^-1 and eps^-2, with one in tau among them."""
    random = np.random.default_rng(seed)
    chosen = {name: parts[random.integers(len(parts))] for name, parts in PARTS.items()}
    chosen["a"] = chosen["a"] or PARTS["a"][3]
    data = Data(**{name: part for name, part in chosen.items() if part is not None})
    k = POWERS[random.integers(len(POWERS))]
    try:
        first, second = errors(data, k, STEPS.get(k, (1 / 8, 1 / 64)))
    except (nh.SolvabilityError, nh.UnsupportedError) as refusal:
        assert refusal.remedy
        assert refusal.term is not None
    else:
        assert second < 0.62 * first or second < 2e-4


def _pulsed(form):
    """u_t - (a u_x)_x with a pulse of width 1e-4 in tau = t/eps^3."""
    s = nh.Scales(1, time=True, fast_time=3)
    u = s.unknown("u")
    narrow = sp.pi * sp.Float("1e-4")
    pulse = sp.exp(-((sp.sin(sp.pi * (s.tau - sp.Float("0.3117"))) / narrow) ** 2))
    a = form(sp.cos(2 * sp.pi * s.y[0]), pulse)
    return nh.MultiscaleProblem(sp.Eq(s.dt(u) - s.div(a * s.grad(u)), 0), scales=s, unknown=u)


def test_a_narrow_pulse_in_tau_is_averaged():
    model = nh.homogenize(_pulsed(lambda wave, pulse: (1 + 1000 * pulse) * (2 + wave)))
    mean = 1 + 1000 * np.sqrt(np.pi) * 1e-4
    effective = nh.solve_cells(model).effective["A"]
    assert float(effective[0, 0]) == pytest.approx(mean * np.sqrt(3), rel=1e-6)


def test_a_narrow_pulse_in_tau_that_no_node_sees_is_refused():
    problem = _pulsed(lambda wave, pulse: 1 / (2 + wave + pulse * (1 + wave**2)))
    with pytest.raises(nh.UnsupportedError, match="narrow in tau"):
        nh.homogenize(problem)
