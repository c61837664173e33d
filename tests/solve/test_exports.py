"""Results as data of other programs: data sets of xarray, files of ParaView, effective.json."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import meshio
import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.runtime.effective import Effective

from ..symbolic import C, S, problem

SQUARE = {"domain": nh.Box((0, 1), (0, 2)), "boundary": [nh.Dirichlet(0)]}


@pytest.fixture(scope="module")
def model() -> nh.HomogenizedModel:
    return nh.homogenize(
        problem(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0]) * C(s.y[1])) * s.grad(u)), 1), 2, **SQUARE)
    )


@pytest.fixture(scope="module")
def cells(model: nh.HomogenizedModel) -> nh.CellSolution:
    return nh.solve_cells(model, "fourier")


def image(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The point data of a .vti as (points, components), and the attributes of its image."""
    root = ET.parse(path).getroot()
    found = {}
    for array in root.iter("DataArray"):
        content = base64.b64decode(array.text or "")
        assert int(np.frombuffer(content[:8], "<u8")[0]) == len(content) - 8
        values = np.frombuffer(content[8:], "<f8")
        found[array.attrib["Name"]] = values.reshape(-1, int(array.get("NumberOfComponents", "1")))
    return found, next(root.iter("ImageData")).attrib


def test_cells_as_a_data_set(cells: nh.CellSolution) -> None:
    data = cells.to_xarray(9)
    assert data["N_1"].dims == ("y1", "y2") and data["N_1"].shape == (9, 9)
    point = data["N_1"].sel(y1=0.25, y2=0.5)
    assert float(point) == pytest.approx(cells.functions[0]([[0.25, 0.5]])[0], abs=1e-14)
    assert data["A"].dims == ("k", "l")
    np.testing.assert_array_equal(data["A"], cells.effective["A"])


def test_cells_that_depend_on_x(tmp_path: Path) -> None:
    local = nh.solve_cells(
        nh.homogenize(
            problem(
                lambda s, u: sp.Eq(-s.div((3 + s.x[0] + S(s.y[0])) * s.grad(u)), 1),
                domain=nh.Box((0, 1)),
                boundary=[nh.Dirichlet(0)],
            )
        )
    )
    data = local.to_xarray(5)
    assert data["N_1"].dims == ("x1", "y1") and data["A"].dims == ("x1", "k", "l")
    x = float(data["x1"][3])
    expected = local.functions[0]([[0.25]], x=[x])[0]
    assert float(data["N_1"][3, 1]) == pytest.approx(expected, abs=1e-12)
    harmonic = np.sqrt((3 + data["x1"]) ** 2 - 1)
    np.testing.assert_allclose(data["A"][:, 0, 0], harmonic, rtol=1e-8)
    values, _ = image(local.to_vti(tmp_path / "cells.vti", 5, x=[x]))
    assert values["N_1"][1, 0] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(nh.ProblemError, match="depends on x too"):
        local.to_vti(tmp_path / "cells.vti", 5)


def test_cells_as_an_image(
    cells: nh.CellSolution, model: nh.HomogenizedModel, tmp_path: Path
) -> None:
    """Points of VTK run along the first axis first."""
    values, attributes = image(cells.to_vti(tmp_path / "cells.vti", 5, model=model))
    assert set(values) == {"N_1", "N_2", "coefficient"}
    assert attributes["WholeExtent"] == "0 4 0 4 0 0"
    y = np.array([[i / 4, j / 4] for j in range(5) for i in range(5)])
    np.testing.assert_allclose(values["N_2"][:, 0], cells.functions[1](y), atol=1e-14)
    coefficient = 2 + np.sin(2 * np.pi * y[:, 0]) * np.cos(2 * np.pi * y[:, 1])
    np.testing.assert_allclose(values["coefficient"][:, 0], coefficient, atol=1e-14)


def test_a_solution_as_a_mesh(
    model: nh.HomogenizedModel, cells: nh.CellSolution, tmp_path: Path
) -> None:
    """meshio reads the nodes and the values of the finite elements."""
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=16)
    mesh = meshio.read(u0.to_vtu(tmp_path / "u0.vtu"))
    np.testing.assert_allclose(mesh.point_data["u"], u0(mesh.points[:, :2]), atol=1e-14)
    corners = mesh.points[mesh.cells_dict["quad"]][:, :, :2]
    edges = np.roll(corners, -1, axis=1) - corners
    area = 0.5 * np.sum(corners[..., 0] * edges[..., 1] - corners[..., 1] * edges[..., 0], axis=1)
    assert (area > 0).all() and area.sum() == pytest.approx(2)
    u1 = nh.reconstruct(u0, cells, 0.5)
    values, attributes = image(u1.to_vti(tmp_path / "u1.vti", 3))
    assert attributes["Spacing"] == "0.5 1.0 1.0"
    points = np.array([[i / 2, float(j)] for j in range(3) for i in range(3)])
    np.testing.assert_allclose(values["u"][:, 0], u1(points), atol=1e-14)


def test_a_hexahedral_mesh_has_volume(tmp_path: Path) -> None:
    from nhpinn_sym.solve.vtk_files import write_grid

    lines = tuple(np.array([0.0, 0.5, 2.0])[: 3 - k] for k in range(2))
    lines = (*lines, np.array([0.0, 1.0, 3.0]))
    points = np.prod([len(line) for line in lines])
    mesh = meshio.read(write_grid(tmp_path / "box.vtu", lines, {"u": np.arange(float(points))}))
    corners = mesh.points[mesh.cells_dict["hexahedron"]]
    a, b, c = (corners[:, k] - corners[:, 0] for k in (1, 3, 4))
    volume = np.einsum("ni,ni->n", np.cross(a, b), c)
    assert (volume > 0).all() and volume.sum() == pytest.approx(2 * 0.5 * 3)


def test_a_solution_in_time(tmp_path: Path) -> None:
    """A series of files, and a data set, at the times that are asked for."""
    model = nh.homogenize(
        problem(
            lambda s, u: sp.Eq(s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 1),
            time=True,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
            initial=[nh.Initial(0)],
            final_time=1,
        )
    )
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), "skfem", mesh=8, steps=16)
    series = u0.to_vtu(tmp_path / "u0.vtu", times=[0.25, 1])
    assert series.name == "u0.pvd"
    rows = list(ET.parse(series).getroot().iter("DataSet"))
    assert [float(row.attrib["timestep"]) for row in rows] == [0.25, 1]
    mesh = meshio.read(tmp_path / rows[0].attrib["file"])
    np.testing.assert_allclose(mesh.point_data["u"], u0(mesh.points[:, :1], 0.25), atol=1e-14)
    data = u0.to_xarray(5)
    assert data["u"].dims == ("t", "x1") and data["u"].shape == (11, 5)
    assert float(data["u"][-1, 2]) == pytest.approx(u0([[0.5]])[0], abs=1e-14)
    with pytest.raises(nh.ProblemError, match="n "):
        u0.to_vti(tmp_path / "u0.vti", n=1)


def test_a_stationary_net_has_no_times(tmp_path: Path) -> None:
    model = nh.homogenize(
        problem(
            lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1),
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), "pinn")
    with pytest.raises(nh.ProblemError, match="no times"):
        u0.to_vtu(tmp_path / "u0.vtu", times=[0, 1])
    data = u0.to_xarray(3)
    assert float(data["u"][1]) == pytest.approx(u0([[0.5]])[0], abs=1e-12)


def test_complex_values_are_two_arrays(tmp_path: Path) -> None:
    model = nh.homogenize(
        problem(lambda s, u: sp.Eq(-s.div((2 + sp.I + S(s.y[0])) * s.grad(u)), 1))
    )
    cells = nh.solve_cells(model)
    values, _ = image(cells.to_vti(tmp_path / "cells.vti", 5))
    assert set(values) == {"N_1_real", "N_1_imaginary"}
    record = json.loads(cells.to_json(tmp_path / "effective.json").read_text())
    found = record["effective"][0]
    expected = np.sqrt((2 + 1j) ** 2 - 1)
    assert found["real"] + 1j * found["imaginary"] == pytest.approx(expected, rel=1e-8)


def test_effective_json_is_what_emitted_mains_read(cells: nh.CellSolution, tmp_path: Path) -> None:
    record = json.loads(cells.to_json(tmp_path / "effective.json").read_text())
    assert "d_k( . d_l u_j)" in record["conventions"]["A"]
    assert set(record["units"]) <= set(record["conventions"])
    table = Effective.load(tmp_path / "effective.json")
    found = table(("A", (0, 0)), np.array([[0.5, 0.5]]), ("x1", "x2"))
    assert found[0] == pytest.approx(cells.effective["A"][0, 0], abs=1e-14)


def test_effective_json_of_coefficients_that_depend_on_x(tmp_path: Path) -> None:
    cells = nh.solve_cells(
        nh.homogenize(
            problem(
                lambda s, u: sp.Eq(-s.div((3 + s.x[0] + S(s.y[0])) * s.grad(u)), 1),
                domain=nh.Box((0, 1)),
                boundary=[nh.Dirichlet(0)],
            )
        )
    )
    table = Effective.load(cells.to_json(tmp_path / "effective.json"))
    x = np.array([[0.3], [0.9]])
    found = table(("A", (0, 0)), x, ("x1",))
    np.testing.assert_allclose(found, np.sqrt((3 + x[:, 0]) ** 2 - 1), rtol=1e-7)


def test_cells_of_a_file_keep_their_cell(cells: nh.CellSolution, tmp_path: Path) -> None:
    loaded = nh.load(cells.save(tmp_path / "cells.npz"))
    assert loaded.cell == {"y1": (0.0, 1.0), "y2": (0.0, 1.0)}
    np.testing.assert_allclose(loaded.to_xarray(4)["N_1"], cells.to_xarray(4)["N_1"], atol=1e-14)


def test_without_xarray(cells: nh.CellSolution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(nh.BackendMissingError, match="xarray is not installed"):
        cells.to_xarray()


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_expansions_are_where_their_region_is(cells: nh.CellSolution) -> None:
    disk = {"domain": nh.Disk((0, 0), 1), "boundary": [nh.Dirichlet(0)]}
    wavy = lambda s, u: sp.Eq(-s.div((2 + S(s.y[0]) * C(s.y[1])) * s.grad(u)), 1)  # noqa: E731
    model = nh.homogenize(problem(wavy, 2, **disk))
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=4)
    values = nh.reconstruct(u0, cells, 1 / 2).to_xarray(5)["u"].values
    assert np.isnan(values[0, 0]) and values[2, 2] == pytest.approx(0.127, abs=0.02)
