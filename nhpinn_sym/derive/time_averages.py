"""A fast time tau = t/eps^k above resonance: means over tau, and the time-ordered averages beyond
them.

eps^-k d_tau + E, E = sum_j eps^(j-m) E_j of order m in space, has averages of products of n + 1
factors beyond <E> (Stokes drift, Kapitza's pendulum). Their size is eps^(n(k-m)-m+l+p), p the first
j with E_j 1 != 0, l the first j with <psi E_j w> not always 0. Those of exponent zero are terms of
the law, those of larger ones vanish with eps, and of those of negative ones the means have to
vanish. For waves n = 2, 4, ... (n = 1 too where a damping depends on tau), and m n/2 takes the
place of m n. A rho that depends on tau is divided by: the average is that of E/rho.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import sympy as sp

from ..operator.table import FastAxis, Operator, Table, Term
from ..operator.twoscale import expand, fast_part, slow_part
from ..operator.zero_test import is_zero, loses_jump
from ..problem.errors import UnsupportedError
from .capacity import masses, without_tau_in_mass
from .coefficients import derivative
from .effective_terms import Transformation
from .notation import equation
from .notation import term as written
from .prose import Formula, Prose, eps_power, joined
from .time_algebra import OscillatingTerm, TimeAlgebra, ordered_averages, wave_averages
from .time_means import mean_in_time
from .trigonometric import Trigonometry

ORDERED = "Time-ordered averages"
"""The title of what is told of them."""
# The largest n of a time-ordered average.
_MOST = 4
# Operations in an average beyond which it is not written out.
_READABLE = 60
_OTHER = "use a larger power of eps: above 4 nothing is left of them"
_EPS = Formula("eps", r"\epsilon")
_VANISHING = Prose(" Averages of products of more factors vanish with ", _EPS, ".")

Powers = Mapping[sp.Rational, Table]


class FastTime(NamedTuple):
    """The operator without tau among its cell coordinates, what is added to its expansion, and what
    was done.
    """

    operator: Operator
    corrections: Powers
    applied: tuple[Transformation, ...]


def space_order(op: Operator) -> int:
    """The order in space."""
    return int(max(sum(t.left[:-1]) + sum(t.right[:-1]) for t, _ in op.terms()))


class Averaging:
    """k > r: the means over tau, and the time-ordered averages that the limit feels."""

    def __init__(self, op: Operator, tau: FastAxis, rest: tuple[FastAxis, ...]) -> None:
        self.physical = op
        self.tau = tau
        self.order = space_order(op)
        self.symbol = tau.symbol
        self.k = sp.Rational(tau.power)
        self.waves = op.problem.time_order > 1
        self.op = replace(op, axes=rest)
        for t, c in op.table.items():
            power_inside = t.power - sum(t.left[:-1]) - sum(t.right[:-1])
            if c.has(self.symbol) and power_inside < -self.order:
                raise UnsupportedError(
                    f"a term of order eps^{t.power} that depends on tau = t/eps^{self.k}",
                    term=op.show(t),
                    remedy=(
                        f"terms down to eps^-{self.order} are averaged; for (rho u)_t "
                        "substitute w = rho u"
                    ),
                )

    def result(self) -> FastTime:
        mass, how, averaged = self._averaged()
        left, right = self._indices(expand(averaged))
        found = [n for n in range(1, 64) if self._acts(n) and self._exponent(n, left, right) <= 0]
        remark = Prose(
            Formula(f"tau = t/eps^{self.k}", rf"\tau = t/\epsilon^{{{self.k}}}"),
            " is faster than diffusion over a period: the coefficients are averaged over ",
            Formula("tau", r"\tau"),
            " first.",
            how,
        )
        lines = tuple(
            equation(sp.Symbol("a"), c)
            for c in dict.fromkeys(averaged.table.values())
            if c not in self.physical.table.values() and c.count_ops() < 40
        )
        first = Transformation(
            "Fast oscillation in time", remark + ("" if found else _VANISHING), lines
        )
        if not found:
            return FastTime(averaged, {}, (first,))
        orders = self._ordered(mass, found[-1])
        more = Transformation(
            ORDERED, self._told(orders, left, right, found), tuple(self._lines(orders))
        )
        return FastTime(averaged, _merged(orders), (first, more))

    def _acts(self, n: int) -> bool:
        """Whether there is an average of index n: for waves the first one needs a damping that
        depends on tau.
        """
        return (
            not self.waves
            or n > 1
            or any(c.has(self.symbol) for t, c in self.op.terms() if t.right[-1] == 1)
        )

    def _averaged(self) -> tuple[list[sp.Expr], str, Operator]:
        """(mass of the averaged equation, sentence about it, averaged operator)."""
        rho = masses(self.physical)
        if not any(c.has(self.symbol) for c in rho):
            return rho, "", self._with_means(self.op)
        oscillating = [t for t, c in self.op.table.items() if c.has(self.symbol)]
        if all(self._is_mass(t) for t in oscillating):
            mass = [1 / self._mean(1 / c) if c.has(self.symbol) else c for c in rho]
            table = {
                t: mass[t.equation] if self._is_mass(t) else c for t, c in self.op.table.items()
            }
            how = Prose(
                " The average is that of ",
                Formula("E/rho", r"E/\rho"),
                ": the capacity of the limit is ",
                Formula("<1/rho>^-1", r"\langle 1/\rho \rangle^{-1}"),
                " over ",
                Formula("tau", r"\tau"),
                ".",
            )
            return mass, how, replace(self.op, table=table)
        whole, said = without_tau_in_mass(self.op, self.tau)
        return masses(whole), said, self._with_means(whole)

    def _with_means(self, op: Operator) -> Operator:
        return replace(op, table={t: self._mean(c) for t, c in op.table.items()})

    def _mean(self, c: sp.Expr) -> sp.Expr:
        return mean_in_time(self.op, self.tau, c)

    def _is_mass(self, t: Term) -> bool:
        return (
            t.field == t.equation
            and t.right[-1] == self.physical.problem.time_orders[t.equation]
            and t.right[-1] > 0
        )

    # ---- sizes

    def _exponent(self, n: int, left: int, right: int) -> sp.Rational:
        """The power of eps of the time-ordered averages of index n."""
        inner = n // 2 if self.waves else n
        return n * self.k - (inner + 1) * self.order + left + right

    def _indices(self, powers: Mapping[sp.Rational, Table]) -> tuple[int, int]:
        """(l, p): the first j with <psi E_j w> not always 0, and with E_j 1 != 0, for E at every
        tau and for its average, `powers`.
        """
        space = self._in_space()
        # A rate that depends on y or multiplies a wave stands in front of a divergence.
        weights = (*self.op.fast, self.symbol) if self.waves else self.op.fast
        rates = [c for t, c in self.op.terms() if t.right[-1] and c.has(self.symbol)]
        weighted = any(c.has(*weights) for c in rates)
        left = 0 if weighted else self._first([space, powers], transposed=True)
        return left, self._first([space, powers], transposed=False)

    def _in_space(self) -> Mapping[sp.Rational, Table]:
        """The expanded terms without a time derivative."""
        table = {t: c for t, c in self.op.table.items() if not t.right[-1]}
        return expand(replace(self.op, table=table))

    def _first(self, tables: Sequence[Powers], *, transposed: bool) -> int:
        """The first j for which E_j (its transpose) does not vanish on what depends on x and t
        alone.
        """
        for j in range(self.order):
            parts = [table.get(j - self.order, {}) for table in tables]
            if any(self._moves(part, transposed=transposed) for part in parts):
                return j
        return self.order

    def _moves(self, table: Table, *, transposed: bool) -> bool:
        slow = len(self.op.coordinates)
        rows: dict[object, list[sp.Expr]] = defaultdict(list)
        for t, c in table.items():
            if t.right[slow - 1] or (t.field is None and transposed):
                continue
            mirrored = t.mirrored() if transposed else t
            if any(fast_part(mirrored.right, slow)):
                continue
            index = fast_part(mirrored.left, slow)
            if loses_jump(c, index, self.op.fast):
                return True
            sign = (-1) ** sum(index) if transposed else 1
            place = (t.equation, t.field, slow_part(t.left, slow), slow_part(t.right, slow))
            rows[place].append(sign * derivative(c, index, self.op.fast))
        return any(not is_zero(sp.Add(*parts), parts) for parts in rows.values())

    # ---- the averages

    def _ordered(self, mass: list[sp.Expr], count: int) -> list[Table]:
        """The averages of index 1, ..., count at powers up to eps^0, as terms of the averaged
        equation.
        """
        self._check_scope(count)
        op = self.op
        rho = masses(self.physical)
        algebra = self._algebra()
        whole = algebra.operator(self._in_space())
        if any(c != 1 for c in rho):
            whole = algebra.product(algebra.factors([1 / c for c in rho]), whole)
        if self.waves:
            rates = [sp.Integer(0)] * op.components
            for t, c in op.terms():
                if t.right[-1] == 1:
                    rates[t.equation] = c / rho[t.equation]
            found = wave_averages(algebra, whole, algebra.factors(rates), self.k, count)
        else:
            found = ordered_averages(algebra, whole, self.k, count)
        real = not any(c.has(sp.I) for c in op.table.values())
        return [self._table(algebra.written(g, real=real), mass) for g in found]

    def _algebra(self) -> TimeAlgebra:
        """Of operators whose coefficients are trigonometric in tau and y, up to the power of eps
        that the limit feels.
        """
        op = self.op
        periods = [b - a for a, b in (axis.interval for axis in (self.tau, *op.axes))]
        series = Trigonometry((self.symbol, *op.fast), tuple(periods), self.tau.interval[0])
        highest = sp.Rational(self.order if self.waves else 0)
        variables = (*op.coordinates, *op.fast)
        return TimeAlgebra(series, variables, self.tau.slow, op.components, highest)

    def _check_scope(self, count: int) -> None:
        scale = f"tau = t/eps^{self.k}"
        op = self.physical
        culprit = next(op.show(t) for t, c in op.table.items() if c.has(self.symbol))
        if count > _MOST:
            raise UnsupportedError(
                f"{scale}, for which {count} time-ordered averages may act on the limit",
                term=culprit,
                remedy=f"up to {_MOST} are computed: use a larger power of eps, or fast_time=2",
            )
        if any(axis.power == 2 for axis in self.op.axes):
            raise UnsupportedError(
                f"time-ordered averages of {scale} together with z = x/eps^2",
                term=culprit,
                remedy=_OTHER,
            )
        orders = op.problem.time_orders
        crossed = [t for t, _ in op.terms() if t.right[-1] and t.field != t.equation]
        if len(set(orders)) > 1 or crossed:
            raise UnsupportedError(
                f"time-ordered averages of {scale} in a system whose equations have "
                "different time derivatives",
                term=culprit,
                remedy=_OTHER,
            )

    def _table(self, g: Mapping[OscillatingTerm, sp.Expr], mass: list[sp.Expr]) -> Table:
        """The terms of non-positive powers, times the mass of their equation."""
        zero = (0,) * (len(self.op.coordinates) + len(self.op.fast))
        found: dict[Term, sp.Expr] = {}
        for p, c in g.items():
            if p.power <= 0:
                power = int(p.power) if p.power.is_Integer else p.power
                found[Term(p.equation, zero, p.field, p.right, power)] = mass[p.equation] * c
        return found

    # ---- words

    def _told(self, orders: list[Table], left: int, right: int, found: list[int]) -> Prose:
        smallest = min(self._exponent(n, left, right) for n in found)
        numbers = ", ".join(map(str, found))
        said = Prose(
            Formula(f"eps^-{self.k} d_tau + E", rf"\epsilon^{{-{self.k}}} \partial_\tau + E"),
            " has averages of products beyond ",
            Formula("<E>", r"\langle E \rangle"),
            ": of ",
            Formula("n + 1", "n + 1"),
            " factors, or, in waves, of ",
            Formula("n/2 + 1", "n/2 + 1"),
            ". Here ",
            Formula(f"l = {left}", f"l = {left}"),
            ", as ",
            Formula("E_0 w", "E_0 w"),
            f" has {'a mean' if left == 0 else 'no mean'}, and ",
            Formula(f"p = {right}", f"p = {right}"),
            ", as ",
            Formula("E_0 1 != 0", r"E_0 1 \neq 0")
            if right == 0
            else Formula("E_0 1 = 0", "E_0 1 = 0"),
            ": they have the size ",
            eps_power(smallest),
            " at most, and those of ",
            Formula(f"n = {numbers}", f"n = {numbers}"),
            " may act on the limit.",
        )
        said += _effects(orders, found)
        return Prose(
            said,
            " What has a positive power is dropped, and what has a negative one must have no mean.",
        )

    def _lines(self, orders: list[Table]) -> Iterator[sp.Equality]:
        """G_n v, where it is short."""
        coordinates = (*self.op.coordinates, *self.op.fast)
        count = self.op.components
        names = ["v"] if count == 1 else [f"v_{j + 1}" for j in range(count)]
        fields = [sp.Function(name)(*coordinates) for name in names]
        for n, table in enumerate(orders, 1):
            if sum(c.count_ops() for c in table.values()) > _READABLE:
                continue
            for i in range(count):
                parts = [self._shown(t, c, fields) for t, c in table.items() if t.equation == i]
                if parts:
                    head = f"G_{n}" if count == 1 else f"G_{n}_{i + 1}"
                    yield equation(sp.Function(head)(*coordinates), sp.Add(*parts))

    def _shown(self, t: Term, c: sp.Expr, fields: Sequence[sp.Expr]) -> sp.Expr:
        scale = self.op.problem.scales.eps**t.power
        if t.field is None:
            return scale * c
        coordinates = (*self.op.coordinates, *self.op.fast)
        return scale * written(c, t.left, fields[t.field], t.right, coordinates)


def _effects(orders: list[Table], found: list[int]) -> Prose:
    """What each average adds to the limit; found: the indices of those that may act on it."""
    said = Prose()
    for n, table in enumerate(orders, 1):
        powers = [eps_power(p) for p in sorted({t.power for t in table})]
        average = Formula(f"G_{n}", f"G_{{{n}}}")
        if powers:
            said += Prose(
                f" The time-ordered average of order {n + 1} adds ",
                average,
                ", with terms at ",
                joined(powers, ", "),
                ".",
            )
        elif n in found:
            said += Prose(" ", average, " vanishes by phase, or with ", _EPS, ".")
    return said


def _merged(orders: list[Table]) -> Powers:
    """The averages of all n by powers of eps."""
    found: dict[sp.Rational, dict[Term, sp.Expr]] = {}
    for table in orders:
        for t, c in table.items():
            row = found.setdefault(t.power, {})
            row[t] = row.get(t, sp.Integer(0)) + c
    return found
