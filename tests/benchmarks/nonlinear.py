"""Figures of nonlinear laws, a = 2 + sin(2 pi y1) cos(2 pi y2): python -m tests.benchmarks.nonlinear

CPU seconds of one state with its tangent on a Fourier grid, of the training of networks and of
their states, their errors over the box [-1, 1]^2 of gradients, and the widths of the bounds on the
energy, by nets, grids and finite elements; a Ramberg-Osgood law of contrast 20 in plane strain, by
finite elements against a Fourier grid; then the homogenization error e4 of -(exp(sin(2 pi x/eps)) (u' + u'^3))' = 10 and of its analogue in the
plane, with u0 by finite elements and by nets. An argument says down to which 1/eps (default 64; in
the plane that is 2.4 million unknowns, 9 GB and 75 s of one core). "evolutions" instead:
`nh.validate` of those of the plane, at 1/4 or the eps that follows, with the e4 of trigonometric
polynomials beside.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.backends import choose_fem
from tests.solve.law.plane_evolutions import CASES, Torus, distance

STATES = 100
"""Random gradients of the box."""
STRAIN = np.array([[1.0, 0.4], [0.4, -0.6]])
"""In units of the strain at yield."""
WIDTHS = ("nets", "fourier", "dolfinx")
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


def problem(dim: int) -> nh.MultiscaleProblem:
    """-div( a (1 + |grad u|^2) grad u ) = f on the unit box."""
    s = nh.Scales(dim)
    u, y = s.unknown("u"), s.y
    g = s.grad(u)
    waves = sp.sin(2 * sp.pi * y[0]) * (sp.cos(2 * sp.pi * y[1]) if dim > 1 else 1)
    a = sp.exp(waves) if dim == 1 else 2 + waves
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 10 * dim),
        scales=s,
        unknown=u,
        domain=nh.Box(*[(0, 1)] * dim),
        boundary=[nh.Dirichlet(0)],
    )


def rates(dim: int, most: int) -> None:
    """e4 at 1/8, 1/16, ... by finite elements and by nets, and the rates between them."""
    given = problem(dim)
    model = nh.homogenize(given)
    law = nh.solve_law(model, tolerance=1e-7)
    options: dict[str, Any] = {} if dim == 1 else {"mesh": 48}
    wanted = 1e-6 if dim == 1 else 3e-5
    limits = [
        nh.solve_homogenized(model, law, "skfem", **options),
        nh.solve_homogenized(model, law, "pinn", tolerance=wanted),
    ]
    count = 4001 if dim == 1 else 251  # no multiple of a period
    lines = np.meshgrid(*[(np.arange(count) + 0.5) / count] * dim, indexing="ij")
    points = np.stack([line.ravel() for line in lines], axis=1)
    before: list[float] = []
    inverse = 8
    while inverse <= most:
        per_period = 32 // dim if dim == 1 or inverse < 64 else 12
        fine = nh.solve_fine(
            given, sp.Rational(1, inverse), choose_fem("auto"), per_period=per_period
        )
        values = fine(points)
        errors = [difference_l2(u0(points), values) for u0 in limits]
        found = [np.log2(a / b) for a, b in zip(before, errors)]
        shown = " ".join(f"{e:.4e}" for e in errors), " ".join(f"{r:.3f}" for r in found)
        known = f"{fine.info['estimate']:.0e} between meshes"
        print(f"{dim}D, eps = 1/{inverse} ({known}): e4 {shown[0]}, rates {shown[1]}", flush=True)
        before = errors
        inverse *= 2


def difference_l2(found: Any, exact: Any) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def ramberg_osgood() -> nh.NonlinearModel:
    """Plane strain, the shear modulus falls as the strain to the power -0.7; a smooth contrast of
    20.
    """
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    deviator = e - e.trace() / 2 * sp.eye(2)
    secant = (1 + sum(x**2 for x in deviator)) ** -sp.Rational(7, 20)
    wave = sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    stiffness = sp.exp(sp.log(20) / 2 * wave)
    stress = stiffness * (2 * e.trace() * sp.eye(2) + 2 * secant * deviator)
    return nh.homogenize(
        nh.MultiscaleProblem((-s.div(stress), sp.zeros(2, 1)), scales=s, unknown=v)
    )


def stresses() -> None:
    """Stress and tangent at one strain, with their errors against a Fourier grid."""
    model = ramberg_osgood()
    exact = nh.solve_law(model, "fourier", tolerance=1e-11)
    _, seconds = timed(lambda: exact.tangent(strain=STRAIN))
    print(f"Ramberg-Osgood, contrast 20: fourier {seconds:.1f} s a state")
    for backend in ("skfem", "dolfinx"):
        law = nh.solve_law(model, backend, tolerance=1e-8)
        tangent, seconds = timed(lambda law=law: law.tangent(strain=STRAIN))
        errors = [
            difference(law.flux(strain=STRAIN), exact.flux(strain=STRAIN)),
            difference(tangent, exact.tangent(strain=STRAIN)),
        ]
        shown = " ".join(f"{e:.0e}" for e in errors)
        print(f"  {backend}: stress, tangent {shown}, {seconds:.1f} s a state", flush=True)


def laws() -> None:
    """One row for each law of `LAWS`."""
    box = np.random.default_rng(0).uniform(-1, 1, (STATES, 2))
    row = "{:12}" + 9 * "{:>12}"
    heads = "cell s", "training s", "point ms", "flux", "tangent", "bounds s", *WIDTHS
    print(row.format("", *heads), "(bounds: relative width)")
    for name, phi in LAWS.items():
        model = model_of(phi)
        grid = nh.solve_law(model, "fourier", n=31)
        _, cell = timed(lambda grid=grid: grid.tangent(grad=(1, 0.5)))
        exact = grid.flux(grad=box), grid.tangent(grad=box)
        nets, training = timed(lambda model=model: nh.solve_law(model, "pinn", tolerance=1e-6))
        flux, points = timed(lambda nets=nets: nets.flux(grad=box))
        errors = difference(flux, exact[0]), difference(nets.tangent(grad=box), exact[1])
        elements = nh.solve_law(model, "dolfinx")
        nets.energy(grad=(1, 0.5))
        _, seconds = timed(lambda nets=nets: nets.bounds(grad=(1, 0.5)))
        bounds = [law.bounds(grad=(1, 0.5)) for law in (nets, grid, elements)]
        widths = [(upper - lower) / upper for lower, upper in bounds]
        times = f"{cell:.2f}", f"{training:.1f}", f"{1e3 * points / STATES:.1f}"
        found = [f"{v:.0e}" for v in (*errors, seconds, *widths)]
        print(row.format(name, *times, *found), flush=True)


def evolutions(eps: sp.Rational) -> None:
    for name, case in CASES.items():
        report, seconds = timed(lambda case=case: nh.validate(case.problem, eps=eps, fem="skfem"))
        points = max(32, int(12 / eps))
        limit, fine = (case.by_spectra(Torus(e, points)) for e in (None, float(eps)))
        found = f"e4 {report.errors['e4']:.4e}, by polynomials {distance(limit, fine):.4e}"
        print(f"{name:24} {report.verdict.name}, {found} (of u), {seconds:.0f} s", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["evolutions"]:
        evolutions(sp.Rational((sys.argv[2:3] or ["1/4"])[0]))
        return
    laws()
    stresses()
    given = [int(word) for word in sys.argv[1:2]]
    for dim in (1, 2):
        rates(dim, *(given or [64]))


if __name__ == "__main__":
    main()
