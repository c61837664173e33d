"""Constants of isotropic elastic materials, as a user writes them."""

from __future__ import annotations

from typing import Any

import sympy as sp

from .errors import ProblemError


def lame(E: Any, nu: Any, *, plane_stress: bool = False) -> tuple[Any, Any]:
    """(lam, mu) of Young's modulus and Poisson's ratio, for
    sigma = lam tr(e) I + 2 mu e in three dimensions and in plane strain.

    E, nu        : numbers, or SymPy expressions of s.y, such as
                   `nh.phases(s, {disk: 70}, default=3)`.
    plane_stress : the first constant of a thin plate, 2 lam mu/(lam + 2 mu), in place of lam.

    The units are those of E. ProblemError for numbers out of E > 0, -1 < nu < 1/2 (1 in plane
    stress).

    >>> import nhpinn_sym as nh
    >>> nh.lame(2.5, 0.25)
    (1.0, 1.0)
    """
    largest = sp.Integer(1) if plane_stress else sp.Rational(1, 2)
    _check(E, "Young's modulus is positive", lambda value: value > 0)
    _check(
        nu,
        f"Poisson's ratio lies between -1 and {largest}",
        lambda value: sp.And(value > -1, value < largest),
    )
    mu = E / (2 * (1 + nu))
    if plane_stress:
        return E * nu / (1 - nu**2), mu
    return E * nu / ((1 + nu) * (1 - 2 * nu)), mu


def _check(value: Any, rule: str, holds: Any) -> None:
    """Numbers alone can be checked; what depends on y is checked where it is solved."""
    try:
        number = sp.sympify(value, strict=True)
    except sp.SympifyError as cause:
        raise ProblemError(
            "an elastic constant is a number or a SymPy expression",
            term=repr(value),
            remedy="write nh.lame(210, 0.3)",
        ) from cause
    if not number.is_number:
        return
    if not number.is_extended_real or not bool(holds(number)):
        raise ProblemError(rule, term=number, remedy="mind the order: nh.lame(E, nu)")
