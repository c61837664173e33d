"""Section 5.3 of the NH-PINN paper: -( a(x, x/eps) u' )' = sin x on (0, pi), a = sin(2 pi y)/2 +
sin x + 2.

The effective coefficient depends on x: a*(x) = sqrt((2 + sin x)^2 - 1/4). A few seconds on two
cores.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1)
u = s.unknown("u")
a = sp.sin(2 * sp.pi * s.y[0]) / 2 + sp.sin(s.x[0]) + 2

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0])),
    scales=s,
    unknown=u,
    domain=nh.Box((0, sp.pi)),
    boundary=[nh.Dirichlet(0)],
    name="1D slowly varying coefficient (section 5.3)",
    paper={
        sp.Rational(1, 8): {
            "e1": 0.005819,
            "e2": 0.007668,
            "e3": 0.003665,
            "e4": 0.006201,
            "converged_e4": 0.0051252,
        }
    },
)

if __name__ == "__main__":
    print(nh.homogenize(problem))
    print(nh.validate(problem, eps=sp.Rational(1, 8), out="out/slowly_varying_1d"))
