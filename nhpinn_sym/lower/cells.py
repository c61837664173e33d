"""HomogenizedModel -> LoweredCells: weak and strong forms of the cell problems, and the effective law as functionals."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..derive.law import vanishes_in_the_mean
from ..derive.model import CellProblem, EffectiveEntry, HomogenizedModel
from ..operator.twoscale import fast_part
from ..operator.zero import is_zero, jumps
from ..problem.reading import instance
from .expand import derivative, is_symmetric, strong_terms, weak_terms
from .forms import CellForm, Factor, Functional, FunctionalTerm, LoweredCells, MultiIndex, SourceTerm, WeakTerm


def lower_cells(model: HomogenizedModel) -> LoweredCells:
    """All cell problems of the model with one operator A_0.

    The strong form is left empty where a coefficient jumps: there it would lose the jump.
    """
    op = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)").operator
    leading = [(fast_part(t.left), c, fast_part(t.right)) for t, c in model.leading.items()]
    entries = [e for e in model.law if e.value is None]
    held = [c for _, c, _ in leading] + [c for p in model.cell_problems for c in p.rhs.values()]
    held += [c for e in entries for c in (e.constant, *(t.coefficient for t in e.terms))]
    broken = any(jumps(c) for c in held)
    bilinear = weak_terms(leading)
    symmetric = is_symmetric(bilinear)
    correctors = tuple(_corrector(p, op.fast, broken) for p in model.cell_problems)
    return LoweredCells(
        title=model.derivation.title,
        cell=model.problem.cell,
        coordinates=op.fast,
        slow=tuple(v for v in op.coordinates if any(c.has(v) for c in held)),
        parameters=tuple(v for v in model.problem.parameters if any(c.has(v) for c in held)),
        externals=(),
        components=1,
        bilinear=bilinear,
        strong=() if broken else strong_terms(leading, op.fast),
        mass=(),
        eigenvalue=None,
        functions=correctors,
        constants=(),
        effective=tuple(_functional(e, correctors, symmetric, op.fast) for e in entries),
        higher=(),
        symmetric=symmetric,
        definite=True,
        complex=False,
        jumps=broken,
    )


def _corrector(problem: CellProblem, fast: tuple[sp.Symbol, ...], broken: bool) -> CellForm:
    zero = (0,) * len(fast)
    weak = tuple(WeakTerm(left, (-1) ** (sum(left) + 1) * c, zero) for left, c in problem.rhs.items())
    source = sp.Integer(0) if broken else sp.Add(*[-derivative(c, left, fast) for left, c in problem.rhs.items()])
    return CellForm(problem.name, "corrector", 1, ((problem.key, 1),), weak, (SourceTerm(source),), True)


def _functional(entry: EffectiveEntry, correctors: tuple[CellForm, ...], symmetric: bool, fast: tuple[sp.Symbol, ...]) -> Functional:
    terms = tuple(FunctionalTerm(t.coefficient, (Factor(t.corrector, 0, t.derivative),)) for t in entry.terms)
    one_function = len({t.corrector for t in terms}) == 1
    dual = _dual({t.derivative: t.coefficient for t in terms}, correctors, fast) if symmetric and one_function else None
    return Functional(entry.name, entry.index, entry.constant, terms, dual)


def _dual(form: Mapping[MultiIndex, sp.Expr], correctors: tuple[CellForm, ...], fast: tuple[sp.Symbol, ...]) -> tuple[int, int] | None:
    """(sign, i) where the linear form is sign times the right-hand side of cell problem i, on periodic functions of zero mean."""
    zero = sp.Integer(0)
    for i, corrector in enumerate(correctors):
        other = {t.left: t.coefficient for t in corrector.weak}
        for sign in (-1, 1):
            rest = {k: form.get(k, zero) - sign * other.get(k, zero) for k in {*form, *other}}
            if all(is_zero(c) or vanishes_in_the_mean(c, k, fast) for k, c in rest.items()):
                return sign, i
    return None
