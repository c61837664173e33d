"""The p-Laplacian of a composite: -div( a(x/eps) |grad u| grad u ) = 1, p = 3.

The law is homogeneous of degree p - 1 = 2, and dual to that of p' = 3/2 with a^(-1/2): turned by a
right angle, the flux of one is the gradient of the other. Networks give the same law.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
g = s.grad(u)
a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])


def pose(coefficient, power, **data):
    """-div( coefficient |grad u|^(power - 2) grad u ) = 1."""
    flux = coefficient * g.dot(g) ** (sp.Rational(power) / 2 - 1) * g
    return nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u, **data)


problem = pose(a, 3, domain=nh.Box((0, 1), (0, 1)), boundary=[nh.Dirichlet(0)])
dual = pose(1 / sp.sqrt(a), sp.Rational(3, 2))

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    law = nh.solve_law(model, "fourier", tolerance=1e-6)
    grad = np.array([1.0, 0.5])
    flux = law.flux(grad=grad)
    double = law.flux(grad=2 * grad)
    print("flux", flux, "at twice the gradient", double)
    other = nh.solve_law(nh.homogenize(dual), "fourier", tolerance=1e-6)
    turned = other.flux(grad=(-flux[1], flux[0]))
    back = np.array([turned[1], -turned[0]])
    print("the gradient, by the dual law", back)
    nets = nh.solve_law(model, "pinn", tolerance=1e-4)
    learned = nets.flux(grad=grad)
    print("by networks", learned, "estimate", nets.info["estimate"])
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=6)
    folder = Path("out/p_laplacian")
    folder.mkdir(parents=True, exist_ok=True)
    print("written to", u0.plot().save(folder / "u0.svg"))
