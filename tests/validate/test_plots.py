"""What the pictures of a validation show: which fields, on which scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.pictures import Drawing
from nhpinn_sym.validate.plots import (
    draw_cell_pictures,
    draw_coefficient_at,
    draw_plain,
    draw_rates,
    draw_solutions,
)
from nhpinn_sym.validate.quadrature import plot_points

COUNTS = {1: (41,), 2: (21, 21), 3: (11, 11, 1)}


def problem(dim: int, components: int = 1) -> nh.MultiscaleProblem:
    s = nh.Scales(dim)
    u = s.unknown("u", components=components)
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[-1] * int(dim > 1))
    if (dim, components) == (2, 1):
        a += s.x[0]
    source = sp.ones(components, 1) if components > 1 else 1
    return nh.MultiscaleProblem(
        (-s.div(a * s.grad(u)), source),
        scales=s,
        unknown=u,
        domain=nh.Box(*[(0, 2)] * dim),
        boundary=[nh.Dirichlet(0)],
    )


def pictures(dim: int, components: int = 1, factor: complex = 1.0) -> dict[str, Drawing]:
    """Of functions that are written down here in place of solutions."""
    model = nh.homogenize(problem(dim, components))
    cells = nh.solve_cells(model, "fourier", tolerance=1e-4)
    points, shape = plot_points(model.problem.domain, COUNTS[dim])
    values = factor * np.prod(np.sin(np.pi * points / 2), axis=1)
    if components > 1:
        values = np.stack([(j + 1) * values for j in range(components)], axis=1)
    shifts = {"u_eps": 1.2, "v": 1.0, "p": 1.01, "w": 1.005}
    parts = {name: {"plot": shift * values} for name, shift in shifts.items()}
    drawn = (
        *draw_coefficient_at(model, 0.25, None, points, shape),
        *draw_cell_pictures(model, None, cells),
        *draw_solutions(model.problem, 0.25, parts, points, shape),
    )
    return {drawing.name: drawing for drawing in drawn}


def images(drawing: Drawing) -> list[Any]:
    return [image for axes in drawing.figure.axes for image in axes.images]


def test_fields_that_are_compared_share_a_scale_and_differences_do_not() -> None:
    drawn = pictures(2)
    assert list(drawn) == [
        "coefficient",
        "cell_coefficient",
        "cell_functions",
        "solutions",
        "line",
        "error",
    ]
    limits = [image.get_clim() for image in images(drawn["solutions"])]
    assert limits == [(pytest.approx(0.0, abs=1e-9), pytest.approx(1.2))] * 3
    first, second = (image.get_clim()[1] for image in images(drawn["error"]))
    assert first == pytest.approx(0.19) and second == pytest.approx(0.005)
    one, two = images(drawn["cell_functions"])
    assert one.get_clim() == two.get_clim() and one.get_cmap().name == "RdBu_r"
    for name in ("cell_functions", "cell_coefficient"):
        assert images(drawn[name])[0].axes.get_xlim() == (0, 2)  # two cells of length 1
    values, differences = drawn["line"].figure.axes  # none covers another one
    assert len(values.lines) == 3 and len(differences.lines) == 2
    curve = values.lines[0].get_ydata()
    assert np.allclose(curve, 1.2 * np.sin(np.pi * np.linspace(0, 2, 21) / 2))
    coefficient = images(drawn["coefficient"])[0].get_array()
    x = np.linspace(0, 2, 21)
    assert np.allclose(coefficient[0], 2 + np.sin(8 * np.pi * x) + x)


def test_cells_beside_each_other_show_the_same() -> None:
    """As the function has it at every point; it is asked for those of one cell."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    cell = nh.Cell((1, 2), (0, 1))
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, cell=cell)
    cells = nh.solve_cells(nh.homogenize(problem), "fourier", tolerance=1e-4)
    values = np.asarray(images(cells.plot())[0].get_array()).T
    x = 1 + np.linspace(0, 2, len(values))
    y = np.linspace(0, 2, values.shape[1])
    points = np.stack([g.ravel() for g in np.meshgrid(x, y, indexing="ij")], axis=-1)
    assert np.allclose(values.ravel(), cells.functions[0](points), atol=1e-12)


def test_a_line_shows_its_curves() -> None:
    drawn = pictures(1)
    assert "line" not in drawn and not images(drawn["solutions"])
    axes = drawn["solutions"].figure.axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [r"$u_{\varepsilon}$ (fine FEM)", "$u_{0}$ (FEM)", "$u_{0}$ (PINN)"]


def test_three_dimensions_are_shown_in_their_middle_plane() -> None:
    drawn = pictures(3)
    assert len(images(drawn["solutions"])) == 3
    assert drawn["cell_functions"].png()


def test_components_and_complex_values_have_rows_of_their_own() -> None:
    assert len(images(pictures(2, components=2)["solutions"])) == 6
    drawn = pictures(1, factor=1 + 2j)
    titles = [axes.get_title() for axes in drawn["solutions"].figure.axes]
    assert any(title.startswith("Im ") for title in titles)


def test_curves_of_systems_in_time_are_told_apart() -> None:
    s = nh.Scales(1, time=True)
    v, w = s.unknown("v"), s.unknown("w")
    of = nh.MultiscaleProblem(
        [(s.dt(v) - s.laplacian(v) + w, 1), (s.dt(w) - s.laplacian(w) + v, 1)],
        scales=s,
        unknown=[v, w],
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=0.1,
    )
    points, shape = plot_points(of.domain, COUNTS[1])
    known = {"FEM": np.ones((len(points), 2))}
    figure = next(iter(draw_plain(of, known, {}, points, shape))).figure
    assert [axes.get_title() for axes in figure.axes] == ["$v$, $t = 0.1$", "$w$, $t = 0.1$"]
    assert [axes.lines[0].get_label() for axes in figure.axes] == ["$v$ (FEM)", "$w$ (FEM)"]


def test_rates_of_homogenization_and_expansion() -> None:
    expansion = {"rate": 2.0, "expected": 2, "eps": [0.25, 0.125], "errors": [4e-2, 1e-2]}
    budget = {"homogenization": 0.02}
    drawn = list(draw_rates("1/8", budget, {"larger": [("1/4", 0.04)]}, expansion))
    assert [drawing.name for drawing in drawn] == ["homogenization_rate", "expansion_rate"]
    x, y = drawn[0].figure.axes[0].lines[0].get_data()
    assert list(x) == [0.125, 0.25] and list(y) == [0.02, 0.04]
    assert not list(draw_rates("1/8", {}, {}, {"rate": None, "refused": "it jumps"}))


@pytest.mark.parametrize(("dim", "names"), [(1, ["solutions", "error"]), (2, None)])
def test_a_problem_without_fast_variables_is_drawn(dim: int, names: list[str] | None) -> None:
    """The reference first, differences from it, and the errors of FEM by mesh."""
    of = problem(dim)
    points, shape = plot_points(of.domain, COUNTS[dim])
    values = np.prod(np.sin(np.pi * points / 2), axis=1)
    known = {"exact": values, "FEM": 1.5 * values, "PINN": 1.25 * values}
    drawn = {d.name: d for d in draw_plain(of, known, {8: 0.1, 16: 0.01}, points, shape)}
    assert list(drawn) == [*(names or ["solutions", "line", "error"]), "convergence"]
    titles = [axes.get_title() for axes in drawn["error"].figure.axes if axes.get_title()]
    assert titles == ["$u$ (exact) $-$ $u$ (FEM)", "$u$ (exact) $-$ $u$ (PINN)"]
    if dim > 1:
        assert [image.get_clim()[1] for image in images(drawn["error"])] == [0.5, 0.25]
    x, y = drawn["convergence"].figure.axes[0].lines[0].get_data()
    assert list(x) == [1 / 8, 1 / 16] and list(y) == [0.1, 0.01]


def test_what_is_outside_of_a_region_leaves_the_scales() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    flux = (2 + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)
    around = nh.Box((0, 1), (0, 1)) - nh.Disk((0.5, 0.5), 0.25)
    of = nh.MultiscaleProblem(
        sp.Eq(-s.div(flux), 1), scales=s, unknown=u, domain=around, boundary=[nh.Dirichlet(0)]
    )
    model = nh.homogenize(of)
    points, shape = plot_points(nh.Box((0, 1), (0, 1)), COUNTS[2])
    values = np.where(of.domain.contains(points.T), 1 + points[:, 0], np.nan)
    parts = {name: {"plot": values} for name in ("u_eps", "v", "p")}
    parts["w"] = {"plot": values - 0.5}
    drawn = {d.name: d for d in draw_solutions(of, 0.25, parts, points, shape)}
    assert images(drawn["solutions"])[0].get_clim() == (1, 2)
    assert images(drawn["error"])[1].get_clim() == (-0.5, 0.5)
    (coefficient,) = draw_coefficient_at(model, 0.25, None, points, shape)
    assert np.isnan(np.ma.filled(images(coefficient)[0].get_array(), np.nan)[10, 10])


def test_holes_of_a_cell_are_left_empty() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    of = nh.MultiscaleProblem(
        sp.Eq(-s.div(s.grad(u)), 1),
        scales=s,
        unknown=u,
        holes={nh.Disk((0, 0.5), 0.3): nh.Neumann(0)},
    )
    model = nh.homogenize(of)
    cells = nh.solve_cells(model, "skfem", tolerance=1e-1)
    for drawing in draw_cell_pictures(model, None, replace(cells, model=None)):
        values = np.ma.filled(images(drawing)[0].get_array(), np.nan)
        assert np.isnan(values).mean() == pytest.approx(0.09 * np.pi, abs=0.01)
        assert np.isnan(values[len(values) // 4, 0]) and not np.isnan(values[0]).any()
