"""Cell problems in scripts for other PINN libraries by fluxes: what the residual of every cell
function takes derivatives of, written once for all of them, and whose means are effective
coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..lower.forms import Functional, LoweredCells, MultiIndex
from ..operator.zero_test import is_zero
from ..runtime.arrays import EffectiveKey
from .script_forms import Script, ScriptLibrary

Place = tuple[int, MultiIndex]
"""An equation, and the derivatives that it takes of a flux."""
Ends = tuple[tuple[EffectiveKey, ...], ...]
"""(name, last places of the index) of what the means of a cell function give, for each of them."""
FUNCTION = "N"
"""The argument of `flux` that is a cell function."""


@dataclass(frozen=True)
class FluxMeans:
    """The effective coefficients name[start + end] that are the means of one flux for every cell
    function and each (name, end) in its `ends`: fluxes by their starts.
    """

    fluxes: Mapping[tuple[int, ...], sp.Expr]
    ends: Ends

    @cached_property
    def keys(self) -> set[EffectiveKey]:
        """All of them."""
        return {(n, start + end) for start in self.fluxes for own in self.ends for n, end in own}


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
        return {key: found[key] for key in sorted(found, key=lambda k: (k[0], [-n for n in k[1]]))}

    @cached_property
    def means(self) -> list[FluxMeans]:
        """The effective coefficients that are means of fluxes; those with the same ends as one."""
        by_ends: dict[Ends, dict[tuple[int, ...], sp.Expr]] = {}
        for (_, start), own in self._by_start().items():
            flux = self._common_flux(own)
            if flux is not None:
                ends = tuple(
                    tuple((f.name, f.index[len(start) :]) for f in own if self._number(f) == k)
                    for k in range(len(self.picks))
                )
                by_ends.setdefault(ends, {})[start] = flux
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

    def _common_flux(self, own: Sequence[Functional]) -> sp.Expr | None:
        """What all of them are the means of, where there is such; a flux of the table first."""
        chosen = [
            {p: sp.Integer(k == self._number(f)) for k, p in enumerate(self.picks)} for f in own
        ]
        for flux in (*self.table.values(), self._assembled(own)):
            pairs = zip(chosen, own)
            if all(self._mean_vanishes(flux.xreplace(c) - self._integrand(f)) for c, f in pairs):
                return flux
        return None

    def _assembled(self, own: Sequence[Functional]) -> sp.Expr:
        """The first one, with the constants of all."""
        constants = {self._number(f): f.constant for f in own}
        linear = self._integrand(own[0]) - own[0].constant
        return linear + sp.Add(*[c * self.picks[k] for k, c in constants.items()])

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
