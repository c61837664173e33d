"""The derivation, step by step, from the results of the recursion."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from ..operator.sampling import is_opaque
from ..operator.table import Operator, differentiate
from .derivation import Derivation, Step
from .hierarchy import closing
from .model import CellProblem, HomogenizedModel
from .notation import Mean, OfOrder, equation, source, term
from .walls import wall_equations

_UNWEIGHTED = (
    "The adjoint of the leading operator has the constants for its kernel: the right-hand side must"
    " have zero mean over the cell. "
)
_WEIGHTED = "The right-hand side must have zero mean over the cell, weighted by psi. "
_LONG = 40
"""Symbols and derivatives on the right of an equation beyond which it is not written out."""


def trace(model: HomogenizedModel) -> Derivation:
    """The numbered steps that `print(model)` shows."""
    op, lowest = model.cell_operator, model.recursion.lowest
    m, recursion = model.homogenized_order, model.recursion
    steps = [
        Step("Multiscale equation", _scales(model), tuple(_problem(model.operator))),
        *(Step(t.title, t.remark, t.equations) for t in model.transformations),
        Step("Chain rule and orders of eps", _chain(op), tuple(_orders(model))),
        Step(
            "Ansatz",
            "u = u0 + eps u1 + eps^2 u2 + ..., each term periodic in y, <u1> = <u2> = 0 by gauge.",
            tuple(_ansatz(model)),
        ),
        Step(f"Order eps^{lowest}", *_leading(model)),
    ]
    deepest = max((p.cell_function.level for p in model.cell_problems), default=recursion.steps)
    for level in range(1, deepest + 1):
        n = recursion.power(level)
        cells = [p for p in model.cell_problems if p.cell_function.level == level]
        if n < m:
            steps.append(
                Step(
                    f"Order eps^{lowest + n}: solvability",
                    (_WEIGHTED if _weighted(model) else _UNWEIGHTED) + _verdict(model, cells),
                    tuple(_means(model, cells)),
                )
            )
        head = f"Order eps^{lowest + n}: cell problems"
        steps.append(
            Step(
                head,
                (
                    "Each is periodic on the cell with zero mean."
                    if cells
                    else f"All right-hand sides vanish: u{n} = 0."
                ),
                tuple(c.equation for c in cells),
            )
        )
    steps += [
        Step(
            "First corrector" if model.order == 1 else "Correctors",
            "The plus convention.",
            tuple(_correctors(model)),
        ),
        Step(
            f"Order eps^{lowest + m}: solvability gives the effective coefficients",
            "< > is the mean over the cell"
            + (" and over tau." if model.cell_operator.frozen and model.inner is None else "."),
            tuple(equation(e.symbol, model.writer.formula(e)) for e in model.law),
        ),
        *_walls(model),
        Step(
            "Homogenized equation", "for the leading order u0 of the expansion.", (model.equation,)
        ),
        *_hierarchy(model),
    ]
    return Derivation(model.title, tuple(steps))


def _walls(model: HomogenizedModel) -> list[Step]:
    """The limit of natural conditions that hold the phase of their wall."""
    if model.homogenized_order != 2 or model.eigenvalue is not None:
        return []
    written = tuple(wall_equations(model.cell_operator, model.writer, model.law))
    if not written:
        return []
    weight = ", weighted by psi," if _weighted(model) else ""
    remark = (
        f"A boundary layer of size eps takes up what the flux of the expansion{weight} oscillates"
        " along a wall, not its mean there. So the limit holds the phase of the wall in its"
        " period; it is solved where eps is given, and where no flow of order 1/eps goes through"
        " the wall."
    )
    return [Step("Natural conditions", remark, written)]


def _weighted(model: HomogenizedModel) -> bool:
    return model.recursion.adjoint is not None


def _scales(model: HomogenizedModel) -> str:
    op, d = model.operator, model.problem.scales.dim
    text = f"with y = x/eps, periodic in y on the cell {model.problem.cell}"
    if any(axis.slow < d and axis.power == 2 for axis in op.axes):
        text += f", z = x/eps^2, periodic in z on {model.problem.fast_cell}"
    for axis in op.axes:
        if axis.slow == d:
            text += f", tau = t/eps^{axis.power}, of period {model.problem.tau_period}"
    return text + "."


def _chain(op: Operator) -> str:
    tau = next((axis for axis in op.axes if axis.slow == len(op.coordinates) - 1), None)
    time = f", d_t becomes d_t + eps^-{tau.power} d_tau" if tau else ""
    return f"d_xi becomes d_xi + eps^-1 d_yi{time}; the operator is the sum of eps^k A_k."


def _problem(op: Operator) -> list[sp.Equality]:
    """The equations as parsed (in normal form), the sources on the right."""
    eps, rows = op.problem.scales.eps, []
    for i in range(op.components):
        lhs = [
            eps**t.power
            * term(c, t.left, op.problem.unknowns[t.field or 0], t.right, op.coordinates)
            for t, c in op.terms()
            if t.equation == i
        ]
        rhs = [
            eps**t.power * source(-c, t.left, op.coordinates)
            for t, c in op.terms(source=True)
            if t.equation == i
        ]
        rows.append(equation(sp.Add(*lhs), sp.Add(*rhs)))
    return rows


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
                whole = (
                    (fields[0],)
                    if op.components == 1
                    else (sp.Function("u")(*coordinates), sp.Integer(i + 1))
                )
                rows.append(equation(OfOrder(sp.Integer(k), *whole), sp.Add(*parts)))
    return rows


def _ansatz(model: HomogenizedModel) -> Iterable[sp.Equality]:
    eps, count = model.problem.scales.eps, max(2, model.order) + 1
    written = [model.writer.unknowns(str(n)) for n in range(count)]
    for i, u in enumerate(model.problem.unknowns):
        yield equation(u, sp.Add(*[eps**n * written[n][i] for n in range(count)]))


def _leading(model: HomogenizedModel) -> tuple[str, tuple[sp.Equality, ...]]:
    lowest, u = model.recursion.lowest, model.problem.unknowns[0]
    arguments = ", ".join(map(str, u.args))
    kernels = tuple(model.writer.kernel_equations())
    if model.recursion.ground is not None:
        text = (
            f"A_{lowest} u0 = 0 on the periodic cell: u0 is phi(y) times a function of"
            f" ({arguments})."
        )
    else:
        text = f"A_{lowest} u0 = 0 on the periodic cell: u0 = u0({arguments}) does not depend on y."
    if _weighted(model):
        text += " The kernel psi of the adjoint is not constant: it is the weight of the averages."
    return text, kernels


def _means(model: HomogenizedModel, cells: Iterable[CellProblem]) -> list[sp.Equality]:
    zero, rows = (0,) * len(model.cell_operator.fast), list[sp.Equality]()
    if _weighted(model):
        return rows
    for c in cells:
        rows += [
            equation(Mean(g), sp.Integer(0))
            for (_, left), g in c.rhs.items()
            if left == zero and g.has(*model.cell_operator.fast)
        ]
    return rows


def _verdict(model: HomogenizedModel, cells: Iterable[CellProblem]) -> str:
    """How the solvability condition is met."""
    zero = (0,) * len(model.cell_operator.fast)
    means = [g for c in cells for (_, left), g in c.rhs.items() if left == zero]
    if _weighted(model):
        return (
            "That is checked when the kernel is known."
            if not model.frame
            else "The moving frame sees to that."
        )
    if not means:
        return "It has, as a divergence."
    return (
        "That is assumed of the coefficients without a formula."
        if any(map(is_opaque, means))
        else "It has."
    )


def _correctors(model: HomogenizedModel) -> Iterable[sp.Equality]:
    """u_n = sum N D^alpha u0, the part of each order that u0 brings."""
    op, d = model.cell_operator, model.problem.scales.dim
    unknowns = model.writer.unknowns("0")
    found = {p.order for p in model.cell_problems}
    for n in sorted({*range(1, int(max([1, model.order, *found])) + 1), *found}):
        parts: list[sp.Expr] = []
        for p in (p for p in model.cell_problems if p.order == n):
            for (field, alpha), sign in p.sources:
                whole = alpha if len(alpha) > d else (*alpha, 0)
                parts.append(
                    sign
                    * p.function
                    * (
                        sp.Integer(1)
                        if field is None
                        else differentiate(unknowns[field], whole, op.coordinates)
                    )
                )
        if op.components == 1:
            yield equation(model.writer.unknowns(str(n))[0], sp.Add(*parts))
        else:
            total = sp.MatAdd(*parts, evaluate=False) if not parts else sum(parts[1:], parts[0])
            yield equation(
                sp.ImmutableMatrix(model.writer.unknowns(str(n))),
                total if parts else sp.zeros(op.components, 1),
            )


def _hierarchy(model: HomogenizedModel) -> list[Step]:
    """The equations of the mean fields U_0, ..., U_order: the same operator, solvable, with earlier
    fields on the right.
    """
    if model.order == 1:
        return []
    remark = (
        "U = U_0 + eps U_1 + eps^2 U_2 + ... : every equation has the homogenized operator, "
        "with the averaged operators h_n on the right, never the ill-posed truncation of their sum."
    )
    written = () if sum(map(len, closing(model)[1].values())) > _LONG else model.hierarchy
    if (
        not written
        or max(e.rhs.count(sp.Symbol) + e.rhs.count(sp.Derivative) for e in written) > _LONG
    ):
        remark, written = remark + " Here A_n stands for h_n.", _abstract(model)
    return [Step("Hierarchy of mean fields", remark, written)]


def _abstract(model: HomogenizedModel) -> tuple[sp.Equality, ...]:
    """The hierarchy with A_n for the averaged operators, where all their entries would be too many
    to read.
    """
    m, arguments = model.homogenized_order, model.problem.scales.arguments
    fields = [sp.Function(f"U_{n}")(*arguments) for n in range(model.order + 1)]
    rest = [
        sp.Add(*[OfOrder(sp.Integer(m + c), fields[n - c]) for c in range(1, n + 1)])
        for n in range(model.order + 1)
    ]
    rights = [sp.Symbol("f"), *(-others for others in rest[1:])]
    return tuple(
        equation(OfOrder(sp.Integer(m), u), right) for u, right in zip(fields, rights, strict=True)
    )
