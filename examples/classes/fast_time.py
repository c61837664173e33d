"""A travelling wave of a coefficient: u_t - (a(x/eps, t/eps^k) u_x)_x = f, a = 3 + 2 sin(2 pi (y -
tau)), for k = 1, 2, 3.

k < 2: cell problems at fixed tau; k = 2: cell problems that are parabolic in (y, tau); k > 2: the
mean over tau first. About a second.

References: Bensoussan, Lions, Papanicolaou, Asymptotic Analysis for Periodic Structures (1978),
chapter 2.
"""

import sympy as sp

import nhpinn_sym as nh


def wave(k: int) -> nh.MultiscaleProblem:
    s = nh.Scales(1, fast_time=k)
    u = s.unknown("u")
    a = 3 + 2 * sp.sin(2 * sp.pi * (s.y[0] - s.tau))
    return nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=0.1,
        name=f"a travelling coefficient, k = {k}",
    )


problem = wave(2)

if __name__ == "__main__":
    effective = {}
    for k in (1, 2, 3):
        model = nh.homogenize(wave(k))
        print(model, end="\n\n")
        effective[k] = float(nh.solve_cells(model).effective["A"][0, 0])
    print(effective)
