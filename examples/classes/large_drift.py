"""A mean drift of order 1/eps: u_t - u_xx + (1 + 2 cos(2 pi x/eps)) u_x/eps = 0, a particle in a
tilted periodic potential.

The limit exists in the moving frame X = x - c t/eps, with the weight psi of the adjoint kernel in
every average: c = <psi b>. Under a second.

References: Pavliotis, Stuart, Multiscale Methods (2008), chapters 13 and 14; Allaire, Raphael, C.
R. Math. 344 (2007).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u")
b = 1 + 2 * sp.cos(2 * sp.pi * s.y[0])

problem = nh.MultiscaleProblem(
    sp.Eq(s.dt(u) - s.laplacian(u) + b * s.grad(u)[0] / s.eps, 0),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Periodic()],
    initial=[nh.Initial(2 + sp.sin(2 * sp.pi * s.x[0]))],
    final_time=0.05,
    name="large drift",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print("velocity", cells.effective["drift"], "diffusion", cells.effective["A"])
