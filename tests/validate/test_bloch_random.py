"""The Bloch oracle on operators drawn at random: every order of the expansion converges at its
rate.
"""

from __future__ import annotations

from random import Random

import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.validate.bloch import bloch
from tests.symbolic import C, S
from tests.validate.test_bloch_classes import converges

Series = list[tuple[int, int, sp.Rational, sp.Rational]]
"""(wave numbers along y1 and y2, weight of the sine, weight of the cosine) of each mode."""


class Choices:
    """What a problem is made of, drawn from `random`."""

    def __init__(self, random: Random) -> None:
        self.dim, self.components = random.randint(1, 2), random.randint(1, 2)
        self.order = random.randint(1, 3 if self.dim * self.components < 4 else 2)
        self.time = random.choice(((), (1,), (1,), (2,), (1, 2)))
        self.symmetric, self.complex, self.divergence = (
            random.random() < share for share in (0.4, 0.3, 0.5)
        )
        self.reacts, self.absorbs, self.flows, self.corrected = (
            random.random() < 0.6 for _ in range(4)
        )
        self.wind = random.choice((sp.Integer(0), sp.Rational(1, 2)))
        self.diagonal, self.off, self.exchange, self.reaction = (
            [_series(random), _series(random)] for _ in range(4)
        )
        self.mass, self.c, self.stream, self.small = (_series(random) for _ in range(4))


def _series(random: Random) -> Series:
    weights = [sp.Rational(n, 8) for n in (-3, -2, -1, 1, 2, 3)]
    return [
        (
            random.randint(-2, 2),
            random.randint(-2, 2),
            random.choice(weights),
            random.choice(weights),
        )
        for _ in range(random.randint(1, 2))
    ]


class Draw:
    """The problem that choices stand for."""

    def __init__(self, choice: Choices) -> None:
        self.choice = choice
        self.s = nh.Scales(choice.dim, time=bool(choice.time))
        self.unknown = self.s.unknown("u", components=choice.components)
        self.fields = list(self.unknown) if choice.components > 1 else [self.unknown]

    def series(self, terms: Series) -> sp.Expr:
        """A trigonometric polynomial of zero mean, of size at most 3/4 per term."""
        phases = [
            (sum(n * v for n, v in zip(wave, self.s.y, strict=False)), p, q)
            for *wave, p, q in terms
        ]
        return sp.Add(*[p * S(phase) + q * C(phase) for phase, p, q in phases if phase != 0])

    def tensor(self, i: int) -> sp.Matrix:
        """Positive definite (its real part) by diagonal dominance."""
        first, second = (self.series(terms) for terms in self.choice.off)
        d, diagonal = self.s.dim, self.series(self.choice.diagonal[i])
        lossy = 1 + (sp.I * (1 + diagonal / 2) if self.choice.complex else 0)
        return sp.Matrix(
            d,
            d,
            lambda k, n: (
                (5 + diagonal) * lossy
                if k == n
                else first
                if k < n or self.choice.symmetric
                else second
            ),
        )

    def flow(self) -> sp.Matrix:
        """Divergence free; its mean, which is the drift, only where the law may move: one unknown,
        one time derivative.
        """
        y, wind = (
            self.s.y,
            self.choice.wind if len(self.fields) == 1 and self.choice.time == (1,) else 0,
        )
        if self.s.dim == 1:
            return sp.Matrix([wind])
        stream = self.series(self.choice.stream) / (2 * sp.pi)
        return sp.Matrix([wind + stream.diff(y[1]), -stream.diff(y[0])])

    def equation(self, i: int) -> sp.Expr:
        s, u, choice = self.s, self.fields[i], self.choice
        total = -s.div(self.tensor(i) * s.grad(u))
        total += sum((2 + self.series(choice.mass)) * s.dt(u, order) for order in choice.time)
        if len(self.fields) == 2:
            total += -s.div(
                self.series(choice.exchange[0 if choice.symmetric else i])
                * s.grad(self.fields[1 - i])
            )
        if choice.reacts:
            total += (
                sum(
                    self.series(terms) * v
                    for terms, v in zip(choice.reaction[:: 1 - 2 * i], self.fields)
                )
                / s.eps
            )
        if choice.absorbs:
            total += (2 + self.series(choice.c)) * u
        if choice.flows:
            b = self.flow()
            total += (s.div(b * u) if choice.divergence else (b.T * s.grad(u))[0]) / s.eps
        if choice.corrected:
            total += s.eps * self.series(choice.small) * u - s.eps**2 * s.div(
                self.series(choice.small) * s.grad(u)
            )
        return total

    @property
    def problem(self) -> nh.MultiscaleProblem:
        equations = [sp.Eq(self.equation(i), 1) for i in range(len(self.fields))]
        return nh.MultiscaleProblem(equations, scales=self.s, unknown=self.unknown)


@settings(max_examples=8, derandomize=True, database=None)
@given(st.randoms(use_true_random=True))
def test_random_operators(random: Random) -> None:
    choice = Choices(random)
    model = nh.homogenize(Draw(choice).problem, order=choice.order)
    report = bloch(model, eps=(1 / 16, 1 / 32))
    assert report.by_order[0][-1] < 0.05, f"{model.operator}\n{report}"
    assert all(converges(report, order) for order in report.by_order), f"{model.operator}\n{report}"
