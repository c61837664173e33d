"""A coefficient a(x, x/eps) in two dimensions: a = 2 + x2 + x1 sin(2 pi y1) on the unit square.

The effective coefficient is a function of x: sqrt((2 + x2)^2 - x1^2) across the layers, 2 + x2
along them. A few seconds.

References: Bensoussan, Lions, Papanicolaou, Asymptotic Analysis for Periodic Structures (1978),
chapter 1.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
a = 2 + s.x[1] + s.x[0] * sp.sin(2 * sp.pi * s.y[0])

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), 1),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="locally periodic layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells.effective["A"]([[0.5, 0.5]]))  # (1, 2, 2)
