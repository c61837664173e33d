"""Heat in a porous rock from an image of its two minerals, 64 x 64 pixels, of contrast 100.

Prints the effective conductivity of the pixels as they are, with one element a pixel, and between
the bounds that energies of gradients and of fluxes give as pixels are cut into more elements. A few
seconds on one core.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import nhpinn_sym as nh

PIXELS = 64


def minerals(seed: int) -> np.ndarray:
    """Labels 0 and 1 of a random rock: noise without its fast waves, cut at its median."""
    noise = np.random.default_rng(seed).standard_normal((PIXELS, PIXELS))
    waves = np.fft.fftfreq(PIXELS, 1 / PIXELS)
    slow = np.exp(-(waves[:, None] ** 2 + waves**2) / 30)
    smooth = np.fft.ifft2(np.fft.fft2(noise) * slow).real
    return (smooth > np.median(smooth)).astype(int)


s = nh.Scales(2)
u = s.unknown("u")
a = nh.image(s, minerals(seed=1), {0: 1, 1: 100}, name="rock")

problem = nh.MultiscaleProblem(
    sp.Eq(-s.div(a * s.grad(u)), 1),
    scales=s,
    unknown=u,
    domain=nh.Box((0, 1), (0, 1)),
    boundary=[nh.Dirichlet(0)],
    name="heat in a rock",
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    for n_sub in (1, 2, 4):
        cells = nh.solve_cells(model, "voxel", n_sub=n_sub, tolerance=0.2)
        lower, upper = cells.bounds["A"]
        print(f"n_sub={n_sub}: A between", lower.round(3), upper.round(3), sep="\n")
    out = Path("out/image")
    out.mkdir(parents=True, exist_ok=True)
    cells.plot().save(out / "cells.svg")
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=16)
    u0.plot().save(out / "u0.svg")
    print("u0 in the middle:", float(u0([0.5, 0.5])))
