"""Strong and weak forms of single terms."""

from __future__ import annotations

import sympy as sp

from nhpinn_sym.lower.forms import StrongTerm, WeakTerm
from nhpinn_sym.lower.term_forms import derivative, is_symmetric, strong_terms, weak_terms

X, Y = sp.symbols("x y")


def test_left_derivatives_are_carried_out_in_the_strong_form() -> None:
    terms = [(0, (1, 0), X**2 * Y, 0, (0, 1)), (0, (0, 0), Y, 0, (0, 1))]
    assert strong_terms(terms, (X, Y)) == (
        StrongTerm(X**2 * Y, (1, 1)),
        StrongTerm(2 * X * Y + Y, (0, 1)),
    )
    assert strong_terms([(0, (0, 0), X, 0, (1, 0)), (0, (0, 0), -X, 0, (1, 0))], (X, Y)) == ()


def test_left_derivatives_go_to_the_test_function_in_the_weak_form() -> None:
    terms = [(0, (1, 0), X, 0, (0, 1)), (0, (0, 0), Y, 0, (0, 0)), (0, (1, 0), Y, 0, (0, 1))]
    assert weak_terms(terms) == (WeakTerm((1, 0), -X - Y, (0, 1)), WeakTerm((0, 0), Y, (0, 0)))


def test_derivative_and_symmetry() -> None:
    assert derivative(X**3 * sp.sin(Y), (2, 1), (X, Y)) == 6 * X * sp.cos(Y)
    assert is_symmetric(
        [WeakTerm((1, 0), X * (1 + Y), (0, 1)), WeakTerm((0, 1), X + X * Y, (1, 0))]
    )
    assert not is_symmetric([WeakTerm((1, 0), X, (0, 0))])
    assert is_symmetric([WeakTerm((1, 0), X, (0, 1), 0, 1), WeakTerm((0, 1), X, (1, 0), 1, 0)])
    assert not is_symmetric([WeakTerm((1, 0), X, (0, 1), 0, 1), WeakTerm((0, 1), X, (1, 0), 0, 1)])


def test_equations_and_fields_are_kept_apart() -> None:
    terms = [(1, (0, 0), X, 0, (1, 0)), (0, (0, 0), Y, 1, (1, 0)), (0, (1, 0), X, 1, (0, 0))]
    assert strong_terms(terms, (X, Y)) == (
        StrongTerm(X + Y, (1, 0), 0, 1),
        StrongTerm(sp.Integer(1), (0, 0), 0, 1),
        StrongTerm(X, (1, 0), 1, 0),
    )
    assert weak_terms(terms)[2] == WeakTerm((1, 0), -X, (0, 0), 0, 1)
