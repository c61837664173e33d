"""The derivation, step by step, from the results of the recursion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sympy as sp

from ..operator.sampling import is_opaque
from ..operator.table import Operator, differentiate
from .branches import name_branches
from .contacts import contact_steps
from .derivation import Derivation, Step
from .hierarchy import closing
from .notation import Mean, OfOrder, equation, latex, source, term
from .products import MacroscopicSource
from .prose import Formula, Prose, box, eps_power, fast_of_slow, formula
from .walls import wall_equations

if TYPE_CHECKING:
    from .model import CellProblem, HomogenizedModel

_U0 = Formula("u0", "u_0")
_PSI = Formula("psi", r"\psi")
_TAU = Formula("tau", r"\tau")
_Y = Formula("y", "y")
_UNWEIGHTED = (
    "The adjoint of the leading operator has the constants for its kernel: the right-hand side must"
    " have zero mean over the cell. "
)
_WEIGHTED = Prose("The right-hand side must have zero mean over the cell, weighted by ", _PSI, ". ")
# Symbols and derivatives on the right of an equation beyond which it is not written out.
_LONG = 40


def write_steps(model: HomogenizedModel) -> Derivation:
    """The numbered steps that `print(model)` shows."""
    op = model.cell_operator
    lowest = model.recursion.lowest
    m = model.homogenized_order
    recursion = model.recursion
    steps = [
        Step("Multiscale equation", _scales(model), tuple(_problem(model.operator))),
        *(Step(t.title, t.remark, t.equations) for t in model.transformations),
        Step(
            Prose("Chain rule and orders of ", Formula("eps", r"\epsilon")),
            _chain(op),
            tuple(_orders(model)),
        ),
        Step("Ansatz", _gauge(), tuple(_ansatz(model))),
        Step(Prose("Order ", eps_power(lowest)), *_leading(model)),
        *contact_steps(model.problem),
    ]
    deepest = max((p.cell_function.level for p in model.cell_problems), default=recursion.steps)
    for level in range(1, deepest + 1):
        n = recursion.power(level)
        cells = [p for p in model.cell_problems if p.cell_function.level == level]
        if n < m:
            steps.append(
                Step(
                    Prose("Order ", eps_power(lowest + n), ": solvability"),
                    Prose(_WEIGHTED if _weighted(model) else _UNWEIGHTED, _verdict(model, cells)),
                    tuple(_means(model, cells)),
                )
            )
        head = Prose("Order ", eps_power(lowest + n), ": cell problems")
        remark: str | Prose = "Each is periodic on the cell with zero mean."
        if not cells:
            zero = Formula(f"u{n} = 0", f"u_{{{n}}} = 0")
            remark = Prose("All right-hand sides vanish: ", zero, ".")
        steps.append(Step(head, remark, tuple(c.equation for c in cells)))
    steps += [
        Step(
            "First corrector" if model.order == 1 else "Correctors",
            "The plus convention.",
            tuple(_correctors(model)),
        ),
        Step(
            Prose(
                "Order ",
                eps_power(lowest + m),
                ": solvability gives the effective coefficients",
            ),
            _mean_over(model),
            tuple(equation(e.symbol, model.writer.formula(e)) for e in model.law),
        ),
        *_walls(model),
        Step(
            "Homogenized equation",
            Prose("for the leading order ", _U0, " of the expansion."),
            (model.equation,),
        ),
        *_hierarchy(model),
    ]
    return Derivation(model.title, name_branches(steps))


def _walls(model: HomogenizedModel) -> list[Step]:
    """The limit of natural conditions that hold the phase of their wall."""
    if model.homogenized_order != 2 or model.eigenvalue is not None:
        return []
    written = tuple(wall_equations(model.cell_operator, model.writer, model.law))
    if not written:
        return []
    eps = Formula("eps", r"\epsilon")
    remark = Prose(
        "A boundary layer of size ",
        eps,
        " takes up what the flux of the expansion",
        *((", weighted by ", _PSI, ",") if _weighted(model) else ()),
        " oscillates along a wall, not its mean there. So the limit holds the phase of the wall in"
        " its period; it is solved where ",
        eps,
        " is given, and where no flow of order ",
        Formula("1/eps", r"1/\epsilon"),
        " goes through the wall.",
    )
    return [Step("Natural conditions", remark, written)]


def _weighted(model: HomogenizedModel) -> bool:
    return model.recursion.adjoint is not None


def _scales(model: HomogenizedModel) -> Prose:
    op = model.operator
    d = model.problem.scales.dim
    problem = model.problem
    cell = box(problem.cell.intervals, problem.cell)
    said = Prose("with ", fast_of_slow("y", "x"), ", periodic in ", _Y, " on the cell ", cell)
    if any(axis.slow < d and axis.power == 2 for axis in op.axes):
        fast = box(problem.fast_cell.intervals, problem.fast_cell)
        z = Formula("z", "z")
        said += Prose(", ", fast_of_slow("z", "x", 2), ", periodic in ", z, " on ", fast)
    for axis in op.axes:
        if axis.slow == d:
            period = formula(sp.sympify(problem.tau_period))
            said += Prose(", ", fast_of_slow("tau", "t", axis.power), ", of period ", period)
    return said + "."


def _gauge() -> Prose:
    return Prose(
        Formula(
            "u = u0 + eps u1 + eps^2 u2 + ...", r"u = u_0 + \epsilon u_1 + \epsilon^2 u_2 + \dots"
        ),
        ", each term periodic in ",
        _Y,
        ", ",
        Formula("<u1> = <u2> = 0", r"\langle u_1 \rangle = \langle u_2 \rangle = 0"),
        " by gauge.",
    )


def _mean_over(model: HomogenizedModel) -> Prose:
    said = Prose(Formula("< >", r"\langle \cdot \rangle"), " is the mean over the cell")
    if model.cell_operator.frozen and model.inner is None:
        said += Prose(" and over ", _TAU)
    return said + "."


def _chain(op: Operator) -> Prose:
    tau = next((axis for axis in op.axes if axis.slow == len(op.coordinates) - 1), None)
    along = Formula("d_xi + eps^-1 d_yi", r"\partial_{x_i} + \epsilon^{-1} \partial_{y_i}")
    said = Prose(Formula("d_xi", r"\partial_{x_i}"), " becomes ", along)
    if tau:
        in_time = Formula(
            f"d_t + eps^-{tau.power} d_tau",
            rf"\partial_t + \epsilon^{{-{tau.power}}} \partial_\tau",
        )
        said += Prose(", ", Formula("d_t", r"\partial_t"), " becomes ", in_time)
    order = Formula("eps^k A_k", r"\epsilon^k A_k")
    return Prose(said, "; the operator is the sum of ", order, ".")


def _problem(op: Operator) -> list[sp.Equality]:
    """The equations as parsed (in normal form), the sources on the right."""
    eps = op.problem.scales.eps
    left: list[list[sp.Expr]] = [[] for _ in range(op.components)]
    right: list[list[sp.Expr]] = [[] for _ in range(op.components)]
    for t, c in op.terms():
        unknown = op.problem.unknowns[t.field or 0]
        part = term(c, t.left, unknown, t.right, op.coordinates)
        left[t.equation].append(eps**t.power * part)
    for t, c in op.terms(source=True):
        right[t.equation].append(eps**t.power * source(-c, t.left, op.coordinates))
    return [equation(sp.Add(*lhs), sp.Add(*rhs)) for lhs, rhs in zip(left, right, strict=True)]


def _orders(model: HomogenizedModel) -> list[sp.Equality]:
    op = model.cell_operator
    coordinates = (*op.coordinates, *op.fast)
    names = ["v"] if op.components == 1 else [u.func.__name__ for u in model.problem.unknowns]
    fields = [sp.Function(name)(*coordinates) for name in names]
    rows = []
    for k, table in model.powers.items():
        for i in range(op.components):
            parts = [
                term(c, t.left, fields[t.field], t.right, coordinates)
                for t, c in table.items()
                if t.field is not None and t.equation == i
            ]
            if parts:
                head = OfOrder(sp.Integer(k), fields[0])
                if op.components > 1:
                    whole = sp.Function("u")(*coordinates)
                    head = OfOrder(sp.Integer(k), whole, sp.Integer(i + 1))
                rows.append(equation(head, sp.Add(*parts)))
    return rows


def _ansatz(model: HomogenizedModel) -> Iterable[sp.Equality]:
    eps = model.problem.scales.eps
    count = max(2, model.order) + 1
    written = [model.writer.unknowns(str(n)) for n in range(count)]
    for i, u in enumerate(model.problem.unknowns):
        yield equation(u, sp.Add(*[eps**n * written[n][i] for n in range(count)]))


def _leading(model: HomogenizedModel) -> tuple[Prose, tuple[sp.Equality, ...]]:
    lowest = model.recursion.lowest
    u = model.problem.unknowns[0]
    arguments = ", ".join(map(str, u.args))
    tex = ", ".join(map(latex, u.args))
    kernels = tuple(model.writer.kernel_equations())
    kernel = Formula(f"A_{lowest} u0 = 0", f"A_{{{lowest}}} u_0 = 0")
    said = Prose(kernel, " on the periodic cell: ")
    if model.recursion.ground is not None:
        phi = Formula("phi(y)", r"\phi(y)")
        slow = Formula(f"({arguments})", f"({tex})")
        said += Prose(_U0, " is ", phi, " times a function of ", slow, ".")
    else:
        still = Formula(f"u0 = u0({arguments})", f"u_0 = u_0({tex})")
        said += Prose(still, " does not depend on ", _Y, ".")
    if _weighted(model):
        said += Prose(
            " The kernel ",
            _PSI,
            " of the adjoint is not constant: it is the weight of the averages.",
        )
    return said, kernels


def _means(model: HomogenizedModel, cells: Iterable[CellProblem]) -> list[sp.Equality]:
    if _weighted(model):
        return []
    op = model.cell_operator
    zero = (0,) * len(op.fast)
    rows = []
    for c in cells:
        for (_, left), g in c.rhs.items():
            if left == zero and g.has(*op.fast):
                rows.append(equation(Mean(g), sp.Integer(0)))
    return rows


def _verdict(model: HomogenizedModel, cells: Iterable[CellProblem]) -> str:
    """How the solvability condition is met."""
    if _weighted(model):
        if model.frame:
            return "The moving frame sees to that."
        return "That is checked when the kernel is known."
    zero = (0,) * len(model.cell_operator.fast)
    means = [g for c in cells for (_, left), g in c.rhs.items() if left == zero]
    if not means:
        return "It has, as a divergence."
    if any(map(is_opaque, means)):
        return "That is assumed of the coefficients without a formula."
    return "It has."


def _correctors(model: HomogenizedModel) -> Iterable[sp.Equality]:
    """u_n = sum N D^alpha u0, the part of each order that u0 brings."""
    orders = {p.order for p in model.cell_problems}
    highest = int(max([1, model.order, *orders]))
    for n in sorted({*range(1, highest + 1), *orders}):
        parts = []
        for p in model.cell_problems:
            if p.order == n:
                parts += [sign * p.function * _source(model, key) for key, sign in p.sources]
        unknowns = model.writer.unknowns(str(n))
        if len(unknowns) == 1:
            yield equation(unknowns[0], sp.Add(*parts))
        else:
            total = sum(parts[1:], parts[0]) if parts else sp.zeros(len(unknowns), 1)
            yield equation(sp.ImmutableMatrix(unknowns), total)


def _source(model: HomogenizedModel, key: MacroscopicSource) -> sp.Expr:
    """D^alpha of a component of u0; 1 for the source of the equation."""
    field, alpha = key
    if field is None:
        return sp.Integer(1)
    op = model.cell_operator
    whole = alpha if len(alpha) == len(op.coordinates) else (*alpha, 0)
    return differentiate(model.writer.unknowns("0")[field], whole, op.coordinates)


def _hierarchy(model: HomogenizedModel) -> list[Step]:
    """The equations of the mean fields U_0, ..., U_order: the same operator, solvable, with earlier
    fields on the right.
    """
    if model.order == 1:
        return []
    h = Formula("h_n", "h_n")
    remark = Prose(
        Formula(
            "U = U_0 + eps U_1 + eps^2 U_2 + ...",
            r"U = U_0 + \epsilon U_1 + \epsilon^2 U_2 + \dots",
        ),
        " : every equation has the homogenized operator, with the averaged operators ",
        h,
        " on the right, never the ill-posed truncation of their sum.",
    )
    written = () if sum(map(len, closing(model)[1].values())) > _LONG else model.hierarchy
    if (
        not written
        or max(e.rhs.count(sp.Symbol) + e.rhs.count(sp.Derivative) for e in written) > _LONG
    ):
        remark += Prose(" Here ", Formula("A_n", "A_n"), " stands for ", h, ".")
        written = _abstract(model)
    return [Step("Hierarchy of mean fields", remark, written)]


def _abstract(model: HomogenizedModel) -> tuple[sp.Equality, ...]:
    """The hierarchy with A_n for the averaged operators, where all their entries would be too many
    to read.
    """
    m = model.homogenized_order
    arguments = model.problem.scales.arguments
    fields = [sp.Function(f"U_{n}")(*arguments) for n in range(model.order + 1)]
    rest = [
        sp.Add(*[OfOrder(sp.Integer(m + c), fields[n - c]) for c in range(1, n + 1)])
        for n in range(model.order + 1)
    ]
    rights = [sp.Symbol("f"), *(-others for others in rest[1:])]
    return tuple(
        equation(OfOrder(sp.Integer(m), u), right) for u, right in zip(fields, rights, strict=True)
    )
