"""`MultiscaleProblem`: what the user wrote, checked as far as it can be without reading the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices import MatrixBase

from .conditions import Condition, Initial, assign_faces
from .domain import Box, Cell, Face
from .errors import BoundaryConditionError, EquationError, InitialConditionError, ProblemError
from .scales import Fast, Scales, unknown_functions


class MultiscaleProblem:
    """A linear PDE with a small period eps on a box.

    equation   : sp.Eq, a pair (lhs, rhs), or a list of them; linear in the unknowns, coefficients in s.x, s.y, s.t, integer powers of s.eps.
    scales     : the `Scales` whose coordinates the equation is written in.
    unknown    : `scales.unknown(...)`, or a list of them (stacked in that order).
    domain     : `Box`, with one boundary condition per face in `boundary`; both may be left out where only the derivation is wanted.
    initial    : `Initial(...)` conditions, and `final_time`, for time problems.
    cell       : `Cell` of y (default: the unit cube); `fast_cell` of z, `tau_period` of tau.
    parameters : {symbol: (lower, upper)} for every other free symbol.
    name, paper: a title, and errors published for this problem, {eps: {"e1": ..., "e4": ...}}, which reports show beside their own.

    Errors: a subclass of `ProblemError` that quotes the term.
    """

    def __init__(self, equation: Any, *, scales: Scales, unknown: Any, domain: Box | None = None, boundary: Sequence[Condition] = (),
                 initial: Sequence[Initial] = (), final_time: object = None, cell: Cell | None = None, fast_cell: Cell | None = None,
                 tau_period: object = 1, parameters: Mapping[sp.Symbol, tuple[object, object]] | None = None, name: str = "",
                 paper: Mapping[object, Mapping[str, float]] | None = None) -> None:
        self.scales, self.unknown, self.name = scales, unknown, name
        self.paper = {float(sp.sympify(eps)): dict(errors) for eps, errors in (paper or {}).items()}
        self.unknowns = unknown_functions(unknown)
        self.equations = _residuals(equation)
        self.domain, self.cell = domain, cell or Cell.unit(scales.dim)
        self.fast_cell, self.tau_period = fast_cell or Cell.unit(scales.dim), sp.sympify(tau_period)
        self.parameters = {symbol: _bounds(symbol, pair) for symbol, pair in (parameters or {}).items()}
        self.boundary, self.initial = tuple(boundary), tuple(initial)
        self.final_time = None if final_time is None else sp.sympify(final_time)
        self._check_shapes()
        self.faces: dict[Face, Condition] = self._assign_faces()
        self._check_initial()

    def _check_shapes(self) -> None:
        if len(self.equations) != len(self.unknowns):
            raise EquationError(f"{len(self.equations)} scalar equations for {len(self.unknowns)} unknown functions", term=self.unknown)
        for box, what in ((self.domain, "domain"), (self.cell, "cell"), (self.fast_cell, "fast_cell")):
            if box is not None and box.dim != self.scales.dim:
                raise ProblemError(f"the {what} has dimension {box.dim}, the scales have {self.scales.dim}", term=box)

    def _assign_faces(self) -> dict[Face, Condition]:
        if self.domain is None:
            if self.boundary:
                raise BoundaryConditionError("boundary conditions without a domain", term=self.boundary, remedy="give domain=Box(...)")
            return {}
        table = assign_faces(self.boundary, self.domain, self.scales.x)
        for condition in self.boundary:
            for entry in ("value", "alpha"):
                if hasattr(condition, entry):
                    self._check_data(getattr(condition, entry), condition, BoundaryConditionError, time=self.scales.time)
        return table

    def _check_initial(self) -> None:
        if self.time_order == 0 and (self.initial or self.final_time is not None):
            raise InitialConditionError("an initial condition or final time, but the equation has no time derivative",
                                        term=self.initial or self.final_time, remedy="drop it, or add s.dt(u)")
        for condition in self.initial:
            self._check_data(condition.value, condition, InitialConditionError, time=False)
        orders = sorted(condition.order for condition in self.initial)
        if self.domain is not None and orders != list(range(self.time_order)):
            raise InitialConditionError(f"the equation is of order {self.time_order} in time and needs initial data of the orders "
                                        f"{list(range(self.time_order))}", term=f"initial={list(self.initial)}", remedy="one Initial(value, order=...) each")
        if self.final_time is not None and not (self.final_time.is_number and bool(self.final_time > 0)):
            raise InitialConditionError("the final time is a positive number", term=self.final_time)

    def _check_data(self, value: object, condition: object, error: type[ProblemError], time: bool) -> None:
        try:
            expr = sp.sympify(value)
        except sp.SympifyError as cause:
            raise error("the value is not a SymPy expression", term=condition) from cause
        allowed = {*self.scales.x, *self.parameters} | ({self.scales.t} if time else set())
        strange = [v for v in expr.free_symbols if v not in allowed] if not expr.atoms(Fast) else sorted(expr.atoms(Fast), key=str)
        if strange:
            raise error(f"the value may depend on {', '.join(sorted(map(str, allowed)))} alone, not on {strange[0]}", term=condition,
                        remedy="boundary and initial data do not oscillate; declare other symbols by parameters=")

    @property
    def time_order(self) -> int:
        """Highest order of a time derivative of an unknown."""
        if not self.scales.time:
            return 0
        nodes = [n for e in self.equations for n in e.atoms(sp.Derivative) if n.has(*self.unknowns)]
        return max((int(sum(k for v, k in n.variable_count if v == self.scales.t)) for n in nodes), default=0)

    def __repr__(self) -> str:
        return f"MultiscaleProblem({' ; '.join(f'{e} = 0' for e in self.equations)}, domain={self.domain})"

    def _repr_latex_(self) -> str:
        return "$$" + r" \\ ".join(sp.latex(e) + " = 0" for e in self.equations) + "$$"


def _residuals(equation: Any) -> tuple[sp.Expr, ...]:
    """lhs - rhs of each scalar equation."""
    if isinstance(equation, list):
        return tuple(e for item in equation for e in _residuals(item))
    if isinstance(equation, (bool, BooleanAtom)):
        raise EquationError("this is a boolean, not an equation", term=equation,
                            remedy="sp.Eq gives False for sides of unequal shape or with nan, True for equal sides: look at both sides")
    if isinstance(equation, sp.Equality):
        sides: tuple[Any, Any] = equation.args  # type: ignore[assignment]
    elif isinstance(equation, tuple) and len(equation) == 2:
        sides = equation
    else:
        raise EquationError("an equation is sp.Eq(lhs, rhs) or a pair (lhs, rhs)", term=equation)
    lhs, rhs = (_entries(side) for side in sides)
    if len(rhs) == 1 and rhs[0] == 0:
        rhs = rhs * len(lhs)
    if len(lhs) != len(rhs):
        raise EquationError(f"the sides of the equation have {len(lhs)} and {len(rhs)} components", term=f"{sides[0]} = {sides[1]}")
    for entry in (*lhs, *rhs):
        if entry.has(sp.nan, sp.zoo, sp.oo):
            raise EquationError("the equation contains nan or infinity", term=entry)
    return tuple(left - right for left, right in zip(lhs, rhs, strict=True))


def _entries(side: Any) -> list[sp.Expr]:
    if isinstance(side, (MatrixBase, list, tuple)):
        return [sp.sympify(e) for e in side]
    try:
        return [sp.sympify(side)]
    except sp.SympifyError as cause:
        raise EquationError("this side of the equation is not a SymPy expression", term=side) from cause


def _bounds(symbol: sp.Symbol, pair: tuple[object, object]) -> tuple[sp.Expr, sp.Expr]:
    if not isinstance(symbol, sp.Symbol):
        raise ProblemError("parameters are keyed by symbols", term=symbol, remedy="write parameters={q: (lower, upper)}")
    return Box(pair).intervals[0]
