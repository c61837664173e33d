from __future__ import annotations

import sympy as sp

from nhpinn_sym.lower.pieces import branch_at

x, t = sp.symbols("x t", real=True)


def test_the_branch_at_a_point_stands_for_a_piecewise_function() -> None:
    inner = sp.Piecewise((x**2, x < 0.4), (5, True))
    outer = sp.Piecewise((inner, x < 0.5), (7, True))
    assert branch_at(outer + 1, {x: sp.Float(0.2)}) == x**2 + 1
    assert branch_at(outer, {x: sp.Float(0.45)}) == 5
    assert branch_at(1 + sp.Heaviside(x - 0.3), {x: sp.Float(0.6)}) == 2
    assert branch_at(sp.Piecewise((1, inner > 4), (2, True)), {x: sp.Float(0.45)}) == 1


def test_branches_between_which_the_time_chooses_stay() -> None:
    gate = sp.Piecewise((1, (x < 0.5) & (t < 0.1)), (2, x < 0.5), (3, True))
    assert branch_at(gate, {x: sp.Float(0.7)}) == 3
    left = branch_at(gate, {x: sp.Float(0.3)})
    assert [left.subs(t, 0.05), left.subs(t, 0.2)] == [1, 2]
