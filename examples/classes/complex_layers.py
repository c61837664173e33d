"""Lossy layers: a complex coefficient a = 3 + sin(2 pi y1) + i (1 + cos(2 pi y1)/2), as of a
time-harmonic field.

The effective coefficient is complex: the harmonic mean across the layers, the mean along them.
Under a second.

References: Milton, The Theory of Composites (2002).
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
a = 3 + sp.sin(2 * sp.pi * s.y[0]) + sp.I * (1 + sp.cos(2 * sp.pi * s.y[0]) / 2)

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), 1),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="lossy layers",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)
    cells = nh.solve_cells(model)
    print(cells.effective["A"])
