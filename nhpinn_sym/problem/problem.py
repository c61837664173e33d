"""`MultiscaleProblem`: what the user wrote, checked as far as it can be without reading the
operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import signature
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .conditions import Condition, Initial, Periodic, Robin, assign_parts, fields_of, values_of
from .contacts import read_contacts
from .domain import Box, Cell, Domain, refuse_lattice
from .equation_input import read_equations
from .errors import (
    BoundaryConditionError,
    EquationError,
    InitialConditionError,
    ProblemError,
    shortened,
)
from .escaping import latex_expression
from .holes import are_walls, check_holes, solid_part
from .images import ImageFunction, check_images
from .joined_shapes import Shape
from .ranges import parameter_ranges, unknown_ranges
from .regions import Region
from .scales import Fast, Scales, unknown_functions
from .solids import SolidDomain
from .user_input import (
    check_unknowns,
    instance,
    listed,
    positive_number,
    published_errors,
    scalar,
)

# Letters of its equations in the text of a problem: an error quotes it, and not all of it.
_SHOWN = 200


class MultiscaleProblem:
    """A PDE with a small period eps.

    equation   : sp.Eq, a pair (lhs, rhs), or a list of them; linear in the unknowns, coefficients
                 in s.x, s.y, s.t, integer powers of s.eps; or nonlinear in them and in their first
                 derivatives, in divergence form.
    scales     : the `Scales` whose coordinates the equation is written in.
    unknown    : `scales.unknown(...)`, or a list of them (stacked in that order).
    domain     : `Box`, or a plane shape such as `Polygon(...) - Disk(...)`, with one boundary
                 condition for each part of its boundary in `boundary`; both may be left out where
                 only the derivation is wanted.
    initial    : `Initial(...)` conditions, and `final_time`, for time problems.
    cell       : `Cell` of y (default: the unit cube); `fast_cell` of z, `tau_period` of tau.
    parameters : {symbol: (lower, upper)} for every other free symbol.
    contacts   : {shape: beta/s.eps}: unknowns jump across the interface of the shape, where n . a
                 grad u = (beta/eps) [u]; nh.Spring(...) for displacements. See docs/interfaces.md.
    holes      : {shape: Neumann(0)} of the cell: the equation holds outside of them, and no flux
                 goes into them. Means stay those over the whole cell. Dirichlet(0, unknown=v) for
                 the velocities of Stokes' equations, see `FlowModel`, Dirichlet(0) for all unknowns
                 of other equations, see `DirichletHolesModel`. An image that is 1 in holes and 0
                 elsewhere stands for shapes.
    ranges     : {unknown: (lower, upper)}, between which the values of a nonlinear problem lie:
                 coefficients that depend on the unknown are checked, and laws are tabulated, there.
    name, paper: a title, and errors published for this problem, {eps: {"e1": ..., "e4": ...}},
                 which reports show beside their own.

    Errors: a subclass of `ProblemError` that quotes the term.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, name="layers")
    MultiscaleProblem(-Derivative((sin(2*pi*y1) + 2)*Derivative(u(x1), x1), x1) - 1 = 0, ...)
    """

    def __init__(
        self,
        equation: Any,
        *,
        scales: Scales | None = None,
        unknown: Any = None,
        domain: Domain | Shape | None = None,
        boundary: Sequence[Condition] = (),
        initial: Sequence[Initial] = (),
        final_time: object = None,
        cell: Cell | None = None,
        fast_cell: Cell | None = None,
        tau_period: object = 1,
        parameters: Mapping[sp.Symbol, tuple[object, object]] | None = None,
        ranges: Mapping[Any, tuple[object, object]] | None = None,
        holes: Mapping[Any, Condition] | None = None,
        contacts: Mapping[Shape, Any] | None = None,
        name: str = "",
        paper: Mapping[object, Mapping[str, float]] | None = None,
    ) -> None:
        self.scales = instance(scales, Scales, "scales", "write scales=s with s = Scales(dim)")
        self.unknown = unknown
        self.name = instance(name, str, "name", 'write name="..."')
        self.paper = published_errors(paper)
        self.unknowns = unknown_functions(unknown)
        check_unknowns(self.unknowns, self.scales.arguments)
        self.equations = read_equations(equation)
        self.domain = _domain(domain)
        self.cell, self.fast_cell = (_cell(box, self.scales.dim) for box in (cell, fast_cell))
        self.tau_period = positive_number(
            tau_period, ProblemError, "tau_period", "write tau_period=1"
        )
        self.parameters = parameter_ranges(parameters)
        self.ranges = unknown_ranges(ranges, self.unknowns)
        self.boundary = listed(
            [boundary] if isinstance(boundary, Condition) else boundary,
            "boundary",
            "write boundary=[Dirichlet(0)]",
        )
        self.initial = listed(
            [initial] if isinstance(initial, Initial) else initial,
            "initial",
            "write initial=[Initial(0)]",
        )
        self.final_time: sp.Expr | None = None
        if final_time is not None:
            self.final_time = positive_number(
                final_time, InitialConditionError, "final_time", "write final_time=0.5"
            )
        self._check_shapes()
        self._check_lattices()
        self._read_interfaces(holes, contacts)
        self.conditions: dict[tuple[str, int], Condition] = self._assign_parts()
        self._check_initial()

    def replaced(self, equation: Any = None, **changes: Any) -> MultiscaleProblem:
        """This problem with another equation, or other values of what it was made from; what is not
        named stays as it is. All checks run again.

        Errors: those of `MultiscaleProblem`.

        >>> s = nh.Scales(2)
        >>> u = s.unknown("u")
        >>> holes = {nh.Disk((0.5, 0.5), 0.3): nh.Neumann(0)}
        >>> first = nh.MultiscaleProblem((-s.laplacian(u), 1), scales=s, unknown=u, holes=holes)
        >>> first.replaced((-2 * s.laplacian(u), 1), name="twice").holes == holes
        True
        """
        if equation is None:
            equation = [(e, 0) for e in self.equations]
        kept = [name for name in signature(MultiscaleProblem).parameters if name != "equation"]
        held = {name: getattr(self, name) for name in kept}
        eps = self.scales.eps
        held["contacts"] = {c.shape: c.stiffness * eps**c.power for c in self.contacts}
        return MultiscaleProblem(equation, **{**held, **changes})

    def _read_interfaces(
        self,
        holes: Mapping[Any, Condition] | None,
        contacts: Mapping[Shape, Any] | None,
    ) -> None:
        """What is in the cell: images, holes, contacts."""
        self.holes = check_holes(holes)
        marked = [hole for hole in self.holes if isinstance(hole, ImageFunction)]
        cells = {self.scales.y: self.cell, self.scales.z: self.fast_cell}
        check_images([*self.equations, *marked], cells)
        outside = solid_part(self.holes, self.scales, self.cell)
        held = are_walls(self.holes)
        self.solid: sp.Expr | None = None if held else outside
        self.walls: sp.Expr | None = outside if held else None
        self.contacts = read_contacts(
            contacts, self.scales, self.cell, len(self.unknowns), self.parameters
        )

    def _check_lattices(self) -> None:
        refuse_lattice(self.fast_cell, "the fastest scale")
        if len(self.scales.fast) > self.scales.dim:
            refuse_lattice(self.cell, "more than one fast scale")

    def _check_shapes(self) -> None:
        if len(self.equations) != len(self.unknowns):
            raise EquationError(
                f"{len(self.equations)} scalar equations for {len(self.unknowns)} unknown"
                " functions",
                term=self.unknown,
                remedy="give one scalar equation for each unknown function",
            )
        for box, what in (
            (self.domain, "domain"),
            (self.cell, "cell"),
            (self.fast_cell, "fast_cell"),
        ):
            if box is not None and box.dim != self.scales.dim:
                raise ProblemError(
                    f"the {what} has dimension {box.dim}, the scales have {self.scales.dim}",
                    term=box,
                    remedy="give one interval per dimension",
                )

    def _assign_parts(self) -> dict[tuple[str, int], Condition]:
        if self.domain is None:
            if self.boundary:
                raise BoundaryConditionError(
                    "boundary conditions without a domain",
                    term=self.boundary,
                    remedy="give domain=Box(...)",
                )
            return {}
        table = assign_parts(self.boundary, self.domain, self.scales.x, self.unknowns)
        for condition in self.boundary:
            fields = fields_of(condition, self.unknowns)
            if isinstance(condition, Periodic) and len(fields) < len(self.unknowns):
                raise BoundaryConditionError(
                    "a periodic condition for some of the unknowns only",
                    term=condition,
                    remedy="leave unknown= out",
                )
            for entry in condition.entries:
                for value in values_of(condition, entry, fields):
                    self._check_data(
                        value, condition, BoundaryConditionError, time=self.scales.time
                    )
        return table

    def data(self, condition: Condition | Initial, entry: str, j: int) -> sp.Expr:
        """The `entry` (value, alpha) of a condition for scalar unknown number j."""
        fields = fields_of(condition, self.unknowns)
        return scalar(
            values_of(condition, entry, fields)[fields.index(j)],
            ProblemError,
            "the value",
            quote=condition,
        )

    def robin_coefficient(self, condition: Condition, j: int) -> sp.Expr:
        """alpha of n . flux + alpha u = g for scalar unknown number j: 0 for a Neumann
        condition.
        """
        if isinstance(condition, Robin):
            return self.data(condition, "alpha", j)
        return sp.Integer(0)

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        """The axes whose ends are periodic."""
        domain = self.domain
        if domain is None:
            return ()
        parts = [
            domain.part(name)
            for (name, _), condition in self.conditions.items()
            if isinstance(condition, Periodic)
        ]
        return tuple(dict.fromkeys(part.axis for part in parts))

    def _check_initial(self) -> None:
        if self.time_order == 0 and (self.initial or self.final_time is not None):
            raise InitialConditionError(
                "an initial condition or final time, but the equation has no time derivative",
                term=self.initial or self.final_time,
                remedy="drop it, or add s.dt(u)",
            )
        self.starts: dict[tuple[int, int], Initial] = {}
        for condition in self.initial:
            if not isinstance(condition, Initial):
                raise InitialConditionError(
                    "this is not an initial condition",
                    term=shortened(condition),
                    remedy="write initial=[Initial(0)]",
                )
            if type(condition.order) is not int:
                raise InitialConditionError(
                    "the order of an initial condition is an integer",
                    term=condition,
                    remedy="0 is u, 1 is u_t",
                )
            fields = fields_of(condition, self.unknowns)
            for j, value in zip(fields, values_of(condition, "value", fields), strict=True):
                self._check_data(value, condition, InitialConditionError, time=False)
                if (
                    condition.unknown is not None
                    or condition.order < self.time_orders[j]
                    or len(self.unknowns) == 1
                ):
                    if (condition.order, j) in self.starts:
                        raise InitialConditionError(
                            "two initial conditions of the same order",
                            term=condition,
                            remedy="give each order one",
                        )
                    self.starts[condition.order, j] = condition
                elif not self.time_orders[j] and sp.sympify(value) != 0:
                    raise InitialConditionError(
                        f"an initial value of {self.unknowns[j]}, whose equation has no time"
                        " derivative and determines it from the others at all times",
                        term=condition,
                        remedy=f"leave it out, or add s.dt({self.unknowns[j].func.__name__})",
                    )
        needed = {
            (order, j) for j, orders in enumerate(self.time_orders) for order in range(orders)
        }
        if self.domain is not None and set(self.starts) != needed:
            raise InitialConditionError(
                f"the equation is of order {self.time_order} in time and needs initial data of the"
                f" orders {sorted({order for order, _ in needed})}, for every unknown with a time"
                " derivative",
                term=f"initial={shortened(list(self.initial))}",
                remedy="give one Initial(value, order=...) for each",
            )

    def _check_data(
        self, value: object, condition: object, error: type[ProblemError], time: bool
    ) -> None:
        expr = scalar(
            value,
            error,
            "the value",
            quote=condition,
            remedy="write a number, or SymPy in s.x and s.t",
        )
        if expr.has(*self.unknowns):
            raise error(
                "the value holds the unknown",
                term=condition,
                remedy="data are functions of s.x and s.t",
            )
        if expr.has(sp.DiracDelta, sp.Derivative) or any(
            not isinstance(f, Fast) for f in expr.atoms(AppliedUndef)
        ):
            raise error(
                "the value holds a function without a formula, or a delta function",
                term=condition,
                remedy="data are given by formulas in s.x and s.t that have values",
            )
        allowed = {*self.scales.x, *self.parameters} | ({self.scales.t} if time else set())
        strange = sorted(expr.atoms(Fast), key=str)
        if not strange:
            strange = [v for v in expr.free_symbols if v not in allowed]
        if strange:
            raise error(
                f"the value may depend on {', '.join(sorted(map(str, allowed)))} alone, not on"
                f" {strange[0]}",
                term=condition,
                remedy=(
                    "boundary and initial data do not oscillate; declare other symbols by"
                    " parameters="
                ),
            )

    @property
    def time_order(self) -> int:
        """Highest order of a time derivative of an unknown."""
        return max(self.time_orders, default=0)

    @cached_property
    def time_orders(self) -> tuple[int, ...]:
        """Highest order of a time derivative of each scalar unknown in its own equation."""
        if not self.scales.time:
            return (0,) * len(self.unknowns)
        return tuple(
            max(
                (
                    int(sum(k for v, k in n.variable_count if v == self.scales.t))
                    for n in e.atoms(sp.Derivative)
                    if n.has(u)
                ),
                default=0,
            )
            for u, e in zip(self.unknowns, self.equations, strict=True)
        )

    def __repr__(self) -> str:
        equations = " ; ".join(f"{e} = 0" for e in self.equations)
        shown = equations if len(equations) <= _SHOWN else f"{equations[:_SHOWN]}..."
        return f"MultiscaleProblem({shown}, domain={self.domain})"

    def _repr_latex_(self) -> str:
        rows = r" \\ ".join(f"& {latex_expression(e)} = 0" for e in self.equations)
        return rf"$$\begin{{aligned}} {rows} \end{{aligned}}$$"


def _domain(domain: Domain | Shape | None) -> Domain | None:
    if isinstance(domain, Shape) and not isinstance(domain, Domain):
        in_space = domain.fits(3) and not domain.fits(2)
        return SolidDomain(domain) if in_space else Region(domain)
    if domain is not None and not isinstance(domain, Domain):
        raise ProblemError(
            "domain is neither a shape nor another Domain",
            term=shortened(domain),
            remedy="write domain=Box((0, 1), ...)",
        )
    return domain


def _cell(box: Box | None, dim: int) -> Cell:
    if box is None:
        return Cell.unit(dim)
    if isinstance(box, Cell):
        return box
    return Cell(*instance(box, Box, "cell", "write cell=Cell((0, 1), ...)").intervals)
