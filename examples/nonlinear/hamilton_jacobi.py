"""A front in a periodic medium: u_t - eps mu u_xx + u_x^2/2 + cos(2 pi x/eps) = 0.

The limit u0_t + Hbar(u0_x) = 0 is of first order. Hbar comes from an ergodic cell problem, here
also from the eigenvalue that the transform of Hopf and Cole makes of it. The fine solutions tend
to the viscosity solution u0 at rate 1.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u")
g = s.grad(u)
mu = sp.Rational(1, 10)

problem = nh.MultiscaleProblem(
    sp.Eq(s.dt(u) - s.eps * mu * s.laplacian(u) + g.dot(g) / 2 + sp.cos(2 * sp.pi * s.y[0]), 0),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Periodic()],
    initial=[nh.Initial(sp.sin(2 * sp.pi * s.x[0]) / 4)],
    final_time=0.3,
    name="a front",
)


def hopf_cole(grad, n=20):
    """The largest eigenvalue of 2 mu^2 D^2 - 2 mu grad D + grad^2/2 + cos(2 pi y), by modes."""
    waves = 2j * np.pi * np.arange(-n, n + 1)
    m = float(mu)
    matrix = np.diag(2 * m**2 * waves**2 - 2 * m * grad * waves + grad**2 / 2)
    matrix += (np.eye(2 * n + 1, k=1) + np.eye(2 * n + 1, k=-1)) / 2
    return float(np.linalg.eigvals(matrix).real.max())


if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    law = nh.solve_law(model, "fourier")
    for grad in (0.0, 1.0, 2.0):
        value = law.hamiltonian(grad=grad)
        print(f"Hbar({grad:g}) = {value:.10f}, Hopf-Cole {hopf_cole(grad):.10f}")
    u0 = nh.solve_homogenized(model, law, "skfem", tolerance=1e-2)
    points = ((np.arange(400) + 0.5) / 400)[:, None]
    errors = {}
    for inverse in (4, 8):
        fine = nh.solve_fine(problem, sp.Rational(1, inverse), "skfem", per_period=12, steps=16)
        difference = fine(points) - u0(points)
        errors[inverse] = float(np.linalg.norm(difference) / np.linalg.norm(fine(points)))
        print(f"eps = 1/{inverse}: u0 {errors[inverse]:.3e}")
    folder = Path("out/hamilton_jacobi")
    folder.mkdir(parents=True, exist_ok=True)
    print("written to", u0.plot().save(folder / "u0.svg"))
