"""Section 5.2 of the NH-PINN paper: -div( a(x/eps) grad u ) = f on the unit square.

Prints the derivation, then cross-validates PINN against FEM at eps = 1/8. About ten seconds on two
cores.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0]) + sp.cos(s.x[1])),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="2D elliptic equation (section 5.2)",
    paper={
        sp.Rational(1, 8): {
            "e1": 0.082994,
            "e2": 0.0212534,
            "e3": 0.076604,
            "e4": 0.021316,
            "converged_e4": 0.011663,
        }
    },
)

if __name__ == "__main__":
    print(nh.homogenize(problem))
    print(nh.validate(problem, eps=sp.Rational(1, 8), out="out/elliptic_2d"))
