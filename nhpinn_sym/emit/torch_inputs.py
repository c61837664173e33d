"""What the nets of energies are given where coefficients jump: kinks at interfaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from ..lower.forms import MultiIndex
from .source import Source
from .torch_text import Scope, assemble, closure


@dataclass(frozen=True)
class KinkInputs:
    """Inputs max(level, 0)^power of the points: `levels` are expressions in the fast `coordinates`.

    order: of the highest derivatives of a net that are asked for.
    """

    coordinates: tuple[sp.Symbol, ...]
    levels: tuple[sp.Expr, ...]
    power: int
    order: int

    @classmethod
    def reaching(
        cls,
        coordinates: tuple[sp.Symbol, ...],
        levels: Iterable[sp.Expr],
        power: int,
        indices: Iterable[MultiIndex],
    ) -> KinkInputs:
        """For derivatives of second order and for these."""
        return cls(coordinates, tuple(levels), power, max(2, *map(sum, indices)))


def levels_function(kinks: KinkInputs) -> str:
    """`levels`: the jets of the level functions."""
    dim = len(kinks.coordinates)
    known = tuple(a for a in closure([(kinks.order,) * dim]) if sum(a) <= kinks.order)
    # the derivatives of Max are not printed
    smooth = [level.rewrite(sp.Piecewise) for level in kinks.levels]
    summary = "The functions that vanish where a coefficient jumps, with their derivatives."
    return Scope(kinks.coordinates).jet("levels", smooth, known, summary, columns=True)


def kinks_constant(kinks: KinkInputs) -> str:
    """`KINKS`, which nets take beside their axes."""
    return f"KINKS = Kinks(levels, count={len(kinks.levels)}, power={kinks.power})"


def kinks_source(kinks: KinkInputs) -> Source:
    """net_kinks.py, for nets that are evaluated and not trained, such as those that were read from
    a file.
    """
    parts = [levels_function(kinks), kinks_constant(kinks)]
    text = assemble("The kinks among the inputs of a net.", parts, {})
    return Source("torch", (("net_kinks.py", text),))
