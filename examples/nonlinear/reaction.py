"""A reaction of size 1/eps: -div( D grad u ) + cos(2 pi x1/eps) u^2/eps = f.

The reaction has no mean, and its waves times those that it drives in u have one: the limit
is -div( D grad u0 ) - u0^3 / (4 pi^2 D) = f. What oscillates at 1/eps produces u.

References: A. Bensoussan, J.-L. Lions, G. Papanicolaou, Asymptotic Analysis for Periodic
Structures, 1978, chapter 1, section 12, for linear ones.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import nhpinn_sym as nh

D = sp.Rational(1, 10)
s = nh.Scales(1)
u = s.unknown("u")
solution = sp.sin(sp.pi * s.x[0])
load = -D * sp.diff(solution, s.x[0], 2) - solution**3 / (4 * sp.pi**2 * D)
problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(D * s.grad(u)) + sp.cos(2 * sp.pi * s.y[0]) * u**2 / s.eps, load),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(0)],
    ranges={u: (0, 2)},
    name="reaction of size 1/eps",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    law = nh.solve_law(model)
    print("reaction at u0 = 1", law.reaction(u=1.0), "exactly", -1 / (4 * np.pi**2 * float(D)))
    u0 = nh.solve_homogenized(model, law, "skfem")
    x = np.linspace(0.0, 1.0, 401)[:, None]
    exact = np.sin(np.pi * x[:, 0])
    print("error of u0", np.abs(u0(x) - exact).max())
    errors = {}
    for n in (8, 16):
        fine = nh.solve_fine(problem, eps=sp.Rational(1, n), backend="skfem")
        u1 = nh.reconstruct(u0, law, eps=1 / n)
        size = np.linalg.norm(fine(x))
        errors[n] = [float(np.linalg.norm(w(x) - fine(x)) / size) for w in (u0, u1)]
        print(f"eps = 1/{n}: u0 {errors[n][0]:.2e}, u0 + eps N {errors[n][1]:.2e}")
    folder = Path("out/reaction")
    folder.mkdir(parents=True, exist_ok=True)
    print("written to", fine.plot().save(folder / "u0.svg"))
