"""A reaction of order eps^-2: u_t - u_xx + 20 cos(2 pi x/eps) u/eps^2 = f.

The constants are not in the kernel of the cell operator: u = exp(-lambda0 t/eps^2) phi(x/eps) v,
with the ground state phi of a Mathieu equation, and v is homogenized. Under a second.

References: Vanninathan, Proc. Indian Acad. Sci. 90 (1981); Allaire, Capdeboscq, Comput. Methods
Appl. Mech. Engrg. 187 (2000).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(1, time=True)
u = s.unknown("u")

problem = nh.MultiscaleProblem(
    sp.Eq(s.dt(u) - s.laplacian(u) + 20 * sp.cos(2 * sp.pi * s.y[0]) * u / s.eps**2, 0),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1)),
    boundary=[nh.Dirichlet(0)],
    initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
    final_time=0.05,
    name="ground state of a reaction of order eps^-2",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print("lambda0", cells.effective["lambda0"], "diffusion", cells.effective["A"])
