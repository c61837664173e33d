"""Heat in a medium of double porosity: disks that conduct eps^2 times less than what is around
them follow with a delay, so that the limit has a memory (Arbogast, Douglas, Hornung 1990).

Prints A, the share of the blocks, the slowest rates of the blocks with their weights, the largest
temperature at some times, and that of a medium whose blocks follow at once. Draws the temperature
at the end. Some seconds.
"""

from pathlib import Path

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2, time=True)
u = s.unknown("u")
disk = nh.Disk((sp.Rational(1, 2), sp.Rational(1, 2)), sp.Rational(2, 5))
a = nh.phases(s, {disk: s.eps**2 / 5}, default=1)

problem = nh.MultiscaleProblem(
    sp.Eq(s.dt(u) - s.div(a * s.grad(u)), 0),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    initial=[nh.Initial(sp.sin(sp.pi * s.x[0]) * sp.sin(sp.pi * s.x[1]))],
    final_time=sp.Rational(1, 4),
    name="blocks of low permeability",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, modes=10)
    weights, rates = cells.effective["weights"], cells.effective["rates"]
    print(f"A = {cells.effective['A'][0, 0]:.6f}, blocks {sp.pi.evalf() * 0.16:.4f} of the cell")
    for weight, rate in list(zip(weights, rates, strict=True))[:3]:
        print(f"rate {rate:8.4f}, weight {weight:.5f}")
    solution = nh.solve_homogenized(model, cells, "skfem", mesh=12)
    at_once = cells.effective["A"][0, 0] * 2 * sp.pi.evalf() ** 2
    for t in (0.05, 0.15, 0.25):
        value = solution([[0.5, 0.5]], t=t)[0]
        print(f"t = {t}: {value:.4f}, at once {float(sp.exp(-at_once * t)):.4f}")
    folder = Path("out/double_porosity")
    folder.mkdir(parents=True, exist_ok=True)
    solution.plot().save(folder / "u0.svg")
