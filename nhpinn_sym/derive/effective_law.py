"""The effective law: the terms of the averaged operator as effective coefficients, each a mean over
the cell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy as sp

from ..operator.sampling import is_opaque, sampled_mean, slow_samples
from ..operator.table import Operator
from ..operator.zero_test import is_zero, jumps
from .coefficient_names import ORDER, NamedTerm, name_terms
from .effective_terms import Averaged, EffectiveEntry, FunctionDerivative, MeanTerm
from .products import Averages, Function, MacroscopicTerm, Pairing
from .recursion import Recursion

# Relative uncertainty up to which a mean by quadrature counts as its value.
_ROUNDING = 1e-13
# Distance from a fraction, relative to the largest value, up to which a mean is that fraction: what
# sums of thousands of values round to.
_SAME = 1e-14
# A mean this close to a fraction with small denominator, such as <sin^2> = 1/2, is taken for it.
_LARGEST_DENOMINATOR = 12


def effective_law(op: Operator, recursion: Recursion) -> tuple[EffectiveEntry, ...]:
    """Every nonzero effective coefficient, A first."""
    table = recursion.averaged(recursion.last)
    order = recursion.homogenized_order
    named: list[tuple[Averages, NamedTerm]] = []
    for key, averages in table.items():
        for term in name_terms(op, order, key, recursion.local):
            named.append((averages, term))
    if not recursion.local:
        named = _symmetrized(op, order, named, table)
    parts: dict[tuple[str, tuple[int, ...]], list[tuple[Averages, int]]] = defaultdict(list)
    last: dict[tuple[str, tuple[int, ...]], NamedTerm] = {}
    for averages, term in named:
        parts[term.name, term.entry].append((averages, term.share))
        last[term.name, term.entry] = term
    entries = [_entry(op, recursion, last[key], shares) for key, shares in parts.items()]
    nonzero = [e for e in entries if e is not None]
    return tuple(sorted(nonzero, key=lambda e: (ORDER.index(e.name), e.index)))


def _symmetrized(
    op: Operator,
    order: int,
    named: list[tuple[Averages, NamedTerm]],
    table: Iterable[MacroscopicTerm],
) -> list[tuple[Averages, NamedTerm]]:
    """All of a constant A as its symmetric part, which is all that is defined once a term of
    highest order did not come as a flux.
    """
    if order != 2 or not any(_is_second_derivative(key, op.problem.scales.dim) for key in table):
        return named
    result = []
    for averages, term in named:
        if term.name == "A":
            # a_ij d_ij u sees a_ij + a_ji alone: half of each entry goes to the transposed one.
            half = term._replace(share=2 * term.share)
            result += [(averages, half), (averages, _transposed(half))]
        else:
            result.append((averages, term))
    return result


def _is_second_derivative(key: MacroscopicTerm, dim: int) -> bool:
    """c d_ij u, with nothing outside."""
    _, left, field, right = key
    return field is not None and sum(right[:dim]) == 2 and not any(left)


def _transposed(term: NamedTerm) -> NamedTerm:
    """A[i, k, j, l] as A[i, l, j, k]."""
    half = len(term.entry) // 2
    *head, k = term.entry[:half]
    *middle, l = term.entry[half:]  # noqa: E741
    return term._replace(entry=(*head, l, *middle, k), left=term.right, right=term.left)


def _entry(
    op: Operator, recursion: Recursion, term: NamedTerm, parts: Sequence[tuple[Averages, int]]
) -> EffectiveEntry | None:
    """One effective coefficient from its averages, each divided by an integer; None where it is
    zero.
    """
    average = weighted_averages(
        op, recursion, [(a, Fraction(term.sign, share)) for a, share in parts]
    )
    if not average.terms and is_zero(average.constant):
        return None
    value = None
    if not average.terms:
        value = closed_mean(op, average.constant, numbers=term.name in ("f", "g"))
    if value is not None:
        value = _over_frozen_time(op, value)
    return EffectiveEntry(
        name=term.name,
        index=term.entry,
        sign=term.sign,
        equation=term.equation,
        left=term.left,
        field=term.field,
        right=term.right,
        average=average,
        symbol=_symbol(op, recursion, term, average),
        value=value,
    )


def _over_frozen_time(op: Operator, value: sp.Expr) -> sp.Expr | None:
    """The mean over a frozen tau; None where it has no closed form. A finer level keeps tau: the
    outer one averages.
    """
    d = op.problem.scales.dim
    times = tuple(axis for axis in op.frozen if axis.slow == d and value.has(axis.symbol))
    if not times or any(axis.slow < d for axis in op.frozen):
        return value
    return closed_mean(replace(op, axes=times, frozen=()), value, numbers=True)


def weighted_averages(
    op: Operator, recursion: Recursion, parts: Iterable[tuple[Averages, Fraction]]
) -> Averaged:
    """A weighted sum of averages as <constant> + sum of mean terms, without those that vanish."""
    constant: list[sp.Expr] = []
    sums: dict[tuple[FunctionDerivative, ...], list[sp.Expr]] = defaultdict(list)
    for averages, scale in parts:
        for pairing, count in averages.items():
            total = scale * count
            weight = sp.Rational(total.numerator, total.denominator)
            c = weight * recursion.value(pairing.product)
            factors = _factors(recursion, pairing)
            known = _known_mean(op, recursion, c, factors)
            if known is None:
                sums[factors].append(c)
            elif known:
                constant.append(c * known)
    return Averaged(sp.Add(*constant), _nonzero_terms(op, recursion, sums))


def _factors(recursion: Recursion, pairing: Pairing) -> tuple[FunctionDerivative, ...]:
    """The derivatives of the weight and of the function in what is averaged."""
    product, weight, left = pairing
    factors = []
    if weight is not None:
        factors.append(FunctionDerivative(weight, (*recursion.zero, *left)))
    if product.function is not None:
        factors.append(FunctionDerivative(product.function, product.derivative))
    return tuple(factors)


def _known_mean(
    op: Operator, recursion: Recursion, c: sp.Expr, factors: tuple[FunctionDerivative, ...]
) -> int | None:
    """<factors> where c does not vary over the cell: 0 for a derivative over it, and what functions
    are normalized to; 1 for no factors; None where only a solve gives it.
    """
    if not factors:
        return 1
    if len(factors) > 1 or c.has(*op.fast):
        return None
    function, derivative = factors[0]
    if any(derivative[len(recursion.zero) :]):
        return None if recursion.broken else 0
    if any(derivative) or _weighted_by_ground(recursion, function):
        return None
    return _mean_of(recursion, function)


def _nonzero_terms(
    op: Operator,
    recursion: Recursion,
    sums: Mapping[tuple[FunctionDerivative, ...], list[sp.Expr]],
) -> tuple[MeanTerm, ...]:
    """The sums with the same factors as one term each, without those that cancel or vanish."""
    slow = len(recursion.zero)
    terms = []
    for factors, coefficients in sums.items():
        total = sp.Add(*coefficients)
        cancelled = len(coefficients) > 1 and is_zero(total, coefficients)
        still = not recursion.broken and mean_vanishes(total, factors, op.fast, slow)
        if not cancelled and not still:
            terms.append(MeanTerm(total, factors))
    return tuple(terms)


def _weighted_by_ground(recursion: Recursion, function: Function) -> bool:
    """Whether it is a psi with <psi phi> = 1: its own mean is a number that only a solve gives."""
    return (
        recursion.ground is not None
        and recursion.adjoint is not None
        and function.number == recursion.adjoint
    )


def _mean_of(recursion: Recursion, function: Function) -> int:
    """<function>, of what is normalized: 0 for correctors, 1 for the ground state, <psi^p_i> =
    delta_ip without one.
    """
    if function.number >= recursion.kernels:
        return 0
    if recursion.adjoint is None or function.number < recursion.adjoint:
        return 1
    return int(function.number - recursion.adjoint == function.component)


def mean_vanishes(
    c: sp.Expr, factors: Sequence[FunctionDerivative], fast: tuple[sp.Symbol, ...], slow: int
) -> bool:
    """Whether <c D_y N> vanishes for every periodic N: c does not depend on a variable of D_y."""
    return len(factors) == 1 and any(
        n and not c.has(v) for v, n in zip(fast, factors[0].derivative[slow:], strict=True)
    )


def _symbol(op: Operator, recursion: Recursion, term: NamedTerm, average: Averaged) -> sp.Expr:
    """The symbol of an effective coefficient, a function of the slow variables that it may depend
    on, also through cell functions.
    """
    digits = "".join(str(k + 1) for k in term.entry)
    label = f"{term.name}_{digits}" if digits else term.name
    holders = [average.constant, *(t.coefficient for t in average.terms)]
    functions = {f.function for t in average.terms for f in t.factors}
    for number in {f.number for f in functions if f.number >= recursion.kernels}:
        for combination in recursion.function(number).flux.values():
            holders += [recursion.coefficients.expressions[p.coefficient] for p in combination]
    if recursion.local and average.terms:
        # Through A_0 every cell function depends on what its coefficients depend on.
        holders += recursion.powers[recursion.lowest].values()
    slow = [v for v in op.coordinates if any(h.has(v) for h in holders)]
    if slow:
        return sp.Function(label)(*slow)
    return sp.Symbol(label, real=True)


def closed_mean(op: Operator, c: sp.Expr, *, numbers: bool) -> sp.Expr | None:
    """<c> as an expression in x, where c is y-free, or (numbers=True) a sum of products g(x) h(y)
    with smooth h.
    """
    if not c.has(*op.fast):
        return c
    if not numbers or jumps(c):
        return None
    means = []
    # Powers of sums stay: of exp(a - b) with large a and b the factors are no numbers.
    for part in sp.Add.make_args(
        sp.expand(split_angles(c, op.fast, phases=False), power_exp=False)
    ):
        # The mean over y takes what is free of y in front: the rest is a number.
        slow, fast = part.as_independent(*op.fast, as_Add=False)
        value = _number(op, fast)
        if value is None:
            return None
        means.append(slow * value)
    return sp.Add(*means)


def split_angles(c: sp.Expr, fast: tuple[sp.Symbol, ...], *, phases: bool = True) -> sp.Expr:
    """sin(x + y) = sin x cos y + cos x sin y, and likewise cos: what depends on x and on y is
    apart; `phases`: and numbers from what depends on y.
    """

    def split(e: sp.Expr) -> sp.Expr:
        x, y = sp.expand(e.args[0]).as_independent(*fast, as_Add=True)
        if x == 0 or y == 0 or not (phases or x.free_symbols):
            return e
        if isinstance(e, sp.sin):
            return sp.sin(x) * sp.cos(y) + sp.cos(x) * sp.sin(y)
        return sp.cos(x) * sp.cos(y) - sp.sin(x) * sp.sin(y)

    return c.replace(lambda e: isinstance(e, (sp.sin, sp.cos)), split)


def _number(op: Operator, c: sp.Expr) -> sp.Expr | None:
    """<c> as a small fraction where it is one; None where c holds more than y, or quadrature does
    not give it to rounding.
    """
    if is_opaque(c) or not c.free_symbols <= set(op.fast):
        return None
    value, uncertainty, largest = sampled_mean(c, op, slow_samples(op, [c])[0])
    number = complex(value)
    if not uncertainty <= _ROUNDING * largest or number.imag or not np.isfinite(number):
        return None
    fraction = Fraction(number.real).limit_denominator(_LARGEST_DENOMINATOR)
    if abs(number - fraction) <= _SAME * largest:
        return sp.Rational(fraction.numerator, fraction.denominator)
    return sp.Float(number.real, 17)


def index_of(n: int, key: MacroscopicTerm) -> tuple[int, ...]:
    """The index of the functional for a term of h_n: (n, i, *left, j, *right)."""
    equation, left, field, right = key
    return (n, equation, *left, -1 if field is None else field, *right)


def key_of(index: tuple[int, ...], slow: int) -> tuple[int, MacroscopicTerm]:
    """(n, key) of `index_of`."""
    n, equation, *rest = index
    left = tuple(rest[:slow])
    field = rest[slow]
    right = tuple(rest[slow + 1 :])
    return n, (equation, left, None if field < 0 else field, right)
