"""The derivation of a Hamilton-Jacobi equation, as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from ..branches import name_branches
from ..derivation import HOMOGENIZED, Derivation, Step
from ..notation import Mean, equation
from ..prose import Formula, Prose, eps_power
from .steps import StateWriter

if TYPE_CHECKING:
    from .model import NonlinearModel

_MEASURE = Formula("m", "m")
_HBAR = Formula("Hbar", r"\bar{H}")


def write_steps_of_hamiltonian(model: NonlinearModel) -> Derivation:
    """The numbered steps that `print(model)` shows."""
    writer = _HamiltonianWriter(model)
    if model.state.first_order:
        return Derivation(model.title, name_branches(_steps_of_roots(writer)))
    steps = [
        Step("Multiscale equation", writer.setting(), writer.multiscale()),
        Step("Ansatz", writer.gauge(), writer.ansatz()),
        Step(
            Prose("Order ", eps_power(0), ": state problem and law"),
            Prose(
                "The constant ",
                _HBAR,
                " is unknown: it is the one number for which there is a periodic solution.",
            ),
            writer.cell(),
        ),
        Step(
            "Derivative of the law",
            Prose(
                "by the invariant measure ",
                _MEASURE,
                ", which the adjoint of the linearized state problem has for its kernel.",
            ),
            writer.slope(),
        ),
        Step(
            HOMOGENIZED,
            Prose(
                "of first order, for viscosity solutions; the corrector holds where they are"
                " smooth."
            ),
            writer.limit(),
        ),
    ]
    return Derivation(model.title, name_branches(steps))


def _steps_of_roots(writer: _HamiltonianWriter) -> list[Step]:
    """Without diffusion, in one dimension."""
    return [
        Step("Multiscale equation", writer.setting(), writer.multiscale()),
        Step(
            Prose("Order ", eps_power(0), ": state problem"),
            Prose(
                "The constant ",
                _HBAR,
                " is unknown. The corrector is Lipschitz and not unique; it is not used.",
            ),
            writer.cell(),
        ),
        Step(
            "Law",
            Prose(
                "The Hamiltonian is convex and coercive: above ",
                Formula("max_y min_p H", r"\max_y \min_p H"),
                " it takes each level at two slopes, and ",
                Formula("p", "p"),
                " is the greater one where ",
                writer.gradient,
                " exceeds the means of both at the least level, the smaller one where it is below"
                " them. In between ",
                Formula("Hbar = max_y min_p H", r"\bar{H} = \max_y \min_p H"),
                " (flat part).",
            ),
            writer.roots(),
        ),
        Step(
            "Derivative of the law",
            Prose("by ", writer.gradient, "; zero on the flat part."),
            writer.rate(),
        ),
        Step(
            HOMOGENIZED,
            "of first order, for viscosity solutions.",
            writer.limit(),
        ),
    ]


class _HamiltonianWriter(StateWriter):
    """As for other nonlinear models, one unknown."""

    def hbar(self) -> sp.Expr:
        return sp.Function("Hbar")(*self.arguments)

    def cell(self) -> tuple[sp.Equality, ...]:
        fluxes = [
            -sp.Derivative(self.flux(0, k), y, evaluate=False)
            for k, y in enumerate(self.y)
            if self.state.flux[0][k] != 0
        ]
        return (equation(sp.Add(*fluxes, self.state_of(self.state.reaction[0])), self.hbar()),)

    def slope(self) -> tuple[sp.Equality, ...]:
        state = self.state
        m = sp.Function("m")(*self.y)
        parts = []
        for k, y in enumerate(self.y):
            drift = self.state_of(sp.diff(state.reaction[0], state.slopes[0][k]))
            spread = [
                self.state_of(sp.diff(state.flux[0][row], state.slopes[0][k]))
                * sp.Derivative(m, z, evaluate=False)
                for row, z in enumerate(self.y)
            ]
            parts.append(-sp.Derivative(sp.Add(*spread, drift * m), y, evaluate=False))
        return (equation(sp.Add(*parts), sp.Integer(0)),)

    def roots(self) -> tuple[sp.Equality, ...]:
        p = sp.Function("p")(*self.y)
        held = self.state.reaction[0].xreplace({self.state.slopes[0][0]: p})
        mean = equation(Mean(p), sp.Derivative(self.u0[0], self.x[0], evaluate=False))
        return equation(self.state_of(held), self.hbar()), mean

    def rate(self) -> tuple[sp.Equality, ...]:
        p = sp.Function("p")(*self.y)
        slope = self.state.slopes[0][0]
        drift = self.state_of(sp.diff(self.state.reaction[0], slope).xreplace({slope: p}))
        return (equation(sp.Function("Hbar_p")(*self.arguments), 1 / Mean(1 / drift)),)

    def limit(self) -> tuple[sp.Equality, ...]:
        parts = [self.hbar()]
        load = self.state_of(self.state.load[0])
        if self.state.storage[0] != 0:
            storage = self.state_of(self.state.storage[0])
            parts.append(sp.Derivative(storage, self.model.problem.scales.t, evaluate=False))
        return (equation(sp.Add(*parts), load),)
