"""Fibres that conduct ten times better, in a matrix that they touch imperfectly: below a radius of
10/(9 beta) the contact costs more than they bring (Hasselman, Johnson 1987, J. Compos. Mater.
21:508). At that radius a fibre is neutral: it disturbs no uniform gradient, and a* = 1.

Prints a* of a square array of fibres for three radii, and draws a cell function of the largest,
which jumps at the interface. Some seconds.
"""

from pathlib import Path

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
BETA = 4


def fibres(radius: sp.Rational) -> nh.MultiscaleProblem:
    """The problem with fibres of that radius."""
    disk = nh.Disk((sp.Rational(1, 2), sp.Rational(1, 2)), radius)
    a = nh.phases(s, {disk: 10}, default=1)
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        contacts={disk: BETA / s.eps},
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
        name="fibres with imperfect contact",
    )


problem = fibres(sp.Rational(2, 5))

if __name__ == "__main__":
    for radius in (sp.Rational(1, 5), sp.Rational(5, 18), sp.Rational(2, 5)):
        cells = nh.solve_cells(nh.homogenize(fibres(radius)), "skfem")
        print(f"R = {float(radius):.4f}: a* = {cells.effective['A'][0, 0]:.8f}")
    folder = Path("out/contact")
    folder.mkdir(parents=True, exist_ok=True)
    cells.plot().save(folder / "cells.svg")
