"""Thermoelasticity of layers: the stress 3 mu e - beta T I (in short) and c T_t - div(k grad T) +
beta div v_t = heat.

Displacement and temperature in one system: the effective stiffness, thermal stress ("beta") and
heat capacity ("rho"); the capacity grows by what the layers strain at constant mean strain
(Francfort 1983). A second or two. With eps `nhpinn validate` compares the evolution: the
displacement has no initial value, as at every time it is in equilibrium with the temperature.

References: Francfort, SIAM J. Math. Anal. 14 (1983).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2, time=True)
v, T = s.unknown("v", components=2), s.unknown("T")
e = s.sym_grad(v)
mu = 1 + sp.cos(2 * sp.pi * s.y[0]) / 2
beta = 2 + sp.sin(2 * sp.pi * s.y[0])
stress = mu * e.trace() * sp.eye(2) + 2 * mu * e - beta * T * sp.eye(2)
heat = 2 * s.dt(T) - s.div(mu * s.grad(T)) + beta * s.sym_grad(s.dt(v)).trace()

problem = nh.MultiscaleProblem(
    [(-s.div(stress), sp.zeros(2, 1)), (heat, 1)],
    scales=s,
    unknown=[v, T],
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    initial=[nh.Initial(0)],
    final_time=0.1,
    name="thermoelasticity of layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells)
