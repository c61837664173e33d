"""Non-divergence form: -a(x/eps) Laplacian u = f with a = 2 + sin(2 pi y1) cos(2 pi y2).

The invariant measure psi is the kernel of the adjoint; here psi = (1/a)/<1/a>, so that a* =
1/<1/a>. No corrector of first order. Under a second.

References: Avellaneda, Lin, Comm. Pure Appl. Math. 42 (1989); Bensoussan, Lions, Papanicolaou,
Asymptotic Analysis for Periodic Structures (1978), chapter 3.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])

problem = nh.MultiscaleProblem(
    sp.Eq(-a * s.laplacian(u), 1),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="non-divergence form",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells.effective["A"])
    print("psi(0.1, 0.3) =", cells.adjoints[0]([[0.1, 0.3]])[0])
