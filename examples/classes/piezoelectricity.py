"""Piezoelectric layers: stress and electric displacement coupled, sigma = C e + p E-field, D = p e
- kappa grad phi.

A saddle point: the electric part has the other sign, and the cell operator is indefinite. Five cell
problems. A second or two.

References: Telega, Piezoelectricity and homogenization (1990).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
v, phi = s.unknown("v", components=2), s.unknown("phi")
e, g = s.sym_grad(v), s.grad(phi)
mu = 2 + sp.cos(2 * sp.pi * s.y[0])
p = 1 + sp.sin(2 * sp.pi * s.y[0]) / 2
stress = mu * e.trace() * sp.eye(2) + 2 * mu * e + p * sp.Matrix([[g[0], g[1]], [g[1], -g[0]]])
displacement = p * sp.Matrix([e[0, 0] - e[1, 1], 2 * e[0, 1]]) - 3 * g

problem = nh.MultiscaleProblem(
    [(-s.div(stress), sp.Matrix([0, -1])), (-s.div(displacement), 0)],
    scales=s,
    unknown=[v, phi],
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="piezoelectric layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(
        cells.effective["A"][:, 0, :, 0]
    )  # normal traction and displacement, of the normal derivatives of v_1, v_2, phi
