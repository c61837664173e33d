"""Three scales: -div(a(x/eps, x/eps^2) grad u) = f with a = (2 + sin(2 pi y1)) (2 + cos(2 pi z1)).

First homogenized over z at every y, then over y: a*_11 = sqrt(3) sqrt(3) across the layers, 2 * 2
along them. A few seconds.

References: Bensoussan, Lions, Papanicolaou, Asymptotic Analysis for Periodic Structures (1978),
chapter 1; Allaire, Briane, Proc. Roy. Soc. Edinburgh A 126 (1996).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2, levels=2)
u = s.unknown("u")
a = (2 + sp.sin(2 * sp.pi * s.y[0])) * (2 + sp.cos(2 * sp.pi * s.z[0]))

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), 1),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="iterated homogenization",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells.effective["A"])
