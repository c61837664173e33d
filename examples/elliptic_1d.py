"""Section 2.1 of the NH-PINN paper: -( (2 + sin(2 pi x/eps)/2) u' )' = sin x on (0, pi).

The classical PINN fails here (relative error 0.987 in the paper). A few seconds on two cores.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1)
u = s.unknown("u")
a = 2 + sp.sin(2 * sp.pi * s.y[0]) / 2

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0])),
    scales=s,
    unknown=u,
    domain=nh.Box((0, sp.pi)),
    boundary=[nh.Dirichlet(0)],
    name="1D elliptic equation (section 2.1)",
    paper={sp.Rational(1, 8): {"classical_pinn": 0.987471, "converged_e4": 0.0050603}},
)

if __name__ == "__main__":
    print(nh.homogenize(problem))
    print(nh.validate(problem, eps=sp.Rational(1, 8), out="out/elliptic_1d"))
