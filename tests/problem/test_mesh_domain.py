"""Domains from files of gmsh."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(2)
U = S.unknown("u")
POINTS = np.array([[0, 0], [2, 0], [2, 1], [0, 1], [1, 0.5]], float)
CELLS = np.array([[0, 1, 4], [1, 2, 4], [3, 4, 2], [3, 4, 0]])  # the last one is clockwise
SIDES = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
NAMES = ["low", "end", "top", "clamp"]


def text_4() -> bytes:
    """MSH 4.1, as gmsh writes it."""
    lines = ["$MeshFormat", "4.1 0 8", "$EndMeshFormat", "$PhysicalNames", "5"]
    lines += [f'1 {k + 1} "{name}"' for k, name in enumerate(NAMES)]
    lines += ['2 9 "plate"', "$EndPhysicalNames", "$Entities", "0 4 1 0"]
    lines += [f"{k + 1} 0 0 0 2 1 0 1 {k + 1} 2 1 -2" for k in range(4)]
    lines += ["1 0 0 0 2 1 0 1 9 4 1 2 3 4", "$EndEntities", "$Nodes", "1 5 1 5", "2 1 0 5"]
    lines += [str(k + 1) for k in range(5)]
    lines += [f"{x} {y} 0" for x, y in POINTS]
    lines += ["$EndNodes", "$Elements", "5 8 1 8"]
    for k, (a, b) in enumerate(SIDES + 1):
        lines += [f"1 {k + 1} 1 1", f"{k + 1} {a} {b}"]
    lines += ["2 1 2 4", *(f"{5 + k} {a} {b} {c}" for k, (a, b, c) in enumerate(CELLS + 1))]
    return "\n".join([*lines, "$EndElements", ""]).encode()


def binary_4() -> bytes:
    text = text_4().split(b"$Entities")[0].replace(b"4.1 0 8", b"4.1 1 8\n" + struct.pack("<i", 1))
    entities = struct.pack("<4Q", 0, 4, 1, 0)
    for k in range(4):
        entities += struct.pack("<i6dQiQ2i", k + 1, 0, 0, 0, 2, 1, 0, 1, k + 1, 2, 1, -2)
    entities += struct.pack("<i6dQiQ", 1, 0, 0, 0, 2, 1, 0, 1, 9, 0)
    nodes = struct.pack("<4Q3iQ5Q", 1, 5, 1, 5, 2, 1, 0, 5, *range(1, 6))
    nodes += np.column_stack([POINTS, np.zeros(5)]).astype("<f8").tobytes()
    elements = struct.pack("<4Q", 5, 8, 1, 8)
    for k, (a, b) in enumerate(SIDES + 1):
        elements += struct.pack("<3iQ3Q", 1, k + 1, 1, 1, k + 1, a, b)
    elements += struct.pack("<3iQ", 2, 1, 2, 4)
    elements += np.column_stack([np.arange(5, 9), CELLS + 1]).astype("<u8").tobytes()
    held = {b"Entities": entities, b"Nodes": nodes, b"Elements": elements}
    return text + b"".join(b"$%s\n%s\n$End%s\n" % (k, v, k) for k, v in held.items())


def by_meshio(path: Path, binary: bool) -> bytes:
    fields = {name: np.array([k + 1, 1]) for k, name in enumerate(NAMES)}
    tags = [np.arange(1, 5), np.full(4, 9)]
    mesh = meshio.Mesh(
        np.column_stack([POINTS, np.zeros(5)]),
        [("line", SIDES), ("triangle", CELLS)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={**fields, "plate": np.array([9, 2])},
    )
    meshio.write(path, mesh, file_format="gmsh22", binary=binary)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["4.1", "4.1 binary", "2.2", "2.2 binary"])
@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_a_rectangle_from_a_file(tmp_path: Path, kind: str, backend: str) -> None:
    path = tmp_path / "plate.msh"
    data = {"4.1": text_4, "4.1 binary": binary_4}.get(kind)
    path.write_bytes(data() if data else by_meshio(path, "binary" in kind))
    domain = nh.Mesh(path, scale=0.5)
    assert sorted(part.name for part in domain.parts) == sorted(NAMES)
    assert float(domain.volume) == pytest.approx(0.5)
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.div(S.grad(U)), 1),
        scales=S,
        unknown=U,
        domain=domain,
        boundary=[nh.Dirichlet(0, on="clamp"), nh.Neumann(1, on="end"), nh.Neumann(0, on="rest")],
    )
    found = nh.solve_fine(problem, 1, backend, mesh=2)
    points = np.array([[0.3, 0.2], [1.0, 0.5], [0.77, 0.31]])
    x = points[:, 0]
    assert found(points) == pytest.approx(2 * x - x**2 / 2, abs=1e-12)
    with pytest.raises(nh.ProblemError):
        found([1.1, 0.2])


def test_nets_on_a_mesh(tmp_path: Path) -> None:
    (tmp_path / "plate.msh").write_bytes(text_4())
    x, y = S.x
    held: dict[str, Any] = {"scales": S, "unknown": U, "domain": nh.Mesh(tmp_path / "plate.msh")}
    equation = sp.Eq(-S.div(S.grad(U)), 0)
    problem = nh.MultiscaleProblem(equation, boundary=[nh.Dirichlet(x**2 - y**2)], **held)
    found = nh.solve_fine(problem, 1, "pinn", features=200)
    assert found([0.4, 0.3]) == pytest.approx(0.07, abs=1e-5)
    flux = nh.MultiscaleProblem(
        equation, boundary=[nh.Dirichlet(0, on="low"), nh.Neumann(0, on="rest")], **held
    )
    with pytest.raises(nh.UnsupportedError, match="flux"):
        nh.solve_fine(flux, 1, "pinn")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b'1 4 "clamp"\n', b"", "1 of 4 edges"),
        (b"4.1 0 8", b"4.0 0 8", "MSH 4 is not read"),
        (b"$Nodes", b"$Nods", "damaged"),
        (b"1.0 0.5 0", b"1.0 0.5 0.1", "plane"),
        (b"1.0 0.5 0", b"1.0 1.5 0", "boundary"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, old: bytes, new: bytes, match: str) -> None:
    path = tmp_path / "bad.msh"
    path.write_bytes(text_4().replace(old, new))
    with pytest.raises(nh.ProblemError, match=match):
        nh.Mesh(path)
    with pytest.raises(nh.FileError):
        nh.Mesh(tmp_path / "none.msh")


def test_straight_edges_along_a_curve_are_in_doubt(tmp_path: Path) -> None:
    angles = 2 * np.pi * np.arange(12) / 12
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    sides = np.stack([np.arange(12), np.roll(np.arange(12), -1)], axis=1)
    triangles = np.column_stack([sides, np.full(12, 12)])
    tags = [np.ones(12, dtype=int), np.full(12, 9)]
    mesh = meshio.Mesh(
        np.vstack([rim, [0, 0]]) @ np.eye(2, 3),
        [("line", sides), ("triangle", triangles)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={"rim": np.array([1, 1])},
    )
    mesh.write(tmp_path / "fan.msh", file_format="gmsh22", binary=False)
    with pytest.warns(
        nh.ToleranceWarning, match='"rim" are straight, and turn by up to 30 degrees'
    ):
        nh.Mesh(tmp_path / "fan.msh")


def test_estimates_know_what_parabolas_hide_of_a_curve(tmp_path: Path) -> None:
    """A fan of curved triangles, all nodes of whose rim lie on a circle."""
    count = 6
    angles = np.pi * np.arange(2 * count) / count
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ends = 2 * np.arange(count)
    after = (ends + 2) % (2 * count)
    inner = 2 * count + np.arange(count + 1)
    spokes = np.roll(inner[:-1], -1)
    sides = np.column_stack([ends, after, ends + 1])
    triangles = np.column_stack(
        [ends, after, np.full(count, inner[-1]), ends + 1, spokes, inner[:-1]]
    )
    tags = [np.ones(count, dtype=int), np.full(count, 9)]
    mesh = meshio.Mesh(
        np.vstack([rim, rim[ends] / 2, [[0, 0]]]) @ np.eye(2, 3),
        [("line3", sides), ("triangle6", triangles)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={"rim": np.array([1, 1])},
    )
    mesh.write(tmp_path / "fan.msh", file_format="gmsh22", binary=False)
    held: dict[str, Any] = {"domain": nh.Mesh(tmp_path / "fan.msh"), "boundary": [nh.Dirichlet(0)]}
    problem = nh.MultiscaleProblem(sp.Eq(-S.laplacian(U), 1), scales=S, unknown=U, **held)
    with pytest.warns(nh.ToleranceWarning, match=r"save a finer mesh of order 2"):
        found = nh.solve_fine(problem, 1, "skfem", tolerance=1e-4)
    points = np.array([[0.0, 0.0], [0.3, 0.2], [-0.1, -0.5]])
    exact = (1 - (points**2).sum(axis=1)) / 4
    off = np.abs(found(points) - exact).max() / np.sqrt((exact**2).mean())
    assert 1e-4 < off < found.info["estimate"] < 10 * off
    assert found.info["shape_error"] == pytest.approx(found.info["estimate"], rel=0.1)
