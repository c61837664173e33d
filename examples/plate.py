"""A strip with stiff ribs on one of its faces: membrane, coupling and bending stiffness.

As the section is not symmetric, stretching bends it: B is not zero. Prints A, B and D of the strip
and those of two layers with the same stiff share, draws the displacements of the cell. Some
seconds.
"""

from pathlib import Path
from typing import Any

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u", components=2)
cell = nh.Cell.plate((0, 1), thickness=sp.Rational(1, 2))


def strip(stiff: Any) -> nh.MultiscaleProblem:
    """Plane strain, with a Young's modulus of 10 in the shape, 1 elsewhere."""
    lam, mu = nh.lame(nh.phases(s, {stiff: 10}, default=1, cell=cell), sp.Rational(3, 10))
    strain = (s.grad(u) + s.grad(u).T) / 2
    stress = lam * sp.trace(strain) * sp.eye(2) + 2 * mu * strain
    return nh.MultiscaleProblem(
        (-s.div(stress), sp.zeros(2, 1)), scales=s, unknown=u, cell=cell, name="ribbed strip"
    )


ribs = nh.Layer(0, (0, sp.Rational(1, 2))) & nh.Layer(1, (0, sp.Rational(1, 4)))
layers = nh.Layer(1, (sp.Rational(1, 8), sp.Rational(1, 4)))
problem = strip(ribs)

if __name__ == "__main__":
    for name, shape in (("ribs", ribs), ("layers", layers)):
        cells = nh.solve_cells(nh.homogenize(strip(shape)), "skfem", tolerance=1e-3)
        values = ", ".join(f"{k} = {cells.effective[k].item():.5f}" for k in "ABD")
        print(f"{name}: {values}")
        if shape is ribs:
            folder = Path("out/plate")
            folder.mkdir(parents=True, exist_ok=True)
            cells.plot().save(folder / "cells.svg")
