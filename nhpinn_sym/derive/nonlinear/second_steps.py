"""The derivation beyond the first corrector: the second one, and the mean field U_1."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import sympy as sp

from ..derivation import Step
from ..notation import Mean, equation, tidy
from ..prose import Formula, Prose, eps_power
from .linearized import tangent_entry, tangent_name
from .steps import StateWriter

if TYPE_CHECKING:
    from .model import NonlinearModel

_ALONG = Formula("N_xk", "N_{x_k}")
_SECOND = Formula("N2", "N_2")
_FIELD = Formula("U1", "U_1")


def second_steps(model: NonlinearModel) -> list[Step]:
    """Those of a model of order 2."""
    if model.order < 2:
        return []
    writer = _SecondWriter(model)
    return [
        Step(
            Prose("Along the slow variables: ", _ALONG),
            Prose(
                "The state at x moves with x, ",
                writer.value,
                " and ",
                writer.gradient,
                ": ",
                _ALONG,
                " is the total derivative of N by x_k at fixed y. Its problem is linear, with the"
                " tangent.",
            ),
            writer.slow_problems(),
        ),
        Step(
            Prose("Order ", eps_power(0), ": second corrector"),
            Prose(
                "With eps^2 ",
                _SECOND,
                " in the ansatz the tangent stands before it; the law says that the right-hand"
                " side has no mean.",
            ),
            writer.second_problem(),
        ),
        Step(
            Prose("Order ", eps_power(1), ": solvability gives ", _FIELD),
            Prose(
                "The mean of u is ",
                writer.value,
                " + eps ",
                _FIELD,
                "; j and r are what the law has at order eps.",
            ),
            (*writer.next_law(), *writer.mean_field()),
        ),
    ]


class _SecondWriter(StateWriter):
    """Expressions at order 0 and 1 beyond the state problem."""

    def __init__(self, model: NonlinearModel) -> None:
        super().__init__(model)
        axes = range(len(self.x))
        self.axes = axes
        self.along = [
            [sp.Function(f"N{mark}_x{k + 1}")(*self.y) for mark in self.marks] for k in axes
        ]
        self.second = [sp.Function(f"N2{mark}")(*self.y) for mark in self.marks]
        self.field = [sp.Function(f"U1{mark}")(*self.arguments) for mark in self.marks]

    def tangent_at(self, i: int, k: int, j: int, m: int) -> sp.Expr:
        """dA_ik / d(d_m u_j): as in the linearized model."""
        entry = sp.diff(self.state.flux[i][k], self.state.slopes[j][m])
        if entry == 0 or self.state.frozen:
            return self.state_of(entry)
        name = tangent_name(*tangent_entry(self.state, i, k, j, m), self.state.components)
        return sp.Function(name)(*self.y)

    def total(self, i: int, k: int, m: int) -> sp.Expr:
        """The derivative of A + B_u N along x_m."""
        state = self.state
        found = self._partial(state.flux[i][k], m)
        for j, axis in product(range(state.components), self.axes):
            slope = sp.Derivative(self.u0[j], self.x[axis], self.x[m], evaluate=False)
            slope += sp.Derivative(self.along[m][j], self.y[axis], evaluate=False)
            found += self.tangent_at(i, k, j, axis) * slope
        for u, n, own in zip(state.values, self.corrector, self.along[m], strict=True):
            slope = sp.diff(state.transport[i][k], u)
            found += self._partial(slope, m) * n + self.state_of(slope) * own
        return sp.sympify(found)

    def _partial(self, e: sp.Expr, m: int) -> sp.Expr:
        """Of an expression in jets along x_m, at fixed grad u and N."""
        found = self.state_of(sp.diff(e, self.x[m]))
        for u, u0 in zip(self.state.values, self.u0, strict=True):
            slope = sp.Derivative(u0, self.x[m], evaluate=False)
            found += self.state_of(sp.diff(e, u)) * slope
        return sp.sympify(found)

    def slow_problems(self) -> tuple[sp.Equality, ...]:
        rows = []
        for m, i in product(self.axes, range(len(self.marks))):
            parts = [-self._by_y(self.total(i, k, m), k) for k in self.axes]
            source = sp.diff(self.state_source(i), self.x[m])
            rows.append(equation(sp.Add(*parts), -source))
        return tuple(rows)

    def _by_y(self, e: sp.Expr, k: int) -> sp.Expr:
        return sp.Derivative(e, self.y[k], evaluate=False)

    def next_flux(self, i: int, k: int) -> sp.Expr:
        """A + B/eps at order eps: A_u N + B_uu N^2/2 + B_u N2 + T (D N + grad N2)."""
        state = self.state
        found = self._taylor(state.flux[i][k], state.transport[i][k])
        for j, axis in product(range(state.components), self.axes):
            slope = self.along[axis][j] + self._by_y(self.second[j], axis)
            found += self.tangent_at(i, k, j, axis) * slope
        return sp.sympify(found)

    def _taylor(self, e: sp.Expr, singular: sp.Expr) -> sp.Expr:
        """e_u N + g_uu N^2/2 + g_u N2 of e + g/eps."""
        values = self.state.values
        found = sp.Integer(0)
        for u, n, second in zip(values, self.corrector, self.second, strict=True):
            found += self.state_of(sp.diff(e, u)) * n + self.state_of(sp.diff(singular, u)) * second
            for v, other in zip(values, self.corrector, strict=True):
                found += self.state_of(sp.diff(singular, u, v)) * n * other / 2
        return found

    def second_problem(self) -> tuple[sp.Equality, ...]:
        rows = []
        state = self.state
        for i in range(len(self.marks)):
            parts = [-self._by_y(self.next_flux(i, k), k) for k in self.axes]
            right = [self.total(i, k, k) for k in self.axes]
            right += [-self.reaction(i), self.state_of(state.load[i])]
            if state.storage[i] != 0:
                t = self.model.problem.scales.t
                right.append(-sp.diff(self.state_of(state.storage[i]), t))
            rows.append(equation(sp.Add(*parts), sp.Add(*right)))
        return tuple(rows)

    def next_law(self) -> tuple[sp.Equality, ...]:
        rows = []
        for (i, mark), k in product(enumerate(self.marks), self.axes):
            flux = Mean(tidy(self.next_flux(i, k)))
            rows.append(equation(self.named(f"j{mark}_{k + 1}", ""), flux))
        for i, mark in enumerate(self.marks):
            reaction = self.next_reaction(i)
            if reaction != 0:
                rows.append(equation(self.named("r1", mark), Mean(tidy(reaction))))
        return tuple(rows)

    def next_reaction(self, i: int) -> sp.Expr:
        """G + g/eps at order eps."""
        state = self.state
        found = self._taylor(state.reaction[i], state.cell_source[i])
        for j, axis in product(range(state.components), self.axes):
            slope = self.along[axis][j] + self._by_y(self.second[j], axis)
            found += self.state_of(sp.diff(state.reaction[i], state.slopes[j][axis])) * slope
        return sp.sympify(found)

    def mean_field(self) -> tuple[sp.Equality, ...]:
        """The law linearized at u0, and what it has at order eps."""
        rows = []
        for i, mark in enumerate(self.marks):
            parts = [
                self._linearized(f"sigma{mark}_{k + 1}", f"j{mark}_{k + 1}") for k in self.axes
            ]
            left = [
                -sp.Derivative(part, x, evaluate=False)
                for part, x in zip(parts, self.x, strict=True)
            ]
            if self.state.storage[i] != 0:
                storage = self._changed(f"theta{mark}") + self.named("theta1", mark)
                left.append(sp.Derivative(storage, self.model.problem.scales.t, evaluate=False))
            if self.reaction(i) != 0:
                left.append(self._linearized(f"r{mark}", f"r1{mark}"))
            rows.append(equation(sp.Add(*left), sp.Integer(0)))
        return tuple(rows)

    def _linearized(self, name: str, added: str) -> sp.Expr:
        """The derivative of a part of the law in direction U1, and its part of order eps."""
        found = self._changed(name) + self.named(added, "")
        for own, mark in zip(self.field, self.marks, strict=True):
            for k, x in enumerate(self.x):
                slope = sp.Derivative(own, x, evaluate=False)
                found += self.named(f"{name}_p{mark}{k + 1}", "") * slope
        return sp.sympify(found)

    def _changed(self, name: str) -> sp.Expr:
        """The derivative of a part of the law by values, times U1."""
        state = self.state
        held = name.startswith("sigma") and not state.cell_depends_on_values
        if held or not state.depends_on_values:
            return sp.Integer(0)
        products = [
            self.named(f"{name}_u{mark}", "") * own
            for own, mark in zip(self.field, self.marks, strict=True)
        ]
        return sp.Add(*products)
