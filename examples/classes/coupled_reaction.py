"""Two species that react strongly, with reactions that have zero mean: u_t - D u_xx + K cos(2 pi
x/eps) u/eps = f.

The mean reaction is c* = -K^2/(8 pi^2 D): strong oscillation leaves a reaction of order one. Under
a second.

References: Bensoussan, Lions, Papanicolaou, Asymptotic Analysis for Periodic Structures (1978).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u", components=2)
K = sp.Matrix([[1, 2], [3, 0]])
D = 2

problem = nh.MultiscaleProblem(
    (
        s.dt(u) - s.div(D * s.grad(u)) + sp.cos(2 * sp.pi * s.y[0]) * K * u / s.eps,
        sp.Matrix([1, 0]),
    ),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(0)],
    initial=[nh.Initial(0)],
    final_time=0.1,
    name="two reacting species",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells.effective["c"])
