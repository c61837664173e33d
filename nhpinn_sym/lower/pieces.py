"""An equation on a part of its domain in which no datum jumps: there it has a strong form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy as sp

from ..problem.domain import Box, require_box
from .forms import Essential, LoweredEquation, Natural, StrongTerm, WeakTerm
from .term_forms import derivative, strong_terms


def equation_on(equation: LoweredEquation, box: Box) -> LoweredEquation:
    """The equation on a box inside of its domain, in strong form too.

    Every datum is continued by its branch at the middle of the box: it must not jump or kink
    inside. Parts of the boundary of the box that are not of the domain's have no condition.
    """
    x = equation.coordinates
    middle = {v: (a + b) / 2 for v, (a, b) in zip(x, box.intervals, strict=True)}

    def put(expr: sp.Expr) -> sp.Expr:
        return branch_at(expr, middle)

    bilinear = tuple(replace(t, coefficient=put(t.coefficient)) for t in equation.bilinear)
    linear = tuple(replace(t, coefficient=put(t.coefficient)) for t in equation.linear)
    terms = [
        (t.equation, t.left, (-1) ** sum(t.left) * t.coefficient, t.field, t.right)
        for t in bilinear
    ]
    whole = require_box(equation.domain, "data that jump")
    kept = _outer(whole, box)
    return replace(
        equation,
        domain=box,
        bilinear=bilinear,
        linear=linear,
        mass=tuple(replace(t, coefficient=put(t.coefficient)) for t in equation.mass),
        strong=strong_terms(terms, x),
        sources=tuple(_source(linear, i, x) for i in range(equation.components)),
        flux=tuple(
            tuple(tuple(replace(t, coefficient=put(t.coefficient)) for t in row) for row in rows)
            for rows in equation.flux
        ),
        essential=_essential(equation, kept, middle),
        natural=_natural(equation, kept, middle),
        initial=tuple(put(e) for e in equation.initial),
        periodic=tuple(k for k in equation.periodic if box.intervals[k] == whole.intervals[k]),
        jumps=False,
        two_scale=(),
        fast=(),
    )


def branch_at(expr: sp.Expr, middle: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """The expression with every piecewise function replaced by its branch at a point; branches
    between which other symbols choose, such as the time, stay.
    """
    expr = sp.sympify(expr)
    if expr.has(sp.Heaviside, sp.sign):
        expr = expr.rewrite((sp.Heaviside, sp.sign), sp.Piecewise)
    return _decided(expr, middle)


def _decided(node: sp.Basic, middle: Mapping[sp.Symbol, sp.Expr]) -> sp.Basic:
    if not node.has(sp.Piecewise):
        return node
    if not isinstance(node, sp.Piecewise):
        return node.func(*(_decided(part, middle) for part in node.args))
    left = []
    for value, condition in node.args:
        # The condition first: the value of a Piecewise may stand in it.
        there = _decided(condition, middle).subs(middle)
        if there != sp.false:
            left.append((_decided(value, middle), there))
    return sp.Piecewise(*left) if left else sp.nan


def _outer(domain: Box, box: Box) -> frozenset[str]:
    """The names of the parts of the domain's boundary that those of the box lie on."""
    return frozenset(
        part.name
        for part, own in zip(domain.parts, box.parts, strict=True)
        if part.offset == own.offset
    )


def _source(linear: Sequence[WeakTerm], equation: int, x: tuple[sp.Symbol, ...]) -> sp.Expr:
    """The source of one equation in strong form."""
    own = [t for t in linear if t.equation == equation]
    return sp.Add(*[(-1) ** sum(t.left) * derivative(t.coefficient, t.left, x) for t in own])


def _essential(
    equation: LoweredEquation, kept: frozenset[str], middle: Mapping[sp.Symbol, sp.Expr]
) -> tuple[Essential, ...]:
    found = [
        replace(
            e,
            parts=tuple(name for name in e.parts if name in kept),
            value=branch_at(e.value, middle),
        )
        for e in equation.essential
    ]
    return tuple(e for e in found if e.parts)


def _natural(
    equation: LoweredEquation, kept: frozenset[str], middle: Mapping[sp.Symbol, sp.Expr]
) -> tuple[Natural, ...]:
    found = [
        replace(
            n,
            parts=tuple(name for name in n.parts if name in kept),
            alpha=branch_at(n.alpha, middle),
            value=branch_at(n.value, middle),
            terms=tuple(_put(t, middle) for t in n.terms),
        )
        for n in equation.natural
    ]
    return tuple(n for n in found if n.parts)


def _put(term: StrongTerm, middle: Mapping[sp.Symbol, sp.Expr]) -> StrongTerm:
    return replace(term, coefficient=branch_at(term.coefficient, middle))
