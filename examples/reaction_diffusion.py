"""Section 5.4 of the NH-PINN paper: u_t - D u_xx + r(x/eps) u/eps = sin(2 pi x) on (-pi, pi), D =
2.

Two readings of r. `problem`: r = cos(2 pi x/eps), cell (0, 1), as in the paper's appendix.
`as_printed`: r = cos(x/eps), cell (0, 2 pi).
The paper prints neither initial data nor final time; here u(x, 0) = 0 and T = 1/2. About a minute
on two cores for the four runs.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u")
D = 2
r = sp.cos(2 * sp.pi * s.y[0])
r_as_printed = sp.cos(s.y[0])


def reading(r: sp.Expr, cell: nh.Cell, name: str, paper: dict) -> nh.MultiscaleProblem:
    return nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(D * s.grad(u)) + r * u / s.eps, sp.sin(2 * sp.pi * s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((-sp.pi, sp.pi)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=sp.Rational(1, 2),
        cell=cell,
        name=name,
        paper=paper,
    )


EPS = (sp.Rational(1, 10), sp.Rational(1, 50))
PRINTED = (
    {"e1": 0.012388, "e2": 0.0012916, "e3": 0.012448, "e4": 0.0012917},
    {"e1": 0.018582, "e2": 0.011637, "e3": 0.022184, "e4": 0.0116435},
)
problem = reading(
    r,
    nh.Cell((0, 1)),
    "reaction-diffusion, r = cos(2 pi y) (section 5.4)",
    {
        eps: {**errors, "converged_e4": e4}
        for eps, errors, e4 in zip(EPS, PRINTED, (0.00093230, 0.00017940))
    },
)
as_printed = reading(
    r_as_printed,
    nh.Cell((0, 2 * sp.pi)),
    "reaction-diffusion, r = cos y (section 5.4)",
    {
        eps: {**errors, "converged_e4": e4}
        for eps, errors, e4 in zip(EPS, PRINTED, (0.16059, 0.0075116))
    },
)

if __name__ == "__main__":
    for name, which in {"problem": problem, "as_printed": as_printed}.items():
        print(nh.homogenize(which))
        for eps in EPS:
            print(nh.validate(which, eps=eps, out=f"out/reaction_diffusion/{name}_{eps.q}"))
