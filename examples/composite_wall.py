"""Heat through copper (k = 400) and glass (k = 1.38) that lie against each other: no fast variable,
a PDE as it is.

`nh.validate` solves it by PINN, one net on each side of the interface, and by FEM, and compares
both with the exact solution. A second or two.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1)
T, x, half = s.unknown("T"), s.x[0], sp.Rational(1, 2)
k = sp.Piecewise((400, x < half), (sp.Float("1.38"), True))

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(k * s.grad(T)), 0),
    scales=s,
    unknown=T,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(100, on="left"), nh.Dirichlet(20, on="right")],
    name="a wall of copper and glass",
)
flux = 80 / (half / 400 + half / sp.Float("1.38"))
exact = sp.Piecewise((100 - flux * x / 400, x < half), (20 + flux * (1 - x) / 1.38, True))

if __name__ == "__main__":
    print(nh.validate(problem, exact=exact))
