"""Dispersion of waves in layers: u_tt - (a(x/eps) u_x)_x = 0, a = 2 + sin(2 pi y), expansion of
order 2.

omega^2 = a* k^2 (1 - eps^2 <N^2> k^2): short waves are slower (Santosa, Symes 1991). The effective
equation to the order eps^2 in two forms, of which Boussinesq's is well-posed. About a second.

References: Santosa, Symes, SIAM J. Appl. Math. 51 (1991); Dohnal, Lamacz, Schweizer, Multiscale
Model. Simul. 12 (2014).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u")
a = 2 + sp.sin(2 * sp.pi * s.y[0])

problem = nh.MultiscaleProblem(
    sp.Eq(s.dt(u, 2) - s.div(a * s.grad(u)), 0),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(0)],
    initial=[nh.Initial(sp.sin(sp.pi * s.x[0])), nh.Initial(0, order=1)],
    final_time=0.5,
    name="waves in layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem, order=2)
    print(model)
    cells = nh.solve_cells(model)
    waves = nh.dispersion(model, cells)
    print(waves)
    print("omega at k = 1, 2, 4, eps = 1/8:", *waves.frequency([[1], [2], [4]], eps=1 / 8))
