"""Elasticity in three dimensions: layers along the diagonal, lam = mu = 1 + cos(2 pi (y1 + y2 +
y3))/2.

Six cell problems, one for each strain, on a coarse grid; the effective stiffness in Voigt notation.
A few seconds.

References: Sanchez-Palencia, Non-Homogeneous Media and Vibration Theory (1980); Oleinik, Shamaev,
Yosifian, Mathematical Problems in Elasticity and Homogenization (1992).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(3)
v = s.unknown("v", components=3)
e = s.sym_grad(v)
mu = 1 + sp.cos(2 * sp.pi * sum(s.y)) / 2
lam = mu

problem = nh.MultiscaleProblem(
    (-s.div(lam * e.trace() * sp.eye(3) + 2 * mu * e), sp.Matrix([0, 0, -1])),
    scales=s,
    unknown=v,
    domain=nh.Box((0, 1), (0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="elasticity in three dimensions",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(*(p.name for p in model.cell_problems))
    cells = nh.solve_cells(model, tolerance=1e-4)
    print(cells.effective["voigt"])
