"""From the integer dicts of the recursion to SymPy: names of cell functions, cell problems,
formulas, the homogenized equation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..operator.table import MultiIndex, Operator, differentiate
from ..operator.twoscale import fast_part
from .effective_terms import Averaged, EffectiveEntry, Frame
from .notation import Mean, equation, source, term
from .parameter_slopes import slopes_by_number
from .products import Combination, Corrector, Flux, Function, MacroscopicSource
from .recursion import Recursion


class Writer:
    """Writes what a recursion found, with one name for each cell function."""

    def __init__(self, op: Operator, recursion: Recursion) -> None:
        self.op = op
        self.recursion = recursion
        self.slow = len(recursion.zero)
        self.variables = (*recursion.coefficients.slow, *op.fast)
        self._arguments: dict[int, tuple[sp.Symbol, ...]] = {}

    @cached_property
    def names(self) -> dict[int, str]:
        """phi and psi for the kernels, N_... for the correctors, by number."""
        recursion = self.recursion
        table = {}
        if recursion.ground is not None:
            table[recursion.ground] = "phi"
        if recursion.adjoint is not None and recursion.components == 1:
            table[recursion.adjoint] = "psi"
        elif recursion.adjoint is not None:
            for p in range(recursion.components):
                table[recursion.adjoint + p] = f"psi_{self._field(p)}"
        first: dict[MacroscopicSource, int] = {}
        for f in recursion.functions:
            if not f.sources:
                continue
            key, _ = f.sources[0]
            first.setdefault(key, f.level)
            level = "" if first[key] == f.level else str(f.level)
            table[f.number] = f"N{level}_{self._label(key)}"
        return table

    def _label(self, key: MacroscopicSource) -> str:
        """f for the source, 0 for U, 12 for d_12 U, t for d_t U; the component of a system behind
        it.
        """
        field, alpha = key
        if field is None:
            return "f"
        axes = "".join(str(k + 1) * n for k, n in enumerate(alpha[:-1])) + "t" * alpha[-1]
        if self.recursion.components == 1:
            return axes or "0"
        return f"{axes or '0'}_{self._field(field)}"

    def _field(self, j: int) -> str:
        return str(self.op.problem.unknowns[j].func.__name__).replace("_", "")

    def component(self, function: Function) -> sp.Expr:
        """One component as an applied function of what it depends on; the derivative by a parameter
        as such.
        """
        number = function.number
        slopes = slopes_by_number(self.recursion)
        if number in slopes:
            original, parameter = slopes[number]
            return sp.Derivative(self.component(function._replace(number=original)), parameter)
        name = self.names[number]
        if self.recursion.components > 1:
            name = f"{name}_{function.component + 1}"
        return sp.Function(name)(*self.arguments(number))

    def components(self, number: int) -> list[sp.Expr]:
        """All components of a cell function."""
        return [self.component(Function(number, j)) for j in range(self.recursion.components)]

    def column(self, number: int) -> sp.Expr:
        """A cell function: a scalar, or the column of its components."""
        return self._column(self.components(number))

    def _column(self, rows: Sequence[sp.Expr]) -> sp.Expr:
        if len(rows) == 1:
            return rows[0]
        return sp.ImmutableMatrix(rows)

    def arguments(self, number: int) -> tuple[sp.Symbol, ...]:
        """What a cell function depends on, also through earlier functions; the slow variables
        first.
        """
        if number not in self._arguments:
            recursion = self.recursion
            used = {k for t, k in recursion.interned[recursion.lowest] if t.field is not None}
            earlier: set[sp.Symbol] = set()
            if number >= recursion.kernels:
                for combination in recursion.function(number).flux.values():
                    for product in combination:
                        used.add(product.coefficient)
                        if product.function is not None:
                            earlier |= set(self.arguments(product.function.number))
            held = [recursion.coefficients.expressions[k] for k in used]
            slow = [v for v in self.op.slow if v in earlier or any(c.has(v) for c in held)]
            self._arguments[number] = (*slow, *self.op.fast)
        return self._arguments[number]

    def combination(self, c: Combination) -> sp.Expr:
        """sum weight D^slope(c) D^derivative(N)."""
        parts = []
        for product, weight in c.items():
            number = sp.Rational(weight.numerator, weight.denominator)
            part = number * self.recursion.value(product)
            if product.function is not None:
                part *= self._derivative(product.function, product.derivative)
            parts.append(part)
        return sp.Add(*parts)

    def _derivative(self, function: Function, index: MultiIndex) -> sp.Expr:
        return differentiate(self.component(function), index, self.variables)

    def leading(self, functions: Sequence[sp.Expr], transposed: bool = False) -> list[sp.Expr]:
        """A_0 N, or its transpose, row by row."""
        rows: list[list[sp.Expr]] = [[] for _ in range(self.recursion.components)]
        fast = self.op.fast
        for t, number in self.recursion.interned[self.recursion.lowest]:
            if t.field is None:
                continue
            c = self.recursion.coefficients.expressions[number]
            left = fast_part(t.left, self.slow)
            right = fast_part(t.right, self.slow)
            if transposed:
                sign = (-1) ** (sum(left) + sum(right))
                rows[t.field].append(term(sign * c, right, functions[t.equation], left, fast))
            else:
                rows[t.equation].append(term(c, left, functions[t.field], right, fast))
        return [sp.Add(*row) for row in rows]

    def cell_equation(self, f: Corrector) -> sp.Equality:
        """A_0 N = -R, or <R> - R where the mean is an effective coefficient."""
        functions = self.components(f.number)
        right: list[list[sp.Expr]] = [[] for _ in functions]
        for (row, left), c in f.flux.items():
            right[row].append(source(-self.combination(c), left, self.op.fast))
        if not f.solvable:
            for row, mean in enumerate(self._means(f.flux)):
                if self.recursion.ground is not None:
                    mean *= self.component(Function(self.recursion.ground, row))
                right[row].append(mean)
        whole = self._column([sp.Add(*row) for row in right])
        return equation(self._column(self.leading(functions)), whole)

    def _means(self, flux: Flux) -> list[sp.Expr]:
        """<psi^p . R> for every p."""
        recursion = self.recursion
        nothing = (0,) * len(self.op.fast)
        means = []
        for p in range(recursion.components):
            parts = []
            for (row, left), c in flux.items():
                if recursion.adjoint is not None:
                    psi = self.component(Function(recursion.adjoint + p, row))
                    parts.append(psi * source(self.combination(c), left, self.op.fast))
                elif row == p and left == nothing:
                    parts.append(self.combination(c))
            means.append(self.mean(sp.Add(*parts)))
        return means

    def mean(self, total: sp.Expr) -> sp.Expr:
        if total.has(*self.op.fast):
            return Mean(total)
        return total

    def kernel_equations(self) -> list[sp.Equality]:
        """The problems of the ground state and of the adjoint kernel, with their normalization."""
        recursion = self.recursion
        found = []
        weight = sp.Integer(1)
        if recursion.ground is not None:
            weight = self.component(Function(recursion.ground, 0))
            (row,) = self.leading([weight])
            found.append(equation(row, sp.Integer(0)))
            found.append(equation(Mean(weight), sp.Integer(1)))
        if recursion.adjoint is None:
            return found
        count = recursion.components
        for p in range(count):
            psi = self.components(recursion.adjoint + p)
            zeros = self._column([sp.Integer(0)] * count)
            found.append(equation(self._column(self.leading(psi, transposed=True)), zeros))
            means = [Mean(f * weight) for f in psi]
            unit = [sp.Integer(int(j == p)) for j in range(count)]
            found.append(equation(self._column(means), self._column(unit)))
        return found

    def formula(self, entry: EffectiveEntry) -> sp.Expr:
        """An effective coefficient as a mean, or its closed form."""
        if entry.value is not None:
            return entry.value
        return self.averaged(entry.average)

    def averaged(self, average: Averaged) -> sp.Expr:
        """<constant + sum c D N>."""
        parts = []
        for t in average.terms:
            derivatives = [self._derivative(f.function, f.derivative) for f in t.factors]
            parts.append(t.coefficient * sp.Mul(*derivatives))
        return self.mean(sp.Add(average.constant, *parts))

    def velocity(self, frame: Frame) -> sp.Expr:
        """A component of the velocity of the moving frame, as a formula."""
        if frame.numerator is None or frame.denominator is None:
            return frame.velocity
        return self.averaged(frame.numerator) / self.averaged(frame.denominator)

    def unknowns(self, suffix: str) -> list[sp.Expr]:
        """The macroscopic unknowns: u0, or the components v0_1, v0_2, ..."""
        found = []
        for u in self.op.problem.unknowns:
            head, under, tail = u.func.__name__.partition("_")
            found.append(sp.Function(head + suffix + under + tail)(*u.args))
        return found

    def homogenized(self, law: Sequence[EffectiveEntry], framing: Framing) -> sp.Equality:
        """The homogenized equation for u0, its coefficients as symbols where they have no closed
        form; in X after a moving frame.
        """
        symbols = framing.values(law)
        lefts = []
        rights = []
        for i in range(self.recursion.components):
            left, right = homogenized_sides(self.op, law, self.unknowns("0"), i, symbols)
            lefts.append(left)
            rights.append(right)
        return framing.renamed(equation(self._column(lefts), self._column(rights)))


def moving_coordinates(dim: int) -> tuple[sp.Symbol, ...]:
    """X_1, ..., X_d."""
    return tuple(sp.Symbol(f"X{j + 1}", real=True) for j in range(dim))


@dataclass(frozen=True)
class Framing:
    """How the unknown of the homogenized equation differs from u: a moving frame X = x - c t/eps, a
    factor exp(-rate t).

    A source f(x) of u is exp(rate t) f(X + c t/eps) there. Coefficients do not depend on x where
    there is a frame.
    """

    coordinates: tuple[sp.Symbol, ...]
    shift: tuple[sp.Expr, ...]
    rate: sp.Expr

    def values(self, law: Iterable[EffectiveEntry]) -> Mapping[EffectiveEntry, sp.Expr]:
        """The value or symbol of each entry, those of sources transformed."""
        plain = {e: e.symbol if e.value is None else e.value for e in law}
        return {e: v if e.field is not None else self.source(v) for e, v in plain.items()}

    def source(self, value: sp.Expr) -> sp.Expr:
        t = self.coordinates[-1]
        moved = {x: x + c * t for x, c in zip(self.coordinates, self.shift, strict=False)}
        return value.xreplace(moved) * sp.exp(self.rate * t)

    def renamed(self, whole: sp.Equality) -> sp.Equality:
        """x as X."""
        if not self.shift:
            return whole
        names = moving_coordinates(len(self.shift))
        return whole.xreplace(dict(zip(self.coordinates, names, strict=False)))


def homogenized_sides(
    op: Operator,
    law: Sequence[EffectiveEntry],
    functions: Sequence[sp.Expr],
    equation: int,
    symbols: Mapping[EffectiveEntry, sp.Expr],
) -> tuple[sp.Expr, sp.Expr]:
    """(left, right) of equation number `equation` of the homogenized system, with the given symbol
    for each entry.
    """
    lhs: list[sp.Expr] = []
    rhs: list[sp.Expr] = []
    for entry in law:
        if entry.equation != equation:
            continue
        inner = symbols[entry]
        if entry.field is None:
            rhs.append(-entry.sign * differentiate(inner, entry.left, op.coordinates))
        else:
            inner *= differentiate(functions[entry.field], entry.right, op.coordinates)
            lhs.append(entry.sign * differentiate(inner, entry.left, op.coordinates))
    return sp.Add(*lhs), sp.Add(*rhs)
