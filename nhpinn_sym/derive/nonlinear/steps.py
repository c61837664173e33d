"""The derivation of a nonlinear model, as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import sympy as sp

from ..derivation import HOMOGENIZED, Step
from ..notation import Mean, equation, text, tidy
from ..prose import Formula, Prose, box, eps_power, fast_of_slow

if TYPE_CHECKING:
    from .model import NonlinearModel

_EPS = Formula("eps", r"\epsilon")
_Y = Formula("y", "y")


def nonlinear_steps(model: NonlinearModel) -> list[Step]:
    """From the multiscale equation to the homogenized one."""
    writer = StateWriter(model)
    return [
        *writer.change(),
        Step("Multiscale equation", writer.setting(), writer.multiscale()),
        Step("Ansatz", writer.gauge(), writer.ansatz()),
        Step(
            Prose("Order ", eps_power(-1), ": state problem"), writer.kind(), writer.state_problem()
        ),
        Step(
            Prose("Order ", eps_power(0), ": solvability gives the law"),
            Prose(Formula("< >", r"\langle \cdot \rangle"), " is the mean over the cell."),
            writer.law(),
        ),
        Step("Tangent", writer.about_tangent(), writer.tangent()),
        Step(
            HOMOGENIZED,
            Prose("for the leading order ", writer.value, " of the expansion."),
            writer.homogenized(),
        ),
    ]


class StateWriter:
    """The names of a model's unknowns and functions, and its equations in them."""

    def __init__(self, model: NonlinearModel) -> None:
        self.model = model
        problem = model.problem
        self.state = model.state
        self.x = problem.scales.x
        self.y = model.operator.fast
        arguments = problem.scales.arguments
        names = [u.func.__name__ for u in problem.unknowns]
        self.u0 = [_function(_marked(name, "0"), arguments) for name in names]
        marks = [""] if len(names) == 1 else [f"_{name}" for name in names]
        self.corrector = [_function(f"N{mark}", self.y) for mark in marks]
        self.marks = marks
        self.arguments = arguments
        letter = "u" if model.change is None else names[0]
        self.value = Formula(f"{letter}0", f"{letter}_0")
        self.gradient = Formula(f"grad {letter}0", rf"\nabla {letter}_0")

    def change(self) -> list[Step]:
        """v = phi(y, u), where the problem was given for u."""
        change = self.model.change
        if change is None:
            return []
        u, v = change.symbols
        value = change.value.xreplace({u: change.original})
        inverse = change.inverse.xreplace({v: self.u0[0]})
        leading = _function(_marked(change.original.func.__name__, "0"), (*self.arguments, *self.y))
        return [
            Step(
                "Change of unknown",
                Prose(
                    "The flux holds the gradient of one function of the unknown, which is bounded;"
                    " the unknown itself oscillates in ",
                    _Y,
                    " at order one.",
                ),
                (equation(change.unknown, value), equation(leading, inverse)),
            )
        ]

    def setting(self) -> Prose:
        problem = self.model.problem
        cell = box(problem.cell.intervals, problem.cell)
        return Prose(
            "with ", fast_of_slow("y", "x"), ", periodic in ", _Y, " on the cell ", cell, "."
        )

    def multiscale(self) -> tuple[sp.Equality, ...]:
        problem = self.model.problem
        plain = problem.scales.plain
        rows = []
        for e in problem.equations:
            parts = sp.Add.make_args(plain(e))
            load = sp.Add(*[-part for part in parts if not part.has(*problem.unknowns)])
            rows.append(equation(plain(e) + load, load))
        return tuple(rows)

    def gauge(self) -> Prose:
        return Prose(
            "The first corrector ",
            Formula(
                f"N(y; {self.value}, {self.gradient})",
                f"N(y; {self.value.tex}, {self.gradient.tex})",
            ),
            ", periodic with ",
            Formula("<N> = 0", r"\langle N \rangle = 0"),
            ", depends on the value and on the gradient of ",
            self.value,
            " at a point, as on parameters. It alone solves a nonlinear problem.",
        )

    def ansatz(self) -> tuple[sp.Equality, ...]:
        eps = self.model.problem.scales.eps
        rows = []
        for u, u0, n in zip(self.model.problem.unknowns, self.u0, self.corrector):
            second = _function(_marked(u.func.__name__, "2"), self.arguments)
            rows.append(equation(u, u0 + eps * n + eps**2 * second))
        return tuple(rows)

    def kind(self) -> Prose:
        said = Prose(
            "Periodic on the cell; ", self.value, " and ", self.gradient, " are constants here."
        )
        if self.model.potential:
            said += " It is the problem of a minimum: the flux has a potential."
        if self.state.finite_strain:
            said += (
                " The energy is not convex (finite strain): N is on the branch from no strain, a"
                " local minimum of one cell as long as no instability of any wavelength is met. It"
                " is not claimed to be the least energy over many cells."
            )
        if self.model.frozen:
            said += Prose(" It is linear at a fixed value of ", self.value, ".")
        if self.free_of_values():
            said += Prose(" The factor with ", self.value, " cancels: N does not depend on it")
            primitive = self.kirchhoff()
            if primitive is None:
                said += "."
            else:
                others = any(self.state.storage) or any(self.state.reaction)
                what = "the flux" if others else "the limit"
                said += Prose("; for ", primitive, f" {what} is linear (Kirchhoff).")
        return said

    def free_of_values(self) -> bool:
        """Whether A = kappa(u) alpha(y) grad u: the cell functions do not feel u0 (Kirchhoff)."""
        state = self.state
        if not (self.model.frozen and state.potential and len(state.values) == 1):
            return False
        u = state.values[0]
        entries = [e for e in state.tangent if e != 0]
        if not any(e.has(u) for e in entries) or any(g != 0 for g in state.cell_source):
            return False
        ratios = {sp.simplify(sp.diff(e, u) / e) for e in entries}
        return len(ratios) == 1 and not ratios.pop().has(*self.y)

    def kirchhoff(self) -> Formula | None:
        """The integral of kappa, where A = kappa(u) alpha(y) grad u."""
        u = self.state.values[0]
        entry = next(e for e in self.state.tangent if e != 0)
        kappa, _ = sp.factor(entry).as_independent(*self.y, as_Add=False)
        found = sp.integrate(kappa, u)
        if found.has(sp.Integral):
            return None
        shown = found.xreplace({u: self.u0[0]})
        return Formula(text(shown), sp.latex(shown))

    def state_of(self, e: sp.Expr) -> sp.Expr:
        """An expression in jets at u0 and grad u0 + grad_y N."""
        swap: dict[sp.Basic, sp.Expr] = dict(zip(self.state.values, self.u0))
        rows = zip(self.state.slopes, self.u0, self.corrector)
        for slopes, u0, n in rows:
            for p, x, y in zip(slopes, self.x, self.y):
                swap[p] = _d(u0, x) + _d(n, y)
        return e.xreplace(swap)

    def flux(self, i: int, k: int) -> sp.Expr:
        """A + B_u N."""
        state = self.state
        carried = [
            self.state_of(sp.diff(state.transport[i][k], u)) * n
            for u, n in zip(state.values, self.corrector)
        ]
        return sp.Add(self.state_of(state.flux[i][k]), *carried)

    def state_source(self, i: int) -> sp.Expr:
        """What does not depend on N in the state problem."""
        state = self.state
        parts = [self.state_of(state.cell_source[i])]
        for b, x in zip(state.transport[i], self.x):
            parts.append(-self.state_of(sp.diff(b, x)))
            for u, u0 in zip(state.values, self.u0):
                parts.append(-self.state_of(sp.diff(b, u)) * _d(u0, x))
        return sp.Add(*parts)

    def state_problem(self) -> tuple[sp.Equality, ...]:
        rows = []
        for i in range(len(self.marks)):
            fluxes = [-_d(self.flux(i, k), y) for k, y in enumerate(self.y)]
            rows.append(equation(sp.Add(*fluxes), -self.state_source(i)))
        return tuple(rows)

    def law(self) -> tuple[sp.Equality, ...]:
        rows = []
        for (i, mark), k in product(enumerate(self.marks), range(len(self.x))):
            rows.append(equation(self.sigma(mark, k), Mean(self.flux(i, k))))
        state = self.state
        for i, mark in enumerate(self.marks):
            reaction = self.reaction(i)
            if reaction != 0:
                rows.append(equation(self.named("r", mark), _mean(reaction, self.y)))
            if state.storage[i] != 0:
                storage = self.state_of(state.storage[i])
                rows.append(equation(self.named("theta", mark), _mean(storage, self.y)))
            if state.load[i] != 0:
                rows.append(equation(self.named("f", mark), _mean(state.load[i], self.y)))
        return tuple(rows)

    def reaction(self, i: int) -> sp.Expr:
        """G + g_u N."""
        state = self.state
        carried = [
            self.state_of(sp.diff(state.cell_source[i], u)) * n
            for u, n in zip(state.values, self.corrector)
        ]
        return sp.Add(self.state_of(state.reaction[i]), *carried)

    def about_tangent(self) -> Prose:
        gradient = self.gradient
        return Prose(
            "The derivative of the flux by ",
            self.gradient,
            " is the effective coefficient of the linear problem with ",
            Formula("T = dA/dp", r"T = \partial A / \partial p"),
            " at ",
            Formula(f"p = {gradient} + grad_y N", rf"p = {gradient.tex} + \nabla_y N"),
            "; its cell functions are the derivatives of ",
            Formula("N", "N"),
            ".",
        )

    def tangent(self) -> tuple[sp.Equality, ...]:
        linear = self.model.linearized
        cells = tuple(c.equation for c in linear.cell_problems)
        own = tuple(
            equation(e.symbol, linear.writer.formula(e)) for e in linear.law if e.name == "A"
        )
        return (*cells, *own)

    def homogenized(self) -> tuple[sp.Equality, ...]:
        state = self.state
        rows = []
        for i, mark in enumerate(self.marks):
            parts = [-_d(self.sigma(mark, k), x) for k, x in enumerate(self.x)]
            if state.storage[i] != 0:
                parts.append(_d(self.named("theta", mark), self.model.problem.scales.t))
            if self.reaction(i) != 0:
                parts.append(self.named("r", mark))
            load = sp.Integer(0) if state.load[i] == 0 else self.named("f", mark)
            rows.append(equation(sp.Add(*parts), load))
        return tuple(rows)

    def sigma(self, mark: str, k: int) -> sp.Expr:
        return _function(f"sigma{mark}_{k + 1}", self.arguments)

    def named(self, name: str, mark: str) -> sp.Expr:
        return _function(f"{name}{mark}", self.arguments)


def _mean(e: sp.Expr, y: Sequence[sp.Symbol]) -> sp.Expr:
    """The mean over the cell, which leaves as it is what does not depend on y."""
    fast = [f for f in e.atoms(sp.Function) if f.args == tuple(y)]
    return Mean(tidy(e)) if e.has(*y) or fast else e


def _marked(name: str, order: str) -> str:
    """u0; v0_1 for v_1."""
    head, _, rest = name.partition("_")
    return f"{head}{order}_{rest}" if rest else f"{name}{order}"


def _function(name: str, arguments: Sequence[sp.Symbol]) -> sp.Expr:
    return sp.Function(name)(*arguments)


def _d(e: sp.Expr, v: sp.Symbol) -> sp.Expr:
    return sp.Derivative(e, v, evaluate=False)
