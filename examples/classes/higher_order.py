"""Correctors to third order of -div(a(x/eps) grad u) = f, judged by the Bloch oracle: errors fall
as eps^1, eps^2, eps^3, eps^4.

The oracle solves the problem exactly for a plane wave f, at any eps, on one cell: it needs no fine
mesh. A few seconds.

References: Bakhvalov, Panasenko, Homogenisation: Averaging Processes in Periodic Media (1989);
Smyshlyaev, Cherednichenko, J. Mech. Phys. Solids 48 (2000).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
a = (
    3
    + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    + sp.cos(2 * sp.pi * (s.y[0] + s.y[1]))
)

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), 1),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="correctors to third order",
)

if __name__ == "__main__":
    model = nh.homogenize(problem, order=3)
    print(*(p.name for p in model.cell_problems))
    report = nh.bloch(model)
    print(report)
