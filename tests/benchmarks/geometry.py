"""What geometry costs: `python tests/benchmarks/geometry.py [name ...]` prints one row for each case.

CPU seconds of this process, on one thread where OMP_NUM_THREADS=1 is set.
"""

from __future__ import annotations

import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.runtime.quadrature import Quadrature, rule_on

sys.path.append(str(Path(__file__).parents[2]))
from tests.disk_arrays import conductivity

Row = tuple[str, float, str]
"""(case, CPU seconds, what was found)."""


def random_disks(n: int, count: int, radius: float, dim: int) -> np.ndarray:
    """Labels (n,) * dim, 1 inside of disks or balls at random places of a periodic cell."""
    lines = [(np.arange(n) + 0.5) / n] * dim
    grid = np.meshgrid(*lines, indexing="ij", sparse=True)
    labels = np.zeros((n,) * dim, dtype=np.uint8)
    for centre in np.random.default_rng(1).random((count, dim)):
        gaps = [np.abs(x - c) for x, c in zip(grid, centre, strict=True)]
        squares = sum(np.minimum(gap, 1 - gap) ** 2 for gap in gaps)
        labels |= (squares < radius**2).astype(np.uint8)
    return labels


def scalar(labels: np.ndarray, value: Any, default: Any = 1) -> Any:
    s = nh.Scales(labels.ndim)
    u = s.unknown("u")
    a = nh.image(s, labels, {0: default, 1: value})
    return nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u))


def elastic(labels: np.ndarray, value: float) -> Any:
    s = nh.Scales(labels.ndim)
    v = s.unknown("v", components=labels.ndim)
    e = s.sym_grad(v)
    mu = nh.image(s, labels, {0: 1, 1: value})
    stress = mu * e.trace() * sp.eye(labels.ndim) + 2 * mu * e
    load = sp.ones(labels.ndim, 1)
    return nh.homogenize(nh.MultiscaleProblem((-s.div(stress), load), scales=s, unknown=v))


def elastic_ball() -> Any:
    """In space, of another stiffness than what is around it."""
    s = nh.Scales(3)
    v = s.unknown("v", components=3)
    e = s.sym_grad(v)
    ball = nh.Ball((0.5, 0.5, 0.5), 0.3)
    lam, mu = (nh.phases(s, {ball: inside}, default=1) for inside in (6, 9))
    stress = lam * e.trace() * sp.eye(3) + 2 * mu * e
    problem = nh.MultiscaleProblem((-s.div(stress), sp.Matrix([1, 0, 0])), scales=s, unknown=v)
    return nh.homogenize(problem)


def voxel_rows() -> Iterator[Row]:
    """Images of contrast 1000 with one element a pixel."""
    flat = random_disks(512, 40, 0.06, 2)
    solid = random_disks(128, 60, 0.12, 3)
    for name, model in (
        ("scalar 512^2, contrast 1e3", scalar(flat, 1000)),
        ("scalar 512^2, contrast 1e-3", scalar(flat, 1e-3)),
        ("complex 512^2, contrast 1e3", scalar(flat, 1000 - 2 * sp.I, 1 + sp.I)),
        ("elastic 512^2, contrast 1e3", elastic(flat, 1000)),
        ("scalar 128^3, contrast 1e3", scalar(solid, 1000)),
    ):
        start = time.process_time()
        cells = nh.solve_cells(model, "voxel", n_sub=1)
        seconds = time.process_time() - start
        found = f"{cells.info['iterations']} iterations, estimate {cells.info['estimate']:.1e}"
        yield name, seconds, found


def scaling_rows() -> Iterator[Row]:
    """One medium on finer and finer images: what an unknown costs must stay the same."""
    for dim, sizes in ((2, (128, 256, 512, 1024)), (3, (16, 32, 64))):
        for n in sizes:
            model = scalar(random_disks(n, 40, 0.06 * dim, dim), 1000)
            start = time.process_time()
            cells = nh.solve_cells(model, "voxel", n_sub=1)
            seconds = time.process_time() - start
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            each = f"{1e6 * seconds / cells.info['size']:.1f} us an unknown"
            found = f"{cells.info['iterations']} iterations, {each}, {most:.2f} GB at most"
            yield f"{dim}D, {cells.info['size']} unknowns", seconds, found


def flow_rows() -> Iterator[Row]:
    """Drags of square arrays of disks (Sangani, Acrivos 1982) and of cubic arrays of balls (Zick,
    Homsy 1982, J. Fluid Mech. 115:13) by their share of the cell."""
    disks = {0.1: 24.83, 0.3: 102.88, 0.5: 532.55}
    balls = {0.027: 2.008, 0.125: 4.292, 0.216: 7.442, 0.343: 15.4, 0.45: 28.1}
    cases = [
        (2, share, 1.0, drag, name) for share, drag in disks.items() for name in ("skfem", "voxel")
    ]
    for share, drag in balls.items():
        radius = (0.75 * share / np.pi) ** (1 / 3)
        cases += [(3, share, 6 * np.pi * radius, drag, name) for name in ("skfem", "voxel")]
    for dim, share, unit, drag, backend in cases:
        s = nh.Scales(dim)
        v, p = s.unknown("v", components=dim), s.unknown("p")
        stokes = [(-(s.eps**2) * s.laplacian(v) + s.grad(p), sp.zeros(dim, 1)), (s.div(v), 0)]
        radius = float(np.sqrt(share / np.pi)) if dim == 2 else unit / (6 * np.pi)
        hole = nh.Disk((0.5, 0.5), radius) if dim == 2 else nh.Ball((0.5, 0.5, 0.5), radius)
        walls = {hole: nh.Dirichlet(0, unknown=v)}
        model = nh.homogenize(nh.MultiscaleProblem(stokes, scales=s, unknown=[v, p], holes=walls))
        start = time.process_time()
        cells = nh.solve_cells(model, backend)
        seconds = time.process_time() - start
        error = abs(unit * cells.effective["K"][0, 0] * drag - 1)
        found = f"error {error:.1e}, estimate {cells.info['estimate']:.1e}"
        yield f"flow, {dim}D, share {share}, {backend}", seconds, found


def fitted_rows() -> Iterator[Row]:
    """Disks on triangles that fit them, against series; fibres in plane strain by two meshes."""
    s = nh.Scales(2)
    u = s.unknown("u")
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    square = nh.Cell.unit(2)
    hexagonal = nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2))
    dense = float(np.sqrt(0.7 * np.sqrt(3) / 2 / np.pi))

    def spread(center: tuple[float, float], radius: float, contrast: int, cell: Any) -> Any:
        a = nh.phases(s, {nh.Disk(center, radius): contrast}, default=1, cell=cell)
        equation = sp.Eq(-s.div(a * s.grad(u)), 1)
        return nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u, cell=cell))

    cases = [
        (f"disk R=.3 at {place}, contrast {contrast}", center, 0.3, contrast, square, "square")
        for contrast in (10, 1000)
        for place, center in (("the centre", (0.5, 0.5)), ("the corner", (0.0, 0.0)))
    ]
    cases.append(("hexagonal array f=.7", (0.0, 0.0), dense, 10, hexagonal, "hexagonal"))
    for name, center, radius, contrast, cell, kind in cases:
        model = spread(center, radius, contrast, cell)
        expected = conductivity(radius, contrast, kind)
        for backend in ("skfem", "dolfinx"):
            start = time.process_time()
            cells = nh.solve_cells(model, backend)
            seconds = time.process_time() - start
            error = abs(cells.effective["A"] - expected * np.eye(2)).max() / expected
            estimate = cells.info["estimate"]
            yield f"{name}, {backend}", seconds, f"error {error:.1e}, estimate {estimate:.1e}"
    for kind, cell in (("square", square), ("hexagonal", hexagonal)):
        lam, mu = (
            nh.phases(s, {nh.Disk((0, 0), 0.3): inside}, default=1, cell=cell) for inside in (6, 9)
        )
        stress = lam * e.trace() * sp.eye(2) + 2 * mu * e
        problem = nh.MultiscaleProblem(
            (-s.div(stress), sp.Matrix([1, 0])), scales=s, unknown=v, cell=cell
        )
        start = time.process_time()
        cells = nh.solve_cells(nh.homogenize(problem), "skfem")
        seconds = time.process_time() - start
        yield f"plane strain, {kind}", seconds, f"estimate {cells.info['estimate']:.1e}"


def domain_rows() -> Iterator[Row]:
    """Regions by elements and by nets, against closed forms, known constants, and each other."""
    s = nh.Scales(2)
    u = s.unknown("u")
    shape = nh.Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])
    ring = nh.Disk((0, 0), 1, name="outer") - nh.Disk((0, 0), 0.4, name="inner")
    holes = nh.Disk((0, 0), 1) - nh.Disk((0.4, 0.1), 0.2) - nh.Disk((-0.35, -0.3), 0.25)
    wall = [nh.Dirichlet(0)]
    mixed = [nh.Dirichlet(0, on="inner"), nh.Robin(2, on="outer")]
    for name, domain, boundary in (
        ("ring, Dirichlet and Robin", ring, mixed),
        ("L-shape", shape, wall),
        ("disk with two holes", holes, wall),
    ):
        problem = nh.MultiscaleProblem(
            sp.Eq(-s.div(s.grad(u)), 1), scales=s, unknown=u, domain=domain, boundary=boundary
        )
        finest = nh.solve_fine(problem, 1, "skfem", tolerance=2e-8)
        rule = rule_on(finest.grid.mesh, 4).inside()
        held = problem.domain.contains(rule.points.T)
        rule = Quadrature(rule.points[held], rule.weights[held])
        known = finest(rule.points)
        for backend, tolerance in (("skfem", 1e-5), ("dolfinx", 1e-5), ("pinn", None)):
            start = time.process_time()
            found = nh.solve_fine(problem, 1, backend, tolerance=tolerance)
            seconds = time.process_time() - start
            error = rule.relative(found(rule.points) - known, known)
            size, estimate = found.info["size"], found.info["estimate"]
            text = f"{size} unknowns, error {error:.1e}, estimate {estimate:.1e}"
            yield f"{name}, {backend}", seconds, text


def solid_rows() -> Iterator[Row]:
    """A ball in elasticity, six loads, on tetrahedra that fit it: on any number of ranks."""
    model = elastic_ball()
    for n in (8, 12, 16, 21):
        start = time.process_time()
        cells = nh.solve_cells(model, "dolfinx", n=n, max_dofs=10**6)
        seconds = time.process_time() - start
        size, estimate = cells.info["size"], cells.info["estimate"]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        text = f"{size} unknowns, {memory:.2f} GB a rank, estimate {estimate:.1e}"
        yield f"elastic ball, n={n}, ranks {cells.info['ranks']}", seconds, text


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "voxel": voxel_rows,
    "scaling": scaling_rows,
    "flow": flow_rows,
    "fitted": fitted_rows,
    "domains": domain_rows,
    "solid": solid_rows,
}


if __name__ == "__main__":
    warnings.simplefilter("ignore", nh.ToleranceWarning)
    for group in sys.argv[1:] or GROUPS:
        for name, seconds, found in GROUPS[group]():
            print(f"{name:44} {seconds:8.1f} s   {found}", flush=True)
