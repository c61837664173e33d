"""What the effective law is made of: means of products of cell functions, effective coefficients,
transformations, moving frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import sympy as sp

from ..operator.table import MultiIndex
from .products import Function


class FunctionDerivative(NamedTuple):
    """D^derivative of a component of a cell function, over (x, t) and the fast coordinates."""

    function: Function
    derivative: MultiIndex


class MeanTerm(NamedTuple):
    """<coefficient * product of factors>: a cell function, with a kernel or another cell function
    for weight.
    """

    coefficient: sp.Expr
    factors: tuple[FunctionDerivative, ...]


@dataclass(frozen=True, eq=False)
class EffectiveEntry:
    """Effective coefficient name[index] = `average`; it multiplies D^left( . D^right U_field ) with
    `sign` in `equation`.

    `symbol` stands for it in the homogenized equation; `value` is a closed form in x, or None where
    only numbers are.
    """

    name: str
    index: tuple[int, ...]
    sign: int
    equation: int
    left: MultiIndex
    field: int | None
    right: MultiIndex
    average: Averaged
    symbol: sp.Expr
    value: sp.Expr | None


@dataclass(frozen=True)
class Transformation:
    """What was done to the problem before the expansion: a title, a sentence, and the equations
    that define it.
    """

    title: str
    remark: str
    equations: tuple[sp.Equality, ...] = ()


class Averaged(NamedTuple):
    """<constant> + sum of mean terms."""

    constant: sp.Expr
    terms: tuple[MeanTerm, ...]


class Frame(NamedTuple):
    """One component of a moving frame X = x - c t/eps: c = numerator / denominator; a closed c has
    neither.
    """

    velocity: sp.Expr
    numerator: Averaged | None
    denominator: Averaged | None
