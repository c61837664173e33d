"""The effective law: the terms of the averaged operator, named by what they multiply.

    rho u_t - div(A grad u) + div(beta u) + b.grad u + c u = f - div g
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import sympy as sp

from ..operator.sampling import is_opaque, mean, slow_samples
from ..operator.table import MultiIndex, Operator, differentiate, unit
from ..operator.zero import is_zero, jumps
from ..problem.errors import UnsupportedError
from .combination import Combination
from .model import CellProblem, EffectiveEntry, MeanTerm
from .notation import Mean
from .recursion import Recursion

Name = tuple[str, tuple[int, ...]]
Place = tuple[MultiIndex, MultiIndex]
Parts = dict[Name, list[tuple[Combination, int]]]


def effective_law(op: Operator, recursion: Recursion, cells: Sequence[CellProblem]) -> tuple[EffectiveEntry, ...]:
    """Every nonzero effective coefficient, A first."""
    found: Parts = {}
    places: dict[Name, Place] = {}
    scatter = False
    for (_, left, field, right), combination in recursion.effective().items():
        scatter |= sum(right) == 2
        for name, index, place in _names(op, left, field, right, recursion.local):
            found.setdefault((name, index), []).append((combination, 2 if sum(right) == 2 and right.count(1) == 2 else 1))
            places[name, index] = place
    if scatter:
        found = _symmetrized(found, places, len(op.fast))
    entries = [_entry(op, recursion, cells, key, places[key], parts) for key, parts in found.items()]
    order = ["A", "beta", "b", "c", "rho", "f", "g"]
    return tuple(sorted((e for e in entries if e is not None), key=lambda e: (order.index(e.name), e.index)))


def _names(op: Operator, left: MultiIndex, field: int | None, right: MultiIndex, local: bool) -> list[tuple[str, tuple[int, ...], Place]]:
    """(name, index, (left, right)) of the effective coefficients that the term D^left( h D^right U ) adds to."""
    d = len(op.fast)
    i = next((k for k, n in enumerate(left) if n), None)
    if sum(left) > 1 or sum(right) > 2 or (i is not None and sum(right) > 1) or (i == d):
        raise UnsupportedError("an effective term of this order", term=f"D^{left}( . D^{right} u0 )", remedy="second-order operators are covered")
    if field is None:
        return [("f", (), (left, right)) if i is None else ("g", (i,), (left, right))]
    axes = [k for k, n in enumerate(right) for _ in range(n)]
    if len(axes) == 2:
        if local:
            raise UnsupportedError("a drift of order 1/eps together with coefficients that depend on x or t", term=_singular(op),
                                   remedy="write a drift without divergence in flux form, s.div(b*u)/s.eps")
        return [("A", pair, (unit(pair[0], d + 1), unit(pair[1], d + 1))) for pair in {(axes[0], axes[1]), (axes[1], axes[0])}]
    if axes and axes[0] == d:
        return [("rho", (), (left, right))]
    if i is None:
        return [("b", (axes[0],), (left, right)) if axes else ("c", (), (left, right))]
    return [("A", (i, axes[0]), (left, right)) if axes else ("beta", (i,), (left, right))]


def _singular(op: Operator) -> str:
    """The terms of order 1/eps, for messages."""
    return " + ".join(str(op.show(term)) for term, _ in op.terms() if term.power < 0)


def _symmetrized(found: Parts, places: dict[Name, Place], d: int) -> Parts:
    """The symmetric part of A: all that is defined once a term did not come as a flux."""
    halves = {key: [(c, 2 * w) for c, w in parts] for key, parts in found.items() if key[0] == "A"}
    result = {key: parts for key, parts in found.items() if key[0] != "A"}
    for i in range(d):
        for j in range(d):
            both = halves.get(("A", (i, j)), []) + halves.get(("A", (j, i)), [])
            if both:
                result["A", (i, j)] = both
                places["A", (i, j)] = (unit(i, d + 1), unit(j, d + 1))
    return result


def _entry(op: Operator, recursion: Recursion, cells: Sequence[CellProblem], key: tuple[str, tuple[int, ...]],
           place: tuple[MultiIndex, MultiIndex], parts: Sequence[tuple[Combination, int]]) -> EffectiveEntry | None:
    """One effective coefficient from its combinations, each divided by an integer; None where it is zero."""
    name, index = key
    sign = -1 if name in ("A", "f") else 1
    constant, slots = sp.Integer(0), dict[tuple[int, MultiIndex], sp.Expr]()
    for combination, divisor in parts:
        for product, weight in combination.items():
            c = sign * sp.Rational(weight.numerator, weight.denominator * divisor) * recursion.value(product)
            if product.function is None:
                constant += c
                continue
            slow = len(recursion.zero)
            if any(product.derivative[:slow]):
                raise UnsupportedError("a slow derivative of a cell function in the effective law", term=_singular(op),
                                       remedy="write a drift without divergence in flux form, s.div(b*u)/s.eps")
            slot = (product.function.number, product.derivative[slow:])
            slots[slot] = slots.get(slot, sp.Integer(0)) + c
    terms = tuple(MeanTerm(c, number, derivative) for (number, derivative), c in slots.items()
                  if not is_zero(c) and not vanishes_in_the_mean(c, derivative, op.fast))
    if not terms and is_zero(constant):
        return None
    inside = sp.Add(constant, *[t.coefficient * differentiate(cells[t.corrector].function, t.derivative, op.fast) for t in terms])
    value = None if terms else closed_mean(op, constant, numbers=name in ("f", "g"))
    symbol = _symbol(op, name, index, constant, terms, cells)
    return EffectiveEntry(name, index, sign, *place, constant, terms, symbol, value, Mean(inside) if value is None else value)


def vanishes_in_the_mean(c: sp.Expr, derivative: MultiIndex, fast: tuple[sp.Symbol, ...]) -> bool:
    """Whether <c D_y N> vanishes for every periodic N of zero mean: c does not depend on a variable of D_y (on any, where there is no D_y)."""
    inert = [not c.has(v) for v in fast]
    return any(free for free, n in zip(inert, derivative, strict=True) if n) if any(derivative) else all(inert)


def _symbol(op: Operator, name: str, index: tuple[int, ...], constant: sp.Expr, terms: Sequence[MeanTerm], cells: Sequence[CellProblem]) -> sp.Expr:
    label = "_".join(filter(None, (name, "".join(str(k + 1) for k in index))))
    holders = [constant, *(t.coefficient for t in terms), *(cells[t.corrector].function for t in terms)]
    slow = [v for v in op.coordinates if any(h.has(v) for h in holders)]
    return sp.Function(label)(*slow) if slow else sp.Symbol(label, real=True)


def closed_mean(op: Operator, c: sp.Expr, *, numbers: bool) -> sp.Expr | None:
    """<c> as an expression in x, where c is y-free, or (numbers=True) a sum of products g(x) h(y) with smooth h."""
    if not c.has(*op.fast):
        return c
    if not numbers or jumps(c):
        return None
    products = [part.as_independent(*op.fast, as_Add=False) for part in sp.Add.make_args(sp.expand(_split_angles(c, op.fast)))]
    means = [_number(op, fast) for _, fast in products]
    return None if None in means else sp.Add(*[slow * value for (slow, _), value in zip(products, means, strict=True)])


def _split_angles(c: sp.Expr, fast: tuple[sp.Symbol, ...]) -> sp.Expr:
    """sin(x + y) = sin x cos y + cos x sin y, and likewise cos: what depends on x and on y is set apart."""
    def split(e: sp.Expr) -> sp.Expr:
        x, y = sp.expand(e.args[0]).as_independent(*fast, as_Add=True)
        if x == 0 or y == 0:
            return e
        return sp.sin(x) * sp.cos(y) + sp.cos(x) * sp.sin(y) if isinstance(e, sp.sin) else sp.cos(x) * sp.cos(y) - sp.sin(x) * sp.sin(y)

    return c.replace(lambda e: isinstance(e, (sp.sin, sp.cos)), split)


def _number(op: Operator, c: sp.Expr) -> sp.Expr | None:
    """<c> as a small fraction where it is one; None where c holds more than y, or quadrature does not give it to rounding."""
    if is_opaque(c) or not c.free_symbols <= set(op.fast):
        return None
    value, uncertainty, largest = mean(c, op, slow_samples(op, [c])[0])
    if uncertainty > 1e-13 * largest:
        return None
    fraction = Fraction(value).limit_denominator(12)
    return sp.Rational(fraction.numerator, fraction.denominator) if abs(value - fraction) < 1e-14 * max(1.0, largest) else sp.Float(value, 17)


def homogenized_sides(op: Operator, law: Sequence[EffectiveEntry], function: sp.Expr,
                      symbols: Mapping[EffectiveEntry, sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    """(left, right) of the homogenized equation with the given symbol for each entry."""
    lhs, rhs = sp.Integer(0), sp.Integer(0)
    for entry in law:
        if entry.name in ("f", "g"):
            rhs += (1 if entry.name == "f" else -1) * differentiate(symbols[entry], entry.left, op.coordinates)
        else:
            lhs += entry.sign * differentiate(symbols[entry] * differentiate(function, entry.right, op.coordinates), entry.left, op.coordinates)
    return lhs, rhs
