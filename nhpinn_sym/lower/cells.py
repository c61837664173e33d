"""HomogenizedModel -> LoweredCells: weak and strong forms of the cell problems in solving order,
and the effective law as functionals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.contacts import acting_contacts
from ..derive.effective_law import index_of, weighted_averages
from ..derive.effective_terms import Averaged, EffectiveEntry, Frame
from ..derive.hierarchy import closing
from ..derive.model import HomogenizedModel
from ..derive.products import Corrector, Flux, Function, Product, leibniz
from ..derive.reiterated import LEVEL
from ..operator.table import add, base_and_index
from ..operator.twoscale import fast_part
from ..operator.zero_test import is_zero, jumps
from ..problem.contacts import normals
from ..problem.user_input import instance
from .forms import (
    CellForm,
    Constant,
    External,
    Factor,
    Functional,
    FunctionalTerm,
    InterfaceTerm,
    LoweredCells,
    MultiIndex,
    Role,
    SourceTerm,
    StrongTerm,
    WeakTerm,
)
from .lattice_cells import in_shares
from .term_forms import OperatorTerm, derivative, is_symmetric, strong_terms, weak_terms


def lower_cells(model: HomogenizedModel, hierarchy: bool = False) -> LoweredCells:
    """All cell problems of the model with one operator A_0.

    hierarchy: also the averaged operators h_n that the mean fields U_1, U_2, ... of the expansion
    need, and the functions for them.
    The strong form is left empty where a coefficient jumps: there it would lose the jump. On the
    cell of a lattice the coordinates are shares of its vectors.
    """
    own = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    return in_shares(_Lowering(own, hierarchy).result())


T = TypeVar("T", WeakTerm, StrongTerm, SourceTerm)


class _Lowering:
    """Numbers the functions of a recursion by position, slow derivatives of functions included."""

    def __init__(self, model: HomogenizedModel, hierarchy: bool) -> None:
        self.model = model
        self.op = model.cell_operator
        self.recursion, self.higher = closing(model) if hierarchy else (model.recursion, {})
        self.slow = len(self.op.coordinates)
        self.fast = self.op.fast
        self.forms: list[CellForm] = []
        self.places: dict[tuple[int, MultiIndex], int] = {}
        self.externals: dict[sp.Expr, External] = {}
        self.leading: list[OperatorTerm] = []
        for t, c in model.leading.items():
            left = fast_part(t.left, self.slow)
            right = fast_part(t.right, self.slow)
            self.leading.append((t.equation, left, c, t.field or 0, right))
        self.finer: dict[str, EffectiveEntry] = {}
        for e in () if model.inner is None else model.inner.law:
            name = e.symbol.func.__name__ if isinstance(e.symbol, AppliedUndef) else e.symbol
            self.finer[LEVEL.format(name)] = e
        self.visible = {p.cell_function.number: p for p in model.cell_problems}
        self.broken = self.recursion.broken or self._jumps()

    def _jumps(self) -> bool:
        """Whether a coefficient jumps; sources that no derivative stands before may."""
        for table in self.model.powers.values():
            for t, c in table.items():
                if (t.field is not None or any(t.left)) and jumps(c):
                    return True
        return False

    def plain(self, c: sp.Expr) -> sp.Expr:
        """`c` with the effective coefficients of a finer level as plain symbols."""
        if not self.finer:
            return c
        swap = {}
        for node in c.atoms(AppliedUndef, sp.Derivative):
            base, index = base_and_index(node, self.fast)
            entry = self.finer.get(base.func.__name__) if isinstance(base, AppliedUndef) else None
            if entry is not None:
                name = base.func.__name__
                marks = "".join(f"y{k + 1}" * n for k, n in enumerate(index))
                symbol = sp.Symbol(f"{name}_{marks}" if marks else name, real=True)
                swap[node] = symbol
                self.externals[node] = External(symbol, entry.name, entry.index, index)
        return c.xreplace(swap)

    def _plained(self, terms: Iterable[T]) -> tuple[T, ...]:
        """Terms with plain symbols, after everything that had to be differentiated was."""
        return tuple(replace(t, coefficient=self.plain(t.coefficient)) for t in terms)

    def result(self) -> LoweredCells:
        model = self.model
        self._kernels()
        for problem in model.cell_problems:
            self.place(problem.cell_function.number, (0,) * self.slow)
        constants = tuple(
            self._constant(j, frame)
            for j, frame in enumerate(model.frame)
            if frame.numerator is not None
        )
        bilinear = self._plained(weak_terms(self.leading))
        symmetric = is_symmetric(bilinear)
        effective = tuple(self._entry(e, symmetric) for e in model.law if e.value is None)
        higher = tuple(
            self._functional(
                "h",
                index_of(n, key),
                weighted_averages(self.op, self.recursion, [(averages, Fraction(1))]),
            )
            for n, table in self.higher.items()
            for key, averages in table.items()
        )
        known = tuple(
            Functional(e.name, e.index, self.plain(e.value), ())
            for e in model.law
            if e.value is not None and e.field is not None
        )
        held = self._held(effective, higher)
        op = self.op
        return LoweredCells(
            title=model.title,
            cell=op.cell,
            coordinates=self.fast,
            slow=tuple(v for v in op.slow if any(c.has(v) for c in held)),
            parameters=tuple(v for v in model.problem.parameters if any(c.has(v) for c in held)),
            externals=tuple(self.externals.values()),
            components=op.components,
            bilinear=bilinear,
            strong=() if self.broken else self._plained(strong_terms(self.leading, self.fast)),
            mass=tuple(
                WeakTerm((0,) * len(self.fast), self.plain(c), (0,) * len(self.fast))
                for c in model.mass.values()
            ),
            eigenvalue=model.eigenvalue,
            functions=tuple(self.forms),
            constants=constants,
            effective=effective,
            higher=higher,
            symmetric=symmetric,
            definite=model.definite,
            complex=self._complex(held),
            jumps=self.broken,
            known=known,
            finer=lower_cells(model.inner) if model.inner and self.externals else None,
            contacts=tuple(
                InterfaceTerm(c.inside, tuple(map(tuple, c.stiffness.tolist())))
                for c in acting_contacts(model.problem)
            ),
            normal=normals(op.problem.scales.dim) if self.recursion.broken else (),
        )

    def _complex(self, held: Iterable[sp.Expr]) -> bool:
        """Whether there is an imaginary part, here or in the coefficients of a finer level."""
        inner = (
            self.model.inner.operator.table.values() if self.externals and self.model.inner else ()
        )
        return any(c.has(sp.I) for c in (*held, *inner))

    def _held(self, *groups: Iterable[Functional]) -> list[sp.Expr]:
        """Every coefficient, with the original names of what is external: what the functions may
        depend on.
        """
        held = [*self.model.leading.values(), *self.model.mass.values()]
        for form in self.forms:
            held += [w.coefficient for w in form.weak]
        held += [e for c in acting_contacts(self.model.problem) for e in c.stiffness]
        for functional in chain(*groups):
            held.append(functional.constant)
            held += [t.coefficient for t in functional.terms]
        return held + list(self.externals)

    def _kernels(self) -> None:
        recursion = self.recursion
        roles: list[tuple[Role, int]] = []
        if recursion.ground is not None:
            roles.append(("ground state", 0))
        if recursion.adjoint is not None:
            roles += [("adjoint", p) for p in range(recursion.components)]
        for number, (role, level) in enumerate(roles):
            name = self.model.writer.names[number]
            self.places[number, (0,) * self.slow] = number
            self.forms.append(CellForm(name, role, level, (), (), (), True))

    def place(self, number: int, slope: MultiIndex) -> int:
        """The position of D_x^slope of a function; appended, after what it needs, where it is not
        there yet.
        """
        if (number, slope) not in self.places:
            function = self.recursion.function(number)
            flux = self.recursion.slope(number, slope) if any(slope) else function.flux
            # Before the place is taken: it may need functions that come first.
            form = self._form(function, slope, flux)
            self.places[number, slope] = len(self.forms)
            self.forms.append(form)
        return self.places[number, slope]

    def factor(self, function: Function, index: MultiIndex) -> Factor:
        """D^index of a component, index over (x, t) and the cell."""
        return Factor(
            self.place(function.number, index[: self.slow]), function.component, index[self.slow :]
        )

    def _form(self, function: Corrector, slope: MultiIndex, flux: Flux) -> CellForm:
        weak, source = self._sources(flux)
        known = self.visible.get(function.number)
        is_corrector = known is not None and not any(slope)
        name = known.name if known else f"N{function.level}_{function.number}"
        marks = "".join(f"d{v}" * n for v, n in zip(self.op.coordinates, slope, strict=True))
        power = self.recursion.power(function.level)
        return CellForm(
            f"{marks}_{name}" if marks else name,
            "corrector" if is_corrector else "auxiliary",
            int(power) if power.is_Integer else float(power),
            known.sources if known and is_corrector else (),
            weak,
            source,
            function.solvable,
        )

    def _sources(self, flux: Flux) -> tuple[tuple[WeakTerm, ...], tuple[SourceTerm, ...]]:
        """-sum D_y^left( flux ) as a linear form and, where nothing jumps, carried out."""
        weak: list[WeakTerm] = []
        strong: list[SourceTerm] = []
        zero = (0,) * len(self.fast)
        for (equation, left), products in self._grouped(flux).items():
            # -sum D^left( flux ) tested with v: one sign for the right-hand side, one for each
            # derivative.
            sign = (-1) ** (sum(left) + 1)
            for factor, c in products.items():
                weak.append(WeakTerm(left, sign * self.plain(c), zero, equation, 0, factor))
                if not self.broken:
                    strong += strong_source(equation, left, c, factor, self.fast)
        return tuple(weak), self._plained(with_equal_factors_added(strong))

    def _grouped(self, flux: Flux) -> dict[tuple[int, MultiIndex], dict[Factor | None, sp.Expr]]:
        """The flux with positions for functions, equal factors added."""
        grouped = {}
        for place, combination in flux.items():
            parts: dict[Factor | None, list[sp.Expr]] = defaultdict(list)
            for product, weight in combination.items():
                number = sp.Rational(weight.numerator, weight.denominator)
                c = number * self.recursion.value(product)
                parts[self._product_factor(product)].append(c)
            sums = {factor: sp.Add(*cs) for factor, cs in parts.items()}
            grouped[place] = {factor: c for factor, c in sums.items() if c != 0}
        return grouped

    def _product_factor(self, product: Product) -> Factor | None:
        if product.function is None:
            return None
        return self.factor(product.function, product.derivative)

    def _constant(self, j: int, frame: Frame) -> Constant:
        assert frame.numerator is not None and frame.denominator is not None
        return Constant(
            frame.velocity,
            self._functional("drift", (j,), frame.numerator),
            self._functional("capacity", (j,), frame.denominator),
        )

    def _functional(self, name: str, index: tuple[int, ...], average: Averaged) -> Functional:
        constant = self.plain(average.constant)
        terms = []
        for c, factors in average.terms:
            terms.append(FunctionalTerm(self.plain(c), tuple(self.factor(*f) for f in factors)))
        return Functional(name, index, constant, tuple(terms))

    def _entry(self, entry: EffectiveEntry, symmetric: bool) -> Functional:
        plain = self._functional(entry.name, entry.index, entry.average)
        functions = {f.function for t in plain.terms for f in t.factors}
        linear = len(functions) == 1 and all(len(t.factors) == 1 for t in plain.terms)
        if not (symmetric and linear) or self.recursion.ground is not None:
            return plain
        form = {}
        for t in plain.terms:
            (factor,) = t.factors
            form[factor.component, factor.derivative] = t.coefficient
        return replace(plain, dual=self._dual(form))

    def _dual(self, form: Mapping[tuple[int, MultiIndex], sp.Expr]) -> tuple[int, int] | None:
        """(sign, i) where the linear form is sign times the right-hand side of cell problem i, on
        periodic functions of zero mean.
        """
        zero = sp.Integer(0)
        for i, corrector in enumerate(self.forms):
            if corrector.role != "corrector" or any(w.factor for w in corrector.weak):
                continue
            other = {(w.equation, w.left): w.coefficient for w in corrector.weak}
            for sign in (-1, 1):
                rest = {k: form.get(k, zero) - sign * other.get(k, zero) for k in {*form, *other}}
                if all(is_zero(c) or self._inert(c, k) for k, c in rest.items()):
                    return sign, i
        return None

    def _inert(self, c: sp.Expr, key: tuple[int, MultiIndex]) -> bool:
        """Whether <c D_y N> vanishes for every periodic N of zero mean: c does not depend on some
        coordinate of D_y, or on none where there is no derivative. What externals depend on is
        not known.
        """
        _, index = key
        if self.recursion.broken and any(index):
            return False
        fixed = [c.is_number if self.externals else not c.has(v) for v in self.fast]
        if not any(index):
            return all(fixed)
        return any(f and n for f, n in zip(fixed, index, strict=True))


def strong_source(
    equation: int, left: MultiIndex, c: sp.Expr, factor: Factor | None, fast: tuple[sp.Symbol, ...]
) -> list[SourceTerm]:
    """-D^left( c * factor ), carried out."""
    if factor is None:
        return [SourceTerm(-derivative(c, left, fast), equation)]
    found = []
    for (on_c, on_n), count in leibniz(left, 2):
        part = -count * derivative(c, on_c, fast)
        derived = replace(factor, derivative=add(factor.derivative, on_n))
        found.append(SourceTerm(part, equation, derived))
    return found


def with_equal_factors_added(terms: Iterable[SourceTerm]) -> tuple[SourceTerm, ...]:
    """Equal factors of an equation added."""
    table: dict[tuple[int, Factor | None], list[sp.Expr]] = defaultdict(list)
    for t in terms:
        table[t.equation, t.factor].append(t.coefficient)
    sums = {key: sp.Add(*parts) for key, parts in table.items()}
    return tuple(
        SourceTerm(c, equation, factor) for (equation, factor), c in sums.items() if c != 0
    )
