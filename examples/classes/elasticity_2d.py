"""Plane strain of a layered material: sigma = lam tr(e) I + 2 mu e, lam = mu = 1 + cos(2 pi y1)/2.

Three cell problems; the effective stiffness as a tensor, in Voigt and in Mandel notation. About a
second.

References: Backus, J. Geophys. Res. 67 (1962), for layers; Sanchez-Palencia, Non-Homogeneous Media
and Vibration Theory (1980).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
v = s.unknown("v", components=2)
e = s.sym_grad(v)
mu = 1 + sp.cos(2 * sp.pi * s.y[0]) / 2
lam = mu

problem = nh.MultiscaleProblem(
    (-s.div(lam * e.trace() * sp.eye(2) + 2 * mu * e), sp.Matrix([0, -1])),
    scales=s,
    unknown=v,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="elasticity of layers, plane strain",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells.effective["voigt"])  # sigma_11, sigma_22, sigma_12 of e_11, e_22, 2 e_12
    print(cells.effective["mandel"])  # its eigenvalues are those of the tensor
