"""Names for the coefficients with branches of a derivation, which would hide its mathematics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy as sp
from sympy.core.function import AppliedUndef

from .derivation import Step
from .notation import equation, rows


def name_branches(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps with a in place of every Piecewise of the coordinates, a_1, a_2, ... where
    there are several; the first step tells what they are.
    """
    written = [e for step in steps for e in step.equations]
    found = list(dict.fromkeys(b for e in written for row in rows(e) for b in _branches(row)))
    names = {b: _function(stem, b) for b, stem in zip(found, _stems(len(found), written))}
    if not names:
        return tuple(steps)
    first, *others = (
        replace(step, equations=tuple(_renamed(e, names) for e in step.equations)) for step in steps
    )
    told = tuple(equation(name, branch) for branch, name in names.items())
    return (replace(first, equations=(*first.equations, *told)), *others)


def _branches(row: sp.Basic) -> list[sp.Piecewise]:
    """Those that are no part of another one, in the order in which they are read."""
    if isinstance(row, sp.Piecewise):
        return [] if row.has(AppliedUndef) else [row]
    return [branch for part in row.args for branch in _branches(part)]


def _stems(number: int, written: Iterable[sp.Basic]) -> list[str]:
    """a, or a_1, a_2, ...; another letter where the equations hold that one already."""
    known = {str(v) for e in written for v in e.free_symbols}
    known |= {f.func.__name__ for e in written for f in e.atoms(AppliedUndef)}
    taken = {name.split("_")[0] for name in known}
    letter = next(x for x in ("a", "k", "alpha", "kappa", "branches") if x not in taken)
    if number == 1:
        return [letter]
    return [f"{letter}_{n}" for n in range(1, number + 1)]


def _function(name: str, branch: sp.Piecewise) -> sp.Expr:
    return sp.Function(name)(*sorted(branch.free_symbols, key=str))


def _renamed(e: sp.Basic, names: dict[sp.Piecewise, sp.Expr]) -> sp.Basic:
    if not isinstance(e, sp.Equality):
        return e.xreplace(names)
    return equation(e.lhs.xreplace(names), e.rhs.xreplace(names))
