from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nhpinn_sym.runtime.fitted.cell_mesh import CellMesh, InvalidMesh
from nhpinn_sym.runtime.fitted.mesher import Interfaces, UnresolvedInterfaces, meshes
from tests.runtime.fitted.samples import HEXAGONAL, SQUARE, Disks, bent_tetrahedra, disks, mesh_of

ONE: Disks = [((0.0, 0.0), 0.3)]
TWO: Disks = [((0.02, 0.3), 0.2), ((0.55, 0.71), 0.25)]


@pytest.mark.parametrize(
    ("shapes", "vectors"),
    [
        (ONE, SQUARE),
        ([((0.13, 0.41), 0.3)], SQUARE),
        (TWO, SQUARE),
        ([((0.5, 0.5), 0.49)], SQUARE),
        ([((0.0, 0.0), 0.4394)], HEXAGONAL),
        ([((0.2, 0.3), 0.3)], ((1.0, 0.0), (1.0, 1.0))),
    ],
)
def test_meshes_tile_the_plane(shapes: Disks, vectors: tuple[tuple[float, float], ...]) -> None:
    mesh = mesh_of(shapes, 12, vectors)
    mesh.check()
    area = mesh.volumes[mesh.phases == 1].sum()
    # Parabolas that cut off the areas of the arcs: no error of the fourth order is left.
    assert area == pytest.approx(sum(np.pi * r**2 for _, r in shapes), abs=1e-9)
    assert mesh.quality > 10


def test_meshes_of_a_sequence_are_finer_everywhere() -> None:
    """Where the first mesh is finer than elsewhere, the others are: estimates compare them."""
    sequence = meshes(disks([((0.3, 0.6), 0.05), ((0.7, 0.4), 0.2)]), 8)
    coarse, fine = next(sequence), next(sequence)
    near = [
        mesh.volumes[
            np.linalg.norm(mesh.points[mesh.cells].mean(axis=1) - (0.3, 0.6), axis=1) < 0.1
        ]
        for mesh in (coarse, fine)
    ]
    assert near[1].max() < 0.4 * near[0].max()


def test_corners_are_nodes() -> None:
    corners = np.array([(0.2, 0.2), (0.8, 0.3), (0.4, 0.7)])
    sides = list(zip(corners, np.roll(corners, -1, axis=0), strict=True))

    def levels(points: np.ndarray) -> np.ndarray:
        columns = []
        for p, q in sides:
            ahead = q - p
            columns.append(ahead[0] * (points[:, 1] - p[1]) - ahead[1] * (points[:, 0] - p[0]))
        return np.stack(columns, axis=1)

    def label(points: np.ndarray) -> np.ndarray:
        return (levels(points % 1.0) >= 0).all(axis=1).astype(int)

    mesh = next(meshes(Interfaces(label, levels, ((), ()), np.zeros(2), np.eye(2)), 8))
    mesh.check()
    nodes = mesh.points[mesh.cells[:, :3].ravel()]
    for corner in corners:
        assert np.linalg.norm(nodes - corner, axis=1).min() < 1e-12
    assert mesh.volumes[mesh.phases == 1].sum() == pytest.approx(0.14, abs=1e-12)


@pytest.mark.parametrize(
    ("levels", "area"),
    [
        (lambda x, y: np.stack([0.01 - np.hypot(x - 0.44, y - 0.69)], 1), np.pi * 1e-4),
        (
            lambda x, y: np.stack([(r := np.hypot(x - 0.5, y - 0.5)) - 0.29, 0.3 - r], 1),
            np.pi * 0.0059,
        ),
        (
            lambda x, y: np.stack([1 - np.hypot((x - 0.5) / 0.4, (y - 0.5) / 0.02)], 1),
            0.008 * np.pi,
        ),
    ],
    ids=["small", "thin ring", "thin ellipse"],
)
def test_small_and_thin_parts_are_found(levels: Any, area: float) -> None:
    """By four triangles a period, which their nodes do not meet."""
    both = lambda points: levels(*points.T)  # noqa: E731
    label = lambda points: (both(points % 1.0) > 0).all(axis=1).astype(int)  # noqa: E731
    mesh = next(meshes(Interfaces(label, both, ((), ()), np.zeros(2), np.eye(2)), 4))
    mesh.check()
    assert mesh.volumes[mesh.phases == 1].sum() == pytest.approx(area, rel=1e-6)


def test_disks_that_touch_are_refused() -> None:
    with pytest.raises(
        UnresolvedInterfaces, match=r"touch, or come closer than .* near \((0\.5|1|0)"
    ):
        next(meshes(disks([((0.25, 0.5), 0.25), ((0.75, 0.5), 0.25)]), 8))


def moved_image(mesh: CellMesh) -> CellMesh:
    points = mesh.points.copy()
    points[mesh.pairs[5, 0]] += 1e-6
    return replace(mesh, points=points)


def two_clockwise(mesh: CellMesh) -> CellMesh:
    cells = mesh.cells.copy()
    cells[3] = cells[3][[0, 2, 1, 5, 4, 3]]
    return replace(mesh, cells=cells)


def without_a_cell(mesh: CellMesh) -> CellMesh:
    return replace(mesh, cells=mesh.cells[1:], phases=mesh.phases[1:])


def without_a_pair(mesh: CellMesh) -> CellMesh:
    return replace(mesh, pairs=mesh.pairs[1:])


def folded(mesh: CellMesh) -> CellMesh:
    points = mesh.points.copy()
    points[mesh.cells[7, 3]] += 0.6 * (points[mesh.cells[7, 2]] - points[mesh.cells[7, 3]])
    return replace(mesh, points=points)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (moved_image, "is no image of node .* 1.4e-06 from there"),
        (two_clockwise, "1 triangles are degenerate, folded or clockwise"),
        (folded, "triangles are degenerate, folded or clockwise"),
        (without_a_cell, "3 edges have no triangle on their other side"),
        (without_a_pair, "have no triangle on their other side"),
        (lambda m: replace(m, phases=m.phases[1:]), "a whole number for each"),
        (lambda m: replace(m, cells=m.cells[:, :3]), "6 columns"),
        (lambda m: replace(m, pairs=m.pairs[:0]), "not periodic"),
        (lambda m: replace(m, vectors=2 * m.vectors), "no image"),
        (lambda m: replace(m, points=m.points * np.nan), "finite"),
    ],
)
def test_what_is_no_mesh_is_refused(spoil: object, message: str) -> None:
    mesh = mesh_of(ONE, 8)
    with pytest.raises(InvalidMesh, match=message):
        spoil(mesh).check()  # type: ignore[operator]


def two_swapped(mesh: CellMesh) -> CellMesh:
    cells = mesh.cells.copy()
    cells[3, [7, 8]] = cells[3, [8, 7]]
    return replace(mesh, cells=cells)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (moved_image, "is no image of node .* 1.7e-06 from there"),
        (without_a_cell, "4 faces have no tetrahedron on their other side"),
        (without_a_pair, "have no tetrahedron on their other side"),
        (two_swapped, "degenerate, folded|other side"),
        (lambda m: replace(m, cells=m.cells[:, :6]), "10 columns"),
    ],
)
def test_tetrahedra_that_do_not_tile_space_are_refused(spoil: object, message: str) -> None:
    mesh = bent_tetrahedra(4, np.diag([1.0, 1.0, 0.5]))
    mesh.check()
    assert mesh.volumes.sum() == pytest.approx(0.5, abs=1e-13)
    with pytest.raises(InvalidMesh, match=message):
        spoil(mesh).check()  # type: ignore[operator]


def test_files(tmp_path: Path) -> None:
    mesh = mesh_of(TWO, 8)
    assert CellMesh.load(mesh.save(tmp_path / "cell.npz")) == mesh
    np.savez(tmp_path / "other.npz", points=mesh.points)
    with pytest.raises(InvalidMesh, match="holds no mesh"):
        CellMesh.load(tmp_path / "other.npz")
