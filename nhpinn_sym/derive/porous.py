"""Slow flow around obstacles: from Stokes' equations to Darcy's law.

-eps^2 mu Lap v + grad p = f, div v = 0, v = 0 at the walls of the obstacles (which are of size
eps) has the limit <v> = K/mu (f - grad p0), div <v> = 0, with the permeability K_ij = <w^j_i>,
-Lap w^j + grad q^j = e_j, div w^j = 0 in the fluid, w^j = 0 at the walls (Tartar 1980, in
Sanchez-Palencia, Non-Homogeneous Media and Vibration Theory; Hornung, Homogenization and Porous
Media, 1997). <.> is the integral over the fluid, over the volume of the cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..operator.table import Operator, Term, unit
from ..problem.conditions import Dirichlet
from ..problem.contacts import refuse_contacts
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from .derivation import Derivation, Step
from .derived import OwnModel

_FORM = (
    "write [(-s.eps**2*mu*s.laplacian(v) + s.grad(p), f), (s.div(v), 0)], unknown=[v, p] and"
    " holes={shape: nh.Dirichlet(0, unknown=v)}"
)


@dataclass(frozen=True, repr=False)
class FlowModel(OwnModel):
    """Result of `homogenize` for Stokes' equations around obstacles: Darcy's law.
    `print(model)` shows the derivation.

    viscosity : mu, which may depend on x and on parameters
    force     : f, a column
    fluid     : 1 in the fluid and 0 in the obstacles, in the symbols of the cell

    >>> s = nh.Scales(2)
    >>> v, p = s.unknown("v", components=2), s.unknown("p")
    >>> stokes = [(-(s.eps**2) * s.laplacian(v) + s.grad(p), sp.zeros(2, 1)), (s.div(v), 0)]
    >>> walls = {nh.Disk((0.5, 0.5), 0.3): nh.Dirichlet(0, unknown=v)}
    >>> problem = nh.MultiscaleProblem(stokes, scales=s, unknown=[v, p], holes=walls)
    >>> model = nh.homogenize(problem)
    >>> model.effective["K"]
    Matrix([
    [<w1_1>, <w2_1>],
    [<w1_2>, <w2_2>]])
    >>> cells = nh.solve_cells(model, tolerance=1e-2)
    >>> print(cells.effective["K"].diagonal().round(3))
    [0.011 0.011]
    """

    problem: MultiscaleProblem
    operator: Operator
    viscosity: sp.Expr
    force: tuple[sp.Expr, ...]
    fluid: sp.Expr

    instead = "this is a model of flow: solve_cells(model) gives its permeability effective['K']"
    subject = "a flow around obstacles"

    @cached_property
    def effective(self) -> dict[str, sp.Basic]:
        """The permeability, as the means that its entries are."""
        names = [
            [sp.Symbol(f"<w{j + 1}_{i + 1}>") for j in range(self.dim)] for i in range(self.dim)
        ]
        return {"K": sp.ImmutableMatrix(names)}

    @property
    def equation(self) -> sp.Equality:
        """Darcy's law in the equation of continuity, for the pressure p0."""
        x = self.problem.scales.x
        pressure = sp.Function(f"{self.problem.unknowns[-1].func.__name__}0")(*x)
        terms = []
        for i, along in enumerate(x):
            for j, v in enumerate(x):
                entry = sp.Symbol(f"K_{i + 1}{j + 1}")
                slope = sp.Derivative(pressure, v) - self.force[j]
                terms.append(-sp.Derivative(entry / self.viscosity * slope, along))
        return sp.Eq(sp.Add(*terms), 0, evaluate=False)

    @cached_property
    def derivation(self) -> Derivation:
        """The steps from Stokes' equations to Darcy's law, for text and LaTeX."""
        return Derivation(
            self.title,
            (
                Step(
                    "Stokes' equations around obstacles",
                    "v = 0 at their walls; they are periodic with y = x/eps.",
                    tuple(sp.Eq(e, 0, evaluate=False) for e in self.problem.equations),
                ),
                Step(
                    "Ansatz",
                    "v = v0(x, y) + eps v1 + ..., p = p0(x) + eps p1(x, y) + ...: the pressure of"
                    " lowest order does not depend on y, and eps^2 makes the viscous force as large"
                    " as its gradient.",
                ),
                Step(
                    "Cell problems",
                    "For each j, -Lap_y w_j + grad_y q_j = e_j, div_y w_j = 0 in the fluid, w_j = 0"
                    " at the walls, periodic. Then v0 = sum_j w_j (f_j - d_xj p0) / mu.",
                ),
                Step(
                    "Darcy's law",
                    "The mean of div_y v1 + div_x v0 = 0 is the equation of continuity for <v0> ="
                    " K/mu (f - grad p0), with K_ij = <w_j,i>.",
                    (self.equation,),
                ),
            ),
        )


def is_flow(op: Operator) -> bool:
    """Whether an unknown is held at the walls of holes, or the equations are Stokes'."""
    return _has_walls(op.problem) or _is_viscous_with_pressure(op)


def _has_walls(problem: MultiscaleProblem) -> bool:
    return any(isinstance(condition, Dirichlet) for condition in problem.holes.values())


def _is_viscous_with_pressure(op: Operator) -> bool:
    """Whether -eps^2 mu Lap v stands beside the gradient of a last unknown, which is not in its own
    equation.
    """
    dim = op.problem.scales.dim
    if dim == 1 or len(op.problem.unknowns) != dim + 1:
        return False
    zero, along = (0,) * (dim + 1), unit(0, dim + 1)
    pressure = {Term(0, zero, dim, along, 0), Term(0, along, dim, zero, 0)}
    own = any(t.equation == t.field == dim for t in op.table)
    viscous = Term(0, unit(1, dim + 1), 0, unit(1, dim + 1), 2)
    return viscous in op.table and not own and not pressure.isdisjoint(op.table)


def homogenize_flow(op: Operator) -> FlowModel:
    """Darcy's law; UnsupportedError for other equations, or other conditions at the walls, than
    those of Stokes.
    """
    problem = op.problem
    refuse_contacts(problem.contacts, "Stokes' equations")
    if not _has_walls(problem):
        raise UnsupportedError(
            "Stokes' equations without walls: no unknown is held at holes",
            term=problem.equations[0],
            remedy=_FORM,
        )
    dim = problem.scales.dim
    if problem.walls is None or len(problem.unknowns) != dim + 1:
        raise UnsupportedError(
            "some of the unknowns held at the walls of holes, beside Stokes' equations",
            term=problem.unknown,
            remedy=f"of flows {_FORM}; of diffusion hold all of them, nh.Dirichlet(0)",
        )
    zero = (0,) * (dim + 1)
    held = dict(op.table)
    viscosity = _viscosity(op, held, dim)
    for k in range(dim):
        along = unit(k, dim + 1)
        for left, right in ((zero, along), (along, zero)):
            held = _without(held, Term(k, left, dim, right, 0), sp.Integer(1))
            held = _without(held, Term(dim, left, k, right, 0), sp.Integer(1))
    force = tuple(-held.pop(Term(k, zero, None, zero, 0), sp.Integer(0)) for k in range(dim))
    fast = set(op.fast)
    strange = next(iter(held), None)
    if strange is not None:
        raise UnsupportedError(
            "a term that is not one of Stokes' equations", term=op.show(strange), remedy=_FORM
        )
    if any(e.free_symbols & fast for e in (viscosity, *force)):
        raise UnsupportedError(
            "a viscosity or a force that oscillates, in Stokes' equations",
            term=viscosity,
            remedy="let them depend on x alone",
        )
    return FlowModel(problem, op, viscosity, force, problem.walls)


def _without(held: dict[Term, sp.Expr], term: Term, value: sp.Expr) -> dict[Term, sp.Expr]:
    """The table without a term of that coefficient."""
    if held.get(term) == value:
        return {t: c for t, c in held.items() if t != term}
    return held


def _viscosity(op: Operator, held: dict[Term, sp.Expr], dim: int) -> sp.Expr:
    """mu of -eps^2 mu Lap v, or of -eps^2 div(2 mu sym grad v), which is the same where div v = 0;
    its terms are taken out of the table.
    """
    place = Term(0, unit(1 % dim, dim + 1), 0, unit(1 % dim, dim + 1), 2)
    if place not in held or dim == 1:
        raise UnsupportedError(
            "Stokes' equations without a viscous force of order eps^2",
            term=op.problem.equations[0],
            remedy=_FORM,
        )
    mu = -held[place]
    symmetric = Term(0, unit(1, dim + 1), 1, unit(0, dim + 1), 2) in held
    for i in range(dim):
        for k in range(dim):
            along, across = unit(k, dim + 1), unit(i, dim + 1)
            own = -2 * mu if symmetric and i == k else -mu
            expected = [(Term(i, along, i, along, 2), own)]
            if symmetric and i != k:
                expected.append((Term(i, along, k, across, 2), -mu))
            for term, value in expected:
                if sp.expand(held.pop(term, sp.Integer(0)) - value) != 0:
                    raise UnsupportedError(
                        "a viscous force that is not that of one viscosity",
                        term=op.problem.equations[i],
                        remedy=_FORM,
                    )
    return mu
