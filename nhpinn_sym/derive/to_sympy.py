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
from .products import Combination, Flux, Function, MacroscopicSource, Product
from .recursion import Corrector, Recursion


class Writer:
    """Writes what a recursion found, with one name for each cell function."""

    def __init__(self, op: Operator, recursion: Recursion) -> None:
        self.op, self.recursion = op, recursion
        self.slow = len(recursion.zero)
        self.variables = (*recursion.coefficients.slow, *op.fast)
        self._arguments: dict[int, tuple[sp.Symbol, ...]] = {}

    @cached_property
    def names(self) -> dict[int, str]:
        """phi and psi for the kernels, N_... for the correctors, by number."""
        recursion = self.recursion
        table = {} if recursion.ground is None else {recursion.ground: "phi"}
        for p in range(recursion.components if recursion.adjoint is not None else 0):
            table[(recursion.adjoint or 0) + p] = (
                "psi" if recursion.components == 1 else f"psi_{self._field(p)}"
            )
        first: dict[MacroscopicSource, int] = {}
        for f in recursion.functions:
            if not f.sources:
                continue
            key = f.sources[0][0]
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
        return (axes or "0") + (f"_{self._field(field)}" if self.recursion.components > 1 else "")

    def _field(self, j: int) -> str:
        return str(self.op.problem.unknowns[j].func.__name__).replace("_", "")

    def component(self, function: Function) -> sp.Expr:
        """One component as an applied function of what it depends on; the derivative by a parameter
        as such.
        """
        if function.number in self.recursion.slopes:
            number, parameter = self.recursion.slopes[function.number]
            return sp.Derivative(self.component(function._replace(number=number)), parameter)
        name = self.names[function.number]
        name = name if self.recursion.components == 1 else f"{name}_{function.component + 1}"
        return sp.Function(name)(*self.arguments(function.number))

    def column(self, number: int) -> sp.Expr:
        """A cell function: a scalar, or the column of its components."""
        return self._column(
            [self.component(Function(number, j)) for j in range(self.recursion.components)]
        )

    def _column(self, rows: Sequence[sp.Expr]) -> sp.Expr:
        return rows[0] if len(rows) == 1 else sp.ImmutableMatrix(rows)

    def arguments(self, number: int) -> tuple[sp.Symbol, ...]:
        """What a cell function depends on, also through earlier functions; the slow variables
        first.
        """
        if number not in self._arguments:
            recursion, corrector = self.recursion, number >= self.recursion.kernels
            products = (
                {p for c in recursion.function(number).flux.values() for p in c}
                if corrector
                else set[Product]()
            )
            used = {p.coefficient for p in products} | {
                k for t, k in recursion.interned[recursion.lowest] if t.field is not None
            }
            held = [recursion.coefficients.expressions[k] for k in used]
            earlier = {
                v
                for n in {p.function.number for p in products if p.function is not None}
                for v in self.arguments(n)
            }
            self._arguments[number] = (
                *(v for v in self.op.slow if v in earlier or any(c.has(v) for c in held)),
                *self.op.fast,
            )
        return self._arguments[number]

    def combination(self, c: Combination) -> sp.Expr:
        """sum weight D^slope(c) D^derivative(N)."""
        parts = []
        for product, weight in c.items():
            value = sp.Rational(weight.numerator, weight.denominator) * self.recursion.value(
                product
            )
            parts.append(
                value
                if product.function is None
                else value * self._derivative(product.function, product.derivative)
            )
        return sp.Add(*parts)

    def _derivative(self, function: Function, index: MultiIndex) -> sp.Expr:
        return differentiate(self.component(function), index, self.variables)

    def leading(self, functions: Sequence[sp.Expr], transposed: bool = False) -> list[sp.Expr]:
        """A_0 N, or its transpose, row by row."""
        rows: list[list[sp.Expr]] = [[] for _ in range(self.recursion.components)]
        for t, number in self.recursion.interned[self.recursion.lowest]:
            if t.field is None:
                continue
            c, (left, right) = (
                self.recursion.coefficients.expressions[number],
                (fast_part(i, self.slow) for i in (t.left, t.right)),
            )
            if transposed:
                sign = (-1) ** (sum(left) + sum(right))
                rows[t.field].append(
                    term(sign * c, right, functions[t.equation], left, self.op.fast)
                )
            else:
                rows[t.equation].append(term(c, left, functions[t.field], right, self.op.fast))
        return [sp.Add(*row) for row in rows]

    def cell_equation(self, f: Corrector) -> sp.Equality:
        """A_0 N = -R, or <R> - R where the mean is an effective coefficient."""
        functions = [
            self.component(Function(f.number, j)) for j in range(self.recursion.components)
        ]
        right: list[list[sp.Expr]] = [[] for _ in functions]
        for (row, left), c in f.flux.items():
            right[row].append(source(-self.combination(c), left, self.op.fast))
        if not f.solvable:
            for row, mean in enumerate(self._means(f.flux)):
                right[row].append(
                    mean
                    if self.recursion.ground is None
                    else mean * self.component(Function(self.recursion.ground, row))
                )
        return equation(
            self._column(self.leading(functions)), self._column([sp.Add(*row) for row in right])
        )

    def _means(self, flux: Flux) -> list[sp.Expr]:
        """<psi^p . R> for every p."""
        recursion, nothing = self.recursion, (0,) * len(self.op.fast)
        rows = []
        for p in range(recursion.components):
            if recursion.adjoint is None:
                total = sp.Add(
                    *[
                        self.combination(c)
                        for (row, left), c in flux.items()
                        if row == p and left == nothing
                    ]
                )
            else:
                total = sp.Add(
                    *[
                        self.component(Function(recursion.adjoint + p, row))
                        * source(self.combination(c), left, self.op.fast)
                        for (row, left), c in flux.items()
                    ]
                )
            rows.append(self.mean(total))
        return rows

    def mean(self, total: sp.Expr) -> sp.Expr:
        return Mean(total) if total.has(*self.op.fast) else total

    def kernel_equations(self) -> list[sp.Equality]:
        """The problems of the ground state and of the adjoint kernel, with their normalization."""
        recursion, found = self.recursion, []
        if recursion.ground is not None:
            phi = [self.component(Function(recursion.ground, 0))]
            found += [
                equation(self.leading(phi)[0], sp.Integer(0)),
                equation(Mean(phi[0]), sp.Integer(1)),
            ]
        for p in range(recursion.components if recursion.adjoint is not None else 0):
            psi = [
                self.component(Function((recursion.adjoint or 0) + p, j))
                for j in range(recursion.components)
            ]
            found.append(
                equation(
                    self._column(self.leading(psi, transposed=True)),
                    self._column([sp.Integer(0)] * len(psi)),
                )
            )
            weights = (
                psi
                if recursion.ground is None
                else [psi[0] * self.component(Function(recursion.ground, 0))]
            )
            unit = [sp.Integer(int(j == p)) for j in range(len(weights))]
            found.append(equation(self._column([Mean(w) for w in weights]), self._column(unit)))
        return found

    def formula(self, entry: EffectiveEntry) -> sp.Expr:
        """An effective coefficient as a mean, or its closed form."""
        if entry.value is not None:
            return entry.value
        return self.averaged(entry.average)

    def averaged(self, average: Averaged) -> sp.Expr:
        """<constant + sum c D N>."""
        parts = [
            t.coefficient * sp.Mul(*[self._derivative(f.function, f.derivative) for f in t.factors])
            for t in average.terms
        ]
        return self.mean(sp.Add(average.constant, *parts))

    def velocity(self, frame: Frame) -> sp.Expr:
        """A component of the velocity of the moving frame, as a formula."""
        if frame.numerator is None or frame.denominator is None:
            return frame.velocity
        return self.averaged(frame.numerator) / self.averaged(frame.denominator)

    def unknowns(self, suffix: str) -> list[sp.Expr]:
        """The macroscopic unknowns: u0, or the components v0_1, v0_2, ..."""
        fields = self.op.problem.unknowns
        names = [u.func.__name__ for u in fields]
        heads = [name.partition("_") for name in names]
        return [
            sp.Function(head + suffix + under + tail)(*u.args)
            for (head, under, tail), u in zip(heads, fields, strict=True)
        ]

    def homogenized(self, law: Sequence[EffectiveEntry], framing: Framing) -> sp.Equality:
        """The homogenized equation for u0, its coefficients as symbols where they have no closed
        form; in X after a moving frame.
        """
        symbols = framing.values(law)
        sides = [
            homogenized_sides(self.op, law, self.unknowns("0"), i, symbols)
            for i in range(self.recursion.components)
        ]
        whole = equation(
            self._column([left for left, _ in sides]), self._column([right for _, right in sides])
        )
        return framing.renamed(whole)


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
        names = moving_coordinates(len(self.shift))
        return (
            whole.xreplace(dict(zip(self.coordinates, names, strict=False)))
            if self.shift
            else whole
        )


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
    lhs, rhs = list[sp.Expr](), list[sp.Expr]()
    for entry in law:
        if entry.equation != equation:
            continue
        if entry.field is None:
            rhs.append(-entry.sign * differentiate(symbols[entry], entry.left, op.coordinates))
        else:
            inner = differentiate(functions[entry.field], entry.right, op.coordinates)
            lhs.append(
                entry.sign * differentiate(symbols[entry] * inner, entry.left, op.coordinates)
            )
    return sp.Add(*lhs), sp.Add(*rhs)
