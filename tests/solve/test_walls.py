"""Natural conditions with terms of order 1/eps, or a kernel psi that is not constant: u0 against
independent
spectral elements at finite eps; the error falls with eps where the condition holds the phase of the
wall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

import nhpinn_sym as nh

from .spectral_elements import Function, assemble

Array = NDArray[np.float64]
PI2 = 2 * sp.pi


def C(v: Any) -> Any:
    return sp.cos(PI2 * v)


def S(v: Any) -> Any:
    return sp.sin(PI2 * v)


LEFT, RIGHT = (0, 0), (0, 1)
DATA = {LEFT: ("q", 2.0, 1.0), RIGHT: ("q", 0.0, 3.0)}
"""u' in a Robin condition on the left, a flux on the right."""


@dataclass(frozen=True)
class Line:
    """-(a u')' + b u'/eps + (r/eps + c) u = f + h/eps on (0, 1), in y and x; `jumps` of y inside
    the cell."""

    a: Callable[..., Any] = lambda y, x: 1
    b: Callable[..., Any] | None = None
    r: Callable[..., Any] = lambda y, x: 0
    c: float = 1.0
    f: Callable[..., Any] = lambda y, x: 1
    h: Callable[..., Any] = lambda y, x: 0
    jumps: tuple[float, ...] = ()
    free: bool = False
    """a u'' instead of (a u')'."""
    cells: str = "fourier"
    conditions: Mapping[tuple[int, int], tuple[object, ...]] = field(default_factory=lambda: DATA)

    def problem(self) -> nh.MultiscaleProblem:
        s = nh.Scales(1)
        u = s.unknown("u")
        y, x = s.y[0], s.x[0]
        flow = -self.a(y, x) * s.laplacian(u) if self.free else -s.div(self.a(y, x) * s.grad(u))
        if self.b is not None:
            flow += self.b(y, x) / s.eps * u.diff(x)
        left = flow + (self.r(y, x) / s.eps + self.c) * u
        return nh.MultiscaleProblem(
            sp.Eq(left, self.f(y, x) + self.h(y, x) / s.eps),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[_condition(face, data) for face, data in self.conditions.items()],
        )

    def reference(self, eps: float) -> tuple[Array, Array]:
        """(nodes, values) of the eps problem."""

        def at(function: Callable[..., Any]) -> Function:
            y, x = sp.symbols("y x")
            call = sp.lambdify([y, x], sp.sympify(function(y, x)), "numpy")
            return lambda p: np.broadcast_to(call(p[:, 0] / eps % 1, p[:, 0]), (len(p),))

        def drift(y: Any, x: Any) -> Any:
            slope = sp.diff(self.a(y, x), y) + eps * sp.diff(self.a(y, x), x) if self.free else 0
            return slope / eps + (0 if self.b is None else self.b(y, x) / eps)

        breaks = [k + j for j in (0.0, *self.jumps) for k in range(int(1 / eps) + 1)]
        ends = np.unique(np.clip(eps * np.array(breaks), 0, 1))
        lines = np.unique(
            np.concatenate(
                [np.linspace(p, q, 3) for p, q in zip(ends[:-1], np.append(ends[1:-1], 1))]
            )
        )
        lines = np.unique(np.append(lines, 1.0))
        system = assemble(
            [lines],
            [at(self.a)],
            lambda p: at(drift)(p)[:, None],
            {(0, 0): at(lambda y, x: self.r(y, x) / eps + self.c)},
            [at(lambda y, x: self.f(y, x) + self.h(y, x) / eps)],
            self.conditions,
        )
        return system.nodes, system.solve()[:, 0]


def _condition(
    face: tuple[int, int], data: tuple[Any, ...]
) -> nh.Dirichlet | nh.Robin | nh.Neumann:
    kind, *numbers = data
    if kind == "u":
        return nh.Dirichlet(numbers[0], on=face)
    return nh.Robin(*numbers, on=face) if numbers[0] else nh.Neumann(numbers[1], on=face)


def step(y: Any) -> Any:
    return sp.Piecewise((1, y < sp.Rational(1, 2)), (-1, True))


LINES = {
    "a source": Line(
        h=lambda y, x: 10 * S(y), c=0.0, conditions={LEFT: ("q", 0.0, 1.0), RIGHT: ("u", 0.0)}
    ),
    "a source that jumps": Line(
        a=lambda y, x: 2 + S(y), h=lambda y, x: 5 * step(y), jumps=(0.5,), cells="skfem"
    ),
    "a reaction": Line(a=lambda y, x: 2 + C(y), r=lambda y, x: 10 * S(y + sp.Rational(1, 5))),
    "a reaction of x": Line(
        a=lambda y, x: 2 + x * S(y), r=lambda y, x: (5 + 5 * x**2) * C(y), h=lambda y, x: x * S(y)
    ),
    "no divergence form": Line(a=lambda y, x: 2 + S(y), free=True),
    "a drift": Line(a=lambda y, x: 2, b=lambda y, x: 8 * C(y), h=lambda y, x: 15 * C(y)),
}


def errors(line: Line, eps: float) -> float:
    model = nh.homogenize(line.problem())
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, line.cells), "skfem", eps=eps, mesh=64)
    nodes, fine = line.reference(eps)
    return float(np.abs(u0(nodes) - fine).max() / np.abs(fine).max())


@pytest.mark.parametrize("name", LINES)
def test_the_limit_on_a_line(name: str) -> None:
    """The right wall has another phase at every eps; halving eps halves the error up to that."""
    first, second = (errors(LINES[name], eps) for eps in (1 / 8.3, 1 / 16.3))
    assert first < 0.1 and second < 0.6 * first
