"""Cell problems with other coefficients: each one mapped, or the active branch of every
Piecewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import sympy as sp
from sympy.logic.boolalg import Boolean

from ..operator.zero_test import jumps
from ..problem.errors import UnsupportedError
from .cells import strong_source, with_equal_factors_added
from .forms import CellForm, Functional, LoweredCells, SourceTerm, StrongTerm, WeakTerm
from .term_forms import strong_terms

_Term = TypeVar("_Term", WeakTerm, StrongTerm, SourceTerm)


def with_active_branches(lowered: LoweredCells, branch: Mapping[sp.Piecewise, int]) -> LoweredCells:
    """The smooth cell problems where each Piecewise is its active branch."""

    def choose(e: sp.Basic) -> sp.Basic:
        if isinstance(e, sp.Piecewise):
            return choose(e.args[branch[e]].expr)
        if e.has(sp.Piecewise):
            return e.func(*map(choose, e.args))
        return e

    cells = map_coefficients(lowered, choose)
    for c in all_coefficients(cells):
        if jumps(c):
            raise UnsupportedError(
                "this jump is not given as a Piecewise",
                term=c,
                remedy="write it as sp.Piecewise on one cell, or with nh.phases",
            )
    strong = [
        (t.equation, t.left, (-1) ** sum(t.left) * t.coefficient, t.field, t.right)
        for t in cells.bilinear
    ]
    functions = tuple(
        replace(f, source=_strong_sources(f, cells.coordinates)) for f in cells.functions
    )
    return replace(
        cells, strong=strong_terms(strong, cells.coordinates), functions=functions, jumps=False
    )


def _strong_sources(form: CellForm, coordinates: tuple[sp.Symbol, ...]) -> tuple[SourceTerm, ...]:
    """The strong right-hand side from the weak one."""
    found = []
    for w in form.weak:
        c = (-1) ** (sum(w.left) + 1) * w.coefficient
        found += strong_source(w.equation, w.left, c, w.factor, coordinates)
    return with_equal_factors_added(found)


def require_fixed(lowered: LoweredCells, conditions: Iterable[Boolean]) -> None:
    """UnsupportedError where a condition holds more than the coordinates."""
    for c in conditions:
        moving = sorted(c.free_symbols - set(lowered.coordinates), key=str)
        if moving:
            raise UnsupportedError(
                f"an interface moves with {moving[0]}",
                term=c,
                remedy='use backend="fourier" or FEM, or give the parameter a value',
            )
        if c.has(sp.floor, sp.ceiling, sp.frac, sp.Mod, sp.Heaviside, sp.sign, sp.Piecewise):
            raise UnsupportedError(
                "a condition that jumps itself",
                term=c,
                remedy="write the condition on one cell, with smooth functions, or use nh.phases",
            )


def all_coefficients(lowered: LoweredCells) -> list[sp.Expr]:
    """Every coefficient."""
    found: list[sp.Expr] = []

    def note(coefficient: sp.Expr) -> sp.Expr:
        found.append(coefficient)
        return coefficient

    map_coefficients(lowered, note)
    return found


def map_coefficients(lowered: LoweredCells, change: Callable[[sp.Expr], sp.Expr]) -> LoweredCells:
    """The same with every coefficient changed; the strong forms, which a jump has emptied, are
    left.
    """

    def terms(group: tuple[_Term, ...]) -> tuple[_Term, ...]:
        return tuple(replace(t, coefficient=change(t.coefficient)) for t in group)

    def functional(f: Functional) -> Functional:
        return replace(
            f,
            constant=change(f.constant),
            terms=tuple(replace(t, coefficient=change(t.coefficient)) for t in f.terms),
        )

    return replace(
        lowered,
        bilinear=terms(lowered.bilinear),
        mass=terms(lowered.mass),
        functions=tuple(replace(f, weak=terms(f.weak)) for f in lowered.functions),
        constants=tuple(
            replace(c, numerator=functional(c.numerator), denominator=functional(c.denominator))
            for c in lowered.constants
        ),
        effective=tuple(map(functional, lowered.effective)),
        contacts=tuple(replace(c, inside=change(c.inside)) for c in lowered.contacts),
        higher=tuple(map(functional, lowered.higher)),
    )
