"""Double porosity: blocks that conduct eps^2 times less than the fractures around them.

rho u_t - div(a grad u) = f, a = eps^2 b in the blocks M of the cell. In the limit the fractures
hold one field u0, and every point of the macroscopic domain a block of its own,
    rho w_t - div_y(b grad_y w) = f in M, w = u0 on its surface,
    <rho>_F u0_t - div(A grad u0) = f - <rho w_t>_M,
A being that of the fractures with the blocks as holes (Arbogast, Douglas, Hornung 1990, SIAM J.
Math. Anal. 21:823). With the eigenfunctions of the block, w - u0 is a sum of modes of rates l_k
and weights c_k, the amounts z_k of which solve z_k' + l_k z_k = f/rho_M - u0_t, and
    <rho> u0_t + sum_k c_k z_k' - div(A grad u0) = f.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import sympy as sp

from ..operator.table import Operator, Term, unit
from ..problem.contacts import refuse_contacts
from ..problem.errors import EpsilonError, UnsupportedError
from ..problem.problem import MultiscaleProblem
from .branches import name_branches
from .coefficient_checks import check_coefficients
from .derivation import Derivation, Step
from .derived import OwnModel
from .model import HomogenizedModel
from .notation import equation

_FORM = (
    "write sp.Eq(s.dt(u) - s.div(a*s.grad(u)), f) with a = nh.phases(s, {block: b*s.eps**2},"
    " default=1), one unknown and f = f(x, t)"
)
_SLOW = 2
"""The power of eps of the blocks."""


@dataclass(frozen=True, repr=False)
class DoublePorosityModel(OwnModel):
    """Result of `homogenize` for blocks of conductivity eps^2 b between fractures: a law with
    memory. `print(model)` shows the derivation.

    fractures : the model of the fractures, whose A is that of the whole
    block     : 1 in the blocks and 0 in the fractures, in the symbols of the cell
    diffusion : b, a matrix; storage: rho; source: f

    `solve_cells` gives effective["A"], "rho" (<rho> of the whole cell), "weights" and "rates" of
    the modes: the kernel sum_k c_k exp(-l_k t) is the share of the blocks that is behind by t.

    >>> s = nh.Scales(2, time=True)
    >>> u = s.unknown("u")
    >>> a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 2 * s.eps**2}, default=1)
    >>> heat = sp.Eq(s.dt(u) - s.div(a * s.grad(u)), 1)
    >>> problem = nh.MultiscaleProblem(heat, scales=s, unknown=u)
    >>> cells = nh.solve_cells(nh.homogenize(problem), tolerance=1e-4)
    >>> print(cells.effective["rates"][:2].round(2))  # 2 (j_0k/0.3)^2, the zeros of J_0
    [128.52 677.14]
    """

    problem: MultiscaleProblem
    operator: Operator
    fractures: HomogenizedModel
    block: sp.Expr
    diffusion: sp.ImmutableMatrix
    storage: sp.Expr
    source: sp.Expr

    instead = (
        "this is a model of double porosity: solve_cells(model) and solve_homogenized(model, cells)"
        " are there"
    )
    subject = "a medium of double porosity"

    @cached_property
    def effective(self) -> dict[str, sp.Basic]:
        """A as means over the fractures; the other numbers come from the block."""
        return {"A": self.fractures.effective["A"]}

    @property
    def equation(self) -> sp.Equality:
        """Of u0, with one mode z_k for the sum of all."""
        x, t = self.problem.scales.x, self.problem.scales.t
        u0, z = (sp.Function(name)(*x, t) for name in ("u0", "z_k"))
        weight, density = sp.Symbol("c_k"), sp.Symbol("<rho>")
        flux = [
            -sp.Derivative(sp.Symbol(f"A_{i + 1}{j + 1}") * sp.Derivative(u0, w), v)
            for i, v in enumerate(x)
            for j, w in enumerate(x)
        ]
        memory = sp.Function("sum")(weight * sp.Derivative(z, t))
        return equation(sp.Add(density * sp.Derivative(u0, t), memory, *flux), self.source)

    @cached_property
    def derivation(self) -> Derivation:
        """The steps from the multiscale equation to the law, for text and LaTeX."""
        x, t = self.problem.scales.x, self.problem.scales.t
        u0, z = (sp.Function(name)(*x, t) for name in ("u0", "z_k"))
        mode = sp.Derivative(z, t) + sp.Symbol("l_k") * z
        kernel = sp.Function("K")(t)
        decay = sp.Symbol("c_k") * sp.exp(-sp.Symbol("l_k") * t)
        steps = (
            Step(
                "Blocks and fractures",
                "In the blocks the flux is eps^2 times smaller: there u varies with y at"
                " leading order, u = w(x, y, t) with w = u0(x, t) on their surface.",
                tuple(sp.Eq(e, 0, evaluate=False) for e in self.problem.equations),
            ),
            Step(
                "Fractures",
                "No flux of their order enters the blocks: A is that of the cell with holes.",
                tuple(p.equation for p in self.fractures.cell_problems),
            ),
            Step(
                "Blocks",
                "rho w_t - div_y(b grad_y w) = f in each block. In Laplace form, f = 0: w ="
                " (1 - s Z) u0 with -div_y(b grad_y Z) + s rho Z = rho, Z = 0 on the surface;"
                " <rho Z> = sum_k c_k/(s + l_k) has the eigenvalues l_k of the block. K(t) is"
                " its inverse transform.",
                (equation(kernel, sp.Function("sum")(decay)),),
            ),
            Step(
                "Modes",
                "z_k is how far mode k of the block is behind u0; it starts at 0.",
                (equation(mode, self.source / sp.Symbol("rho_M") - sp.Derivative(u0, t)),),
            ),
            Step("Homogenized equation", "with the sum over all modes.", (self.equation,)),
        )
        return Derivation(self.title, name_branches(steps))


def mixes_powers(problem: MultiscaleProblem) -> bool:
    """Whether phases of a coefficient have different powers of eps."""
    plain = map(problem.scales.plain, problem.equations)
    return any(node.has(problem.scales.eps) for e in plain for node in e.atoms(sp.Piecewise))


def homogenize_blocks(
    op: Operator, homogenize: Callable[[Operator, int], HomogenizedModel]
) -> DoublePorosityModel:
    """The model of phases of the powers 0 and 2 of eps; EpsilonError or UnsupportedError for
    others."""
    problem = op.problem
    dim = problem.scales.dim
    refuse_contacts(problem.contacts, "double porosity")
    if not op.linear or op.components != 1 or dim == 1 or problem.holes or problem.parameters:
        raise EpsilonError(
            "phases with different powers of eps, beside several unknowns, nonlinear terms, holes,"
            " parameters, or in one dimension, where fractures are not connected",
            term=problem.equations[0],
            remedy=_FORM,
        )
    check_coefficients(op)
    zero = (0,) * (dim + 1)
    rate = Term(0, zero, 0, (*zero[:dim], 1), 0)
    table = dict(op.table)
    storage = table.pop(rate, sp.Integer(0))
    source = -table.pop(Term(0, zero, None, zero, 0), sp.Integer(0))
    conducting, diffusion = (
        sp.ImmutableMatrix(
            dim,
            dim,
            lambda i, j, power=power: (
                -table.pop(Term(0, unit(i, dim + 1), 0, unit(j, dim + 1), power), sp.Integer(0))
            ),
        )
        for power in (0, _SLOW)
    )
    for term in table:
        raise UnsupportedError(
            "a term beside storage, a source, and fluxes of the powers 0 and 2 of eps, where phases"
            " have different powers",
            term=op.show(term),
            remedy=_FORM,
        )
    block = _block(conducting, diffusion)
    _check_data(op, storage, source, diffusion)
    fractures = homogenize(_fractures(op, block), 1)
    return DoublePorosityModel(problem, op, fractures, block, diffusion, storage, source)


def _fractures(op: Operator, block: sp.Expr) -> Operator:
    """The fluxes of the fractures alone, the blocks being holes of the cell."""
    problem = copy.copy(op.problem)
    solid = sp.Piecewise(*((1 - value, when) for value, when in block.args))
    problem.solid = solid
    table = {
        t: solid * c.replace(sp.Piecewise, _filled)
        for t, c in op.table.items()
        if any(t.left) and not t.power
    }
    return replace(op, problem=problem, table=table)


def _filled(*branches: tuple[sp.Expr, sp.Basic]) -> sp.Expr:
    """The Piecewise with a value of the fractures in the blocks, where it does not matter."""
    known = next((value for value, _ in branches if value != 0), sp.Integer(0))
    return sp.Piecewise(*((value if value != 0 else known, when) for value, when in branches))


def _block(conducting: sp.ImmutableMatrix, diffusion: sp.ImmutableMatrix) -> sp.Expr:
    """1 where the fluxes have the power 2, 0 where they have the power 0."""
    found = {_zeros(c, sp.Integer(1)) for c in conducting if c != 0}
    found |= {_zeros(c, sp.Integer(0)) for c in diffusion if c != 0}
    if len(found) != 1 or None in found:
        raise UnsupportedError(
            "phases whose fluxes have no power of eps, several, or others than 0 and 2",
            term=conducting,
            remedy=_FORM,
        )
    return found.pop()


def _zeros(c: sp.Expr, there: sp.Expr) -> sp.Expr | None:
    """`there` where phases of the coefficient are 0, and 1 less that elsewhere."""
    nodes = [n for n in c.atoms(sp.Piecewise) if any(value == 0 for value, _ in n.args)]
    if len(nodes) != 1 or c.xreplace({nodes[0]: sp.Integer(0)}) != 0:
        return None
    return sp.Piecewise(*((there if v == 0 else 1 - there, when) for v, when in nodes[0].args))


def _check_data(
    op: Operator, storage: sp.Expr, source: sp.Expr, diffusion: sp.ImmutableMatrix
) -> None:
    """UnsupportedError for data of blocks that change with x, and sources that oscillate."""
    if storage == 0 or storage.has(*op.coordinates):
        raise UnsupportedError(
            "blocks without storage, or with one that depends on x",
            term=storage,
            remedy="add s.dt(u): blocks matter by what they hold back",
        )
    if source.has(*op.fast) or diffusion.has(*op.coordinates):
        raise UnsupportedError(
            "a source of double porosity that oscillates, or blocks that change with x",
            term=source,
            remedy=_FORM,
        )
