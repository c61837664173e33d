"""Richards' equation: water in layers, d_t theta(x/eps, u) = (K(x/eps, u) (u' + 1))'.

The storage theta and the conductivity K depend on the layer and on the head u. Cell problems are
linear at a fixed head: the law is the mean storage, and the effective conductivity at that head.
References: L. A. Richards, Physics 1, 318-333 (1931).
"""

from pathlib import Path

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u")
wave = sp.sin(2 * sp.pi * s.y[0])
theta = (1 + wave / 2) * (u + u**3 / 3)
conductivity = sp.exp(wave) * (1 + u**2)

problem = nh.MultiscaleProblem(
    sp.Eq(s.dt(theta) - s.div(conductivity * (s.grad(u) + sp.Matrix([1]))), 0),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(0, on="left"), nh.Dirichlet(1, on="right")],
    initial=[nh.Initial(s.x[0])],
    final_time=sp.Rational(1, 5),
    ranges={u: (-1, 2)},
    name="Richards' equation",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    law = nh.solve_law(model)
    print("theta*(0.5) =", law.storage(u=0.5), "K*(0.5) =", law.effective("A", u=0.5))
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=16, steps=4)
    print("u0(0.5) at the end =", u0(0.5))
    folder = Path("out/richards")
    folder.mkdir(parents=True, exist_ok=True)
    print("written to", u0.plot().save(folder / "u0.svg"))
