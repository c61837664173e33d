"""A Ramberg-Osgood composite in plane strain, by deformation theory: stiff elastic disks in a
matrix whose shear modulus falls as (1 + |e'|^2)^((m - 1)/2) with the deviator e' of the strain, in
units of the strain at yield.

sigma = K tr(e) 1 + 2 mu(y, |e'|) e' has a potential. Disks with a smooth interphase, of a contrast
of 20, are met by finite elements and by Fourier grids, which agree; sharp disks by triangles that
fit them, and that law is the one of a square that is pulled at its right side. A minute.

References: W. Ramberg, W. R. Osgood, Description of stress-strain curves by three parameters, 1943;
P. Ponte Castaneda, P. Suquet, Nonlinear composites, Adv. Appl. Mech. 34 (1998) 171.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
v = s.unknown("v", components=2)
e = s.sym_grad(v)
POWER = sp.Rational(3, 10)


def stress(shear, bulk, plastic):
    """plastic is 1 where the modulus falls, 0 where it stays."""
    trace = e[0, 0] + e[1, 1]
    deviator = e - trace / 2 * sp.eye(2)
    size = sum(deviator[i, j] ** 2 for i in range(2) for j in range(2))
    secant = (1 + plastic * size) ** ((POWER - 1) / 2)
    return bulk * trace * sp.eye(2) + 2 * shear * secant * deviator


def pose(sigma, **data):
    """No force in the body."""
    return nh.MultiscaleProblem(sp.Eq(-s.div(sigma), sp.zeros(2, 1)), scales=s, unknown=v, **data)


disks = {nh.Disk((0.5, 0.5), 0.3): 1}
hard = nh.phases(s, disks, default=0)
# The same with an interphase: 20 inside, 1 outside, and no jump.
waves = sp.cos(2 * sp.pi * s.y[0]) + sp.cos(2 * sp.pi * s.y[1])
smooth = 20 ** (1 / (1 + sp.exp(3 * (waves + sp.Rational(1, 2)))))
pulled = [
    nh.Dirichlet([0, 0], on="left"),
    nh.Dirichlet([2, 0], on="right"),
    nh.Neumann([0, 0], on=["bottom", "top"]),
]
square = {"domain": nh.Box((0, 1), (0, 1)), "boundary": pulled}
problem = pose(stress(smooth, 2 * smooth, 1), **square)
sharp = pose(stress(1 + 19 * hard, 2 + 38 * hard, 1 - hard), **square)
STRAIN = np.array([[1.0, 0.4], [0.4, -0.6]])

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    grid = nh.solve_law(model, "fourier", tolerance=1e-4)
    by_grid = grid.flux(strain=STRAIN)
    print("stress by Fourier", by_grid)
    elements = nh.solve_law(model, "skfem", tolerance=1e-3)
    by_elements = elements.flux(strain=STRAIN)
    print("by finite elements", by_elements, "estimate", elements.info["estimate"])
    composite = nh.homogenize(sharp)
    fitted = nh.solve_law(composite, "skfem", tolerance=1e-2)
    print("with sharp disks", fitted.flux(strain=STRAIN), "estimate", fitted.info["estimate"])
    u0 = nh.solve_homogenized(composite, fitted, "skfem", mesh=4)
    print("the law at points of the square is known to", u0.info["law"])
    folder = Path("out/ramberg_osgood")
    folder.mkdir(parents=True, exist_ok=True)
    print("written to", u0.plot().save(folder / "u0.svg"))
