"""The effective law: the terms of the averaged operator as effective coefficients, each a mean over
the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import sympy as sp

from ..operator.sampling import is_opaque, mean, slow_samples
from ..operator.table import Operator
from ..operator.zero import is_zero, jumps
from .combination import Averages, Function
from .entries import Averaged, EffectiveEntry, FunctionDerivative, MeanTerm
from .places import ORDER, Place, places
from .recursion import EffectiveKey, Recursion


def effective_law(op: Operator, recursion: Recursion) -> tuple[EffectiveEntry, ...]:
    """Every nonzero effective coefficient, A first."""
    table = recursion.averaged(recursion.last)
    found: dict[tuple[str, tuple[int, ...]], list[tuple[Averages, int]]] = {}
    where: dict[tuple[str, tuple[int, ...]], Place] = {}
    named = [
        (averages, place)
        for key, averages in table.items()
        for place in places(op, recursion.homogenized_order, key, recursion.local)
    ]
    for averages, place in (
        named if recursion.local else _symmetrized(op, recursion.homogenized_order, named, table)
    ):
        found.setdefault((place.name, place.axes), []).append((averages, place.share))
        where[place.name, place.axes] = place
    entries = [_entry(op, recursion, where[key], parts) for key, parts in found.items()]
    return tuple(
        sorted((e for e in entries if e is not None), key=lambda e: (ORDER.index(e.name), e.index))
    )


def _symmetrized(
    op: Operator, order: int, named: list[tuple[Averages, Place]], table: Iterable[EffectiveKey]
) -> list[tuple[Averages, Place]]:
    """All of a constant A as its symmetric part, which is all that is defined once a term of
    highest order did not come as a flux.
    """
    d = op.problem.scales.dim
    if order != 2 or not any(
        field is not None and sum(right[:d]) == 2 and not any(left)
        for _, left, field, right in table
    ):
        return named
    result = []
    for averages, place in named:
        if place.name != "A":
            result.append((averages, place))
            continue
        *head, k = place.axes[: len(place.axes) // 2]
        *middle, l = place.axes[len(place.axes) // 2 :]  # noqa: E741
        swapped = place._replace(axes=(*head, l, *middle, k), left=place.right, right=place.left)
        result += [(averages, p._replace(share=2 * place.share)) for p in (place, swapped)]
    return result


def _entry(
    op: Operator, recursion: Recursion, place: Place, parts: Sequence[tuple[Averages, int]]
) -> EffectiveEntry | None:
    """One effective coefficient from its averages, each divided by an integer; None where it is
    zero.
    """
    average = averaged(op, recursion, [(a, Fraction(place.sign, divisor)) for a, divisor in parts])
    if not average.terms and is_zero(average.constant):
        return None
    value = (
        None
        if average.terms
        else closed_mean(op, average.constant, numbers=place.name in ("f", "g"))
    )
    value = None if value is None else _over_frozen_time(op, value)
    symbol = _symbol(op, recursion, place, average)
    return EffectiveEntry(
        place.name,
        place.axes,
        place.sign,
        place.equation,
        place.left,
        place.field,
        place.right,
        average,
        symbol,
        value,
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


def averaged(
    op: Operator, recursion: Recursion, parts: Iterable[tuple[Averages, Fraction]]
) -> Averaged:
    """A weighted sum of averages as <constant> + sum of mean terms, without those that vanish."""
    constant: list[sp.Expr] = []
    sums: dict[tuple[FunctionDerivative, ...], list[sp.Expr]] = {}
    slow = len(recursion.zero)
    for averages, scale in parts:
        for (product, weight, left), count in averages.items():
            total = scale * count
            c = sp.Rational(total.numerator, total.denominator) * recursion.value(product)
            factors = (
                [] if weight is None else [FunctionDerivative(weight, (*recursion.zero, *left))]
            )
            factors += (
                []
                if product.function is None
                else [FunctionDerivative(product.function, product.derivative)]
            )
            inert = not c.has(*op.fast)
            if len(factors) == 1 and inert and any(factors[0].derivative[slow:]):
                continue
            if (
                len(factors) == 1
                and inert
                and not any(factors[0].derivative)
                and not _weighted_by_ground(recursion, factors[0].function)
            ):
                constant.append(c * _mean_of(recursion, factors[0].function))
            elif factors:
                sums.setdefault(tuple(factors), []).append(c)
            else:
                constant.append(c)
    merged = {factors: sp.Add(*cs) for factors, cs in sums.items()}
    cancelled = {
        factors
        for factors, parts in sums.items()
        if len(parts) > 1 and is_zero(merged[factors], parts)
    }
    terms = tuple(
        MeanTerm(c, factors)
        for factors, c in merged.items()
        if factors not in cancelled and not vanishing(c, factors, op.fast, slow)
    )
    return Averaged(sp.Add(*constant), terms)


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


def vanishing(
    c: sp.Expr, factors: Sequence[FunctionDerivative], fast: tuple[sp.Symbol, ...], slow: int
) -> bool:
    """Whether <c D_y N> vanishes for every periodic N: c does not depend on a variable of D_y."""
    return len(factors) == 1 and any(
        n and not c.has(v) for v, n in zip(fast, factors[0].derivative[slow:], strict=True)
    )


def _symbol(op: Operator, recursion: Recursion, place: Place, average: Averaged) -> sp.Expr:
    label = "_".join(filter(None, (place.name, "".join(str(k + 1) for k in place.axes))))
    terms = average.terms
    holders = [average.constant, *(t.coefficient for t in terms)]
    everywhere = recursion.local and any(terms)
    used = {
        p.coefficient
        for t in terms
        for f in t.factors
        if f.function.number >= recursion.kernels
        for c in recursion.function(f.function.number).flux.values()
        for p in c
    }
    holders += [recursion.coefficients.expressions[k] for k in used]
    holders += list(recursion.powers[recursion.lowest].values()) if everywhere else []
    slow = [v for v in op.coordinates if any(h.has(v) for h in holders)]
    return sp.Function(label)(*slow) if slow else sp.Symbol(label, real=True)


def closed_mean(op: Operator, c: sp.Expr, *, numbers: bool) -> sp.Expr | None:
    """<c> as an expression in x, where c is y-free, or (numbers=True) a sum of products g(x) h(y)
    with smooth h.
    """
    if not c.has(*op.fast):
        return c
    if not numbers or jumps(c):
        return None
    products = [
        part.as_independent(*op.fast, as_Add=False)
        for part in sp.Add.make_args(sp.expand(split_angles(c, op.fast)))
    ]
    means = [_number(op, fast) for _, fast in products]
    return (
        None
        if None in means
        else sp.Add(*[slow * value for (slow, _), value in zip(products, means, strict=True)])
    )


def split_angles(c: sp.Expr, fast: tuple[sp.Symbol, ...]) -> sp.Expr:
    """sin(x + y) = sin x cos y + cos x sin y, and likewise cos: what depends on x and on y is
    apart.
    """

    def split(e: sp.Expr) -> sp.Expr:
        x, y = sp.expand(e.args[0]).as_independent(*fast, as_Add=True)
        if x == 0 or y == 0:
            return e
        return (
            sp.sin(x) * sp.cos(y) + sp.cos(x) * sp.sin(y)
            if isinstance(e, sp.sin)
            else sp.cos(x) * sp.cos(y) - sp.sin(x) * sp.sin(y)
        )

    return c.replace(lambda e: isinstance(e, (sp.sin, sp.cos)), split)


def _number(op: Operator, c: sp.Expr) -> sp.Expr | None:
    """<c> as a small fraction where it is one; None where c holds more than y, or quadrature does
    not give it to rounding.
    """
    if is_opaque(c) or not c.free_symbols <= set(op.fast):
        return None
    value, uncertainty, largest = mean(c, op, slow_samples(op, [c])[0])
    number = complex(value)
    if uncertainty > 1e-13 * largest or number.imag:
        return None
    fraction = Fraction(number.real).limit_denominator(12)
    return (
        sp.Rational(fraction.numerator, fraction.denominator)
        if abs(number - fraction) <= 1e-14 * largest
        else sp.Float(number.real, 17)
    )


def index_of(n: int, key: EffectiveKey) -> tuple[int, ...]:
    """The index of the functional for a term of h_n: (n, i, *left, j, *right)."""
    equation, left, field, right = key
    return (n, equation, *left, -1 if field is None else field, *right)


def key_of(index: tuple[int, ...], slow: int) -> tuple[int, EffectiveKey]:
    """(n, key) of `index_of`."""
    n, equation, *rest = index
    left, field, right = tuple(rest[:slow]), rest[slow], tuple(rest[slow + 1 :])
    return n, (equation, left, None if field < 0 else field, right)
