"""How large a cell of a random composite has to be: disks of contrast 10 that fill 30 % of it.

Cells of 4, 16 and 64 disks, several seeds of each, 12 pixels across a disk. Prints the mean of the
effective conductivity, the spread of one cell, the error of the mean, and the bounds of Hashin and
Shtrikman; draws them. The spread falls as cells grow, and the mean of cells that are too small is
biased. Eight seconds of one core; `solve_many(..., executor=)` takes more of them.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import nhpinn_sym as nh

SHARE, CONTRAST, PIXELS = 0.3, 10, 12
COUNTS, SEEDS = (4, 16, 64), 12

s = nh.Scales(2)
u = s.unknown("u")


def conduction(count: int, seed: int) -> nh.MultiscaleProblem:
    """One cell of `count` disks; pixels are of the same size beside a disk in all of them."""
    medium = nh.rve(s, SHARE, count, seed=seed)
    labels = medium.labels(round(PIXELS / (2 * medium.radius)))
    a = nh.image(s, labels, {0: 1, 1: CONTRAST}, name="medium")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, name="random disks"
    )


problem = conduction(count=16, seed=0)


def statistics(count: int) -> np.ndarray:
    """The mean conductivity of each cell."""
    models = [nh.homogenize(conduction(count, seed)) for seed in range(SEEDS)]
    cells = nh.solve_many(models, "voxel", n_sub=2, tolerance=0.1)
    return np.array([np.trace(c.effective["A"]) / 2 for c in cells])


if __name__ == "__main__":
    least = 1 + SHARE / (1 / (CONTRAST - 1) + (1 - SHARE) / 2)
    most = CONTRAST + (1 - SHARE) / (1 / (1 - CONTRAST) + SHARE / (2 * CONTRAST))
    print(f"Hashin-Shtrikman: {least:.4f} to {most:.4f}")
    figure, axes = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
    for count in COUNTS:
        found = statistics(count)
        spread = found.std(ddof=1)
        error = spread / np.sqrt(len(found))
        print(f"{count:3} disks: mean {found.mean():.4f} +- {error:.4f}, spread {spread:.4f}")
        axes.plot(np.full(len(found), count), found, ".", color="0.7")
        axes.errorbar(count, found.mean(), error, fmt="o", color="C0", capsize=4)
    axes.axhline(least, color="C3", ls="--", lw=1.2, label="lower bound of Hashin and Shtrikman")
    axes.set(xscale="log", xlabel="disks in a cell", ylabel="conductivity")
    axes.set_xticks(COUNTS, list(map(str, COUNTS)))
    axes.minorticks_off()
    axes.legend(fontsize=9)
    out = Path("out/random_disks")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "statistics.svg")
