"""Derivatives of cell functions by a parameter of their cell problem, such as a slow time:
functions of the recursion without macroscopic sources, and the averages that hold them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import sympy as sp

from ..operator.twoscale import fast_part
from .products import Corrector, Flux, Function, Pairing, Product, empty_flux, without_zeros
from .recursion import Recursion


def add_slope(recursion: Recursion, f: Corrector, parameter: sp.Symbol) -> None:
    """Add <psi rho d_parameter N> to the averaged operator, rho that of the first time
    derivative.
    """
    adjoint = recursion.adjoint
    assert adjoint is not None
    zero = recursion.zero
    nothing = (0,) * len(recursion.fast)
    number = slope_of(recursion, f.number, parameter)
    for term, c in recursion.interned.get(0, ()):
        if term.field is None or term.right[len(zero) - 1] != 1 or any(term.left):
            continue
        product = Product(c, zero, Function(number, term.field), (*zero, *nothing))
        for (field, alpha), sign in f.sources:
            for p in range(recursion.components):
                row = recursion.added.setdefault((p, zero, field, alpha), {})
                pairing = Pairing(product, Function(adjoint + p, term.equation), nothing)
                row[pairing] = row.get(pairing, Fraction(0)) + sign


def slope_of(recursion: Recursion, number: int, parameter: sp.Symbol) -> int:
    """The number of the derivative of a corrector by a parameter of its cell problem."""
    known = recursion.parameter_slopes
    if (number, parameter) not in known:
        f = recursion.function(number)
        flux = _flux(recursion, f, parameter)
        # The number is taken last: the flux may need derivatives of earlier functions.
        own = recursion.kernels + len(recursion.functions)
        known[number, parameter] = own
        recursion.functions.append(Corrector(own, f.level, (), flux, True, f.varies))
    return known[number, parameter]


def slopes_by_number(recursion: Recursion) -> Mapping[int, tuple[int, sp.Symbol]]:
    """{number: (number of N, parameter)} of the derivatives of correctors by a parameter."""
    return {number: key for key, number in recursion.parameter_slopes.items()}


def _flux(recursion: Recursion, f: Corrector, parameter: sp.Symbol) -> Flux:
    """That of the cell problem of the derivative: the flux of N differentiated, and what the
    derivative of A_0 makes of N.
    """
    flux = empty_flux()
    for place, combination in f.flux.items():
        for product, weight in combination.items():
            for moved in _differentiated(recursion, product, parameter):
                flux[place][moved] += weight
    slow = len(recursion.zero)
    for term, c in recursion.interned[recursion.lowest]:
        expression = recursion.coefficients.expressions[c]
        if term.field is None or not expression.has(parameter):
            continue
        slope = recursion.coefficients.intern(sp.diff(expression, parameter))
        derivative_of_n = (*recursion.zero, *fast_part(term.right, slow))
        product = Product(slope, recursion.zero, Function(f.number, term.field), derivative_of_n)
        flux[term.equation, fast_part(term.left, slow)][product] += 1
    return without_zeros(flux)


def _differentiated(
    recursion: Recursion, product: Product, parameter: sp.Symbol
) -> Iterator[Product]:
    """The product rule: the derivative of the coefficient, and that of the function."""
    c = recursion.coefficients.expressions[product.coefficient]
    if c.has(parameter):
        number = recursion.coefficients.intern(sp.diff(c, parameter))
        yield product._replace(coefficient=number)
    if product.function is not None:
        number = slope_of(recursion, product.function.number, parameter)
        yield product._replace(function=product.function._replace(number=number))
