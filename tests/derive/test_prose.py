"""Sentences with formulas: one text, and LaTeX of the same parts."""

import sympy as sp

from nhpinn_sym.derive.prose import Formula, Prose, eps_power, fast_of_slow, joined, latex_prose


def test_words_are_escaped_and_formulas_are_not() -> None:
    said = Prose("50% of ", Formula("<u1>", r"\langle u_1 \rangle"), " & ", eps_power(-2), ".")
    assert said == "50% of <u1> & eps^-2."
    assert said.latex() == r"50\% of $\langle u_1 \rangle$ \& $\epsilon^{-2}$."
    assert latex_prose("u_0 < 1") == r"u\_0 $<$ 1"


def test_parts_are_kept_by_sums() -> None:
    said = (
        Prose("with ", fast_of_slow("tau", "t", sp.Rational(3, 2))) + ", " + Prose(sp.Symbol("x1"))
    )
    assert said == "with tau = t/eps^3/2, x1"
    assert said.latex() == r"with $\tau = t/\epsilon^{\frac{3}{2}}$, $x_{1}$"
    assert joined([eps_power(1), eps_power(2)], ", ").latex() == r"$\epsilon^{1}$, $\epsilon^{2}$"


def test_symbols_are_no_formulas_by_their_looks() -> None:
    """A title such as `A_1 in eps` is words, whatever it looks like."""
    assert Prose("A_1 in eps").latex() == r"A\_1 in eps"
