"""Plane strain of a clamped square under its weight, of a composite with a constant shear modulus.

sigma = lam(x/eps) tr(e) I + 2 mu e: the effective medium is isotropic, 1/(lam* + 2 mu) = <1/(lam +
2 mu)> (Hill 1964).
Prints the derivation, then cross-validates PINN against FEM at eps = 1/8. About a minute on two
cores.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
v = s.unknown("v", components=2)
e = s.sym_grad(v)
lam = 4 + 3 * sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
mu = 1

problem = nh.MultiscaleProblem(
    (-s.div(lam * e.trace() * sp.eye(2) + 2 * mu * e), sp.Matrix([0, -1])),
    scales=s,
    unknown=v,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="clamped square, plane strain",
)

if __name__ == "__main__":
    print(nh.homogenize(problem))
    print(nh.validate(problem, eps=sp.Rational(1, 8), out="out/elasticity_square"))
