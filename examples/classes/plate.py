"""A Kirchhoff plate of layered bending stiffness: div div (d ((1 - nu) D^2 w + nu tr(D^2 w) I)) =
f, d = 2 + sin(2 pi y1), nu = 1/4.

A fourth-order equation: u = u0 + eps^2 N_jk d_jk u0. The stiffness across the layers is the
harmonic mean of d. About a second.

References: Lewinski, Telega, Plates, Laminates and Shells (2000).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
w = s.unknown("w")
d, nu = 2 + sp.sin(2 * sp.pi * s.y[0]), sp.Rational(1, 4)
curvature = s.hessian(w)

problem = nh.MultiscaleProblem(
    sp.Eq(s.div(s.div(d * ((1 - nu) * curvature + nu * curvature.trace() * sp.eye(2)))), 1),
    scales=s,
    unknown=w,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="a plate of layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    A = cells.effective["A"]
    print("D_1111", A[0, 0, 0, 0], "D_2222", A[1, 1, 1, 1])
