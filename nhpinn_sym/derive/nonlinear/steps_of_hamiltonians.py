"""The derivation of a Hamilton-Jacobi equation, as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from ..branches import name_branches
from ..derivation import Derivation, Step
from ..notation import equation
from ..prose import Formula, Prose, eps_power
from .steps import StateWriter

if TYPE_CHECKING:
    from .model import NonlinearModel

_MEASURE = Formula("m", "m")


def write_steps_of_hamiltonian(model: NonlinearModel) -> Derivation:
    """The numbered steps that `print(model)` shows."""
    writer = _HamiltonianWriter(model)
    steps = [
        Step("Multiscale equation", writer.setting(), writer.multiscale()),
        Step("Ansatz", writer.gauge(), writer.ansatz()),
        Step(
            Prose("Order ", eps_power(0), ": state problem and law"),
            Prose(
                "The constant ",
                Formula("Hbar", r"\bar{H}"),
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
            "Homogenized equation",
            Prose(
                "of first order, for viscosity solutions; the corrector holds where they are"
                " smooth."
            ),
            writer.limit(),
        ),
    ]
    return Derivation(model.title, name_branches(steps))


class _HamiltonianWriter(StateWriter):
    """As for other nonlinear models, one unknown."""

    def hbar(self) -> sp.Expr:
        return sp.Function("Hbar")(*self.arguments)

    def cell(self) -> tuple[sp.Equality, ...]:
        fluxes = [-sp.Derivative(self.flux(0, k), y, evaluate=False) for k, y in enumerate(self.y)]
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

    def limit(self) -> tuple[sp.Equality, ...]:
        parts = [self.hbar()]
        load = self.state_of(self.state.load[0])
        if self.state.storage[0] != 0:
            storage = self.state_of(self.state.storage[0])
            parts.append(sp.Derivative(storage, self.model.problem.scales.t, evaluate=False))
        return (equation(sp.Add(*parts), load),)
