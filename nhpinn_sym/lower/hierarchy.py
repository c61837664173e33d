"""HomogenizedModel -> the boundary value problems of the mean fields U_1, U_2, ... of U = U_0 + eps
U_1 + eps^2 U_2 + ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.effective_law import index_of
from ..derive.hierarchy import AveragedTerm, averaged_terms
from ..derive.model import HomogenizedModel
from ..derive.products import leibniz
from ..operator.table import add
from ..problem.errors import ProblemError, UnsupportedError
from .equation import lower_homogenized, symbols_of
from .forms import External, LoweredEquation, MultiIndex, WeakTerm


def lower_mean_field(model: HomogenizedModel, level: int) -> LoweredEquation:
    """h_m U_level = - sum_{c=1..level} h_{m+c} U_{level-c}, with homogeneous conditions of the
    kinds that the problem has.

    Externals: "U0", "U1", ... with a multi-index over x for index, the derivatives of the earlier
    fields; "h" with the index of `index_of`, and behind it a multi-index over x for a derivative of
    an entry that depends on x. Natural conditions are n . flux + alpha U_level = 0 for the flux of
    the homogenized operator. Errors: UnsupportedError for time-dependent problems and systems, and
    those of `lower_homogenized`.
    """
    if model.problem.time_order:
        raise UnsupportedError(
            "the mean fields beyond U_0 of a time-dependent problem",
            term=model.equation,
            remedy="stationary problems are covered; for waves see nh.dispersion",
        )
    if model.components > 1:
        raise UnsupportedError(
            "the mean fields beyond U_0 of a system",
            term=model.problem.unknown,
            remedy="model.hierarchy has their equations, solve_cells(model).averaged the h_n",
        )
    lowered = lower_homogenized(model)
    if lowered.order == 4 and len(lowered.periodic) < len(lowered.coordinates):
        raise UnsupportedError(
            "the mean fields beyond U_0 of an equation of fourth order in a box with edges",
            term=model.equation,
            remedy="periodic boxes are covered; solve_homogenized gives U_0",
        )
    if lowered.complex:
        raise UnsupportedError(
            "the mean fields beyond U_0 of a complex problem",
            term=model.equation,
            remedy="solve_homogenized gives U_0",
        )
    if not 1 <= level <= model.order:
        raise ProblemError(
            f"a model of order {model.order} has the mean fields U_1, ..., U_{model.order} besides"
            " the leading one",
            term=level,
            remedy="derive the model with a larger order=",
        )
    source, known = _right_hand_side(model, level)
    zero = (0,) * len(lowered.coordinates)
    operator = symbols_of(lowered, source=False)
    return replace(
        lowered,
        title=f"Mean field U_{level}",
        sources=(source,),
        linear=(WeakTerm(zero, source, zero),) if source != 0 else (),
        externals=(*(e for e in lowered.externals if e.symbol in operator), *known),
        essential=tuple(replace(e, value=sp.Integer(0)) for e in lowered.essential),
        natural=tuple(replace(n, value=sp.Integer(0)) for n in lowered.natural),
    )


def _right_hand_side(model: HomogenizedModel, level: int) -> tuple[sp.Expr, tuple[External, ...]]:
    """- sum_c h_{m+c} U_{level-c}, every derivative carried out, and what its symbols stand for."""
    m = model.homogenized_order
    table = averaged_terms(model)
    products: list[tuple[int, tuple[External, ...]]] = []
    for n in range(m + 1, m + level + 1):
        for term in table[n]:
            if term.key[2] is not None:
                products += _products(term, level - (n - m), model.problem.scales.x)
            elif n - m == level:
                products += _source_products(term, model.problem.scales.x)
    known: dict[sp.Symbol, External] = {}
    parts = []
    for count, factors in products:
        known |= {e.symbol: e for e in factors}
        parts.append(-count * sp.Mul(*[e.symbol for e in factors]))
    return sp.Add(*parts), tuple(known.values())


def _products(
    term: AveragedTerm, level: int, x: tuple[sp.Symbol, ...]
) -> Iterator[tuple[int, tuple[External, ...]]]:
    """D^left( h D^right U_level ) by Leibniz' rule, as counts and factors."""
    _, left, _, right = term.key
    d = len(x)
    for (on_entry, on_field), count in leibniz(left, 2):
        if _varies(term, on_entry, x):
            field = _field(level, add(on_field, right)[:d])
            yield count, (_entry(term, on_entry[:d]), field)


def _source_products(
    term: AveragedTerm, x: tuple[sp.Symbol, ...]
) -> Iterator[tuple[int, tuple[External, ...]]]:
    """The same for a source D^(left + right) h."""
    _, left, _, right = term.key
    index = add(left, right)
    if _varies(term, index, x):
        yield 1, (_entry(term, index[: len(x)]),)


def _varies(term: AveragedTerm, index: MultiIndex, x: tuple[sp.Symbol, ...]) -> bool:
    """Whether D^index of the entry may differ from zero."""
    return all(not n or term.symbol.has(v) for v, n in zip(x, index, strict=False))


def _entry(term: AveragedTerm, slope: MultiIndex) -> External:
    """D^slope of an entry of h_n."""
    name = term.symbol.func.__name__ if isinstance(term.symbol, AppliedUndef) else term.symbol.name
    marks = "".join(f"x{k + 1}" * n for k, n in enumerate(slope))
    index = index_of(term.n, term.key)
    return External(
        sp.Symbol(f"{name}_{marks}" if marks else name, real=True),
        "h",
        (*index, *slope) if marks else index,
        (0,) * len(slope),
    )


def _field(level: int, index: MultiIndex) -> External:
    """D^index U_level."""
    marks = "".join(str(k + 1) * n for k, n in enumerate(index)) or "0"
    return External(
        sp.Symbol(f"U{level}_{marks}", real=True), f"U{level}", index, (0,) * len(index)
    )


def entry_and_slope(external: External, dim: int) -> tuple[tuple[int, ...], MultiIndex]:
    """(index of `index_of`, multi-index of a derivative) of an external "h"."""
    length = 2 * dim + 5
    return external.index[:length], external.index[length:] or (0,) * dim
