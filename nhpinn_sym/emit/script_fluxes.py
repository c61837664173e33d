"""Cell problems in scripts for other PINN libraries by fluxes: what the residual of every cell
function takes derivatives of, written once for all of them, and whose means are effective
coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..lower.forms import CellForm, Functional, LoweredCells, MultiIndex
from ..operator.zero_test import is_zero
from ..runtime.arrays import EffectiveKey
from .script_forms import Script, ScriptLibrary
from .script_rows import Row, is_divergence
from .torch_printer import Slot

Place = tuple[int, MultiIndex]
"""An equation, and the derivatives that it takes of a flux."""
SignedEnd = tuple[int, str, tuple[int, ...]]
"""A sign, a name, and the last places of an index."""
Ends = tuple[tuple[SignedEnd, ...], ...]
"""What the means of a cell function give, for each of them."""
FUNCTION = "N"
"""The argument of `flux` that is a cell function."""


@dataclass(frozen=True)
class FluxMeans:
    """The effective coefficients name[start + end] that are the means of sign times one flux for
    every cell function and each (sign, name, end) in its `ends`: fluxes by their starts.
    """

    fluxes: Mapping[tuple[int, ...], sp.Expr]
    ends: Ends

    @property
    def name(self) -> str:
        """Of the first of them."""
        return next(name for own in self.ends for _, name, _ in own)

    @cached_property
    def keys(self) -> set[EffectiveKey]:
        """All of them."""
        return {(n, start + end) for start in self.fluxes for own in self.ends for _, n, end in own}


@dataclass(frozen=True)
class CellFluxes:
    """The fluxes of one cell function, columns of a script of its own; `picks` are 1 for its source
    and 0 for the sources of the others.
    """

    lowered: LoweredCells
    script: Script
    picks: tuple[sp.Symbol, ...]

    @classmethod
    def of(cls, library: ScriptLibrary, lowered: LoweredCells) -> CellFluxes | None:
        """None where the source of one holds another cell function."""
        if any(w.factor is not None for form in lowered.functions for w in form.weak):
            return None
        picks = sp.symbols([f"g_{k + 1}" for k in range(len(lowered.functions))], cls=sp.Dummy)
        m = lowered.components
        names = [f"{FUNCTION}_{j + 1}" for j in range(m)] if m > 1 else [FUNCTION]
        numbers = (*lowered.parameters, *picks)
        script = Script(library, lowered.coordinates, numbers, names, FUNCTION)
        return cls(lowered, script, tuple(picks))

    @cached_property
    def table(self) -> dict[Place, sp.Expr]:
        """The fluxes, with sum (-1)^|left| D^left flux = 0 in every equation."""
        found: dict[Place, sp.Expr] = {}
        for t in self.lowered.bilinear:
            flux = t.coefficient * self.script.value(t.field, t.right)
            found[t.equation, t.left] = found.get((t.equation, t.left), sp.S.Zero) + flux
        for pick, form in zip(self.picks, self.lowered.functions):
            for w in form.weak:
                key = w.equation, w.left
                found[key] = found.get(key, sp.S.Zero) + (-w.coefficient) * pick
        order = sorted(found, key=lambda k: (k[0], [-n for n in k[1]]))
        return {key: self._completed(found[key], key[1]) for key in order}

    def _completed(self, flux: sp.Expr, left: MultiIndex) -> sp.Expr:
        """The flux with those parts of sources that D^left takes away, where effective coefficients
        are its means with them.
        """
        along = {v for v, n in zip(self.lowered.coordinates, left) if n}
        for own in self._by_start().values():
            sign = self._sign(flux, own)
            for f in own if sign else ():
                pick = self.picks[self._number(f)]
                lacking = sp.expand(sign * f.constant - sp.diff(flux, pick))
                if not along <= lacking.free_symbols:
                    flux += lacking * pick
        return flux

    def _sign(self, flux: sp.Expr, own: Sequence[Functional]) -> int:
        """1 or -1 where functionals are means of this times the flux, but for constants; or 0."""
        linear = flux.xreplace(dict.fromkeys(self.picks, sp.S.Zero))
        parts = [self._integrand(f) - f.constant for f in own]
        for sign in (1, -1):
            if all(self._mean_vanishes(e - sign * linear) for e in parts):
                return sign
        return 0

    @cached_property
    def gradients(self) -> tuple[int | None, ...] | None:
        """Of each source the place, among the derivatives of all components, of the one that it
        stands beside, None where it stands for itself; None where no source stands beside one.
        """
        if any(sum(index) != 1 for _, index in self._used()):
            return None
        places = [self._place(pick, form) for pick, form in zip(self.picks, self.lowered.functions)]
        held = [place for place in places if place is not None]
        return tuple(places) if held and len(set(held)) == len(held) else None

    def _place(self, pick: sp.Symbol, form: CellForm) -> int | None:
        """The derivative that the source stands beside in every flux."""
        found = self._derivative(form)
        if found is None:
            return None
        index, slot = found
        beside = all(is_zero(sp.diff(e, pick) - sp.diff(e, slot)) for e in self.fluxes)
        return (form.key[0] or 0) * len(index) + index.index(1) if beside else None

    def _derivative(self, form: CellForm) -> tuple[MultiIndex, Slot] | None:
        """The derivative of a component, among those of one cell function, that is like the
        macroscopic one that drives the form.
        """
        field, orders = form.key
        index = orders[: len(self.lowered.coordinates)]
        if field is None or sum(orders) != 1 or 1 not in index:
            return None
        return index, self.script.value(field, index)

    def _used(self) -> list[tuple[int, MultiIndex]]:
        """The derivatives of components that fluxes hold."""
        seen = set[sp.Basic]().union(*(e.free_symbols for e in self.fluxes))
        return [key for key, slot in self.script.values.items() if slot in seen]

    @cached_property
    def rows(self) -> list[Row]:
        """The equations of one cell function, each the sum of its derivatives of fluxes."""
        return [
            Row(
                sp.S.Zero,
                tuple(
                    ((-1) ** sum(left), flux, left)
                    for (equation, left), flux in self.table.items()
                    if equation == i
                ),
            )
            for i in range(self.lowered.components)
        ]

    @cached_property
    def whole(self) -> bool:
        """Whether there are several equations, each with a flux in every direction."""
        return is_divergence(self.script, self.rows, len(self.lowered.coordinates))

    @cached_property
    def regular(self) -> FluxMeans | None:
        """The means where there is a flux in every direction for every equation, and the effective
        coefficients of one name are their means, by equation and direction.
        """
        m, d = self.lowered.components, len(self.lowered.coordinates)
        if len(self.means) != 1 or (m > 1 and not self.whole):
            return None
        [own] = self.means
        starts = [(i, k) if m > 1 else (k,) for i in range(m) for k in range(d)]
        names = {(sign, name) for ends in own.ends for sign, name, _ in ends}
        whole = list(own.fluxes.items()) == list(zip(starts, self.table.values()))
        return own if whole and names == {(1, own.name)} else None

    def place(self, flux: sp.Expr) -> tuple[int, ...]:
        """Where it stands among the values of `flux`, which are by equation where these are whole;
        what is in no equation comes after them.
        """
        number, m = self.fluxes.index(flux), self.lowered.components
        if not self.whole:
            return (number,)
        d = len(self.lowered.coordinates)
        return divmod(number, d) if number < m * d else (m + number - m * d, 0)

    @cached_property
    def differentiated(self) -> bool:
        """Whether fluxes hold cell functions by their derivatives alone."""
        return all(any(index) for _, index in self._used())

    @cached_property
    def means(self) -> list[FluxMeans]:
        """The effective coefficients that are means of fluxes; those with the same ends as one."""
        found: dict[tuple[tuple[int, ...], sp.Expr], list[list[SignedEnd]]] = {}
        for (name, start), own in self._by_start().items():
            for flux in (*self.table.values(), self._assembled(start, own)):
                sign = self._common(flux, own)
                if sign:
                    ends = found.setdefault((start, flux), [[] for _ in self.picks])
                    for f in own:
                        ends[self._number(f)].append((sign, name, f.index[len(start) :]))
                    break
        by_ends: dict[Ends, dict[tuple[int, ...], sp.Expr]] = {}
        for (start, flux), lists in found.items():
            by_ends.setdefault(tuple(map(tuple, lists)), {})[start] = flux
        return [FluxMeans(fluxes, ends) for ends, fluxes in by_ends.items()]

    @cached_property
    def fluxes(self) -> list[sp.Expr]:
        """Those of the table, and what else means are taken of."""
        own = list(self.table.values())
        more = [flux for found in self.means for flux in found.fluxes.values()]
        return [*own, *dict.fromkeys(flux for flux in more if flux not in own)]

    def _by_start(self) -> dict[EffectiveKey, list[Functional]]:
        """The functionals of one cell function, by name and index without that of its source."""
        found: dict[EffectiveKey, list[Functional]] = {}
        for functional in self.lowered.effective:
            factors = [t.factors for t in functional.terms]
            if len({f.function for own in factors for f in own}) != 1 or max(map(len, factors)) > 1:
                continue
            _, orders = self.lowered.functions[self._number(functional)].key
            size = sum(orders) + (self.lowered.components > 1)
            start = functional.index[: max(0, len(functional.index) - size)]
            found.setdefault((functional.name, start), []).append(functional)
        return found

    def _number(self, functional: Functional) -> int:
        return functional.terms[0].factors[0].function

    def _common(self, flux: sp.Expr, own: Sequence[Functional]) -> int:
        """1 or -1 where all of them are means of this times the flux; or 0."""
        sign = self._sign(flux, own)
        pairs = [(f.constant, sp.diff(flux, self.picks[self._number(f)])) for f in own]
        return sign * int(all(is_zero(c - sign * e) for c, e in pairs))

    def _assembled(self, start: tuple[int, ...], own: Sequence[Functional]) -> sp.Expr:
        """The first one, with the constants of all, and of those that differ in nothing else."""
        linear = self._integrand(own[0]) - own[0].constant
        constants: dict[int, sp.Expr] = {}
        for (_, other), alike in self._by_start().items():
            if other == start and (alike is own or self._sign(linear, alike) == 1):
                constants = {self._number(f): f.constant for f in alike} | constants
        beside = [self._beside(linear, k, c) for k, c in constants.items()]
        return linear + sp.Add(*[c * self.picks[k] for k, c in constants.items()], *beside)

    def _beside(self, linear: sp.Expr, number: int, constant: sp.Expr) -> sp.Expr:
        """What has no mean, and makes the source stand beside a derivative; 0 without such."""
        found = self._derivative(self.lowered.functions[number])
        if found is None or sp.diff(linear, found[1]) != 0:
            return sp.S.Zero
        [axis] = [v for v, n in zip(self.lowered.coordinates, found[0]) if n]
        return sp.S.Zero if axis in constant.free_symbols else constant * found[1]

    def _integrand(self, functional: Functional) -> sp.Expr:
        """What it is the mean of, over the columns of its cell function."""
        value = self.script.value
        factors = [(t.coefficient, t.factors[0]) for t in functional.terms]
        terms = [c * value(f.component, f.derivative) for c, f in factors]
        return sp.Add(functional.constant, *terms)

    def _mean_vanishes(self, e: sp.Expr) -> bool:
        """Whether every periodic function gives zero: e = 0, or a sum of c D^a N where c does not
        depend on one of the coordinates of D^a.
        """
        rest = e
        for (_, index), slot in list(self.script.values.items()):
            factor = sp.diff(e, slot)
            rest = rest.xreplace({slot: sp.S.Zero})
            along = {v for v, n in zip(self.lowered.coordinates, index) if n}
            if along <= factor.free_symbols and not is_zero(factor):
                return False
        return is_zero(rest)
