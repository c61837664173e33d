"""Plates whose thickness is about their period: membrane, coupling and bending stiffness.

The cell is periodic in the plane and free of traction at its faces y_d = -h/2, h/2. Under the
strains E and the curvatures K = D^2 u_d of its middle surface, the displacement of the cell solves
div C (E - y_d K + e(w)) = 0, and N = A E + B K, M = B^T E + D K are the forces and moments per
length. With the loads E^p, -y_d E^p and their displacements w^p, A, B and D are the integrals over
the cell, per area of the plane, of C (load + e(w)) : load (Caillerie 1984, Math. Methods Appl. Sci.
6:159; Kohn, Vogelius 1984, Int. J. Solids Struct. 20:333). A strip in two dimensions has one
strain.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..operator.perforated import solid_operator, without_holes
from ..operator.table import Operator, Term, unit
from ..problem.contacts import refuse_contacts
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from .coefficient_checks import check_coefficients
from .derivation import Derivation, Step
from .derived import OwnModel
from .ellipticity import check_ellipticity
from .notation import equation

_FORM = (
    "write (-s.div(stress), f) for displacements of as many components as there are dimensions,"
    " stress = C e(u) with the symmetries of elasticity"
)
Load = tuple[int, int]
"""The two indices of a strain in the plane."""


@dataclass(frozen=True, repr=False)
class PlateModel(OwnModel):
    """Result of `homogenize` for elasticity on a cell of `nh.Cell.plate`: forces and moments
    N = A E + B K, M = B^T E + D K of the strains E of the middle surface and of K = D^2 u_3.
    `print(model)` shows the derivation.

    Rows and columns are in the order 11, 22, 12, with the engineering shears 2 E_12 and 2 K_12; of
    a strip, 11 alone. B has the sign of K = D^2 u_3, that of -K is also in use.

    >>> s = nh.Scales(3)
    >>> u = s.unknown("u", components=3)
    >>> lam, mu = nh.lame(1, 0.3)
    >>> strain = (s.grad(u) + s.grad(u).T) / 2
    >>> stress = lam * sp.trace(strain) * sp.eye(3) + 2 * mu * strain
    >>> cell = nh.Cell.plate((0, 1), (0, 1), thickness=2)
    >>> balance = (-s.div(stress), sp.zeros(3, 1))
    >>> plate = nh.MultiscaleProblem(balance, scales=s, unknown=u, cell=cell)
    >>> cells = nh.solve_cells(nh.homogenize(plate), n=2)
    >>> print(cells.effective["D"].diagonal().round(6))  # E h^3/(12 (1 - nu^2)), the last G h^3/12
    [0.732601 0.732601 0.25641 ]
    """

    problem: MultiscaleProblem
    operator: Operator

    instead = "this is a model of a plate: solve_cells(model) gives its effective A, B and D"
    subject = "a plate"

    @property
    def thickness(self) -> sp.Expr:
        """The length of the cell along its last axis."""
        low, high = self.problem.cell.intervals[-1]
        return high - low

    @property
    def loads(self) -> tuple[Load, ...]:
        """The strains of the plane, in order."""
        plane = range(self.dim - 1)
        return (*((k, k) for k in plane), *itertools.combinations(plane, 2))

    @cached_property
    def effective(self) -> dict[str, sp.ImmutableMatrix]:
        """A, B and D, as symbols."""
        marks = [f"{a + 1}{b + 1}" for a, b in self.loads]
        return {
            name: sp.ImmutableMatrix([[sp.Symbol(f"{name}_{p}{q}") for q in marks] for p in marks])
            for name in ("A", "B", "D")
        }

    @cached_property
    def derivation(self) -> Derivation:
        """The steps from elasticity to forces and moments, for text and LaTeX."""
        d = self.dim
        y = f"y{d}"
        low, high = self.problem.cell.intervals[-1]
        marks = [f"{a + 1}{b + 1}" for a, b in self.loads]
        strains, curvatures = (
            sp.Matrix([sp.Symbol(f"{'' if m[0] == m[1] else '2'}{name}_{m}") for m in marks])
            for name in "EK"
        )
        a, b, bending = self.effective.values()
        forces = a * strains + b * curvatures
        moments = b.T * strains + bending * curvatures
        return Derivation(
            self.title,
            (
                Step(
                    "A plate of a thickness that is about its period",
                    f"The cell is {self.problem.cell}; its faces {y} = {low} and {y} = {high} are"
                    " free of traction.",
                ),
                Step(
                    "Ansatz",
                    f"u_{d} = u0_{d}(x) + ..., u_a = eps (u1_a(x) - {y} d_xa u0_{d}) +"
                    " eps^2 w(x, y): sections stay straight, and the strain of the cell is"
                    f" E - {y} K + e(w), with E = e(u1) and K = D^2 u0_{d}.",
                ),
                Step(
                    "Cell problems",
                    f"div_y C (E^p + e(w_p)) = 0 and div_y C (-{y} E^p + e(v_p)) = 0 for each"
                    " strain E^p of the plane, periodic there, and with no traction at the faces.",
                ),
                Step(
                    "Forces and moments",
                    f"N is the integral of the stress over the cell, per area, M that of -{y} times"
                    " it; div N = 0 and d_a d_b M_ab = load are the equations of the plate.",
                    tuple(
                        equation(sp.Symbol(f"{name}_{m}"), value)
                        for name, values in (("N", forces), ("M", moments))
                        for m, value in zip(marks, values, strict=True)
                    ),
                ),
            ),
        )

    def stiffness(self, i: int, k: int, j: int, n: int) -> sp.Expr:
        """C_ikjn in the symbols of the cell."""
        return -self.operator.table.get(_place(self.dim, i, k, j, n), sp.Integer(0))


def _place(dim: int, i: int, k: int, j: int, n: int) -> Term:
    return Term(i, unit(k, dim + 1), j, unit(n, dim + 1), 0)


def homogenize_plate(op: Operator) -> PlateModel:
    """The model of a plate; UnsupportedError for what is not linear elasticity, with moduli of y
    alone.
    """
    problem = op.problem
    dim = problem.scales.dim
    refuse_contacts(problem.contacts, "plates")
    if not op.linear or op.components != dim or dim not in (2, 3):
        raise UnsupportedError(
            "the cell of a plate for something else than linear elasticity",
            term=problem.equations[0],
            remedy=_FORM,
        )
    check_coefficients(solid_operator(op))
    held = {_place(dim, *at) for at in itertools.product(range(dim), repeat=4)}
    for term, c in op.table.items():
        if term.field is not None and term not in held:
            raise UnsupportedError(
                "a term that is not one of elasticity, in the cell of a plate",
                term=op.show(term),
                remedy=_FORM,
            )
        if term.field is not None and (c.has(*op.coordinates) or c.has(sp.I)):
            raise UnsupportedError(
                "moduli of a plate that depend on x or are complex", term=c, remedy=_FORM
            )
    model = PlateModel(problem, op)
    _check_symmetries(model)
    leading = {t: c for t, c in op.table.items() if t.field is not None}
    check_ellipticity(solid_operator(op), _fast(op, without_holes(problem, leading)), 2)
    return model


def _fast(op: Operator, table: dict[Term, sp.Expr]) -> dict[Term, sp.Expr]:
    """The terms as those of the cell operator, with derivatives along the cell."""
    slow = len(op.coordinates)
    zero = (0,) * slow

    def moved(index: Sequence[int]) -> tuple[int, ...]:
        return (*zero, *index[: op.problem.scales.dim])

    return {
        t._replace(left=moved(t.left), right=moved(t.right), power=-2): c for t, c in table.items()
    }


def _check_symmetries(model: PlateModel) -> None:
    """C_ikjn = C_kijn = C_jnik: a strain without rotation, and an energy."""
    for i, k, j, n in itertools.product(range(model.dim), repeat=4):
        own = model.stiffness(i, k, j, n)
        for other in (model.stiffness(k, i, j, n), model.stiffness(j, n, i, k)):
            if sp.expand(own - other) != 0:
                raise UnsupportedError(
                    "moduli without the symmetries of elasticity", term=own, remedy=_FORM
                )
