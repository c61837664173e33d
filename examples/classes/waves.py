"""Dispersion of waves in layers: u_tt - (a(x/eps) u_x)_x = 0, a = 2 + sin(2 pi y), expansion of order 2.

The averaged operator of order eps^2 holds -<N^2> d_xx d_tt, so that omega^2 = a* k^2 (1 - eps^2 <N^2> k^2): long waves slow down
(Santosa, Symes 1991). Under a second.
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
    name="waves in layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem, order=2)
    print(model)
    cells = nh.solve_cells(model)
    print("a*", cells.effective["A"])
    for (left, right), value in cells.averaged[4].items():
        print(f"order eps^2: D^{left} {float(value[0, 0]):.12f} D^{right}")  # multi-indices over (x, t)
