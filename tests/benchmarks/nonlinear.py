"""Figures of nonlinear laws, a = 2 + sin(2 pi y1) cos(2 pi y2): python -m tests.benchmarks.nonlinear

CPU seconds of one state with its tangent on a Fourier grid, of the training of networks, their
errors over the box [-1, 1]^2 of gradients, and the widths of the bounds on the energy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import nhpinn_sym as nh

STATES = 12
"""Random gradients of the box."""
LAWS: dict[str, Callable[[Any], Any]] = {
    "a(1+|p|^2)p": lambda q: 1 + q,
    "p = 3": sp.sqrt,
    "Carreau": lambda q: (1 + q) ** -sp.Rational(1, 4),
}


def model_of(phi: Callable[[Any], Any]) -> nh.NonlinearModel:
    """-div( a phi(|grad u|^2) grad u ) = 1."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    equation = sp.Eq(-s.div(a * phi(g.dot(g)) * g), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the CPU seconds that it takes."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def difference(found: Any, exact: Any) -> float:
    return float(np.abs(found - exact).max() / np.abs(exact).max())


def main() -> None:
    box = np.random.default_rng(0).uniform(-1, 1, (STATES, 2))
    row = "{:12}" + 7 * "{:>12}"
    heads = ("cell s", "training s", "point ms", "flux", "tangent", "nets", "fourier")
    print(row.format("", *heads), "(bounds: relative width)")
    for name, phi in LAWS.items():
        model = model_of(phi)
        grid = nh.solve_law(model, "fourier", n=31)
        _, cell = timed(lambda grid=grid: grid.tangent(grad=(1, 0.5)))
        exact = grid.flux(grad=box), grid.tangent(grad=box)
        nets, training = timed(lambda model=model: nh.solve_law(model, "pinn", tolerance=1e-6))
        flux, points = timed(lambda nets=nets: nets.flux(grad=box))
        errors = difference(flux, exact[0]), difference(nets.tangent(grad=box), exact[1])
        bounds = [law.bounds(grad=(1, 0.5)) for law in (nets, grid)]
        widths = [(upper - lower) / upper for lower, upper in bounds]
        times = f"{cell:.2f}", f"{training:.1f}", f"{1e3 * points / STATES:.1f}"
        print(row.format(name, *times, *(f"{v:.0e}" for v in (*errors, *widths))))


if __name__ == "__main__":
    main()
