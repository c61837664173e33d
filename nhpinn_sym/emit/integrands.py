"""Integrands as sums of products, coefficient times derivatives of functions: what all targets
emit, before each writes it in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import sympy as sp

from ..lower.forms import Factor, Functional, MultiIndex, Natural, SourceTerm, WeakTerm

TRIAL = "u"
TEST = "v"


class Derivative(NamedTuple):
    """D^orders of a component of a function: TRIAL, TEST, or the number of a cell function."""

    function: str | int
    component: int
    orders: MultiIndex


class WeightedFactors(NamedTuple):
    """The coefficient times the factors."""

    coefficient: sp.Expr
    factors: tuple[Derivative, ...] = ()


Integrand = tuple[WeightedFactors, ...]
"""A sum of products."""


def bilinear(terms: Iterable[WeakTerm]) -> Integrand:
    """sum c D^right u D^left v."""
    return tuple(
        WeightedFactors(t.coefficient, (Derivative(TRIAL, t.field, t.right), _test(t)))
        for t in terms
    )


def linear(terms: Iterable[WeakTerm]) -> Integrand:
    """sum c (D^a N) D^left v."""
    return tuple(WeightedFactors(t.coefficient, (*_known(t.factor), _test(t))) for t in terms)


def source(terms: Iterable[SourceTerm]) -> Integrand:
    """sum c (D^a N), a right-hand side in strong form."""
    return tuple(WeightedFactors(t.coefficient, _known(t.factor)) for t in terms)


def mean(functional: Functional) -> Integrand:
    """The constant, and sum c (D^a N) (D^b N')."""
    terms = (WeightedFactors(t.coefficient, tuple(map(_cell, t.factors))) for t in functional.terms)
    return (WeightedFactors(functional.constant), *terms)


def wall(condition: Natural, zero: MultiIndex) -> Integrand:
    """alpha u v + sum c D^right u' v, what a natural condition adds to the bilinear form."""
    test = Derivative(TEST, condition.equation, zero)
    own = WeightedFactors(condition.alpha, (Derivative(TRIAL, condition.equation, zero), test))
    terms = (
        WeightedFactors(t.coefficient, (Derivative(TRIAL, t.field, t.right), test))
        for t in condition.terms
    )
    return (own, *terms)


def wall_load(condition: Natural, zero: MultiIndex) -> Integrand:
    """g v, what a natural condition adds to the linear form."""
    return (WeightedFactors(condition.value, (Derivative(TEST, condition.equation, zero),)),)


def expression(integrand: Integrand, symbol: Callable[[Derivative], sp.Expr]) -> sp.Expr:
    """The sum as a SymPy expression, with a symbol for each derivative."""
    return sp.Add(*[p.coefficient * sp.Mul(*map(symbol, p.factors)) for p in integrand])


def _test(term: WeakTerm) -> Derivative:
    return Derivative(TEST, term.equation, term.left)


def _known(factor: Factor | None) -> tuple[Derivative, ...]:
    if factor is None:
        return ()
    return (_cell(factor),)


def _cell(factor: Factor) -> Derivative:
    return Derivative(factor.function, factor.component, factor.derivative)
