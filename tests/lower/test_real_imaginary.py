"""Complex cell problems in real and imaginary parts: the real form computes the same as complex
arithmetic.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.forms import Factor, LoweredCells
from nhpinn_sym.lower.real_imaginary import real_and_imaginary_parts, real_form
from nhpinn_sym.problem.errors import UnsupportedError
from tests.symbolic import C, S, derived, diffusion

GENERATOR = np.random.default_rng(3)


def complex_cells(order: int = 2) -> LoweredCells:
    return lower_cells(
        derived(diffusion(lambda s: 2 + sp.I + (1 + 2 * sp.I) * S(s.y[0]) / 3), order=order),
        hierarchy=True,
    )


def test_a_coefficient_with_parameters_is_split_as_if_they_were_real() -> None:
    q, y = sp.Symbol("q"), sp.Symbol("y1", real=True)
    assert real_and_imaginary_parts((q + sp.I) * (sp.sin(y) + 2 * sp.I)) == (
        q * sp.sin(y) - 2,
        sp.sin(y) + 2 * q,
    )
    real, imaginary = real_and_imaginary_parts(sp.exp(sp.I * y))
    assert sp.simplify(real - sp.cos(y)) == 0
    assert sp.simplify(imaginary - sp.sin(y)) == 0


def numbers(cells: LoweredCells) -> dict[Factor, complex]:
    """A random complex number for every factor of the complex problem."""
    held = [f for g in (*cells.effective, *cells.higher) for t in g.terms for f in t.factors]
    held += [w.factor for f in cells.functions for w in f.weak if w.factor]
    return {f: complex(*GENERATOR.normal(size=2)) for f in sorted(set(held), key=str)}


def real_number(factor: Factor, values: dict[Factor, complex], m: int) -> float:
    whole = values[Factor(factor.function, factor.component % m, factor.derivative)]
    return whole.imag if factor.component >= m else whole.real


def test_every_functional_and_right_hand_side_is_the_product_multiplied_out() -> None:
    cells = complex_cells()
    real = real_form(cells)
    values, y = numbers(cells), {cells.coordinates[0]: 0.37}

    def at(c: sp.Expr) -> complex:
        return complex(c.xreplace(y).evalf())

    parts = {(f.name, f.index): f for f in (*real.effective, *real.higher)}
    for f in (*cells.effective, *cells.higher):
        total = at(f.constant) + sum(
            at(t.coefficient) * np.prod([values[k] for k in t.factors]) for t in f.terms
        )
        for part, expected in ((0, total.real), (1, total.imag)):
            g = parts[f.name, (part, *f.index)]
            found = at(g.constant) + sum(
                at(t.coefficient) * np.prod([real_number(k, values, 1) for k in t.factors])
                for t in g.terms
            )
            assert found == pytest.approx(expected, abs=1e-12)
    for form, doubled in zip(cells.functions, real.functions, strict=True):
        for left in {w.left for w in form.weak}:
            expected = sum(
                at(w.coefficient) * (values[w.factor] if w.factor else 1)
                for w in form.weak
                if w.left == left
            )
            found = [
                sum(
                    at(w.coefficient) * (real_number(w.factor, values, 1) if w.factor else 1)
                    for w in doubled.weak
                    if (w.left, w.equation) == (left, i)
                )
                for i in (0, 1)
            ]
            assert found == pytest.approx([expected.real, expected.imag], abs=1e-12)


def test_the_operator_acts_on_real_and_imaginary_parts() -> None:
    cells = complex_cells(1)
    real = real_form(cells)
    assert (real.components, real.complex, real.definite) == (2, False, False)
    (term,), y = cells.bilinear, cells.coordinates[0]
    c = complex(term.coefficient.xreplace({y: 0.2}).evalf())
    found = {(t.equation, t.field): float(t.coefficient.xreplace({y: 0.2})) for t in real.bilinear}
    assert found == pytest.approx({(0, 0): c.real, (0, 1): -c.imag, (1, 0): c.imag, (1, 1): c.real})


def test_kernels_are_refused() -> None:
    cells = lower_cells(
        derived(
            lambda s, u: (-s.div((2 + sp.I) * s.grad(u)) + C(s.y[0]) * u.diff(s.x[0]) / s.eps, 1)
        )
    )
    with pytest.raises(UnsupportedError, match="kernel") as caught:
        real_form(cells)
    assert "fourier" in str(caught.value.remedy)
