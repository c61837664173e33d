"""Unknowns that are held at 0 at the walls of holes of size eps: a law without derivatives.

The walls damp u, the more the closer they are: -div(a grad u) = f gives u = eps^2 w(y) f(x) + ...,
-div_y(a grad_y w) = 1 between the walls, w = 0 on them, and the mean is eps^2 <w> f (Tartar 1980,
in Sanchez-Palencia, Non-Homogeneous Media and Vibration Theory; Allaire 1989, Asymptotic Analysis
2:203). In general A_0, of the lowest power k of eps of the expanded operator, has no kernel, and
u = eps^(l-k) sum_j w^j f_j, A_0 w^j = e_j, f of power l: what has a higher power than k (storage,
reactions of order 1) does not act at leading order, and what has the power k is part of A_0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..operator.table import Operator, Table, Term
from ..operator.twoscale import expand, fast_part, slow_part
from ..problem.conditions import fields_of
from ..problem.contacts import refuse_contacts
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from .branches import name_branches
from .coefficient_checks import check_coefficients
from .derivation import Derivation, Step
from .derived import OwnModel
from .ellipticity import check_ellipticity
from .notation import equation

_FORM = "write sp.Eq(-s.div(a*s.grad(u)), f) with a = a(y) and f = f(x)"


@dataclass(frozen=True, repr=False)
class DirichletHolesModel(OwnModel):
    """Result of `homogenize` for unknowns that are 0 at the walls of holes: <u> = eps^power M f.
    `print(model)` shows the derivation.

    leading : A_0, the terms of the lowest power of eps, whose derivatives are those by y
    power   : that of eps in the law
    force   : f, a column
    between : 1 outside of the holes and 0 in them, in the symbols of the cell

    `solve_cells` gives effective["M"]: a number, or a matrix M_ij = <w^j_i> for systems; <.> is the
    integral outside of the holes, over the volume of the cell.

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u")
    >>> walls = {nh.Layer(1, (0, sp.Rational(1, 2))): nh.Dirichlet(0)}
    >>> heat = sp.Eq(-s.laplacian(u), s.x[0])
    >>> model = nh.homogenize(nh.MultiscaleProblem(heat, scales=s, unknown=u, holes=walls))
    >>> model.equation
    Eq(u0(x1, x2), M*epsilon**2*x1)
    >>> cells = nh.solve_cells(model)
    >>> print(cells.effective["M"].round(6))  # h^3/12 between plates at a distance h
    0.010417
    """

    problem: MultiscaleProblem
    operator: Operator
    leading: Table
    power: sp.Rational
    force: tuple[sp.Expr, ...]
    between: sp.Expr

    instead = (
        "this is a law without derivatives, u = eps^power M f: solve_cells(model) gives its"
        " effective['M']"
    )
    subject = "unknowns held at the walls of holes"

    @cached_property
    def effective(self) -> dict[str, sp.Basic]:
        """M, as the mean that it is, or the matrix of them."""
        count = len(self.force)
        if count == 1:
            return {"M": sp.Symbol("<w>")}
        names = [[sp.Symbol(f"<w{j + 1}_{i + 1}>") for j in range(count)] for i in range(count)]
        return {"M": sp.ImmutableMatrix(names)}

    @property
    def equations(self) -> tuple[sp.Equality, ...]:
        """The law of the mean of each unknown."""
        scales = self.problem.scales
        count = len(self.force)
        found = []
        for i, u in enumerate(self.problem.unknowns):
            mean = sp.Function(f"{u.func.__name__}0")(*u.args)
            names = ["M"] if count == 1 else [f"M_{i + 1}{j + 1}" for j in range(count)]
            terms = [sp.Symbol(m) * f for m, f in zip(names, self.force, strict=True)]
            found.append(equation(mean, scales.eps**self.power * sp.Add(*terms)))
        return tuple(found)

    @property
    def equation(self) -> sp.Equality:
        """The law of the mean of the first unknown."""
        return self.equations[0]

    @cached_property
    def derivation(self) -> Derivation:
        """The steps from the multiscale equation to the law, for text and LaTeX."""
        kept = Operator(self.problem, self.leading, self.operator.axes)
        acting = [_by_cell(kept, term) for term, _ in kept.terms()]
        steps = (
            Step(
                "Unknowns held at the walls of holes",
                "u = 0 at the walls, which are periodic with y = x/eps.",
                tuple(sp.Eq(e, 0, evaluate=False) for e in self.problem.equations),
            ),
            Step(
                "Ansatz",
                f"u = eps^({self.power}) (u0(x, y) + eps u1 + ...): A_0, the terms of the"
                " lowest power of eps, has no kernel, as u0 = 0 at the walls; the first term"
                " balances f. Terms of higher powers act on u1, ... alone.",
            ),
            Step(
                "Cell problems",
                "For each j, A_0 w_j = e_j between the walls, w_j = 0 on them, periodic. Then"
                " u0 = sum_j w_j(y) f_j(x). The terms of A_0, derivatives being those by y:",
                tuple(acting),
            ),
            Step(
                "Homogenized law",
                "The mean of u0, with M_ij = <w_j,i>. It holds inside of the domain: data at"
                " its boundary and at the start are forgotten within layers.",
                self.equations,
            ),
        )
        return Derivation(self.title, name_branches(steps))


def _by_cell(kept: Operator, term: Term) -> sp.Expr:
    """c and what it stands between, D^left( c D^right w_j ), by the coordinates of the cell."""
    w = sp.Function(f"w_{(term.field or 0) + 1}")(*kept.fast)
    slow = len(kept.coordinates)
    orders = [
        zip(kept.fast, fast_part(index, slow), strict=True) for index in (term.right, term.left)
    ]
    for k, order in enumerate(orders):
        counts = [(v, n) for v, n in order if n]
        w = sp.Derivative(w, *counts, evaluate=False) if counts else w
        w = w if k else kept.table[term] * w
    return w


def holds_every_unknown(op: Operator) -> bool:
    """Whether all unknowns are held at the walls of holes, and diffuse: none is a pressure."""
    problem = op.problem
    count = op.components
    diffusing = {t.field for t, _ in op.terms() if t.field == t.equation and sum(t.right) == 1}
    return (
        problem.walls is not None
        and len(diffusing) == count
        and all(
            len(set(fields_of(held, problem.unknowns))) == count for held in problem.holes.values()
        )
    )


def homogenize_dirichlet_holes(op: Operator) -> DirichletHolesModel:
    """The law; UnsupportedError where A_0 is no operator of second order whose coefficients depend
    on y and on parameters alone, or may have a kernel.
    """
    problem = op.problem
    refuse_contacts(problem.contacts, "unknowns held at the walls of holes")
    if not op.linear or problem.walls is None or len(op.axes) != problem.scales.dim:
        raise UnsupportedError(
            "unknowns held at the walls of holes in a nonlinear problem, or with other scales than"
            " y",
            term=problem.equations[0],
            remedy=_FORM,
        )
    check_coefficients(op)
    powers = expand(op)
    lowest = min(k for k, t in powers.items() if any(e.field is not None for e in t))
    leading = {t: c for t, c in powers[lowest].items() if t.field is not None}
    _check_scope(op)
    _check_terms(op, leading)
    if not check_ellipticity(op, leading, 2):
        raise UnsupportedError(
            "unknowns held at walls, whose diffusions have no sign together: A_0 may have a kernel",
            term=problem.equations[0],
            remedy="let the matrix of diffusions be positive definite",
        )
    power, force = _force(op)
    return DirichletHolesModel(problem, op, leading, power - lowest, force, problem.walls)


def _check_scope(op: Operator) -> None:
    """UnsupportedError for terms with which the walls do not damp what starts: waves, complex
    equations; and for those that would make layers of their own.
    """
    dim = op.problem.scales.dim
    for term, c in op.terms():
        if term.right[-1] > 1 or c.has(sp.I) or sum(term.left[:dim]) + sum(term.right[:dim]) > 2:
            raise UnsupportedError(
                "waves, complex coefficients or a term of fourth order, beside walls where unknowns"
                " are held",
                term=op.show(term),
                remedy=_FORM,
            )


def _check_terms(op: Operator, leading: Table) -> None:
    """UnsupportedError for terms that the cell problem does not hold."""
    slow = len(op.coordinates)
    for term, c in leading.items():
        shown = (
            c * sp.Symbol(f"D{fast_part(term.right, slow)}") * op.problem.unknowns[term.field or 0]
        )
        if any(slow_part(term.left, slow)) or any(slow_part(term.right, slow)):
            raise UnsupportedError(
                "storage of the order of the diffusion between walls: u remembers f over the time"
                " of the cells",
                term=shown,
                remedy="leave the time derivative out, or let the diffusion be of order 1",
            )
        orders = sum(fast_part(term.left, slow)), sum(fast_part(term.right, slow))
        drift = orders == (0, 1) and op.components == 1
        if orders not in ((1, 1), (0, 0)) and not drift:
            raise UnsupportedError(
                "a term of the order of the diffusion, beside walls, that is neither a flux, nor a"
                " reaction, nor b.grad(u) of one unknown",
                term=shown,
                remedy=_FORM,
            )
        if c.has(*op.slow):
            raise UnsupportedError(
                "a coefficient that depends on x or t, between walls where unknowns are held",
                term=shown,
                remedy="let it depend on s.y and on parameters, and f alone on s.x",
            )
    own = {t.field for t in leading if t.field == t.equation and any(t.left)}
    if len(own) < op.components:
        raise UnsupportedError(
            "unknowns held at walls, whose diffusions have different powers of eps, or a term of a"
            " lower power of eps than these",
            term=op.problem.equations[0],
            remedy="scale unknowns and equations, so that diffusions have the lowest power",
        )


def _force(op: Operator) -> tuple[sp.Rational, tuple[sp.Expr, ...]]:
    """The lowest power of eps of the sources, and f of that power."""
    sources = dict(op.terms(source=True))
    for term, c in sources.items():
        if any(term.left) or c.has(*op.fast):
            raise UnsupportedError(
                "a source that oscillates, or under a divergence, beside walls where unknowns are"
                " held",
                term=op.show(term),
                remedy=_FORM,
            )
    power = min((sp.Rational(t.power) for t in sources), default=sp.Integer(0))
    force = [sp.Integer(0)] * op.components
    for term, c in sources.items():
        force[term.equation] -= c if term.power == power else 0
    return power, tuple(force)
