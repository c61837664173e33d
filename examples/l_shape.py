"""A bracket: an L-shaped region around a bolt, made of layers a period of 1/16 thick; solved in the
limit by finite elements and by a net, which know its corners and its hole. A few seconds.

The homogenized equation -div(A* grad u) = 1 holds in the region, u = 0 at the bolt, and no flux
leaves the edges. Triangles become smaller towards the corner that points inwards; the net has
singular functions of all corners, and logarithms and poles in the hole, beside its features.
"""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
a = 2 + sp.sin(2 * sp.pi * s.y[0])
bracket = nh.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), 1),
    scales=s,
    unknown=u,
    domain=bracket - nh.Disk((0.5, 0.5), 0.2, name="bolt"),
    boundary=[nh.Dirichlet(0, on="bolt"), nh.Neumann(0, on="rest")],
    name="a bracket",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    elements = nh.solve_homogenized(model, cells, "skfem", tolerance=1e-4)
    net = nh.solve_homogenized(model, cells, "pinn")
    tip = [1.9, 0.9]
    print("elements:", elements(tip), "net:", net(tip))
    print(net.info["known_functions"])
    net.plot().save("l_shape.png")
    elements.to_vtu("l_shape.vtu")
