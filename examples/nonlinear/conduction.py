"""Conduction that grows with the gradient: -(a(x/eps) (u' + u'^3))' = 10, a = exp(sin 2 pi y).

One nonlinear cell problem gives the law, sigma(u0'), with its tangent, its energy, and bounds on
that from both sides. The fine solutions tend to u0 at rate 1, their gradients to that of
u0 + eps N.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1)
u = s.unknown("u")
g = s.grad(u)
a = sp.exp(sp.sin(2 * sp.pi * s.y[0]))

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 10),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="nonlinear conduction",
)


def norm(values):
    """The L2 norm over (0, 1), from values at equally spaced points."""
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    law = nh.solve_law(model, "fourier", tolerance=1e-8)
    print("sigma(0.8) =", law.flux(grad=0.8), "tangent", law.tangent(grad=0.8))
    print("energy between", law.bounds(grad=0.8))
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=64)
    points = ((np.arange(1000) + 0.5) / 1000)[:, None]
    errors = {}
    for inverse in (8, 16):
        eps = sp.Rational(1, inverse)
        fine = nh.solve_fine(problem, eps, "skfem", per_period=16)
        u1 = nh.reconstruct(u0, law, eps)
        slopes = fine.derivative(points, (1,))
        errors[inverse] = (
            norm(fine(points) - u0(points)) / norm(fine(points)),
            norm(slopes - u1.derivative(points, (1,))) / norm(slopes),
        )
        print(f"eps = 1/{inverse}: u0 {errors[inverse][0]:.3e}, gradient {errors[inverse][1]:.3e}")
    folder = Path("out/conduction")
    folder.mkdir(parents=True, exist_ok=True)
    print("written to", u0.plot().save(folder / "u0.svg"))
