"""Stokes' equations around obstacles, and Darcy's law."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.perforations import inside, meshes_around

S = nh.Scales(2)
V = S.unknown("v", components=2)
P = S.unknown("p")
FORCE = sp.Matrix([S.x[1], 0])


def problem(hole: Any, viscous: Any = None, condition: Any = None, more: Any = 0) -> Any:
    if viscous is None:
        viscous = -(S.eps**2) * S.laplacian(V)
    equations = [(viscous + S.grad(P) + more * sp.ones(2, 1), FORCE), (S.div(V), 0)]
    holes = hole if isinstance(hole, tuple) else (hole,)
    wall = nh.Dirichlet(0, unknown=V) if condition is None else condition
    return nh.MultiscaleProblem(
        equations, scales=S, unknown=[V, P], holes=dict.fromkeys(holes, wall)
    )


def model(*given: Any, **options: Any) -> Any:
    return nh.homogenize(problem(*given, **options))


def disk(share: float, centre: tuple[float, float] = (0.5, 0.5)) -> nh.Disk:
    return nh.Disk(centre, float(np.sqrt(share / np.pi)))


@pytest.mark.parametrize(
    ("share", "drag", "backend"), [(0.1, 24.83, "skfem"), (0.5, 532.55, "dolfinx")]
)
def test_a_square_array_of_disks(share: float, drag: float, backend: str) -> None:
    """Sangani, Acrivos 1982, Int. J. Multiphase Flow 8:193; 1/K is the drag."""
    cells = nh.solve_cells(model(disk(share)), backend, tolerance=1e-4)
    assert cells.effective["K"] == pytest.approx(np.eye(2) / drag, rel=2e-4, abs=1e-7)
    assert cells.info["estimate"] < 1e-4


def test_both_libraries_on_the_same_meshes() -> None:
    pair = [
        nh.solve_cells(model(disk(0.2, (0.1, 0.95))), backend, degree=2, tolerance=1e-2)
        for backend in ("skfem", "dolfinx")
    ]
    one, other = (cells.effective["K"] for cells in pair)
    assert other == pytest.approx(one, abs=1e-12 * one.max())
    points = np.random.default_rng(1).random((20, 2))
    w, v = (cells.functions[0].derivative(points, (0, 1)) for cells in pair)
    assert v == pytest.approx(w, abs=1e-10)


def test_what_is_the_same_flow() -> None:
    """A moved cell, a viscosity, the symmetric gradient: K is a number of the geometry."""
    one = nh.solve_cells(model(disk(0.2)), tolerance=1e-3)
    for other in (
        model(disk(0.2, (0.1, 0.95))),
        model(disk(0.2), viscous=-(S.eps**2) * S.div(2 * 3 * S.sym_grad(V))),
        model(disk(0.2), viscous=-(S.eps**2) * S.div((1 + S.x[0]) * S.grad(V))),
    ):
        cells = nh.solve_cells(other, degree=2, tolerance=1e-3)
        assert cells.effective["K"] == pytest.approx(one.effective["K"], rel=1e-3, abs=1e-6)


def test_between_plates_the_flow_is_a_parabola() -> None:
    """K_11 = h^3/12 between plates at a distance h; nothing goes through them."""
    cells = nh.solve_cells(model(nh.Layer(1, (0.2, 0.6))), tolerance=1e-6)
    assert cells.effective["K"] == pytest.approx(np.diag([0.6**3 / 12, 0]), abs=1e-12)
    y = np.linspace(0.65, 1.15, 7)
    values = cells.functions[0](np.stack([0.3 + 0 * y, y], -1))
    expected = (y - 0.6) * (1.2 - y) / 2
    assert values == pytest.approx(np.stack([expected, 0 * y], -1), abs=1e-10)


def test_velocities_stick_to_the_walls_and_keep_the_volume(tmp_path: Path) -> None:
    cells = nh.solve_cells(model(nh.Ellipse((0.4, 0.5), (0.3, 0.2), 0.5)), tolerance=1e-2)
    angle = np.linspace(0, 2 * np.pi, 20)
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    edge = [0.4, 0.5] + np.stack([0.3 * np.cos(angle), 0.2 * np.sin(angle)], -1) @ turn.T
    size = np.abs(cells.functions[0]([[0.9, 0.01]])).max()
    assert np.abs(cells.functions[0](edge)).max() < 1e-2 * size
    assert not cells.functions[1]([[0.4, 0.5]]).any()
    x = (np.arange(100) + 0.5) / 100
    points = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
    means = np.array([w(points).mean(axis=0) for w in cells.functions]).T
    permeability = cells.effective["K"]
    assert means == pytest.approx(permeability, rel=1e-2, abs=1e-5)
    assert permeability[0, 1] == pytest.approx(permeability[1, 0], rel=1e-9)
    assert permeability[0, 1] > 1e-4  # the ellipse leans
    # the same volume goes through every section
    through = [cells.functions[0](np.stack([0 * x + y, x], -1))[:, 0].mean() for y in (0.05, 0.4)]
    assert through[0] == pytest.approx(through[1], rel=1e-2)
    cells.save(tmp_path / "flow.npz")
    again = nh.load(tmp_path / "flow.npz")
    assert again.effective["K"] == pytest.approx(permeability, rel=0, abs=0)


def test_the_law_is_that_of_darcy() -> None:
    found = model(disk(0.2), viscous=-(S.eps**2) * 2 * S.laplacian(V))
    text = str(found)
    assert "K_11*(-x2 + d_x1 p0)" in text
    assert found.viscosity == 2
    assert found.force == (S.x[1], 0)
    assert found.equation.has(sp.Symbol("K_12"))
    assert "align" in found.derivation.latex()


def _around(dim: int, hole: Callable[[nh.Scales], Any], cell: nh.Cell | None = None) -> Any:
    """Of any dimension, and images."""
    s = nh.Scales(dim)
    v, p = s.unknown("v", components=dim), s.unknown("p")
    stokes = [(-(s.eps**2) * s.laplacian(v) + s.grad(p), sp.zeros(dim, 1)), (s.div(v), 0)]
    walls = {hole(s): nh.Dirichlet(0, unknown=v)}
    problem = nh.MultiscaleProblem(stokes, scales=s, unknown=[v, p], holes=walls, cell=cell)
    return nh.homogenize(problem)


def test_a_cubic_array_of_spheres() -> None:
    """Zick, Homsy 1982, J. Fluid Mech. 115:13: 6 pi R K = 1/4.292 for a share of 0.125."""
    radius = (3 * 0.125 / (4 * np.pi)) ** (1 / 3)
    ball = _around(3, lambda s: nh.Ball((0.4, 0.5, 0.9), radius))
    cells = nh.solve_cells(ball, max_dofs=100_000, tolerance=0.2)
    exact = 1 / (4.292 * 6 * np.pi * radius)
    assert cells.info["cells"] == (32, 32, 32)
    assert np.abs(cells.effective["K"] - exact * np.eye(3)).max() < cells.info["estimate"] * exact
    assert cells.info["estimate"] < 0.15


def test_the_same_array_on_tetrahedra() -> None:
    """Both libraries on one mesh: voxels have that error on thirty times as many unknowns."""
    radius = (3 * 0.125 / (4 * np.pi)) ** (1 / 3)
    ball = _around(3, lambda s: nh.Ball((0, 0.5, 0), radius))
    layout = meshes_around(ball.problem, ball.fluid)
    mesh = layout.meshes.mesh(4, 0)
    one, other = (
        importlib.import_module(f"nhpinn_sym.runtime.fem_{library}.stokes").permeability(
            mesh, inside(layout, mesh), 2
        )
        for library in ("skfem", "dolfinx")
    )
    exact = 1 / (4.292 * 6 * np.pi * radius)
    assert one.unknowns == other.unknowns < 4000
    assert one.tensor == pytest.approx(exact * np.eye(3), rel=0.015, abs=1e-3 * exact)
    assert other.tensor == pytest.approx(one.tensor, abs=1e-8 * exact)
    points = np.random.default_rng(2).random((20, 3))
    w, u = (found.velocities.evaluate(points, (0, 0, 0)) for found in (one, other))
    assert u == pytest.approx(w, abs=1e-7 * np.abs(w).max())


def test_cylinders_along_an_axis() -> None:
    """Across them the flow of disks; along them u = 0 at the walls, -lap u = 1."""
    radius = float(np.sqrt(0.5 / np.pi))
    flat = nh.Cell((0, 1), (0, 1), (0, sp.Rational(3, 8)))  # three cubes of the mesh
    rods = _around(3, lambda s: nh.Cylinder((0.5, 0.5), radius, axis=2), flat)
    cells = nh.solve_cells(rods, "skfem")
    u = S.unknown("u")
    walls = {disk(0.5): nh.Dirichlet(0)}
    along = nh.MultiscaleProblem(sp.Eq(-S.laplacian(u), 1), scales=S, unknown=u, holes=walls)
    (mean,) = np.ravel(nh.solve_cells(nh.homogenize(along), tolerance=1e-4).effective["M"])
    error = np.abs(cells.effective["K"] - np.diag([1 / 532.55, 1 / 532.55, mean])).max()
    assert error < cells.info["estimate"] * mean < 1e-3 * mean


@pytest.mark.parametrize(
    ("share", "permeability", "n"),
    [(0.5, 1.877764e-3, 32), (0.5, 1.877764e-3, 50), (0.5, 1.877764e-3, 90), (0.1, 1 / 24.83, 59)],
)
def test_the_estimate_of_walls_as_voxels(share: float, permeability: float, n: int) -> None:
    """On triangles, and by the drag: on 50 boxes across, 100 have the same error; 118 have that of
    59, of 79 and of 118 moved ones."""
    array = _around(2, lambda _: disk(share))
    cells = nh.solve_cells(array, "voxel", n=n, tolerance=0.5)
    error = abs(cells.effective["K"][0, 0] / permeability - 1)
    assert error < cells.info["estimate"]


def test_an_image_of_walls(tmp_path: Path) -> None:
    """Squares are their own pixels: as on triangles that fit them."""
    square = nh.Polygon([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)])
    exact = nh.solve_cells(_around(2, lambda _: square), "skfem", tolerance=1e-3).effective["K"]
    labels = np.full((4, 4), 7)
    labels[1:3, 1:3] = 255
    image = _around(2, lambda s: nh.image(s, labels, {7: 0, 255: 1}))
    cells = nh.solve_cells(image, n_sub=8)
    error = np.abs(cells.effective["K"] - exact).max() / exact.max()
    assert 1e-4 < error < cells.info["estimate"] <= 0.03
    (again,) = nh.solve_many([image], "voxel", n_sub=8)
    assert again.effective["K"] == pytest.approx(cells.effective["K"], rel=1e-12, abs=1e-15)
    cells.save(tmp_path / "flow.npz")
    point = [[0.1, 0.3]]
    assert nh.load(tmp_path / "flow.npz").functions[1](point) == pytest.approx(
        cells.functions[1](point), rel=0, abs=0
    )


FRAME = tuple(
    nh.Polygon(corners)
    for corners in (
        [(0.2, 0.2), (0.8, 0.2), (0.8, 0.3), (0.2, 0.3)],
        [(0.2, 0.7), (0.8, 0.7), (0.8, 0.8), (0.2, 0.8)],
        [(0.2, 0.2), (0.3, 0.2), (0.3, 0.8), (0.2, 0.8)],
        [(0.7, 0.2), (0.8, 0.2), (0.8, 0.8), (0.7, 0.8)],
    )
)


BALL = nh.Ball((0, 0, 0), 0.01)
SHELL = nh.Ball((0, 0, 0), 0.4) - nh.Ball((0, 0, 0), 0.2)


def BOARD(s: nh.Scales) -> Any:
    return nh.checkerboard(s, 0, 1)


def _half_held(hole: Any) -> Any:
    u, w = S.unknown("u"), S.unknown("w")
    rows = [(-S.laplacian(u) + w, 1), (-S.laplacian(w), 1)]
    walls = {hole: nh.Dirichlet(0, unknown=u)}
    return nh.homogenize(nh.MultiscaleProblem(rows, scales=S, unknown=[u, w], holes=walls))


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (lambda: nh.solve_cells(model(FRAME)), "pockets of fluid"),
        (lambda: nh.solve_cells(model(disk(0.2)), "fourier"), "on the fourier backend"),
        (lambda: nh.solve_cells(_around(3, lambda _: SHELL), "skfem", max_dofs=10**7), "pockets"),
        (lambda: nh.solve_cells(_around(3, lambda _: SHELL), "skfem", degree=3), "is 2 here"),
        (lambda: nh.solve_cells(_around(2, BOARD), degree=2), "no option"),
        (lambda: nh.solve_cells(_around(2, BOARD), n=8), "pixels"),
        (lambda: nh.solve_cells(_around(2, BOARD), "dolfinx"), "images"),
        (lambda: _around(2, lambda s: nh.image(s, [[1, 2]], {1: 1, 2: 3})), "1 in them"),
        (lambda: _around(2, lambda s: 1 + BOARD(s)), "not a Shape"),
        (lambda: nh.solve_cells(_around(3, lambda _: BALL), n=4, n_sub=1), "without walls"),
        (lambda: nh.solve_cells(model(disk(0.2)), degree=4), "degree"),
        (lambda: nh.solve_cells(model(disk(0.2)), mesh="lattice"), "no mesher"),
        (lambda: nh.solve_cells(model(disk(0.9))), "touch|leaves|larger|overlap|cell"),
        (lambda: model(disk(0.2), viscous=-S.laplacian(V)), "viscous force of order"),
        (lambda: model(disk(0.2), more=P), "not one of Stokes' equations"),
        (
            lambda: model(
                disk(0.2), viscous=-(S.eps**2) * (2 + sp.sin(2 * sp.pi * S.y[0])) * S.laplacian(V)
            ),
            "Stokes|oscillates|one viscosity",
        ),
        (lambda: model(()), "without walls(.|\n)*nh.Dirichlet"),
        (lambda: _half_held(disk(0.2)), "some of the unknowns held"),
        (lambda: nh.validate(problem(disk(0.2)), eps=0.5), "Stokes' equations, where"),
        (
            lambda: nh.MultiscaleProblem(
                sp.Eq(-S.laplacian(P), 1),
                scales=S,
                unknown=P,
                holes={disk(0.1): nh.Neumann(0), disk(0.1, (0, 0)): nh.Dirichlet(0)},
            ),
            "two kinds",
        ),
    ],
)
def test_refused(run: Callable[[], Any], text: str) -> None:
    with pytest.raises(nh.NhpinnError, match=text):
        run()


def test_what_has_no_effect_on_a_model_of_flow_is_refused() -> None:
    s = nh.Scales(2)
    v, q = s.unknown("v", components=2), s.unknown("p")
    problem = nh.MultiscaleProblem(
        [(-(s.eps**2) * s.laplacian(v) + s.grad(q), sp.Matrix([1, 0])), (s.div(v), 0)],
        scales=s,
        unknown=[v, q],
        holes={nh.Disk((0.5, 0.5), 0.3): nh.Dirichlet(0, unknown=v)},
    )
    with pytest.raises(nh.NhpinnError, match="order 2 of Stokes"):
        nh.homogenize(problem, order=2)
    with pytest.raises(nh.NhpinnError, match="hierarchy= has no effect"):
        nh.solve_cells(nh.homogenize(problem), hierarchy=True)
